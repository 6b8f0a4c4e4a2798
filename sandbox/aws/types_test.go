package aws

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	sdk "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryType(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), object{"region": "ap-south-1", "defaultTags": `{"tags":{"Env":"prod"}}`})
	in := samples(e)
	for typ, k := range resourceTypes {
		t.Run(k.title, func(t *testing.T) {
			e := engine{t, e.provider}
			inputs := in[typ]
			require.NotNil(t, inputs, "a sample")
			if k.props["tags"].shape != "" {
				inputs = with(inputs, "tags", map[string]any{"Own": "1"})
			}
			checked, problem := e.check(typ, "x", nil, inputs)
			require.Empty(t, problem)
			before := e.sandbox.Snapshot()
			planned, err := e.Create(t.Context(), plugin.CreateRequest{
				URN: urn(typ, "x"), Name: "x", Type: tokens.Type(typ), Properties: checked, Preview: true,
			})
			require.NoError(t, err)
			for _, out := range k.outputs {
				assert.True(t, planned.Properties[resource.PropertyKey(out)].IsComputed(), "%s is unknown in a preview",
					out)
			}
			require.Equal(t, before, e.sandbox.Snapshot(), "a preview changes nothing")

			r := e.create(typ, "x", inputs)
			require.NotEmpty(t, r.id)
			for _, out := range k.outputs {
				assert.NotNil(t, plain(r.out)[out], "%s is filled in", out)
			}
			if k.props["tags"].shape != "" {
				assert.Equal(t, map[string]string{"Own": "1"}, plain(r.out).dict("tags"))
				assert.Equal(t, map[string]string{"Own": "1", "Env": "prod"}, plain(r.out).dict("tagsAll"))
			}
			assert.Empty(t, e.diff(r, inputs).ChangedKeys, "the same inputs again change nothing")
			read, ok := e.refresh(r)
			require.True(t, ok)
			assert.Equal(t, r, read, "a refresh changes nothing")

			imported, ok := e.refresh(res{typ: typ, name: "x", id: r.id})
			require.True(t, ok)
			assert.Empty(t, e.diffInputs(imported, checked).ReplaceKeys, "what is imported need not be replaced")
			again, problem := e.check(typ, "x", nil, plain(imported.in))
			require.Empty(t, problem, "what an import gives is valid")
			assert.Empty(t, e.diffInputs(imported, again).ChangedKeys, "and is no change")

			after := e.sandbox.Snapshot()
			require.NoError(t, e.remove(r))
			_, ok = e.refresh(r)
			if typ == exclusiveToken {
				assert.Equal(t, after, e.sandbox.Snapshot(), "deleting it detaches nothing")
				e.sandbox.Edit(func(s *State) { s.Roles[r.id].Attached = nil })
				return
			}
			assert.False(t, ok, "it is gone")
			require.NoError(t, e.remove(r), "what is gone can be deleted")
			require.Equal(t, before, e.sandbox.Snapshot())
		})
	}
}

// omitted are properties of the SDK that the sandbox refuses.
var omitted = map[string][]string{
	egressToken:    {"prefixListId"},
	logGroupToken:  {"skipDestroy"},
	roleToken:      {"managedPolicyArns"},
	eventRuleToken: {"isEnabled", "roleArn", "scheduleExpression"},
	targetToken: {
		"appsyncTarget", "batchTarget", "deadLetterConfig", "ecsTarget", "httpTarget", "input", "inputPath",
		"kinesisTarget", "redshiftTarget", "retryPolicy", "roleArn", "runCommandTargets", "sagemakerPipelineTarget",
		"sqsTarget",
	},
}

