package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/sandbox/kafka"
)

// Clients with franz-go, one for each kind of role. Programs with other libraries are in e2e/clients.

// need is an action on a resource, and the request that requires it.
type need struct{ action, resource, request string }

func (n need) String() string {
	return fmt.Sprintf("%s needs %s on %s", n.request, n.action, n.resource)
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// collect acts as a collector with the README's settings: it creates its topics, produces to them idempotently
// with acks=all and zstd, has to retry, and closes.
func (j *judged) collect(t *testing.T, topics []string) {
	t.Helper()
	ctx := patience(t)
	cl := j.client(t, theRole, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerLinger(5*time.Millisecond))
	created, err := kadm.NewClient(cl).CreateTopics(ctx, 3, -1, nil, topics...)
	require.NoError(t, err)
	require.NoError(t, created.Error())
	j.mu.Lock()
	j.retry = true
	j.mu.Unlock()
	for _, topic := range topics {
		require.NoError(t, cl.ProduceSync(ctx, ticks(topic)...).FirstErr())
	}
	require.NoError(t, cl.Flush(ctx))
	cl.Close()
	j.checkBatches(t)
}

// ticks returns records that compress well; a batch that doesn't is sent uncompressed.
func ticks(topic string) []*kgo.Record {
	var rs []*kgo.Record
	for i := range 100 {
		rs = append(
			rs,
			&kgo.Record{
				Topic: topic,
				Key:   fmt.Append(nil, i),
				Value: []byte(`{"symbol":"BTC-USDT","price":"100000.00","size":"0.10000000"}`),
			},
		)
	}
	return rs
}

// member is a member of a consumer group that reads until it is stopped, then commits and leaves.
type member struct {
	*kgo.Client
	read map[string]int // records, by topic
	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{}
}

// join makes a member, as the role or to set something up.
func (j *judged) join(t *testing.T, who, group string, topics []string, opts ...kgo.Opt) *member {
	t.Helper()
	m := &member{read: map[string]int{}, done: make(chan struct{})}
	m.Client = j.client(t, who, append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(20 * time.Millisecond), kgo.FetchMaxWait(50 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, opts...)...)
	var ctx context.Context
	ctx, m.stop = context.WithCancel(patience(t))
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			m.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.read[rec.Topic]++
			})
		}
	}()
	return m
}

// readAll waits until the member has read from every topic.
func (m *member) readAll(t *testing.T, topics []string) {
	t.Helper()
	require.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.read) == len(topics)
	}, 20*time.Second, 5*time.Millisecond)
}

// leave commits the offsets and leaves the group.
func (m *member) leave(t *testing.T) {
	t.Helper()
	m.stop()
	<-m.done
	require.NoError(t, m.CommitUncommittedOffsets(patience(t)))
	m.Close()
}

// stable waits until the group has that many members, each with partitions.
func (j *judged) stable(t *testing.T, group string, members int) {
	t.Helper()
	_, err := j.WaitGroupStable(patience(t), group, members)
	require.NoError(t, err)
}

// consume acts as a team's consumer: it joins the group, reads, rebalances as a second member comes and goes,
// commits, leaves, restarts where it stopped, deletes the group, and reads again with the new group protocol, if the
// cluster has it.
func (j *judged) consume(t *testing.T, group string, topics []string) {
	t.Helper()
	ctx := patience(t)
	first := j.join(t, theRole, group, topics)
	first.readAll(t, topics)
	second := j.join(t, theRole, group, topics)
	j.stable(t, group, 2)
	second.leave(t)
	j.stable(t, group, 1)
	first.leave(t)

	again := j.join(t, theRole, group, topics)
	j.stable(t, group, 1)
	again.leave(t)

	admin := kadm.NewClient(j.client(t, theRole))
	described, err := admin.DescribeGroups(ctx, group)
	require.NoError(t, err)
	require.NoError(t, described.Error())
	deleted, err := admin.DeleteGroups(ctx, group)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())

	balanced := j.join(t, theRole, group, topics, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	balanced.readAll(t, topics)
	balanced.leave(t)
	j.mu.Lock()
	defer j.mu.Unlock()
	assert.Equal(t, j.version == newestKafka, slices.ContainsFunc(j.decisions, func(d kafka.Decision) bool {
		return strings.HasPrefix(d.Request, "ConsumerGroupHeartbeat ")
	}), "the new group protocol")
}

