package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A collector's role can't read and a consumer's can't write: each walks as far as its policy reaches, and asks for
// nothing beyond.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role            string
		steps           []string
		writes, fetches bool
	}{
		{"collector", []string{"DNS", "TCP", "TLS", "credentials", "IAM", "topic", "produce"}, true, false},
		{"consumer", []string{"DNS", "TCP", "TLS", "credentials", "IAM", "consume"}, false, true},
		{"both", []string{"DNS", "TCP", "TLS", "credentials", "IAM", "topic", "produce", "consume"}, true, true},
	} {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t)
			if c.fetches { // there is a record before the check's own
				require.NoError(t, k.CreateTopic("exchg.check", 1, nil))
				k.write(t, "exchg.check", 1)
			}
			produced, fetched := k.count(kmsg.Produce), k.count(kmsg.Fetch)
			before := k.length("exchg.check")
			ctx, _ := testContext(t)
			p := k.program()

			require.Zero(t, p.run(ctx, []string{"check", "-role", c.role}), p.err)
			last := -1
			for _, s := range c.steps {
				at := strings.Index(p.out.String(), "ok  "+s)
				assert.Greater(t, at, last, "%s in its place: %s", s, p.out)
				last = at
			}
			assert.Equal(t, len(c.steps), strings.Count(p.out.String(), "ok  "))
			assert.Equal(t, c.writes, produced.Load() > 0)
			assert.Equal(t, c.fetches, fetched.Load() > 0)
			if c.writes {
				assert.Equal(t, before+1, k.length("exchg.check"), "one record")
			}
			if c.fetches {
				assert.Contains(t, p.out.String(), fmt.Sprintf("partition 0, offset %d is read", k.length("exchg.check")-1), "its own record, if it wrote one")
			}
		})
	}
}

func TestCheckNamesTheStepThatFails(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T) string { // a port that nobody listens on
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		return l.Addr().String()
	}
	fault := func(key kmsg.Key, refusal *kerr.Error) func(*testing.T, *kafka, *program) {
		return func(_ *testing.T, k *kafka, _ *program) {
			k.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: refusal, Count: -1})
		}
	}
	for name, c := range map[string]struct {
		role        string
		trouble     func(*testing.T, *kafka, *program)
		step, cause string
		look        string
	}{
		"name unknown": {"collector", func(_ *testing.T, _ *kafka, p *program) {
			p.lookup = func(_ context.Context, host string) ([]string, error) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
		}, "DNS", "no such host", "DNS hostnames"},
		"nobody listens": {"collector", func(t *testing.T, _ *kafka, p *program) {
			p.environ = append(p.environ, "KAFKA_BOOTSTRAP_SERVERS="+closed(t))
		}, "TCP", "refused", "security group"},
		"one of two brokers is away": {"collector", func(t *testing.T, k *kafka, p *program) {
			p.environ = append(p.environ, "KAFKA_BOOTSTRAP_SERVERS="+k.ListenAddrs()[0]+","+closed(t))
		}, "TCP", "refused", "security group"},
		"certificate of someone else": {"collector", func(_ *testing.T, _ *kafka, p *program) {
			p.tls = nil // the system's roots don't know the test's
		}, "TLS", "certificate", "CA certificates"},
		"no TLS at all": {"collector", func(t *testing.T, _ *kafka, p *program) {
			plain := httptest.NewServer(nil)
			t.Cleanup(plain.Close)
			p.environ = append(p.environ, "KAFKA_BOOTSTRAP_SERVERS="+plain.Listener.Addr().String())
		}, "TLS", "does not look like a TLS handshake", "proxy"},
		"no credentials": {"collector", func(_ *testing.T, _ *kafka, p *program) {
			p.credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("no EC2 IMDS role found")
			})
		}, "credentials", "no EC2 IMDS role found", "profile"},
		"denied": {"collector", func(_ *testing.T, k *kafka, _ *program) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.denied = true
		}, "IAM", "Access denied", "permissions boundary"},
		"topic invisible":       {"collector", fault(kmsg.Metadata, kerr.TopicAuthorizationFailed), "topic", "TOPIC_AUTHORIZATION_FAILED", "producerTopicPrefixes"},
		"topic can't be made":   {"collector", fault(kmsg.CreateTopics, kerr.TopicAuthorizationFailed), "topic", "TOPIC_AUTHORIZATION_FAILED", "CreateTopic"},
		"no idempotent writes":  {"collector", fault(kmsg.InitProducerID, kerr.ClusterAuthorizationFailed), "produce", "CLUSTER_AUTHORIZATION_FAILED", "WriteDataIdempotently"},
		"no writes":             {"both", fault(kmsg.Produce, kerr.TopicAuthorizationFailed), "produce", "TOPIC_AUTHORIZATION_FAILED", "WriteData"},
		"brokers out of action": {"collector", fault(kmsg.Produce, kerr.NotEnoughReplicas), "produce", "deadline exceeded", "WriteData"},
		"group invisible":       {"consumer", fault(kmsg.DescribeGroups, kerr.GroupAuthorizationFailed), "consume", "GROUP_AUTHORIZATION_FAILED", "consumerGroupNames"},
		"group closed":          {"both", fault(kmsg.JoinGroup, kerr.GroupAuthorizationFailed), "consume", "GROUP_AUTHORIZATION_FAILED", "AlterGroup"},
		"no reads":              {"both", fault(kmsg.Fetch, kerr.TopicAuthorizationFailed), "consume", "TOPIC_AUTHORIZATION_FAILED", "ReadData"},
		"no record": {"consumer", func(t *testing.T, k *kafka, _ *program) {
			require.NoError(t, k.CreateTopic("exchg.check", 1, nil))
		}, "consume", "deadline exceeded", "check -role collector"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t)
			ctx, _ := testContext(t)
			p := k.program()
			c.trouble(t, k, &p)
			timeout := "30s"
			if c.cause == "deadline exceeded" {
				timeout = "1s"
			}

			assert.Equal(t, 1, p.run(ctx, []string{"check", "-role", c.role, "-timeout", timeout}), p.err)
			assert.Contains(t, p.err.String(), "collector check: "+c.step+" failed: ")
			assert.Contains(t, p.err.String(), c.cause)
			look := p.err.String()[max(0, strings.Index(p.err.String(), "\nlook at: ")):]
			assert.Contains(t, look, c.look)
			assert.NotContains(t, p.out.String(), "ok  "+c.step)
			assert.NoError(t, ctx.Err(), "the step's own time ended it")
		})
	}
}

