package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/examples/collector/localexchange"
)

// Wrong flags and a wrong environment end the program at once, before it calls a broker, with all that is wrong.
func TestRefusesAtOnce(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		produce := func(flags ...string) []string { return append([]string{"produce", "-symbols", "BTCUSDT"}, flags...) }
		for _, c := range []struct {
			args []string
			env  string
			want string
		}{
			{[]string{"prodcue"}, "", "usage: collector produce|consume|check"},
			{produce("-bogus"), "", "flag provided but not defined: -bogus"},
			{[]string{"consume", "exchg."}, "", `"exchg." is not a flag`},
			{produce("-exchange", "mtgox"), "", `-exchange "mtgox": write one of binance`},
			{[]string{"produce"}, "", `-symbols "": write symbols`},
			{produce("-symbols", "@/nowhere"), "", `-symbols "@/nowhere": open /nowhere`},
			{produce("-symbols", "BTC/USDT"), "", `topic "exchg.binance.spot.trades.BTC/USDT": write it in`},
			{produce("-symbols", strings.Repeat("x", 249)), "", "write it in 1 to 249"},
			{produce("-topic", "other.{symbol}"), "", `begin it with one of KAFKA_TOPIC_PREFIXES="exchg.,trades."`},
			{produce("-streams", "candles"), "", `-streams "candles": write trades,orderbook-delta`},
			{produce("-partitions", "0"), "", "-partitions 0: write 1 to 2400"},
			{produce("-max-message-bytes", "9000000"), "", "-max-message-bytes 9000000: write 1000 to 8388608"},
			{produce("-buffer-mib", "0"), "", "-buffer-mib 0: write more"},
			{produce("-stale", "1ms"), "", "-stale 1ms: write 1s or more"},
			{produce(), "COLLECTOR_DRAIN=soon", `COLLECTOR_DRAIN="soon": `},
			{produce(), "COLLECTOR_DRIAN=1s", `COLLECTOR_DRIAN="1s": `},
			{produce("-partitions", "0", "-buffer-mib", "0"), "KAFKA_ACKS=1", "-partitions 0"},
			{produce("-partitions", "0"), "KAFKA_ACKS=1", `KAFKA_ACKS="1"`},
			{[]string{"consume", "-group", "other"}, "", `-group "other": name one of KAFKA_GROUP_IDS="team-quant"`},
			{[]string{"consume", "-batch-time", "1m"}, "", "-batch-time 1m0s: write more than 0 and at most 30s"},
			{[]string{"check"}, "", `-role "": write collector or consumer`},
			{[]string{"check", "-role", "consumer", "-topic", "x"}, "", `topic "x": begin it`},
		} {
			p := w.start(c.args, func(p *program) { p.environ = append(p.environ, c.env) })
			<-p.done
			assert.Equal(t, 2, p.status, c.args)
			assert.Contains(t, p.err.String(), c.want)
		}
		assert.Empty(t, w.conns, "no broker is called")
		for _, help := range [][]string{{"-h"}, {"help"}, {"produce", "-h"}, {"check", "-h"}} {
			p := w.start(help, func(p *program) { p.environ = nil })
			<-p.done
			assert.Zero(t, p.status, "help needs no environment")
		}
		first := w.start(produce())
		first.running(t)
		second := w.start(produce("-listen", first.ops))
		<-second.done
		assert.Equal(t, 2, second.status)
		assert.Contains(t, second.err.String(), "-listen")
	})
}

