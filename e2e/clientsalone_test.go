package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/config/configtest"
)

// TestClientsAlone uses the real CLI, which has the keys' types and defaults from Pulumi.yaml: it deploys clients
// without shared consumers, and adds one.
func TestClientsAlone(t *testing.T) {
	t.Parallel()
	s := newStack(
		t,
		configtest.With(
			map[string]string{"consumerTopicPrefixes": configtest.Unset, "consumerGroupNames": configtest.Unset},
		),
	)
	refusal := s.Fails(t, "up", "--yes", "--skip-preview")
	assert.Contains(t, refusal, "consumerTopicPrefixes: ")
	assert.Contains(t, refusal, "consumerGroupNames: ")
	assert.Empty(t, s.Changes())

	s.Set(
		t,
		map[string]string{
			"clients": `{"quant":{"reads":["exchg.binance."],"groups":["quant-live"]}}`,
		},
	)
	s.Up(t)
	outputs := s.Outputs(t)
	assert.NotContains(t, outputs, "consumerPolicyArn")
	assert.Equal(t, map[string]any{"quant": "arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-consumer-quant"},
		outputs["clientPolicyArns"])
	assert.NotContains(t, s.AWS.Snapshot().Policies, "crypto-stream-ap-south-1-consumer")

	s.Set(t, map[string]string{"clients": `{
		"quant":{"reads":["exchg.binance."],"groups":["quant-live"]},
		"research":{"reads":["exchg.okx."],"groups":["research"]}}`})
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.Equal(t, []string{"create iam/policy client-research", "update iam/policy operator"}, steps)
}
