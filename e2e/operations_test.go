package e2e

import (
	"strings"
)

// The kinds of roles, as docs/access.md names them.
const (
	collectors = "collectors"
	consumers  = "consumers"
	operators  = "operators"
)

// operation is a task, the actions it needs, and the kinds of roles that may do it.
type operation struct {
	name    string
	actions []string
	may     []string
}

// operations contain every known action. docs/access.md has this table.
var operations = []operation{
	{"Connect to the brokers", []string{"kafka-cluster:Connect"}, []string{collectors, consumers, operators}},
	{
		"Find the brokers and describe the cluster, through AWS's API",
		[]string{"kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"},
		[]string{collectors},
	},
	{
		"Write to the platform's log group",
		[]string{"logs:CreateLogStream", "logs:PutLogEvents"},
		[]string{collectors},
	},
	{
		"See a topic and its partitions",
		[]string{"kafka-cluster:DescribeTopic"},
		[]string{collectors, consumers, operators},
	},
	{"Create a topic", []string{"kafka-cluster:CreateTopic"}, []string{collectors, operators}},
	{
		"Produce, idempotently",
		[]string{"kafka-cluster:WriteData", "kafka-cluster:WriteDataIdempotently"},
		[]string{collectors},
	},
	{"Fetch records", []string{"kafka-cluster:ReadData"}, []string{consumers}},
	{"Join a group, commit offsets, leave", []string{"kafka-cluster:AlterGroup"}, []string{consumers}},
	{"See a group's members and offsets", []string{"kafka-cluster:DescribeGroup"}, []string{consumers, operators}},
	{"Delete a group", []string{"kafka-cluster:DeleteGroup"}, []string{consumers, operators}},
	{
		"List groups, describe the cluster, through Kafka",
		[]string{"kafka-cluster:DescribeCluster"},
		[]string{operators},
	},
	{
		"See a topic's configuration",
		[]string{"kafka-cluster:DescribeTopicDynamicConfiguration"},
		[]string{operators},
	},
	{
		"Alter a topic's configuration, such as its retention",
		[]string{"kafka-cluster:AlterTopicDynamicConfiguration"},
		[]string{operators},
	},
	{"Add partitions to a topic", []string{"kafka-cluster:AlterTopic"}, []string{operators}},
	{"Delete a topic or its oldest records", []string{"kafka-cluster:DeleteTopic"}, []string{operators}},
	{
		"Use transactions",
		[]string{"kafka-cluster:AlterTransactionalId", "kafka-cluster:DescribeTransactionalId"},
		nil,
	},
	{
		"Alter the cluster through Kafka (not on MSK Serverless)",
		[]string{
			"kafka-cluster:AlterCluster",
			"kafka-cluster:AlterClusterDynamicConfiguration",
			"kafka-cluster:DescribeClusterDynamicConfiguration",
		},
		nil,
	},
}

// controlPlane are actions on AWS itself that no role here is granted: they alter the cluster, policies, network
// or log group (Service Authorization Reference).
var controlPlane = strings.Fields(
	`kafka:CreateCluster kafka:CreateClusterV2 kafka:DeleteCluster kafka:PutClusterPolicy
	kafka:DeleteClusterPolicy kafka:CreateVpcConnection kafka:RebootBroker kafka:UpdateBrokerCount
	kafka:UpdateBrokerStorage
	kafka:UpdateClusterConfiguration kafka:UpdateClusterKafkaVersion kafka:UpdateConnectivity kafka:UpdateMonitoring
	kafka:UpdateSecurity kafka:TagResource kafka:UntagResource kafka:ListClustersV2 kafka:BatchAssociateScramSecret
	iam:AttachRolePolicy iam:CreatePolicyVersion iam:DeleteRolePermissionsBoundary iam:PassRole iam:PutRolePolicy
	iam:UpdateAssumeRolePolicy sts:AssumeRole ec2:AuthorizeSecurityGroupIngress ec2:ModifyVpcAttribute
	logs:CreateLogGroup logs:DeleteLogGroup logs:DeleteLogStream logs:GetLogEvents logs:PutRetentionPolicy`,
)

// documented returns needs that no Kafka request shows, with their reasons.
func documented(cluster clusterARN, logGroup string) []need {
	stream := logGroup + ":log-stream:i-0123456789abcdef0"
	return []need{
		{"kafka:GetBootstrapBrokers", "*", "GetBootstrapBrokers, how a collector finds the brokers (MSK API)"},
		{"kafka:DescribeClusterV2", string(cluster), "DescribeClusterV2, whether the cluster is ACTIVE (MSK API)"},
		{"kafka:DescribeCluster", string(cluster), "DescribeCluster, the same for tools older than V2 (MSK API)"},
		{"logs:CreateLogStream", stream, "CreateLogStream, an instance's own stream (CloudWatch Logs API)"},
		{"logs:PutLogEvents", stream, "PutLogEvents, what it writes (CloudWatch Logs API)"},
	}
}