// A flag can come from the environment, and the command line has precedence.
func TestFlagsFromTheEnvironment(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		p := w.start([]string{"produce", "-streams", "trades"}, func(p *program) {
			p.environ = append(p.environ, "COLLECTOR_SYMBOLS=BTCUSDT,ETHUSDT", "COLLECTOR_STREAMS=orderbook-delta")
		})
		time.Sleep(10 * time.Second)
		p.running(t)
		_, streams := w.exchange.Clients()
		assert.Equal(t, 2, streams)
	})
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	environ := func(changes ...string) []string {
		return append([]string{
			"AWS_REGION=ap-south-1", "KAFKA_BOOTSTRAP_SERVERS=a:1,b:2", "KAFKA_TOPIC_PREFIXES=exchg.,trades.",
			"KAFKA_SECURITY_PROTOCOL=SASL_SSL", "KAFKA_SASL_MECHANISM=AWS_MSK_IAM", "KAFKA_LINGER_MS=20", "HOME=/root",
		}, changes...)
	}
	s, err := readSettings(environ())
	require.NoError(t, err)
	assert.Equal(t, settings{
		brokers: []string{"a:1", "b:2"}, prefixes: []string{"exchg.", "trades."}, linger: 20 * time.Millisecond,
	}, s)
	assert.Equal(t, s.prefixes, s.reading().prefixes)
	s, err = readSettings(environ("KAFKA_READ_TOPIC_PREFIXES=raw.,trades."))
	require.NoError(t, err)
	assert.Equal(t, []string{"exchg.", "trades."}, s.prefixes)
	assert.Equal(t, []string{"raw.", "trades."}, s.reading().prefixes, "what a client reads that also writes")
	for _, c := range []struct{ change, want string }{
		{"KAFKA_SECURITY_PROTOCOL=PLAINTEXT", `KAFKA_SECURITY_PROTOCOL="PLAINTEXT": write SASL_SSL or unset it`},
		{"KAFKA_SASL_MECHANISM=SCRAM-SHA-512", `KAFKA_SASL_MECHANISM="SCRAM-SHA-512": write AWS_MSK_IAM or unset it`},
		{"KAFKA_ACKS=1", `KAFKA_ACKS="1": write all or unset it`},
		{"KAFKA_ENABLE_IDEMPOTENCE=false", `KAFKA_ENABLE_IDEMPOTENCE="false": write true or unset it`},
		{"KAFKA_COMPRESSION_TYPE=gzip", `KAFKA_COMPRESSION_TYPE="gzip": write zstd or unset it`},
		{"KAFKA_LINGER_MS=10ms", `KAFKA_LINGER_MS="10ms": write 0 to 60000`},
		{"KAFKA_LINGER_MS=60001", `KAFKA_LINGER_MS="60001": write 0 to 60000`},
		{"KAFKA_BATCH_SIZE=1", `KAFKA_BATCH_SIZE="1": unset it`},
		{"KAFKA_CA_FILE=/nowhere", `KAFKA_CA_FILE="/nowhere": name a readable file`},
		{"KAFKA_CA_FILE=main.go", `KAFKA_CA_FILE="main.go": name a readable file`},
		{"MSK_LOG_GROUP=/aws/msk/x/broker", `MSK_LOG_GROUP="/aws/msk/x/broker": set it and MSK_CLUSTER_NAME, or neither`},
		{"KAFKA_BOOTSTRAP_SERVERS=", `KAFKA_BOOTSTRAP_SERVERS="": write the stack's output bootstrapBrokersSaslIam`},
		{"KAFKA_BOOTSTRAP_SERVERS=a:1,b", `KAFKA_BOOTSTRAP_SERVERS="a:1,b": write "b" as host:port`},
		{
			"KAFKA_BOOTSTRAP_SERVERS=x.c1.kafka-serverless.eu-west-1.amazonaws.com:9098",
			`AWS_REGION="ap-south-1": write the region of x.c1`,
		},
		{"KAFKA_TOPIC_PREFIXES=exchg.*", `KAFKA_TOPIC_PREFIXES="exchg.*": write "exchg.*" in 1 to 249`},
		{"KAFKA_TOPIC_PREFIXES=exchg.,", `KAFKA_TOPIC_PREFIXES="exchg.,": write "" in 1 to 249`},
		{"KAFKA_READ_TOPIC_PREFIXES=a/b", `KAFKA_READ_TOPIC_PREFIXES="a/b": write "a/b" in 1 to 249`},
		{"KAFKA_GROUP_IDS=a,,b", `KAFKA_GROUP_IDS="a,,b": write a group`},
		{"AWS_REGION=", `AWS_REGION="": write the stack's output region`},
	} {
		_, err := readSettings(environ(c.change))
		require.ErrorAs(t, err, new(refused), c.change)
		assert.ErrorContains(t, err, c.want)
		assert.NotContains(t, err.Error(), "\n", "no other problem")
	}
	_, err = readSettings(environ("KAFKA_ACKS=1", "KAFKA_BATCH_SIZE=1", "KAFKA_TOPIC_PREFIXES="))
	assert.Equal(t, 2, strings.Count(err.Error(), "\n"), "all at once: %v", err)
}

