package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// handler processes a trade. It may get one twice, after a crash or a change in the group. An error ends the consumer,
// and the group gets that trade again.
type handler func(trade) error

// printTrades writes each trade as a line of JSON.
func printTrades(w io.Writer) handler {
	lines := json.NewEncoder(w)
	return func(t trade) error { return lines.Encode(t) }
}

// memberOf is the group to join: the named one, or the only one.
func (s settings) memberOf(group string) (string, error) {
	if group == "" && len(s.groups) == 1 {
		return s.groups[0], nil
	}
	if !slices.Contains(s.groups, group) {
		return "", refused{fmt.Errorf("-group %q: name one of KAFKA_GROUP_IDS=%q", group, strings.Join(s.groups, ","))}
	}
	return group, nil
}

func (a app) consume(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("consume", flag.ContinueOnError)
	name := flags.String("group", "", "consumer group (default the only one of KAFKA_GROUP_IDS)")
	s, err := a.parse(flags, args)
	if err != nil {
		return err
	}
	group, err := s.memberOf(*name)
	if err != nil {
		return err
	}
	var topics []string
	for _, p := range s.prefixes {
		topics = append(topics, "^"+regexp.QuoteMeta(p))
	}
	client, err := a.connect(s, kgo.ConsumerGroup(group), kgo.ConsumeRegex(), kgo.ConsumeTopics(topics...),
		// A new topic is found within this time, and read from its first record.
		kgo.MetadataMaxAge(time.Minute), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Partitions change hands between a commit and the next poll, and never with records in hand.
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance() // leaves the group: others take over at once

	var processed, skipped int
	for ctx.Err() == nil && err == nil {
		fetches := client.PollRecords(ctx, 1000) // few enough to be processed within the group's rebalance timeout, a minute
		fetches.EachError(func(_ string, _ int32, e error) {
			if ctx.Err() == nil && !passes(e) {
				err = errors.Join(err, e)
			}
		})
		var done []*kgo.Record
		for records := fetches.RecordIter(); ctx.Err() == nil && err == nil && !records.Done(); {
			r := records.Next()
			var t trade
			if json.Unmarshal(r.Value, &t) != nil || t.Symbol == "" {
				skipped++ // no trade, as a check's record is none: to stop here would be to stop for ever
			} else if err = a.handle(t); err == nil {
				processed++
			} else {
				err = fmt.Errorf("topic %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
				break
			}
			done = append(done, r)
		}
		err = errors.Join(err, commit(ctx, client, done))
		client.AllowRebalance()
	}
	fmt.Fprintf(a.stderr, "%d trades processed, %d other records skipped\n", processed, skipped)
	return err
}

// commit commits what was processed, after the signal too.
func commit(ctx context.Context, client *kgo.Client, done []*kgo.Record) error {
	if len(done) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := client.CommitRecords(ctx, done...); err != nil && !passes(err) {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// passes reports whether the client gets over err by itself, by trying again or by joining its group anew; what it has
// not committed comes again then.
func passes(err error) bool {
	return kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.Is(err, kerr.RebalanceInProgress) ||
		errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID)
}
