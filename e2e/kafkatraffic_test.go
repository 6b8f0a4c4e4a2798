package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// clientVersions are the request versions that clients are run with: those of Kafka 2.8, and the newest that
// client and broker share.
var clientVersions = map[string][]kgo.Opt{
	"Kafka 2.8": {kgo.MaxVersions(kversion.V2_8_0())},
	"uncapped":  nil,
}

// recording is what a client requested from a cluster.
type recording struct {
	*kfake.Cluster
	version string

	mu       sync.Mutex
	on       bool
	requests []recorded
	unknown  []string            // kinds of request that aclsOf does not have
	refuse   map[kmsg.Key]bool   // kinds whose next request is answered with a retriable error
	batches  []*kmsg.RecordBatch // produced
	acks     []int16             // of the requests that produced them
}

// recorded is a request and the ACLs that it needs.
type recorded struct {
	name string
	acls []acl
}

// record starts a cluster of 3 brokers with the topics, each with 3 partitions. Recording begins with play.
func record(t *testing.T, version string, topics ...string) *recording {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(3), kfake.GroupMinSessionTimeout(time.Millisecond)}
	if len(topics) > 0 {
		opts = append(opts, kfake.SeedTopics(3, topics...))
	}
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	r := &recording{Cluster: cluster, version: version, refuse: map[kmsg.Key]bool{}}
	cluster.Control(r.see)
	return r
}

// see is called with every request before it is answered.
func (r *recording) see(req kmsg.Request) (kmsg.Response, error, bool) {
	r.KeepControl()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.on {
		return nil, nil, false
	}
	key := kmsg.Key(req.Key())
	acls, known := aclsOf[key]
	if !known {
		r.unknown = append(r.unknown, key.Name())
		return nil, nil, false
	}
	r.requests = append(
		r.requests,
		recorded{fmt.Sprintf("%s v%d (%s)", key.Name(), req.GetVersion(), r.version), acls(req, r.topicName)},
	)
	if produce, ok := req.(*kmsg.ProduceRequest); ok {
		return r.seeProduce(produce)
	}
	return nil, nil, false
}

// seeProduce keeps the produced records. It answers the first request with NOT_LEADER_OR_FOLLOWER, so that the
// client has to find the leader and retry.
func (r *recording) seeProduce(req *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			batch := new(kmsg.RecordBatch)
			if batch.ReadFrom(p.Records) == nil {
				r.batches, r.acks = append(r.batches, batch), append(r.acks, req.Acks)
			}
		}
	}
	if !r.refuse[kmsg.Produce] {
		return nil, nil, false
	}
	r.refuse[kmsg.Produce] = false
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

func (r *recording) topicName(name string, id [16]byte) string {
	if name != "" {
		return name
	}
	if info := r.TopicIDInfo(id); info != nil {
		return info.Topic
	}
	return fmt.Sprintf("topic-id-%x", id)
}

func (r *recording) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = true
}

// play runs f and returns the number of requests and the IAM actions they need in the cluster with the ARN.
func (r *recording) play(t *testing.T, cluster clusterARN, f func()) (requests int, needs []need) {
	t.Helper()
	r.start()
	f()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	require.Empty(t, r.unknown, "aclsOf has no such kind of request: look its ACLs up and add it")
	for _, q := range r.requests {
		all, err := cluster.needs(q.name, q.acls)
		require.NoError(t, err)
		needs = append(needs, all...)
	}
	return len(r.requests), needs
}

