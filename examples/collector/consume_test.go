package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// committed is what a group has committed in a topic, all partitions together.
func (k *kafka) committed(group, topic string) (n int64) {
	info := k.GroupInfo(group)
	if info == nil {
		return 0
	}
	for _, c := range info.Commits[topic] {
		n += c.Offset
	}
	return n
}

func TestConsume(t *testing.T) {
	t.Parallel()
	k := startKafka(t, kfake.SeedTopics(1, "exchg.a", "trades.b", "exchgx", "other.exchg.c"))
	for _, topic := range []string{"exchg.a", "trades.b", "exchgx", "other.exchg.c"} {
		k.write(t, topic, 10)
	}
	ctx, signal := testContext(t)
	p := k.program()
	got := map[string]int64{}
	var subscribed []string
	p.handle = func(tr trade) error {
		if len(got) == 0 {
			subscribed = k.GroupInfo("team-quant").Members[0].SubscribedTopics
		}
		got[tr.Symbol]++
		if got["exchg.a"]+got["trades.b"] == 20 {
			signal()
		}
		return nil
	}

	require.Zero(t, p.run(ctx, []string{"consume"}), p.err)
	assert.ElementsMatch(t, []string{"exchg.a", "trades.b"}, subscribed, "topics of the prefixes, and no other")
	assert.Equal(t, map[string]int64{"exchg.a": 10, "trades.b": 10}, got)
	assert.Contains(t, p.err.String(), "20 trades processed, 0 other records skipped")
	assert.EqualValues(t, 10, k.committed("team-quant", "exchg.a"))
	assert.EqualValues(t, 10, k.committed("team-quant", "trades.b"))
	assert.Empty(t, k.GroupInfo("team-quant").Members, "it left its group")
}

// The twin reads what the program produces.
func TestConsumeWhatIsProduced(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	ctx, signal := testContext(t)
	producer := k.program()
	producer.feed = emits(5, signal)
	require.Zero(t, producer.run(ctx, []string{"produce"}), producer.err)

	ctx, signal = testContext(t)
	consumer := k.program()
	show, n := printTrades(consumer.out), 0
	consumer.handle = func(tr trade) error {
		if n++; n == 5 {
			signal()
		}
		return show(tr)
	}
	require.Zero(t, consumer.run(ctx, []string{"consume"}), consumer.err)
	assert.Contains(t, consumer.out.String(), `{"Exchange":"example","Market":"spot","Symbol":"BTCUSDT","ID":5,`)
}

// What ends a consumer in the middle of a batch leaves the processed trades committed, and the others to the next.
func TestConsumeStopsMidway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure   error // of the third trade; a signal comes after the third if there is none
		status    int
		committed int64
		want      string
	}{
		"signal":        {nil, 0, 3, "3 trades processed"},
		"handler fails": {errors.New("no room"), 1, 2, "topic exchg.a, partition 0, offset 2: no room"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, kfake.SeedTopics(1, "exchg.a"))
			k.write(t, "exchg.a", 10)
			ctx, signal := testContext(t)
			p := k.program()
			p.handle = func(tr trade) error {
				if tr.ID == 3 {
					if c.failure == nil {
						signal()
					}
					return c.failure
				}
				return nil
			}
			assert.Equal(t, c.status, p.run(ctx, []string{"consume"}), p.err)
			assert.Contains(t, p.err.String(), c.want)
			assert.Equal(t, c.committed, k.committed("team-quant", "exchg.a"))

			ctx, signal = testContext(t)
			next := k.program()
			var got []int64
			next.handle = func(tr trade) error {
				if got = append(got, tr.ID); tr.ID == 10 {
					signal()
				}
				return nil
			}
			require.Zero(t, next.run(ctx, []string{"consume"}), next.err)
			assert.Equal(t, c.committed+1, got[0])
			assert.Len(t, got, 10-int(c.committed))
		})
	}
}

