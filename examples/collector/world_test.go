package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/examples/collector/localexchange"
)

// The brokers' certificate, and who signed it.
var (
	brokerTLS *tls.Config
	trust     *x509.Certificate
)

// TestMain runs the program itself if a test started it as a process, and tests otherwise.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_COLLECTOR") != "" {
		main()
	}
	// franz-go reads it from the process, because the brokers here have no AWS name.
	os.Setenv("AWS_REGION", "ap-south-1")
	brokerTLS, trust = certify("localhost")
	os.Exit(m.Run())
}

// certify makes a certificate that signs itself.
func certify(host string) (*tls.Config, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), // time begins in 2000 in a bubble
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, parsed
}

// world is a Kafka behind TLS, an exchange, and the collectors between them. In a bubble of synctest nothing takes real
// time: an outage of an hour takes as long as the program needs to get over it.
type world struct {
	*kfake.Cluster
	t        *testing.T
	network  *kfake.VirtualNetwork
	exchange *localexchange.Exchange
	ctx      context.Context
	ports    atomic.Int32

	mu     sync.Mutex
	conns  []net.Conn // to brokers
	down   bool       // brokers refuse connections
	denied bool       // brokers refuse to authenticate
	lost   bool       // there are no credentials
	given  int        // credentials, each different
	proofs []map[string]string
	logs   *fakeLogs
}

// unzstd decompresses. The client's own decompressor has finalizers, which may not end what began in a bubble.
type unzstd struct{ *zstd.Decoder }

var decompressor = func() unzstd {
	d, err := zstd.NewReader(nil)
	if err != nil {
		panic(err)
	}
	return unzstd{d}
}()

func (u unzstd) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return src, nil
	}
	return u.DecodeAll(src, nil)
}

// simulate runs a test in a bubble.
func simulate(t *testing.T, test func(t *testing.T, w *world), opts ...kfake.Opt) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, opts...)) })
}

func newWorld(t *testing.T, opts ...kfake.Opt) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, network: new(kfake.VirtualNetwork), exchange: localexchange.New(), ctx: ctx, logs: &fakeLogs{}}
	var err error
	w.Cluster, err = kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(2), kfake.Ports(9098, 9099), kfake.ListenFn(w.network.Listen), kfake.TLS(brokerTLS),
	}, opts...)...)
	require.NoError(t, err)
	w.ControlKey(int16(kmsg.SASLHandshake), w.handshake)
	w.ControlKey(int16(kmsg.SASLAuthenticate), w.authenticate)
	w.ControlKey(int16(kmsg.Fetch), w.takeTime)
	listener, err := w.network.Listen("tcp", "localhost:9443")
	require.NoError(t, err)
	server := &http.Server{Handler: w.exchange}
	go server.Serve(listener)
	t.Cleanup(func() {
		cancel()
		w.exchange.Drop()
		server.Close()
		w.Close()
	})
	return w
}

// handshake and authenticate take part in AWS_MSK_IAM, which kfake doesn't know.
func (w *world) handshake(req kmsg.Request) (kmsg.Response, error, bool) {
	w.KeepControl()
	resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
	resp.SupportedMechanisms = []string{"AWS_MSK_IAM"}
	if req.(*kmsg.SASLHandshakeRequest).Mechanism != "AWS_MSK_IAM" {
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
	}
	return resp, nil, true
}

// takeTime makes each fetch take a millisecond. franz-go fetches again at once while one of several partitions has moved:
// if that took no time, a bubble's clock would stand still, and the client would never learn the new leader.
func (w *world) takeTime(kmsg.Request) (kmsg.Response, error, bool) {
	w.KeepControl()
	w.SleepControl(func() { time.Sleep(time.Millisecond) })
	return nil, nil, false
}

// session is how long a connection lasts before it must be authenticated again.
const session = 15 * time.Second

