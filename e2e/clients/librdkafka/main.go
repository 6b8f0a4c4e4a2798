// Librdkafka does what a collector, a consumer or an operator does, with librdkafka (confluent-kafka-go) and AWS's
// signer. Its settings come from the environment, as mskctl client-env prints them. It needs a C compiler.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const usage = `usage: librdkafka produce TOPIC
       librdkafka consume PROTOCOL GROUP TOPIC…      the protocol is classic or consumer
       librdkafka administer GROUP TOPIC`

// records is how many records are produced and consumed for each topic.
const records = 100

const timeout = 20 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "librdkafka:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New(usage)
	}
	switch args[0] {
	case "produce":
		return produce(args[1])
	case "consume":
		return consume(args[1], args[2], args[3:])
	case "administer":
		return administer(args[1], args[2])
	}
	return errors.New(usage)
}

func settings(more kafka.ConfigMap) *kafka.ConfigMap {
	c := kafka.ConfigMap{
		"bootstrap.servers": os.Getenv("KAFKA_BOOTSTRAP_SERVERS"),
		"security.protocol": "SASL_SSL",
		"sasl.mechanism":    "OAUTHBEARER",
		"ssl.ca.location":   os.Getenv("KAFKA_CA_FILE"),
	}
	for key, value := range more {
		c[key] = value
	}
	return &c
}

// sign gives the client a token, which is valid for 15 minutes.
func sign(client interface {
	SetOAuthBearerToken(kafka.OAuthBearerToken) error
},
) error {
	token, expires, err := signer.GenerateAuthToken(context.Background(), os.Getenv("AWS_REGION"))
	if err != nil {
		return err
	}
	return client.SetOAuthBearerToken(kafka.OAuthBearerToken{TokenValue: token, Expiration: time.UnixMilli(expires)})
}

// produce creates the topic and writes to it.
func produce(topic string) error {
	producer, err := kafka.NewProducer(settings(kafka.ConfigMap{
		"enable.idempotence": true, "acks": "all", "compression.type": "zstd", "linger.ms": 5,
	}))
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := sign(producer); err != nil {
		return err
	}
	admin, err := kafka.NewAdminClientFromProducer(producer)
	if err != nil {
		return err
	}
	if err := create(admin, topic); err != nil {
		return err
	}
	delivered := make(chan kafka.Event, records)
	for i := range records {
		message := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Value:          fmt.Append(nil, "record ", i),
		}
		if err := producer.Produce(message, delivered); err != nil {
			return err
		}
	}
	for range records {
		select {
		case event := <-delivered:
			if err := event.(*kafka.Message).TopicPartition.Error; err != nil {
				return fmt.Errorf("produce to %s: %w", topic, err)
			}
		case <-time.After(timeout):
			return fmt.Errorf("produce to %s: no acknowledgement after %s", topic, timeout)
		}
	}
	return nil
}

func create(admin *kafka.AdminClient, topic string) error {
	results, err := admin.CreateTopics(context.Background(), []kafka.TopicSpecification{
		{Topic: topic, NumPartitions: 3, ReplicationFactor: -1},
	})
	if err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	if code := results[0].Error.Code(); code != kafka.ErrNoError && code != kafka.ErrTopicAlreadyExists {
		return fmt.Errorf("create %s: %w", topic, results[0].Error)
	}
	return nil
}

// consume reads the topics as a member of the group, commits and leaves.
func consume(protocol, group string, topics []string) error {
	consumer, err := kafka.NewConsumer(settings(kafka.ConfigMap{
		"group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest", "enable.auto.commit": false,
	}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := sign(consumer); err != nil {
		return err
	}
	if err := consumer.SubscribeTopics(topics, nil); err != nil {
		return err
	}
	end := time.Now().Add(timeout)
	for n := 0; n < records*len(topics); {
		if time.Now().After(end) {
			return fmt.Errorf("%d records after %s", n, timeout)
		}
		const wait = 100 // milliseconds
		switch event := consumer.Poll(wait).(type) {
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				return event.TopicPartition.Error
			}
			n++
		case kafka.Error:
			return event
		}
	}
	_, err = consumer.Commit()
	return err
}

// administer does what operators do to a group that exists and a topic that doesn't.
func administer(group, topic string) error {
	admin, err := kafka.NewAdminClient(settings(nil))
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := sign(admin); err != nil {
		return err
	}
	ctx := context.Background()
	resource := kafka.ConfigResource{Type: kafka.ResourceTopic, Name: topic}
	retention := resource
	retention.Config = []kafka.ConfigEntry{{
		Name: "retention.ms", Value: "86400000", IncrementalOperation: kafka.AlterConfigOpTypeSet,
	}}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"create the topic", func() error { return create(admin, topic) }},
		{"describe the topic", func() error {
			r, err := admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{topic}))
			return first(err, r.TopicDescriptions, func(d kafka.TopicDescription) kafka.Error { return d.Error })
		}},
		{"describe its settings", func() error {
			r, err := admin.DescribeConfigs(ctx, []kafka.ConfigResource{resource})
			return first(err, r, func(r kafka.ConfigResourceResult) kafka.Error { return r.Error })
		}},
		{"alter its settings", func() error {
			r, err := admin.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{retention})
			return first(err, r, func(r kafka.ConfigResourceResult) kafka.Error { return r.Error })
		}},
		{"add partitions", func() error {
			r, err := admin.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: 6}})
			return first(err, r, func(r kafka.TopicResult) kafka.Error { return r.Error })
		}},
		{"list groups", func() error {
			r, err := admin.ListConsumerGroups(ctx)
			if err == nil && len(r.Valid) == 0 {
				err = fmt.Errorf("none: %v", r.Errors)
			}
			return err
		}},
		{"describe the group", func() error {
			r, err := admin.DescribeConsumerGroups(ctx, []string{group})
			return first(err, r.ConsumerGroupDescriptions,
				func(d kafka.ConsumerGroupDescription) kafka.Error { return d.Error })
		}},
		{"delete the group", func() error {
			r, err := admin.DeleteConsumerGroups(ctx, []string{group})
			return first(err, r.ConsumerGroupResults, func(r kafka.ConsumerGroupResult) kafka.Error { return r.Error })
		}},
		{"delete the topic", func() error {
			r, err := admin.DeleteTopics(ctx, []string{topic})
			return first(err, r, func(r kafka.TopicResult) kafka.Error { return r.Error })
		}},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// first returns err, or the error of the only result.
func first[T any](err error, results []T, of func(T) kafka.Error) error {
	if err != nil {
		return err
	}
	if e := of(results[0]); e.Code() != kafka.ErrNoError {
		return e
	}
	return nil
}
