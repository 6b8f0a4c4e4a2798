package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// image is a stack and its AWS at one moment, from which any number of stacks can go on.
type image struct {
	config     map[string]string
	checkpoint []byte
	world      []byte
}

func (s *stack) checkpoint() string {
	return filepath.Join(s.Dir, "state", ".pulumi", "stacks", project.Name, stacktest.Name+".json")
}

func (s *stack) image(t *testing.T) image {
	t.Helper()
	checkpoint, err := os.ReadFile(s.checkpoint())
	require.NoError(t, err)
	im := image{config: maps.Clone(s.Config), checkpoint: checkpoint}
	s.AWS.Edit(func(world *aws.State) { im.world, err = json.Marshal(world) })
	require.NoError(t, err)
	return im
}

// stack is a new stack that goes on from the image, in an AWS of its own.
func (im image) stack(t *testing.T) *stack {
	t.Helper()
	cloud := aws.New()
	cloud.Edit(func(world *aws.State) { require.NoError(t, json.Unmarshal(im.world, world)) })
	s := &stack{stacktest.Attach(t, im.config, cloud)}
	require.NoError(t, os.MkdirAll(filepath.Dir(s.checkpoint()), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "state", ".pulumi", "meta.yaml"), []byte("version: 1\n"), 0o644))
	require.NoError(t, os.WriteFile(s.checkpoint(), im.checkpoint, 0o644))
	return s
}

// ledger is what Pulumi's state holds, resources and unfinished operations, in a form that can be compared with another
// stack's: without times, in one order, and with the provider's random id replaced.
func (s *stack) ledger(t *testing.T) []map[string]any {
	t.Helper()
	doc, err := os.ReadFile(s.checkpoint())
	require.NoError(t, err)
	if id := regexp.MustCompile(`::pulumi:providers:aws::aws::([0-9a-f-]{36})`).FindSubmatch(doc); id != nil {
		doc = []byte(strings.ReplaceAll(string(doc), string(id[1]), "provider"))
	}
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
	slices.SortFunc(held, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a["urn"]), fmt.Sprint(b["urn"])) })
	return held
}