// The check disturbs nobody: it commits nothing, reads from the start though its group has read it all, and stays out of
// a group that is at work.
func TestCheckLeavesTheGroupAlone(t *testing.T) {
	t.Parallel()
	k := startKafka(t, kfake.SeedTopics(1, "exchg.check"))
	k.write(t, "exchg.check", 3)
	ctx, signal := testContext(t)
	reader := k.program()
	reader.handle = func(tr trade) error {
		if tr.ID == 2 {
			signal()
		}
		return nil
	}
	require.Zero(t, reader.run(ctx, []string{"consume"}), reader.err)
	require.EqualValues(t, 2, k.committed("team-quant", "exchg.check"))

	ctx, _ = testContext(t)
	p := k.program()
	require.Zero(t, p.run(ctx, []string{"check", "-role", "consumer"}), p.err)
	assert.Contains(t, p.out.String(), "offset 0 is read; group team-quant joined")
	assert.EqualValues(t, 2, k.committed("team-quant", "exchg.check"))
	assert.Empty(t, k.GroupInfo("team-quant").Members)

	ctx, signal = testContext(t)
	atWork := k.program()
	status := make(chan int, 1)
	go func() { status <- atWork.run(ctx, []string{"consume"}) }()
	before, err := k.WaitGroupStable(ctx, "team-quant", 1)
	require.NoError(t, err)
	p = k.program()
	require.Zero(t, p.run(ctx, []string{"check", "-role", "consumer"}), p.err)
	assert.Contains(t, p.out.String(), "offset 0 is read; group team-quant has 1 members, not joined")
	assert.Equal(t, before.Epoch, k.GroupInfo("team-quant").Epoch, "no rebalance")
	signal()
	assert.Zero(t, <-status)
}

func TestCheckRefusesFlags(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{nil, `-role "": write collector, consumer or both`},
		{[]string{"-role", "admin"}, `-role "admin": write collector, consumer or both`},
		{[]string{"-role", "collector", "-topic", "other"}, `topic "other": begin it with one of`},
		{[]string{"-role", "consumer", "-group", "other"}, `-group "other": name one of`},
	} {
		p := k.program()
		assert.Equal(t, 2, p.run(t.Context(), append([]string{"check"}, c.flags...)))
		assert.Contains(t, p.err.String(), c.want)
		assert.Empty(t, p.out.String())
	}
}
