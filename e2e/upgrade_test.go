package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/sandbox/aws"
)

// TestUpgradeKeepsTeamsPolicies goes on with a state that version 0.1.0 (commit 1a3c9a3) deployed in the sandbox, with
// the teams quant and research in consumerTeams. Their policies are attached to other people's roles, so they could
// not be deleted.
func TestUpgradeKeepsTeamsPolicies(t *testing.T) {
	t.Parallel()
	checkpoint, err := os.ReadFile("e2e/testdata/upgrade/state.json")
	require.NoError(t, err)
	sandbox, err := os.ReadFile("e2e/testdata/upgrade/aws.json")
	require.NoError(t, err)
	config := configtest.With(map[string]string{
		"alarmTopicArn": "arn:aws:sns:ap-south-1:123456789012:operators", "clients": configtest.Readers,
	})
	s := image{config, checkpoint, sandbox}.stack(t)
	const quant = "crypto-stream-ap-south-1-consumer-quant"
	s.AWS.Edit(func(sandbox *aws.State) {
		sandbox.Roles["quant-app"] = &aws.Role{
			Path: "/", TrustPolicy: otherTrust, Attached: []string{"arn:aws:iam::123456789012:policy/" + quant},
		}
	})
	steps, refusals := s.Plan(t)
	require.Empty(t, refusals)
	assert.Contains(t, steps, "update iam/policy control-plane")
	for _, step := range awsSteps(steps) {
		assert.NotRegexp(t, "^(create|delete|replace) (iam|msk|ec2|vpc)/", step)
	}

	before := s.AWS.Snapshot()
	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	after := s.AWS.Snapshot()
	for _, name := range []string{quant, "crypto-stream-ap-south-1-consumer-research"} {
		require.Contains(t, after.Policies, name)
		assert.Equal(t, before.Policies[name].ID, after.Policies[name].ID, "the same policy")
		assert.JSONEq(t, before.Policies[name].Document, after.Policies[name].Document)
	}

	// A client that was a team can be given a role, and write.
	s.Set(t, map[string]string{"clients": strings.Replace(configtest.Readers, `"quant":    {`,
		`"quant": {"writes": ["signals."], "runsOn": {"ecs": true},`, 1)})
	steps, refusals = s.Plan(t)
	require.Empty(t, refusals)
	assert.Equal(t, []string{
		"create iam/role client-quant", "create iam/rolePolicyAttachment client-quant-kafka",
		"create iam/rolePolicyAttachment client-quant-logs", "create iam/rolePolicyAttachmentsExclusive client-quant",
		"update iam/policy client-quant", "update iam/policy operator",
	}, awsSteps(steps))
}
