package e2e

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// TestDocsClients deploys the settings of docs/clients.md as they are written there, all at once.
func TestDocsClients(t *testing.T) {
	t.Parallel()
	settings := map[string]string{
		"clientCidrs": `["10.0.0.0/8","2001:db8::/32"]`, "observers": "true", "protect": "false",
	}
	for _, p := range pages(t) {
		for _, f := range p.fences {
			if p.path == "docs/clients.md" && f.info == "yaml" {
				maps.Copy(settings, documentedSettings(t, f.text))
			}
		}
	}
	for _, key := range []string{"clients", "furtherVpcs", "clusterPolicyServices"} {
		require.Contains(t, settings, key, "docs/clients.md has an example of each")
	}
	s := newStack(t, configtest.With(settings), aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB), withTeam)
	preview, stderr, code := s.Mskctl(t, nil, "preview", stacktest.Name)
	require.Zero(t, code, "%s\n%s", preview, stderr)
	for _, row := range []string{
		"`client-quant` | `iam/policy`", "`client-normalizer` | `iam/role`", "`client-okx-collector` | `iam/role`",
		"`client-alerts` | `iam/role`", "`client-archive` | `iam/role`", "`client-partner` | `iam/role`",
		"`brokers-vpc-11111111` | `ec2/securityGroup`", "`cluster` | `msk/clusterPolicy`", "`observer` | `iam/policy`",
	} {
		assert.Contains(t, preview, "| **create** | "+row, "the preview")
	}
	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	outputs := s.Outputs(t)
	assert.Len(t, outputs["clients"], 6)
	assert.Len(t, outputs["clientRoleArns"], 5, "quant has a policy only")
	s.OK(t, "destroy", "--yes", "--skip-preview")
	assert.Empty(t, s.AWS.Changed(), "AWS is as it was at the start")
}

// documentedSettings returns the settings of a block of a stack's file, as JSON.
func documentedSettings(t *testing.T, block string) map[string]string {
	t.Helper()
	var values map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(block), &values))
	settings := map[string]string{}
	for key, value := range values {
		name, ours := strings.CutPrefix(key, "msk-serverless:")
		require.True(t, ours, key)
		text, err := json.Marshal(value)
		require.NoError(t, err)
		settings[name] = string(text)
	}
	return settings
}
