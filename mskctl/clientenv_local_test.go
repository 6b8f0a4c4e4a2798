package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// --local changes the brokers and adds the CA, in each format, and nothing else.
func TestClientEnvLocal(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:kafka:ap-south-1:123456789012:cluster/c/1-s1"
	file := filepath.Join(t.TempDir(), "kafka.json")
	settings, err := newClientSettings("test", collectorRole, "", clientTestOutputs(t, "default"))
	require.NoError(t, err)
	aws := settings.BootstrapServers[0]
	local := settings
	require.ErrorContains(t, local.useLocalFile(file, arn), "go run ./sandbox kafka")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o644))
	require.ErrorContains(t, local.useLocalFile(file, arn), file)
	require.NoError(t, os.WriteFile(file, []byte(
		`{"clusterArn":"`+arn+`","bootstrapBrokersSaslIam":"127.0.0.1:9098","caFile":"/x/ca.pem"}`), 0o644))
	require.ErrorContains(t, local.useLocalFile(file, arn+"2"), "start it again")
	require.NoError(t, local.useLocalFile(file, arn))
	for format, added := range map[string]string{
		"env":        "KAFKA_CA_FILE=/x/ca.pem\n",
		"properties": "ssl.truststore.type=PEM\nssl.truststore.location=/x/ca.pem\n",
		"json":       "  \"caFile\": \"/x/ca.pem\",\n",
	} {
		got, err := local.format(format)
		require.NoError(t, err)
		require.Contains(t, got, added)
		want, err := settings.format(format)
		require.NoError(t, err)
		assert.Equal(t, strings.ReplaceAll(want, aws, "127.0.0.1:9098"), strings.Replace(got, added, "", 1), format)
	}
}