func (w *world) authenticate(req kmsg.Request) (kmsg.Response, error, bool) {
	w.KeepControl()
	resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	var proof map[string]string
	if err := json.Unmarshal(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, &proof); err != nil {
		return nil, err, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proofs = append(w.proofs, proof); w.denied {
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		resp.ErrorMessage = kmsg.StringPtr("Access denied")
	}
	resp.SASLAuthBytes = []byte(`{"version":"2020_10_22"}`)
	resp.SessionLifetimeMillis = session.Milliseconds()
	return resp, nil, true
}

// dial connects within the world.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, _ := net.SplitHostPort(address)
	w.mu.Lock()
	defer w.mu.Unlock()
	broker := port != "9443"
	if w.down && broker {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	w.mu.Unlock()
	conn, err := w.network.DialContext(ctx, network, address)
	w.mu.Lock()
	if err == nil && broker {
		w.conns = append(w.conns, conn)
	}
	return conn, err
}

// dialTLS connects to brokers with d, and verifies their certificates.
func dialTLS(d dial) func(*x509.CertPool) dial {
	roots := x509.NewCertPool()
	roots.AddCert(trust)
	return func(*x509.CertPool) dial {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			conn, err := d(ctx, network, address)
			if err != nil {
				return nil, err
			}
			host, _, _ := net.SplitHostPort(address)
			secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: host})
			if err := secure.HandshakeContext(ctx); err != nil {
				conn.Close()
				return nil, err
			}
			return secure, nil
		}
	}
}

// cut ends all connections to brokers.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

func (w *world) setDown(down bool) {
	w.mu.Lock()
	w.down = down
	w.mu.Unlock()
	w.cut()
}

func (w *world) setDenied(denied bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.denied = denied
}

func (w *world) lose(lost bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = lost
}

// Retrieve makes the world a provider of credentials.
func (w *world) Retrieve(context.Context) (aws.Credentials, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		return aws.Credentials{}, errTest
	}
	w.given++
	n := strconv.Itoa(w.given)
	return aws.Credentials{AccessKeyID: "AKID" + n, SecretAccessKey: "secret", SessionToken: "token" + n}, nil
}

// environ is what mskctl client-env prints, with changes: NAME=value, or NAME= for none.
func (w *world) environ(changes ...string) []string {
	return append([]string{
		"AWS_REGION=ap-south-1", "KAFKA_BOOTSTRAP_SERVERS=" + strings.Join(w.ListenAddrs(), ","),
		"KAFKA_SECURITY_PROTOCOL=SASL_SSL", "KAFKA_SASL_MECHANISM=AWS_MSK_IAM",
		"KAFKA_ACKS=all", "KAFKA_ENABLE_IDEMPOTENCE=true", "KAFKA_COMPRESSION_TYPE=zstd", "KAFKA_LINGER_MS=10",
		"KAFKA_TOPIC_PREFIXES=exchg.,trades.", "KAFKA_GROUP_IDS=team-quant",
		"MSK_CLUSTER_NAME=crypto", "MSK_LOG_GROUP=/aws/msk/crypto/broker",
	}, changes...)
}

// plain returns a client of the test.
func (w *world) plain(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	s, err := readSettings(w.environ())
	require.NoError(w.t, err)
	a := app{
		dialBroker: dialTLS(w.dial), stderr: io.Discard, credentials: w,
		kafka: []kgo.Opt{kgo.WithDecompressor(decompressor)},
	}
	client, err := a.connect(s, append(opts, kgo.ProducerBatchCompression(kgo.ZstdCompression()))...)
	require.NoError(w.t, err)
	w.t.Cleanup(client.CloseAllowingRebalance)
	return client
}

// write puts n records with values from first into a topic.
func (w *world) write(topic string, first, n int) {
	w.t.Helper()
	client := w.plain()
	defer client.Close()
	for i := range n {
		client.Produce(
			w.ctx,
			&kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(first + i))},
			func(_ *kgo.Record, err error) {
				assert.NoError(w.t, err)
			},
		)
	}
	require.NoError(w.t, client.Flush(w.ctx))
}

// read returns all records of a topic, which has one partition.
func (w *world) read(topic string) []*kgo.Record {
	w.t.Helper()
	client := w.plain(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	var records []*kgo.Record
	for want := w.length(topic); int64(len(records)) < want; {
		ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
		fetches := client.PollFetches(ctx)
		cancel()
		require.NoError(w.t, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}

// length returns the number of records that a topic holds.
func (w *world) length(topic string) (n int64) {
	for _, p := range w.PartitionInfos(topic) {
		n += p.HighWatermark
	}
	return n
}

// committed returns what a group has committed in a topic, all partitions together.
func (w *world) committed(group, topic string) (n int64) {
	if info := w.GroupInfo(group); info != nil {
		for _, c := range info.Commits[topic] {
			n += c.Offset
		}
	}
	return n
}

var errTest = errors.New("as the test wants it")
