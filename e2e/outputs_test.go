package e2e

// outputShapes are patterns for the outputs of a stack with shared consumers and no further clients.
var outputShapes = map[string]string{
	"region":                       `ap-south-1`,
	"bootstrapBrokersSaslIam":      `boot-[0-9a-f]+\.c[0-9]+\.kafka-serverless\.ap-south-1\.amazonaws\.com:9098`,
	"clusterArn":                   `arn:aws:kafka:ap-south-1:123456789012:cluster/crypto-stream/[0-9a-f-]{36}-s[0-9]+`,
	"clusterUuid":                  `[0-9a-f-]{36}-s[0-9]+`,
	"brokerSecurityGroupId":        `sg-[0-9a-f]{17}`,
	"collectorSecurityGroupId":     `sg-[0-9a-f]{17}`,
	"consumerSecurityGroupId":      `sg-[0-9a-f]{17}`,
	"collectorInstanceProfileName": `crypto-stream-ap-south-1-collector`,
	"collectorRoleArn":             `arn:aws:iam::123456789012:role/crypto-stream-ap-south-1-collector`,
	"producerPolicyArn":            `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-producer`,
	"consumerPolicyArn":            `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-consumer`,
	"operatorPolicyArn":            `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-operator`,
	"operatorPolicyArns":           `\[arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-operator\]`,
	"producerTopicPrefixes":        `\[exchg\. trades\.\]`,
	"consumerTopicPrefixes":        `\[exchg\.\]`,
	"consumerGroupNames":           `\[team-quant team-research\]`,
	"clients":                      `map\[\]`,
	"brokerLogGroupName":           `/aws/msk/crypto-stream/broker`,
	"clientPolicyArns":             `map\[\]`,
	"clientRoleArns":               `map\[\]`,
	"clientInstanceProfileNames":   `map\[\]`,
}
