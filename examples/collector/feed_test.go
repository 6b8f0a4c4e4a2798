package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is missing in the log must equal what was counted as missed, whatever the exchange does.
func TestExchangeMisbehaves(t *testing.T) {
	t.Parallel()
	const stream = "btcusdt@trade"
	for name, c := range map[string]struct {
		misbehave func(t *testing.T, w *world, p *program)
		missed    func(missed float64) bool
		metric    string // which grows
	}{
		"drop": {func(_ *testing.T, w *world, _ *program) {
			w.exchange.Drop()
			w.publish(10 * time.Second)
			w.exchange.Drop()
		}, some, "connects_total"},
		"refuse connections": {func(t *testing.T, w *world, p *program) {
			w.exchange.Refuse(true)
			w.exchange.Drop()
			w.publish(10 * time.Minute)
			assert.False(t, p.healthy(t))
			assert.Contains(t, p.err.String(), "connecting again")
			w.exchange.Refuse(false)
		}, some, "connects_total"},
		"stall": {func(t *testing.T, w *world, p *program) {
			w.exchange.Stall(true)
			w.publish(2 * time.Minute)
			assert.False(t, p.healthy(t))
			assert.Contains(t, p.err.String(), "the exchange is silent")
			w.exchange.Stall(false)
		}, some, "connects_total"},
		"gap": {func(_ *testing.T, w *world, _ *program) {
			w.exchange.Gap(stream, 7)
		}, func(missed float64) bool { return missed >= 7 }, "gaps_total"},
		"many gaps": {func(_ *testing.T, w *world, _ *program) {
			for range 100 {
				w.exchange.Gap(stream, 1)
				w.publish(time.Second)
			}
		}, func(missed float64) bool { return missed >= 100 }, "gaps_total"},
		"garbage": {func(t *testing.T, w *world, p *program) {
			w.exchange.Garbage(5)
			w.publish(time.Second)
			assert.EqualValues(t, 5, p.metric(t, "garbage_total"))
		}, func(missed float64) bool { return missed == 0 }, "garbage_total"},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				p := w.start([]string{"produce", "-symbols", "BTCUSDT,ETHUSDT", "-streams", "trades"})
				w.publish(10 * time.Second)
				before := p.metric(t, c.metric)
				c.misbehave(t, w, p)
				w.publish(time.Minute)
				p.running(t)
				assert.True(t, p.healthy(t), p.err)
				assert.Greater(t, p.metric(t, c.metric), before)
				missed := p.metric(t, "missed_total")
				assert.True(t, c.missed(missed), "missed %v", missed)
				require.Zero(t, p.terminate(), p.err)
				missing := w.missing(btcTrades, stream) + w.missing("exchg.binance.spot.trades.ETHUSDT", "ethusdt@trade")
				assert.EqualValues(t, missing, missed, "what was counted, and the truth")
			})
		})
	}
}

func some(missed float64) bool { return missed > 0 }

// A gap in a stream is answered by a new subscription to it, but not more often than every 10 seconds.
func TestGapsAreAnswered(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		p := w.start([]string{"produce", "-symbols", "BTCUSDT,ETHUSDT", "-streams", "trades"})
		w.publish(5 * time.Second)
		before := w.exchange.Requests()
		for range 10 {
			w.exchange.Gap("btcusdt@trade", 1)
			w.publish(time.Second)
		}
		assert.EqualValues(t, 1, p.metric(t, "connects_total"))
		answers := w.exchange.Requests()[len(before):]
		require.Len(t, answers, 4, "two unsubscriptions and two subscriptions in 20 seconds")
		for i, method := range []string{"UNSUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE"} {
			assert.Equal(t, method+" btcusdt@trade", answers[i])
		}
	})
}
