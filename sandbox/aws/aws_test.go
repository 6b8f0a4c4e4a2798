package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	groupType      = "aws:ec2/securityGroup:SecurityGroup"
	ingressType    = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	logGroupType   = "aws:cloudwatch/logGroup:LogGroup"
	dashboardType  = "aws:cloudwatch/dashboard:Dashboard"
	alarmType      = "aws:cloudwatch/metricAlarm:MetricAlarm"
	roleType       = "aws:iam/role:Role"
	profileType    = "aws:iam/instanceProfile:InstanceProfile"
	policyType     = "aws:iam/policy:Policy"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	exclusiveType  = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"

	theVPC   = "vpc-0a1b2c3d4e5f60718"
	boundary = "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary"
	trust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kafka:DescribeCluster"],"Resource":["*"]}]}`
)

// engine drives a provider as Pulumi's engine does, one resource at a time.
type engine struct {
	*testing.T
	*provider
}

// res is a resource as Pulumi's state has it.
type res struct {
	typ, name, id string
	in, out       resource.PropertyMap
}

func newEngine(t *testing.T, c *Cloud, config object) engine {
	t.Helper()
	p := &provider{cloud: c, tagsKnown: true, stop: t.Context(), hurry: func() {}}
	if config == nil {
		config = object{"region": "ap-south-1"}
	}
	_, err := p.Configure(t.Context(), plugin.ConfigureRequest{Inputs: properties(config)})
	require.NoError(t, err)
	return engine{t, p}
}

func urn(typ, name string) resource.URN {
	return resource.NewURN("test", "proj", "", tokens.Type(typ), name)
}

// check returns the inputs that the provider makes of the program's, or what is wrong with them.
func (e engine) check(typ, name string, olds resource.PropertyMap, in object) (resource.PropertyMap, string) {
	e.Helper()
	r, err := e.Check(e.Context(), plugin.CheckRequest{
		URN: urn(typ, name), Name: name, Type: tokens.Type(typ), Olds: olds, News: properties(in), RandomSeed: []byte(name + "123456"),
	})
	require.NoError(e, err)
	var problems []string
	for _, f := range r.Failures {
		problems = append(problems, f.Reason)
	}
	return r.Properties, strings.Join(problems, "\n")
}

func (e engine) tryCreate(typ, name string, in object) (res, error) {
	e.Helper()
	inputs, problem := e.check(typ, name, nil, in)
	if problem != "" {
		return res{}, fmt.Errorf("check: %s", problem)
	}
	r, err := e.Create(e.Context(), plugin.CreateRequest{URN: urn(typ, name), Name: name, Type: tokens.Type(typ), Properties: inputs})
	return res{typ, name, string(r.ID), inputs, r.Properties}, err
}

func (e engine) create(typ, name string, in object) res {
	e.Helper()
	r, err := e.tryCreate(typ, name, in)
	require.NoError(e, err)
	return r
}

func (e engine) diff(r res, in object) plugin.DiffResult {
	e.Helper()
	inputs, problem := e.check(r.typ, r.name, r.in, in)
	require.Empty(e, problem)
	return e.diffInputs(r, inputs)
}

func (e engine) diffInputs(r res, inputs resource.PropertyMap) plugin.DiffResult {
	e.Helper()
	d, err := e.Diff(e.Context(), plugin.DiffRequest{
		URN: urn(r.typ, r.name), Name: r.name, Type: tokens.Type(r.typ), ID: resource.ID(r.id),
		OldInputs: r.in, OldOutputs: r.out, NewInputs: inputs,
	})
	require.NoError(e, err)
	return d
}

func (e engine) tryUpdate(r res, in object) (res, error) {
	e.Helper()
	inputs, problem := e.check(r.typ, r.name, r.in, in)
	if problem != "" {
		return r, fmt.Errorf("check: %s", problem)
	}
	u, err := e.Update(e.Context(), plugin.UpdateRequest{
		URN: urn(r.typ, r.name), Name: r.name, Type: tokens.Type(r.typ), ID: resource.ID(r.id),
		OldInputs: r.in, OldOutputs: r.out, NewInputs: inputs,
	})
	return res{r.typ, r.name, r.id, inputs, u.Properties}, err
}

func (e engine) refresh(r res) (res, bool) {
	e.Helper()
	got, err := e.Read(e.Context(), plugin.ReadRequest{
		URN: urn(r.typ, r.name), Name: r.name, Type: tokens.Type(r.typ), ID: resource.ID(r.id), Inputs: r.in, State: r.out,
	})
	require.NoError(e, err)
	return res{r.typ, r.name, string(got.ID), got.Inputs, got.Outputs}, got.ID != ""
}

func (e engine) remove(r res) error {
	e.Helper()
	_, err := e.Delete(e.Context(), plugin.DeleteRequest{
		URN: urn(r.typ, r.name), Name: r.name, Type: tokens.Type(r.typ), ID: resource.ID(r.id), Inputs: r.in, Outputs: r.out,
	})
	return err
}

func (r res) str(k string) string { return plain(r.out).str(k) }

func with(o object, kv ...any) object {
	out := object{}
	for k, v := range o {
		out[k] = v
	}
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] == nil {
			delete(out, kv[i].(string))
		} else {
			out[kv[i].(string)] = kv[i+1]
		}
	}
	return out
}

func clusterInputs(groups ...any) object {
	return object{
		"clusterName":          "crypto-stream",
		"clientAuthentication": map[string]any{"sasl": map[string]any{"iam": map[string]any{"enabled": true}}},
		"vpcConfigs": []any{map[string]any{
			"subnetIds": []any{"subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"}, "securityGroupIds": groups,
		}},
	}
}

func kafkaFrom(group string) map[string]any {
	return map[string]any{"protocol": "tcp", "fromPort": 9098, "toPort": 9098, "securityGroups": []any{group}}
}

