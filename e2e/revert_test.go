package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

const (
	thirdVPC                   = "vpc-33333333"
	thirdSubnetA, thirdSubnetB = "subnet-33333333", "subnet-44444444"
)

// secondThought is a change of a deployed stack, and another one that is deployed instead after it has failed.
type secondThought struct {
	name          string
	change, third map[string]string
	region        string // where the change goes, if that is another region
}

// secondThoughts returns a change of each kind.
func secondThoughts() []secondThought {
	const (
		research = `"research":{"reads":["exchg."],"groups":["research"]}`
		alerts   = `"alerts":{"reads":["exchg."],"groups":["alerts"],"writes":["alerts."],` +
			`"runsOn":{"ec2":true,"lambda":true,"mskConnect":true}}`
		pods = `"pods":{"reads":["exchg."],"groups":["pods"],"writes":["pods."],` +
			`"runsOn":{"podIdentity":{"cluster":"md","namespace":"md","serviceAccount":"pods"}}}`
		fleet = `"fleet":{"writes":["exchg.fleet."],"runsOn":{"ec2":true}}`
	)
	clients := func(members ...string) map[string]string {
		return map[string]string{"clients": clientsOf(members...)}
	}
	inVPC := func(id, subnetA, subnetB string) map[string]string {
		return map[string]string{"vpcId": id, "subnetIds": `["` + subnetA + `","` + subnetB + `"]`}
	}
	inRegion := func(region string) map[string]string {
		return map[string]string{
			"aws:region": region, "alarmTopicArn": "arn:aws:sns:" + region + ":123456789012:operators",
		}
	}
	return []secondThought{
		{"update", updateOfAll, map[string]string{
			"tags": `{"cost-center":"8"}`, "logRetentionDays": "60", "quotaAlarmPercent": "60",
		}, ""},
		{"rename", map[string]string{"clusterName": "other"}, map[string]string{"clusterName": "third"}, ""},
		{"VPC", inOtherVPC, inVPC(thirdVPC, thirdSubnetA, thirdSubnetB), ""},
		{"region", inRegion("eu-west-1"), inRegion("us-east-1"), "eu-west-1"},
		{"clients added", clients(research, alerts, pods, fleet), clients(research, alerts, fleet), ""},
		{"clients removed", map[string]string{"clients": configtest.Unset}, clients(alerts, pods), ""},
	}
}

// outcome is what is deployed after a change has failed, and how that ends by itself.
type outcome struct {
	config  map[string]string
	aws     map[string]any
	ledger  []map[string]any
	cluster string // the ARN, if the deployed cluster is kept
}

// newOutcome returns the stack as it is, as the outcome of its configuration. was is the cluster from before.
func newOutcome(t *testing.T, s *stack, was string) outcome {
	t.Helper()
	o := outcome{maps.Clone(s.Config), anonymous(t, s.inAWS(t)), anonymous(t, entries(s.ledger(t))), ""}
	if onlyKey(t, s.AWS.Snapshot().Clusters) == was {
		o.cluster = was
	}
	return o
}

// revertCase is a change that fails at one call, and what is deployed afterwards.
type revertCase struct {
	faultCase
	cluster  string // the ARN of the deployed one
	region   string // where the change goes, if that is another region
	outcomes [2]outcome
}

// outcomes are the evidence for what is deployed after a change has failed.
var outcomes = [2]string{
	"changes that failed at one call, before or after its effect, and were taken back",
	"changes that failed at one call, before or after its effect, and gave way to a third configuration",
}

// revertCases returns the cases of each change.
func revertCases(t *testing.T, thoughts []secondThought) (cases []revertCase) {
	t.Helper()
	base := newStack(t, faultConfig(), aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB),
		aws.WithVPC(thirdVPC, thirdSubnetA, thirdSubnetB))
	base.Up(t)
	deployed, cluster := base.image(t), onlyKey(t, base.AWS.Snapshot().Clusters)
	back := newOutcome(t, base, cluster)
	for _, thought := range thoughts {
		d := deployed.stack(t).undergo(t, thought.name, thought.change, "up", "--yes", "--skip-preview")
		s := deployed.stack(t)
		s.Set(t, thought.third)
		s.Up(t)
		third := newOutcome(t, s, cluster)
		for _, c := range d.oneByOne() {
			cases = append(cases, revertCase{c, cluster, thought.region, [2]outcome{back, third}})
		}
	}
	return cases
}

