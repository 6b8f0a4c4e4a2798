package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// produceFlags are the settings of produce.
type produceFlags struct {
	exchange, url, symbols, streams, topic, listen string
	create                                         bool
	partitions, bufferMiB, maxMessage              int
	stale, stall, drain                            time.Duration
}

func (p *produceFlags) register(flags *flag.FlagSet) {
	names := strings.Join(slices.Sorted(maps.Keys(exchanges)), ", ")
	flags.StringVar(&p.exchange, "exchange", "binance", "exchange to produce from: "+names)
	flags.StringVar(&p.url, "url", "", "WebSocket URL (default the exchange's)")
	flags.StringVar(&p.symbols, "symbols", "", "symbols, separated by commas, or @ and a file with one a line; required")
	flags.StringVar(&p.streams, "streams", "", "streams, separated by commas (default all that the exchange has)")
	flags.StringVar(&p.topic, "topic", "", "topic, with {exchange}, {market}, {stream} and {symbol} in it "+
		"(default the first of KAFKA_TOPIC_PREFIXES and {exchange}.{market}.{stream}.{symbol})")
	flags.BoolVar(&p.create, "create", true, "create topics that are missing")
	flags.IntVar(&p.partitions, "partitions", 1, "partitions of topics that it creates")
	flags.IntVar(&p.bufferMiB, "buffer-mib", 128, "MiB of records to hold while Kafka is away; then the feed waits")
	flags.IntVar(&p.maxMessage, "max-message-bytes", 1_000_000, "size above which a message is skipped; at most the "+
		"topics' max.message.bytes")
	flags.DurationVar(&p.stale, "stale", 30*time.Second, "silence after which a connection to the exchange is made anew")
	flags.DurationVar(&p.stall, "stall", time.Minute, "time without progress after which /healthz fails")
	flags.DurationVar(&p.drain, "drain", 30*time.Second, "how long to wait for acknowledgements at the end")
	flags.StringVar(&p.listen, "listen", "127.0.0.1:9464", "address of /metrics and /healthz; empty for none")
}

// Quotas of MSK Serverless: partitions of a cluster, and size of a message.
const (
	maxPartitions   = 2400
	maxMessageBytes = 8 << 20
)

// check returns an error about each flag that can't be right.
func (p *produceFlags) check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(exchanges[p.exchange].name == "", "-exchange %q: write one of %s", p.exchange,
		strings.Join(slices.Sorted(maps.Keys(exchanges)), ", "))
	refuse(p.symbols == "", `-symbols "": write symbols such as BTCUSDT,ETHUSDT`)
	refuse(p.partitions < 1 || p.partitions > maxPartitions, "-partitions %d: write 1 to %d", p.partitions, maxPartitions)
	refuse(p.maxMessage < 1000 || p.maxMessage > maxMessageBytes, "-max-message-bytes %d: write 1000 to %d, which is "+
		"the most that MSK Serverless takes", p.maxMessage, maxMessageBytes)
	refuse(p.bufferMiB<<20 < p.maxMessage+recordCost, "-buffer-mib %d: write more than the largest message takes",
		p.bufferMiB)
	for name, d := range map[string]time.Duration{"stale": p.stale, "stall": p.stall, "drain": p.drain} {
		refuse(d < time.Second, "-%s %s: write 1s or more", name, d)
	}
	return errors.Join(errs...)
}

// list splits a list at commas. If it begins with @, it reads a file with an item a line and comments after #.
func list(s string) (items []string, err error) {
	name, file := strings.CutPrefix(s, "@")
	if !file {
		return strings.Split(s, ","), nil
	}
	content, err := os.ReadFile(name)
	for line := range strings.Lines(string(content)) {
		line, _, _ = strings.Cut(line, "#")
		items = append(items, strings.Fields(line)...)
	}
	return items, err
}

// subscriptions returns what to subscribe to, and the topic of each.
func (p *produceFlags) subscriptions(s settings) (map[subscription]string, error) {
	x := exchanges[p.exchange]
	symbols, err := list(p.symbols)
	if err != nil {
		return nil, fmt.Errorf("-symbols %q: %w", p.symbols, err)
	}
	streams := x.streams
	if p.streams != "" {
		streams = strings.Split(p.streams, ",")
	}
	template := cmp.Or(p.topic, s.prefixes[0]+"{exchange}.{market}.{stream}.{symbol}")
	topics := map[subscription]string{}
	var errs []error
	for _, stream := range streams {
		if !slices.Contains(x.streams, stream) {
			errs = append(errs, fmt.Errorf("-streams %q: write %s", stream, strings.Join(x.streams, ",")))
		}
		for _, symbol := range symbols {
			topic := strings.NewReplacer("{exchange}", x.name, "{market}", x.market, "{stream}", stream,
				"{symbol}", symbol).Replace(template)
			errs = append(errs, s.verifyTopic(topic))
			topics[subscription{stream, symbol}] = topic
		}
	}
	return topics, errors.Join(errs...)
}

func (a app) produce(ctx context.Context, args []string) error {
	var p produceFlags
	flags := flag.NewFlagSet("produce", flag.ContinueOnError)
	p.register(flags)
	s, err := a.parse(flags, args, p.check)
	if err != nil {
		return err
	}
	topics, err := p.subscriptions(s)
	if err != nil {
		return refused{err}
	}
	x := exchanges[p.exchange]
	x.url = cmp.Or(p.url, x.url)
	name := x.name + "-" + x.market
	log, m := a.logger(slog.LevelInfo), newMetrics(prometheus.Labels{"feed": name})
	client, err := a.connect(s, producerOpts(p.maxMessage)...)
	if err != nil {
		return err
	}
	defer client.Close()
	// The signal ends the feed. The records taken from it go on until writing ends.
	writing, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	w := newWriter(writing, client, log, m, p.bufferMiB<<20, p.maxMessage, s.linger)
	f := &feed{exchange: x, stale: p.stale, dial: a.dial, log: log, metrics: m, progress: newProgress()}
	err = a.serveOps(writing, p.listen, log, m, func() error {
		err := f.progress.stalled("no message from "+x.url, p.stall)
		if w.pending.Load() > 0 {
			err = errors.Join(err, w.progress.stalled("no acknowledgement from Kafka", p.stall))
		}
		return err
	})
	if err != nil {
		return err
	}
	var routes []*route
	for s, topic := range topics {
		routes = append(routes, &route{subscription: s, lane: w.lane(topic)})
	}
	log.Info("producing", "feed", name, "url", x.url, "subscriptions", len(routes), "topics", len(w.lanes))
	var helpers sync.WaitGroup
	if p.create {
		names := slices.Sorted(maps.Keys(w.lanes))
		helpers.Go(func() { createTopics(writing, client, log, p.partitions, names) })
	}
	beat := &heartbeat{api: a.logs, cluster: s.cluster, feed: name, logGroup: s.logGroup, acknowledged: &w.acked}
	helpers.Go(func() {
		beat.run(writing, func(err error) {
			m.logged.Inc()
			log.Warn("a heartbeat is lost", "logGroup", s.logGroup, "err", err)
		})
	})
	helpers.Go(w.open)
	f.run(ctx, routes)
	err = w.drain(p.drain)
	abandon()
	helpers.Wait()
	return err
}
