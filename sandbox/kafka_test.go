package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"

	"msk-serverless/internal/iampolicy"
	"msk-serverless/sandbox/aws"
)

const (
	testCluster = "arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b3c4d-0000-0000-0000-000000000000-s1"
	testTopics  = "arn:aws:kafka:ap-south-1:123456789012:topic/md/1a2b3c4d-0000-0000-0000-000000000000-s1/"
	policyARN   = "arn:aws:iam::123456789012:policy/"
)

// document returns a policy that allows to connect and to do the action on the topics.
func document(action, topics string) string {
	return `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["kafka-cluster:Connect"],"Resource":["` + testCluster + `"]},
		{"Effect":"Allow","Action":["kafka-cluster:DescribeTopic","` + action + `"],
		 "Resource":["` + testTopics + topics + `"]}]}`
}

// newSandbox returns a sandbox with a cluster, a role with a policy and a boundary, and policies without a role.
func newSandbox(t *testing.T) (folder, *aws.Sandbox) {
	t.Helper()
	dir := folder(t.TempDir())
	sandbox, err := aws.Open(dir.file(stateFile))
	require.NoError(t, err)
	sandbox.Edit(func(s *aws.State) {
		s.Clusters[testCluster] = &aws.Cluster{Name: "md", State: "ACTIVE"}
		for name, doc := range map[string]string{
			"md-ap-south-1-producer":         document("kafka-cluster:CreateTopic", "exchg.*"),
			"md-ap-south-1-consumer-quant":   document("kafka-cluster:ReadData", "exchg.*"),
			"md-ap-south-1-consumer-a-quant": document("kafka-cluster:ReadData", "a.*"),
			"md-ap-south-1-operator":         document("kafka-cluster:DeleteTopic", "exchg.*"),
			"md-ap-south-1-operator-2":       document("kafka-cluster:DeleteTopic", "ref.*"),
			"other-ap-south-1-research":      document("kafka-cluster:ReadData", "*"),
		} {
			s.Policies[name] = &aws.Policy{Path: "/", Document: doc}
		}
		s.Roles["md-ap-south-1-collector"] = &aws.Role{
			Path: "/", Boundary: policyARN + "MSK-Permission-Boundary",
			Attached: []string{policyARN + "md-ap-south-1-producer", "arn:aws:iam::aws:policy/AdministratorAccess"},
		}
	})
	return dir, sandbox
}

func handOut(t *testing.T, dir folder, sandbox *aws.Sandbox, args ...string) map[string]string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, printCredentials(dir, sandbox, args, &out))
	env := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

func TestFindRole(t *testing.T) {
	t.Parallel()
	_, sandbox := newSandbox(t)
	for name, want := range map[string][]string{
		"collector":                    {"md-ap-south-1-collector"},
		"md-ap-south-1-collector":      {"md-ap-south-1-collector"},
		"quant":                        {"md-ap-south-1-consumer-quant", "md-ap-south-1-consumer-quant"},
		"md-ap-south-1-consumer-quant": {"md-ap-south-1-consumer-quant", "md-ap-south-1-consumer-quant"},
		"operator":                     {"md-ap-south-1-operator", "md-ap-south-1-operator", "md-ap-south-1-operator-2"},
	} {
		role, policies, err := findRole(sandbox.Snapshot(), "md", name)
		require.NoError(t, err)
		assert.Equal(t, want, append([]string{role}, policies...), name)
	}
	for _, name := range []string{"research", "uant", ""} {
		_, _, err := findRole(sandbox.Snapshot(), "md", name)
		assert.ErrorContains(t, err, "there are: md-ap-south-1-collector, md-ap-south-1-consumer-a-quant", name)
	}
}

func TestFindCluster(t *testing.T) {
	t.Parallel()
	_, sandbox := newSandbox(t)
	state := sandbox.Snapshot()
	arn, cluster, err := findCluster(state, "")
	require.NoError(t, err)
	assert.Equal(t, testCluster, arn)
	assert.Equal(t, "md", cluster.Name)
	_, _, err = findCluster(state, "prod")
	require.ErrorContains(t, err, "-cluster prod: no such cluster; there are: md")
	state.Clusters["arn:2"] = &aws.Cluster{Name: "prod"}
	_, _, err = findCluster(state, "")
	require.ErrorContains(t, err, "choose one with -cluster: md, prod")
	arn, _, err = findCluster(state, "prod")
	require.NoError(t, err)
	assert.Equal(t, "arn:2", arn)
	_, _, err = findCluster(&aws.State{}, "")
	require.ErrorContains(t, err, "make up")
}

