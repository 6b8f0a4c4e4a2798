package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const btc = "exchg.example.spot.trades.BTCUSDT"

// emits is a feed of n trades, which then calls last and waits for the end, as a live feed does.
func emits(n int, last func()) feed {
	return func(ctx context.Context, of instrument, emit func(trade)) error {
		for i := range n {
			emit(trade{instrument: of, ID: int64(i + 1)})
		}
		last()
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestProduceKeyedIdempotentAndCompressed(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	ctx, signal := testContext(t)
	type batch struct {
		acks, attributes int16
		producer         int64
	}
	batches := make(chan batch, 100)
	k.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r := req.(*kmsg.ProduceRequest)
		var b kmsg.RecordBatch
		if err := b.ReadFrom(r.Topics[0].Partitions[0].Records); err == nil {
			batches <- batch{r.Acks, b.Attributes & 7, b.ProducerID}
		}
		return nil, nil, false
	})
	p := k.program()
	p.feed = emits(100, signal)

	require.Zero(t, p.run(ctx, []string{"produce", "-partitions", "3"}), p.err)
	assert.Contains(t, p.err.String(), "100 trades taken from the feed, 100 acknowledged")
	assert.Len(t, k.PartitionInfos(btc), 3)
	for i, r := range k.read(t, btc, 100) {
		assert.Equal(t, "BTCUSDT", string(r.Key))
		var got trade
		require.NoError(t, json.Unmarshal(r.Value, &got))
		assert.Equal(t, trade{instrument: instrument{"example", "spot", "BTCUSDT"}, ID: int64(i + 1)}, got)
	}
	close(batches)
	const zstd = 4 // Kafka's number for it, in a batch's attributes
	for b := range batches {
		assert.EqualValues(t, -1, b.acks)
		assert.EqualValues(t, zstd, b.attributes)
		assert.GreaterOrEqual(t, b.producer, int64(0))
	}
}

// A signal comes while brokers refuse for a while: each trade gets there, once, in order.
func TestProduceLosesNothingOnShutdown(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut} {
		t.Run(refusal.Message, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, kfake.SeedTopics(2, btc))
			ctx, signal := testContext(t)
			fault := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: refusal, Count: -1})
			p := k.program()
			p.feed = emits(500, signal)
			healed := make(chan error, 1)
			go func() {
				wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
				defer cancel()
				<-ctx.Done() // so that no trade can have been acknowledged before the signal
				healed <- fault.Wait(wait, 2)
				fault.Remove()
			}()

			require.Zero(t, p.run(ctx, []string{"produce"}), p.err)
			require.NoError(t, <-healed)
			assert.Contains(t, p.err.String(), "500 trades taken from the feed, 500 acknowledged")
			require.EqualValues(t, 500, k.length(btc))
			for i, r := range k.read(t, btc, 500) {
				var got trade
				require.NoError(t, json.Unmarshal(r.Value, &got))
				require.EqualValues(t, i+1, got.ID)
			}
		})
	}
}

func TestProduceFails(t *testing.T) {
	t.Parallel()
	down := kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1}
	forbidden := kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1}
	for name, c := range map[string]struct {
		fault    kfake.Fault
		feed     func(signal func()) feed
		signaled bool
		want     []string
	}{
		"a refused trade ends the feed": {
			forbidden, func(func()) feed { return emits(3, func() {}) }, false,
			[]string{"TOPIC_AUTHORIZATION_FAILED", "3 trades taken from the feed, 0 acknowledged", "3 trades were not acknowledged"},
		},
		"brokers stay away longer than -drain": {
			down, func(signal func()) feed { return emits(5, signal) }, true,
			[]string{"5 trades taken from the feed, 0 acknowledged", "5 trades were not acknowledged", "-drain 50ms"},
		},
		"a feed that waits for room gives up with -drain": {
			down, func(signal func()) feed {
				return func(ctx context.Context, of instrument, emit func(trade)) error {
					for i := range 10_001 { // franz-go has room for 10,000
						if i == 10_000 {
							signal()
						}
						emit(trade{instrument: of})
					}
					return nil
				}
			}, true,
			[]string{"10001 trades taken from the feed, 0 acknowledged"},
		},
		"the feed's own error, when all it emitted is acknowledged": {
			kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition},
			func(func()) feed {
				return func(_ context.Context, of instrument, emit func(trade)) error {
					emit(trade{instrument: of})
					return errors.New("the exchange hung up")
				}
			}, false,
			[]string{"1 trades taken from the feed, 1 acknowledged", "the exchange hung up"},
		},
		"the feed's own error while brokers stay away": {
			down, func(func()) feed {
				return func(_ context.Context, of instrument, emit func(trade)) error {
					emit(trade{instrument: of})
					return errors.New("the exchange hung up")
				}
			}, false,
			[]string{"1 trades taken from the feed, 0 acknowledged", "the exchange hung up", "1 trades were not acknowledged"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, kfake.SeedTopics(1, btc))
			ctx, signal := testContext(t)
			k.Fault(c.fault)
			p := k.program()
			p.feed = c.feed(signal)
			drain := "50ms"
			if c.fault.Count == 0 {
				drain = "30s"
			}

			assert.Equal(t, 1, p.run(ctx, []string{"produce", "-drain", drain}), p.err)
			for _, w := range c.want {
				assert.Contains(t, p.err.String(), w)
			}
			assert.Equal(t, c.signaled, ctx.Err() != nil, "it ended by itself, unless a signal came")
		})
	}
}

