package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/twmb/franz-go/pkg/kgo"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config"
	"msk-serverless/internal/project"
	"msk-serverless/internal/topics"
)

// connect returns the cluster that client-env's settings lead to, with the AWS SDK's default credentials. It calls no
// broker.
func (s *session) connect(envFile string) (*topics.Cluster, error) {
	env, err := s.clientEnv(envFile)
	if err != nil {
		return nil, err
	}
	opts, err := s.brokers(env)
	if err != nil {
		return nil, err
	}
	if s.kafka != nil {
		return topics.Connect(append(opts, s.kafka...)...)
	}
	roots, err := s.authorities(env("KAFKA_CA_FILE"))
	if err != nil {
		return nil, err
	}
	// franz-go takes the region from an AWS name, and for other names, such as localhost, from this variable alone.
	if err := os.Setenv("AWS_REGION", env("AWS_REGION")); err != nil {
		return nil, err
	}
	aws, err := awsconfig.LoadDefaultConfig(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS credentials: %w", err)
	}
	// Each connection, and each renewal of one, is signed with the credentials of that moment.
	iam := kaws.ManagedStreamingIAM(func(ctx context.Context) (kaws.Auth, error) {
		c, err := aws.Credentials.Retrieve(ctx)
		return kaws.Auth{AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken}, err
	})
	tlsConfig := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return topics.Connect(append(opts, kgo.DialTLSConfig(tlsConfig), kgo.SASL(iam))...)
}

// brokers returns the option with the bootstrap brokers, or an error with everything that is wrong with the settings.
func (s *session) brokers(env func(string) string) ([]kgo.Opt, error) {
	var errs []error
	only := [][2]string{{"KAFKA_SECURITY_PROTOCOL", "SASL_SSL"}, {"KAFKA_SASL_MECHANISM", "AWS_MSK_IAM"}}
	for _, o := range only {
		if value := env(o[0]); value != "" && value != o[1] {
			errs = append(errs, fmt.Errorf("%s=%s: must be %s, or unset", o[0], value, o[1]))
		}
	}
	const printed = "mskctl client-env <stack> --role operator prints it"
	if env("AWS_REGION") == "" {
		errs = append(errs, errors.New("AWS_REGION: not set; "+printed))
	}
	servers := env("KAFKA_BOOTSTRAP_SERVERS")
	if servers == "" {
		errs = append(errs, errors.New("KAFKA_BOOTSTRAP_SERVERS: not set; "+printed))
	} else {
		for server := range strings.SplitSeq(servers, ",") {
			if _, _, err := net.SplitHostPort(server); err != nil {
				errs = append(errs, fmt.Errorf("KAFKA_BOOTSTRAP_SERVERS: %q: must be host:port; separate several with commas",
					server))
			}
		}
	}
	return []kgo.Opt{kgo.SeedBrokers(strings.Split(servers, ",")...)}, errors.Join(errs...)
}

// authorities returns the certificates of a PEM file, or nil for the system's if no file is named.
func (s *session) authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.absolute(file))
	if err != nil {
		return nil, fmt.Errorf("KAFKA_CA_FILE: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("KAFKA_CA_FILE=%s: must be a PEM file with certificates", file)
	}
	return roots, nil
}

func (s *session) absolute(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return s.path(file)
}

// clientEnv returns the variables of an environment file, as client-env prints it, and beside them the session's own.
func (s *session) clientEnv(file string) (func(string) string, error) {
	if file == "" {
		return s.getenv, nil
	}
	doc, err := os.ReadFile(s.absolute(file))
	if err != nil {
		return nil, fmt.Errorf("--env: %w", err)
	}
	values := map[string]string{}
	for i, line := range strings.Split(string(doc), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: must be NAME=value", file, i+1)
		}
		values[name] = unquote(value)
	}
	return func(name string) string {
		if value, ok := values[name]; ok {
			return value
		}
		return s.getenv(name)
	}, nil
}

// unquote takes the quotes off a value, and the backslashes that escape a character within them.
func unquote(value string) string {
	inner, ok := strings.CutPrefix(value, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if !ok || !closed {
		return value
	}
	var b strings.Builder
	escaped := false
	for _, c := range inner {
		escaped = c == '\\' && !escaped
		if !escaped {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// topicAccess returns the topic prefixes of the stack's clients from Pulumi.<stack>.yaml. Where there is none, as
// inside the VPC, it returns those of the operators' environment, or nil if there are none either.
func (s *session) topicAccess(stack, envFile string) (*topics.Access, error) {
	file := "Pulumi." + stack + ".yaml"
	doc, err := os.ReadFile(s.path(file))
	if errors.Is(err, os.ErrNotExist) {
		return s.operatorAccess(file, envFile)
	}
	if err != nil {
		return nil, err
	}
	values, err := stackValues(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	cfg, err := config.Parse(project.Name, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	access := &topics.Access{Source: file}
	for _, client := range cfg.Clients() {
		access.Writable = append(access.Writable, client.Writes.Names...)
		access.Readable = append(access.Readable, client.Reads.Names...)
	}
	return access, nil
}

func (s *session) operatorAccess(missing, envFile string) (*topics.Access, error) {
	env, err := s.clientEnv(envFile)
	if err != nil {
		return nil, err
	}
	prefixes := env("KAFKA_TOPIC_PREFIXES")
	if prefixes == "" {
		s.say("topic prefixes are not checked: there is no " + missing + " here")
		return nil, nil
	}
	return &topics.Access{
		Writable: strings.Split(prefixes, ","), ReadsUnknown: true, Source: "KAFKA_TOPIC_PREFIXES",
	}, nil
}

// stackValues returns the settings of a stack's file by full key, as the Pulumi CLI passes them: text as it is, and
// anything structured as JSON.
func stackValues(doc []byte) (map[string]string, error) {
	top, err := stackFile(doc)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	config := member(top, "config")
	for i := 0; i+1 < len(config.Content); i += 2 {
		key, value := config.Content[i].Value, config.Content[i+1]
		if value.Kind == yaml.ScalarNode {
			values[key] = value.Value
			continue
		}
		if value.Kind == yaml.MappingNode && member(value, "secure") != nil {
			continue // encrypted; nothing about topics is a secret
		}
		var structured any
		if err := value.Decode(&structured); err != nil {
			return nil, err
		}
		text, err := json.Marshal(structured)
		if err != nil {
			return nil, err
		}
		values[key] = string(text)
	}
	return values, nil
}
