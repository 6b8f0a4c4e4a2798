package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// step is a part of the way to a record. It tells what it saw; look is where to look when it fails.
type step struct {
	name string
	do   func(context.Context) (string, error)
	look string
}

// walk is one check.
type walk struct {
	app
	settings
	topic, group string
	client       *kgo.Client
	written      string // the record to read; any will do if it is empty
}

func (a app) check(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	role := flags.String("role", "", "collector writes, consumer reads, both does both: what the role at hand may")
	topic := flags.String("topic", "", "topic to write to or read (default the first of KAFKA_TOPIC_PREFIXES, and check)")
	group := flags.String("group", "", "consumer group (default the only one of KAFKA_GROUP_IDS)")
	timeout := flags.Duration("timeout", 15*time.Second, "how long a step may take")
	s, err := a.parse(flags, args)
	if err != nil {
		return err
	}
	w := &walk{app: a, settings: s, topic: cmp.Or(*topic, s.prefixes[0]+"check")}
	steps := w.steps(*role)
	if steps == nil {
		return refused{fmt.Errorf("-role %q: write collector, consumer or both", *role)}
	}
	if *role != "collector" {
		w.group, err = s.memberOf(*group)
	}
	if err = cmp.Or(err, s.verifyTopic(w.topic)); err != nil {
		return err
	}
	if w.client, err = a.connect(s, kgo.DefaultProduceTopic(w.topic)); err != nil {
		return err
	}
	defer w.client.Close()
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		saw, err := step.do(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s failed: %w\nlook at: %s", step.name, err, step.look)
		}
		fmt.Fprintf(a.stdout, "ok  %-12s %s\n", step.name, saw)
	}
	return nil
}

// steps are those that the role's policy allows.
func (w *walk) steps(role string) []step {
	way := []step{
		{"DNS", w.each(func(ctx context.Context, broker string) (string, error) {
			host, _, _ := net.SplitHostPort(broker)
			addresses, err := w.lookup(ctx, host)
			return strings.Join(addresses, " "), err
		}), "is this a VPC of the cluster, with DNS resolution and DNS hostnames on? is the name that of today's cluster?"},
		{"TCP", w.each(dial((&net.Dialer{}).DialContext)), "timed out: does the instance have the security group that the stack made " +
			"for it, or one of clientSecurityGroupIds, and may that send to port 9098? refused: is the port 9098?"},
		{"TLS", w.each(dial((&tls.Dialer{Config: w.tls}).DialContext)), "does the system have CA certificates, and the right time? is there a proxy between?"},
		{"credentials", func(ctx context.Context) (string, error) {
			c, err := w.credentials.Retrieve(ctx)
			return c.Source, err
		}, "does the instance have its profile? does IMDS answer (in a container it takes a hop limit of 2)?"},
		{"IAM", func(ctx context.Context) (string, error) { return "connected", w.client.Ping(ctx) }, "does the role have the policy of this " +
			"very cluster, for a new one has another ARN? does its permissions boundary allow kafka-cluster:*? does the system have the right time?"},
	}
	writing := []step{
		{
			"topic", func(ctx context.Context) (string, error) { return ensureTopic(ctx, w.client, w.topic, 1) },
			"is its prefix one of producerTopicPrefixes? does the role have CreateTopic and DescribeTopic?",
		},
		{"produce", w.produceOne, "does the role have WriteData, and WriteDataIdempotently on the cluster?"},
	}
	reading := []step{
		{"consume", w.consumeOne, "timed out: is there a record? check -role collector writes one. denied: are prefix and group " +
			"those of consumerTopicPrefixes and consumerGroupNames, or of the team? does the role have DescribeTopic, ReadData, DescribeGroup and AlterGroup?"},
	}
	switch role {
	case "collector":
		return append(way, writing...)
	case "consumer":
		return append(way, reading...)
	case "both":
		return append(append(way, writing...), reading...)
	}
	return nil
}

// each makes a step of what is to be done with every bootstrap broker.
func (w *walk) each(do func(ctx context.Context, broker string) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var all []string
		for _, b := range w.brokers {
			saw, err := do(ctx, b)
			if err != nil {
				return "", fmt.Errorf("%s: %w", b, err)
			}
			all = append(all, b+": "+saw)
		}
		return strings.Join(all, "; "), nil
	}
}

func dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string) (string, error) {
	return func(ctx context.Context, broker string) (string, error) {
		conn, err := dial(ctx, "tcp", broker)
		if err != nil {
			return "", err
		}
		return conn.RemoteAddr().String(), conn.Close()
	}
}

func (w *walk) produceOne(ctx context.Context) (string, error) {
	w.written = "check " + time.Now().UTC().Format(time.RFC3339Nano)
	r, err := w.client.ProduceSync(ctx, kgo.StringRecord(w.written)).First()
	return fmt.Sprintf("partition %d, offset %d is acknowledged", r.Partition, r.Offset), err
}

// consumeOne reads as a member of the group, and commits nothing. Only if the group is at work it doesn't join: its
// members would have to stop and share the partitions anew.
func (w *walk) consumeOne(ctx context.Context) (string, error) {
	groups, err := kadm.NewClient(w.client).DescribeGroups(ctx, w.group)
	// Brokers differ in what they call a group that nobody has joined yet: empty, or not found.
	if err = cmp.Or(err, groups[w.group].Err); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return "", fmt.Errorf("group %s: %w", w.group, err)
	}
	how := fmt.Sprintf("group %s has %d members, not joined", w.group, len(groups[w.group].Members))
	opts := []kgo.Opt{kgo.ConsumeTopics(w.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if len(groups[w.group].Members) == 0 {
		how = fmt.Sprintf("group %s joined", w.group)
		opts = append(opts, kgo.ConsumerGroup(w.group), kgo.DisableAutoCommit(), kgo.AdjustFetchOffsetsFn(fromStart))
	}
	client, err := w.connect(w.settings, opts...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		for _, r := range fetches.Records() {
			if w.written == "" || w.written == string(r.Value) {
				return fmt.Sprintf("partition %d, offset %d is read; %s", r.Partition, r.Offset, how), nil
			}
		}
		if err := fetches.Err(); err != nil {
			return "", err
		}
	}
}

// fromStart has a member read from the first record, whatever its group has committed.
func fromStart(_ context.Context, at map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	for _, partitions := range at {
		for p := range partitions {
			partitions[p] = kgo.NewOffset().AtStart()
		}
	}
	return at, nil
}
