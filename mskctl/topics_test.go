package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topicsFolder is a folder as people have it inside the VPC, and the cluster there.
type topicsFolder struct {
	*kfake.Cluster
	dir string
}

const topicsCatalogue = `feeds:
  binance:
    pattern: exchg.binance.{stream}.{symbol}
    streams: {trades: , deltas: {settings: {retention.ms: 1d}}}
    symbols: [BTCUSDT, ETHUSDT]
`

func newTopicsFolder(t *testing.T) *topicsFolder {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	f := &topicsFolder{cluster, t.TempDir()}
	f.write(t, "operator.env",
		fmt.Sprintf("AWS_REGION=ap-south-1\nKAFKA_BOOTSTRAP_SERVERS=%s\n", cluster.ListenAddrs()[0]))
	f.write(t, "topics/prod.yaml", topicsCatalogue)
	return f
}

func (f *topicsFolder) write(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(f.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
}

// mskctl runs mskctl topics with the arguments, and returns its exit code and output.
func (f *topicsFolder) mskctl(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	s := &session{
		ctx: t.Context(), stdout: &out, stderr: &errs, dir: f.dir,
		getenv: func(string) string { return "" }, kafka: []kgo.Opt{kgo.ClientID("test")},
	}
	code = run(append([]string{"topics"}, args...), s)
	return code, out.String(), errs.String()
}

func (f *topicsFolder) expect(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	got, stdout, stderr := f.mskctl(t, args...)
	require.Equal(t, code, got, "%s\n%s%s", args, stdout, stderr)
	columns := regexp.MustCompile(` {2,}`)
	assert.Contains(t, columns.ReplaceAllString(stdout+stderr, "  "), columns.ReplaceAllString(want, "  "), args)
}

// A catalogue is planned, applied, checked, exported and cleaned up, with nothing but it and the operators'
// environment.
func TestTopics(t *testing.T) {
	t.Parallel()
	f := newTopicsFolder(t)
	const env = "--env=operator.env"
	f.expect(t, 0, "binance  4       4           0          $4.38", "plan", "prod", "--offline")
	f.expect(t, 0, "### Topics of stack prod\n\n| feed | topics |", "plan", "prod", "--offline", "--markdown")
	f.write(t, "summary.md", "## Preview\n")
	f.expect(t, 0, "clusters needed", "plan", "prod", "--offline", "--append=summary.md")
	summary, err := os.ReadFile(filepath.Join(f.dir, "summary.md"))
	require.NoError(t, err)
	assert.Contains(t, string(summary), "## Preview\n\n### Topics of stack prod\n")
	f.expect(t, 0, "topic prefixes are not checked: there is no Pulumi.prod.yaml here", "plan", "prod", "--offline")

	f.expect(t, 10, "create  exchg.binance.deltas.BTCUSDT  1 partition, retention.ms 1d", "plan", "prod", env)
	f.expect(t, 10, "create  4 topics, 4 partitions", "check", "prod", env)
	f.expect(t, 0, "All topics are as declared, and have leaders.", "apply", "prod", env)
	f.expect(t, 0, "as declared            4 topics", "plan", "prod", env)
	f.expect(t, 0, "as declared            4 topics", "apply", "prod", env)
	f.expect(t, 0, "", "check", "prod", env)

	require.NoError(t, f.CreateTopic("exchg.old.a", 1, nil))
	require.NoError(t, f.CreateTopic("exchg.old.b", 2, nil))
	f.expect(t, 0, "not declared  exchg.old.a  1 partition: left alone", "plan", "prod", env)
	f.expect(t, 10, "mskctl: the topics of stack prod differ from the catalogue", "check", "prod", env)
	code, exported, _ := f.mskctl(t, "export", env)
	require.Equal(t, 0, code)
	f.write(t, "exported.yaml", exported)
	f.expect(t, 0, "as declared            6 topics", "check", "prod", "--catalogue=exported.yaml", env)

	f.expect(t, 10, "delete  exchg.old.a  DATA LOSS: 1 partition", "plan", "prod", env, "--delete=exchg.old.*")
	f.expect(t, 1, "DATA LOSS: --delete would delete 2 topics with their records, and --delete-count confirms 0",
		"apply", "prod", env, "--delete=exchg.old.*")
	f.expect(t, 1, "--delete exchg.older.*: the cluster has no such topic",
		"apply", "prod", env, "--delete=exchg.older.*", "--delete-count=1")
	f.expect(t, 1, "exchg.binance.deltas.BTCUSDT is in the catalogue", "apply", "prod", env, "--delete=*",
		"--delete-count=6")
	f.expect(t, 0, "All topics are as declared", "apply", "prod", env, "--delete=exchg.old.*", "--delete-count=2")
	f.expect(t, 0, "", "check", "prod", env)

	f.write(t, "topics/prod.yaml",
		strings.Replace(topicsCatalogue, "trades:", "trades: {settings: {cleanup.policy: compact}}", 1))
	f.expect(t, 10, "refused       exchg.binance.trades.BTCUSDT", "plan", "prod", env)
	f.expect(t, 1, "cleanup.policy is delete, and the catalogue wants compact", "apply", "prod", env)
}

func TestTopicsRefusesTheWrongSettings(t *testing.T) {
	t.Parallel()
	f := newTopicsFolder(t)
	f.write(t, "bad.env",
		"KAFKA_BOOTSTRAP_SERVERS=localhost\nKAFKA_SECURITY_PROTOCOL=PLAINTEXT\nKAFKA_SASL_MECHANISM=PLAIN\n")
	for _, want := range []string{
		"AWS_REGION: not set; mskctl client-env <stack> --role operator prints it",
		`KAFKA_BOOTSTRAP_SERVERS: "localhost": must be host:port`,
		"KAFKA_SECURITY_PROTOCOL=PLAINTEXT: must be SASL_SSL, or unset",
		"KAFKA_SASL_MECHANISM=PLAIN: must be AWS_MSK_IAM, or unset",
	} {
		f.expect(t, 1, want, "plan", "prod", "--env=bad.env")
	}
	f.write(t, "broken.env", "AWS_REGION=x\nnothing\n")
	f.expect(t, 1, "broken.env:2: must be NAME=value", "check", "prod", "--env=broken.env")
	f.expect(t, 1, "--env: open ", "export", "--env=none.env")
	f.expect(t, 1, "topics/dev.yaml: no such file or directory: write a catalogue", "plan", "dev", "--offline")
	f.expect(t, 2, `no stack can be named "../prod"`, "plan", "../prod", "--offline")
	f.write(t, "topics/prod.yaml", "feeds: {f: {}}\nfoo: 1\n")
	f.expect(t, 1, "topics/prod.yaml:1: f: no pattern", "plan", "prod", "--offline")
	f.expect(t, 1, "topics/prod.yaml:2: catalogue: unknown key foo", "apply", "prod", "--env=operator.env")
}

// The prefixes come from the stack's file, or inside the VPC from the operators' environment.
func TestTopicsChecksPrefixes(t *testing.T) {
	t.Parallel()
	f := newTopicsFolder(t)
	f.write(t, "operator.env", "KAFKA_TOPIC_PREFIXES=trades.\n")
	f.expect(
		t,
		1,
		"topics/prod.yaml:5: topic exchg.binance.trades.BTCUSDT and 3 more of feed binance: no client may write it; "+
			"KAFKA_TOPIC_PREFIXES has the prefixes trades.",
		"plan",
		"prod",
		"--offline",
		"--env=operator.env",
	)
	stack, err := os.ReadFile("../Pulumi.prod.yaml")
	require.NoError(t, err)
	f.write(t, "Pulumi.prod.yaml", string(stack))
	f.expect(t, 0, "binance", "plan", "prod", "--offline")
	f.write(t, "topics/prod.yaml", topicsCatalogue+"topics: {trades.x: , other.x: }\n")
	f.expect(t, 1,
		"topics/prod.yaml:6: topic other.x: no client may write it; Pulumi.prod.yaml has the prefixes exchg., trades.",
		"plan", "prod", "--offline")
	f.write(t, "topics/prod.yaml", topicsCatalogue+"topics: {trades.x: }\n")
	f.expect(t, 0,
		"warning: topics/prod.yaml:6: topic trades.x: no client may read it: Pulumi.prod.yaml lets clients read exchg.",
		"plan", "prod", "--offline")
	f.write(t, "Pulumi.prod.yaml", "config:\n  msk-serverless:clusterName: x\n")
	f.expect(t, 1, "Pulumi.prod.yaml: the configuration has errors", "plan", "prod", "--offline")
}

// The time of a plan isn't asserted, since tests share the machine; it is about a quarter of a second.
func TestTopicsPlansThousands(t *testing.T) {
	t.Parallel()
	f := newTopicsFolder(t)
	var symbols []string
	for i := range 1200 {
		symbols = append(symbols, fmt.Sprintf("S%04d", i))
		for _, stream := range []string{"trades", "deltas"} {
			require.NoError(t, f.CreateTopic("exchg.binance."+stream+"."+symbols[i], 1, nil))
		}
	}
	f.write(t, "topics/prod.yaml", strings.Replace(topicsCatalogue, "BTCUSDT, ETHUSDT", strings.Join(symbols, ", "), 1))
	start := time.Now()
	f.expect(t, 10, "alter  1,200 topics", "plan", "prod", "--env=operator.env")
	t.Logf("plan of 2,400 topics: %s", time.Since(start))
}

// What client-env writes into an environment file is read back.
func TestTopicsReadsEnvironmentFiles(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"plain", "a,b:9098", `with "quotes" and \ and $x`, "back`tick", " "} {
		quoted := value
		if !plainValue.MatchString(value) {
			quoted = `"` + envEscapes.Replace(value) + `"`
		}
		f := newTopicsFolder(t)
		f.write(t, "x.env", "# comment\n\nX="+quoted+"\n")
		s := &session{dir: f.dir, getenv: func(string) string { return "outside" }}
		env, err := s.clientEnv("x.env")
		require.NoError(t, err)
		assert.Equal(t, value, env("X"))
		assert.Equal(t, "outside", env("Y"))
	}
}
