package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
)

// mocks answers the program in place of the engine and records what it registers.
type mocks struct {
	mu        sync.Mutex
	resources map[string]pulumi.MockResourceArgs // by type and name, as shortURN has them
	lookups   []string
}

const mockCluster = "arn:aws:kafka:ap-south-1:123456789012:cluster/crypto-stream/" +
	"1a2b3c4d-0000-0000-0000-000000000000-s1"

func (m *mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resources[stacktest.ShortURN("urn:pulumi:s::p::"+args.TypeToken+"::"+args.Name)] = args
	out := args.Inputs.Copy()
	arn := "arn:of:" + args.TypeToken + ":" + args.Name
	switch {
	case strings.HasPrefix(args.TypeToken, "aws:msk"):
		arn = mockCluster
		out["clusterUuid"] = resource.NewProperty("1a2b3c4d-0000-0000-0000-000000000000-s1")
		out["bootstrapBrokersSaslIam"] = resource.NewProperty(
			"boot-1a2b3c4d.c2.kafka-serverless.ap-south-1.amazonaws.com:9098",
		)
	case strings.HasPrefix(args.TypeToken, "aws:cloudwatch/logGroup"):
		arn = "arn:aws:logs:ap-south-1:123456789012:log-group:/aws/msk/crypto-stream/broker"
	}
	out["arn"] = resource.NewProperty(arn)
	return args.Name + "-id", out, nil
}

func (m *mocks) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups = append(m.lookups, args.Token)
	result := args.Args.Copy()
	set := func(k resource.PropertyKey, v any) { result[k] = resource.NewPropertyValue(v) }
	switch args.Token {
	case "aws:index/getCallerIdentity:getCallerIdentity":
		set("accountId", "123456789012")
	case "aws:index/getPartition:getPartition":
		set("partition", "aws")
	case "aws:ec2/getVpc:getVpc":
		set("enableDnsHostnames", true)
		set("enableDnsSupport", true)
	case "aws:ec2/getSubnet:getSubnet":
		id := args.Args["id"].StringValue()
		set("vpcId", "vpc-0a1b2c3d4e5f60718")
		set("availabilityZone", "ap-south-1"+id[len(id)-1:])
	}
	return result, nil
}

// register runs the program with mocks.
func register(t *testing.T, changes map[string]string) *mocks {
	t.Helper()
	m := &mocks{resources: map[string]pulumi.MockResourceArgs{}}
	err := pulumi.RunErr(deploy, pulumi.WithMocks(project.Name, "test", m),
		func(info *pulumi.RunInfo) { info.Config = configtest.With(changes) })
	require.NoError(t, err)
	return m
}

// in returns a registered resource's input at a path such as "ingress[0].fromPort".
func (m *mocks) in(t *testing.T, res, path string) any {
	t.Helper()
	require.Contains(t, m.resources, res)
	p, err := resource.ParsePropertyPath(path)
	require.NoError(t, err)
	v, _ := p.Get(resource.NewProperty(m.resources[res].Inputs))
	return v.Mappable()
}
