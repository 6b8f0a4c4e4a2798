package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

var inOtherVPC = map[string]string{"vpcId": otherVPC, "subnetIds": `["` + otherSubnetA + `","` + otherSubnetB + `"]`}

// withAlarms returns the valid configuration with alarms and the changes.
func withAlarms(changes map[string]string) map[string]string {
	config := configtest.With(map[string]string{"alarmTopicArn": onCall, "accessScope": "team-x"})
	configtest.Change(config, changes)
	return config
}

// TestTakenBack puts the previous configuration back after a change that would replace the cluster has failed before
// it deleted the cluster. Nothing is lost, and nothing is left over.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	refused := aws.Fault{Operation: aws.Delete, Name: "cluster", Error: aws.Denied}
	renamed := map[string]string{"clusterName": "renamed"}
	moved := map[string]string{"aws:region": "eu-west-1", "alarmTopicArn": configtest.Unset}
	for name, c := range map[string]struct {
		protect string
		set     map[string]string
		cut     bool // only with the tables whole
	}{
		"name, protected":   {"true", renamed, false},
		"VPC, protected":    {"true", inOtherVPC, true},
		"region, protected": {"true", moved, true},
		"name":              {"false", renamed, true},
		"VPC":               {"false", inOtherVPC, false},
		"region":            {"false", moved, true},
	} {
		if c.cut && !stacktest.Thorough() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, withAlarms(map[string]string{"protect": c.protect}),
				aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
			s.Up(t)
			wasAWS, was := s.inAWS(t), s.AWS.Snapshot()
			before := s.image(t)
			s.Set(t, c.set)
			s.AWS.Fail(refused)
			s.Fails(t, "up", "--yes", "--skip-preview")
			s.AWS.Heal()
			if c.protect == "true" {
				assert.Equal(t, wasAWS, s.inAWS(t), "a refused change changes nothing")
			}

			s.Config = before.config
			s.WriteConfig(t)
			s.OK(t, "up", "--refresh", "--yes")
			assert.Equal(t, wasAWS, s.inAWS(t))
			assert.Equal(t, was.Clusters, s.AWS.Snapshot().Clusters, "the cluster with its data")
			s.OK(t, "preview", "--refresh", "--expect-no-changes")
		})
	}
}

// TestCopiedStack deploys a second stack with the same clusterName: it fails, and neither its failure nor its
// destruction touches the first one's things.
func TestCopiedStack(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{"maxConsumerLag": "7"}
	maps.Copy(elsewhere, inOtherVPC)
	for name, set := range map[string]map[string]string{
		"in the same VPC": {"maxConsumerLag": "7"},
		"in another VPC":  elsewhere,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newStack(t, withAlarms(nil), aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
			first.Up(t)
			was := first.inAWS(t)
			second := quick(stacktest.Attach(t, withAlarms(set), first.AWS))
			second.OK(t, "stack", "init")
			second.Set(t, map[string]string{"protect": "false"})
			assert.Contains(t, second.Fails(t, "up", "--yes", "--skip-preview"), "ConflictException")
			second.OK(t, "destroy", "--yes")
			assert.Equal(t, was, first.inAWS(t))
		})
	}
}

// TestUpgrade deploys the program over a stack of version 0.1.0, whose security groups have no generated suffix: it
// updates in place, and replaces nothing.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := upgraded(t)
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	for _, step := range awsSteps(steps) {
		assert.Regexp(t, "^(update|create) |^(delete|replace) cloudwatch/metricAlarm ", step)
	}
	was := s.AWS.Snapshot()
	s.Up(t)
	is := s.AWS.Snapshot()
	for arn, cluster := range was.Clusters {
		require.Contains(t, is.Clusters, arn)
		assert.Equal(t, cluster.VPCs, is.Clusters[arn].VPCs)
	}
	require.Len(t, is.SecurityGroups, len(was.SecurityGroups))
	for id, g := range was.SecurityGroups {
		require.Contains(t, is.SecurityGroups, id)
		assert.Equal(t, g.Name, is.SecurityGroups[id].Name)
	}
	s.OK(t, "preview", "--refresh", "--expect-no-changes")

	s.Set(t, map[string]string{"protect": "false", "clusterName": "renamed"})
	s.Up(t)
	assert.Len(t, s.AWS.Snapshot().SecurityGroups, 3)
	s.Set(t, inOtherVPC)
	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	s.OK(t, "destroy", "--yes")
	left := s.AWS.Snapshot()
	assert.Empty(t, left.Clusters)
	assert.Empty(t, left.SecurityGroups)
	assert.Empty(t, left.Alarms)
	assert.Empty(t, left.Roles)
}

// upgraded returns a stack that version 0.1.0 deployed into the sandbox.
func upgraded(t *testing.T) *stack {
	t.Helper()
	read := func(name string) []byte {
		doc, err := os.ReadFile(filepath.Join("e2e", "testdata", "0.1.0", name))
		require.NoError(t, err)
		return doc
	}
	im := image{checkpoint: read("checkpoint.json"), sandbox: read("aws.json")}
	require.NoError(t, json.Unmarshal(read("config.json"), &im.config))
	s := im.stack(t)
	s.AWS.Edit(aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
	return s
}