func TestVerifyTopic(t *testing.T) {
	t.Parallel()
	for topic, legal := range map[string]bool{
		"exchg.binance.spot.trades.BTCUSDT": true, "exchg.a_b-C9": true, ".a": true, "trades.a": true,
		"exchg." + strings.Repeat("x", 243): true, "exchg." + strings.Repeat("x", 244): false,
		"exchg.binance.spot::trades::BTCUSDT": false, "exchg.BTC/USDT": false, "exchg.é": false, "exchg.a\n": false,
		"": false, ".": false, "..": false, "exchg": false, "xexchg.a": false, "EXCHG.a": false,
	} {
		err := settings{prefixes: []string{"exchg.", "trades.", "."}}.verifyTopic(topic)
		assert.Equal(t, legal, err == nil, "%q: %v", topic, err)
	}
}

// A collector's role can't read and a consumer's can't write: each walks as far as its policy reaches.
func TestCheck(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		for role, steps := range map[string][]string{
			"collector": {"connect", "credentials", "IAM", "produce"},
			"consumer":  {"connect", "credentials", "IAM", "group", "consume"},
		} {
			if role == "consumer" && w.length("exchg.check") == 0 {
				require.NoError(t, w.CreateTopic("exchg.check", 1, nil))
				w.write("exchg.check", 0, 1)
			}
			produced := w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
			fetched := w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch, kmsg.JoinGroup}, Observe: true, Count: -1})
			p := w.start([]string{"check", "-role", role})
			<-p.done
			assert.Zero(t, p.status, p.err)
			for _, s := range steps {
				assert.Contains(t, p.out.String(), "ok  "+s)
			}
			assert.Equal(t, len(steps), strings.Count(p.out.String(), "ok  "))
			assert.Equal(t, role == "collector", produced.Hits() > 0, role)
			assert.Equal(t, role == "consumer", fetched.Hits() > 0, role)
		}
		for step, fault := range map[string]func(on bool){
			"connect": w.setDown, "credentials": w.lose, "IAM": w.setDenied,
		} {
			fault(true)
			p := w.start([]string{"check", "-role", "collector"})
			<-p.done
			fault(false)
			assert.Equal(t, 1, p.status)
			assert.Contains(t, p.err.String(), step+" failed: ")
			assert.Contains(t, p.err.String(), "look at: ")
		}
	})
}

// The program as a process: its own main, the default chain of credentials, KAFKA_CA_FILE, real sockets and signals.
func TestProcess(t *testing.T) {
	t.Parallel()
	served, authority := certify("localhost")
	w := &world{t: t}
	var err error
	w.Cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(served))
	require.NoError(t, err)
	t.Cleanup(w.Close)
	w.ControlKey(int16(kmsg.SASLHandshake), w.handshake)
	w.ControlKey(int16(kmsg.SASLAuthenticate), w.authenticate)
	exchange := localexchange.New()
	web := httptest.NewServer(exchange)
	t.Cleanup(web.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	go exchange.Run(ctx, 10*time.Millisecond)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t,
		os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}), 0o600))
	start := func(args ...string) (*exec.Cmd, *bufio.Scanner, *output) {
		cmd := exec.CommandContext(ctx, os.Args[0], args...)
		cmd.Env = append(w.environ("MSK_CLUSTER_NAME=", "MSK_LOG_GROUP="), "RUN_COLLECTOR=1", "KAFKA_CA_FILE="+roots,
			"HOME="+filepath.Dir(roots), "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
			"AWS_SECRET_ACCESS_KEY=secret")
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		errs := &output{}
		cmd.Stderr = errs
		require.NoError(t, cmd.Start())
		return cmd, bufio.NewScanner(stdout), errs
	}
	acknowledged := w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
	produce, _, errs := start("produce", "-symbols", "BTCUSDT", "-streams", "trades", "-listen", freePort(t),
		"-url", strings.Replace(web.URL, "http", "ws", 1)+"/stream")
	require.NoError(t, acknowledged.Wait(ctx, 3))
	require.NoError(t, produce.Process.Signal(syscall.SIGTERM))
	require.NoError(t, produce.Wait(), errs)
	written := w.length(btcTrades)
	assert.Positive(t, written)
	assert.Contains(t, errs.String(), "drained: every record")

	consume, lines, errs := start("consume", "-listen", freePort(t))
	for range written {
		require.True(t, lines.Scan(), errs)
		assert.Contains(t, lines.Text(), `"s":"BTCUSDT"`)
	}
	require.NoError(t, consume.Process.Signal(syscall.SIGINT))
	require.NoError(t, consume.Wait(), errs)
	assert.Contains(t, errs.String(), fmt.Sprintf(`"processed":%d`, written))
	assert.Equal(t, written, w.committed("team-quant", btcTrades))
}

// freePort returns an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
