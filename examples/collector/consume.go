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

// How long a poll waits, and how many records it returns.
const (
	pollFor = 5 * time.Second
	pollMax = 1000
)

// maxBatchTime is half of franz-go's rebalance timeout: a member that keeps the group waiting for longer than that is
// thrown out, and its records are processed again elsewhere.
const maxBatchTime = 30 * time.Second

func (a app) consume(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("consume", flag.ContinueOnError)
	name := flags.String("group", "", "consumer group (default the only one of KAFKA_GROUP_IDS)")
	batchTime := flags.Duration("batch-time", 10*time.Second, "time after which a batch is committed, processed or not")
	stall := flags.Duration("stall", time.Minute, "time without progress after which /healthz fails")
	listen := flags.String("listen", "127.0.0.1:9465", "address of /metrics and /healthz; empty for none")
	if err := a.parseFlags(flags, args); err != nil {
		return err
	}
	s, err := readSettings(a.environ)
	if err != nil {
		return err
	}
	group, err := s.chooseGroup(*name)
	if err != nil {
		return err
	}
	if *batchTime <= 0 || *batchTime > maxBatchTime {
		return refused{fmt.Errorf("-batch-time %s: write more than 0 and at most %s", *batchTime, maxBatchTime)}
	}
	if *stall < 2*pollFor {
		return refused{fmt.Errorf("-stall %s: write %s or more", *stall, 2*pollFor)}
	}
	var topics []string
	for _, p := range s.prefixes {
		topics = append(topics, "^"+regexp.QuoteMeta(p))
	}
	c := &consumer{
		handle: a.handle, batchTime: *batchTime, log: a.logger(), metrics: newMetrics(), progress: newProgress(),
		answered: newProgress(), complain: rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}
	c.client, err = a.connect(s, c.log, kgo.WithHooks(c),
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
	c.log.Info("consuming", "group", group, "prefixes", s.prefixes)
	return c.run(ctx)
}

// run consumes until ctx is done or the handler fails. Whatever Kafka answers may pass.
func (c *consumer) run(ctx context.Context) error {
	processed := 0
	defer func() { c.log.Info("stopped consuming", "processed", processed) }()
	for failures := 0; ctx.Err() == nil; {
		polled := time.Now()
		polling, stop := context.WithTimeout(ctx, pollFor)
		fetches := c.client.PollRecords(polling, pollMax)
		stop()
		failed := c.report(ctx, fetches)
		done, err := c.process(ctx, fetches.Records())
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
		if len(done) > 0 || c.answered.stalled("", time.Since(polled)+time.Second) == nil {
			c.progress.mark()
		}
	}
	return nil
}

// report counts and logs a poll's errors, and reports whether one stands in the way of progress.
func (c *consumer) report(ctx context.Context, fetches kgo.Fetches) bool {
	failed := false
	fetches.EachError(func(topic string, partition int32, err error) {
		var loss *kgo.ErrDataLoss
		var large *kgo.ErrDecompressTooLarge
		switch {
		case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) && topic == "":
			// The signal, or a poll without records.
		case errors.As(err, &loss):
			// A notice: the client goes on by itself, from where the log now ends.
			c.metrics.lost.Inc()
			c.log.Error("the log lost records", "topic", topic, "partition", partition, "err", err)
		case errors.As(err, &large):
			c.metrics.unusable.Inc()
			c.log.Error("a batch is skipped", "topic", topic, "partition", partition, "err", err)
			c.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{
				topic: {partition: {Epoch: large.Epoch, Offset: large.NextOffset}},
			})
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

// process handles records for as long as a batch may take, and gives the rest back to be fetched again. It returns
// the records that were handled.
func (c *consumer) process(ctx context.Context, records []*kgo.Record) ([]*kgo.Record, error) {
	until := time.Now().Add(c.batchTime)
	for i, r := range records {
		if ctx.Err() != nil {
			return records[:i], nil
		}
		if i > 0 && time.Now().After(until) {
			c.giveBack(records[i:])
			return records[:i], nil
		}
		if err := c.handle(ctx, r); err != nil {
			return records[:i], fmt.Errorf("topic %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		c.metrics.processed.Inc()
		c.progress.mark()
	}
	return records, nil
}

// giveBack makes the client fetch records again.
func (c *consumer) giveBack(records []*kgo.Record) {
	c.metrics.returned.Add(float64(len(records)))
	c.complain.Do(func() {
		c.log.Warn("the handler is slow: a batch isn't done in time", "batchTime", c.batchTime, "left", len(records))
	})
	first := map[string]map[int32]kgo.EpochOffset{}
	for _, r := range records {
		if first[r.Topic] == nil {
			first[r.Topic] = map[int32]kgo.EpochOffset{}
		}
		if _, ok := first[r.Topic][r.Partition]; !ok {
			first[r.Topic][r.Partition] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset}
		}
	}
	c.client.SetOffsets(first)
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
