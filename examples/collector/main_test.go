package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRunRefusesArguments(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, 2, "usage: collector produce|consume|check"},
		{[]string{"help"}, 0, "usage: collector produce|consume|check"},
		{[]string{"-h"}, 0, "usage: collector produce|consume|check"},
		{[]string{"prodcue"}, 2, "usage: collector produce|consume|check"},
		{[]string{"produce", "-h"}, 0, "-partitions"},
		{[]string{"produce", "-bogus"}, 2, "flag provided but not defined: -bogus"},
		{[]string{"consume", "exchg."}, 2, `"exchg." is no flag`},
		{[]string{"check", "-timeout", "soon"}, 2, `invalid value "soon"`},
	} {
		p := k.program()
		assert.Equal(t, c.status, p.run(t.Context(), c.args), c.args)
		assert.Contains(t, p.err.String(), c.want)
	}
	p := k.program()
	p.environ = nil
	assert.Zero(t, p.run(t.Context(), []string{"check", "-h"}), "help needs no environment")
	assert.Equal(t, 2, p.run(t.Context(), []string{"produce"}))
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	s, err := readSettings(k.environ("KAFKA_LINGER_MS=10", "KAFKA_BOOTSTRAP_SERVERS=a:1,b:2", "HOME=/root"))
	require.NoError(t, err)
	assert.Equal(t, settings{
		brokers: []string{"a:1", "b:2"}, prefixes: []string{"exchg.", "trades."}, groups: []string{"team-quant"}, linger: 10 * time.Millisecond,
	}, s)
	s, err = readSettings(k.environ("KAFKA_LINGER_MS=0"))
	require.NoError(t, err)
	assert.Zero(t, s.linger)
	s, err = readSettings([]string{
		"AWS_REGION=ap-south-1", "KAFKA_TOPIC_PREFIXES=exchg.", "KAFKA_ACKS=",
		"KAFKA_BOOTSTRAP_SERVERS=boot-x1.c2.kafka-serverless.ap-south-1.amazonaws.com:9098",
	})
	require.NoError(t, err, "what has one value may be left out")
	assert.Equal(t, 10*time.Millisecond, s.linger)
}

func TestReadSettingsRefuses(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	for _, c := range []struct{ change, want string }{
		{"KAFKA_SECURITY_PROTOCOL=PLAINTEXT", `KAFKA_SECURITY_PROTOCOL="PLAINTEXT": write SASL_SSL or unset it`},
		{"KAFKA_SASL_MECHANISM=SCRAM-SHA-512", `KAFKA_SASL_MECHANISM="SCRAM-SHA-512": write AWS_MSK_IAM or unset it`},
		{"KAFKA_ACKS=1", `KAFKA_ACKS="1": write all or unset it`},
		{"KAFKA_ENABLE_IDEMPOTENCE=false", `KAFKA_ENABLE_IDEMPOTENCE="false": write true or unset it`},
		{"KAFKA_COMPRESSION_TYPE=gzip", `KAFKA_COMPRESSION_TYPE="gzip": write zstd or unset it`},
		{"KAFKA_LINGER_MS=10ms", `KAFKA_LINGER_MS="10ms": write 0 to 60000`},
		{"KAFKA_LINGER_MS=-1", `KAFKA_LINGER_MS="-1": write 0 to 60000`},
		{"KAFKA_LINGER_MS=60001", `KAFKA_LINGER_MS="60001": write 0 to 60000`},
		{"KAFKA_BATCH_SIZE=1", `KAFKA_BATCH_SIZE="1": unset it`},
		{"KAFKA_BOOTSTRAP_SERVERS=", `KAFKA_BOOTSTRAP_SERVERS="": write the stack's output bootstrapBrokersSaslIam`},
		{"KAFKA_BOOTSTRAP_SERVERS=a:1,b", `KAFKA_BOOTSTRAP_SERVERS="a:1,b": write "b" as host:port`},
		{"KAFKA_BOOTSTRAP_SERVERS=a:1,", `KAFKA_BOOTSTRAP_SERVERS="a:1,": write "" as host:port`},
		{"KAFKA_BOOTSTRAP_SERVERS=x.c1.kafka-serverless.eu-west-1.amazonaws.com:9098", `AWS_REGION="ap-south-1": write the region of x.c1`},
		{"KAFKA_TOPIC_PREFIXES=_x,a/b", `KAFKA_TOPIC_PREFIXES="_x,a/b": write "a/b" in 1 to 249`},
		{"KAFKA_GROUP_IDS=a,,b", `KAFKA_GROUP_IDS="a,,b": write a group`},
		{"AWS_REGION=", `AWS_REGION="": write the stack's output region`},
		{"KAFKA_TOPIC_PREFIXES=", `KAFKA_TOPIC_PREFIXES="": write the prefixes`},
		{"KAFKA_TOPIC_PREFIXES=exchg.*", `KAFKA_TOPIC_PREFIXES="exchg.*": write "exchg.*" in 1 to 249`},
		{"KAFKA_TOPIC_PREFIXES=exchg.,", `KAFKA_TOPIC_PREFIXES="exchg.,": write "" in 1 to 249`},
	} {
		_, err := readSettings(k.environ(c.change))
		require.ErrorAs(t, err, new(refused), c.change)
		assert.ErrorContains(t, err, c.want)
		assert.Equal(t, 1, strings.Count(err.Error(), "="), "no other problem: %v", err)
	}
	_, err := readSettings(k.environ("AWS_REGION=", "KAFKA_BOOTSTRAP_SERVERS=x.c1.kafka-serverless.eu-west-1.amazonaws.com:9098"))
	assert.Equal(t, 1, strings.Count(err.Error(), "="), "one problem is told once: %v", err)
	_, err = readSettings(k.environ("KAFKA_ACKS=1", "KAFKA_BATCH_SIZE=1", "KAFKA_TOPIC_PREFIXES="))
	assert.Equal(t, 3, strings.Count(err.Error(), "="), "all at once: %v", err)
}