func (r *recording) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	all := slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(r.ListenAddrs()...),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond),
	}, clientVersions[r.version], opts)
	cl, err := kgo.NewClient(all...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// collect acts as a collector with the README's settings: it creates its topics, produces to them idempotently
// with acks=all and zstd, has to retry, and closes.
func (r *recording) collect(t *testing.T, topics []string) {
	t.Helper()
	ctx := patience(t)
	cl := r.client(t, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerLinger(5*time.Millisecond))
	created, err := kadm.NewClient(cl).CreateTopics(ctx, 3, -1, nil, topics...)
	require.NoError(t, err)
	require.NoError(t, created.Error())
	r.mu.Lock()
	r.refuse[kmsg.Produce] = true
	r.mu.Unlock()
	for _, topic := range topics {
		require.NoError(t, cl.ProduceSync(ctx, ticks(topic)...).FirstErr())
	}
	require.NoError(t, cl.Flush(ctx))
	cl.Close()

	r.mu.Lock()
	defer r.mu.Unlock()
	require.False(t, r.refuse[kmsg.Produce], "the client had to retry")
	for i, batch := range r.batches {
		assert.Equal(t, int16(-1), r.acks[i], "acks=all")
		assert.GreaterOrEqual(t, batch.ProducerID, int64(0), "idempotent")
		assert.Equal(t, int16(4), batch.Attributes&7, "zstd")
	}
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

// fill writes records to the topics.
func (r *recording) fill(t *testing.T, topics []string) {
	t.Helper()
	cl := r.client(t)
	for _, topic := range topics {
		require.NoError(t, cl.ProduceSync(patience(t), ticks(topic)...).FirstErr())
	}
	cl.Close()
}

// member is a member of a consumer group that reads until it is stopped, then commits and leaves.
type member struct {
	*kgo.Client
	read map[string]int // records, by topic
	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{}
}

func (r *recording) join(t *testing.T, group string, topics []string) *member {
	t.Helper()
	m := &member{read: map[string]int{}, done: make(chan struct{})}
	m.Client = r.client(t, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(20*time.Millisecond), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
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
func (r *recording) stable(t *testing.T, group string, members int) {
	t.Helper()
	_, err := r.WaitGroupStable(patience(t), group, members)
	require.NoError(t, err)
}

// consume acts as a team's consumer: it joins the group, reads, rebalances as a second member comes and goes,
// commits, leaves, restarts where it stopped, and finally deletes the group.
func (r *recording) consume(t *testing.T, group string, topics []string) {
	t.Helper()
	ctx := patience(t)
	first := r.join(t, group, topics)
	first.readAll(t, topics)
	second := r.join(t, group, topics)
	r.stable(t, group, 2)
	second.leave(t)
	r.stable(t, group, 1)
	first.leave(t)

	again := r.join(t, group, topics)
	r.stable(t, group, 1)
	again.leave(t)

	admin := kadm.NewClient(r.client(t))
	described, err := admin.DescribeGroups(ctx, group)
	require.NoError(t, err)
	require.NoError(t, described.Error())
	deleted, err := admin.DeleteGroups(ctx, group)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
}

// operate acts as an operator: it creates a topic, describes it, alters its retention, adds partitions and deletes
// it; it describes the groups and deletes them.
func (r *recording) operate(t *testing.T, topics, groups []string) {
	t.Helper()
	ctx := patience(t)
	cl := r.client(t)
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

// observe acts as a user interface: it describes the cluster, the topics with their settings and offsets, and the group
// with its members and offsets.
func (r *recording) observe(t *testing.T, topics []string, group string) {
	t.Helper()
	ctx := patience(t)
	cl := r.client(t)
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

// transact acts as a transactional producer, which no role allows.
func (r *recording) transact(t *testing.T, id, topic string) {
	t.Helper()
	ctx := patience(t)
	cl := r.client(t, kgo.TransactionalID(id))
	require.NoError(t, cl.BeginTransaction())
	require.NoError(t, cl.ProduceSync(ctx, ticks(topic)...).FirstErr())
	require.NoError(t, cl.EndTransaction(ctx, kgo.TryCommit))
	cl.Close()
}

// An unknown kind of request must fail the tests.
func TestRecordingKnowsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	r := record(t, "uncapped", "exchg.x")
	r.start()
	_, err := kadm.NewClient(
		r.client(t),
	).DeleteRecords(
		patience(t),
		kadm.Offsets{"exchg.x": {0: {Topic: "exchg.x", Partition: 0, At: 0}}},
	)
	require.NoError(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.Equal(t, []string{"DeleteRecords"}, r.unknown)
}