func TestProduceTopic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seed    bool
		answer  *kerr.Error // to CreateTopics, instead of the real one
		status  int
		creates int64
		want    string
	}{
		"created if missing":        {false, nil, 0, 1, btc + " created, with 2 partitions"},
		"left alone if there":       {true, nil, 0, 0, btc + " exists, with 1 partitions"},
		"another created it first":  {false, kerr.TopicAlreadyExists, 1, 1, btc + " exists: another has just created it"},
		"creation is not permitted": {false, kerr.TopicAuthorizationFailed, 1, 1, "TOPIC_AUTHORIZATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opts []kfake.Opt
			if c.seed {
				opts = append(opts, kfake.SeedTopics(1, btc))
			}
			k := startKafka(t, opts...)
			creates := k.count(kmsg.CreateTopics)
			if c.answer != nil {
				k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: c.answer, Count: -1})
			}
			ctx, signal := testContext(t)
			p := k.program()
			p.feed = emits(1, func() {
				if c.status == 0 {
					signal()
				}
			})
			// The topic that another is said to have created isn't there: the trade fails, which is no concern here.
			assert.Equal(t, c.status, p.run(ctx, []string{"produce", "-partitions", "2"}), p.err)
			assert.Equal(t, c.creates, creates.Load())
			assert.Contains(t, p.err.String(), c.want)
		})
	}
}

func TestProduceRefusesTopics(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	calls := k.count(kmsg.ApiVersions)
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"-symbol", "BTC/USDT"}, `topic "exchg.example.spot.trades.BTC/USDT": write it in`},
		{[]string{"-exchange", "a:b"}, `topic "exchg.a:b.spot.trades.BTCUSDT": write it in`},
		{[]string{"-symbol", strings.Repeat("x", 249)}, "write it in 1 to 249"},
		{[]string{"-prefix", "other."}, `begin it with one of KAFKA_TOPIC_PREFIXES="exchg.,trades."`},
		{[]string{"-partitions", "0"}, "-partitions 0"},
	} {
		p := k.program()
		assert.Equal(t, 2, p.run(t.Context(), append([]string{"produce"}, c.flags...)), c.flags)
		assert.Contains(t, p.err.String(), c.want)
	}
	assert.Zero(t, calls.Load(), "no broker is called")
}

func TestSynthetic(t *testing.T) {
	t.Parallel()
	ctx, cancel := testContext(t)
	var got []trade
	of := instrument{"e", "m", "s"}
	require.NoError(t, synthetic(time.Millisecond)(ctx, of, func(tr trade) {
		if got = append(got, tr); len(got) == 3 {
			cancel()
		}
	}))
	for i, tr := range got {
		assert.Equal(t, of, tr.instrument)
		assert.EqualValues(t, i+1, tr.ID)
		assert.Regexp(t, `^\d+\.\d\d$`, tr.Price)
		assert.WithinDuration(t, time.Now(), tr.Time, time.Minute)
	}
	assert.GreaterOrEqual(t, len(got), 3)
}