// operate acts as an operator: it creates a topic, describes it, alters its retention, adds partitions and deletes
// it; it describes the groups and deletes them.
func (j *judged) operate(t *testing.T, topics, groups []string) {
	t.Helper()
	ctx := patience(t)
	cl := j.client(t, theRole)
	admin := kadm.NewClient(cl)

	_, err := admin.BrokerMetadata(ctx)
	require.NoError(t, err)
	_, err = kmsg.NewPtrDescribeClusterRequest().RequestWith(ctx, cl)
	require.NoError(t, err)
	created, err := admin.CreateTopics(
		ctx,
		3,
		-1,
		map[string]*string{"retention.ms": kadm.StringPtr("3600000")},
		topics...)
	require.NoError(t, err)
	require.NoError(t, created.Error())
	_, err = admin.ListTopics(ctx, topics...)
	require.NoError(t, err)
	configs, err := admin.DescribeTopicConfigs(ctx, topics...)
	require.NoError(t, err)
	require.Len(t, configs, len(topics))
	day := []kadm.AlterConfig{{Name: "retention.ms", Value: kadm.StringPtr("86400000")}}
	_, err = admin.AlterTopicConfigs(ctx, day, topics...)
	require.NoError(t, err)
	_, err = admin.AlterTopicConfigsState(ctx, day, topics...) // the request before Kafka 2.3
	require.NoError(t, err)
	grown, err := admin.UpdatePartitions(ctx, 6, topics...)
	require.NoError(t, err)
	require.NoError(t, grown.Error())

	listed, err := admin.ListGroups(ctx)
	require.NoError(t, err)
	require.Subset(t, listed.Groups(), groups)
	described, err := admin.DescribeGroups(ctx, groups...)
	require.NoError(t, err)
	require.NoError(t, described.Error())
	deletedGroups, err := admin.DeleteGroups(ctx, groups...)
	require.NoError(t, err)
	require.NoError(t, deletedGroups.Error())
	deleted, err := admin.DeleteTopics(ctx, topics...)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
	cl.Close()
}

// watch acts as a user interface: it describes the cluster, the topics with their settings and offsets, and the group
// with its members and offsets.
func (j *judged) watch(t *testing.T, topics []string, group string) {
	t.Helper()
	ctx := patience(t)
	cl := j.client(t, theRole)
	admin := kadm.NewClient(cl)

	_, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(ctx, cl)
	require.NoError(t, err)
	_, err = admin.ListTopics(ctx, topics...)
	require.NoError(t, err)
	_, err = admin.DescribeTopicConfigs(ctx, topics...)
	require.NoError(t, err)
	_, err = admin.ListEndOffsets(ctx, topics...)
	require.NoError(t, err)
	listed, err := admin.ListGroups(ctx)
	require.NoError(t, err)
	require.Contains(t, listed.Groups(), group)
	lags, err := admin.Lag(ctx, group)
	require.NoError(t, err)
	require.NoError(t, lags.Error())
	cl.Close()
}

// transact acts as a transactional producer, which no role allows, and which MSK Serverless refuses.
func (j *judged) transact(t *testing.T, id, topic string) {
	t.Helper()
	cl := j.client(t, theRole, kgo.TransactionalID(id))
	err := cl.BeginTransaction()
	if err == nil {
		err = cl.ProduceSync(patience(t), ticks(topic)...).FirstErr()
	}
	require.ErrorContains(t, err, kerr.TransactionalIDAuthorizationFailed.Message)
	cl.Close()
}
