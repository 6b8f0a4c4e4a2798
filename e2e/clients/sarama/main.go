// Sarama does what a collector, a consumer or an operator does, with the client library sarama and AWS's signer. Its
// settings come from the environment, as mskctl client-env prints them.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/IBM/sarama"
	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
)

const usage = `usage: sarama produce TOPIC
       sarama consume GROUP TOPIC…
       sarama administer GROUP TOPIC`

// records is how many records are produced and consumed for each topic.
const records = 100

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sarama:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New(usage)
	}
	config, err := settings()
	if err != nil {
		return err
	}
	brokers := strings.Split(os.Getenv("KAFKA_BOOTSTRAP_SERVERS"), ",")
	switch args[0] {
	case "produce":
		return produce(brokers, config, args[1])
	case "consume":
		return consume(brokers, config, args[1], args[2:])
	case "administer":
		return administer(brokers, config, args[1], args[2])
	}
	return errors.New(usage)
}

func settings() (*sarama.Config, error) {
	ca, err := os.ReadFile(os.Getenv("KAFKA_CA_FILE"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	c := sarama.NewConfig()
	c.Net.TLS.Enable, c.Net.TLS.Config = true, &tls.Config{RootCAs: roots}
	c.Net.SASL.Enable, c.Net.SASL.Mechanism = true, sarama.SASLTypeOAuth
	c.Net.SASL.TokenProvider = tokens{}
	c.Metadata.Retry.Max, c.Consumer.Group.Rebalance.Retry.Max = 1, 1 // a refusal is final
	c.Consumer.Group.Rebalance.Retry.Backoff = c.Metadata.Retry.Backoff
	c.Version = sarama.V2_8_0_0
	if version := os.Getenv("KAFKA_VERSION"); version != "" {
		if c.Version, err = sarama.ParseKafkaVersion(version); err != nil {
			return nil, err
		}
	}
	c.Producer.RequiredAcks, c.Producer.Idempotent, c.Net.MaxOpenRequests = sarama.WaitForAll, true, 1
	c.Producer.Compression, c.Producer.Return.Successes = sarama.CompressionZSTD, true
	c.Consumer.Offsets.Initial, c.Consumer.Offsets.AutoCommit.Enable = sarama.OffsetOldest, false
	return c, nil
}

// tokens signs a token for each connection.
type tokens struct{}

func (tokens) Token() (*sarama.AccessToken, error) {
	token, _, err := signer.GenerateAuthToken(context.Background(), os.Getenv("AWS_REGION"))
	return &sarama.AccessToken{Token: token}, err
}

// produce creates the topic and writes to it.
func produce(brokers []string, config *sarama.Config, topic string) error {
	admin, err := sarama.NewClusterAdmin(brokers, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	err = admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: -1}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	for i := range records {
		message := &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint("record ", i))}
		if _, _, err := producer.SendMessage(message); err != nil {
			return fmt.Errorf("produce to %s: %w", topic, err)
		}
	}
	return nil
}

// consume reads the topics as a member of the group, commits and leaves.
func consume(brokers []string, config *sarama.Config, group string, topics []string) error {
	client, err := sarama.NewConsumerGroup(brokers, group, config)
	if err != nil {
		return err
	}
	defer client.Close()
	r := &reader{read: make(chan error, 1000), done: make(chan struct{})}
	joined := make(chan error, 1)
	go func() { joined <- client.Consume(context.Background(), topics, r) }()
	for range records * len(topics) {
		select {
		case err := <-joined:
			return fmt.Errorf("consume: %w", err)
		case err := <-client.Errors():
			return fmt.Errorf("consume: %w", err)
		case <-r.read:
		}
	}
	close(r.done)
	return <-joined
}

// reader counts records until it has enough.
type reader struct {
	read chan error
	done chan struct{}
}

func (r *reader) Setup(sarama.ConsumerGroupSession) error { return nil }

func (r *reader) Cleanup(s sarama.ConsumerGroupSession) error { s.Commit(); return nil }

func (r *reader) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message := <-claim.Messages():
			s.MarkMessage(message, "")
			r.read <- nil
		case <-r.done:
			return nil
		case <-s.Context().Done():
			return nil
		}
	}
}

// administer does what operators do to a group that exists and a topic that doesn't.
func administer(brokers []string, config *sarama.Config, group, topic string) error {
	admin, err := sarama.NewClusterAdmin(brokers, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	retention := "86400000"
	setting := sarama.IncrementalAlterConfigsEntry{
		Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &retention,
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"create the topic", func() error {
			return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: -1}, false)
		}},
		{"describe the topic", func() error {
			described, err := admin.DescribeTopics([]string{topic})
			if err == nil && !errors.Is(described[0].Err, sarama.ErrNoError) {
				err = described[0].Err
			}
			return err
		}},
		{"describe its settings", func() error {
			described, err := admin.DescribeConfigs([]*sarama.ConfigResource{
				{Type: sarama.TopicResource, Name: topic},
			}, sarama.DescribeConfigsOptions{})
			if err == nil && !errors.Is(described[0].ErrorCode, sarama.ErrNoError) {
				err = described[0].ErrorCode
			}
			return err
		}},
		{"alter its settings", func() error {
			return admin.IncrementalAlterConfig(sarama.TopicResource, topic,
				map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": setting}, false)
		}},
		{"add partitions", func() error { return admin.CreatePartitions(topic, 2, nil, false) }},
		{"list groups", func() error { return listed(admin, group) }},
		{"describe the group", func() error {
			described, err := admin.DescribeConsumerGroups([]string{group})
			if err == nil && !errors.Is(described[0].Err, sarama.ErrNoError) {
				err = described[0].Err
			}
			return err
		}},
		{"delete the group", func() error { return admin.DeleteConsumerGroup(group) }},
		{"delete the topic", func() error { return admin.DeleteTopic(topic) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

func listed(admin sarama.ClusterAdmin, group string) error {
	groups, err := admin.ListConsumerGroups()
	if err != nil {
		return err
	}
	if _, ok := groups[group]; !ok {
		return fmt.Errorf("%s is not among %d groups", group, len(groups))
	}
	return nil
}