func sortURNs(list any) {
	if urns, ok := list.([]any); ok {
		slices.SortFunc(urns, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
}

// A deployment is a command that changes a stack, the calls to AWS that it makes, and what it leads to if none fails.
type deployment struct {
	name       string
	from       image
	config     map[string]string
	args       []string
	calls      []aws.Call
	wantAWS    *aws.State
	wantLedger []map[string]any
}

// faultConfig declares a resource of each type, and each policy.
func faultConfig() map[string]string {
	return configtest.With(map[string]string{
		"protect": "false", "alarmTopicArn": "arn:aws:sns:ap-south-1:123456789012:operators", "consumerGroupNames": `["team-quant"]`,
		"consumerTeams": `{"research":{"topicPrefixes":["exchg."],"groupNames":["research"]}}`,
	})
}

// deployments are a stack's first, a change of each resource in place as far as it can be, the replacement of all, and the
// end.
func deployments(t *testing.T) []*deployment {
	t.Helper()
	s := newStack(t, faultConfig())
	all := []*deployment{
		s.undergo(t, "up", nil, "up", "--yes", "--skip-preview"),
		s.undergo(t, "update", map[string]string{
			"tags": `{"cost-center":"7"}`, "logRetentionDays": "30", "producerTopicPrefixes": `["exchg."]`, "quotaAlarmPercent": "70",
		}, "up", "--yes", "--skip-preview"),
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
	d.calls, d.wantAWS, d.wantLedger = s.AWS.Calls(), s.AWS.Snapshot(), s.ledger(t)
	slices.SortStableFunc(d.calls, func(a, b aws.Call) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	return d
}

// start is a stack that is about to undergo the deployment.
func (d *deployment) start(t *testing.T) *stack {
	t.Helper()
	s := d.from.stack(t)
	s.Config = maps.Clone(d.config)
	s.WriteConfig(t)
	return s
}

// done checks that the stack and its AWS are what the deployment leads to when nothing fails: nothing missing, twice, or
// left over. Of what was taken over by hand or refreshed, the state spells out what the program leaves out.
func (d *deployment) done(t *testing.T, s *stack, byHand bool) {
	t.Helper()
	assert.Equal(t, d.wantAWS, s.AWS.Snapshot(), "AWS is as if nothing had failed")
	want, have := d.wantLedger, s.ledger(t)
	if byHand {
		want, have = entries(want), entries(have)
	}
	assert.Equal(t, want, have, "the state is as if nothing had failed")
	if d.name != "destroy" && (byHand || stacktest.Thorough()) {
		s.OK(t, "preview", "--refresh", "--expect-no-changes")
	}
}

// entries leaves out of a ledger what the resources' properties are.
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

// looksUp is how an error names what a look-up without id was after.
var looksUp = map[string]string{
	"aws:index/getCallerIdentity:getCallerIdentity": "the deploying account",
	"aws:index/getPartition:getPartition":           "the partition of ap-south-1",
}

// named is how a command's error names what a call was about: as Pulumi names a resource, or by what was looked up.
func named(c aws.Call) string {
	if c.Kind == aws.LookUp {
		return cmp.Or(c.ID, looksUp[c.Type])
	}
	return "(" + c.Name + ")"
}

// A faultCase is a deployment in which calls fail.
type faultCase struct {
	name       string
	deployment *deployment
	fault      aws.Fault
}

// oneByOne are the cases of a deployment in which one call fails, each of them once before it has an effect and once
// after.
func (d *deployment) oneByOne() (cases []faultCase) {
	nth := map[aws.Call]int{}
	for _, c := range d.calls {
		same := aws.Call{Kind: c.Kind, Type: c.Type, Name: c.Name}
		nth[same]++
		f := aws.Fault{Kind: c.Kind, Type: c.Type, Name: c.Name, Nth: nth[same]}
		before, after := f, f
		before.Error, after.Error, after.After = aws.Unavailable, aws.Lost, true
		title := strings.TrimSpace(fmt.Sprintf("%s/%s %s %s %d", d.name, c.Kind, path.Base(c.Type), c.Name, nth[same]))
		cases = append(cases, faultCase{title + " before", d, before},
			faultCase{title + " after", d, after})
	}
	return cases
}

// byKind are the cases of a deployment in which every call of one kind fails in one way.
func (d *deployment) byKind() (cases []faultCase) {
	kinds := map[string]aws.Fault{
		"throttled": {Error: aws.Throttled}, "denied": {Error: aws.Denied}, "unavailable": {Error: aws.Unavailable},
		"answers lost": {Error: aws.Lost, After: true},
	}
	for _, kind := range []aws.Kind{aws.Create, aws.Update, aws.Delete, aws.LookUp} {
		if !slices.ContainsFunc(d.calls, func(c aws.Call) bool { return c.Kind == kind }) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			f := kinds[name]
			f.Kind = kind
			cases = append(cases, faultCase{fmt.Sprintf("%s/every %s %s", d.name, kind, name), d, f})
		}
	}
	return cases
}

// TestFaults lets AWS fail in every call of every deployment. `make test` takes every 29th case, so that those before and
// after the effect take turns, and the first in which an answer is lost of each type that needs a hand.
func TestFaults(t *testing.T) {
	t.Parallel()
	all := deployments(t)
	touched := map[string]bool{}
	var single, kinds []faultCase
	for _, d := range all {
		single, kinds = append(single, d.oneByOne()...), append(kinds, d.byKind()...)
		for _, c := range d.calls {
			if d.name == "update" || d.name == "replace" {
				touched[c.Type+c.Name] = true
			}
		}
	}
	for _, c := range all[0].calls {
		assert.True(t, touched[c.Type+c.Name], "%s %s is touched by no change", c.Type, c.Name)
	}
	t.Logf("%d calls: %d cases, %d more by kind", len(single)/2, len(single), len(kinds))

	cases := slices.Concat(single, kinds)
	if !stacktest.Thorough() {
		cases = cut(cases)
	}
	var recovered, run atomic.Int32
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t)
				if n := run.Add(1); n%20 == 0 {
					t.Logf("%d of %d", n, len(cases))
				}
				if !t.Failed() && c.fault.Nth > 0 {
					recovered.Add(1)
				}
			})
		}
	})
	if stacktest.Thorough() {
		stacktest.Evidence(t, "calls failed one at a time, once before and once after their effect, and recovered", fmt.Sprintf("%d of %d", recovered.Load(), len(single)))
		stacktest.Evidence(t, "deployments in which every call of one kind failed in one way, and recovered", fmt.Sprintf("%d of %d", len(kinds), len(kinds)))
	}
}

