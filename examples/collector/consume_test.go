package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// seen counts what handlers get.
type seen struct {
	mu    sync.Mutex
	times map[string]int // by topic and value
}

func (s *seen) handle(_ context.Context, r *kgo.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[string]int{}
	}
	s.times[r.Topic+" "+string(r.Value)]++
	return nil
}

// count returns how many different records were handled, and how many times in all.
func (s *seen) count() (different, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.times {
		all += n
	}
	return len(s.times), all
}

func handleWith(h handler) func(*program) { return func(p *program) { p.handle = h } }

// While each fault lasts, the process must not end and must be unhealthy; afterwards it must have processed each record
// at least once.
func TestConsumeSurvives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault    func(w *world, p *program) (heal func())
		lasts    time.Duration
		atStart  bool
		progress bool
	}{
		"brokers refuse connections for 2 s":      {fault: down, lasts: 2 * time.Second},
		"brokers refuse connections for 3 s":      {fault: down, lasts: 3 * time.Second},
		"brokers refuse connections for 10 s":     {fault: down, lasts: 10 * time.Second},
		"brokers refuse connections for 90 s":     {fault: down, lasts: 90 * time.Second},
		"brokers refuse connections for an hour":  {fault: down, lasts: time.Hour},
		"brokers refuse connections at the start": {fault: down, lasts: 90 * time.Second, atStart: true},
		"authentication is denied": {
			fault: denied, lasts: 90 * time.Second,
		},
		"there are no credentials": {
			fault: noCredentials, lasts: 90 * time.Second,
		},
		"reading is not authorized": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.Fetch), lasts: 90 * time.Second,
		},
		"reading is not authorized at the start": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.Fetch), lasts: 90 * time.Second, atStart: true,
		},
		"describing topics is not authorized at first": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.Metadata), lasts: 90 * time.Second, atStart: true,
		},
		"the group is not authorized": {
			fault: refusal(kerr.GroupAuthorizationFailed, kmsg.JoinGroup, kmsg.Heartbeat), lasts: 90 * time.Second,
		},
		"the group is not authorized at the start": {
			fault: refusal(kerr.GroupAuthorizationFailed, kmsg.FindCoordinator, kmsg.JoinGroup),
			lasts: 90 * time.Second, atStart: true,
		},
		"reading offsets is not authorized at the start": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.OffsetFetch), lasts: 90 * time.Second, atStart: true,
		},
		"committing is not authorized": {
			fault: refusal(kerr.GroupAuthorizationFailed, kmsg.OffsetCommit), lasts: 20 * time.Second, progress: true,
		},
		"the coordinator is loading": {
			fault: refusal(kerr.CoordinatorLoadInProgress, kmsg.JoinGroup, kmsg.Heartbeat, kmsg.OffsetCommit),
			lasts: 90 * time.Second, progress: true,
		},
		"the leader is elsewhere": {
			fault: refusal(kerr.NotLeaderForPartition, kmsg.Fetch), lasts: 90 * time.Second,
		},
		"an unknown error": {
			fault: refusal(kerr.UnknownServerError, kmsg.Fetch), lasts: 90 * time.Second,
		},
		"connections are cut every 300 ms": {
			fault: cutting(300 * time.Millisecond),
			lasts: 30 * time.Second, progress: true,
		},
		"brokers restart one after another, four times": {
			fault: rolling, lasts: 80 * time.Second, progress: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				const records = 50
				w.write("exchg.a", 0, records)
				w.write("exchg.b", 0, records)
				var s seen
				heal := func() {}
				if c.atStart {
					heal = c.fault(w, nil)
				}
				p := w.start([]string{"consume"}, handleWith(s.handle))
				if !c.atStart {
					time.Sleep(20 * time.Second)
					heal = c.fault(w, nil)
				}
				time.Sleep(c.lasts)
				p.running(t)
				if c.lasts > time.Minute {
					assert.Equal(t, c.progress, p.healthy(t), "health during the fault: %s", p.err)
				}
				heal()
				time.Sleep(time.Minute)
				w.write("exchg.a", records, records)
				w.write("exchg.b", records, records)
				time.Sleep(time.Minute)
				p.running(t)
				assert.True(t, p.healthy(t), "health after the fault: %s", p.err)
				different, _ := s.count()
				assert.Equal(t, 4*records, different, p.err)
				assert.Zero(t, p.terminate(), p.err)
				assert.EqualValues(t, 2*records, w.committed("team-quant", "exchg.a"))
				assert.EqualValues(t, 2*records, w.committed("team-quant", "exchg.b"))
			}, kfake.SeedTopics(1, "exchg.a", "exchg.b"))
		})
	}
}

