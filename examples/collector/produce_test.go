package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	btcTrades = "exchg.binance.spot.trades.BTCUSDT"
	btcBook   = "exchg.binance.spot.orderbook-delta.BTCUSDT"
)

// publish publishes an event of each stream four times a second for a time, and then gives everybody a second to take
// them.
func (w *world) publish(d time.Duration) {
	ctx, cancel := context.WithTimeout(w.ctx, d)
	defer cancel()
	for tick := time.NewTicker(250 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			time.Sleep(time.Second)
			return
		case now := <-tick.C:
			w.exchange.Publish(now)
		}
	}
}

// span is what an event covers of its stream's sequence.
func span(t *testing.T, value []byte) (first, last int64) {
	t.Helper()
	var e binanceEvent
	require.NoError(t, json.Unmarshal(value, &e))
	if e.Event == "trade" {
		return e.Trade, e.Trade
	}
	return e.First, e.Last
}

// missing requires a topic to hold each event once and in order, up to the last that the exchange published, and
// returns how many sequence numbers are not there.
func (w *world) missing(topic, stream string) (missing int64) {
	w.t.Helper()
	records := w.read(topic)
	require.NotEmpty(w.t, records, topic)
	before := int64(-1)
	for _, r := range records {
		first, last := span(w.t, r.Value)
		require.Greater(w.t, first, before, "%s: repeated or out of order", topic)
		if before >= 0 {
			missing += first - before - 1
		}
		before = last
	}
	assert.Equal(w.t, w.exchange.Last(stream), before, "%s ends before the exchange does", topic)
	return missing
}

// Each fault lasts for as long as the table says. The process must not end, must not lose, repeat or reorder a record,
// and must be unhealthy while there is no progress.
func TestProduceSurvives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault    func(w *world, p *program) (heal func())
		lasts    time.Duration
		atStart  bool
		progress bool // there is some all the while
	}{
		"brokers refuse connections for 2 s":        {fault: down, lasts: 2 * time.Second},
		"brokers refuse connections for 10 s":       {fault: down, lasts: 10 * time.Second},
		"brokers refuse connections for 90 s":       {fault: down, lasts: 90 * time.Second},
		"brokers refuse connections for 20 minutes": {fault: down, lasts: 20 * time.Minute},
		"brokers refuse connections at the start":   {fault: down, lasts: 90 * time.Second, atStart: true},
		"authentication is denied":                  {fault: denied, lasts: 90 * time.Second},
		"authentication is denied at the start":     {fault: denied, lasts: 90 * time.Second, atStart: true},
		"the topic is unknown": {
			fault: refusal(kerr.UnknownTopicOrPartition, kmsg.Produce), lasts: 90 * time.Second,
		},
		"the topic is missing in metadata": {
			fault: refusal(kerr.UnknownTopicOrPartition, kmsg.Metadata), lasts: 90 * time.Second, progress: true,
		},
		"the topic is missing in metadata at the start": {
			fault: refusal(kerr.UnknownTopicOrPartition, kmsg.Metadata), lasts: 90 * time.Second, atStart: true,
		},
		"writing is not authorized": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.Produce), lasts: 90 * time.Second,
		},
		"writing is not authorized at the start": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.Produce), lasts: 90 * time.Second, atStart: true,
		},
		"describing is not authorized at the start": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.Metadata), lasts: 90 * time.Second, atStart: true,
		},
		"idempotence is not authorized at the start": {
			fault: refusal(kerr.ClusterAuthorizationFailed, kmsg.InitProducerID), lasts: 90 * time.Second, atStart: true,
		},
		"the leader is elsewhere": {
			fault: refusal(kerr.NotLeaderForPartition, kmsg.Produce), lasts: 90 * time.Second,
		},
		"too few replicas": {
			fault: refusal(kerr.NotEnoughReplicas, kmsg.Produce), lasts: 90 * time.Second,
		},
		"too few replicas after the append": {
			fault: refusal(kerr.NotEnoughReplicasAfterAppend, kmsg.Produce), lasts: 20 * time.Second,
		},
		"a time-out after the append": {
			fault: refusal(kerr.RequestTimedOut, kmsg.Produce), lasts: 20 * time.Second,
		},
		"an unknown error": {
			fault: refusal(kerr.UnknownServerError, kmsg.Produce), lasts: 90 * time.Second,
		},
		"creation of topics is throttled at the start": {
			fault: refusal(kerr.ThrottlingQuotaExceeded, kmsg.CreateTopics), lasts: 6 * time.Minute, atStart: true,
		},
		"creation of topics times out at the start": {
			fault: refusal(kerr.RequestTimedOut, kmsg.CreateTopics), lasts: 20 * time.Second, atStart: true, progress: true,
		},
		"creation of topics isn't authorized at first": {
			fault: refusal(kerr.TopicAuthorizationFailed, kmsg.CreateTopics), lasts: 90 * time.Second, atStart: true,
		},
		"the controller moves at the start": {
			fault: refusal(kerr.NotController, kmsg.CreateTopics), lasts: 30 * time.Second, atStart: true,
		},
		"connections are cut every 300 ms": {
			fault: cutting(300 * time.Millisecond), lasts: 30 * time.Second, progress: true,
		},
		"brokers restart one after another, four times":   {fault: rolling, lasts: 80 * time.Second, progress: true},
		"there are no credentials, and connections break": {fault: noCredentials, lasts: 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				var heal func()
				p := w.start([]string{"produce", "-symbols", "BTCUSDT,ETHUSDT"}, func(p *program) {
					if c.atStart {
						heal = c.fault(w, p)
					}
				})
				if !c.atStart {
					w.publish(10 * time.Second)
					heal = c.fault(w, p)
				}
				w.publish(c.lasts)
				p.running(t)
				if c.lasts > time.Minute {
					assert.Equal(t, c.progress, p.healthy(t), "health during the fault: %s", p.err)
				}
				heal()
				w.publish(30 * time.Second)
				time.Sleep(25 * time.Second) // the longest that lanes wait between two attempts is 30 seconds
				p.running(t)

				acknowledged, received := p.metric(t, "acknowledged_total"), p.metric(t, "messages_total")
				assert.Zero(t, p.metric(t, "pending_records"), p.err)
				assert.Equal(t, received, acknowledged)
				w.publish(10 * time.Second)
				assert.True(t, p.healthy(t), "health after the fault")
				assert.Zero(t, p.metric(t, "reordered_total"))
				require.Zero(t, p.terminate(), p.err)
				for _, symbol := range []string{"BTCUSDT", "ETHUSDT"} {
					low := strings.ToLower(symbol)
					assert.Zero(t, w.missing("exchg.binance.spot.trades."+symbol, low+"@trade"), p.err)
					assert.Zero(t, w.missing("exchg.binance.spot.orderbook-delta."+symbol, low+"@depth@100ms"))
				}
			})
		})
	}
}

