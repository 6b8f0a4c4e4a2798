package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are what the environment says about the cluster. One environment serves all subcommands.
type settings struct {
	brokers, prefixes, groups []string
	linger                    time.Duration
	roots                     *x509.CertPool // nil for the system's
	cluster, logGroup         string         // for heartbeats
}

// fixed holds the variables that have one value only: Serverless has no other authentication, and other settings of
// producers would lose records or repeat them.
var fixed = map[string]string{
	"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
	"KAFKA_ACKS": "all", "KAFKA_ENABLE_IDEMPOTENCE": "true", "KAFKA_COMPRESSION_TYPE": "zstd",
}

// required holds the variables that must be set, with what to write.
var required = [][2]string{
	{"AWS_REGION", "write the stack's output region"},
	{"KAFKA_BOOTSTRAP_SERVERS", "write the stack's output bootstrapBrokersSaslIam"},
	{"KAFKA_TOPIC_PREFIXES", "write the prefixes that the role's policy grants, such as exchg."},
}

// readSettings reads the environment. It reports all problems at once: what is missing, what is wrong, and each
// variable that begins with KAFKA_ and would be ignored. An empty variable counts as unset.
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
		value := env[name]
		if value == "" || value == fixed[name] {
			continue
		}
		switch name {
		case "KAFKA_BOOTSTRAP_SERVERS":
			s.brokers = strings.Split(value, ",")
		case "KAFKA_TOPIC_PREFIXES":
			s.prefixes = strings.Split(value, ",")
		case "KAFKA_GROUP_IDS":
			s.groups = strings.Split(value, ",")
		case "KAFKA_LINGER_MS":
			ms, err := strconv.ParseUint(value, 10, 16)
			if s.linger = time.Duration(ms) * time.Millisecond; err != nil || s.linger > time.Minute {
				refuse(name, "write 0 to 60000 milliseconds, which is the client's limit")
			}
		case "KAFKA_CA_FILE":
			pem, err := os.ReadFile(value)
			if s.roots = x509.NewCertPool(); err != nil || !s.roots.AppendCertsFromPEM(pem) {
				refuse(name, "name a readable file of PEM certificates, or unset it for the system's (%v)", err)
			}
		case "MSK_CLUSTER_NAME":
			s.cluster = value
		case "MSK_LOG_GROUP":
			s.logGroup = value
		default:
			if fixed[name] != "" {
				refuse(name, "write %s or unset it: this program does nothing else", fixed[name])
			} else if strings.HasPrefix(name, "KAFKA_") {
				refuse(name, "unset it: this program doesn't know it and would ignore it")
			}
		}
	}
	for _, r := range required {
		if env[r[0]] == "" {
			refuse(r[0], "%s", r[1])
		}
	}
	if (s.cluster == "") != (s.logGroup == "") {
		refuse("MSK_LOG_GROUP", "set it and MSK_CLUSTER_NAME, or neither: heartbeats need both")
	}
	s.check(env["AWS_REGION"], refuse)
	if len(errs) > 0 {
		return settings{}, refused{errors.Join(errs...)}
	}
	return s, nil
}

// check refuses brokers, prefixes and groups that can't be right.
func (s settings) check(region string, refuse func(name, format string, args ...any)) {
	for _, b := range s.brokers {
		host, port, err := net.SplitHostPort(b)
		if err != nil || host == "" || port == "" {
			refuse("KAFKA_BOOTSTRAP_SERVERS", "write %q as host:port; MSK Serverless listens on port 9098", b)
		}
		// franz-go signs for the region in an AWS name, and reads AWS_REGION only for other names.
		if region != "" && strings.Contains(host, ".amazonaws.com") && !strings.Contains(host, "."+region+".") {
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
}

// legalName is Kafka's rule for topics (org.apache.kafka.common.internals.Topic), which also forbids . and .. alone.
var legalName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

const legal = "1 to 249 of the characters a-z A-Z 0-9 . _ -, as Kafka does"

// verifyTopic returns an error if Kafka doesn't allow the name or IAM doesn't grant it.
func (s settings) verifyTopic(topic string) error {
	if !legalName.MatchString(topic) || topic == "." || topic == ".." {
		return refused{fmt.Errorf("topic %q: write it in %s", topic, legal)}
	}
	if !slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(topic, p) }) {
		prefixes := strings.Join(s.prefixes, ",")
		return refused{fmt.Errorf("topic %q: begin it with one of KAFKA_TOPIC_PREFIXES=%q", topic, prefixes)}
	}
	return nil
}

// chooseGroup returns the named group, or the only one if name is empty.
func (s settings) chooseGroup(name string) (string, error) {
	if name == "" && len(s.groups) == 1 {
		return s.groups[0], nil
	}
	if !slices.Contains(s.groups, name) {
		groups := strings.Join(s.groups, ",")
		return "", refused{fmt.Errorf("-group %q: name one of KAFKA_GROUP_IDS=%q", name, groups)}
	}
	return name, nil
}
