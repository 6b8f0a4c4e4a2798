package e2e

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
)

// oddGroup is a legal name with characters that mean something to shells and to Java's properties.
const oddGroup = "q$HOME`x`#;&|(!)=%n"

func TestClientEnv(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(map[string]string{
		"producerTopicPrefixes": `["exchg.","trades."]`,
		"consumerTopicPrefixes": `["exchg."]`,
		"consumerGroupNames":    `["team-quant"]`,
		"clients": `{"odd":{"reads":["trades.","exchg.x"],"groups":["odd","` + oddGroup + `"]},` +
			`"plain":{"reads":["exchg."],"writes":["plain."],"groups":["ab"],"runsOn":{"ec2":true}}}`,
	}))
	clientEnv := func(args ...string) string {
		t.Helper()
		stdout, stderr, code := s.Mskctl(t, nil, append([]string{"client-env", stacktest.Name}, args...)...)
		require.Zero(t, code, stderr)
		assert.Empty(t, stderr)
		return stdout
	}
	refuses := func(code int, why string, args ...string) {
		t.Helper()
		stdout, stderr, got := s.Mskctl(t, nil, append([]string{"client-env", stacktest.Name}, args...)...)
		assert.Equal(t, code, got)
		assert.Contains(t, stderr, why)
		assert.Empty(t, stdout, "half a configuration is worse than none")
	}
	refuses(1, "it isn't deployed", "--role", "collector")
	s.Up(t)
	brokers := s.Outputs(t)["bootstrapBrokersSaslIam"].(string)
	env := func(args ...string) map[string]string {
		t.Helper()
		return sourced(t, clientEnv(args...))
	}

	common := map[string]string{
		"AWS_REGION": "ap-south-1", "KAFKA_BOOTSTRAP_SERVERS": brokers,
		"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
	}
	assert.Equal(t, merged(common, map[string]string{
		"KAFKA_ACKS": "all", "KAFKA_ENABLE_IDEMPOTENCE": "true", "KAFKA_COMPRESSION_TYPE": "zstd",
		"KAFKA_LINGER_MS":      "10",
		"KAFKA_TOPIC_PREFIXES": "exchg.,trades.",
		"MSK_CLUSTER_NAME":     "crypto-stream",
		"MSK_LOG_GROUP":        "/aws/msk/crypto-stream/broker",
	}), env("--role", "collector"))
	assert.Equal(t, merged(common, map[string]string{
		"KAFKA_TOPIC_PREFIXES": "exchg.", "KAFKA_GROUP_IDS": "team-quant",
	}), env("--role", "consumer"))
	odd := merged(common, map[string]string{
		"KAFKA_TOPIC_PREFIXES": "trades.,exchg.x", "KAFKA_GROUP_IDS": "odd," + oddGroup,
	})
	assert.Equal(t, odd, env("--client", "odd", "--format", "env"))

	assert.Equal(t, common, env("--role", "operator"), "the brokers, and nothing secret")

	collector := clientEnv("--role", "collector", "--format", "properties")
	for _, line := range []string{
		"bootstrap.servers=" + brokers, "security.protocol=SASL_SSL", "sasl.mechanism=AWS_MSK_IAM",
		"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;",
		"sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler",
		"acks=all", "enable.idempotence=true", "compression.type=zstd", "linger.ms=10",
	} {
		assert.Contains(t, strings.Split(collector, "\n"), line)
	}
	consumer := clientEnv("--role", "consumer", "--format", "properties")
	assert.Contains(t, consumer, "\ngroup.id=team-quant\n")
	assert.NotContains(t, consumer, "acks=")
	choice := clientEnv("--client", "odd", "--format", "properties")
	assert.Contains(t, choice, "\n#group.id="+oddGroup+"\n", "with several groups, people choose")

	var cloudInit struct {
		WriteFiles []struct{ Path, Content, Permissions string } `yaml:"write_files"`
	}
	doc := clientEnv("--client", "odd", "--format", "user-data")
	require.True(t, strings.HasPrefix(doc, "#cloud-config\n"), "which cloud-init looks for")
	require.NoError(t, yaml.Unmarshal([]byte(doc), &cloudInit))
	require.Len(t, cloudInit.WriteFiles, 2)
	assert.Equal(t, "/etc/msk/client.env", cloudInit.WriteFiles[0].Path)
	assert.Equal(t, odd, sourced(t, cloudInit.WriteFiles[0].Content))
	assert.Equal(t, "/etc/msk/client.properties", cloudInit.WriteFiles[1].Path)
	assert.Equal(t, choice, cloudInit.WriteFiles[1].Content)

	var all struct {
		Region, Client           string
		BootstrapServers, Groups []string
		Launch                   map[string]string
	}
	plain := clientEnv("--client", "plain", "--format", "json")
	require.NoError(t, json.Unmarshal([]byte(plain), &all))
	assert.Equal(t, []string{"ab"}, all.Groups)
	assert.Equal(t, []string{brokers}, all.BootstrapServers)
	assert.Regexp(t, `policy/crypto-stream-ap-south-1-consumer-plain$`, all.Launch["policyArn"])
	assert.Regexp(t, `role/crypto-stream-ap-south-1-client-plain$`, all.Launch["roleArn"])
	assert.Equal(t, "crypto-stream-ap-south-1-client-plain", all.Launch["instanceProfileName"])

	refuses(1, "no client \"nobody\" is deployed; deployed clients: odd, plain", "--client", "nobody")
	refuses(2, "--role and --client can't be used together", "--role", "collector", "--client", "odd")
	refuses(2, "--role")
	refuses(2, `--role must be one of "collector","consumer","operator"`, "--role", "producer")
	refuses(2, "--format must be one of", "--role", "collector", "--format", "yaml")
	refuses(2, "--clients", "--clients", "odd")

	s.Set(t, map[string]string{"clients": `{"new":{"reads":["exchg."],"groups":["new"]}}`})
	refuses(1, "no client \"new\" is deployed", "--client", "new")
}

// sourced is what a shell makes of the file.
func sourced(t *testing.T, file string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `set -aeu; source /dev/stdin; env -0`)
	cmd.Env, cmd.Stdin = []string{"PATH=/usr/bin:/bin", "HOME=/root"}, strings.NewReader(file)
	out, err := cmd.Output()
	require.NoError(t, err, "%s", file)
	env := map[string]string{}
	for kv := range strings.SplitSeq(string(out), "\x00") {
		if k, v, _ := strings.Cut(kv, "="); slices.Contains([]string{"AWS", "KAFKA", "MSK"}, strings.SplitN(k, "_", 2)[0]) {
			env[k] = v
		}
	}
	return env
}

func merged(a, b map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}
