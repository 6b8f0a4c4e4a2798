//go:build linux

package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// resource is one of the resources in a stack's state.
type resource struct {
	URN          string
	Type         string
	Dependencies []string
}

func resources(b *testing.B, s *stacktest.Stack) []resource {
	var state struct {
		Deployment struct{ Resources []resource }
	}
	require.NoError(b, json.Unmarshal([]byte(s.OK(b, "stack", "export")), &state))
	return state.Deployment.Resources
}

// unit is how long one unit of the latency model takes. AWS takes 5 to 10 minutes for a cluster, 100 units.
const unit = 200 * time.Millisecond

// latency models how long AWS takes for a call, relative to a cluster.
func latency(operation aws.Operation, typ string) time.Duration {
	switch {
	case strings.HasSuffix(typ, "getPartition"):
		return 0 // the provider knows the answer
	case operation == aws.LookUp:
		return unit
	case typ == "aws:msk/serverlessCluster:ServerlessCluster":
		return 100 * unit
	case typ == "aws:ec2/securityGroup:SecurityGroup", typ == "aws:iam/role:Role":
		return 5 * unit
	case strings.HasPrefix(typ, "aws:iam/"):
		return 3 * unit
	case strings.HasPrefix(typ, "aws:vpc/"):
		return 2 * unit
	}
	return unit
}

// againstCriticalPath compares up of a new stack, with alarms, with its critical path: the longest chain of resources
// that wait for one another.
func againstCriticalPath(b *testing.B) {
	settings := map[string]string{"alarmTopicArn": "arn:aws:sns:ap-south-1:123456789012:alarms"}
	path := criticalPath(resources(b, deployed(b, newStack(b, settings)))).Seconds()
	slow := newStack(b, settings)
	slow.AWS.Latency(func(c aws.Call) time.Duration { return latency(c.Operation, c.Type) })
	up := measure(b, slow.Command(b, firstUp...)).seconds
	for b.Loop() { // measured once: the model's waits are long beside what varies
	}
	row(b, warm, "`up` of a new stack with a model of AWS's latency (cluster 20 s)", fmt.Sprintf("%.1f s", up),
		fmt.Sprintf("its critical path: %.1f s", path), up/path, 1.05)
}

// criticalPath returns how long the longest chain of resources takes to create. A state lists each resource after
// those that it depends on.
func criticalPath(resources []resource) time.Duration {
	var longest time.Duration
	done := map[string]time.Duration{}
	for _, r := range resources {
		var start time.Duration
		for _, before := range r.Dependencies {
			start = max(start, done[before])
		}
		if strings.HasPrefix(r.Type, "aws:") {
			done[r.URN] = start + latency(aws.Create, r.Type)
		}
		longest = max(longest, done[r.URN])
	}
	return longest
}

func TestCriticalPath(t *testing.T) {
	t.Parallel()
	const (
		group   = "aws:ec2/securityGroup:SecurityGroup"
		cluster = "aws:msk/serverlessCluster:ServerlessCluster"
		policy  = "aws:iam/policy:Policy"
	)
	resources := []resource{
		{URN: "stack", Type: "pulumi:pulumi:Stack"},
		{URN: "group", Type: group, Dependencies: []string{"stack"}},
		{URN: "logs", Type: policy},
		{URN: "cluster", Type: cluster, Dependencies: []string{"group", "logs"}},
		{URN: "producer", Type: policy, Dependencies: []string{"cluster"}},
	}
	assert.Equal(t, (5+100+3)*unit, criticalPath(resources))
	assert.Equal(t, 3*unit, criticalPath(resources[2:3]))
}

func TestMedian(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 3, median([]float64{5, 1, 3, 2, 4}), 1e-9)
	assert.InDelta(t, 1.5, median([]float64{2, 1}), 1e-9)
}