// TestSecondThoughts lets each call of each changing deployment fail, once before and once after its effect, and then
// deploys the previous configuration, or a third one. The stack ends as if the failed deployment had never been
// tried, but for generated names and ids, and for what lost answers left over, which recover names. `make test` runs
// a few cases of a rename.
func TestSecondThoughts(t *testing.T) {
	t.Parallel()
	thoughts := secondThoughts()
	if !stacktest.Thorough() {
		thoughts = slices.DeleteFunc(thoughts, func(s secondThought) bool {
			return s.name != "rename"
		})
	}
	cases := revertCases(t, thoughts)
	t.Logf("%d cases", len(cases))
	if !stacktest.Thorough() {
		cases = part(cases[5:], 91) // alternates between before and after
	}
	var run, named atomic.Int32
	var ended [len(outcomes)]atomic.Int32
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				failed, lost, changed := c.fail(t)
				for i, o := range c.outcomes {
					t.Run([...]string{"taken back", "third"}[i], func(t *testing.T) {
						if changed { // otherwise the stack is as it was
							named.Add(int32(o.follows(t, c, failed.stack(t), lost)))
						}
						if !t.Failed() {
							ended[i].Add(1)
						}
					})
				}
				if n := run.Add(1); n%20 == 0 {
					t.Logf("%d of %d", n, len(cases))
				}
			})
		}
	})
	if !stacktest.Thorough() {
		return
	}
	for i, what := range outcomes {
		stacktest.Evidence(t, what, fmt.Sprintf("%d of %d", ended[i].Load(), len(cases)))
	}
	stacktest.Evidence(t, "objects that these changes left over after lost answers, named by `mskctl recover`",
		fmt.Sprint(named.Load()))
}

// fail deploys the change, which fails, and returns how that leaves the stack, the creations whose answers were lost,
// and whether anything changed. After a look-up has failed, nothing in AWS may have changed.
func (c revertCase) fail(t *testing.T) (failed image, lost []aws.Call, changed bool) {
	t.Helper()
	s := c.deployment.start(t)
	s.Env = append(s.Env, writeStateOnce...)
	ledger, sandbox := s.ledger(t), s.AWS.Snapshot()
	s.AWS.Fail(c.fault)
	out := s.Fails(t, c.deployment.args...)
	assert.Contains(t, out, c.fault.Error.Error())
	same := assert.ObjectsAreEqual(sandbox, s.AWS.Snapshot())
	assert.True(t, same || c.fault.Operation != aws.LookUp)
	lost = s.lost(func(aws.Call) bool { return true })
	return s.image(t), lost, !same || !assert.ObjectsAreEqual(ledger, s.ledger(t))
}

// follows deploys the outcome's configuration after the change has failed, and returns how many objects were left over
// and named.
func (o outcome) follows(t *testing.T, c revertCase, s *stack, lost []aws.Call) int {
	t.Helper()
	_, kept := s.AWS.Snapshot().Clusters[c.cluster]
	s.Config = maps.Clone(o.config)
	s.WriteConfig(t)
	s.Env = append(s.Env, writeStateOnce...)
	up := []string{"up", "--refresh", "--yes", "--skip-preview"}
	named := 0
	if out, err := s.Pulumi(t, up...); err != nil {
		require.True(t, slices.ContainsFunc(lost, func(l aws.Call) bool { return isInTheWay(l, out) }),
			"only what was lost can be in the way:\n%s", out)
		s.mskctl(t, nil, "recover", stacktest.Name, "--yes")
		named = s.namesLeftOver(t, c.region, true)
		s.AWS.Edit(func(sandbox *aws.State) { deleteByHand(sandbox, slices.DeleteFunc(slices.Clone(lost), hasTags)) })
		s.OK(t, up...)
	}
	if kept && o.cluster != "" {
		assert.Contains(t, s.AWS.Snapshot().Clusters, c.cluster, "the cluster with its data")
	}
	named += s.namesLeftOver(t, c.region, len(lost) > 0)
	if slices.ContainsFunc(lost, func(l aws.Call) bool { return l.Type == "aws:cloudwatch/dashboard:Dashboard" }) {
		s.AWS.Edit(func(sandbox *aws.State) { // has no tags
			maps.DeleteFunc(sandbox.Dashboards, func(name string, _ *aws.Dashboard) bool {
				return o.aws["dashboards"].(map[string]any)[name] == nil
			})
		})
	}
	assert.Equal(t, o.aws, anonymous(t, s.inAWS(t)))
	assert.Equal(t, o.ledger, anonymous(t, entries(s.ledger(t))))
	return named
}

// inTheWay maps a type to a part of the error of the next `up` if the answer to its creation was lost: Pulumi doesn't
// know it, and AWS refuses to delete what it belongs to. docs/recovery.md says how to delete it by hand.
var inTheWay = map[string]string{
	"aws:cloudwatch/eventTarget:EventTarget":                  "has targets",
	"aws:ec2/securityGroup:SecurityGroup":                     "DependencyViolation",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment":       "DeleteConflict",
	"aws:msk/serverlessCluster:ServerlessCluster":             "DependencyViolation",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "DependencyViolation",
}

