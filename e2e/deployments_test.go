package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// image is a snapshot of a stack and its sandbox, from which any number of stacks can continue.
type image struct {
	config     map[string]string
	checkpoint []byte
	sandbox    []byte
}

func (s *stack) checkpoint() string {
	return filepath.Join(s.Dir, "state", ".pulumi", "stacks", project.Name, stacktest.Name+".json")
}

func (s *stack) image(t *testing.T) image {
	t.Helper()
	checkpoint, err := os.ReadFile(s.checkpoint())
	require.NoError(t, err)
	im := image{config: maps.Clone(s.Config), checkpoint: checkpoint}
	s.AWS.Edit(func(sandbox *aws.State) { im.sandbox, err = json.Marshal(sandbox) })
	require.NoError(t, err)
	return im
}

// stack returns a new stack that continues from the image, in a new sandbox.
func (im image) stack(t *testing.T) *stack {
	t.Helper()
	sandbox := aws.New()
	sandbox.Edit(func(sandbox *aws.State) { require.NoError(t, json.Unmarshal(im.sandbox, sandbox)) })
	s := quick(stacktest.Attach(t, im.config, sandbox))
	require.NoError(t, os.MkdirAll(filepath.Dir(s.checkpoint()), 0o755))
	require.NoError(t,
		os.WriteFile(filepath.Join(s.Dir, "state", ".pulumi", "meta.yaml"), []byte("version: 1\n"), 0o644))
	require.NoError(t, os.WriteFile(s.checkpoint(), im.checkpoint, 0o644))
	return s
}

