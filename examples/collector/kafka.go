package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/plugin/kslog"
)

// connect returns a client. It calls no broker before it is used.
func (a app) connect(s settings, opts ...kgo.Opt) (*kgo.Client, error) {
	// Each connection, and each renewal of one, is signed with the credentials of that moment.
	iam := kaws.ManagedStreamingIAM(func(ctx context.Context) (kaws.Auth, error) {
		c, err := a.credentials.Retrieve(ctx)
		return kaws.Auth{AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken}, err
	})
	return kgo.NewClient(append([]kgo.Opt{
		kgo.ClientID("collector"), kgo.SeedBrokers(s.brokers...), kgo.Dialer(a.dialBroker(s.roots)), kgo.SASL(iam),
		kgo.WithLogger(kslog.New(a.logger(slog.LevelWarn).With("of", "the Kafka client"))),
		// How soon records find a partition's new leader; the default is 5 seconds.
		kgo.MetadataMinAge(time.Second),
	}, append(opts, a.kafka...)...)...)
}

// producerOpts make a producer that is idempotent and retries without end, also for topics that don't exist yet.
// Records of up to maxBytes go into one batch. The number of buffered records is limited by the writer instead.
func producerOpts(maxBytes int) []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		// A lane lingers itself. This keeps what it produces at once together until ProduceSync sends it.
		kgo.ProducerLinger(10 * time.Millisecond), kgo.ProducerBatchMaxBytes(int32(maxBytes)),
		kgo.UnknownTopicRetries(-1), kgo.MaxBufferedRecords(1 << 40),
	}
}

// backoff returns how long to wait before another attempt: half a second, doubled with each attempt up to half a
// minute, and of that a random part of at least half, so that collectors that failed together don't return together.
func backoff(attempt int) time.Duration {
	d := min(30*time.Second, 500*time.Millisecond<<min(attempt, 10))
	return d/2 + rand.N(d/2)
}

// wait waits for d and reports whether ctx is still going on.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// createAtOnce is how many topics one request creates. A cluster takes 250 partitions in 5 minutes (MSK Serverless
// quota).
const createAtOnce = 50

// createTopics creates the topics that don't exist. It tries again until all exist or ctx is done: whatever a broker
// answers may pass. Meanwhile the producer holds the topics' records.
func createTopics(ctx context.Context, client *kgo.Client, log *slog.Logger, partitions int, topics []string) {
	for attempt := 0; ; attempt++ {
		var left []string
		var errs error
		for batch := range slices.Chunk(topics, createAtOnce) {
			refused, err := createBatch(ctx, client, partitions, batch)
			left, errs = append(left, refused...), cmp.Or(errs, err)
		}
		if topics = left; len(topics) == 0 {
			return
		}
		log.Warn("can't create all topics; trying again", "err", errs, "topics", len(topics), "attempt", attempt)
		if !wait(ctx, backoff(attempt)) {
			return
		}
	}
}

// createBatch creates topics that don't exist. It returns those that were refused, with the error of one of them.
func createBatch(ctx context.Context, client *kgo.Client, partitions int, topics []string) ([]string, error) {
	const brokersDefault = -1 // Serverless keeps its own number of replicas
	answers, err := kadm.NewClient(client).CreateTopics(ctx, int32(partitions), brokersDefault, nil, topics...)
	if err != nil {
		return topics, err
	}
	var left []string
	for topic, answer := range answers {
		if answer.Err != nil && !errors.Is(answer.Err, kerr.TopicAlreadyExists) {
			left, err = append(left, topic), fmt.Errorf("topic %s: %w", topic, answer.Err)
		}
	}
	return left, err
}
