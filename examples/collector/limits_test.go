package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The buffer is full: the feed waits, says so, and what it misses meanwhile is counted.
func TestBufferIsBounded(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		p := w.start(
			[]string{"produce", "-symbols", "BTCUSDT", "-streams", "trades", "-buffer-mib", "1", "-max-message-bytes", "1000"},
		)
		w.publish(5 * time.Second)
		w.setDown(true)
		w.publish(20 * time.Minute)
		p.running(t)
		assert.False(t, p.healthy(t))
		assert.EqualValues(t, 1, p.metric(t, "waiting"))
		assert.Contains(t, p.err.String(), "the buffer is full: the feed waits for Kafka")
		held := p.metric(t, "pending_records")
		assert.Less(t, held, float64(1<<20/recordCost))
		assert.Greater(t, held, float64(1<<20/(recordCost+1000)))
		w.setDown(false)
		w.publish(2 * time.Minute)
		assert.Zero(t, p.metric(t, "waiting"))
		assert.Greater(t, p.metric(t, "waiting_seconds_total"), 60.0)
		missed := p.metric(t, "missed_total")
		assert.Greater(t, missed, 100.0)
		assert.True(t, p.healthy(t))
		require.Zero(t, p.terminate(), p.err)
		assert.EqualValues(t, w.missing(btcTrades, "btcusdt@trade"), missed, "what was counted, and the truth")
	})
}

// A message that Kafka never takes is counted, reported and skipped, and its neighbours are not.
func TestOversizedMessages(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]string{
		"larger than -max-message-bytes":            "2000",
		"larger than the topic's max.message.bytes": "1000000",
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				p := w.start(
					[]string{"produce", "-symbols", "BTCUSDT", "-streams", "trades", "-max-message-bytes", limit},
					func(p *program) {
						p.environ = append(p.environ, "KAFKA_LINGER_MS=2000") // so that a batch has several records
					},
				)
				w.publish(5 * time.Second)
				_, err := kadm.NewClient(w.plain()).AlterTopicConfigs(w.ctx, []kadm.AlterConfig{
					{Name: "max.message.bytes", Value: kadm.StringPtr("2000")},
				}, btcTrades)
				require.NoError(t, err)
				for range 3 {
					w.exchange.Oversize("btcusdt@trade", 10_000)
					w.publish(2 * time.Second)
				}
				w.publish(10 * time.Second)
				time.Sleep(5 * time.Second)
				p.running(t)
				assert.EqualValues(t, 3, p.metric(t, "refused_total"))
				assert.Equal(t, 3, strings.Count(p.err.String(), "a record can't be produced and is skipped"))
				assert.Zero(t, p.metric(t, "pending_records"))
				require.Zero(t, p.terminate(), p.err)
				assert.EqualValues(t, 3, w.missing(btcTrades, "btcusdt@trade"))
			})
		})
	}
}

// SIGTERM ends the feed, waits for Kafka, and reports what stays unacknowledged.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, heals := range map[string]bool{"Kafka returns in time": true, "Kafka stays away": false} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, w *world) {
				p := w.start([]string{"produce", "-symbols", "BTCUSDT", "-drain", "20s"})
				w.publish(5 * time.Second)
				w.setDown(true)
				w.publish(5 * time.Second)
				left := p.metric(t, "pending_records")
				require.Positive(t, left)
				p.stop()
				if heals {
					time.Sleep(5 * time.Second)
					w.setDown(false)
				}
				<-p.done
				if heals {
					assert.Zero(t, p.status, p.err)
					assert.Zero(t, w.missing(btcTrades, "btcusdt@trade"))
					return
				}
				assert.Equal(t, 1, p.status)
				assert.Contains(t, p.err.String(),
					fmt.Sprintf("%v records were not acknowledged within -drain 20s and are lost", left))
			})
		})
	}
}

// Many instruments need few connections, and topics that the catalogue has made are left alone.
func TestManyInstruments(t *testing.T) {
	const symbols = 600
	var names []string
	for i := range symbols {
		names = append(names, fmt.Sprintf("S%dUSDT", i))
	}
	file := filepath.Join(t.TempDir(), "symbols")
	require.NoError(t, os.WriteFile(file, []byte("# all\n"+strings.Join(names, "\n")), 0o600))
	simulate(t, func(t *testing.T, w *world) {
		creates := w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Observe: true, Count: -1})
		p := w.start([]string{"produce", "-symbols", "@" + file})
		time.Sleep(10 * time.Second)
		connections, streams := w.exchange.Clients()
		assert.Equal(t, 3, connections)
		assert.Equal(t, 2*symbols, streams)
		w.exchange.Publish(time.Now())
		time.Sleep(20 * time.Second)
		assert.EqualValues(t, 2*symbols, p.metric(t, "acknowledged_total"), p.err)
		assert.Less(t, len(w.conns), 12, "connections to brokers")
		assert.Equal(t, 2*symbols/createAtOnce, creates.Hits())
		records := w.read("exchg.binance.spot.trades.S599USDT")
		require.Len(t, records, 1)
		assert.Equal(t, "S599USDT", string(records[0].Key))
		require.Zero(t, p.terminate())

		p = w.start([]string{"produce", "-symbols", "@" + file})
		time.Sleep(10 * time.Second)
		assert.NotContains(t, p.err.String(), "WARN", "topics that exist are no trouble")
		require.Zero(t, p.terminate())
	})
}

// A record is acknowledged by all replicas, compressed, idempotent, and in the topic of the template.
func TestRecords(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		type batch struct {
			acks, codec int16
			idempotent  bool
		}
		var batches []batch
		w.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			r := req.(*kmsg.ProduceRequest)
			var b kmsg.RecordBatch
			if err := b.ReadFrom(r.Topics[0].Partitions[0].Records); err == nil {
				batches = append(batches, batch{r.Acks, b.Attributes & 7, b.ProducerID >= 0})
			}
			return nil, nil, false
		})
		p := w.start([]string{"produce", "-symbols", "BTCUSDT", "-topic", "exchg.all-{stream}", "-partitions", "3"})
		w.publish(10 * time.Second)
		require.Zero(t, p.terminate(), p.err)
		assert.Len(t, w.PartitionInfos("exchg.all-trades"), 3)
		assert.Positive(t, w.length("exchg.all-orderbook-delta"))
		require.NotEmpty(t, batches)
		for _, b := range batches {
			const zstd = 4 // Kafka's number for it
			assert.Equal(t, batch{-1, zstd, true}, b)
		}
		used := map[string]bool{}
		for _, proof := range w.proofs {
			key, scope, _ := strings.Cut(proof["x-amz-credential"], "/")
			assert.False(t, used[key], "%s is used again: credentials are read for each connection", key)
			used[key] = true
			assert.Equal(t, "token"+strings.TrimPrefix(key, "AKID"), proof["x-amz-security-token"])
			assert.Contains(t, scope, "/ap-south-1/kafka-cluster/")
		}
		assert.Greater(t, len(used), 1)
	})
}

// Records wait for KAFKA_LINGER_MS, so that a request has several.
func TestLinger(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		requests := w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
		p := w.start([]string{"produce", "-symbols", "BTCUSDT", "-streams", "trades"}, func(p *program) {
			p.environ = append(p.environ, "KAFKA_LINGER_MS=2000")
		})
		w.publish(20 * time.Second)
		require.Zero(t, p.terminate(), p.err)
		assert.Greater(t, w.length(btcTrades), int64(70))
		assert.Less(t, requests.Hits(), 15)
		assert.Zero(t, w.missing(btcTrades, "btcusdt@trade"))
	})
}
