package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/time/rate"
)

// handler processes a record. It may get one again after a crash, a lost commit or a change in the group. It must
// itself retry what may pass: an error ends the consumer, and the group gets that record again.
type handler func(context.Context, *kgo.Record) error

// printRecords writes each record as a line of JSON.
func printRecords(w io.Writer) handler {
	lines := json.NewEncoder(w)
	return func(_ context.Context, r *kgo.Record) error {
		var value any = json.RawMessage(r.Value)
		if !json.Valid(r.Value) {
			value = string(r.Value) // such as the record that check writes
		}
		return lines.Encode(map[string]any{
			"topic": r.Topic, "partition": r.Partition, "offset": r.Offset, "key": string(r.Key), "value": value,
		})
	}
}

// consumer reads as a member of a group, at least once.
type consumer struct {
	client    *kgo.Client
	handle    handler
	batchTime time.Duration
	log       *slog.Logger
	metrics   *metrics
	progress  *progress
	answered  *progress // when a broker last answered a fetch or a heartbeat
	complain  rate.Sometimes
}

// OnBrokerRead tells when brokers answer, so that a consumer with nothing to read counts as healthy.
func (c *consumer) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err == nil && (key == kmsg.Fetch.Int16() || key == kmsg.Heartbeat.Int16()) {
		c.answered.mark()
	}
}

// pollFor is how long a batch waits for its first record.
const pollFor = 5 * time.Second

// maxBatchTime is half of franz-go's rebalance timeout: a member that keeps the group waiting for longer than that is
// thrown out, and its records are processed again elsewhere.
const maxBatchTime = 30 * time.Second

func (a app) consume(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("consume", flag.ContinueOnError)
	name := flags.String("group", "", "consumer group (default the only one of KAFKA_GROUP_IDS)")
	batchTime := flags.Duration("batch-time", 10*time.Second, "time after which a batch is committed, processed or not")
	stall := flags.Duration("stall", time.Minute, "time without progress after which /healthz fails")
	listen := flags.String("listen", "127.0.0.1:9465", "address of /metrics and /healthz; empty for none")
	s, err := a.parse(flags, args, func() error {
		if *batchTime <= 0 || *batchTime > maxBatchTime {
			return fmt.Errorf("-batch-time %s: write more than 0 and at most %s", *batchTime, maxBatchTime)
		}
		if *stall < 2*pollFor {
			return fmt.Errorf("-stall %s: write %s or more", *stall, 2*pollFor)
		}
		return nil
	})
	if err != nil {
		return err
	}
	group, err := s.chooseGroup(*name)
	if err != nil {
		return err
	}
	var topics []string
	for _, p := range s.reading().prefixes {
		topics = append(topics, "^"+regexp.QuoteMeta(p))
	}
	c := &consumer{
		handle: a.handle, batchTime: *batchTime, log: a.logger(slog.LevelInfo), metrics: newMetrics(nil),
		progress: newProgress(), answered: newProgress(), complain: rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}
	c.client, err = a.connect(s, kgo.WithHooks(c),
		kgo.ConsumerGroup(group), kgo.ConsumeRegex(), kgo.ConsumeTopics(topics...),
		// A new topic is found within this time, and read from its first record.
		kgo.MetadataMaxAge(time.Minute), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Partitions change hands between a commit and the next poll, and never with records in hand.
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.KeepRetryableFetchErrors()) // to see that there is no progress
	if err != nil {
		return err
	}
	defer c.client.CloseAllowingRebalance() // leaves the group: others take over at once
	err = a.serveOps(ctx, *listen, c.log, c.metrics, func() error {
		return c.progress.stalled("no progress", *stall)
	})
	if err != nil {
		return err
	}
	c.log.Info("consuming", "group", group, "prefixes", s.reading().prefixes)
	return c.run(ctx)
}

// run consumes until ctx is done or the handler fails. Whatever Kafka answers may pass.
func (c *consumer) run(ctx context.Context) error {
	processed := 0
	defer func() { c.log.Info("stopped consuming", "processed", processed) }()
	for failures := 0; ctx.Err() == nil; {
		begun := time.Now()
		done, failed, err := c.batch(ctx)
		processed += len(done)
		c.commit(ctx, done)
		c.client.AllowRebalance()
		if err != nil {
			return err
		}
		if failed {
			wait(ctx, backoff(failures))
			failures++
			continue
		}
		failures = 0
		if len(done) > 0 || c.answered.stalled("", time.Since(begun)+time.Second) == nil {
			c.progress.mark()
		}
	}
	return nil
}

// batch handles one record after another until there is none, for as long as a batch may take. It returns what was
// handled, whether Kafka's errors stand in the way of progress, and the handler's error.
func (c *consumer) batch(ctx context.Context) (done []*kgo.Record, failed bool, err error) {
	until, patience := time.Now().Add(c.batchTime), pollFor
	for ctx.Err() == nil && time.Now().Before(until) && len(done) < maxBatch && !failed {
		polling, stop := context.WithTimeout(ctx, patience)
		fetches := c.client.PollRecords(polling, 1)
		stop()
		failed = c.report(ctx, fetches)
		if fetches.Empty() {
			break
		}
		r := fetches.Records()[0]
		if err := c.handle(ctx, r); err != nil {
			return done, failed, fmt.Errorf("topic %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		c.metrics.processed.Inc()
		c.progress.mark()
		done, patience = append(done, r), 100*time.Millisecond
	}
	return done, failed, nil
}

// report counts and logs a poll's errors, and reports whether one stands in the way of progress.
func (c *consumer) report(ctx context.Context, fetches kgo.Fetches) bool {
	failed := false
	fetches.EachError(func(topic string, partition int32, err error) {
		var large *kgo.ErrDecompressTooLarge
		switch {
		case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) && topic == "":
			// The signal, or a poll without records.
		case errors.As(err, new(*kgo.ErrDataLoss)):
			// A notice: the client goes on by itself, from where the log now ends.
			c.metrics.lost.Inc()
			c.log.Error("the log lost records", "topic", topic, "partition", partition, "err", err)
		case errors.As(err, &large):
			c.metrics.unusable.Inc()
			c.log.Error("a batch is skipped", "topic", topic, "partition", partition, "err", err)
			next := kgo.EpochOffset{Epoch: large.Epoch, Offset: large.NextOffset}
			c.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {partition: next}})
		default:
			failed = true
			c.metrics.errors.Inc()
			c.complain.Do(func() {
				c.log.Warn("can't consume; trying again", "topic", topic, "partition", partition, "err", err)
			})
		}
	})
	return failed
}

// commit commits what was processed, after the signal too. If it can't, the group may get the records again.
func (c *consumer) commit(ctx context.Context, done []*kgo.Record) {
	if len(done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := c.client.CommitRecords(ctx, done...); err != nil {
		c.metrics.errors.Inc()
		c.log.Warn("can't commit: these records may come again", "records", len(done), "err", err)
	}
}