// TestSDKNames: the names of inputs and outputs are those of the SDK's structs.
func TestSDKNames(t *testing.T) {
	t.Parallel()
	for typ, in := range map[string]struct{ args, res any }{
		clusterToken:       {msk.ServerlessClusterArgs{}, msk.ServerlessCluster{}},
		clusterPolicyToken: {msk.ClusterPolicyArgs{}, msk.ClusterPolicy{}},
		groupToken:         {ec2.SecurityGroupArgs{}, ec2.SecurityGroup{}},
		logGroupToken:      {cloudwatch.LogGroupArgs{}, cloudwatch.LogGroup{}},
		egressToken:        {vpc.SecurityGroupEgressRuleArgs{}, vpc.SecurityGroupEgressRule{}},
		dashboardToken:     {cloudwatch.DashboardArgs{}, cloudwatch.Dashboard{}},
		alarmToken:         {cloudwatch.MetricAlarmArgs{}, cloudwatch.MetricAlarm{}},
		roleToken:          {iam.RoleArgs{}, iam.Role{}},
		profileToken:       {iam.InstanceProfileArgs{}, iam.InstanceProfile{}},
		policyToken:        {iam.PolicyArgs{}, iam.Policy{}},
		attachmentToken:    {iam.RolePolicyAttachmentArgs{}, iam.RolePolicyAttachment{}},
		exclusiveToken:     {iam.RolePolicyAttachmentsExclusiveArgs{}, iam.RolePolicyAttachmentsExclusive{}},
		eventRuleToken:     {cloudwatch.EventRuleArgs{}, cloudwatch.EventRule{}},
		targetToken:        {cloudwatch.EventTargetArgs{}, cloudwatch.EventTarget{}},
	} {
		k := resourceTypes[typ]
		require.NotNil(t, k, typ)
		var props []string
		for name := range k.props {
			if props = append(props, name); name == "tagsAll" {
				props = props[:len(props)-1]
			}
		}
		assert.ElementsMatch(t, argNames(in.args), append(props, omitted[typ]...), typ)
		all := slices.Concat(k.outputs, props, omitted[typ])
		if _, ok := k.props["tagsAll"]; ok {
			all = append(all, "tagsAll")
		}
		assert.ElementsMatch(t, tagNames(in.res), all, typ)
	}
	assert.ElementsMatch(t, argNames(sdk.ProviderArgs{}), configKeys)
	fields := func(typ, prop string) (names []string) {
		for name := range resourceTypes[typ].props[prop].of.fields {
			names = append(names, name)
		}
		return names
	}
	assert.ElementsMatch(t, tagNames(ec2.SecurityGroupIngress{}),
		append(fields(groupToken, "ingress"), "prefixListIds"))
	assert.ElementsMatch(t, tagNames(msk.ServerlessClusterVpcConfig{}), fields(clusterToken, "vpcConfigs"))
	assert.ElementsMatch(t, tagNames(iam.RoleInlinePolicy{}), fields(roleToken, "inlinePolicies"))
	assert.ElementsMatch(t, tagNames(cloudwatch.MetricAlarmMetricQuery{}), fields(alarmToken, "metricQueries"))
}

// argNames are the properties of an Args struct, by its field names: an Args type itself has no tags.
func argNames(v any) (names []string) {
	for i := range reflect.TypeOf(v).NumField() {
		n := reflect.TypeOf(v).Field(i).Name
		names = append(names, strings.ToLower(n[:1])+n[1:])
	}
	return names
}

func tagNames(v any) (names []string) {
	for i := range reflect.TypeOf(v).NumField() {
		if n, ok := reflect.TypeOf(v).Field(i).Tag.Lookup("pulumi"); ok {
			names = append(names, strings.TrimSuffix(n, ",optional"))
		}
	}
	return names
}

// TestFunctions: what a look-up returns is what the SDK's result struct has, filters apart.
func TestFunctions(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	for tok, f := range map[string]struct {
		in     object
		result any
		want   object
	}{
		"aws:ec2/getVpc:getVpc": {
			object{"id": theVPC},
			ec2.LookupVpcResult{},
			object{"enableDnsHostnames": true, "enableDnsSupport": true},
		},
		"aws:ec2/getSubnet:getSubnet": {
			object{"id": "subnet-0a1b2c3d4e5f6071b"},
			ec2.LookupSubnetResult{},
			object{"vpcId": theVPC, "availabilityZone": "ap-south-1b"},
		},
		"aws:iam/getPolicy:getPolicy": {
			object{"name": "MSK-Permission-Boundary"},
			iam.LookupPolicyResult{},
			object{"arn": boundary, "path": "/"},
		},
		"aws:index/getCallerIdentity:getCallerIdentity": {
			object{},
			sdk.GetCallerIdentityResult{},
			object{"accountId": "123456789012"},
		},
		"aws:index/getPartition:getPartition": {
			object{},
			sdk.GetPartitionResult{},
			object{"partition": "aws", "reverseDnsPrefix": "com.amazonaws"},
		},
	} {
		r, err := e.Invoke(t.Context(), plugin.InvokeRequest{Tok: tokens.ModuleMember(tok), Args: properties(f.in)})
		require.NoError(t, err, tok)
		var names []string
		for name := range r.Properties {
			names = append(names, string(name))
		}
		assert.ElementsMatch(t,
			slices.DeleteFunc(tagNames(f.result), func(n string) bool { return n == "filters" || n == "pathPrefix" }),
			names, tok)
		for k, v := range f.want {
			assert.Equal(t, v, plain(r.Properties)[k], "%s %s", tok, k)
		}
	}
	for tok, want := range map[string]string{
		"aws:ec2/getVpc:getVpc":       "reading Vpc (nope): no matching EC2 VPC found",
		"aws:ec2/getSubnet:getSubnet": "reading Subnet (nope): no matching EC2 Subnet found",
		"aws:iam/getPolicy:getPolicy": "reading Policy (nope): couldn't find resource",
		"aws:s3/getBucket:getBucket":  "the sandbox has no function aws:s3/getBucket:getBucket",
	} {
		_, err := e.Invoke(
			t.Context(),
			plugin.InvokeRequest{
				Tok: tokens.ModuleMember(tok),
				Args: properties(
					object{map[bool]string{true: "arn", false: "id"}[strings.Contains(tok, "iam")]: "nope"},
				),
			},
		)
		require.EqualError(t, err, want)
	}
	_, err := e.Check(t.Context(), plugin.CheckRequest{Type: "aws:s3/bucket:Bucket"})
	require.EqualError(t, err, "the sandbox has no resource type aws:s3/bucket:Bucket")
}