// samples are inputs of each type that the world at the start accepts.
func samples(e engine) map[string]object {
	e.Helper()
	group := e.create(groupType, "sample", object{"name": "sample", "vpcId": theVPC}).id
	role := e.create(roleType, "sample", object{"name": "sample", "assumeRolePolicy": trust}).id
	policy := e.create(policyType, "sample", object{"name": "sample", "policy": readOnly}).id
	return map[string]object{
		clusterType:  clusterInputs(group),
		groupType:    {"name": "g", "vpcId": theVPC, "description": "d", "ingress": []any{kafkaFrom(group)}, "egress": []any{}},
		ingressType:  {"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 1, "toPort": 2, "cidrIpv4": "10.0.0.0/8", "description": "d"},
		logGroupType: {"name": "/aws/msk/x/broker", "retentionInDays": 14},
		"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
			"securityGroupId": group, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0",
		},
		dashboardType: {"dashboardName": "d", "dashboardBody": `{"widgets": []}`},
		alarmType: {
			"name": "a", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 3, "threshold": 10,
			"alarmActions": []any{"arn:aws:sns:ap-south-1:123456789012:alarms"},
			"metricQueries": []any{map[string]any{
				"id": "q", "expression": "SELECT SUM(X) FROM SCHEMA(\"AWS/Kafka\", Topic)", "period": 60, "returnData": true,
			}},
		},
		roleType: {
			"name": "r", "assumeRolePolicy": trust, "permissionsBoundary": boundary, "description": "d",
			"inlinePolicies": []any{map[string]any{}},
		},
		profileType:    {"name": "p", "role": role},
		policyType:     {"name": "p", "policy": readOnly, "description": "d"},
		attachmentType: {"role": role, "policyArn": policy},
		exclusiveType:  {"roleName": role, "policyArns": []any{policy}},
	}
}

func TestEveryType(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), object{"region": "ap-south-1", "defaultTags": `{"tags":{"Env":"prod"}}`})
	in := samples(e)
	for typ, k := range kinds {
		t.Run(k.title, func(t *testing.T) {
			e := engine{t, e.provider}
			inputs := in[typ]
			require.NotNil(t, inputs, "a sample")
			if k.props["tags"].shape != "" {
				inputs = with(inputs, "tags", map[string]any{"Own": "1"})
			}
			checked, problem := e.check(typ, "x", nil, inputs)
			require.Empty(t, problem)
			before := e.cloud.Snapshot()
			planned, err := e.Create(t.Context(), plugin.CreateRequest{
				URN: urn(typ, "x"), Name: "x", Type: tokens.Type(typ), Properties: checked, Preview: true,
			})
			require.NoError(t, err)
			for _, out := range k.outputs {
				assert.True(t, planned.Properties[resource.PropertyKey(out)].IsComputed(), "%s is unknown in a preview", out)
			}
			require.Equal(t, before, e.cloud.Snapshot(), "a preview changes nothing")

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

			after := e.cloud.Snapshot()
			require.NoError(t, e.remove(r))
			_, ok = e.refresh(r)
			if typ == exclusiveType {
				assert.Equal(t, after, e.cloud.Snapshot(), "deleting it detaches nothing")
				e.cloud.Edit(func(s *State) { s.Roles[r.id].Attached = nil })
				return
			}
			assert.False(t, ok, "it is gone")
			require.NoError(t, e.remove(r), "what is gone can be deleted")
			require.Equal(t, before, e.cloud.Snapshot())
		})
	}
}

// TestSDKNames: the names of inputs and outputs are those of the SDK's structs.
func TestSDKNames(t *testing.T) {
	t.Parallel()
	for typ, in := range map[string]struct{ args, res any }{
		clusterType:  {msk.ServerlessClusterArgs{}, msk.ServerlessCluster{}},
		groupType:    {ec2.SecurityGroupArgs{}, ec2.SecurityGroup{}},
		ingressType:  {vpc.SecurityGroupIngressRuleArgs{}, vpc.SecurityGroupIngressRule{}},
		logGroupType: {cloudwatch.LogGroupArgs{}, cloudwatch.LogGroup{}},
		"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {vpc.SecurityGroupEgressRuleArgs{}, vpc.SecurityGroupEgressRule{}},
		dashboardType:  {cloudwatch.DashboardArgs{}, cloudwatch.Dashboard{}},
		alarmType:      {cloudwatch.MetricAlarmArgs{}, cloudwatch.MetricAlarm{}},
		roleType:       {iam.RoleArgs{}, iam.Role{}},
		profileType:    {iam.InstanceProfileArgs{}, iam.InstanceProfile{}},
		policyType:     {iam.PolicyArgs{}, iam.Policy{}},
		attachmentType: {iam.RolePolicyAttachmentArgs{}, iam.RolePolicyAttachment{}},
		exclusiveType:  {iam.RolePolicyAttachmentsExclusiveArgs{}, iam.RolePolicyAttachmentsExclusive{}},
	} {
		k := kinds[typ]
		require.NotNil(t, k, typ)
		var props []string
		for name := range k.props {
			if props = append(props, name); name == "tagsAll" {
				props = props[:len(props)-1]
			}
		}
		assert.ElementsMatch(t, argNames(in.args), props, typ)
		all := append(slices.Clone(k.outputs), props...)
		if _, ok := k.props["tagsAll"]; ok {
			all = append(all, "tagsAll")
		}
		assert.ElementsMatch(t, tagNames(in.res), all, typ)
	}
	assert.ElementsMatch(t, argNames(sdk.ProviderArgs{}), configKeys)
	fields := func(typ, prop string) (names []string) {
		for name := range kinds[typ].props[prop].of.fields {
			names = append(names, name)
		}
		return names
	}
	assert.ElementsMatch(t, tagNames(ec2.SecurityGroupIngress{}), fields(groupType, "ingress"))
	assert.ElementsMatch(t, tagNames(msk.ServerlessClusterVpcConfig{}), fields(clusterType, "vpcConfigs"))
	assert.ElementsMatch(t, tagNames(iam.RoleInlinePolicy{}), fields(roleType, "inlinePolicies"))
	assert.ElementsMatch(t, tagNames(cloudwatch.MetricAlarmMetricQuery{}), fields(alarmType, "metricQueries"))
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
		"aws:ec2/getVpc:getVpc": {object{"id": theVPC}, ec2.LookupVpcResult{}, object{"enableDnsHostnames": true, "enableDnsSupport": true}},
		"aws:ec2/getSubnet:getSubnet": {
			object{"id": "subnet-0a1b2c3d4e5f6071b"},
			ec2.LookupSubnetResult{},
			object{"vpcId": theVPC, "availabilityZone": "ap-south-1b"},
		},
		"aws:iam/getPolicy:getPolicy":                   {object{"name": "MSK-Permission-Boundary"}, iam.LookupPolicyResult{}, object{"arn": boundary, "path": "/"}},
		"aws:index/getCallerIdentity:getCallerIdentity": {object{}, sdk.GetCallerIdentityResult{}, object{"accountId": "123456789012"}},
		"aws:index/getPartition:getPartition":           {object{}, sdk.GetPartitionResult{}, object{"partition": "aws", "reverseDnsPrefix": "com.amazonaws"}},
		"aws:index/getRegion:getRegion":                 {object{}, sdk.GetRegionResult{}, object{"name": "ap-south-1"}},
	} {
		r, err := e.Invoke(t.Context(), plugin.InvokeRequest{Tok: tokens.ModuleMember(tok), Args: properties(f.in)})
		require.NoError(t, err, tok)
		var names []string
		for name := range r.Properties {
			names = append(names, string(name))
		}
		assert.ElementsMatch(t, slices.DeleteFunc(tagNames(f.result), func(n string) bool { return n == "filters" || n == "pathPrefix" }), names, tok)
		for k, v := range f.want {
			assert.Equal(t, v, plain(r.Properties)[k], "%s %s", tok, k)
		}
	}
	for tok, want := range map[string]string{
		"aws:ec2/getVpc:getVpc":       "reading Vpc (nope): no matching EC2 VPC found",
		"aws:ec2/getSubnet:getSubnet": "reading Subnet (nope): no matching EC2 Subnet found",
		"aws:iam/getPolicy:getPolicy": "reading Policy (nope): couldn't find resource",
		"aws:s3/getBucket:getBucket":  "the embedded AWS has no function aws:s3/getBucket:getBucket",
	} {
		_, err := e.Invoke(t.Context(), plugin.InvokeRequest{Tok: tokens.ModuleMember(tok), Args: properties(object{map[bool]string{true: "arn", false: "id"}[strings.Contains(tok, "iam")]: "nope"})})
		require.EqualError(t, err, want)
	}
	_, err := e.Check(t.Context(), plugin.CheckRequest{Type: "aws:s3/bucket:Bucket"})
	require.EqualError(t, err, "the embedded AWS has no resource type aws:s3/bucket:Bucket")
}

