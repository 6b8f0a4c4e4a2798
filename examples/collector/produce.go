package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// instrument is what one collector collects.
type instrument struct{ Exchange, Market, Symbol string }

// trade is one execution. Its price and quantity are decimals as the exchange wrote them.
type trade struct {
	instrument
	ID              int64
	Price, Quantity string
	Time            time.Time
}

// feed emits an instrument's trades in their order until ctx is done or the exchange fails. emit blocks while Kafka lags
// too far behind, and is not to be called once feed has returned.
type feed func(ctx context.Context, of instrument, emit func(trade)) error

// synthetic stands for an exchange's feed: a price that wanders, one trade an interval.
func synthetic(interval time.Duration) feed {
	return func(ctx context.Context, of instrument, emit func(trade)) error {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for id, cents := int64(1), 6_000_000; ; id++ {
			select {
			case <-ctx.Done():
				return nil
			case now := <-tick.C:
				cents += rand.IntN(201) - 100
				emit(trade{of, id, fmt.Sprintf("%d.%02d", cents/100, cents%100), "0.01", now.UTC()})
			}
		}
	}
}

// topic names where the instrument's data of one type goes, such as exchg.binance.spot.trades.BTCUSDT.
func (i instrument) topic(prefix, datatype string) string {
	return prefix + strings.Join([]string{i.Exchange, i.Market, datatype, i.Symbol}, ".")
}

// maxPartitions is what a whole cluster takes (MSK Serverless quota).
const maxPartitions = 2400

func (a app) produce(ctx context.Context, args []string) error {
	var of instrument
	flags := flag.NewFlagSet("produce", flag.ContinueOnError)
	flags.StringVar(&of.Exchange, "exchange", "example", "third to last part of the topic")
	flags.StringVar(&of.Market, "market", "spot", "the part after it")
	flags.StringVar(&of.Symbol, "symbol", "BTCUSDT", "the last part of the topic, and each record's key")
	prefix := flags.String("prefix", "", "the topic's first part (default the first of KAFKA_TOPIC_PREFIXES)")
	partitions := flags.Int("partitions", 1, "how many to create the topic with, if it is missing")
	drain := flags.Duration("drain", 30*time.Second, "how long to wait for acknowledgements at the end")
	s, err := a.parse(flags, args)
	if err != nil {
		return err
	}
	if *partitions < 1 || *partitions > maxPartitions {
		return refused{fmt.Errorf("-partitions %d: write 1 to %d", *partitions, maxPartitions)}
	}
	topic := of.topic(cmp.Or(*prefix, s.prefixes[0]), "trades")
	if err := s.verifyTopic(topic); err != nil {
		return err
	}
	client, err := a.connect(s, kgo.DefaultProduceTopic(topic))
	if err != nil {
		return err
	}
	defer client.Close()
	state, err := ensureTopic(ctx, client, topic, *partitions)
	if err != nil {
		return fmt.Errorf("topic %s: %w (collector check tells more)", topic, err)
	}
	fmt.Fprintln(a.stderr, "topic", state)
	return a.pump(ctx, client, of, *drain)
}

// pump produces what the feed emits until the feed ends, ctx is done or a record fails, and then waits for the
// acknowledgements that are missing, at most drain. It is an error if one stays missing.
func (a app) pump(ctx context.Context, client *kgo.Client, of instrument, drain time.Duration) error {
	// The signal ends the feed. The records taken from it go on, until pending ends.
	pending, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	ctx, stop := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { time.AfterFunc(drain, abandon) })

	var taken int64
	var acknowledged atomic.Int64
	var failure sync.Once
	err := a.feed(ctx, of, func(t trade) {
		value, err := json.Marshal(t)
		if err != nil {
			panic(err) // JSON has a form for every trade
		}
		taken++
		client.Produce(pending, &kgo.Record{Key: []byte(t.Symbol), Value: value}, func(_ *kgo.Record, err error) {
			if err == nil {
				acknowledged.Add(1)
				return
			}
			failure.Do(func() { fmt.Fprintln(a.stderr, "a trade can't be produced:", err) })
			stop()
		})
	})
	stop()
	_ = client.Flush(pending) // what it leaves is counted below
	missing := taken - acknowledged.Load()
	fmt.Fprintf(a.stderr, "%d trades taken from the feed, %d acknowledged\n", taken, taken-missing)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if missing > 0 {
		err = errors.Join(err, fmt.Errorf("%d trades were not acknowledged, the last after waiting for -drain %s at most", missing, drain))
	}
	return err
}
