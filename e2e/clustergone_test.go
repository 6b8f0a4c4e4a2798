package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// TestTheClusterIsGone follows docs/recovery.md, "The cluster is gone": the loss is confirmed, a protected stack is
// rebuilt with one command, and clients get new settings.
func TestTheClusterIsGone(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(map[string]string{
		"consumerTeams": `{"quant":{"topicPrefixes":["exchg."],"groupNames":["quant"]}}`,
	}))
	s.Up(t)
	settings := func(role ...string) map[string]string {
		t.Helper()
		stdout, stderr, code := s.Mskctl(t, nil, append([]string{"client-env", stacktest.Name, "--role"}, role...)...)
		require.Zero(t, code, stderr)
		return sourced(t, stdout)
	}
	outputs, collector, team := s.Outputs(t), settings("collector"), settings("consumer", "--team", "quant")
	s.AWS.Edit(func(a *aws.State) { clear(a.Clusters) })

	out, code := s.mskctl(t, nil, "drift", stacktest.Name)
	require.Equal(t, 11, code, out)
	assert.Contains(t, out, `docs/recovery.md, "The cluster is gone"`)
	steps, refusals := s.Plan(t, "--refresh")
	assert.Empty(t, refusals, "protection doesn't stop this")
	assert.Equal(t, []string{
		"create msk/serverlessCluster cluster", "update iam/policy consumer", "update iam/policy consumer-quant",
		"update iam/policy control-plane", "update iam/policy operator", "update iam/policy producer",
	}, steps)

	s.run(t, "pulumi up --refresh --yes")
	s.runs(t, nil, "drift", stacktest.Name)
	rebuilt := s.Outputs(t)
	for _, changed := range []string{"bootstrapBrokersSaslIam", "clusterArn", "clusterUuid"} {
		assert.NotEqual(t, outputs[changed], rebuilt[changed], changed)
		delete(outputs, changed)
		delete(rebuilt, changed)
	}
	assert.Equal(t, outputs, rebuilt, "policies, groups and names are the same")
	for _, was := range []map[string]string{collector, team} {
		was["KAFKA_BOOTSTRAP_SERVERS"] = s.Outputs(t)["bootstrapBrokersSaslIam"].(string)
	}
	assert.Equal(t, collector, settings("collector"))
	assert.Equal(t, team, settings("consumer", "--team", "quant"))
}