func cut(cases []faultCase) (some []faultCase) {
	byHand := map[string]bool{}
	for i, c := range cases {
		lost := c.deployment.name == "up" && c.fault.Kind == aws.Create && c.fault.After && needsHand[c.fault.Type] != "" && !byHand[c.fault.Type]
		if lost {
			byHand[c.fault.Type] = true
		}
		if lost || i%29 == 0 {
			some = append(some, c)
		}
	}
	return some
}

// needsHand is what the next `up` says where the answer to a create was lost: Pulumi doesn't know of the object, and AWS
// takes no second of its name. What else can be created is put, and may be put twice.
var needsHand = map[string]string{
	"aws:cloudwatch/logGroup:LogGroup":                        "ResourceAlreadyExistsException",
	"aws:ec2/securityGroup:SecurityGroup":                     "InvalidGroup.Duplicate",
	"aws:iam/instanceProfile:InstanceProfile":                 "EntityAlreadyExists",
	"aws:iam/policy:Policy":                                   "EntityAlreadyExists",
	"aws:iam/role:Role":                                       "EntityAlreadyExists",
	"aws:msk/serverlessCluster:ServerlessCluster":             "ConflictException",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "InvalidPermission.Duplicate",
}

func (c faultCase) run(t *testing.T) {
	s := c.deployment.start(t)
	s.AWS.Fail(c.fault)
	out := s.Fails(t, c.deployment.args...)
	s.AWS.Heal()
	assert.Contains(t, out, c.fault.Error.Error())
	failed := slices.DeleteFunc(s.AWS.Calls(), func(c aws.Call) bool { return c.Err == "" })
	require.NotEmpty(t, failed)
	if c.fault.Kind == aws.LookUp { // of look-ups side by side, the program may go by the first that fails
		failed = slices.DeleteFunc(failed, func(c aws.Call) bool { return !strings.Contains(out, named(c)) })
		require.NotEmpty(t, failed, "what was looked up is named:\n%s", out)
	}
	for _, call := range failed {
		assert.Contains(t, out, named(call))
	}
	lost := s.lostCreates()
	adopted := len(lost) > 0 && c.deployment.name == "up"
	if len(lost) > 0 {
		s.takesNoSecond(t, c.deployment, lost)
		if adopted {
			s.adopt(t, lost)
		} else {
			s.AWS.Edit(func(world *aws.State) { deleteByHand(world, lost) })
		}
	}
	s.OK(t, c.deployment.args...)
	c.deployment.done(t, s, adopted)
}

// lostCreates are the calls that made something without Pulumi's getting to know, of the types that need a hand.
func (s *stack) lostCreates() (lost []aws.Call) {
	for _, c := range s.AWS.Calls() {
		if c.Kind == aws.Create && c.Err != "" && c.ID != "" && needsHand[c.Type] != "" {
			lost = append(lost, c)
		}
	}
	return lost
}

// takesNoSecond checks that the deployment can't go on, and makes nothing twice.
func (s *stack) takesNoSecond(t *testing.T, d *deployment, lost []aws.Call) {
	t.Helper()
	out := s.Fails(t, d.args...)
	conflicts := 0
	for _, c := range lost {
		if strings.Contains(out, "("+c.Name+")") && strings.Contains(out, needsHand[c.Type]) {
			conflicts++
		}
	}
	assert.Positive(t, conflicts, "AWS's own conflict, and the name of what it is about:\n%s", out)
}

