package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPolicyDocuments(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1")
	for _, c := range []struct {
		name string
		doc  document
		want string
	}{
		{"trust", ec2Trust(), `{"Version":"2012-10-17","Statement":[
			{"Sid":"Instances","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRole"]}]}`},
		{"control plane", controlPlanePolicy(cluster, "cn-north-1"), `{"Version":"2012-10-17","Statement":[
			{"Sid":"DescribeCluster","Effect":"Allow","Action":["kafka:DescribeCluster","kafka:DescribeClusterV2"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1"]},
			{"Sid":"FindBrokers","Effect":"Allow","Action":["kafka:GetBootstrapBrokers"],"Resource":["*"],
			 "Condition":{"StringEquals":{"aws:RequestedRegion":"cn-north-1"}}}]}`},
		{"producer", producerPolicy(cluster, []string{"trades.", "exchg."}), `{"Version":"2012-10-17","Statement":[
			{"Sid":"Connect","Effect":"Allow","Action":["kafka-cluster:Connect","kafka-cluster:WriteDataIdempotently"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1"]},
			{"Sid":"Produce","Effect":"Allow","Action":["kafka-cluster:CreateTopic","kafka-cluster:DescribeTopic","kafka-cluster:WriteData"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:topic/md/1a2b-s1/exchg.*",
			             "arn:aws-cn:kafka:cn-north-1:123456789012:topic/md/1a2b-s1/trades.*"]}]}`},
		{"consumer", consumerPolicy(cluster, []string{"exchg."}, []string{"b<&>", "a"}), `{"Version":"2012-10-17","Statement":[
			{"Sid":"Connect","Effect":"Allow","Action":["kafka-cluster:Connect"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:cluster/md/1a2b-s1"]},
			{"Sid":"Consume","Effect":"Allow","Action":["kafka-cluster:DescribeTopic","kafka-cluster:ReadData"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:topic/md/1a2b-s1/exchg.*"]},
			{"Sid":"Groups","Effect":"Allow","Action":["kafka-cluster:AlterGroup","kafka-cluster:DeleteGroup","kafka-cluster:DescribeGroup"],
			 "Resource":["arn:aws-cn:kafka:cn-north-1:123456789012:group/md/1a2b-s1/a",
			             "arn:aws-cn:kafka:cn-north-1:123456789012:group/md/1a2b-s1/b<&>"]}]}`},
		{"logs", logsPolicy("arn:aws:logs:ap-south-1:123456789012:log-group:/aws/msk/md/broker:*"), `{"Version":"2012-10-17","Statement":[
			{"Sid":"WriteLogs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],
			 "Resource":["arn:aws:logs:ap-south-1:123456789012:log-group:/aws/msk/md/broker:log-stream:*"]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.JSONEq(t, c.want, compactJSON(c.doc))
		})
	}
}

// What doesn't fit into one policy of the operators' is spread over several, each within IAM's limit, and nothing is lost.
func TestOperatorPolicies(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/md/00000000-0000-0000-0000-000000000000-s999")
	names := func(n int, format string) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf(format, i))
		}
		return names
	}
	for _, c := range []struct{ prefixes, groups, policies int }{{1, 1, 1}, {1, 0, 1}, {20, 20, 1}, {60, 1, 2}, {1, 60, 2}, {200, 400, 10}} {
		docs := operatorPolicies(names(c.prefixes, "p%03d."), names(c.groups, "g%03d"), cluster)
		assert.Len(t, docs, c.policies, "%d prefixes, %d groups", c.prefixes, c.groups)
		named := map[string]bool{}
		for i, doc := range docs {
			assert.LessOrEqual(t, len(compactJSON(doc(cluster))), maxPolicySize)
			for _, s := range doc(cluster).Statement {
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

// The order and repetition of what is configured make no difference to the document, byte for byte.
func TestPolicyDocumentsAreStable(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b-s1")
	assert.Equal(t,
		compactJSON(consumerPolicy(cluster, []string{"a.", "b."}, []string{"x", "y"})),
		compactJSON(consumerPolicy(cluster, []string{"b.", "a.", "b."}, []string{"y", "x", "y"})))
	assert.NotContains(t, compactJSON(consumerPolicy(cluster, nil, []string{"b<&>"})), `\u003c`)
}