func TestDiff(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(WithVPC("vpc-00000002", "subnet-00000001", "subnet-00000002")), nil)
	in := samples(e)
	more := e.create(groupType, "more", object{"vpcId": theVPC}).id
	created := map[string]res{}
	for typ := range kinds {
		created[typ] = e.create(typ, "x", in[typ])
	}
	vpcs := func(o object, f func(map[string]any)) object {
		var out object
		b, _ := json.Marshal(o)
		_ = json.Unmarshal(b, &out)
		f(out["vpcConfigs"].([]any)[0].(map[string]any))
		return out
	}
	block := in[groupType]["ingress"].([]any)[0].(map[string]any)
	for _, c := range []struct {
		name, typ         string
		in                object
		changed, replaced []resource.PropertyKey
		deleteFirst       bool
	}{
		{"cluster tags", clusterType, with(in[clusterType], "tags", map[string]any{"a": "b"}), keys("tags", "tagsAll"), nil, false},
		{"cluster name", clusterType, with(in[clusterType], "clusterName", "other"), keys("clusterName"), keys("clusterName"), false},
		{"cluster subnets reordered", clusterType, vpcs(in[clusterType], func(v map[string]any) { slices.Reverse(v["subnetIds"].([]any)) }), nil, nil, false},
		{"cluster subnets", clusterType, vpcs(in[clusterType], func(v map[string]any) {
			v["subnetIds"] = append(v["subnetIds"].([]any), "subnet-0a1b2c3d4e5f6071c")
		}), keys("vpcConfigs"), keys("vpcConfigs"), true},
		{"cluster groups", clusterType, vpcs(in[clusterType], func(v map[string]any) { v["securityGroupIds"] = []any{more} }), keys("vpcConfigs"), keys("vpcConfigs"), true},

		{"group description", groupType, with(in[groupType], "description", "other"), keys("description"), keys("description"), true},
		{"group description left out", groupType, with(in[groupType], "description", nil), keys("description"), keys("description"), true},
		{"group vpc", groupType, with(in[groupType], "vpcId", "vpc-00000002"), keys("vpcId"), keys("vpcId"), true},
		{"group name", groupType, with(in[groupType], "name", "other"), keys("name"), keys("name"), false},
		{"group prefix", groupType, with(in[groupType], "name", nil, "namePrefix", "other"), keys("namePrefix"), keys("namePrefix"), false},
		{"group ingress grown", groupType, with(in[groupType], "ingress", []any{block, kafkaFrom(more)}), keys("ingress"), nil, false},
		{"group ingress closed", groupType, with(in[groupType], "ingress", []any{}), keys("ingress"), nil, false},
		{"group ingress left out", groupType, with(in[groupType], "ingress", nil), nil, nil, false},

		{"rule group", ingressType, with(in[ingressType], "securityGroupId", more), keys("securityGroupId"), keys("securityGroupId"), false},
		{"rule ports", ingressType, with(in[ingressType], "fromPort", 2), keys("fromPort"), nil, false},
		{"rule cidr", ingressType, with(in[ingressType], "cidrIpv4", "10.1.0.0/16"), keys("cidrIpv4"), nil, false},
		{
			"rule kind of source", ingressType, with(in[ingressType], "cidrIpv4", nil, "cidrIpv6", "::/0"),
			keys("cidrIpv4", "cidrIpv6"), keys("cidrIpv4", "cidrIpv6"), false,
		},
		{"rule description", ingressType, with(in[ingressType], "description", nil), keys("description"), nil, false},

		{"log retention", logGroupType, with(in[logGroupType], "retentionInDays", 30), keys("retentionInDays"), nil, false},
		{"log retention left out", logGroupType, with(in[logGroupType], "retentionInDays", nil), keys("retentionInDays"), nil, false},
		{"log key", logGroupType, with(in[logGroupType], "kmsKeyId", "arn:aws:kms:ap-south-1:123456789012:key/k"), keys("kmsKeyId"), nil, false},
		{"log name", logGroupType, with(in[logGroupType], "name", "/other"), keys("name"), keys("name"), false},
		{"log class", logGroupType, with(in[logGroupType], "logGroupClass", "INFREQUENT_ACCESS"), keys("logGroupClass"), keys("logGroupClass"), true},

		{"role trust reworded", roleType, with(in[roleType], "assumeRolePolicy", strings.Replace(trust, `"sts:AssumeRole"`, `[ "sts:AssumeRole" ]`, 1)), nil, nil, false},
		{"role trust", roleType, with(in[roleType], "assumeRolePolicy", strings.Replace(trust, "ec2.", "ecs.", 1)), keys("assumeRolePolicy"), nil, false},
		{"role boundary", roleType, with(in[roleType], "permissionsBoundary", nil), keys("permissionsBoundary"), nil, false},
		{"role description", roleType, with(in[roleType], "description", "e"), keys("description"), nil, false},
		{"role path", roleType, with(in[roleType], "path", "/x/"), keys("path"), keys("path"), true},
		{"role name", roleType, with(in[roleType], "name", "other"), keys("name"), keys("name"), false},
		{"role without inline policies", roleType, with(in[roleType], "inlinePolicies", nil), nil, nil, false},

		{"profile role", profileType, with(in[profileType], "role", "other"), keys("role"), nil, false},
		{"profile path", profileType, with(in[profileType], "path", "/x/"), keys("path"), keys("path"), true},

		{"policy reworded", policyType, with(in[policyType], "policy", strings.Replace(readOnly, `["*"]`, `"*"`, 1)+"\n"), nil, nil, false},
		{"policy document", policyType, with(in[policyType], "policy", strings.Replace(readOnly, "Allow", "Deny", 1)), keys("policy"), nil, false},
		{"policy description", policyType, with(in[policyType], "description", "e"), keys("description"), keys("description"), true},

		{"attachment role", attachmentType, with(in[attachmentType], "role", "r"), keys("role"), keys("role"), false},
		{"attachment policy", attachmentType, with(in[attachmentType], "policyArn", boundary), keys("policyArn"), keys("policyArn"), false},
		{"exclusive policies", exclusiveType, with(in[exclusiveType], "policyArns", []any{}), keys("policyArns"), nil, false},
		{"exclusive role", exclusiveType, with(in[exclusiveType], "roleName", "r"), keys("roleName"), keys("roleName"), false},

		{"dashboard body reworded", dashboardType, with(in[dashboardType], "dashboardBody", `{"widgets":[]}`), nil, nil, false},
		{"dashboard body", dashboardType, with(in[dashboardType], "dashboardBody", `{}`), keys("dashboardBody"), nil, false},
		{"dashboard name", dashboardType, with(in[dashboardType], "dashboardName", "e"), keys("dashboardName"), keys("dashboardName"), false},
		{"alarm threshold", alarmType, with(in[alarmType], "threshold", 11), keys("threshold"), nil, false},
		{"alarm name", alarmType, with(in[alarmType], "name", "b"), keys("name"), keys("name"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := engine{t, e.provider}.diff(created[c.typ], c.in)
			assert.Equal(t, c.changed, d.ChangedKeys)
			assert.Equal(t, c.replaced, d.ReplaceKeys)
			assert.Equal(t, c.deleteFirst, d.DeleteBeforeReplace)
		})
	}
	t.Run("a group that is being replaced replaces the cluster", func(t *testing.T) {
		e := engine{t, e.provider}
		inputs, _ := e.check(clusterType, "x", created[clusterType].in, in[clusterType])
		conf := inputs["vpcConfigs"].ArrayValue()[0].ObjectValue()
		conf["securityGroupIds"] = resource.NewArrayProperty([]resource.PropertyValue{resource.MakeComputed(resource.NewStringProperty(""))})
		assert.Equal(t, keys("vpcConfigs"), e.diffInputs(created[clusterType], inputs).ReplaceKeys)
	})
}

