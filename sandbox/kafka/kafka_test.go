package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/iampolicy"
)

// TestMain sets the region that clients sign for.
func TestMain(m *testing.M) {
	if err := os.Setenv("AWS_REGION", "ap-south-1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const testARN = "arn:aws:kafka:ap-south-1:123456789012:cluster/test/1a2b3c4d-0000-0000-0000-000000000000-s1"

// account is an Authority with one policy for each role, which is named by its access key.
type account struct {
	mu       sync.Mutex
	policies map[string]iampolicy.Policy // by role
	sessions map[string]string           // by role; "test" if missing
	expires  time.Time
}

func (a *account) Credentials(key string) (Credentials, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.policies[key]
	session := a.sessions[key]
	if session == "" {
		session = "test"
	}
	return Credentials{
		AccessKeyID: key, SecretAccessKey: "secret of " + key, SessionToken: "token of " + key,
		Principal: "arn:aws:sts::123456789012:assumed-role/" + key + "/" + session, Expires: a.expires,
	}, ok
}

func (a *account) Allows(principal string, request iampolicy.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for role, policy := range a.policies {
		for _, session := range []string{"test", a.sessions[role]} {
			if principal == "arn:aws:sts::123456789012:assumed-role/"+role+"/"+session {
				return iampolicy.Decide([]iampolicy.Policy{policy}, request) == iampolicy.Allowed
			}
		}
	}
	return false
}

// grant replaces the policy of a role. Each grant is an action and topic, group or transactional-id resources as
// "topic/name"; the cluster is meant if there are none.
func (a *account) grant(t *testing.T, role string, grants ...grant) {
	t.Helper()
	var statements []iampolicy.Statement
	for i, g := range grants {
		resources := []string{testARN}
		if len(g.on) > 0 {
			resources = nil
		}
		for _, on := range g.on {
			resources = append(resources, arnOf(on))
		}
		statements = append(statements, iampolicy.Allow(fmt.Sprint("S", i), g.actions, resources))
	}
	policy, err := iampolicy.Parse(compact.JSON(iampolicy.NewDocument(statements...)))
	require.NoError(t, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.policies[role] = policy
}

type grant struct {
	actions []string
	on      []string
}

// allow returns a grant of actions, such as "WriteData", on resources such as "topic/exchg.*".
func allow(actions []string, on ...string) grant {
	var full []string
	for _, a := range actions {
		full = append(full, "kafka-cluster:"+a)
	}
	return grant{full, on}
}

func arnOf(resource string) string {
	c := &Cluster{config: Config{ARN: testARN}}
	for i := range resource {
		if resource[i] == '/' {
			return c.resource(resource[:i], resource[i+1:])
		}
	}
	return testARN
}

// testCluster is a cluster whose clock stands still unless it is moved.
type testCluster struct {
	*Cluster
	*account
	roots *x509.CertPool

	clockMu sync.Mutex
	clock   time.Time
	seen    []Decision
}

func start(t *testing.T, change func(*Config)) *testCluster {
	t.Helper()
	authority, pair, err := NewCertificate()
	require.NoError(t, err)
	certificate, err := tls.X509KeyPair(pair, pair)
	require.NoError(t, err)
	c := &testCluster{
		account: &account{policies: map[string]iampolicy.Policy{}, sessions: map[string]string{}},
		roots:   x509.NewCertPool(), clock: time.Now(),
	}
	c.expires = c.clock.Add(12 * time.Hour)
	require.True(t, c.roots.AppendCertsFromPEM(authority))
	config := Config{
		ARN: testARN, Authority: c.account, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
		Now: c.now, Observe: c.observe,
		Options: []kfake.Opt{kfake.GroupMinSessionTimeout(time.Millisecond)},
	}
	if change != nil {
		change(&config)
	}
	c.Cluster, err = Start(config)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (c *testCluster) now() time.Time {
	c.clockMu.Lock()
	defer c.clockMu.Unlock()
	return c.clock
}

func (c *testCluster) later(d time.Duration) {
	c.clockMu.Lock()
	defer c.clockMu.Unlock()
	c.clock = c.clock.Add(d)
}

func (c *testCluster) observe(d Decision) {
	c.clockMu.Lock()
	defer c.clockMu.Unlock()
	c.seen = append(c.seen, d)
}

// client returns a client of a role, which doesn't retry.
func (c *testCluster) client(t *testing.T, role string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	credentials, _ := c.Credentials(role)
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.ListenAddrs()...),
		kgo.DialTLSConfig(&tls.Config{RootCAs: c.roots}),
		kgo.SASL(kaws.Auth{
			AccessKey: credentials.AccessKeyID, SecretKey: credentials.SecretAccessKey,
			SessionToken: credentials.SessionToken,
		}.AsManagedStreamingIAMMechanism()),
		kgo.RequestRetries(0), kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestProduceAndConsume(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.grant(t, "collector",
		allow([]string{"Connect", "WriteDataIdempotently"}),
		allow([]string{"CreateTopic", "DescribeTopic", "WriteData"}, "topic/exchg.*"))
	c.grant(t, "consumer",
		allow([]string{"Connect"}),
		allow([]string{"DescribeTopic", "ReadData"}, "topic/exchg.*"),
		allow([]string{"AlterGroup", "DescribeGroup"}, "group/quant"))
	require.NoError(t, c.CreateTopic("exchg.a", 3, nil))
	ctx := patience(t)
	producer := c.client(t, "collector", kgo.DefaultProduceTopic("exchg.a"))
	require.NoError(t, producer.ProduceSync(ctx, kgo.StringRecord("one")).FirstErr())
	consumer := c.client(t, "consumer", kgo.ConsumerGroup("quant"), kgo.ConsumeTopics("exchg.a"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	fetches := consumer.PollFetches(ctx)
	require.NoError(t, fetches.Err())
	require.Equal(t, "one", string(fetches.Records()[0].Value))
	require.NoError(t, consumer.CommitUncommittedOffsets(ctx))
}
