//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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
