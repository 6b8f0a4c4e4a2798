package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestMain runs the program itself where a test has started it as a process, and tests otherwise.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_COLLECTOR") != "" {
		main()
	}
	// franz-go reads it from the process, for the brokers here have no AWS name.
	os.Setenv("AWS_REGION", "ap-south-1")
	os.Exit(m.Run())
}

// kafka is an in-process Kafka behind TLS, which takes part in AWS_MSK_IAM in the place of kfake, which doesn't know it.
type kafka struct {
	*kfake.Cluster
	trust *x509.Certificate // signed the brokers' certificate

	mu     sync.Mutex
	proofs []map[string]string // what each connection proved itself with
	denied bool                // whether proofs are refused
}

func startKafka(t *testing.T, opts ...kfake.Opt) *kafka {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate, which names 127.0.0.1
	t.Cleanup(web.Close)
	k := &kafka{trust: web.Certificate()}
	served := &tls.Config{Certificates: web.TLS.Certificates}
	var err error
	k.Cluster, err = kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2), kfake.TLS(served)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	k.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if resp.SupportedMechanisms = []string{"AWS_MSK_IAM"}; req.(*kmsg.SASLHandshakeRequest).Mechanism != "AWS_MSK_IAM" {
			resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		return resp, nil, true
	})
	k.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		var proof map[string]string
		if err := json.Unmarshal(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, &proof); err != nil {
			return nil, err, true
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.proofs = append(k.proofs, proof); k.denied {
			resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
			resp.ErrorMessage = kmsg.StringPtr("Access denied")
		}
		resp.SASLAuthBytes = []byte(`{"version":"2020_10_22"}`)
		return resp, nil, true
	})
	return k
}

// environ is what mskctl client-env prints, with changes: NAME=value, or NAME= for none.
func (k *kafka) environ(changes ...string) []string {
	return append([]string{
		"AWS_REGION=ap-south-1", "KAFKA_BOOTSTRAP_SERVERS=" + strings.Join(k.ListenAddrs(), ","),
		"KAFKA_SECURITY_PROTOCOL=SASL_SSL", "KAFKA_SASL_MECHANISM=AWS_MSK_IAM",
		"KAFKA_ACKS=all", "KAFKA_ENABLE_IDEMPOTENCE=true", "KAFKA_COMPRESSION_TYPE=zstd", "KAFKA_LINGER_MS=1",
		"KAFKA_TOPIC_PREFIXES=exchg.,trades.", "KAFKA_GROUP_IDS=team-quant",
	}, changes...)
}

// program is the app with its output at hand.
type program struct {
	app
	out, err *output
}

func (k *kafka) program(changes ...string) program {
	p := program{out: &output{}, err: &output{}}
	roots := x509.NewCertPool()
	roots.AddCert(k.trust)
	p.app = app{
		environ: k.environ(changes...), stdout: p.out, stderr: p.err,
		lookup: net.DefaultResolver.LookupHost, tls: &tls.Config{RootCAs: roots},
		credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token"),
		feed:        func(context.Context, instrument, func(trade)) error { return nil },
		handle:      func(trade) error { return nil },
	}
	return p
}

// output is a buffer that the program and the test may use at once.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// testContext ends before a test that hangs does.
func testContext(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, cancel
}

// plain is a client of the test's own.
func (k *kafka) plain(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	p := k.program()
	s, err := readSettings(p.environ)
	require.NoError(t, err)
	client, err := p.connect(s, opts...)
	require.NoError(t, err)
	t.Cleanup(client.CloseAllowingRebalance)
	return client
}

// write puts n trades with ids from 1 into partition 0 of a topic.
func (k *kafka) write(t *testing.T, topic string, n int) {
	t.Helper()
	ctx, _ := testContext(t)
	client := k.plain(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range n {
		value, err := json.Marshal(trade{instrument: instrument{Symbol: topic}, ID: int64(i + 1)})
		require.NoError(t, err)
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: value}, nil)
	}
	require.NoError(t, client.Flush(ctx))
}

// read returns the first n records of a topic.
func (k *kafka) read(t *testing.T, topic string, n int) []*kgo.Record {
	t.Helper()
	ctx, _ := testContext(t)
	client := k.plain(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var records []*kgo.Record
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}

// length is the number of records that a topic holds.
func (k *kafka) length(topic string) (n int64) {
	for _, p := range k.PartitionInfos(topic) {
		n += p.HighWatermark
	}
	return n
}

// count counts the requests of a kind, from now on.
func (k *kafka) count(key kmsg.Key) *atomic.Int64 {
	n := new(atomic.Int64)
	k.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		n.Add(1)
		return nil, nil, false
	})
	return n
}
