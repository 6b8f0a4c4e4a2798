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
	if err := s.verifyTopic(topic); err != nil {
		return err
	}
	client, err := a.connect(s, a.logger(), append(producerOpts(s, maxMessageBytes), kgo.DefaultProduceTopic(topic),
		kgo.UnknownTopicRetries(4), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	steps := a.way(s, client)
	switch *role {
	case "collector":
		steps = append(steps, step{"produce", func(ctx context.Context) (string, error) {
			return produceOne(ctx, client, topic)
		}, "is the topic's prefix one of producerTopicPrefixes? does the role have CreateTopic, DescribeTopic, WriteData, " +
			"and WriteDataIdempotently on the cluster?"})
	case "consumer":
		if *group, err = s.chooseGroup(*group); err != nil {
			return err
		}
		steps = append(steps, step{"group", func(ctx context.Context) (string, error) {
			groups, err := kadm.NewClient(client).DescribeGroups(ctx, *group)
			// Brokers differ in what they call a group that nobody has joined yet: empty, or not found.
			if err = cmp.Or(err, groups[*group].Err); errors.Is(err, kerr.GroupIDNotFound) {
				err = nil
			}
			return fmt.Sprintf("%s has %d members", *group, len(groups[*group].Members)), err
		}, "is the group one of the policy's? does the role have DescribeGroup?"}, step{
			"consume", func(ctx context.Context) (string, error) { return consumeOne(ctx, client) },
			"timed out: is there a record? check -role collector writes one. denied: is the topic's prefix one of the " +
				"policy's? does the role have DescribeTopic and ReadData?",
		})
	default:
		return refused{fmt.Errorf("-role %q: write collector or consumer", *role)}
	}
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

// way returns the steps to an authenticated connection.
func (a app) way(s settings, client *kgo.Client) []step {
	return []step{
		{"DNS", each(s.brokers, func(ctx context.Context, broker string) (string, error) {
			host, _, _ := net.SplitHostPort(broker)
			addresses, err := a.lookup(ctx, host)
			return strings.Join(addresses, " "), err
		}), "is this a VPC of the cluster, with DNS resolution and hostnames on? is it the name of today's cluster?"},
		{"TCP", each(s.brokers, func(ctx context.Context, broker string) (string, error) {
			return saw(a.dial(ctx, "tcp", broker))
		}), "timed out: does the instance have the security group that the stack made for it, or one of " +
			"clientSecurityGroupIds, and may that send to port 9098? refused: is the port 9098?"},
		{"TLS", each(s.brokers, func(ctx context.Context, broker string) (string, error) {
			return saw(a.dialTLS(s)(ctx, "tcp", broker))
		}), "does the system have CA certificates, and the right time? is there a proxy between?"},
		{"credentials", func(ctx context.Context) (string, error) {
			c, err := a.credentials.Retrieve(ctx)
			return c.Source, err
		}, "does the instance have its profile? does IMDS answer (in a container it needs a hop limit of 2)?"},
		{"IAM", func(ctx context.Context) (string, error) { return "connected", client.Ping(ctx) }, "does the role have " +
			"the policy of this very cluster, as a new one has another ARN? does its permissions boundary allow " +
			"kafka-cluster:*? does the system have the right time?"},
	}
}

// each returns a function that does something with every bootstrap broker.
func each(brokers []string, do func(context.Context, string) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var all []string
		for _, b := range brokers {
			saw, err := do(ctx, b)
			if err != nil {
				return "", fmt.Errorf("%s: %w", b, err)
			}
			all = append(all, b+": "+saw)
		}
		return strings.Join(all, "; "), nil
	}
}

// saw closes a connection and returns where it led.
func saw(conn net.Conn, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if secure, ok := conn.(*tls.Conn); ok {
		return tls.VersionName(secure.ConnectionState().Version), conn.Close()
	}
	return conn.RemoteAddr().String(), conn.Close()
}

// produceOne creates the topic if it is missing, with one partition, and writes a record.
func produceOne(ctx context.Context, client *kgo.Client, topic string) (string, error) {
	missing, err := missingTopics(ctx, client, []string{topic})
	if err == nil && len(missing) > 0 {
		_, err = createBatch(ctx, client, 1, missing)
	}
	if err != nil {
		return "", err
	}
	record := kgo.StringRecord("check " + time.Now().UTC().Format(time.RFC3339Nano))
	r, err := client.ProduceSync(ctx, record).First()
	return fmt.Sprintf("%s, partition %d, offset %d is acknowledged", topic, r.Partition, r.Offset), err
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
