package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// check walks as far as the role's policy allows, and stops at the first step that fails.
func (a app) check(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	role := flags.String("role", "", "collector to write a record, consumer to read one")
	name := flags.String("topic", "", "topic to write to or read (default the first of KAFKA_TOPIC_PREFIXES, and check)")
	group := flags.String("group", "", "consumer group (default the only one of KAFKA_GROUP_IDS)")
	timeout := flags.Duration("timeout", 15*time.Second, "how long a step may take")
	s, err := a.parse(flags, args, func() error {
		if *role != "collector" && *role != "consumer" {
			return fmt.Errorf("-role %q: write collector or consumer", *role)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if *role == "consumer" {
		s = s.reading()
		*group, err = s.chooseGroup(*group)
	}
	topic := cmp.Or(*name, s.prefixes[0]+"check")
	if err = cmp.Or(err, s.verifyTopic(topic)); err != nil {
		return err
	}
	opts := append(producerOpts(maxMessageBytes), kgo.UnknownTopicRetries(4))
	if *role == "consumer" {
		opts = append(opts, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	}
	client, err := a.connect(s, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	step := func(name, look string, do func(context.Context) (string, error)) {
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		saw, failed := do(ctx)
		if failed != nil {
			err = fmt.Errorf("%s failed: %w\nlook at: %s", name, failed, look)
			return
		}
		fmt.Fprintf(a.stdout, "ok  %-12s %s\n", name, saw)
	}
	step("connect", "no such host: is this a VPC of the cluster, and the name of today's cluster? timed out: does the "+
		"instance have a security group that the brokers admit, and may that send to port 9098? x509: does the system "+
		"have CA certificates, and the right time?", func(ctx context.Context) (string, error) {
		var errs []error
		for _, broker := range s.brokers {
			conn, err := a.dialBroker(s.roots)(ctx, "tcp", broker)
			if err == nil {
				err = conn.Close()
			}
			errs = append(errs, err)
		}
		return "name, port and certificate of every bootstrap broker are right", errors.Join(errs...)
	})
	step("credentials", "does the instance have its profile? does IMDS answer (in a container it needs a hop limit of 2)?",
		func(ctx context.Context) (string, error) {
			c, err := a.credentials.Retrieve(ctx)
			return c.Source, err
		})
	step("IAM", "does the role have the policy of this very cluster, as a new one has another ARN? does its permissions "+
		"boundary allow kafka-cluster:*? does the system have the right time?",
		func(ctx context.Context) (string, error) { return "connected", client.Ping(ctx) })
	if *role == "collector" {
		step("produce", "is the topic's prefix one that the role may write? does the role have CreateTopic, "+
			"DescribeTopic, WriteData, and WriteDataIdempotently on the cluster?",
			func(ctx context.Context) (string, error) { return produceOne(ctx, client, topic) })
		return err
	}
	step("group", "is the group one of the policy's? does the role have DescribeGroup?",
		func(ctx context.Context) (string, error) { return describeOne(ctx, client, *group) })
	step("consume", "timed out: is there a record? check -role collector writes one. denied: is the topic's prefix one "+
		"of the policy's? does the role have DescribeTopic and ReadData?",
		func(ctx context.Context) (string, error) { return consumeOne(ctx, client) })
	return err
}

// produceOne creates the topic if it is missing, with one partition, and writes a record.
func produceOne(ctx context.Context, client *kgo.Client, topic string) (string, error) {
	if _, err := createBatch(ctx, client, 1, []string{topic}); err != nil {
		return "", err
	}
	value := "check " + time.Now().UTC().Format(time.RFC3339Nano)
	r, err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).First()
	return fmt.Sprintf("%s, partition %d, offset %d is acknowledged", topic, r.Partition, r.Offset), err
}

// describeOne describes a group. Brokers differ in what they call one that nobody has joined yet: empty, or not found.
func describeOne(ctx context.Context, client *kgo.Client, group string) (string, error) {
	groups, err := kadm.NewClient(client).DescribeGroups(ctx, group)
	if err = cmp.Or(err, groups[group].Err); errors.Is(err, kerr.GroupIDNotFound) {
		err = nil
	}
	return fmt.Sprintf("%s has %d members", group, len(groups[group].Members)), err
}

// consumeOne reads a record without joining the group, whose members would have to share the partitions anew.
func consumeOne(ctx context.Context, client *kgo.Client) (string, error) {
	for {
		fetches := client.PollFetches(ctx)
		if r := fetches.Records(); len(r) > 0 {
			return fmt.Sprintf("%s, partition %d, offset %d is read", r[0].Topic, r[0].Partition, r[0].Offset), nil
		}
		if err := fetches.Err(); err != nil {
			return "", err
		}
	}
}
