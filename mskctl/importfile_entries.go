package main

// The entries of the import file that import-file treats one by one, by type and name.
const (
	entryCluster   = "msk/serverlessCluster cluster"
	entryBrokers   = "ec2/securityGroup brokers"
	entryCollector = "ec2/securityGroup collector"
	entryConsumer  = "ec2/securityGroup consumer"
	entryLogs      = "cloudwatch/logGroup broker-logs"
	entryRole      = "iam/role collector"
	entryProfile   = "iam/instanceProfile collector"
	entryExclusive = "iam/rolePolicyAttachmentsExclusive collector"
)

// policyEntry is an entry for a managed policy, and how to recognise the policy: it allows the action and no action
// with another prefix.
type policyEntry struct {
	name, action, prefix string
	attachment           string // name of the entry that attaches it to the collectors' role, if any
	output               string // Terraform's output with its ARN, if any
}

var policyEntries = []policyEntry{
	{"producer", "kafka-cluster:WriteData", "kafka-cluster:", "collector-producer", ""},
	{"control-plane", "kafka:GetBootstrapBrokers", "kafka:", "collector-control-plane", ""},
	{"collector-logs", "logs:PutLogEvents", "logs:", "collector-logs", ""},
	{"consumer", "kafka-cluster:ReadData", "kafka-cluster:", "", "consumer_policy_arn"},
}

func (p policyEntry) key() string { return "iam/policy " + p.name }

// terraformType maps the type of an entry to Terraform's.
var terraformType = map[string]string{
	"msk/serverlessCluster":       "aws_msk_serverless_cluster",
	"ec2/securityGroup":           "aws_security_group",
	"cloudwatch/logGroup":         "aws_cloudwatch_log_group",
	"iam/role":                    "aws_iam_role",
	"iam/instanceProfile":         "aws_iam_instance_profile",
	"iam/policy":                  "aws_iam_policy",
	"vpc/securityGroupEgressRule": "aws_vpc_security_group_egress_rule",
}