// A second member joins while the first is at work: it gets partitions, and no trade is lost or processed twice.
func TestConsumeRebalance(t *testing.T) {
	t.Parallel()
	const topics, each = 4, 300
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprint("exchg.", i))
	}
	k := startKafka(t, kfake.SeedTopics(1, names...))
	for _, n := range names {
		k.write(t, n, each)
	}
	ctx, signal := testContext(t)
	joined, told, handed, written := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	got, by := map[string]int{}, map[int]int{}
	var start sync.Once
	status := make(chan int, 2)
	var member func(i int)
	member = func(i int) {
		p := k.program()
		p.handle = func(tr trade) error {
			start.Do(func() {
				// Records are in hand: the group has to wait for their commit before it changes hands, though the
				// broker has told the first member that it should.
				go member(2)
				select {
				case <-told:
				case <-handed:
					assert.Fail(t, "partitions changed hands with records in hand")
				case <-ctx.Done():
				}
			})
			mu.Lock()
			got[fmt.Sprint(tr.Symbol, " ", tr.ID)]++
			by[i]++
			all, both := len(got) == topics*each+topics, by[2] > 0
			mu.Unlock()
			if all && both {
				signal()
			}
			return nil
		}
		status <- p.run(ctx, []string{"consume"})
	}
	go member(1)
	go func() {
		_, err := k.WaitGroupInfo(ctx, "team-quant", func(g *kfake.GroupInfo) bool { return g != nil && len(g.Members) == 2 })
		if !assert.NoError(t, err) {
			return
		}
		beats := 0
		k.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
			if beats++; beats == 2 { // the first was answered: rebalance
				close(told)
			}
			return nil, nil, false
		})
		close(joined)
	}()

	// Once both have partitions, one more trade for each topic: the second member gets its own.
	go func() {
		defer close(written)
		select {
		case <-joined:
		case <-ctx.Done():
			return
		}
		_, err := k.WaitGroupInfo(ctx, "team-quant", func(g *kfake.GroupInfo) bool {
			return g.State == "Stable" && len(g.Members) == 2 && g.Members[0].NumAssigned() == 2 && g.Members[1].NumAssigned() == 2
		})
		if !assert.NoError(t, err) {
			return
		}
		close(handed)
		client, ctx := k.plain(t), context.WithoutCancel(ctx) // the last trade ends the members, and not this
		for _, n := range names {
			client.Produce(ctx, &kgo.Record{Topic: n, Value: []byte(`{"Symbol":"` + n + `","ID":0}`)}, nil)
		}
		assert.NoError(t, client.Flush(ctx))
	}()
	assert.Zero(t, <-status)
	assert.Zero(t, <-status)
	<-written
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, got, topics*each+topics)
	for id, n := range got {
		assert.Equal(t, 1, n, id)
	}
	assert.Positive(t, by[1])
	assert.Positive(t, by[2])
}

func TestConsumeSkipsWhatIsNoTrade(t *testing.T) {
	t.Parallel()
	k := startKafka(t, kfake.SeedTopics(1, "exchg.a"))
	client := k.plain(t)
	ctx, signal := testContext(t)
	for _, v := range []string{"check 2026", `{"Symbol":1}`, `{}`, `{"Symbol":"X"}`} {
		require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Topic: "exchg.a", Value: []byte(v)}).FirstErr())
	}
	p := k.program()
	p.handle = func(trade) error {
		signal()
		return nil
	}
	require.Zero(t, p.run(ctx, []string{"consume"}), p.err)
	assert.Contains(t, p.err.String(), "1 trades processed, 3 other records skipped")
	assert.EqualValues(t, 4, k.committed("team-quant", "exchg.a"))
}

// A refused commit ends the consumer, unless the group merely changes hands: then the trades come again.
func TestConsumeCommitRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refusal *kerr.Error
		status  int
	}{
		{kerr.GroupAuthorizationFailed, 1},
		{kerr.RebalanceInProgress, 0},
		{kerr.IllegalGeneration, 0},
		{kerr.UnknownMemberID, 0},
	} {
		t.Run(c.refusal.Message, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, kfake.SeedTopics(1, "exchg.a"))
			k.write(t, "exchg.a", 3)
			k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: c.refusal, Count: -1})
			ctx, signal := testContext(t)
			p := k.program()
			p.handle = func(tr trade) error {
				if tr.ID == 3 && c.status == 0 {
					signal()
				}
				return nil
			}
			assert.Equal(t, c.status, p.run(ctx, []string{"consume"}), p.err)
			if c.status != 0 {
				assert.Contains(t, p.err.String(), "commit: "+c.refusal.Message)
			}
		})
	}
}

func TestConsumeFailsWithoutRights(t *testing.T) {
	t.Parallel()
	for key, refusal := range map[kmsg.Key]*kerr.Error{
		kmsg.JoinGroup: kerr.GroupAuthorizationFailed,
		kmsg.Fetch:     kerr.TopicAuthorizationFailed,
	} {
		t.Run(refusal.Message, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, kfake.SeedTopics(1, "exchg.a"))
			k.write(t, "exchg.a", 1)
			k.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: refusal, Count: -1})
			ctx, _ := testContext(t)
			p := k.program()
			assert.Equal(t, 1, p.run(ctx, []string{"consume"}), p.err)
			assert.Contains(t, p.err.String(), "collector consume: ")
			assert.Contains(t, p.err.String(), refusal.Message)
		})
	}
}

func TestConsumeGroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		groups, flag, want, refusal string
	}{
		{"a", "", "a", ""},
		{"a,b", "b", "b", ""},
		{"a,b", "", "", `-group "": name one of KAFKA_GROUP_IDS="a,b"`},
		{"a,b", "c", "", `-group "c": name one of KAFKA_GROUP_IDS="a,b"`},
		{"", "", "", `-group "": name one of KAFKA_GROUP_IDS=""`},
	} {
		s, err := readSettings([]string{
			"AWS_REGION=r", "KAFKA_BOOTSTRAP_SERVERS=h:9098", "KAFKA_TOPIC_PREFIXES=p", "KAFKA_GROUP_IDS=" + c.groups,
		})
		require.NoError(t, err)
		got, err := s.memberOf(c.flag)
		assert.Equal(t, c.want, got)
		if c.refusal == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, c.refusal)
			assert.ErrorAs(t, err, new(refused))
		}
	}
}
