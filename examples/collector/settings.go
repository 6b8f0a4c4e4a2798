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
	reads                     []string // prefixes to read, if they differ from those to write
	linger                    time.Duration
	roots                     *x509.CertPool // nil for the system's
	cluster, logGroup         string         // for heartbeats
}

// variables are all that begin with KAFKA_, with the only value that some can have: Serverless has no other
// authentication, and other settings of producers would lose records or repeat them.
var variables = map[string]string{
	"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
	"KAFKA_ACKS": "all", "KAFKA_ENABLE_IDEMPOTENCE": "true", "KAFKA_COMPRESSION_TYPE": "zstd",
	"KAFKA_BOOTSTRAP_SERVERS": "", "KAFKA_TOPIC_PREFIXES": "", "KAFKA_READ_TOPIC_PREFIXES": "", "KAFKA_GROUP_IDS": "",
	"KAFKA_LINGER_MS": "", "KAFKA_CA_FILE": "",
}

// readSettings reads the environment, in which an empty variable counts as unset. It reports all problems at once.
func readSettings(environ []string) (settings, error) {
	env := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	var errs []error
	refuse := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s=%q: %s", name, env[name], fmt.Sprintf(format, args...)))
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		only, known := variables[name]
		switch value := env[name]; {
		case value == "" || value == only:
		case only != "":
			refuse(name, "write %s or unset it: this program does nothing else", only)
		case !known && strings.HasPrefix(name, "KAFKA_"):
			refuse(name, "unset it: this program doesn't know it and would ignore it")
		}
	}
	list := func(name, required string) []string {
		if env[name] != "" {
			return strings.Split(env[name], ",")
		}
		if required != "" {
			refuse(name, "%s", required)
		}
		return nil
	}
	s := settings{
		brokers:  list("KAFKA_BOOTSTRAP_SERVERS", "write the stack's output bootstrapBrokersSaslIam"),
		prefixes: list("KAFKA_TOPIC_PREFIXES", "write the prefixes that the role's policy grants, such as exchg."),
		reads:    list("KAFKA_READ_TOPIC_PREFIXES", ""), groups: list("KAFKA_GROUP_IDS", ""),
		linger: 10 * time.Millisecond, cluster: env["MSK_CLUSTER_NAME"], logGroup: env["MSK_LOG_GROUP"],
	}
	if value := env["KAFKA_LINGER_MS"]; value != "" {
		ms, err := strconv.ParseUint(value, 10, 16)
		if s.linger = time.Duration(ms) * time.Millisecond; err != nil || s.linger > time.Minute {
			refuse("KAFKA_LINGER_MS", "write 0 to 60000 milliseconds, which is the client's limit")
		}
	}
	if file := env["KAFKA_CA_FILE"]; file != "" {
		pem, err := os.ReadFile(file)
		if s.roots = x509.NewCertPool(); err != nil || !s.roots.AppendCertsFromPEM(pem) {
			refuse("KAFKA_CA_FILE", "name a readable file of PEM certificates, or unset it for the system's (%v)", err)
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

// check refuses values that can't be right.
func (s settings) check(region string, refuse func(name, format string, args ...any)) {
	if region == "" {
		refuse("AWS_REGION", "write the stack's output region")
	}
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
	for name, prefixes := range map[string][]string{
		"KAFKA_TOPIC_PREFIXES": s.prefixes, "KAFKA_READ_TOPIC_PREFIXES": s.reads,
	} {
		for _, p := range prefixes {
			if !legalName.MatchString(p) {
				refuse(name, "write %q in %s", p, legal)
			}
		}
	}
	if slices.Contains(s.groups, "") {
		refuse("KAFKA_GROUP_IDS", "write a group between two commas")
	}
}

// reading returns the settings of what a client reads. It may differ from what the client writes.
func (s settings) reading() settings {
	if len(s.reads) > 0 {
		s.prefixes = s.reads
	}
	return s
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
		return refused{fmt.Errorf("topic %q: begin it with one of KAFKA_TOPIC_PREFIXES=%q", topic,
			strings.Join(s.prefixes, ","))}
	}
	return nil
}

// chooseGroup returns the named group, or the only one if name is empty.
func (s settings) chooseGroup(name string) (string, error) {
	if name == "" && len(s.groups) == 1 {
		return s.groups[0], nil
	}
	if !slices.Contains(s.groups, name) {
		return "", refused{fmt.Errorf("-group %q: name one of KAFKA_GROUP_IDS=%q", name, strings.Join(s.groups, ","))}
	}
	return name, nil
}
