package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/compact"
)

// Each VPC has its own brokers' group, with rules for its own clients, the address blocks, and Lambda.
func TestProgramFurtherNetworks(t *testing.T) {
	t.Parallel()
	m := register(t, map[string]string{
		"verifyNetwork":          "false",
		"clientSecurityGroupIds": `["sg-aaaaaaaa"]`,
		"clientCidrs":            `["2001:db8::/32","192.168.0.0/16","10.0.0.0/8"]`,
		"clients":                `{"alerts":{"reads":["exchg."],"groups":["alerts"],"runsOn":{"lambda":true}}}`,
		"furtherVpcs": `[
			{"vpcId":"vpc-22222222","subnetIds":["subnet-22222221","subnet-22222222"]},
			{"vpcId":"vpc-11111111","subnetIds":["subnet-11111111","subnet-11111112"],
			 "clientSecurityGroupIds":["sg-bbbbbbbb"]}]`,
	})
	const first, further = "ec2/securityGroup brokers", "ec2/securityGroup brokers-vpc-11111111"
	const empty = "ec2/securityGroup brokers-vpc-22222222"
	for _, c := range []struct {
		resource, path string
		want           any
	}{
		{first, "ingress[0].securityGroups", []any{"collector-id", "consumer-id", "sg-aaaaaaaa"}},
		{first, "ingress[1].cidrBlocks", []any{"10.0.0.0/8", "192.168.0.0/16"}},
		{first, "ingress[1].ipv6CidrBlocks", []any{"2001:db8::/32"}},
		{first, "ingress[1].securityGroups", nil},
		{first, "ingress[2].self", true},
		{first, "ingress[2].fromPort", 9098.},
		{first, "ingress[2].toPort", 9098.},
		{first, "ingress[3]", nil},
		{further, "vpcId", "vpc-11111111"},
		{further, "ingress[0].securityGroups", []any{"sg-bbbbbbbb"}},
		{further, "ingress[1].cidrBlocks", []any{"10.0.0.0/8", "192.168.0.0/16"}},
		{further, "ingress[2].self", true},
		{empty, "vpcId", "vpc-22222222"},
		{empty, "ingress[0].cidrBlocks", []any{"10.0.0.0/8", "192.168.0.0/16"}},
		{empty, "ingress[1].self", true},
		{empty, "ingress[2]", nil},
		{"msk/serverlessCluster cluster", "vpcConfigs[0].securityGroupIds", []any{"brokers-id"}},
		{"msk/serverlessCluster cluster", "vpcConfigs[1].securityGroupIds", []any{"brokers-vpc-11111111-id"}},
		{"msk/serverlessCluster cluster", "vpcConfigs[1].subnetIds", []any{"subnet-11111111", "subnet-11111112"}},
		{"msk/serverlessCluster cluster", "vpcConfigs[2].securityGroupIds", []any{"brokers-vpc-22222222-id"}},
		{"msk/serverlessCluster cluster", "vpcConfigs[3]", nil},
	} {
		assert.Equal(t, c.want, m.in(t, c.resource, c.path), "%s: %s", c.resource, c.path)
	}
	for _, group := range []string{first, further, empty} {
		assert.True(t, m.resources[group].RegisterRPC.GetProtect(), group)
	}
}

// Without a client on Lambda, the brokers' group doesn't admit itself; without a service, there is no cluster policy.
func TestProgramHasNoMoreThanIsNeeded(t *testing.T) {
	t.Parallel()
	m := register(t, nil)
	assert.Nil(t, m.in(t, "ec2/securityGroup brokers", "ingress[1]"))
	assert.NotContains(t, m.resources, "msk/clusterPolicy cluster")
	assert.NotContains(t, m.resources, "iam/policy lambda-network")
	assert.NotContains(t, m.resources, "iam/policy msk-connect")
	assert.NotContains(t, m.resources, "iam/policy observer")
}

func TestClusterPolicy(t *testing.T) {
	t.Parallel()
	const firehose = `{"Sid":"Firehose","Effect":"Allow","Principal":{"Service":"firehose.amazonaws.com"},
		"Action":["kafka:CreateVpcConnection"],"Resource":["` + mockCluster + `"]}`
	const replicator = `{"Sid":"Replicator","Effect":"Allow","Principal":{"Service":"kafka.amazonaws.com"},
		"Action":["kafka:CreateVpcConnection","kafka:DescribeClusterV2","kafka:GetBootstrapBrokers"],
		"Resource":["` + mockCluster + `"]}`
	for services, statements := range map[string]string{
		`["firehose"]`: firehose, `["replicator"]`: replicator,
		`["replicator","firehose"]`: firehose + "," + replicator, `["firehose","replicator"]`: firehose + "," + replicator,
	} {
		m := register(t, map[string]string{"clusterPolicyServices": services})
		assert.Equal(t, mockCluster, m.in(t, "msk/clusterPolicy cluster", "clusterArn"))
		assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[`+statements+`]}`,
			m.in(t, "msk/clusterPolicy cluster", "policy").(string))
	}
	doc := clusterPolicyDocument(mockCluster, []string{"firehose"})
	assert.False(t, slices.Contains(doc.Statement[0].Action, "kafka:GetBootstrapBrokers"), compact.JSON(doc))
}