func TestVerifyTopic(t *testing.T) {
	t.Parallel()
	for topic, legal := range map[string]bool{
		"exchg.binance.spot.trades.BTCUSDT":   true,
		"exchg.a_b-C9":                        true,
		"exchg." + strings.Repeat("x", 243):   true,
		"exchg." + strings.Repeat("x", 244):   false,
		"exchg.binance.spot::trades::BTCUSDT": false,
		"exchg.BTC/USDT":                      false,
		"exchg.é":                             false,
		"exchg.a\n":                           false,
		"":                                    false,
		".":                                   false,
		"..":                                  false,
		".a":                                  true,
		"exchg":                               false,
		"xexchg.a":                            false,
		"trades.a":                            true,
		"EXCHG.a":                             false,
	} {
		err := settings{prefixes: []string{"exchg.", "trades.", "."}}.verifyTopic(topic)
		assert.Equal(t, legal, err == nil, "%q: %v", topic, err)
	}
}

// Each connection is proved with the credentials of that moment, for the region at hand.
func TestCredentialsOfTheMoment(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	ctx, signal := testContext(t)
	p := k.program()
	n := make(chan int, 1)
	n <- 0
	p.credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		i := <-n
		n <- i + 1
		return aws.Credentials{AccessKeyID: fmt.Sprint("AKID", i), SecretAccessKey: "secret", SessionToken: fmt.Sprint("token", i)}, nil
	})
	p.feed = emits(1, signal)
	require.Zero(t, p.run(ctx, []string{"produce"}), p.err)

	k.mu.Lock()
	defer k.mu.Unlock()
	require.Greater(t, len(k.proofs), 1)
	seen := map[string]bool{}
	for _, proof := range k.proofs {
		key, scope, _ := strings.Cut(proof["x-amz-credential"], "/")
		assert.False(t, seen[key], "%s is used again", key)
		seen[key] = true
		assert.Equal(t, "token"+strings.TrimPrefix(key, "AKID"), proof["x-amz-security-token"])
		assert.Contains(t, scope, "/ap-south-1/kafka-cluster/")
		assert.Equal(t, "kafka-cluster:Connect", proof["action"])
	}
}

// The program as a process: its own main, the default credential chain, the system's roots, real signals.
func TestProcess(t *testing.T) {
	t.Parallel()
	k := startKafka(t, kfake.SeedTopics(1, btc))
	roots := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.trust.Raw}), 0o600))
	ctx, _ := testContext(t)
	start := func(args ...string) (*exec.Cmd, *bufio.Scanner, *output) {
		cmd := exec.CommandContext(ctx, os.Args[0], args...)
		cmd.Env = append(k.environ(), "RUN_COLLECTOR=1", "SSL_CERT_FILE="+roots, "SSL_CERT_DIR="+filepath.Dir(roots), "AWS_EC2_METADATA_DISABLED=true",
			"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "HOME="+filepath.Dir(roots))
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		errs := &output{}
		cmd.Stderr = errs
		require.NoError(t, cmd.Start())
		return cmd, bufio.NewScanner(stdout), errs
	}

	acknowledged := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
	produce, _, errs := start("produce")
	require.NoError(t, acknowledged.Wait(ctx, 3))
	require.NoError(t, produce.Process.Signal(syscall.SIGTERM))
	require.NoError(t, produce.Wait(), errs)
	written := k.length(btc)
	assert.Positive(t, written)
	assert.Contains(t, errs.String(), fmt.Sprintf("%d trades taken from the feed, %d acknowledged", written, written))

	consume, lines, errs := start("consume")
	for range written {
		require.True(t, lines.Scan(), errs)
		assert.Contains(t, lines.Text(), `"Symbol":"BTCUSDT"`)
	}
	require.NoError(t, consume.Process.Signal(syscall.SIGINT))
	require.NoError(t, consume.Wait(), errs)
	assert.Contains(t, errs.String(), fmt.Sprintf("%d trades processed", written))
	assert.Equal(t, written, k.committed("team-quant", btc))

	check, _, errs := start("check", "-role", "both")
	require.NoError(t, check.Wait(), errs)
}
