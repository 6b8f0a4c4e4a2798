package iampolicy

// Action describes an action that a policy may name.
type Action struct {
	On         string   // type of the resource it acts on; "" if AWS defines none
	ACL        string   // operation and resource of the Kafka ACL that it equals
	Needs      []string // further actions without which it grants nothing
	Serverless bool     // whether it applies to MSK Serverless
}

// Actions are the known actions. kafka-cluster: MSK developer guide, "Semantics of IAM authorization policy actions
// and resources". kafka, logs and ec2: Service Authorization Reference, "Amazon Managed Streaming for Apache Kafka",
// "Amazon CloudWatch Logs" and "Amazon EC2", as far as a role here is granted them. A network interface is made in a
// subnet with security groups, which the same action is then about.
var Actions = map[string]Action{
	"kafka-cluster:Connect":         {On: "cluster", Serverless: true},
	"kafka-cluster:DescribeCluster": {"cluster", "DESCRIBE CLUSTER", []string{"Connect"}, true},
	"kafka-cluster:AlterCluster":    {"cluster", "ALTER CLUSTER", []string{"Connect", "DescribeCluster"}, false},
	"kafka-cluster:DescribeClusterDynamicConfiguration": {
		"cluster",
		"DESCRIBE_CONFIGS CLUSTER",
		[]string{"Connect"},
		false,
	},
	"kafka-cluster:AlterClusterDynamicConfiguration": {
		"cluster",
		"ALTER_CONFIGS CLUSTER",
		[]string{"Connect", "DescribeClusterDynamicConfiguration"},
		false,
	},
	"kafka-cluster:WriteDataIdempotently": {
		"cluster",
		"IDEMPOTENT_WRITE CLUSTER",
		[]string{"Connect", "WriteData"},
		true,
	},
	"kafka-cluster:CreateTopic":                       {"topic", "CREATE TOPIC", []string{"Connect"}, true},
	"kafka-cluster:DescribeTopic":                     {"topic", "DESCRIBE TOPIC", []string{"Connect"}, true},
	"kafka-cluster:AlterTopic":                        {"topic", "ALTER TOPIC", []string{"Connect", "DescribeTopic"}, true},
	"kafka-cluster:DeleteTopic":                       {"topic", "DELETE TOPIC", []string{"Connect", "DescribeTopic"}, true},
	"kafka-cluster:DescribeTopicDynamicConfiguration": {"topic", "DESCRIBE_CONFIGS TOPIC", []string{"Connect"}, true},
	"kafka-cluster:AlterTopicDynamicConfiguration": {
		"topic",
		"ALTER_CONFIGS TOPIC",
		[]string{"Connect", "DescribeTopicDynamicConfiguration"},
		true,
	},
	"kafka-cluster:ReadData":      {"topic", "READ TOPIC", []string{"Connect", "DescribeTopic", "AlterGroup"}, true},
	"kafka-cluster:WriteData":     {"topic", "WRITE TOPIC", []string{"Connect", "DescribeTopic"}, true},
	"kafka-cluster:DescribeGroup": {"group", "DESCRIBE GROUP", []string{"Connect"}, true},
	"kafka-cluster:AlterGroup":    {"group", "READ GROUP", []string{"Connect", "DescribeGroup"}, true},
	"kafka-cluster:DeleteGroup":   {"group", "DELETE GROUP", []string{"Connect", "DescribeGroup"}, true},
	"kafka-cluster:DescribeTransactionalId": {
		"transactional-id",
		"DESCRIBE TRANSACTIONAL_ID",
		[]string{"Connect"},
		true,
	},
	"kafka-cluster:AlterTransactionalId": {
		"transactional-id",
		"WRITE TRANSACTIONAL_ID",
		[]string{"Connect", "DescribeTransactionalId", "WriteData"},
		true,
	},

	"kafka:DescribeCluster":     {On: "cluster", Serverless: true},
	"kafka:DescribeClusterV2":   {On: "cluster", Serverless: true},
	"kafka:GetBootstrapBrokers": {Serverless: true},
	"logs:CreateLogStream":      {On: "log-stream", Serverless: true},
	"logs:PutLogEvents":         {On: "log-stream", Serverless: true},

	"ec2:CreateNetworkInterface":    {On: "network-interface", Serverless: true},
	"ec2:DeleteNetworkInterface":    {On: "network-interface", Serverless: true},
	"ec2:DescribeNetworkInterfaces": {Serverless: true},
	"ec2:DescribeSecurityGroups":    {Serverless: true},
	"ec2:DescribeSubnets":           {Serverless: true},
	"ec2:DescribeVpcs":              {Serverless: true},
}
