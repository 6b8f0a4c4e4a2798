package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// program is a Kafka client in another process, which nobody here wrote the library of.
type program struct {
	path    string
	consume [][]string // ways to consume
}

// programs builds the clients of e2e/clients. librdkafka needs a C compiler, so it is run by `make librdkafka` and
// `make reliability` alone.
func programs(t *testing.T) map[string]program {
	t.Helper()
	names := map[string][][]string{"sarama": {{"consume"}}}
	if stacktest.Thorough() || os.Getenv("LIBRDKAFKA") != "" {
		names["librdkafka"] = [][]string{{"consume", "classic"}, {"consume", "consumer"}}
	}
	built := map[string]program{}
	for name, consume := range names {
		path, err := filepath.Abs(filepath.Join("bin", name))
		require.NoError(t, err)
		out, err := exec.CommandContext(t.Context(),
			"go", "-C", "e2e/clients", "build", "-buildvcs=false", "-o", path, "./"+name).CombinedOutput()
		require.NoError(t, err, "%s", out)
		built[name] = program{path, consume}
	}
	return built
}

// attempts runs programs as a role and counts how that ended.
type attempts struct{ worked, refused int }

// works runs a program that must do its work, without being denied anything.
func (a *attempts) works(t *testing.T, j *judged, path string, args ...string) {
	t.Helper()
	j.play(t, func() {
		out, err := j.run(t, path, args...)
		require.NoError(t, err, "%s %s: %s", path, args, out)
	})
	a.worked++
}

// fails runs a program that must be refused.
func (a *attempts) fails(t *testing.T, j *judged, path string, args ...string) {
	t.Helper()
	out, err := j.run(t, path, args...)
	require.Error(t, err, "%s %s", path, args)
	assert.Regexp(t, `not authorized|authorization failed`, out)
	a.refused++
}

func (j *judged) run(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = j.env()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// prepare writes 100 records to each topic, and makes the group if one is given.
func (j *judged) prepare(t *testing.T, group string, topics ...string) {
	t.Helper()
	cl := j.client(t, setup)
	offsets := kadm.Offsets{}
	for _, topic := range topics {
		require.NoError(t, cl.ProduceSync(patience(t), ticks(topic)...).FirstErr())
		offsets.AddOffset(topic, 0, 0, -1)
	}
	if group != "" {
		require.NoError(t, kadm.NewClient(cl).CommitAllOffsets(patience(t), group, offsets))
	}
	cl.Close()
}

// policiesOf returns deployed policies by their ARNs.
func policiesOf(t *testing.T, state *aws.State, arns ...string) []iampolicy.Policy {
	t.Helper()
	require.NotEmpty(t, arns)
	var policies []iampolicy.Policy
	for _, arn := range arns {
		name := arn[strings.LastIndex(arn, "/")+1:]
		require.Contains(t, state.Policies, name)
		policy, err := iampolicy.Parse(state.Policies[name].Document)
		require.NoError(t, err)
		policies = append(policies, policy)
	}
	return policies
}

// Clients with other libraries do their work under the deployed policies, enforced, and fail without them.
func TestClientPrograms(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.Valid())
	s.Up(t)
	state, outputs := s.AWS.Snapshot(), s.Outputs(t)
	arn := func(output string) string { return outputs[output].(string) }
	role := state.Roles[arn("collectorRoleArn")[strings.LastIndex(arn("collectorRoleArn"), "/")+1:]]
	collector := policiesOf(t, state, role.Attached...)
	consumer := policiesOf(t, state, arn("consumerPolicyArn"))
	operator := policiesOf(t, state, arn("operatorPolicyArn"))

	runExample(t, arn("clusterArn"), state, arn("brokerLogGroupName"), collector, consumer)
	var total attempts
	for _, prog := range programs(t) {
		for _, prefix := range []string{"exchg.", "trades."} {
			j := judge(t, arn("clusterArn"), collector, newestKafka)
			total.works(t, j, prog.path, "produce", prefix+"a")
			total.fails(t, j, prog.path, "produce", "x"+prefix+"a")
		}
		for _, way := range prog.consume {
			for _, group := range []string{"team-quant", "team-research"} {
				j := judge(t, arn("clusterArn"), consumer, newestKafka, "exchg.a", "exchg.b", "trades.a")
				j.prepare(t, "", "exchg.a", "exchg.b")
				total.works(t, j, prog.path, slices.Concat(way, []string{group, "exchg.a", "exchg.b"})...)
				total.fails(t, j, prog.path, slices.Concat(way, []string{group + "-2", "exchg.a"})...)
				total.fails(t, j, prog.path, slices.Concat(way, []string{group, "trades.a"})...)
			}
		}
		j := judge(t, arn("clusterArn"), operator, newestKafka, "there")
		j.prepare(t, "team-quant", "there")
		total.works(t, j, prog.path, "administer", "team-quant", "exchg.a")
		total.fails(t, j, prog.path, "produce", "exchg.b")
		total.fails(t, j, prog.path, "administer", "team-quant", "other")
	}
	stacktest.Evidence(t, "clients with other libraries under the deployed policies", fmt.Sprintf(
		"%d of %d did their work, and %d of %d were refused what isn't granted",
		total.worked, total.worked, total.refused, total.refused))
}

// runExample runs the collector of examples/collector, which produces and then consumes.
func runExample(
	t *testing.T,
	cluster string,
	state *aws.State,
	logGroup string,
	collector, consumer []iampolicy.Policy,
) {
	t.Helper()
	j := judge(t, cluster, collector, newestKafka)
	var asked []need
	_, needs := j.play(t, func() {
		group := "arn:aws:logs:" + region + ":" + state.Account + ":log-group:" + logGroup
		asked = j.collectShipped(t, group, []string{"exchg.", "trades."})
	})
	assert.NotEmpty(t, needs)
	for _, n := range asked {
		assert.Equal(t, iampolicy.Allowed, iampolicy.Decide(collector, n.asked()), n)
	}

	j = judge(t, cluster, consumer, newestKafka, "exchg.a", "trades.a")
	j.prepare(t, "", "exchg.a", "trades.a")
	j.play(t, func() {
		j.shipped(t, []string{"KAFKA_TOPIC_PREFIXES=exchg.", "KAFKA_GROUP_IDS=team-quant"},
			[]string{"consume", "-listen", ""},
			func(output string) bool { return strings.Count(output, "BTC-USDT") >= 100 })
	})
}
