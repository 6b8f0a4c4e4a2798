package e2e

import (
	"slices"
	"strings"
)

// The kinds of access, as docs/access.md names them. A role can have several.
const (
	collectors = "collectors"
	consumers  = "consumers"
	writers    = "writers" // clients that write, with a role: collectors that don't look the brokers up
	functions  = "Lambda"
	connectors = "MSK Connect"
	operators  = "operators"
	observers  = "observers"
)

// operation is a task, the actions it needs, and the kinds of roles that may do it.
type operation struct {
	name    string
	actions []string
	may     []string
}

// operations contain every known action. docs/access.md has this table.
var operations = []operation{
	{"Connect to the brokers", []string{"kafka-cluster:Connect"}, []string{
		collectors, writers, consumers, functions, connectors, operators, observers,
	}},
	{
		"Find the brokers and describe the cluster, through AWS's API",
		[]string{"kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"},
		[]string{collectors, functions},
	},
	{"Describe a provisioned cluster", []string{"kafka:DescribeCluster"}, nil},
	{
		"Write to the platform's log group",
		[]string{"logs:CreateLogStream", "logs:PutLogEvents"},
		[]string{collectors, writers, functions},
	},
	{
		"Make an event source's network interfaces",
		[]string{
			"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
			"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
		},
		[]string{functions},
	},
	{
		"See a topic and its partitions",
		[]string{"kafka-cluster:DescribeTopic"},
		[]string{collectors, writers, consumers, functions, connectors, operators, observers},
	},
	{"Create a topic", []string{"kafka-cluster:CreateTopic"}, []string{collectors, writers, connectors, operators}},
	{"Write records", []string{"kafka-cluster:WriteData"}, []string{collectors, writers, connectors}},
	{"Write idempotently", []string{"kafka-cluster:WriteDataIdempotently"}, []string{collectors, writers}},
	{"Fetch records", []string{"kafka-cluster:ReadData"}, []string{consumers, functions, connectors}},
	{
		"Join a group, commit offsets, leave",
		[]string{"kafka-cluster:AlterGroup"},
		[]string{consumers, functions, connectors},
	},
	{
		"See a group's members and offsets",
		[]string{"kafka-cluster:DescribeGroup"},
		[]string{consumers, functions, connectors, operators, observers},
	},
	{"Delete a group", []string{"kafka-cluster:DeleteGroup"}, []string{consumers, functions, operators}},
	{
		"List all groups, describe the cluster, through Kafka",
		[]string{"kafka-cluster:DescribeCluster"},
		[]string{connectors, operators, observers},
	},
	{
		"See a topic's configuration",
		[]string{"kafka-cluster:DescribeTopicDynamicConfiguration"},
		[]string{operators, observers},
	},
	{
		"Alter a topic's configuration, such as its retention",
		[]string{"kafka-cluster:AlterTopicDynamicConfiguration"},
		[]string{operators},
	},
	{"Add partitions to a topic", []string{"kafka-cluster:AlterTopic"}, []string{operators}},
	{"Delete a topic or its oldest records", []string{"kafka-cluster:DeleteTopic"}, []string{operators}},
	{"Use transactions", []string{"kafka-cluster:AlterTransactionalId", "kafka-cluster:DescribeTransactionalId"}, nil},
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

// documented returns the kind's needs that no Kafka request shows, with their reasons.
func (p *platform) documented(kind string) []need {
	stream := p.logGroup + ":log-stream:i-0123456789abcdef0"
	finds := []need{
		{"kafka:GetBootstrapBrokers", "*", "GetBootstrapBrokers, how a client finds the brokers (MSK API)"},
		{"kafka:DescribeClusterV2", string(p.cluster), "DescribeClusterV2, whether the cluster is ACTIVE (MSK API)"},
	}
	logs := []need{
		{"logs:CreateLogStream", stream, "CreateLogStream, an instance's own stream (CloudWatch Logs API)"},
		{"logs:PutLogEvents", stream, "PutLogEvents, what it writes (CloudWatch Logs API)"},
	}
	switch kind {
	case collectors:
		return finds
	case functions:
		return slices.Concat(finds, logs, p.lambdaNeeds())
	case connectors:
		return p.connectNeeds()
	}
	return nil
}

// lambdaNeeds returns what Lambda does with a function's role to reach the brokers.
func (p *platform) lambdaNeeds() []need {
	const guide = " (Lambda guide, Configuring Lambda permissions for Amazon MSK event source mappings)"
	var needs []need
	for _, kind := range []string{
		"network-interface/eni-0a1b2c3d", "subnet/subnet-0a1b2c3d", "security-group/sg-0a1b2c3d",
	} {
		needs = append(needs, need{"ec2:CreateNetworkInterface", p.ec2(kind), "CreateNetworkInterface" + guide})
	}
	needs = append(needs, need{"ec2:DeleteNetworkInterface", p.ec2("network-interface/eni-0a1b2c3d"), "Delete…" + guide})
	for _, what := range []string{"NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs"} {
		needs = append(needs, need{"ec2:Describe" + what, "*", "Describe" + what + guide})
	}
	return needs
}

// connectNeeds returns what MSK Connect does with a connector's role to keep its state.
func (p *platform) connectNeeds() []need {
	const guide = "Understand service execution role (MSK guide)"
	topic := p.cluster.inside("topic", "__amazon_msk_connect_offsets_archive_1a2b")
	group := p.cluster.group("__amazon_msk_connect_archive_1a2b")
	return []need{
		{"kafka-cluster:Connect", string(p.cluster), guide},
		{"kafka-cluster:DescribeCluster", string(p.cluster), guide},
		{"kafka-cluster:CreateTopic", topic, guide},
		{"kafka-cluster:DescribeTopic", topic, guide},
		{"kafka-cluster:ReadData", topic, guide},
		{"kafka-cluster:WriteData", topic, guide},
		{"kafka-cluster:AlterGroup", group, guide},
		{"kafka-cluster:DescribeGroup", group, guide},
	}
}

// ec2 returns the ARN of an object of EC2 in the stack's account and region.
func (p *platform) ec2(what string) string {
	return "arn:aws:ec2:" + region + ":" + p.state.Account + ":" + what
}
