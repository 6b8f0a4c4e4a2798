package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

// What a role must not trust or can't hold is found before anything is created.
func TestTrustIsVerified(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws"}
	pods := `[{"cluster":"md","namespace":"n","serviceAccount":"s0"}`
	for i := range 7 {
		pods += `,{"cluster":"md","namespace":"n","serviceAccount":"` + strings.Repeat("t", i+1) + `"}`
	}
	for _, c := range []struct{ name, settings, key, want string }{
		{"all kinds", "", "", ""},
		{
			"own account", `"runsOn":{"account":{"id":"123456789012","externalId":"ab"}}`,
			"clients.a.runsOn.account.id", "the stack's own account",
		},
		{
			"provider of another account",
			`"runsOn":{"irsa":{"providerArn":"arn:aws:iam::111122223333:oidc-provider/x","namespace":"n","serviceAccount":"s"}}`,
			"clients.a.runsOn.irsa", "a provider of the stack's account",
		},
		{
			"policy of another account", `"runsOn":{"ecs":true},"policyArns":["arn:aws:iam::111122223333:policy/p"]`,
			"clients.a.policyArns", "a policy of the stack's account",
		},
		{
			"policy of another partition", `"runsOn":{"ecs":true},"policyArns":["arn:aws-cn:iam::aws:policy/p"]`,
			"clients.a.policyArns", "a policy of the stack's account",
		},
		{
			"too many service accounts", `"runsOn":{"podIdentity":` + pods + `]}`,
			"clients.a.runsOn", "IAM allows 2048",
		},
	} {
		clients := configtest.Clients
		if c.settings != "" {
			clients = `{"a":{"writes":["a."],` + c.settings + `}}`
		}
		cfg, err := config.Parse(project.Name, configtest.With(map[string]string{"clients": clients}))
		require.NoError(t, err, c.name)
		var ps config.Problems
		verifyTrust(cfg, acct, &ps)
		if c.key == "" {
			assert.Empty(t, ps, c.name)
			continue
		}
		require.Len(t, ps, 1, c.name)
		assert.Equal(t, c.key, ps[0].Key, c.name)
		assert.Contains(t, ps[0].Want, c.want, c.name)
	}
}
