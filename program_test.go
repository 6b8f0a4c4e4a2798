package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

func TestProgramInputs(t *testing.T) {
	t.Parallel()
	m := register(t, map[string]string{
		"tags":                   `{"Env":"prod"}`,
		"clientSecurityGroupIds": `["sg-bbbbbbbb","sg-aaaaaaaa"]`,
		"collectorEgressCidrs":   `["203.0.113.0/24","2001:db8::/32"]`,
		"logKmsKeyArn":           "arn:aws:kms:ap-south-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"assumeRoleArn":          "arn:aws:iam::123456789012:role/MSK-Builder",
		"allowedAccountIds":      `["123456789012"]`,
	})
	for _, c := range []struct {
		resource, path string
		want           any
	}{
		{"pulumi:providers:aws aws-ap-south-1", "region", "ap-south-1"},
		{"pulumi:providers:aws aws-ap-south-1", "defaultTags.tags", map[string]any{
			"AccessScope": "crypto-stream", "Env": "prod", "msk-serverless:stack": "test",
		}},
		{"pulumi:providers:aws aws-ap-south-1", "assumeRole.roleArn", "arn:aws:iam::123456789012:role/MSK-Builder"},
		{"pulumi:providers:aws aws-ap-south-1", "allowedAccountIds", []any{"123456789012"}},

		{"ec2/securityGroup brokers", "namePrefix", "crypto-stream-brokers-"},
		{"ec2/securityGroup brokers", "name", nil},
		{"ec2/securityGroup brokers", "vpcId", "vpc-0a1b2c3d4e5f60718"},
		{"ec2/securityGroup brokers", "ingress[0].protocol", "tcp"},
		{"ec2/securityGroup brokers", "ingress[0].fromPort", 9098.},
		{"ec2/securityGroup brokers", "ingress[0].toPort", 9098.},
		{
			"ec2/securityGroup brokers", "ingress[0].securityGroups",
			[]any{"collector-id", "consumer-id", "sg-aaaaaaaa", "sg-bbbbbbbb"},
		},
		{"ec2/securityGroup brokers", "ingress[0].cidrBlocks", nil},
		{"ec2/securityGroup brokers", "ingress[1]", nil},
		{"ec2/securityGroup brokers", "egress[0].protocol", "-1"},
		{"ec2/securityGroup brokers", "egress[0].cidrBlocks", []any{"0.0.0.0/0"}},
		{"ec2/securityGroup collector", "namePrefix", "crypto-stream-collector-"},
		{"ec2/securityGroup collector", "ingress", nil},
		{"ec2/securityGroup collector", "egress", nil},
		{"ec2/securityGroup consumer", "namePrefix", "crypto-stream-consumer-"},

		{"vpc/securityGroupEgressRule collector-to-brokers", "securityGroupId", "collector-id"},
		{"vpc/securityGroupEgressRule collector-to-brokers", "referencedSecurityGroupId", "brokers-id"},
		{"vpc/securityGroupEgressRule collector-to-brokers", "fromPort", 9098.},
		{"vpc/securityGroupEgressRule consumer-to-brokers", "securityGroupId", "consumer-id"},
		{"vpc/securityGroupEgressRule consumer-to-brokers", "referencedSecurityGroupId", "brokers-id"},
		{"vpc/securityGroupEgressRule collector-to-203.0.113.0/24", "cidrIpv4", "203.0.113.0/24"},
		{"vpc/securityGroupEgressRule collector-to-2001:db8::/32", "cidrIpv6", "2001:db8::/32"},

		{"cloudwatch/logGroup broker-logs", "name", "/aws/msk/crypto-stream/broker"},
		{"cloudwatch/logGroup broker-logs", "retentionInDays", 14.},
		{
			"cloudwatch/logGroup broker-logs", "kmsKeyId",
			"arn:aws:kms:ap-south-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		},

		{"msk/serverlessCluster cluster", "clusterName", "crypto-stream"},
		{"msk/serverlessCluster cluster", "clientAuthentication.sasl.iam.enabled", true},
		{
			"msk/serverlessCluster cluster", "vpcConfigs[0].subnetIds",
			[]any{"subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"},
		},
		{"msk/serverlessCluster cluster", "vpcConfigs[0].securityGroupIds", []any{"brokers-id"}},

		{"iam/role collector", "name", "crypto-stream-ap-south-1-collector"},
		{"iam/role collector", "permissionsBoundary", "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary"},
		{"iam/role collector", "inlinePolicies", []any{map[string]any{}}},
		{"iam/role collector", "forceDetachPolicies", true},
		{"iam/instanceProfile collector", "role", "crypto-stream-ap-south-1-collector"},
		{"iam/policy producer", "name", "crypto-stream-ap-south-1-producer"},
		{"iam/rolePolicyAttachment collector-producer", "role", "crypto-stream-ap-south-1-collector"},
		{"iam/rolePolicyAttachmentsExclusive collector", "roleName", "crypto-stream-ap-south-1-collector"},
		{"iam/rolePolicyAttachmentsExclusive collector", "policyArns", []any{
			"arn:of:aws:iam/policy:Policy:control-plane", "arn:of:aws:iam/policy:Policy:collector-logs",
			"arn:of:aws:iam/policy:Policy:producer",
		}},
	} {
		assert.Equal(t, c.want, m.in(t, c.resource, c.path), "%s: %s", c.resource, c.path)
	}
}

// TestProgramRegisters checks the list of resources, and that each uses the explicit provider.
func TestProgramRegisters(t *testing.T) {
	t.Parallel()
	m := register(t, nil)
	want := []string{
		"cloudwatch/logGroup broker-logs",
		"ec2/securityGroup brokers",
		"ec2/securityGroup collector",
		"ec2/securityGroup consumer",
		"iam/instanceProfile collector",
		"iam/policy collector-logs",
		"iam/policy consumer",
		"iam/policy control-plane",
		"iam/policy operator",
		"iam/policy producer",
		"iam/role collector",
		"iam/rolePolicyAttachment collector-control-plane",
		"iam/rolePolicyAttachment collector-logs",
		"iam/rolePolicyAttachment collector-producer",
		"iam/rolePolicyAttachmentsExclusive collector",
		"msk/serverlessCluster cluster",
		"pulumi:providers:aws aws-ap-south-1",
		"vpc/securityGroupEgressRule collector-to-0.0.0.0/0",
		"vpc/securityGroupEgressRule collector-to-brokers",
		"vpc/securityGroupEgressRule consumer-to-brokers",
	}
	var got []string
	for name, r := range m.resources {
		got = append(got, name)
		if name != "pulumi:providers:aws aws-ap-south-1" {
			assert.Contains(t, r.Provider, "::pulumi:providers:aws::aws-ap-south-1::", "%s has the explicit provider", name)
		}
	}
	slices.Sort(got)
	assert.Equal(t, want, got)
}

func TestProgramProtects(t *testing.T) {
	t.Parallel()
	protected := []string{
		"cloudwatch/logGroup broker-logs",
		"ec2/securityGroup brokers",
		"msk/serverlessCluster cluster",
	}
	for setting, want := range map[string][]string{"true": protected, "false": nil} {
		m := register(t, map[string]string{"protect": setting})
		var got []string
		for name, r := range m.resources {
			if r.RegisterRPC.GetProtect() {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		assert.Equal(t, want, got, "protect: %s", setting)
	}
}

// Every old resource goes before its replacement, and groups keep their names: see lifecycle.go.
func TestProgramLifecycle(t *testing.T) {
	t.Parallel()
	for name, r := range register(t, map[string]string{"alarmTopicArn": configtest.AlarmTopic}).resources {
		rpc := r.RegisterRPC
		inAWS := !strings.HasPrefix(name, "pulumi:")
		assert.Equal(t, inAWS, rpc.GetDeleteBeforeReplace() && rpc.GetDeleteBeforeReplaceDefined(), name)
		if strings.HasPrefix(name, "ec2/securityGroup ") {
			assert.Equal(t, []string{"name", "namePrefix", "description"}, rpc.GetIgnoreChanges(), name)
		} else {
			assert.Empty(t, rpc.GetIgnoreChanges(), name)
		}
	}
}

func TestProgramDependencies(t *testing.T) {
	t.Parallel()
	m := register(t, nil)
	for resource, want := range map[string][]string{
		"msk/serverlessCluster cluster":   {"brokers"},
		"iam/role collector":              {"producer", "control-plane", "collector-logs"},
		"ec2/securityGroup consumer":      {"collector"},
		"cloudwatch/logGroup broker-logs": {"cluster"},
		"iam/instanceProfile collector":   {"collector"},
		"iam/policy producer":             {"cluster"},
		"iam/policy collector-logs":       {"broker-logs"},
		"iam/rolePolicyAttachmentsExclusive collector": {
			"collector", "collector-control-plane", "collector-logs", "collector-producer", "collector-logs",
			"control-plane", "producer",
		},
		"vpc/securityGroupEgressRule collector-to-brokers": {"brokers", "collector"},
	} {
		var got []string
		for _, urn := range m.resources[resource].RegisterRPC.GetDependencies() {
			got = append(got, urn[strings.LastIndex(urn, "::")+2:])
		}
		assert.ElementsMatch(t, want, got, resource)
	}
}

func TestProgramBoundary(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]any{
		"MSK-Permission-Boundary":                 "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary",
		"arn:aws:iam::123456789012:policy/x/Mine": "arn:aws:iam::123456789012:policy/x/Mine",
		"none": nil,
	} {
		m := register(t, map[string]string{"permissionsBoundary": setting})
		assert.Equal(t, want, m.in(t, "iam/role collector", "permissionsBoundary"), setting)
	}
}

func TestProgramVerifiesTheNetworkOnlyIfAsked(t *testing.T) {
	t.Parallel()
	assert.Contains(t, register(t, nil).lookups, "aws:ec2/getVpc:getVpc")
	assert.NotContains(t, register(t, map[string]string{"verifyNetwork": "false"}).lookups, "aws:ec2/getVpc:getVpc")
}

func TestBrokersAdmitEachGroupOnce(t *testing.T) {
	t.Parallel()
	ids, err := admitted("sg-c", "sg-b", []string{"sg-d", "sg-a"})
	require.NoError(t, err)
	assert.Equal(t, []string{"sg-c", "sg-b", "sg-a", "sg-d"}, ids, "the configured ones sorted")
	for _, own := range []string{"sg-b", "sg-c"} {
		_, err = admitted("sg-c", "sg-b", []string{"sg-a", own})
		assert.ErrorContains(t, err, `clientSecurityGroupIds: "`+own+`": is a group of this stack`)
	}
	id, err := notItself("sg-x", config.List{Key: "clientSecurityGroupIds", Names: []string{"sg-a"}})
	require.NoError(t, err)
	assert.Equal(t, "sg-x", id)
	_, err = notItself("sg-x", config.List{Key: "clientSecurityGroupIds", Names: []string{"sg-a", "sg-x"}})
	assert.ErrorContains(t, err, `clientSecurityGroupIds: "sg-x": is the brokers' own group`)
}

func TestProgramRefusesOtherPartitions(t *testing.T) {
	t.Parallel()
	for key, arn := range map[string]string{
		"logKmsKeyArn":  "arn:aws-cn:kms:ap-south-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"alarmTopicArn": "arn:aws-us-gov:sns:ap-south-1:111122223333:on-call",
		"assumeRoleArn": "arn:aws-cn:iam::111122223333:role/MSK-Builder",
		"clients": `{"partner":{"reads":["exchg."],"groups":["partner"],"runsOn":{"account":{"id":"210987654321",
			"roleArns":["arn:aws-cn:iam::210987654321:role/feed"]}}}}`,
	} {
		err := pulumi.RunErr(deploy,
			pulumi.WithMocks(project.Name, "test", &mocks{resources: map[string]pulumi.MockResourceArgs{}}),
			func(info *pulumi.RunInfo) { info.Config = configtest.With(map[string]string{key: arn}) })
		assert.ErrorContains(t, err, "* "+key)
		assert.ErrorContains(t, err, "must begin with arn:aws:, the partition of ap-south-1")
	}
}

// meeting answers a look-up once all expected ones are in progress.
type meeting struct {
	mocks
	expected sync.WaitGroup
}

func (m *meeting) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	switch args.Token {
	case "aws:index/getCallerIdentity:getCallerIdentity", "aws:ec2/getVpc:getVpc", "aws:ec2/getSubnet:getSubnet":
		m.expected.Done()
		met := make(chan struct{})
		go func() { m.expected.Wait(); close(met) }()
		select {
		case <-met:
		case <-time.After(10 * time.Second):
			return nil, errors.New("the other look-ups have not begun")
		}
	}
	return m.mocks.Call(args)
}

func TestProgramLooksUpSideBySide(t *testing.T) {
	t.Parallel()
	m := &meeting{mocks: mocks{resources: map[string]pulumi.MockResourceArgs{}}}
	m.expected.Add(4) // who deploys, the VPC, two subnets
	require.NoError(
		t,
		pulumi.RunErr(deploy, pulumi.WithMocks(project.Name, "test", m),
			func(info *pulumi.RunInfo) { info.Config = configtest.With(nil) }),
	)
}

func TestProgramRegistersClientsWithoutRoles(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		changes := map[string]string{"clients": configtest.Readers}
		want := []string{
			"iam/policy client-quant",
			"iam/policy client-research",
			"iam/policy collector-logs",
			"iam/policy consumer",
			"iam/policy control-plane",
			"iam/policy operator",
			"iam/policy producer",
		}
		if !shared {
			changes["consumerTopicPrefixes"], changes["consumerGroupNames"] = "[]", "[]"
			want = slices.DeleteFunc(want, func(name string) bool { return name == "iam/policy consumer" })
		}
		m := register(t, changes)
		got := slices.DeleteFunc(slices.Sorted(maps.Keys(m.resources)),
			func(name string) bool { return !strings.HasPrefix(name, "iam/policy ") })
		assert.Equal(t, want, got)
		for _, name := range got {
			_, short, _ := strings.Cut(name, " ")
			short = strings.Replace(short, "client-", "consumer-", 1)
			assert.Equal(t, fmt.Sprintf("crypto-stream-ap-south-1-%s", short), m.in(t, name, "name"))
		}
	}
}

