package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"

	"msk-serverless/internal/iampolicy"
	"msk-serverless/sandbox/kafka"
)

// kafkaVersions are the versions of Kafka that clients are run against: the oldest that they are likely to meet, and
// the newest that client and broker share.
var kafkaVersions = map[string]*kversion.Versions{
	"Kafka 2.8": kversion.V2_8_0(),
	newestKafka: nil,
}

const newestKafka = "newest"

// judged is a cluster that a role's clients use, under the role's policies as deployed.
type judged struct {
	*kafka.Cluster
	version string
	keys    map[string]kafka.Credentials // by principal: of the role, and of a principal that may do everything
	caFile  string
	roots   *x509.CertPool

	mu        sync.Mutex
	policies  []iampolicy.Policy
	decisions []kafka.Decision
	retry     bool                // answer the next produce request with a retriable error
	batches   []*kmsg.RecordBatch // produced by the role
	acks      []int16             // of the requests that produced them
}

const (
	theRole = "role"
	setup   = "setup" // prepares what the role's clients expect to exist
)

// judge starts a cluster of 3 brokers with the ARN and the topics, each with 3 partitions.
func judge(t *testing.T, arn string, policies []iampolicy.Policy, version string, topics ...string) *judged {
	t.Helper()
	authority, pair, err := kafka.NewCertificate()
	require.NoError(t, err)
	certificate, err := tls.X509KeyPair(pair, pair)
	require.NoError(t, err)
	j := &judged{
		version: version, policies: policies, roots: x509.NewCertPool(), keys: map[string]kafka.Credentials{},
		caFile: filepath.Join(t.TempDir(), "ca.pem"),
	}
	require.True(t, j.roots.AppendCertsFromPEM(authority))
	require.NoError(t, os.WriteFile(j.caFile, authority, 0o644))
	for _, who := range []string{theRole, setup} {
		j.keys[who] = kafka.Credentials{
			AccessKeyID: "ASIA" + who, SecretAccessKey: "secret of " + who, SessionToken: "token of " + who,
			Principal: "arn:aws:sts::123456789012:assumed-role/" + who + "/test", Expires: time.Now().Add(time.Hour),
		}
	}
	j.Cluster, err = kafka.Start(kafka.Config{
		ARN: arn, Authority: j, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
		Versions: kafkaVersions[version], Limits: kafka.Limits{NoRates: true}, Observe: j.observe,
		Options: []kfake.Opt{kfake.GroupMinSessionTimeout(time.Millisecond)},
	})
	require.NoError(t, err)
	t.Cleanup(j.Close)
	for _, topic := range topics {
		require.NoError(t, j.CreateTopic(topic, 3, nil))
	}
	j.ControlKey(int16(kmsg.Produce), j.seeProduce)
	return j
}

// Credentials returns the credentials with the access key id.
func (j *judged) Credentials(accessKeyID string) (kafka.Credentials, bool) {
	c, ok := j.keys[strings.TrimPrefix(accessKeyID, "ASIA")]
	return c, ok
}

// Allows evaluates the role's policies. The other principal may do everything.
func (j *judged) Allows(principal string, request iampolicy.Request) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return principal == j.keys[setup].Principal || iampolicy.Decide(j.policies, request) == iampolicy.Allowed
}

func (j *judged) observe(d kafka.Decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if d.Principal == j.keys[theRole].Principal {
		j.decisions = append(j.decisions, d)
	}
}

// play runs f, in which the role's clients must not be refused anything, and returns the number of decisions and the
// actions that were needed.
func (j *judged) play(t *testing.T, f func()) (decisions int, needs []need) {
	t.Helper()
	j.mu.Lock()
	j.decisions = nil
	j.mu.Unlock()
	f()
	j.mu.Lock()
	defer j.mu.Unlock()
	require.NotEmpty(t, j.decisions)
	for _, d := range j.decisions {
		n := need{d.Action, d.Resource, fmt.Sprintf("%s (%s)", d.Request, j.version)}
		assert.True(t, d.Allowed, "%s: denied", n)
		needs = append(needs, n)
	}
	return len(j.decisions), needs
}

// env returns the environment of a program with the role's credentials and settings, as client-env prints them.
func (j *judged) env() []string {
	keys := j.keys[theRole]
	return append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey,
		"AWS_SESSION_TOKEN="+keys.SessionToken, "AWS_REGION="+region, "KAFKA_CA_FILE="+j.caFile,
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(j.ListenAddrs(), ","))
}

// seeProduce is called with each request that produces, before it is answered. It keeps the records and, if it is told
// to, answers NOT_LEADER_OR_FOLLOWER once, so that the client has to find the leader and retry.
func (j *judged) seeProduce(r kmsg.Request) (kmsg.Response, error, bool) {
	j.KeepControl()
	j.mu.Lock()
	defer j.mu.Unlock()
	req := r.(*kmsg.ProduceRequest)
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			batch := new(kmsg.RecordBatch)
			if batch.ReadFrom(p.Records) == nil {
				j.batches, j.acks = append(j.batches, batch), append(j.acks, req.Acks)
			}
		}
	}
	if !j.retry {
		return nil, nil, false
	}
	j.retry = false
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp, nil, true
}

// checkBatches checks that everything produced was acknowledged by all replicas, idempotent and compressed with zstd,
// and that a request was retried.
func (j *judged) checkBatches(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	require.False(t, j.retry, "the client had to retry")
	require.NotEmpty(t, j.batches)
	for i, batch := range j.batches {
		assert.Equal(t, int16(-1), j.acks[i], "acks=all")
		assert.GreaterOrEqual(t, batch.ProducerID, int64(0), "idempotent")
		assert.Equal(t, int16(4), batch.Attributes&7, "zstd")
	}
}

// client returns a client with franz-go.
func (j *judged) client(t *testing.T, who string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(j.ListenAddrs()...),
		kgo.DialTLSConfig(&tls.Config{RootCAs: j.roots}), kgo.SASL(j.sign(who)),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// sign returns the mechanism with which franz-go authenticates.
func (j *judged) sign(who string) sasl.Mechanism {
	keys := j.keys[who]
	return kaws.Auth{
		AccessKey: keys.AccessKeyID, SecretKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
	}.AsManagedStreamingIAMMechanism()
}
