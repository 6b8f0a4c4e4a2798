package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/examples/collector/localexchange"
)

// realWorld is a world on real sockets and in real time.
func realWorld(b *testing.B, opts ...kfake.Opt) *world {
	b.Helper()
	w := &world{ctx: b.Context()}
	var err error
	w.Cluster, err = kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.TLS(brokerTLS)}, opts...)...)
	require.NoError(b, err)
	b.Cleanup(w.Close)
	w.ControlKey(int16(kmsg.SASLHandshake), w.handshake)
	w.ControlKey(int16(kmsg.SASLAuthenticate), w.authenticate)
	return w
}

// BenchmarkProduce compares the collector's way to Kafka with a bare loop around the same client, over 100 topics. The
// brokers throw the records away.
func BenchmarkProduce(b *testing.B) {
	const topics = 100
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprint("exchg.", i))
	}
	value := []byte(
		`{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}`,
	)
	setUp := func(b *testing.B) *kgo.Client {
		w := realWorld(b, kfake.SeedTopics(1, names...), kfake.BlackholeProduce())
		s, err := readSettings(w.environ())
		require.NoError(b, err)
		a := app{dialBroker: dialTLS(new(net.Dialer).DialContext), stderr: io.Discard, credentials: w}
		client, err := a.connect(s, producerOpts(1_000_000)...)
		require.NoError(b, err)
		b.Cleanup(client.Close)
		return client
	}
	const inHand = 100_000 // records that wait for acknowledgements at most
	b.Run("bare", func(b *testing.B) {
		client := setUp(b)
		room := make(chan struct{}, inHand)
		b.ResetTimer()
		for i := range b.N {
			room <- struct{}{}
			client.Produce(b.Context(), &kgo.Record{Topic: names[i%topics], Key: []byte("BNBBTC"), Value: value},
				func(_ *kgo.Record, err error) {
					<-room
					if err != nil {
						b.Error(err)
					}
				})
		}
		require.NoError(b, client.Flush(b.Context()))
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("collector", func(b *testing.B) {
		client := setUp(b)
		a := app{stderr: io.Discard}
		w := newWriter(
			b.Context(), client, a.logger(slog.LevelInfo), newMetrics(nil), inHand*(len(value)+recordCost), 1_000_000,
			10*time.Millisecond)
		var lanes []*lane
		for _, n := range names {
			lanes = append(lanes, w.lane(n))
		}
		w.open()
		b.ResetTimer()
		for i := range b.N {
			require.NoError(b, lanes[i%topics].put(b.Context(), "BNBBTC", value))
		}
		require.NoError(b, w.drain(time.Minute))
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
}

// BenchmarkInstruments measures the memory of a process with 1,000 instruments, trades and order books of each, while
// it produces 2,000 messages a second for 20 seconds.
func BenchmarkInstruments(b *testing.B) {
	const symbols = 1000
	w := realWorld(b)
	exchange := localexchange.New()
	web := httptest.NewServer(exchange)
	b.Cleanup(web.Close)
	ctx, cancel := context.WithTimeout(b.Context(), 25*time.Second)
	defer cancel()
	dir := b.TempDir()
	roots := filepath.Join(dir, "roots.pem")
	require.NoError(b, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trust.Raw}), 0o600))
	var names strings.Builder
	for i := range symbols {
		fmt.Fprintf(&names, "S%dUSDT\n", i)
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "symbols"), []byte(names.String()), 0o600))
	cmd := exec.Command(os.Args[0], "produce", "-symbols", "@"+filepath.Join(dir, "symbols"), "-listen", "",
		"-url", strings.Replace(web.URL, "http", "ws", 1)+"/stream")
	cmd.Env = append(w.environ("MSK_CLUSTER_NAME=", "MSK_LOG_GROUP="), "RUN_COLLECTOR=1", "KAFKA_CA_FILE="+roots,
		"HOME="+dir, "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret")
	errs := &output{}
	cmd.Stderr = errs
	require.NoError(b, cmd.Start())
	exchange.Run(ctx, time.Second)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	require.NoError(b, err)
	peak, err := strconv.ParseFloat(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]), 64)
	require.NoError(b, err)
	require.NoError(b, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(b, cmd.Wait(), errs)
	b.ReportMetric(peak/1024, "MB")
	b.ReportMetric(float64(w.length("exchg.binance.spot.trades.S0USDT")), "records/topic")
}
