package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"
)

// settings are what the environment says. Each subcommand reads all of them: one environment serves them all.
type settings struct {
	brokers, prefixes, groups []string
	linger                    time.Duration
}

// always holds the variables that can have one value only: Serverless takes no other way in, and other producers would
// lose trades or repeat them.
var always = map[string]string{
	"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
	"KAFKA_ACKS": "all", "KAFKA_ENABLE_IDEMPOTENCE": "true", "KAFKA_COMPRESSION_TYPE": "zstd",
}

// readSettings refuses, all at once, what is missing, what can't be honoured, and every KAFKA_ variable that it would
// otherwise ignore in silence. An empty variable counts as unset.
func readSettings(environ []string) (settings, error) {
	s, env := settings{linger: 10 * time.Millisecond}, map[string]string{}
	var errs []error
	refuse := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s=%q: %s", name, env[name], fmt.Sprintf(format, args...)))
	}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch value := env[name]; {
		case !strings.HasPrefix(name, "KAFKA_"), value == "", value == always[name]:
		case always[name] != "":
			refuse(name, "write %s or unset it: this program does nothing else", always[name])
		case name == "KAFKA_BOOTSTRAP_SERVERS":
			s.brokers = strings.Split(value, ",")
		case name == "KAFKA_TOPIC_PREFIXES":
			s.prefixes = strings.Split(value, ",")
		case name == "KAFKA_GROUP_IDS":
			s.groups = strings.Split(value, ",")
		case name == "KAFKA_LINGER_MS":
			ms, err := strconv.ParseUint(value, 10, 16)
			if s.linger = time.Duration(ms) * time.Millisecond; err != nil || s.linger > time.Minute {
				refuse(name, "write 0 to 60000 milliseconds, which is the client's limit")
			}
		default:
			refuse(name, "unset it: this program doesn't know it, and would ignore it")
		}
	}
	for _, needed := range [][2]string{
		{"AWS_REGION", "write the stack's output region"},
		{"KAFKA_BOOTSTRAP_SERVERS", "write the stack's output bootstrapBrokersSaslIam"},
		{"KAFKA_TOPIC_PREFIXES", "write the prefixes that the role's policy grants, such as exchg."},
	} {
		if env[needed[0]] == "" {
			refuse(needed[0], "%s", needed[1])
		}
	}
	for _, b := range s.brokers {
		host, port, err := net.SplitHostPort(b)
		if err != nil || host == "" || port == "" {
			refuse("KAFKA_BOOTSTRAP_SERVERS", "write %q as host:port; MSK Serverless listens on port 9098", b)
		}
		// franz-go signs for the region in an AWS name, and reads AWS_REGION for other names alone.
		if region := env["AWS_REGION"]; region != "" && strings.Contains(host, ".amazonaws.com") && !strings.Contains(host, "."+region+".") {
			refuse("AWS_REGION", "write the region of %s", host)
		}
	}
	for _, p := range s.prefixes {
		if !legalName.MatchString(p) {
			refuse("KAFKA_TOPIC_PREFIXES", "write %q in %s", p, legal)
		}
	}
	if slices.Contains(s.groups, "") {
		refuse("KAFKA_GROUP_IDS", "write a group between two commas")
	}
	if len(errs) > 0 {
		return settings{}, refused{errors.Join(errs...)}
	}
	return s, nil
}

// Kafka's rule for topics (org.apache.kafka.common.internals.Topic), which besides forbids . and .. alone.
var legalName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

const legal = "1 to 249 of the characters a-z A-Z 0-9 . _ -, as Kafka does"

// verifyTopic refuses a name that Kafka doesn't take, and one that IAM doesn't grant.
func (s settings) verifyTopic(topic string) error {
	if !legalName.MatchString(topic) || topic == "." || topic == ".." {
		return refused{fmt.Errorf("topic %q: write it in %s", topic, legal)}
	}
	if !slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(topic, p) }) {
		return refused{fmt.Errorf("topic %q: begin it with one of KAFKA_TOPIC_PREFIXES=%q", topic, strings.Join(s.prefixes, ","))}
	}
	return nil
}

// connect makes a client, which calls no broker before it is used.
func (a app) connect(s settings, opts ...kgo.Opt) (*kgo.Client, error) {
	// Each connection, and each renewal of one, is signed with the credentials of that moment.
	iam := kaws.ManagedStreamingIAM(func(ctx context.Context) (kaws.Auth, error) {
		c, err := a.credentials.Retrieve(ctx)
		return kaws.Auth{AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken}, err
	})
	return kgo.NewClient(append([]kgo.Opt{
		kgo.ClientID("collector"), kgo.SeedBrokers(s.brokers...), kgo.DialTLSConfig(a.tls), kgo.SASL(iam),
		kgo.WithLogger(kgo.BasicLogger(a.stderr, kgo.LogLevelWarn, nil)),
		// Records wait for a partition's new leader this long at least, not for the default 5 seconds.
		kgo.MetadataMinAge(time.Second),
		// Idempotent, and retrying without end, is how franz-go produces unless told otherwise.
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerLinger(s.linger),
	}, opts...)...)
}

// ensureTopic creates the topic if it is missing, and says which was the case.
func ensureTopic(ctx context.Context, client *kgo.Client, topic string, partitions int) (string, error) {
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, topic)
	if err != nil {
		return "", err
	}
	if found := topics[topic]; !errors.Is(found.Err, kerr.UnknownTopicOrPartition) {
		return fmt.Sprintf("%s exists, with %d partitions", topic, len(found.Partitions)), found.Err
	}
	const brokersDefault = -1 // Serverless keeps its own number of replicas
	_, err = admin.CreateTopic(ctx, int32(partitions), brokersDefault, nil, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return topic + " exists: another has just created it", nil
	}
	return fmt.Sprintf("%s created, with %d partitions", topic, partitions), err
}
