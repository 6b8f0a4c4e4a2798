package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/project"
)

func writer(prefixes ...string) config.Client {
	return config.Client{Writes: config.List{Names: prefixes}}
}

func reader(prefixes, groups []string) config.Client {
	return config.Client{Reads: config.List{Names: prefixes}, Groups: config.List{Names: groups}}
}

func TestPolicyDocuments(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1")
	const logGroup = "arn:aws:logs:ap-south-1:123456789012:log-group:/aws/msk/md/broker"
	consumer := clientDocument(cluster, reader([]string{"exchg."}, []string{"b<&>", "a"}))
	for _, c := range []struct {
		name string
		doc  iampolicy.Document
		want string
	}{
		{
			"trust", trustPolicy(config.RunsOn{EC2: true}, "ap-south-1", account{}), `{"Version":"2012-10-17","Statement":[
			{
				"Sid":"Instances", "Effect":"Allow", "Principal":{"Service":"ec2.amazonaws.com"},
				"Action":["sts:AssumeRole"]}]}`,
		},
		{"control plane", controlPlanePolicy("cn-north-1").document(string(cluster)), `{"Version":"2012-10-17",
			 "Statement":[
			{"Sid":"DescribeCluster","Effect":"Allow","Action":["kafka:DescribeClusterV2"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1"]},
			{"Sid":"FindBrokers","Effect":"Allow","Action":["kafka:GetBootstrapBrokers"],"Resource":["*"],
			 "Condition":{"StringEquals":{"aws:RequestedRegion":"cn-north-1"}}}]}`},
		{"producer", clientDocument(cluster, writer("trades.", "exchg.")), `{"Version":"2012-10-17","Statement":[
			{"Sid":"Connect","Effect":"Allow","Action":["kafka-cluster:Connect",
				 "kafka-cluster:WriteDataIdempotently"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1"]},
			{"Sid":"Produce","Effect":"Allow","Action":["kafka-cluster:CreateTopic","kafka-cluster:DescribeTopic",
				 "kafka-cluster:WriteData"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:topic/md/1a2b-s1/exchg.*",
			             "arn:aws-cn:kafka:cn-north-1:123456789012:topic/md/1a2b-s1/trades.*"]}]}`},
		{"consumer", consumer, `{"Version":"2012-10-17","Statement":[
			{"Sid":"Connect","Effect":"Allow","Action":["kafka-cluster:Connect"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1"]},
			{"Sid":"Consume","Effect":"Allow","Action":["kafka-cluster:DescribeTopic","kafka-cluster:ReadData"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:topic/md/1a2b-s1/exchg.*"]},
			{"Sid":"Groups","Effect":"Allow","Action":["kafka-cluster:AlterGroup","kafka-cluster:DeleteGroup",
				 "kafka-cluster:DescribeGroup"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:group/md/1a2b-s1/a",
			             "arn:aws-cn:kafka:cn-north-1:123456789012:group/md/1a2b-s1/b<&>"]}]}`},
		{"logs", logsPolicy().document(logGroup + ":*"), `{"Version":"2012-10-17","Statement":[
			{"Sid":"WriteLogs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],
			 "Resource":["arn:aws:logs:ap-south-1:123456789012:log-group:/aws/msk/md/broker:log-stream:*"]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.JSONEq(t, c.want, compact.JSON(c.doc))
		})
	}
}

// Names that don't fit into one policy are divided among several, each within IAM's limit, and none is lost.
func TestOperatorPolicies(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/md/" +
		"00000000-0000-0000-0000-000000000000-s999")
	names := func(n int, format string) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf(format, i))
		}
		return names
	}
	for _, c := range []struct{ prefixes, groups, policies int }{
		{1, 1, 1}, {1, 0, 1}, {20, 20, 1}, {60, 1, 2}, {1, 60, 2}, {200, 400, 10},
	} {
		shares := divide(names(c.prefixes, "p%03d."), names(c.groups, "g%03d"), cluster)
		assert.Len(t, shares, c.policies, "%d prefixes, %d groups", c.prefixes, c.groups)
		named := map[string]bool{}
		for i, share := range shares {
			doc := share.document(cluster)
			assert.LessOrEqual(t, size(doc), iampolicy.MaxSize)
			for _, s := range doc.Statement {
				assert.Equal(t, i == 0, s.Sid == "Connect" || i == 0, "only the first lets connect")
				assert.NotEmpty(t, s.Resource)
				for _, r := range s.Resource {
					named[r] = true
				}
			}
		}
		assert.Len(t, named, 1+c.prefixes+c.groups)
	}
}

// The same names in another order, or repeated, give the same document, byte for byte.
func TestPolicyDocumentsAreStable(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b-s1")
	assert.Equal(t,
		compact.JSON(clientDocument(cluster, reader([]string{"a.", "b."}, []string{"x", "y"}))),
		compact.JSON(clientDocument(cluster, reader([]string{"b.", "a.", "b."}, []string{"y", "x", "y"}))))
	assert.NotContains(t, compact.JSON(clientDocument(cluster, reader(nil, []string{"b<&>"}))), `\u003c`)
}

func TestPolicySizes(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws-us-gov"}
	for _, c := range []struct{ name, key, value, want string }{
		{"60 long groups", "consumerGroupNames", configtest.ListOf(60, strings.Repeat("g", 100)+"%d"), "60 entries"},
		{
			"40 long consumer prefixes", "consumerTopicPrefixes",
			configtest.ListOf(40, strings.Repeat("p", 100)+"%d"), "40 entries",
		},
		{
			"40 long producer prefixes", "producerTopicPrefixes",
			configtest.ListOf(40, strings.Repeat("p", 100)+"%d"), "IAM allows 6144",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse(project.Name, configtest.With(map[string]string{c.key: c.value}))
			require.NoError(t, err)
			var ps config.Problems
			verifyPolicySizes(cfg, acct, &ps)
			require.Error(t, ps.Err())
			assert.Contains(t, ps.Error(), c.key+": ")
			assert.Contains(t, ps.Error(), c.want)
		})
	}
}

func TestOperatorWarnings(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws"}
	for clients, warns := range map[int]bool{1: false, 200: false, 400: true} {
		cfg, err := config.Parse(project.Name, configtest.With(map[string]string{
			"clients": configtest.MixedClients(clients),
		}))
		require.NoError(t, err)
		warnings := operatorWarnings(cfg, acct)
		assert.Equal(t, warns, len(warnings) == 1, "%d clients: %s", clients, warnings)
		if warns {
			assert.Contains(t, warnings[0], "a role may have 10 unless its quota is raised")
		}
	}
}

// A list may grow until its policy has IAM's last character, and no further.
func TestPolicySizeLimitIsExact(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws"}
	check := func(extra int) (bytes int, err error) {
		prefixes := []string{strings.Repeat("z", extra)}
		for i := range 50 {
			prefixes = append(prefixes, fmt.Sprintf("p%03d.", i))
		}
		cfg, err := config.Parse(project.Name,
			configtest.With(map[string]string{"producerTopicPrefixes": compact.JSON(prefixes)}))
		require.NoError(t, err)
		const longest = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/crypto-stream/" +
			"00000000-0000-0000-0000-000000000000-s999")
		bytes = size(clientDocument(longest, writer(prefixes...)))
		var ps config.Problems
		verifyPolicySizes(cfg, acct, &ps)
		return bytes, ps.Err()
	}
	bytes, err := check(1)
	require.NoError(t, err)
	room := iampolicy.MaxSize - bytes
	require.Less(t, room, 248, "the case is near the limit")
	_, err = check(1 + room)
	assert.NoError(t, err)
	_, err = check(1 + room + 1)
	assert.ErrorContains(t, err, "about 1 characters")
}

func TestClientsPolicySizes(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws"}
	names := func(n int, format string) []string {
		var list []string
		require.NoError(t, json.Unmarshal([]byte(configtest.ListOf(n, format)), &list))
		return list
	}
	reads := func(prefixes, groups []string) config.ClientSettings {
		return config.ClientSettings{Reads: prefixes, Groups: groups}
	}
	long := func(letter string, n int) []string { return names(60, strings.Repeat(letter, n)+"%02d.") }
	good := reads([]string{"a."}, []string{"g"})
	for _, c := range []struct {
		name    string
		clients map[string]config.ClientSettings
		want    []string // keys, and the policy that is too large
	}{
		{"fits", map[string]config.ClientSettings{"a": good}, nil},
		{
			"one client's groups",
			map[string]config.ClientSettings{"a": good, "b": reads([]string{"b."}, long("g", 100))},
			[]string{"clients.b.groups consumer-b"},
		},
		{
			"one client's prefixes",
			map[string]config.ClientSettings{"a": good, "b": reads(long("p", 100), []string{"h"})},
			[]string{"clients.b.reads consumer-b"},
		},
		{
			"two clients",
			map[string]config.ClientSettings{
				"a": reads([]string{"a."}, long("g", 90)), "b": reads([]string{"b."}, long("h", 100)),
			},
			[]string{"clients.a.groups consumer-a", "clients.b.groups consumer-b"},
		},
		{
			"prefixes that others cover",
			map[string]config.ClientSettings{"a": reads(append(names(40, "exchg.%d."), "exchg."), []string{"g"})},
			nil,
		},
		{
			"more of them than the client's own policy can hold",
			map[string]config.ClientSettings{"a": reads(append(names(60, "exchg.%d."), "exchg."), []string{"g"})},
			[]string{"clients.a.reads consumer-a"},
		},
	} {
		cfg, err := config.Parse(project.Name, configtest.Valid())
		require.NoError(t, err)
		cfg.ClientSettings = c.clients
		require.Empty(t, cfg.Validate())
		var ps config.Problems
		verifyPolicySizes(cfg, acct, &ps)
		var got []string
		for _, p := range ps {
			_, rest, _ := strings.Cut(p.Want, "the policy ")
			policy, _, _ := strings.Cut(rest, " ")
			got = append(got, p.Key+" "+policy)
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

func TestOperatorPolicyDocument(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b-s1")
	cfg := config.Config{
		ProducerTopicPrefixes: []string{"trades.", "exchg.okx.", "exchg."},
		ConsumerTopicPrefixes: []string{"trades.", "exchg"},
		ConsumerGroupNames:    []string{"b"},
		ClientSettings:        map[string]config.ClientSettings{"x": {Groups: []string{"a", "b"}}},
	}
	policies := operatorPolicies(cfg, cluster)
	require.Len(t, policies, 1)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Connect","Effect":"Allow","Action":["kafka-cluster:Connect","kafka-cluster:DescribeCluster"],
		 "Resource":["arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b-s1"]},
		{"Sid":"ManageTopics","Effect":"Allow","Action":["kafka-cluster:AlterTopic",
			 "kafka-cluster:AlterTopicDynamicConfiguration",
		  "kafka-cluster:CreateTopic","kafka-cluster:DeleteTopic","kafka-cluster:DescribeTopic",
			 "kafka-cluster:DescribeTopicDynamicConfiguration"],
		 "Resource":["arn:aws:kafka:ap-south-1:123456789012:topic/md/1a2b-s1/exchg*",
		             "arn:aws:kafka:ap-south-1:123456789012:topic/md/1a2b-s1/trades.*"]},
		{"Sid":"ManageGroups","Effect":"Allow","Action":["kafka-cluster:DeleteGroup","kafka-cluster:DescribeGroup"],
		 "Resource":["arn:aws:kafka:ap-south-1:123456789012:group/md/1a2b-s1/a",
		             "arn:aws:kafka:ap-south-1:123456789012:group/md/1a2b-s1/b"]}]}`,
		compact.JSON(policies[0].document(string(cluster))))
}

func TestWidestPrefixes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefixes, want []string }{
		{nil, nil},
		{[]string{"b", "a"}, []string{"a", "b"}},
		{[]string{"a", "a"}, []string{"a"}},
		{[]string{"a.b.c", "a.b", "a.c", "a.b.d"}, []string{"a.b", "a.c"}},
		{[]string{"a", "a-", "a.b", "A", "a.b.c", "b"}, []string{"A", "a", "b"}},
		{[]string{"exchg.", "exchg"}, []string{"exchg"}},
	} {
		assert.Equal(t, c.want, widest(c.prefixes))
	}
}