// cutting cuts all connections to brokers each interval.
func cutting(interval time.Duration) func(w *world, p *program) func() {
	return func(w *world, _ *program) func() {
		ctx, cancel := context.WithCancel(w.ctx)
		go func() {
			for wait(ctx, interval) {
				w.cut()
			}
		}()
		return cancel
	}
}

// refusal has the brokers answer requests of these kinds with the error.
func refusal(err *kerr.Error, keys ...kmsg.Key) func(*world, *program) func() {
	return func(w *world, _ *program) func() {
		group := slices.Contains(keys, kmsg.JoinGroup) // whose answers have one error for all
		return w.Fault(kfake.Fault{Keys: keys, Err: err, Count: -1, TopLevel: group}).Remove
	}
}

// down has the brokers refuse connections.
func down(w *world, _ *program) func() {
	w.setDown(true)
	return func() { w.setDown(false) }
}

// denied has the brokers refuse to authenticate.
func denied(w *world, _ *program) func() {
	w.setDenied(true)
	return func() { w.setDenied(false) }
}

// rolling takes each broker away for 5 seconds in turn.
func rolling(w *world, _ *program) func() {
	ctx, cancel := context.WithCancel(w.ctx)
	go func() {
		for i := 0; wait(ctx, 5*time.Second); i++ {
			port := 9098 + i%2
			if w.RemoveNode(int32(i%2)) != nil {
				return
			}
			w.cut()
			wait(ctx, 5*time.Second)
			if _, _, err := w.AddNode(int32(i%2), port); err != nil {
				return
			}
		}
	}()
	return func() { cancel(); time.Sleep(10 * time.Second) }
}

// noCredentials takes the credentials away, and what was authenticated with them.
func noCredentials(w *world, _ *program) func() {
	w.lose(true)
	w.cut()
	return func() { w.lose(false) }
}