// TestInlineRules: blocks are a set, keep the form they were written in, and what others add is gathered beside them.
func TestInlineRules(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	other := e.create(groupType, "other", object{"vpcId": theVPC}).id
	a := map[string]any{"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": []any{"10.0.0.0/8"}, "securityGroups": []any{other}}
	b := map[string]any{"protocol": "all", "fromPort": 0, "toPort": 0, "self": true, "ipv6CidrBlocks": []any{"::/0"}}
	in := object{"name": "g", "vpcId": theVPC, "ingress": []any{b, a}}
	g := e.create(groupType, "g", in)
	assert.Len(t, e.cloud.Snapshot().SecurityGroups[g.id].Rules, 4, "one for each source")
	assert.Equal(t, g.in["ingress"], g.out["ingress"])
	assert.Empty(t, e.diff(g, with(in, "ingress", []any{a, b})).ChangedKeys)
	e.cloud.Edit(func(s *State) {
		for _, cidr := range []string{"1.0.0.0/8", "2.0.0.0/8"} {
			s.SecurityGroups[g.id].Rules = append(s.SecurityGroups[g.id].Rules, &Rule{ID: "sgr-" + cidr, Protocol: "tcp", From: 22, To: 22, CIDR: cidr})
		}
	})
	read, _ := e.refresh(g)
	found := plain(read.out).list("ingress")
	require.Len(t, found, 3)
	assert.Equal(t, plain(g.out).list("ingress"), found[:2])
	assert.Equal(t, []string{"1.0.0.0/8", "2.0.0.0/8"}, object(found[2].(map[string]any)).strs("cidrBlocks"))
	assert.Equal(t, found, plain(read.in).list("ingress"), "the inputs of a refresh have it too")
}

func TestSkipDestroy(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	l := e.create(logGroupType, "l", object{"name": "l", "skipDestroy": true})
	read, _ := e.refresh(l)
	require.Equal(t, l, read)
	require.NoError(t, e.remove(read))
	require.Len(t, e.cloud.Changed(), 1)
}

