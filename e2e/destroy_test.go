package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

func TestDestroy(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.AWS.ResetCalls()
	out, code := s.mskctl(t, nil, "destroy", stacktest.Name, "yes")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "not confirmed")
	assert.Empty(t, s.Changes())
	assert.Contains(t, s.Fails(t, "destroy", "--yes"), "protected", "and the protection is still there")

	announced := s.runs(t, nil, "destroy", stacktest.Name, stacktest.Name, "--check")
	assert.Contains(t, announced, "| `cluster` | `msk/serverlessCluster` |")
	assert.Regexp(t, `(?m)^headline=DATA LOSS; \d+ delete$`, announced)
	assert.Empty(t, s.Changes())

	s.AWS.Fail(
		aws.Fault{Operation: aws.Delete, Type: "aws:msk/serverlessCluster:ServerlessCluster", Error: aws.Unavailable},
	)
	out, code = s.mskctl(t, nil, "destroy", stacktest.Name, stacktest.Name)
	require.NotZero(t, code, out)
	assert.Contains(t, out,
		"unprotecting urn:pulumi:test::msk-serverless::aws:msk/serverlessCluster:ServerlessCluster::cluster")
	assert.NotEmpty(t, s.AWS.Snapshot().Clusters)

	s.AWS.Heal()
	assert.Contains(t, s.runs(t, nil, "destroy", stacktest.Name, stacktest.Name), "stack test is empty")
	assert.Empty(t, s.AWS.Changed(), "AWS is as it was at the start")
	s.runs(t, nil, "destroy", stacktest.Name, stacktest.Name)
}

func TestStackConfig(t *testing.T) {
	t.Parallel()
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	committed := "# Committed.\nencryptionsalt: v1:x\nconfig:\n  msk-serverless:clusterName: crypto-stream\n" +
		"  msk-serverless:subnetIds: [subnet-1, subnet-2]\n" +
		"  msk-serverless:tags:\n    Env: prod\n"
	file := filepath.Join(s.Dir, "Pulumi.test.yaml")
	require.NoError(t, os.WriteFile(file, []byte(committed), 0o644))

	assert.Contains(t, s.runs(t, []string{"STACK_CONFIG="}, "ci", "stack-config", "test"), "is used as committed")
	assert.Equal(t, committed, s.read(t, "Pulumi.test.yaml"))

	for _, secret := range []string{
		"config: [hidden", "hidden", "config: hidden", "other: hidden",
		"config: {}\n---\nconfig: {a: hidden}",
		"config: {a: 0123456701, b: hidden}", "config: {a: {b: [x, 1.10]}, b: hidden}", "config: {a: 2024-01-01, b: hidden}",
		"config: {a: 012345678901, b: hidden}", "config: {a: 0x1F, b: hidden}", "config: {a: +5, b: hidden}",
		"config: {pipeline:unreviewed: hidden}",
	} {
		out, code := s.mskctl(t, []string{"STACK_CONFIG=" + secret}, "ci", "stack-config", "test")
		assert.Equal(t, 1, code, secret)
		assert.NotContains(t, out, "hidden")
		assert.NotContains(t, out, "012345", "no value is quoted")
		assert.Equal(t, committed, s.read(t, "Pulumi.test.yaml"))
	}

	secret := "config:\n  msk-serverless:subnetIds: [subnet-3]\n" +
		"  msk-serverless:allowedAccountIds: [\"012345678901\"]\n  msk-serverless:tags:\n    Owner: hidden\n" +
		"  msk-serverless:protect: true\n  msk-serverless:accessScope: \"0123456701\"\n" +
		"  msk-serverless:maxConsumerLag: 250000\n"
	out := s.runs(t, []string{"STACK_CONFIG=" + secret}, "ci", "stack-config", "test")
	assert.Contains(t, out, "msk-serverless:allowedAccountIds")
	assert.NotContains(t, out, "hidden")
	assert.NotContains(t, out, "0123")
	var merged map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(s.read(t, "Pulumi.test.yaml")), &merged))
	assert.Equal(t, map[string]any{"encryptionsalt": "v1:x", "config": map[string]any{
		"msk-serverless:clusterName": "crypto-stream", "msk-serverless:subnetIds": []any{"subnet-3"},
		"msk-serverless:allowedAccountIds": []any{"012345678901"}, "msk-serverless:protect": true,
		"msk-serverless:accessScope": "0123456701", "msk-serverless:maxConsumerLag": 250000,
		"msk-serverless:tags": map[string]any{"Env": "prod", "Owner": "hidden"},
	}}, merged)

	for _, name := range []string{"x/../test", "../test", "nowhere", ""} {
		out, code := s.mskctl(t, []string{"STACK_CONFIG=" + secret}, "ci", "stack-config", name)
		assert.NotZero(t, code, out)
	}
}
