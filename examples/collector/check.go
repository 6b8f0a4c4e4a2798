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

// step is a part of the way to a record. It tells what it saw; look is where to look if it fails.
type step struct {
	name string
	do   func(context.Context) (string, error)
	look string
}

func (a app) check(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	role := flags.String("role", "", "collector to write a record, consumer to read one")
	name := flags.String("topic", "", "topic to write to or read (default the first of KAFKA_TOPIC_PREFIXES, and check)")
	group := flags.String("group", "", "consumer group (default the only one of KAFKA_GROUP_IDS)")
	timeout := flags.Duration("timeout", 15*time.Second, "how long a step may take")
	if err := a.parseFlags(flags, args); err != nil {
		return err
	}
	s, err := readSettings(a.environ)
	if err != nil {
		return err
	}
	topic := cmp.Or(*name, s.prefixes[0]+"check")
	if *role == "consumer" {
		*group, err = s.chooseGroup(*group)
	} else if *role != "collector" {
		err = refused{fmt.Errorf("-role %q: write collector or consumer", *role)}
	}
	if err = cmp.Or(err, s.verifyTopic(topic)); err != nil {
		return err
	}
	opts := []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if *role == "collector" {
		opts = append(producerOpts(s, maxMessageBytes), kgo.DefaultProduceTopic(topic), kgo.UnknownTopicRetries(4))
	}
	client, err := a.connect(s, a.logger(), opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, step := range a.steps(s, client, *role, topic, *group) {
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

// steps returns the steps that the role's policy allows.
func (a app) steps(s settings, client *kgo.Client, role, topic, group string) []step {
	way := []step{
		{"connect", func(ctx context.Context) (string, error) {
			for _, broker := range s.brokers {
				conn, err := a.dialTLS(s)(ctx, "tcp", broker)
				if err != nil {
					return "", fmt.Errorf("%s: %w", broker, err)
				}
				conn.Close()
			}
			return "name, port and certificate of every bootstrap broker are right", nil
		}, "no such host: is this a VPC of the cluster, and the name of today's cluster? timed out: does the instance have " +
			"a security group that the brokers admit, and may that send to port 9098? x509: does the system have CA " +
			"certificates, and the right time?"},
		{
			"credentials", func(ctx context.Context) (string, error) {
				c, err := a.credentials.Retrieve(ctx)
				return c.Source, err
			},
			"does the instance have its profile? does IMDS answer (in a container it needs a hop limit of 2)?",
		},
		{"IAM", func(ctx context.Context) (string, error) { return "connected", client.Ping(ctx) }, "does the role have " +
			"the policy of this very cluster, as a new one has another ARN? does its permissions boundary allow " +
			"kafka-cluster:*? does the system have the right time?"},
	}
	if role == "collector" {
		return append(way, step{
			"produce", func(ctx context.Context) (string, error) { return produceOne(ctx, client, topic) },
			"is the topic's prefix one that the role may write? does the role have CreateTopic, DescribeTopic, WriteData, " +
				"and WriteDataIdempotently on the cluster?",
		})
	}
	return append(way, step{
		"group", func(ctx context.Context) (string, error) { return describeOne(ctx, client, group) },
		"is the group one of the policy's? does the role have DescribeGroup?",
	}, step{
		"consume", func(ctx context.Context) (string, error) { return consumeOne(ctx, client) },
		"timed out: is there a record? check -role collector writes one. denied: is the topic's prefix one of the " +
			"policy's? does the role have DescribeTopic and ReadData?",
	})
}

// produceOne creates the topic if it is missing, with one partition, and writes a record.
func produceOne(ctx context.Context, client *kgo.Client, topic string) (string, error) {
	if _, err := createBatch(ctx, client, 1, []string{topic}); err != nil {
		return "", err
	}
	record := kgo.StringRecord("check " + time.Now().UTC().Format(time.RFC3339Nano))
	r, err := client.ProduceSync(ctx, record).First()
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