// run runs a command line that docs/recovery.md gives.
func (s *stack) run(t *testing.T, line string) string {
	t.Helper()
	doc, err := os.ReadFile("docs/recovery.md")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^ *`+regexp.QuoteMeta(line)+`$`, string(doc), "a line of docs/recovery.md")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
	cmd.Dir, cmd.Env = s.Dir, append(slices.Clone(s.Env), "PULUMI_STACK="+stacktest.Name)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return string(out)
}

// adopt follows the steps "Take it over" of docs/recovery.md.
func (s *stack) adopt(t *testing.T, lost []aws.Call) {
	t.Helper()
	s.run(t, "pulumi preview --import-file=import.json")
	file := filepath.Join(s.Dir, "import.json")
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	var list struct {
		NameTable map[string]string `json:"nameTable"`
		Resources []map[string]any  `json:"resources"`
	}
	require.NoError(t, json.Unmarshal(doc, &list))
	list.Resources = slices.DeleteFunc(list.Resources, func(r map[string]any) bool {
		name := r["name"]
		if logical, ok := r["logicalName"]; ok {
			name = logical
		}
		i := slices.IndexFunc(lost, func(c aws.Call) bool { return c.Type == r["type"] && c.Name == name })
		if i >= 0 {
			r["id"] = lost[i].ID
		}
		return i < 0
	})
	require.Len(t, list.Resources, len(lost))
	doc, err = json.Marshal(list)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, doc, 0o644))
	s.run(t, "pulumi import --file=import.json --protect=false --generate-code=false --yes")
}

// deleteByHand does what the AWS CLI's delete commands of docs/recovery.md do. The next object of the name gets the id
// that this one had, so that the outcome can be compared.
func deleteByHand(world *aws.State, lost []aws.Call) {
	for _, c := range lost {
		name := path.Base(c.ID)
		var key string
		switch c.Type {
		case "aws:cloudwatch/logGroup:LogGroup":
			maps.DeleteFunc(world.LogGroups, func(arn string, _ *aws.LogGroup) bool { return strings.HasSuffix(arn, ":"+c.ID) })
		case "aws:ec2/securityGroup:SecurityGroup":
			g := world.SecurityGroups[c.ID]
			key = "security-group " + g.Region + "/" + g.VPC + "/" + g.Name
			maps.DeleteFunc(world.Made, func(key string, _ int) bool { return strings.HasPrefix(key, "rule "+c.ID) })
			delete(world.SecurityGroups, c.ID)
		case "aws:iam/instanceProfile:InstanceProfile":
			key = "instance-profile " + name
			delete(world.InstanceProfiles, name)
		case "aws:iam/policy:Policy":
			key = "policy " + name
			delete(world.Policies, name)
		case "aws:iam/role:Role":
			key = "role " + name
			delete(world.Roles, name)
		case "aws:msk/serverlessCluster:ServerlessCluster":
			key = "cluster ap-south-1/" + world.Clusters[c.ID].Name
			delete(world.Clusters, c.ID)
		case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
			for id, g := range world.SecurityGroups {
				g.Rules = slices.DeleteFunc(g.Rules, func(r *aws.Rule) bool {
					if r.ID == c.ID {
						maps.DeleteFunc(world.Made, func(key string, _ int) bool {
							return strings.HasPrefix(key, "rule "+id) && strings.HasSuffix(key, r.CIDR+r.CIDR6+r.Group)
						})
					}
					return r.ID == c.ID
				})
			}
		}
		delete(world.Made, key)
	}
}

// docs/recovery.md lists exactly the types that need a hand, and what they meet.
func TestRecoveryTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("docs/recovery.md")
	require.NoError(t, err)
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(aws:[^`]+)` \\| `(\\w+(?:\\.\\w+)?)` \\|").FindAllStringSubmatch(string(doc), -1) {
		listed[row[1]] = row[2]
	}
	assert.Equal(t, needsHand, listed)
}