// TestPreviewOfUpdate: what an update leaves alone stays known, what it takes out is gone.
func TestPreviewOfUpdate(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	in := object{"name": "r", "assumeRolePolicy": trust, "description": "d"}
	r := e.create(roleType, "r", in)
	inputs, _ := e.check(roleType, "r", r.in, with(in, "description", nil, "maxSessionDuration", 7200))
	u, err := e.Update(t.Context(), plugin.UpdateRequest{Type: roleType, ID: "r", OldInputs: r.in, OldOutputs: r.out, NewInputs: inputs, Preview: true})
	require.NoError(t, err)
	assert.Equal(t, r.out["arn"], u.Properties["arn"])
	assert.NotContains(t, u.Properties, resource.PropertyKey("description"))
	assert.Equal(t, 7200, plain(u.Properties).num("maxSessionDuration"))
	assert.Equal(t, 3600, e.cloud.Snapshot().Roles["r"].MaxSessionDuration)
}

// TestDocumentAsValue: the SDK takes a policy as a value as well.
func TestDocumentAsValue(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(trust), &doc))
	r := e.create(roleType, "r", object{"name": "r", "assumeRolePolicy": doc})
	assert.JSONEq(t, trust, r.str("assumeRolePolicy"))
	assert.Empty(t, e.diff(r, object{"name": "r", "assumeRolePolicy": trust}).ChangedKeys)
}

func keys(names ...resource.PropertyKey) []resource.PropertyKey { return names }

