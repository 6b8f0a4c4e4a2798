package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// looksUp maps a look-up to the words with which an error names its target.
var looksUp = map[string]string{
	"aws:index/getCallerIdentity:getCallerIdentity": "the deploying account",
	"aws:index/getPartition:getPartition":           "the partition of ap-south-1",
}

// named returns how an error names the target of a call: by Pulumi's name for the resource, or by what was looked
// up.
func named(c aws.Call) string {
	if c.Operation == aws.LookUp {
		return cmp.Or(c.ID, looksUp[c.Type])
	}
	return "(" + c.Name + ")"
}

// faultCase is a deployment in which calls fail.
type faultCase struct {
	name       string
	deployment *deployment
	fault      aws.Fault
}

// oneByOne returns the cases in which one call fails, once before it takes effect and once after.
func (d *deployment) oneByOne() (cases []faultCase) {
	nth := map[aws.Call]int{}
	for _, c := range d.calls {
		same := aws.Call{Operation: c.Operation, Type: c.Type, Name: c.Name}
		nth[same]++
		f := aws.Fault{Operation: c.Operation, Type: c.Type, Name: c.Name, Nth: nth[same]}
		before, after := f, f
		before.Error, after.Error, after.After = aws.Unavailable, aws.Lost, true
		title := strings.TrimSpace(
			fmt.Sprintf("%s/%s %s %s %d", d.name, c.Operation, path.Base(c.Type), c.Name, nth[same]),
		)
		cases = append(cases, faultCase{title + " before", d, before},
			faultCase{title + " after", d, after})
	}
	return cases
}

// byKind returns the cases in which every call of one kind fails in the same way.
func (d *deployment) byKind() (cases []faultCase) {
	kinds := map[string]aws.Fault{
		"throttled": {Error: aws.Throttled}, "denied": {Error: aws.Denied}, "unavailable": {Error: aws.Unavailable},
		"answers lost": {Error: aws.Lost, After: true},
	}
	for _, kind := range []aws.Operation{aws.Create, aws.Update, aws.Delete, aws.LookUp} {
		if !slices.ContainsFunc(d.calls, func(c aws.Call) bool { return c.Operation == kind }) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			f := kinds[name]
			f.Operation = kind
			cases = append(cases, faultCase{fmt.Sprintf("%s/every %s %s", d.name, kind, name), d, f})
		}
	}
	return cases
}

// TestFaults lets AWS fail in every call of every deployment. `make test` runs every 149th case, which alternates
// between failures before and after the effect, and the lost answer to the creation of the cluster.
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

	cases := part(slices.Concat(single, kinds), 149)
	if !stacktest.Thorough() {
		cases = append(cases, single[slices.IndexFunc(single, lostCluster)])
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
		stacktest.Evidence(t, "calls failed one at a time, once before and once after their effect, and recovered",
			fmt.Sprintf("%d of %d", recovered.Load(), len(single)))
		stacktest.Evidence(t, "deployments in which every call of one kind failed in one way, and recovered",
			fmt.Sprintf("%d of %d", len(kinds), len(kinds)))
	}
}

// lostCluster finds the case in which the answer to the creation of the first cluster is lost.
func lostCluster(c faultCase) bool {
	return c.deployment.name == "up" && c.fault.Operation == aws.Create && c.fault.After &&
		c.fault.Type == "aws:msk/serverlessCluster:ServerlessCluster"
}

// needsHand maps a type to the error of the next `up` after the answer to its creation was lost: Pulumi doesn't
// know the object, and AWS refuses a second one with its name. Security groups have generated names, so the first one
// is left over. Other types are upserted, so creating them twice does no harm.
var needsHand = map[string]string{
	"aws:cloudwatch/logGroup:LogGroup":                        "ResourceAlreadyExistsException",
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
	if c.fault.Operation == aws.LookUp { // of look-ups side by side, the program may go by the first that fails
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
			s.finds(t, lost)
			s.AWS.Edit(func(sandbox *aws.State) { deleteByHand(sandbox, lost) })
		}
	}
	leftOver := s.lostGroups()
	s.OK(t, c.deployment.args...)
	if len(leftOver) > 0 && c.deployment.name != "destroy" {
		s.finds(t, leftOver)
	}
	s.AWS.Edit(func(sandbox *aws.State) { deleteByHand(sandbox, leftOver) })
	c.deployment.done(t, s, adopted)
}
