//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGraph(t *testing.T) {
	t.Parallel()
	res := func(name, typ string, values, waits []string) resource {
		r := resource{URN: "urn:pulumi:s::p::" + typ + "::" + name, Type: typ, PropertyDependencies: map[string][]string{}}
		for _, v := range values {
			r.PropertyDependencies["value"] = append(r.PropertyDependencies["value"], "urn:pulumi:s::p::"+v)
		}
		for _, w := range append(values, waits...) {
			r.Dependencies = append(r.Dependencies, "urn:pulumi:s::p::"+w)
		}
		return r
	}
	const (
		group, policy, alarm = "aws:ec2/securityGroup:SecurityGroup", "aws:iam/policy:Policy", "aws:cloudwatch/metricAlarm:MetricAlarm"
		cluster              = clusterType + "::cluster"
	)
	g := newGraph([]resource{
		res("brokers", group, nil, nil),
		res("cluster", clusterType, []string{group + "::brokers"}, nil),
		res("producer", policy, []string{cluster}, nil),
		res("logs", policy, nil, nil),
		res("silence", alarm, nil, []string{cluster}),
		res("after", alarm, []string{alarm + "::silence"}, nil),
		res("both", alarm, []string{policy + "::producer"}, []string{cluster}),
	})

	length, chain := g.longest()
	assert.Equal(t, 5+100+3+1, length)
	assert.Equal(t, []string{"ec2/securityGroup brokers", "msk/serverlessCluster cluster", "iam/policy producer", "cloudwatch/metricAlarm both"}, chain)
	assert.Len(t, g.behind(clusterType, false), 4)
	assert.Equal(t, []string{"after", "silence"}, g.waitWithoutNeed(clusterType), "what waits by order, and what waits for that")
}

func TestSpread(t *testing.T) {
	t.Parallel()
	assert.Equal(t, spread{2, 3, 4}, spreadOf([]float64{5, 1, 3, 2, 4}))
	assert.Equal(t, spread{1.25, 1.5, 1.75}, spreadOf([]float64{2, 1}))
	assert.InDelta(t, 2, slope([]float64{1, 10, 50}, []float64{3, 21, 101}), 1e-9)
}

func TestBend(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 1, bend([]float64{1, 10, 50, 200}), 1e-9)
	assert.InDelta(t, 250./51, bend([]float64{1, 100, 2500, 40000}), 1e-9, "squares")
}
