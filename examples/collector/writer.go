package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// writer produces records, each topic's in order, and gives none up that may still succeed.
//
// franz-go retries most errors itself. When it gives up, it fails all records of the partition that it holds, in their
// order. The topic's lane then keeps them, and those that follow, and produces them again.
type writer struct {
	client    *kgo.Client
	log       *slog.Logger
	metrics   *metrics
	maxRecord int
	capacity  int64
	room      *semaphore.Weighted
	ctx       context.Context // ends when records are given up
	pending   atomic.Int64    // records taken and neither acknowledged nor refused for good
	progress  *progress
	complain  rate.Sometimes
	lanes     []*lane
}

// recordCost is about what a record takes in memory besides its value.
const recordCost = 256

// newWriter returns a writer that holds at most capacity bytes of records, of at most maxRecord bytes each.
func newWriter(ctx context.Context, client *kgo.Client, log *slog.Logger, m *metrics, capacity, maxRecord int) *writer {
	return &writer{
		client: client, log: log, metrics: m, maxRecord: maxRecord, capacity: int64(capacity),
		room: semaphore.NewWeighted(int64(capacity)), ctx: ctx, progress: newProgress(),
		complain: rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}
}

// lane is the way to one topic.
type lane struct {
	*writer
	topic, feed string
	acked       func() // called for each acknowledged record

	mu     sync.Mutex
	flying int // records that franz-go has
	// held are records to produce again, in order. While there are any, new ones join them.
	held     []*kgo.Record
	holding  bool
	retrying bool
}

// lane returns a lane to topic. It holds its records until open lets them go.
func (w *writer) lane(topic, feed string, acked func()) *lane {
	l := &lane{writer: w, topic: topic, feed: feed, acked: acked, holding: true, retrying: true}
	w.lanes = append(w.lanes, l)
	return l
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
		go l.retry()
	}
}

// put produces a record. It blocks while the writer holds as much as it may, and returns an error only if ctx ends.
func (l *lane) put(ctx context.Context, key string, value []byte) error {
	r := &kgo.Record{Topic: l.topic, Key: []byte(key), Value: value}
	cost := int64(len(value) + recordCost)
	if len(key)+len(value) > l.maxRecord {
		l.refuse(r, kerr.MessageTooLarge)
		return nil
	}
	if !l.room.TryAcquire(cost) {
		if err := l.waitForRoom(ctx, cost); err != nil {
			return err
		}
	}
	if l.pending.Add(1) == 1 {
		l.progress.mark()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holding {
		l.held = append(l.held, r)
		return nil
	}
	l.flying++
	l.client.Produce(l.ctx, r, l.settle)
	return nil
}

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

// settle takes franz-go's last word on a record.
func (l *lane) settle(r *kgo.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying--
	switch {
	case err == nil:
		if l.holding {
			l.metrics.reordered.Inc() // an earlier record of this topic is held
		}
		l.acknowledge(r)
	case l.ctx.Err() == nil:
		l.holding, l.held = true, append(l.held, r)
		l.metrics.held.Inc()
		l.complain.Do(func() { l.log.Warn("records are refused; trying again", "topic", l.topic, "err", err) })
	}
	if l.holding && l.flying == 0 && !l.retrying {
		l.retrying = true
		go l.retry()
	}
}

func (l *lane) acknowledge(r *kgo.Record) {
	l.acked()
	l.metrics.acknowledged.WithLabelValues(l.feed).Inc()
	l.progress.mark()
	l.release(r)
}

// release forgets a record.
func (w *writer) release(r *kgo.Record) {
	w.pending.Add(-1)
	w.room.Release(int64(len(r.Value) + recordCost))
}

// refuse counts and reports a record that Kafka will never take.
func (l *lane) refuse(r *kgo.Record, err error) {
	l.metrics.refused.WithLabelValues(l.feed).Inc()
	l.log.Error("a record can't be produced and is skipped", "topic", l.topic, "key", string(r.Key),
		"bytes", len(r.Value), "err", err)
}

// hopeless reports whether err is about the record itself. franz-go fails a record's neighbours with the same error,
// so that it means something only for a record that was produced alone.
func hopeless(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.InvalidRecord) ||
		errors.Is(err, kerr.InvalidTimestamp)
}

// retry produces what is held, in order, until nothing is left: one record first, then twice as many after each
// success.
func (l *lane) retry() {
	for size, attempt := 1, 0; ; {
		l.mu.Lock()
		if len(l.held) == 0 {
			l.holding, l.retrying, l.held = false, false, nil
			l.mu.Unlock()
			return
		}
		batch := l.held[:min(size, len(l.held))]
		l.mu.Unlock()
		failed, err := l.again(batch)
		l.mu.Lock()
		l.held = append(failed, l.held[len(batch):]...)
		l.mu.Unlock()
		switch {
		case err == nil:
			size, attempt = min(2*size, 1000), 0
		case hopeless(err):
			size = max(1, size/2)
		default:
			size = 1
			l.complain.Do(func() { l.log.Warn("records are still refused", "topic", l.topic, "err", err) })
			if !wait(l.ctx, backoff(attempt)) {
				return
			}
			attempt++
		}
	}
}

// again produces a batch, and returns in order the records that may still succeed, with the error of one of them.
func (l *lane) again(batch []*kgo.Record) (failed []*kgo.Record, err error) {
	answers := map[*kgo.Record]error{}
	for _, r := range l.client.ProduceSync(l.ctx, batch...) {
		answers[r.Record] = r.Err
	}
	for _, r := range batch {
		switch e := answers[r]; {
		case e == nil:
			l.acknowledge(r)
		case hopeless(e) && len(batch) == 1:
			l.refuse(r, e)
			l.release(r)
		default:
			failed, err = append(failed, r), e
		}
	}
	return failed, err
}

// drain waits until every record is settled or ctx is done, and returns how many are not.
func (w *writer) drain(ctx context.Context) int64 {
	if w.room.Acquire(ctx, w.capacity) == nil {
		return 0
	}
	return w.pending.Load()
}
