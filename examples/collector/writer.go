package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// writer produces records, each topic's in order, and gives none up that may still succeed.
type writer struct {
	client    *kgo.Client
	log       *slog.Logger
	metrics   *metrics
	maxRecord int
	linger    time.Duration
	capacity  int64
	room      *semaphore.Weighted
	ctx       context.Context // ends when records are given up
	pending   atomic.Int64    // records taken and neither acknowledged nor refused for good
	acked     atomic.Int64    // records acknowledged
	progress  *progress
	complain  rate.Sometimes
	lanes     map[string]*lane // by topic
}

// recordCost is about what a record takes in memory besides its value.
const recordCost = 256

// newWriter returns a writer that holds at most capacity bytes of records, of at most maxRecord bytes each.
func newWriter(
	ctx context.Context, client *kgo.Client, log *slog.Logger, m *metrics, capacity, maxRecord int, linger time.Duration,
) *writer {
	w := &writer{
		client: client, log: log, metrics: m, maxRecord: maxRecord, linger: linger, capacity: int64(capacity),
		room: semaphore.NewWeighted(int64(capacity)), ctx: ctx, progress: newProgress(),
		complain: rate.Sometimes{First: 1, Interval: 10 * time.Second}, lanes: map[string]*lane{},
	}
	m.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pending_records", Help: "Records taken from feeds and not yet acknowledged.",
	}, func() float64 { return float64(w.pending.Load()) })
	return w
}

// lane is the way to one topic. It produces one batch after another, so that a refused record stays before those that
// follow it: franz-go would let go of it, and may have sent more by then.
type lane struct {
	*writer
	topic string

	mu      sync.Mutex
	held    []*kgo.Record // in order
	running bool
}

// lane returns the lane to topic. It holds its records until open lets them go.
func (w *writer) lane(topic string) *lane {
	if w.lanes[topic] == nil {
		w.lanes[topic] = &lane{writer: w, topic: topic, running: true}
	}
	return w.lanes[topic]
}

// open lets records go once the brokers give this role an id for an idempotent producer: franz-go itself doesn't ask
// again if it was refused once, as it may be before a new policy holds everywhere.
func (w *writer) open() {
	for attempt := 0; ; attempt++ {
		answer, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(w.ctx, w.client)
		if err == nil {
			err = kerr.ErrorForCode(answer.ErrorCode)
		}
		if err == nil {
			break
		}
		w.complain.Do(func() { w.log.Warn("can't produce yet; trying again", "err", err) })
		if !wait(w.ctx, backoff(attempt)) {
			return
		}
	}
	for _, l := range w.lanes {
		go l.run()
	}
}

// put takes a record. It blocks while the writer holds as much as it may, and returns an error only if ctx ends.
func (l *lane) put(ctx context.Context, key string, value []byte) error {
	r := &kgo.Record{Topic: l.topic, Key: []byte(key), Value: value}
	if size(r) > l.maxRecord {
		l.refuse(r, kerr.MessageTooLarge)
		return nil
	}
	if cost := int64(len(value) + recordCost); !l.room.TryAcquire(cost) {
		if err := l.waitForRoom(ctx, cost); err != nil {
			return err
		}
	}
	if l.pending.Add(1) == 1 {
		l.progress.mark()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, r)
	if !l.running {
		l.running = true
		go l.run()
	}
	return nil
}

func size(r *kgo.Record) int { return len(r.Key) + len(r.Value) }

// waitForRoom waits until records are acknowledged, and says so.
func (w *writer) waitForRoom(ctx context.Context, cost int64) error {
	start := time.Now()
	w.complain.Do(func() {
		w.log.Warn("the buffer is full: the feed waits for Kafka", "bytes", w.capacity, "records", w.pending.Load())
	})
	w.metrics.waiting.Inc()
	defer w.metrics.waiting.Dec()
	err := w.room.Acquire(ctx, cost)
	w.metrics.waited.Add(time.Since(start).Seconds())
	return err
}

// refuse counts and reports a record that Kafka will never take.
func (l *lane) refuse(r *kgo.Record, err error) {
	l.metrics.refused.Inc()
	l.log.Error("a record can't be produced and is skipped", "topic", l.topic, "key", string(r.Key),
		"bytes", len(r.Value), "err", err)
}

// hopeless reports whether err is about the record itself. franz-go fails a record's neighbours with the same error,
// so that it means something only for a record that was produced alone.
func hopeless(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.InvalidRecord) ||
		errors.Is(err, kerr.InvalidTimestamp)
}

// maxBatch is how many records are produced or consumed at once.
const maxBatch = 1000

// run produces what the lane holds until nothing is left. After a refusal it tries one record, then twice as many after
// each success.
func (l *lane) run() {
	for most, attempt := maxBatch, 0; ; {
		if most == maxBatch {
			wait(l.ctx, l.linger) // so that a batch has more records
		}
		batch := l.next(most)
		if len(batch) == 0 {
			return
		}
		failed, err := l.produce(batch)
		l.mu.Lock()
		l.held = append(failed, l.held[len(batch):]...)
		l.mu.Unlock()
		switch {
		case err == nil:
			most, attempt = min(2*most, maxBatch), 0
		case hopeless(err):
			most = max(1, len(batch)/2)
		default:
			most = 1
			l.metrics.held.Add(float64(len(failed)))
			l.complain.Do(func() { l.log.Warn("records are refused; trying again", "topic", l.topic, "err", err) })
			if !wait(l.ctx, backoff(attempt)) {
				return
			}
			attempt++
		}
	}
}

// next returns the first records that the lane holds, with no more bytes than the largest record may have. If there are
// none, the lane no longer runs.
func (l *lane) next(most int) []*kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for bytes := 0; n < min(most, len(l.held)); n++ {
		if bytes += size(l.held[n]); n > 0 && bytes > l.maxRecord {
			break
		}
	}
	l.running = n > 0
	return l.held[:n]
}

// produce produces a batch, and returns in order the records that may still succeed, with the error of one of them.
func (l *lane) produce(batch []*kgo.Record) (failed []*kgo.Record, err error) {
	answers := make(map[*kgo.Record]error, len(batch))
	for _, r := range l.client.ProduceSync(l.ctx, batch...) {
		answers[r.Record] = r.Err
	}
	var acked, settled, freed int64
	for _, r := range batch {
		switch e := answers[r]; {
		case e == nil:
			acked++
		case hopeless(e) && len(batch) == 1:
			l.refuse(r, e)
		default:
			failed, err = append(failed, r), e
			continue
		}
		settled++
		freed += int64(len(r.Value) + recordCost)
	}
	if acked > 0 {
		l.acked.Add(acked)
		l.metrics.acknowledged.Add(float64(acked))
		l.progress.mark()
	}
	l.pending.Add(-settled)
	l.room.Release(freed)
	return failed, err
}

// drain waits until every record is settled. It returns an error if some are not after limit.
func (w *writer) drain(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	w.log.Info("draining", "records", w.pending.Load())
	if w.room.Acquire(ctx, w.capacity) != nil {
		left := w.pending.Load()
		w.metrics.abandoned.Add(float64(left))
		return fmt.Errorf("%d records were not acknowledged within -drain %s and are lost", left, limit)
	}
	w.log.Info("drained: every record that was taken is acknowledged or was reported")
	return nil
}