// No value of permissionsBoundary but none removes the boundary.
func TestLeastPrivilegeBoundaryStays(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		configtest.Unset, "", " ", "None", "NONE", "no", "false", "null", "-", "none ", " none", "none\n",
		"*", "[]", "{}", `"none"`, "arn:",
		"arn:aws:iam::123456789012:policy/", "arn:aws:iam::123456789012:policy/none", "Other",
	} {
		if _, err := config.Parse(
			project.Name,
			configtest.With(map[string]string{"permissionsBoundary": setting}),
		); err != nil {
			assert.Contains(t, err.Error(), "* permissionsBoundary: ", "%q", setting)
			continue
		}
		m := register(t, map[string]string{"permissionsBoundary": setting})
		boundary, _ := m.in(t, "iam/role collector", "permissionsBoundary").(string)
		assert.Regexp(t, `^arn:aws:iam::123456789012:policy/.+$`, boundary, "%q", setting)
	}
	assert.Nil(
		t,
		register(t,
			map[string]string{"permissionsBoundary": "none"}).in(t, "iam/role collector", "permissionsBoundary"),
	)
}

// Imported resources keep what AWS can't change in place.
func TestAdoptedNamesAreKept(t *testing.T) {
	t.Parallel()
	m := register(t, map[string]string{"adopted": "true"})
	for name, r := range m.resources {
		assert.ElementsMatch(t, kept(r.TypeToken, true), r.RegisterRPC.GetIgnoreChanges(), name)
	}
	cluster := m.resources["msk/serverlessCluster cluster"].RegisterRPC
	assert.NotContains(t, cluster.GetIgnoreChanges(), "clusterName", "that is a setting")
}