// A notice that the log lost records isn't an error of the consumer: it is reported, and reading goes on.
func TestConsumeDataLoss(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		w.write("exchg.a", 0, 50)
		var s seen
		p := w.start([]string{"consume"}, handleWith(s.handle))
		time.Sleep(20 * time.Second)
		// A new leader says that its log ends at 40 in the old epoch.
		w.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
			for _, topic := range req.(*kmsg.OffsetForLeaderEpochRequest).Topics {
				answer := kmsg.NewOffsetForLeaderEpochResponseTopic()
				answer.Topic = topic.Topic
				for _, partition := range topic.Partitions {
					end := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
					end.Partition, end.LeaderEpoch, end.EndOffset = partition.Partition, partition.LeaderEpoch, 40
					answer.Partitions = append(answer.Partitions, end)
				}
				resp.Topics = append(resp.Topics, answer)
			}
			return resp, nil, true
		})
		require.NoError(t, w.MoveTopicPartition("exchg.a", 0, 1-w.LeaderFor("exchg.a", 0)))
		time.Sleep(time.Minute)
		p.running(t)
		assert.EqualValues(t, 1, p.metric(t, "data_loss_total"), p.err)
		assert.Contains(t, p.err.String(), "the log lost records")
		w.write("exchg.a", 50, 50)
		time.Sleep(time.Minute)
		different, _ := s.count()
		assert.Equal(t, 100, different)
		assert.True(t, p.healthy(t))
		assert.Zero(t, p.terminate())
	}, kfake.SeedTopics(1, "exchg.a"))
}

// Two members, of which one comes later, with a handler that takes 0.8 seconds a record: a batch of all records would
// take longer than the group waits for a member.
func TestConsumeSlowly(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		const topics, each = 4, 150
		for i := range topics {
			w.write(fmt.Sprint("exchg.", i), 0, each)
		}
		var s seen
		slow := func(ctx context.Context, r *kgo.Record) error {
			time.Sleep(800 * time.Millisecond)
			return s.handle(ctx, r)
		}
		first := w.start([]string{"consume"}, handleWith(slow))
		time.Sleep(30 * time.Second)
		second := w.start([]string{"consume"}, handleWith(slow))
		time.Sleep(topics * each * 800 * time.Millisecond)
		different, all := s.count()
		assert.Equal(t, topics*each, different)
		assert.Equal(t, different, all, "each record is processed once, because members commit before they let go")
		assert.Positive(t, second.metric(t, "processed_total"), "the second gets some of the work")
		assert.True(t, first.healthy(t))
		assert.True(t, second.healthy(t))
		assert.Zero(t, first.terminate(), first.err)
		assert.Zero(t, second.terminate(), second.err)
		for i := range topics {
			assert.EqualValues(t, each, w.committed("team-quant", fmt.Sprint("exchg.", i)))
		}
	}, kfake.SeedTopics(1, "exchg.0", "exchg.1", "exchg.2", "exchg.3"))
}

// SIGTERM in the middle of a batch commits what was processed, and the next member begins after it.
func TestConsumeDrains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails  error
		status int
		want   string
	}{
		"a signal":          {nil, 0, `"processed":3`},
		"the handler fails": {errTest, 1, "topic exchg.a, partition 0, offset 3: as the test wants it"},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				w.write("exchg.a", 0, 10)
				var p *program
				n := 0
				p = w.start([]string{"consume"}, handleWith(func(context.Context, *kgo.Record) error {
					if n++; n == 4 && c.fails != nil {
						return c.fails
					} else if n == 3 && c.fails == nil {
						p.stop()
					}
					return nil
				}))
				<-p.done
				assert.Equal(t, c.status, p.status, p.err)
				assert.Contains(t, p.err.String(), c.want)
				assert.EqualValues(t, 3, w.committed("team-quant", "exchg.a"))
				var s seen
				next := w.start([]string{"consume"}, handleWith(s.handle))
				time.Sleep(20 * time.Second)
				assert.Zero(t, next.terminate())
				for i := range 10 {
					assert.Equal(t, i >= 3, s.times["exchg.a "+strconv.Itoa(i)] == 1, i)
				}
			}, kfake.SeedTopics(1, "exchg.a"))
		})
	}
}

// A consumer with nothing to read is healthy, finds a new topic within a minute, and reads it from its first record.
func TestConsumeFindsTopics(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		p := w.start([]string{"consume"}, func(p *program) { p.handle = printRecords(p.out) })
		time.Sleep(10 * time.Minute)
		assert.True(t, p.healthy(t), p.err)
		client := w.plain(kgo.AllowAutoTopicCreation())
		require.NoError(t, client.ProduceSync(w.ctx,
			&kgo.Record{Topic: "exchg.new", Key: []byte("K"), Value: []byte(`{"a":1}`)},
			&kgo.Record{Topic: "other.new", Value: []byte(`{"a":2}`)},
		).FirstErr())
		time.Sleep(2 * time.Minute)
		assert.Equal(t, `{"key":"K","offset":0,"partition":0,"topic":"exchg.new","value":{"a":1}}`+"\n", p.out.String())
		require.NoError(t, client.ProduceSync(w.ctx, &kgo.Record{Topic: "exchg.new", Value: []byte("check 2026")}).FirstErr())
		time.Sleep(time.Minute)
		assert.Contains(t, p.out.String(), `"value":"check 2026"}`)
		assert.Zero(t, p.terminate())
	}, kfake.SeedTopics(1, "exchg.old"), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
}