// Policies are those of IAM at the moment of the question.
func TestAuthority(t *testing.T) {
	t.Parallel()
	dir, sandbox := newSandbox(t)
	a := &authority{dir: dir, aws: sandbox, log: log.New(io.Discard, "", 0)}
	keys := map[string]string{}
	for _, name := range []string{"collector", "quant", "operator"} {
		keys[name] = handOut(t, dir, sandbox, name)["AWS_ACCESS_KEY_ID"]
	}
	allows := func(who, action, topic string) bool {
		credentials, ok := a.Credentials(keys[who])
		require.True(t, ok)
		request := iampolicy.Request{Action: "kafka-cluster:" + action, Resource: testTopics + topic}
		return a.Allows(credentials.Principal, request)
	}
	assert.True(t, allows("collector", "CreateTopic", "exchg.a"))
	assert.False(t, allows("collector", "CreateTopic", "ref.a"), "an AWS managed policy is not in the sandbox")
	assert.False(t, allows("collector", "ReadData", "exchg.a"))
	assert.True(t, allows("quant", "ReadData", "exchg.a"))
	assert.True(t, allows("operator", "DeleteTopic", "exchg.a"))
	assert.True(t, allows("operator", "DeleteTopic", "ref.a"))

	for _, c := range []struct {
		what   string
		change func(*aws.State)
	}{
		{"policy", func(s *aws.State) {
			s.Policies["md-ap-south-1-producer"].Document = document("kafka-cluster:CreateTopic", "x.*")
		}},
		{"boundary", func(s *aws.State) {
			s.Policies["MSK-Permission-Boundary"].Document = document("kafka-cluster:WriteData", "*")
		}},
		{"unreadable boundary", func(s *aws.State) { s.Policies["MSK-Permission-Boundary"].Document = `{"Statement":1}` }},
		{"unreadable policy", func(s *aws.State) {
			s.Roles["md-ap-south-1-collector"].InlinePolicies = map[string]string{"x": `{"Statement":1}`}
		}},
		{"inline deny", func(s *aws.State) {
			s.Roles["md-ap-south-1-collector"].InlinePolicies = map[string]string{
				"x": strings.ReplaceAll(document("kafka-cluster:CreateTopic", "exchg.a"), "Allow", "Deny"),
			}
		}},
		{"detached", func(s *aws.State) { s.Roles["md-ap-south-1-collector"].Attached = nil }},
		{"role deleted", func(s *aws.State) { delete(s.Roles, "md-ap-south-1-collector") }},
	} {
		before := sandbox.Snapshot()
		sandbox.Edit(c.change)
		assert.False(t, allows("collector", "CreateTopic", "exchg.a"), c.what)
		sandbox.Edit(func(s *aws.State) { s.Roles, s.Policies = before.Roles, before.Policies })
		assert.True(t, allows("collector", "CreateTopic", "exchg.a"), "after %s", c.what)
	}
	_, ok := a.Credentials("ASIA0")
	assert.False(t, ok)
	nobody := "arn:aws:sts::123456789012:assumed-role/nobody/x"
	assert.False(t, a.Allows(nobody, iampolicy.Request{Action: "kafka-cluster:Connect", Resource: testCluster}))
}

func TestCredentialsRefuses(t *testing.T) {
	t.Parallel()
	dir, sandbox := newSandbox(t)
	for _, args := range [][]string{{}, {"a", "b"}, {"nobody"}, {"-cluster", "x", "collector"}} {
		assert.Error(t, printCredentials(dir, sandbox, args, io.Discard), args)
	}
	handOut(t, dir, sandbox, "-duration", "-1s", "collector")
	handOut(t, dir, sandbox, "quant")
	kept, err := dir.credentials()
	require.NoError(t, err)
	assert.Len(t, kept, 1, "expired ones are dropped")
}

// A client with the address, the CA and the credentials that the commands print gets in, and topics outlive the server.
func TestKafka(t *testing.T) {
	dir, sandbox := newSandbox(t)
	t.Setenv("AWS_REGION", "ap-south-1")
	serve := func(use func(*kadm.Client)) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ready, done := newReady(), make(chan error, 1)
		go func() { done <- serveKafka(ctx, dir, sandbox, []string{"-no-rates"}, ready, io.Discard) }()
		select {
		case <-ready:
		case err := <-done:
			require.NoError(t, err)
		}
		require.ErrorContains(t, serveKafka(ctx, dir, sandbox, nil, io.Discard, io.Discard), "another")
		client := dial(t, dir, handOut(t, dir, sandbox, "collector"))
		use(kadm.NewClient(client))
		client.Close()
		stop()
		require.NoError(t, <-done)
		assert.NoFileExists(t, dir.file(endpointFile))
	}
	serve(func(admin *kadm.Client) {
		_, err := admin.CreateTopic(t.Context(), 3, -1, nil, "exchg.a")
		require.NoError(t, err)
		_, err = admin.CreateTopic(t.Context(), 3, -1, nil, "ref.a")
		require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
	})
	serve(func(admin *kadm.Client) {
		topics, err := admin.ListTopics(t.Context())
		require.NoError(t, err)
		assert.Len(t, topics["exchg.a"].Partitions, 3)
	})
	for _, args := range [][]string{{"-kafka-version", "9.9"}, {"x"}, {"-cluster", "x"}} {
		require.Error(t, serveKafka(t.Context(), dir, sandbox, args, io.Discard, io.Discard), args)
	}
}

// ready is a Writer that is written to once the server serves.
type ready chan bool

func newReady() ready { return make(ready, 1) }

func (r ready) Write(p []byte) (int, error) { r <- true; return len(p), nil }

func dial(t *testing.T, dir folder, env map[string]string) *kgo.Client {
	t.Helper()
	var at endpoint
	doc, err := os.ReadFile(dir.file(endpointFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &at))
	assert.True(t, filepath.IsAbs(at.CAFile))
	assert.Equal(t, testCluster, at.ClusterARN)
	ca, err := os.ReadFile(at.CAFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	client, err := kgo.NewClient(
		kgo.SeedBrokers(at.BootstrapBrokers), kgo.DialTLSConfig(&tls.Config{RootCAs: roots}),
		kgo.SASL(kaws.Auth{
			AccessKey: env["AWS_ACCESS_KEY_ID"], SecretKey: env["AWS_SECRET_ACCESS_KEY"],
			SessionToken: env["AWS_SESSION_TOKEN"],
		}.AsManagedStreamingIAMMechanism()),
		kgo.RetryTimeout(10*time.Second),
	)
	require.NoError(t, err)
	return client
}
