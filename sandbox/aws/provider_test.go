package aws

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestNames(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	auto := e.create(roleToken, "collector", object{"assumeRolePolicy": trust})
	assert.Regexp(t, `^collector-[0-9a-f]{7}$`, auto.id)
	assert.Empty(t, e.diff(auto, object{"assumeRolePolicy": trust}).ChangedKeys, "a made name is kept")
	d := e.diff(auto, object{"assumeRolePolicy": trust, "path": "/x/"})
	assert.False(t, d.DeleteBeforeReplace, "its replacement can be made first")
	prefixed := e.create(roleToken, "x", object{"assumeRolePolicy": trust, "namePrefix": "pre-"})
	assert.Regexp(t, `^pre-[0-9a-f]{26}$`, prefixed.str("name"))
	assert.Equal(t, "pre-", prefixed.str("namePrefix"))
	long := e.create(roleToken, strings.Repeat("x", 80), object{"assumeRolePolicy": trust})
	assert.Len(t, long.id, 64)
}

func TestPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-west-1": "aws", "cn-north-1": "aws-cn",
		"us-gov-west-1": "aws-us-gov",
	} {
		e := newEngine(t, New(), object{"region": region})
		group := e.create(groupToken, "g", object{"vpcId": theVPC})
		c := e.create(clusterToken, "c", clusterInputs(group.id))
		assert.Regexp(
			t,
			`^arn:`+want+`:kafka:`+region+`:123456789012:cluster/crypto-stream/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-s1$`,
			c.str("arn"),
		)
		assert.True(t, strings.HasSuffix(c.str("arn"), "/"+c.str("clusterUuid")))
		assert.Regexp(t, `^boot-[0-9a-z]{8}\.c2\.kafka-serverless\.`+region+`\.amazonaws\.com(\.cn)?:9098$`,
			c.str("bootstrapBrokersSaslIam"))
		role := e.create(roleToken, "r",
			object{"assumeRolePolicy": trust, "permissionsBoundary": strings.Replace(boundary, "aws", want, 1)})
		assert.True(t, strings.HasPrefix(role.str("arn"), "arn:"+want+":iam::123456789012:role/r-"))
	}
}

func TestProviderConfig(t *testing.T) {
	t.Parallel()
	p := &provider{sandbox: New(), tagsKnown: true}
	checked, err := p.CheckConfig(t.Context(),
		plugin.CheckConfigRequest{News: properties(object{"region": "eu-west-1", "regoin": "x"})})
	require.NoError(t, err)
	require.Len(t, checked.Failures, 1)
	assert.Equal(t, "regoin: unknown provider setting", checked.Failures[0].Reason)
	for _, c := range []struct {
		config object
		want   string
	}{
		{object{"region": "eu-west-1", "allowedAccountIds": `["999999999999"]`}, "AWS account ID not allowed: 123456789012"},
		{
			object{"region": "eu-west-1", "forbiddenAccountIds": `["123456789012"]`},
			"AWS account ID not allowed: 123456789012",
		},
		{object{"region": "europe"}, "invalid AWS Region: europe"},
	} {
		_, err := p.Configure(t.Context(), plugin.ConfigureRequest{Inputs: properties(c.config)})
		require.EqualError(t, err, c.want)
	}
	_, err = p.Configure(
		t.Context(),
		plugin.ConfigureRequest{
			Inputs: properties(object{"region": "eu-west-1", "allowedAccountIds": `["123456789012"]`}),
		},
	)
	require.NoError(t, err)
	for region, replaced := range map[string]int{"eu-west-1": 0, "eu-west-2": 1} {
		d, err := p.DiffConfig(t.Context(), plugin.DiffConfigRequest{
			OldInputs: properties(object{"region": "eu-west-1", "profile": "a"}),
			NewInputs: properties(object{"region": region, "profile": "b"}),
		})
		require.NoError(t, err)
		assert.Equal(t, plugin.DiffSome, d.Changes)
		assert.Len(t, d.ReplaceKeys, replaced)
	}
}

// TestServe goes through the wire: two connections are two providers, and a cluster that fails late leaves its id.
func TestServe(t *testing.T) {
	t.Parallel()
	c := New()
	attach, stop, err := c.Serve()
	require.NoError(t, err)
	defer stop()
	connect := func(region string) pulumirpc.ResourceProviderClient {
		conn, err := grpc.NewClient("127.0.0.1:"+strings.TrimPrefix(attach, "aws:"),
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		client := pulumirpc.NewResourceProviderClient(conn)
		_, err = client.Attach(t.Context(), &pulumirpc.PluginAttach{Address: "127.0.0.1:1"})
		require.NoError(t, err)
		args, err := structpb.NewStruct(map[string]any{"region": region})
		require.NoError(t, err)
		_, err = client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: args})
		require.NoError(t, err)
		return client
	}
	one, two := connect("eu-west-1"), connect("us-east-1")
	for client, region := range map[pulumirpc.ResourceProviderClient]string{one: "eu-west-1", two: "us-east-1"} {
		args, err := structpb.NewStruct(map[string]any{"id": "subnet-0a1b2c3d4e5f6071a"})
		require.NoError(t, err)
		r, err := client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "aws:ec2/getSubnet:getSubnet", Args: args})
		require.NoError(t, err)
		assert.Equal(t, region+"a", r.Return.Fields["availabilityZone"].GetStringValue())
	}
	for fault, state := range map[*Error]string{ClusterFailed: "FAILED", ClusterTimeout: "ACTIVE"} {
		c.Heal()
		c.Fail(Fault{Type: clusterToken, Error: fault})
		in, err := structpb.NewStruct(with(clusterInputs(), "clusterName", strings.ToLower(state)))
		require.NoError(t, err)
		_, err = one.Create(t.Context(), &pulumirpc.CreateRequest{Urn: string(urn(clusterToken, "c")), Properties: in})
		require.ErrorContains(t, err, "waiting for MSK Serverless Cluster (arn:aws:kafka:eu-west-1:")
		require.ErrorContains(t, err, fault.Message)
		var id string
		for arn, cl := range c.Snapshot().Clusters {
			if cl.State == state {
				id = arn
			}
		}
		detail := grpcDetail(t, err)
		assert.Equal(t, id, detail.Id)
		assert.Equal(t, strings.ToLower(state), detail.Properties.Fields["clusterName"].GetStringValue())
	}
}

// grpcDetail is what an error says of the object that exists in spite of it.
func grpcDetail(t *testing.T, err error) *pulumirpc.ErrorResourceInitFailed {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if init, ok := d.(*pulumirpc.ErrorResourceInitFailed); ok {
			return init
		}
	}
	t.Fatal("no detail")
	return nil
}

// TestFile: the state outlives the process, and two processes at once lose nothing.
func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "aws.json")
	one, err := Open(path)
	require.NoError(t, err)
	two, err := Open(path)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 20 {
		e := newEngine(t, []*Sandbox{one, two}[i%2], nil)
		wg.Go(func() { e.create(logGroupToken, fmt.Sprint("l", i), object{}) })
	}
	wg.Wait()
	three, err := Open(path, WithVPC("vpc-00000002", "subnet-00000001"))
	require.NoError(t, err)
	assert.Len(t, three.Snapshot().LogGroups, 20)
	assert.Len(t, three.Changed(), 20)
	assert.Contains(t, three.Snapshot().VPCs, "vpc-00000002", "a world can grow")
}