// ledger returns the resources and unfinished operations in Pulumi's state, in a form that can be compared with
// another stack's: without times, sorted, and with the provider's random id replaced.
func (s *stack) ledger(t *testing.T) []map[string]any {
	t.Helper()
	doc, err := os.ReadFile(s.checkpoint())
	require.NoError(t, err)
	if id := regexp.MustCompile(`::pulumi:providers:aws::[a-z0-9-]+::([0-9a-f-]{36})`).FindSubmatch(doc); id != nil {
		doc = []byte(strings.ReplaceAll(string(doc), string(id[1]), "provider"))
	}
	doc = s.withoutGenerated(doc)
	var file struct {
		Checkpoint struct {
			Latest struct {
				Resources []map[string]any
				Pending   []map[string]any `json:"pending_operations"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(doc, &file))
	held := slices.Concat(file.Checkpoint.Latest.Resources, file.Checkpoint.Latest.Pending)
	for _, r := range held {
		delete(r, "created")
		delete(r, "modified")
		sortURNs(r["dependencies"])
		if lists, ok := r["propertyDependencies"].(map[string]any); ok {
			for _, list := range lists {
				sortURNs(list)
			}
		}
	}
	slices.SortFunc(held,
		func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a["urn"]), fmt.Sprint(b["urn"])) })
	return held
}

// withoutGenerated returns a JSON document about the stack with the ids of security groups and of their rules, and
// the generated ends of their names, replaced: they differ if a group was created twice.
func (s *stack) withoutGenerated(doc []byte) []byte {
	text := string(doc)
	for id, g := range s.AWS.Snapshot().SecurityGroups {
		text = strings.ReplaceAll(text, id, g.Region+"/"+g.VPC+"/"+g.Name)
	}
	text = regexp.MustCompile(`sgr-0[0-9a-f]{16}`).ReplaceAllString(text, "rule")
	text = regexp.MustCompile(`-[0-9a-f]{26}\b`).ReplaceAllString(text, "")
	return []byte(text)
}

// inAWS returns what the stack's sandbox has, in a form that can be compared with another stack's.
func (s *stack) inAWS(t *testing.T) map[string]any {
	t.Helper()
	doc, err := json.Marshal(s.AWS.Snapshot())
	require.NoError(t, err)
	var sandbox map[string]any
	require.NoError(t, json.Unmarshal(s.withoutGenerated(doc), &sandbox))
	for _, g := range sandbox["securityGroups"].(map[string]any) {
		rules, _ := g.(map[string]any)["rules"].([]any)
		slices.SortFunc(rules, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return sandbox
}

func sortURNs(list any) {
	if urns, ok := list.([]any); ok {
		slices.SortFunc(urns, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
}

// deployment is a command that changes a stack, the calls to AWS that it makes, and the outcome if none of them
// fails.
type deployment struct {
	name       string
	from       image
	config     map[string]string
	args       []string
	calls      []aws.Call
	wantAWS    map[string]any
	wantLedger []map[string]any
}

// faultConfig returns a configuration with a resource of each type and with each policy.
func faultConfig() map[string]string {
	return configtest.With(map[string]string{
		"protect":            "false",
		"alarmTopicArn":      "arn:aws:sns:ap-south-1:123456789012:operators",
		"consumerGroupNames": `["team-quant"]`,
		"clients": `{"research":{"reads":["exchg."],"groups":["research"]},"alerts":{"reads":["exchg."],"groups":["alerts"],
			"writes":["alerts."],"runsOn":{"ec2":true,"lambda":true,"mskConnect":true}}}`,
	})
}

// updateOfAll changes each resource of faultConfig that can be updated in place.
var updateOfAll = map[string]string{
	"tags":                  `{"cost-center":"7"}`,
	"logRetentionDays":      "30",
	"producerTopicPrefixes": `["exchg."]`,
	"quotaAlarmPercent":     "70",
}

// deployments returns a stack's first deployment, an update of each resource that can be updated in place, the
// replacement of all, and the destruction.
func deployments(t *testing.T) []*deployment {
	t.Helper()
	s := newStack(t, faultConfig())
	all := []*deployment{
		s.undergo(t, "up", nil, "up", "--yes", "--skip-preview"),
		s.undergo(t, "update", updateOfAll, "up", "--yes", "--skip-preview"),
		s.undergo(t, "replace", map[string]string{"clusterName": "other"}, "up", "--yes", "--skip-preview"),
		s.undergo(t, "destroy", nil, "destroy", "--yes"),
	}
	require.Empty(t, s.AWS.Changed(), "AWS is as it was at the start")
	return all
}

// undergo changes the stack's configuration and runs the command, undisturbed.
func (s *stack) undergo(t *testing.T, name string, change map[string]string, args ...string) *deployment {
	t.Helper()
	d := &deployment{name: name, from: s.image(t), args: args}
	s.Set(t, change)
	d.config = maps.Clone(s.Config)
	s.AWS.ResetCalls()
	s.OK(t, args...)
	d.calls, d.wantAWS, d.wantLedger = s.AWS.Calls(), s.inAWS(t), s.ledger(t)
	slices.SortStableFunc(d.calls, func(a, b aws.Call) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	return d
}

// start returns a stack on which the deployment can run.
func (d *deployment) start(t *testing.T) *stack {
	t.Helper()
	s := d.from.stack(t)
	s.Config = maps.Clone(d.config)
	s.WriteConfig(t)
	return s
}

// done checks that the stack and its AWS are as after a deployment without failures: nothing missing, duplicated
// or left over. byHand allows the state to contain defaults that an import or a refresh adds.
func (d *deployment) done(t *testing.T, s *stack, byHand bool) {
	t.Helper()
	assert.Equal(t, d.wantAWS, s.inAWS(t), "AWS is as if nothing had failed")
	want, have := d.wantLedger, s.ledger(t)
	if byHand {
		want, have = entries(want), entries(have)
	}
	assert.Equal(t, want, have, "the state is as if nothing had failed")
	if d.name != "destroy" && (byHand || stacktest.Thorough()) {
		s.OK(t, "preview", "--refresh", "--expect-no-changes")
	}
}

// entries returns the ledger without the resources' properties.
func entries(ledger []map[string]any) (out []map[string]any) {
	for _, r := range ledger {
		r = maps.Clone(r)
		delete(r, "inputs")
		delete(r, "outputs")
		delete(r, "propertyDependencies")
		out = append(out, r)
	}
	return out
}