// TestRefused: bad inputs fail, in Check or in AWS, and leave AWS as it was.
func TestRefused(t *testing.T) {
	t.Parallel()
	far := WithVPC("vpc-00000002", "subnet-00000001", "subnet-00000002")
	dark := func(s *State) {
		WithVPC("vpc-00000003", "subnet-00000003", "subnet-00000004")(s)
		s.VPCs["vpc-00000003"].DNSHostnames = false
	}
	e := newEngine(t, New(far, dark), nil)
	in := samples(e)
	for typ, inputs := range in {
		if typ != exclusiveType {
			e.create(typ, "taken", inputs)
		}
	}
	there := e.create(groupType, "there", object{"vpcId": "vpc-00000002"}).id
	cluster := func(subnets []any, groups ...any) object {
		return with(clusterInputs(), "clusterName", "c", "vpcConfigs", []any{map[string]any{"subnetIds": subnets, "securityGroupIds": groups}})
	}
	ab := []any{"subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"}
	document := func(statement string) object {
		return object{"name": "n", "policy": `{"Version":"2012-10-17","Statement":[` + statement + `]}`}
	}
	long := `{"Effect":"Allow","Action":"a:B","Resource":"arn:aws:s3:::` + strings.Repeat("x", 6144) + `"}`
	rules := func(n int) (out []any) {
		for i := range n {
			out = append(out, map[string]any{"protocol": "tcp", "fromPort": i, "toPort": i, "cidrBlocks": []any{"10.0.0.0/8"}})
		}
		return out
	}
	before := e.cloud.Snapshot()
	for _, c := range []struct {
		typ  string
		in   object
		want string
	}{
		{groupType, object{"vpcId": theVPC, "colour": "red"}, "colour: unknown property"},
		{groupType, object{"vpcId": 7}, "vpcId: expected a string, got number"},
		{groupType, with(in[groupType], "ingress", []any{map[string]any{"port": 1}}), "ingress[0].port: unknown property"},
		{groupType, object{"vpcId": theVPC, "description": "naïve"}, "description: must be at most 255"},
		{groupType, object{"vpcId": "vpc-1"}, "api error InvalidVpcID.NotFound: The vpc ID 'vpc-1' does not exist"},
		{groupType, object{}, "VPCIdNotSpecified"},
		{groupType, object{"vpcId": theVPC, "name": "sg-x"}, "InvalidParameterValue: Value (sg-x)"},
		{groupType, in[groupType], "creating Security Group (g): operation error EC2: CreateSecurityGroup, https response error StatusCode: 400, RequestID: 00000000-0000-0000-0000-000000000000, api error InvalidGroup.Duplicate: The security group 'g' already exists for VPC"},
		{groupType, object{"vpcId": theVPC, "ingress": []any{kafkaFrom("sg-1")}}, "InvalidGroup.NotFound: The security group 'sg-1' does not exist"},
		{groupType, object{"vpcId": theVPC, "ingress": []any{kafkaFrom(there)}}, "different networks"},
		{groupType, object{"vpcId": theVPC, "ingress": rules(61)}, "RulesPerSecurityGroupLimitExceeded"},
		{groupType, object{"vpcId": theVPC, "tags": map[string]any{"aws:x": "y"}}, "does not begin with aws:"},
		{ingressType, in[ingressType], "InvalidPermission.Duplicate"},
		{ingressType, with(in[ingressType], "prefixListId", "pl-1"), "exactly one of"},
		{ingressType, with(in[ingressType], "cidrIpv4", nil), "Source or destination is missing"},
		{ingressType, with(in[ingressType], "ipProtocol", "-1"), "there are no ports"},
		{ingressType, with(in[ingressType], "cidrIpv4", "10.0.0.1/8"), "CIDR block 10.0.0.1/8 is malformed"},
		{ingressType, with(in[ingressType], "fromPort", nil), "portRange"},
		{ingressType, with(in[ingressType], "securityGroupId", nil), "securityGroupId: is required"},
		{ingressType, with(in[ingressType], "securityGroupId", "sg-1"), "InvalidGroup.NotFound"},
		{logGroupType, object{"retentionInDays": 15}, "retentionInDays: expected to be one of [0 1 3 5 7 14 30"},
		{logGroupType, object{"name": "a b"}, "name: must be 1 to 512"},
		{logGroupType, in[logGroupType], "ResourceAlreadyExistsException: The specified log group already exists"},
		{logGroupType, object{"kmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/k"}, "InvalidParameterException"},
		{clusterType, with(clusterInputs(), "vpcConfigs", nil), "vpcConfigs: is required"},
		{clusterType, with(clusterInputs(), "logging", map[string]any{}), "logging: unknown property"},
		{clusterType, in[clusterType], "creating MSK Serverless Cluster (crypto-stream): operation error Kafka: CreateClusterV2, https response error StatusCode: 409, RequestID: 00000000-0000-0000-0000-000000000000, ConflictException"},
		{clusterType, with(clusterInputs(), "clusterName", "-x"), "BadRequestException: The cluster name"},
		{clusterType, with(clusterInputs(), "clusterName", strings.Repeat("x", 65)), "(1 - 64)"},
		{clusterType, cluster(ab[:1]), "at least two different Availability Zones"},
		{clusterType, cluster([]any{ab[0], "subnet-1"}), "The subnet ID 'subnet-1' does not exist"},
		{clusterType, cluster([]any{ab[0], "subnet-00000002"}), "must be in the same VPC"},
		{clusterType, cluster([]any{"subnet-00000003", "subnet-00000004"}), "must have DNS hostnames"},
		{clusterType, cluster(ab, "sg-1"), "The security group 'sg-1' does not exist"},
		{clusterType, cluster(ab, there), "is not in the VPC of the subnets"},
		{clusterType, cluster(ab, "1", "2", "3", "4", "5", "6"), "no more than 5 items"},
		{roleType, object{"assumeRolePolicy": "{"}, "assumeRolePolicy: contains an invalid JSON document"},
		{roleType, object{"assumeRolePolicy": readOnly}, "MalformedPolicyDocument: Has prohibited field Resource"},
		{roleType, with(in[roleType], "name", "R"), "EntityAlreadyExists: Role with name R already exists."},
		{roleType, object{"name": strings.Repeat("x", 65), "assumeRolePolicy": trust}, "name: must be 1 to 64"},
		{roleType, object{"assumeRolePolicy": trust, "permissionsBoundary": boundary + "x"}, "NoSuchEntity: Scope ARN"},
		{roleType, object{"assumeRolePolicy": trust, "maxSessionDuration": 60}, "(3600 - 43200)"},
		{roleType, object{"assumeRolePolicy": trust, "managedPolicyArns": []any{boundary + "x"}}, "not attachable"},
		{policyType, in[policyType], "EntityAlreadyExists: A policy called p already exists"},
		{policyType, object{"name": "a b", "policy": readOnly}, "name: must be 1 to 128"},
		{policyType, document(long), "LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
		{policyType, document(``), "MalformedPolicyDocument: Syntax errors"},
		{policyType, document(`{"Effect":"Maybe","Action":"a:B","Resource":"*"}`), "Syntax errors"},
		{policyType, document(`{"Effect":"Allow","Actions":"a:B","Resource":"*"}`), "Syntax errors"},
		{policyType, document(`{"Effect":"Allow","Action":"B","Resource":"*"}`), "prefaced by a vendor"},
		{policyType, document(`{"Effect":"Allow","Action":"a:B","Resource":"x"}`), "must be in ARN format"},
		{policyType, document(`{"Effect":"Allow","Action":"a:B"}`), "must contain resources"},
		{policyType, document(`{"Effect":"Allow","Resource":"*"}`), "must contain actions"},
		{policyType, document(`{"Sid":"a b","Effect":"Allow","Action":"a:B","Resource":"*"}`), "alpha-numeric"},
		{policyType, document(`{"Sid":"a","Effect":"Allow","Action":"a:B","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"a:B","Resource":"*"}`), "unique"},
		{policyType, document(`{"Effect":"Allow","Action":"a:B","Resource":"*","Principal":"*"}`), "should not specify a principal"},
		{profileType, in[profileType], "EntityAlreadyExists: Instance Profile p already exists."},
		{profileType, object{"role": "nope"}, "NoSuchEntity: The role with name nope cannot be found."},
		{attachmentType, object{"role": "nope", "policyArn": boundary}, "NoSuchEntity: The role with name nope"},
		{attachmentType, with(in[attachmentType], "policyArn", boundary+"x"), "does not exist or is not attachable"},
		{exclusiveType, object{"roleName": "nope", "policyArns": []any{}}, "NoSuchEntity"},
		{exclusiveType, object{"roleName": "r", "policyArns": policies(11)}, "LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10"},
		{dashboardType, object{"dashboardName": "a b", "dashboardBody": "{}"}, "dashboardName: must be"},
		{dashboardType, object{"dashboardName": "d2", "dashboardBody": "[]"}, "InvalidParameterInput"},
		{alarmType, with(in[alarmType], "comparisonOperator", "More"), "comparisonOperator: expected to be one of"},
		{alarmType, with(in[alarmType], "metricName", "m"), "one of metricName and metricQueries"},
		{alarmType, with(in[alarmType], "metricQueries", []any{map[string]any{"id": "q", "expression": "1"}}), "exactly one of metricQueries returns data, got 0"},
		{alarmType, with(in[alarmType], "metricQueries", []any{map[string]any{"id": "q", "expression": "SELECT 1", "returnData": true}}), "needs a period"},
		{alarmType, with(in[alarmType], "name", "n", "datapointsToAlarm", 4), "ValidationError: DatapointsToAlarm"},
	} {
		_, err := e.tryCreate(c.typ, "bad", c.in)
		require.ErrorContains(t, err, c.want)
	}
	require.Equal(t, before, e.cloud.Snapshot())
}

func policies(n int) (out []any) {
	for i := range n {
		out = append(out, fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i))
	}
	return out
}

func TestConflictsOnDelete(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	group := e.create(groupType, "brokers", object{"vpcId": theVPC})
	cluster := e.create(clusterType, "c", clusterInputs(group.id))
	client := e.create(groupType, "client", object{"vpcId": theVPC})
	rule := e.create(ingressType, "r", object{"securityGroupId": group.id, "ipProtocol": "-1", "referencedSecurityGroupId": client.id})
	role := e.create(roleType, "r", object{"assumeRolePolicy": trust})
	policy := e.create(policyType, "p", object{"policy": readOnly})
	attached := e.create(attachmentType, "a", object{"role": role.id, "policyArn": policy.id})
	profile := e.create(profileType, "p", object{"role": role.id})

	require.ErrorContains(t, e.remove(group), "DependencyViolation: resource "+group.id+" has a dependent object", "a cluster's")
	require.ErrorContains(t, e.remove(client), "DependencyViolation", "another group's rule names it")
	require.ErrorContains(t, e.remove(role), "DeleteConflict: Cannot delete entity, must detach all policies first.")
	require.ErrorContains(t, e.remove(policy), "DeleteConflict")
	for _, r := range []res{cluster, rule, group, client, attached, policy, role} {
		require.NoError(t, e.remove(r), r.typ)
	}
	read, _ := e.refresh(profile)
	assert.Empty(t, read.str("role"), "the provider takes a role out of its profiles")
	require.NoError(t, e.remove(profile))
	require.Empty(t, e.cloud.Changed())

	forced := e.create(roleType, "f", object{"assumeRolePolicy": trust, "forceDetachPolicies": true})
	e.create(attachmentType, "a", object{"role": forced.id, "policyArn": boundary})
	require.NoError(t, e.remove(forced))
	require.Empty(t, e.cloud.Changed())
}