// hasTags reports whether the object that the call created has tags, by which recover finds it.
func hasTags(c aws.Call) bool {
	switch c.Type {
	case "aws:cloudwatch/eventTarget:EventTarget", "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
		return false
	}
	return true
}

// isInTheWay reports whether `up` may fail with the output because the answer to the creation was lost.
func isInTheWay(lost aws.Call, out string) bool {
	for _, errors := range []map[string]string{needsHand, inTheWay} {
		if part := errors[lost.Type]; part != "" && strings.Contains(out, part) {
			return true
		}
	}
	return false
}

// namesLeftOver checks that recover names exactly what is left over, deletes that, and returns how many objects it
// was.
func (s *stack) namesLeftOver(t *testing.T, region string, lost bool) int {
	t.Helper()
	known := s.arns(t)
	objects := owned(s.AWS.Snapshot())
	maps.DeleteFunc(objects, func(arn string, _ func(*aws.State)) bool { return known[arn] })
	if len(objects) == 0 {
		return 0
	}
	require.True(t, lost, "without a lost answer, nothing is left over: %s", slices.Collect(maps.Keys(objects)))
	args := []string{"recover", stacktest.Name}
	if region != "" {
		args = append(args, "--region", region)
	}
	out, code := s.mskctl(t, nil, args...)
	assert.Equal(t, 10, code, out)
	assert.Len(t, regexp.MustCompile(`(?m)^delete `).FindAllString(out, -1), len(objects), out)
	for arn := range objects {
		assert.Regexp(t, `(?m)^delete .*\b`+regexp.QuoteMeta(path.Base(arn))+`\b`, out)
	}
	s.AWS.Edit(func(sandbox *aws.State) {
		for _, remove := range objects {
			remove(sandbox)
		}
	})
	return len(objects)
}

// owned returns the ARNs of the objects in AWS with the stack's tag, with what deletes each.
func owned(sandbox *aws.State) map[string]func(*aws.State) {
	objects := map[string]func(*aws.State){}
	add := func(arn string, tags map[string]string, remove func(*aws.State)) {
		if tags[config.StackTag] == stacktest.Name {
			objects[arn] = remove
		}
	}
	iam := "arn:aws:iam::" + sandbox.Account + ":"
	for name, r := range sandbox.Roles {
		add(iam+"role"+r.Path+name, r.Tags, func(s *aws.State) { delete(s.Roles, name) })
	}
	for name, p := range sandbox.Policies {
		add(iam+"policy"+p.Path+name, p.Tags, func(s *aws.State) { delete(s.Policies, name) })
	}
	for name, p := range sandbox.InstanceProfiles {
		add(iam+"instance-profile"+p.Path+name, p.Tags, func(s *aws.State) { delete(s.InstanceProfiles, name) })
	}
	for id, g := range sandbox.SecurityGroups {
		ec2 := "arn:aws:ec2:" + g.Region + ":" + sandbox.Account + ":"
		add(ec2+"security-group/"+id, g.Tags, func(s *aws.State) { delete(s.SecurityGroups, id) })
		for _, r := range g.Rules {
			add(ec2+"security-group-rule/"+r.ID, r.Tags, func(s *aws.State) {
				if g := s.SecurityGroups[id]; g != nil {
					g.Rules = slices.DeleteFunc(g.Rules, func(x *aws.Rule) bool { return x.ID == r.ID })
				}
			})
		}
	}
	for arn, c := range sandbox.Clusters {
		add(arn, c.Tags, func(s *aws.State) { delete(s.Clusters, arn) })
	}
	for arn, g := range sandbox.LogGroups {
		add(arn, g.Tags, func(s *aws.State) { delete(s.LogGroups, arn) })
	}
	for arn, a := range sandbox.Alarms {
		add(arn, a.Tags, func(s *aws.State) { delete(s.Alarms, arn) })
	}
	for arn, r := range sandbox.EventRules {
		add(arn, r.Tags, func(s *aws.State) { delete(s.EventRules, arn) })
	}
	return objects
}

// arns returns the ARNs in Pulumi's state.
func (s *stack) arns(t *testing.T) map[string]bool {
	t.Helper()
	doc, err := os.ReadFile(s.checkpoint())
	require.NoError(t, err)
	known := map[string]bool{}
	for _, match := range regexp.MustCompile(`"arn": ?"([^"]+)"`).FindAllSubmatch(doc, -1) {
		known[string(match[1])] = true
	}
	return known
}

// generated matches what AWS generates for a cluster and for objects of IAM.
var generated = regexp.MustCompile(
	`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-s1|boot-[0-9a-f]+|A(?:ROA|NPA|IPA)[0-9A-F]{17}`,
)

// anonymous returns v with what AWS generates replaced.
func anonymous[T any](t *testing.T, v T) (out T) {
	t.Helper()
	doc, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(generated.ReplaceAll(doc, []byte("generated")), &out))
	return out
}