// TestDrift: what is changed in AWS by hand is seen by a refresh, is a difference if it is the program's business, and an
// update takes it back.
func TestDrift(t *testing.T) {
	t.Parallel()
	opened := &Rule{ID: "sgr-hand", Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"}
	for name, c := range map[string]struct {
		typ     string
		change  func(object) object
		edit    func(*State, string)
		changed []resource.PropertyKey
	}{
		"a rule opened": {
			groupType, nil,
			func(s *State, id string) { s.SecurityGroups[id].Rules = append(s.SecurityGroups[id].Rules, opened) }, keys("ingress"),
		},
		"a rule closed": {
			groupType, nil, func(s *State, id string) { s.SecurityGroups[id].Rules = nil }, keys("ingress"),
		},
		"a rule opened where rules are left alone": {
			groupType,
			func(o object) object { return with(o, "ingress", nil) },
			func(s *State, id string) { s.SecurityGroups[id].Rules = append(s.SecurityGroups[id].Rules, opened) }, nil,
		},
		"an inline policy": {
			roleType, nil, func(s *State, id string) { s.Roles[id].InlinePolicies["hand"] = readOnly }, keys("inlinePolicies"),
		},
		"an inline policy where they are left alone": {
			roleType,
			func(o object) object { return with(o, "inlinePolicies", nil) },
			func(s *State, id string) { s.Roles[id].InlinePolicies["hand"] = readOnly }, nil,
		},
		"a boundary": {
			roleType, nil, func(s *State, id string) { s.Roles[id].Boundary = "" }, keys("permissionsBoundary"),
		},
		"a managed policy": {
			exclusiveType, nil, func(s *State, id string) { s.Roles[id].Attached = append(s.Roles[id].Attached, boundary) },
			keys("policyArns"),
		},
		"a document": {
			policyType, nil, func(s *State, _ string) { s.Policies["p"].Document = "{}" }, keys("policy"),
		},
		"retention": {
			logGroupType, nil, func(s *State, _ string) {
				for _, g := range s.LogGroups {
					g.RetentionDays = 1
				}
			}, keys("retentionInDays"),
		},
		"a tag": {
			clusterType, nil, func(s *State, id string) { s.Clusters[id].Tags["hand"] = "x" }, keys("tags", "tagsAll"),
		},
		"a role taken from its profile": {
			profileType, nil, func(s *State, id string) { s.InstanceProfiles[id].Role = "" }, keys("role"),
		},
		"a threshold": {
			alarmType, nil, func(s *State, _ string) {
				for _, a := range s.Alarms {
					a.Settings["threshold"] = 99.0
				}
			}, keys("threshold"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, New(), nil)
			in := samples(e)[c.typ]
			if c.change != nil {
				in = c.change(in)
			}
			r := e.create(c.typ, "x", in)
			before := e.cloud.Snapshot()
			e.cloud.Edit(func(s *State) { c.edit(s, r.id) })
			require.NotEqual(t, before, e.cloud.Snapshot())
			read, ok := e.refresh(r)
			require.True(t, ok)
			assert.NotEqual(t, r.out, read.out, "the refresh shows it")
			assert.Equal(t, c.changed, e.diff(read, in).ChangedKeys)
			if c.changed == nil {
				return
			}
			fixed, err := e.tryUpdate(read, in)
			require.NoError(t, err)
			assert.Empty(t, e.diff(fixed, in).ChangedKeys)
			if name != "a rule closed" { // opened anew it has another id
				require.Equal(t, before, e.cloud.Snapshot())
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	auto := e.create(roleType, "collector", object{"assumeRolePolicy": trust})
	assert.Regexp(t, `^collector-[0-9a-f]{7}$`, auto.id)
	assert.Empty(t, e.diff(auto, object{"assumeRolePolicy": trust}).ChangedKeys, "a made name is kept")
	d := e.diff(auto, object{"assumeRolePolicy": trust, "path": "/x/"})
	assert.False(t, d.DeleteBeforeReplace, "its replacement can be made first")
	prefixed := e.create(roleType, "x", object{"assumeRolePolicy": trust, "namePrefix": "pre-"})
	assert.Regexp(t, `^pre-[0-9a-f]{26}$`, prefixed.str("name"))
	assert.Equal(t, "pre-", prefixed.str("namePrefix"))
	long := e.create(roleType, strings.Repeat("x", 80), object{"assumeRolePolicy": trust})
	assert.Len(t, long.id, 64)
}

func TestPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		e := newEngine(t, New(), object{"region": region})
		group := e.create(groupType, "g", object{"vpcId": theVPC})
		c := e.create(clusterType, "c", clusterInputs(group.id))
		assert.Regexp(t, `^arn:`+want+`:kafka:`+region+`:123456789012:cluster/crypto-stream/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-s1$`, c.str("arn"))
		assert.True(t, strings.HasSuffix(c.str("arn"), "/"+c.str("clusterUuid")))
		assert.Regexp(t, `^boot-[0-9a-z]{8}\.c2\.kafka-serverless\.`+region+`\.amazonaws\.com(\.cn)?:9098$`, c.str("bootstrapBrokersSaslIam"))
		role := e.create(roleType, "r", object{"assumeRolePolicy": trust, "permissionsBoundary": strings.Replace(boundary, "aws", want, 1)})
		assert.True(t, strings.HasPrefix(role.str("arn"), "arn:"+want+":iam::123456789012:role/r-"))
	}
}

func TestProviderConfig(t *testing.T) {
	t.Parallel()
	p := &provider{cloud: New(), tagsKnown: true}
	checked, err := p.CheckConfig(t.Context(), plugin.CheckConfigRequest{News: properties(object{"region": "eu-west-1", "regoin": "x"})})
	require.NoError(t, err)
	require.Len(t, checked.Failures, 1)
	assert.Equal(t, "regoin: unknown provider setting", checked.Failures[0].Reason)
	for _, c := range []struct {
		config object
		want   string
	}{
		{object{"region": "eu-west-1", "allowedAccountIds": `["999999999999"]`}, "AWS account ID not allowed: 123456789012"},
		{object{"region": "eu-west-1", "forbiddenAccountIds": `["123456789012"]`}, "AWS account ID not allowed: 123456789012"},
		{object{"region": "europe"}, "invalid AWS Region: europe"},
	} {
		_, err := p.Configure(t.Context(), plugin.ConfigureRequest{Inputs: properties(c.config)})
		require.EqualError(t, err, c.want)
	}
	_, err = p.Configure(t.Context(), plugin.ConfigureRequest{Inputs: properties(object{"region": "eu-west-1", "allowedAccountIds": `["123456789012"]`})})
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

func TestFaults(t *testing.T) {
	t.Parallel()
	logs := object{"name": "l"}
	for name, c := range map[string]struct {
		fault Fault
		done  bool
		want  string
	}{
		"before":          {Fault{Kind: Create, Error: Throttled}, false, "creating CloudWatch Logs Log Group (l): operation error CloudWatch Logs: CreateLogGroup, https response error StatusCode: 400, RequestID: 00000000-0000-0000-0000-000000000000, ThrottlingException: Rate exceeded"},
		"after":           {Fault{Type: logGroupType, After: true, Error: Lost}, true, "request send failed"},
		"by name":         {Fault{Name: "l", Error: Denied}, false, "StatusCode: 403"},
		"of another":      {Fault{Name: "m", Error: Denied}, true, ""},
		"the second":      {Fault{Nth: 2}, true, ""},
		"the first":       {Fault{Nth: 1}, false, "StatusCode: 503"},
		"of another sort": {Fault{Kind: Delete}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, New(), nil)
			e.cloud.Fail(c.fault)
			_, err := e.tryCreate(logGroupType, "l", logs)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			assert.Len(t, e.cloud.Snapshot().LogGroups, map[bool]int{true: 1}[c.done])
			calls := e.cloud.Calls()
			require.Len(t, calls, 1)
			assert.Equal(t, c.want != "", calls[0].Err != "")
			e.cloud.Heal()
			e.cloud.ResetCalls()
			if !c.done {
				e.create(logGroupType, "l", logs)
				assert.Equal(t, []Call{{Kind: Create, Type: logGroupType, Name: "l", ID: "l"}}, e.cloud.Calls())
			}
		})
	}
	t.Run("look-up", func(t *testing.T) {
		t.Parallel()
		e := newEngine(t, New(), nil)
		e.cloud.Fail(Fault{Kind: LookUp, Error: Throttled})
		_, err := e.Invoke(t.Context(), plugin.InvokeRequest{Tok: "aws:ec2/getVpc:getVpc", Args: properties(object{"id": theVPC})})
		require.EqualError(t, err, "reading Vpc ("+theVPC+"): ThrottlingException: Rate exceeded")
	})
}

// TestServe goes through the wire: two connections are two providers, and a cluster that fails late leaves its id.
func TestServe(t *testing.T) {
	t.Parallel()
	c := New()
	attach, stop, err := c.Serve()
	require.NoError(t, err)
	defer stop()
	connect := func(region string) pulumirpc.ResourceProviderClient {
		conn, err := grpc.NewClient("127.0.0.1:"+strings.TrimPrefix(attach, "aws:"), grpc.WithTransportCredentials(insecure.NewCredentials()))
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
		r, err := client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "aws:index/getRegion:getRegion", Args: &structpb.Struct{}})
		require.NoError(t, err)
		assert.Equal(t, region, r.Return.Fields["name"].GetStringValue())
	}
	for fault, state := range map[*Error]string{ClusterFailed: "FAILED", ClusterTimeout: "ACTIVE"} {
		c.Heal()
		c.Fail(Fault{Type: clusterType, Error: fault})
		in, err := structpb.NewStruct(with(clusterInputs(), "clusterName", strings.ToLower(state)))
		require.NoError(t, err)
		_, err = one.Create(t.Context(), &pulumirpc.CreateRequest{Urn: string(urn(clusterType, "c")), Properties: in})
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
		e := newEngine(t, []*Cloud{one, two}[i%2], nil)
		wg.Go(func() { e.create(logGroupType, fmt.Sprint("l", i), object{}) })
	}
	wg.Wait()
	three, err := Open(path, WithVPC("vpc-00000002", "subnet-00000001"))
	require.NoError(t, err)
	assert.Len(t, three.Snapshot().LogGroups, 20)
	assert.Len(t, three.Changed(), 20)
	assert.Contains(t, three.Snapshot().VPCs, "vpc-00000002", "a world can grow")
}

// TestLatency: calls wait side by side, after their work is done; an interrupt ends the wait for a cluster.
func TestLatency(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	stop, hurry := context.WithCancel(t.Context())
	e.stop, e.hurry = stop, hurry
	arrived := make(chan struct{}, 2)
	e.cloud.Latency(func(Call) time.Duration { arrived <- struct{}{}; return time.Hour })
	errs := make(chan error, 2)
	go func() { _, err := e.tryCreate(clusterType, "c", clusterInputs()); errs <- err }()
	go func() { _, err := e.tryCreate(logGroupType, "l", object{}); errs <- err }()
	<-arrived
	<-arrived // both wait at once
	assert.Len(t, e.cloud.Snapshot().Clusters, 1)
	require.NoError(t, e.SignalCancellation(t.Context()))
	failed := []error{<-errs, <-errs}
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	require.Len(t, failed, 1)
	require.ErrorContains(t, failed[0], "context canceled")
}
