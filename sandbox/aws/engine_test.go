package aws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"
)

const (
	groupToken      = "aws:ec2/securityGroup:SecurityGroup"
	egressToken     = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	logGroupToken   = "aws:cloudwatch/logGroup:LogGroup"
	dashboardToken  = "aws:cloudwatch/dashboard:Dashboard"
	alarmToken      = "aws:cloudwatch/metricAlarm:MetricAlarm"
	eventRuleToken  = "aws:cloudwatch/eventRule:EventRule"
	targetToken     = "aws:cloudwatch/eventTarget:EventTarget"
	roleToken       = "aws:iam/role:Role"
	profileToken    = "aws:iam/instanceProfile:InstanceProfile"
	policyToken     = "aws:iam/policy:Policy"
	attachmentToken = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	exclusiveToken  = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"

	theVPC   = "vpc-0a1b2c3d4e5f60718"
	boundary = "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary"
	trust    = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	firehoseMayConnect = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"Service":"firehose.amazonaws.com"},` +
		`"Action":"kafka:CreateVpcConnection","Resource":"ARN"}]}`
	readOnly = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Action":["kafka:DescribeCluster"],"Resource":["*"]}]}`
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

func newEngine(t *testing.T, c *Sandbox, config object) engine {
	t.Helper()
	p := &provider{sandbox: c, tagsKnown: true, stop: t.Context(), hurry: func() {}}
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
		URN: urn(
			typ,
			name,
		), Name: name, Type: tokens.Type(typ), Olds: olds, News: properties(in), RandomSeed: []byte(name + "123456"),
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
	r, err := e.Create(e.Context(),
		plugin.CreateRequest{URN: urn(typ, name), Name: name, Type: tokens.Type(typ), Properties: inputs})
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
		URN: urn(r.typ,
			r.name), Name: r.name, Type: tokens.Type(r.typ), ID: resource.ID(r.id), Inputs: r.in, State: r.out,
	})
	require.NoError(e, err)
	return res{r.typ, r.name, string(got.ID), got.Inputs, got.Outputs}, got.ID != ""
}

func (e engine) remove(r res) error {
	e.Helper()
	_, err := e.Delete(e.Context(), plugin.DeleteRequest{
		URN: urn(r.typ,
			r.name), Name: r.name, Type: tokens.Type(r.typ), ID: resource.ID(r.id), Inputs: r.in, Outputs: r.out,
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
	group := e.create(groupToken, "sample", object{"name": "sample", "vpcId": theVPC}).id
	role := e.create(roleToken, "sample", object{"name": "sample", "assumeRolePolicy": trust}).id
	policy := e.create(policyToken, "sample", object{"name": "sample", "policy": readOnly}).id
	cluster := e.create(clusterToken, "sample", with(clusterInputs(group), "clusterName", "sample")).id
	rule := e.create(eventRuleToken, "sample", object{"name": "sample", "eventPattern": `{"source":["a"]}`}).id
	return map[string]object{
		clusterToken:       clusterInputs(group),
		clusterPolicyToken: {"clusterArn": cluster, "policy": strings.ReplaceAll(firehoseMayConnect, "ARN", cluster)},
		groupToken: {
			"name":        "g",
			"vpcId":       theVPC,
			"description": "d",
			"ingress":     []any{kafkaFrom(group)},
			"egress":      []any{},
		},
		logGroupToken: {"name": "/aws/msk/x/broker", "retentionInDays": 14},
		egressToken: {
			"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 1, "toPort": 2,
			"cidrIpv4": "10.0.0.0/8", "description": "d",
		},
		dashboardToken: {"dashboardName": "d", "dashboardBody": `{"widgets": []}`},
		alarmToken: {
			"name": "a", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 3, "threshold": 10,
			"alarmActions": []any{"arn:aws:sns:ap-south-1:123456789012:alarms"},
			"metricQueries": []any{map[string]any{
				"id": "q", "expression": "SELECT SUM(X) FROM SCHEMA(\"AWS/Kafka\", Topic)", "period": 60, "returnData": true,
			}},
		},
		eventRuleToken: {
			"name":         "e",
			"description":  "d",
			"eventPattern": `{"source": ["aws.kafka-cluster"], "detail": {"a": ["b"]}}`,
		},
		targetToken: {
			"rule": rule, "targetId": "t", "arn": "arn:aws:sns:ap-south-1:123456789012:alarms",
			"inputTransformer": map[string]any{"inputPaths": map[string]any{"a": "$.detail"}, "inputTemplate": `"<a>"`},
		},
		roleToken: {
			"name": "r", "assumeRolePolicy": trust, "permissionsBoundary": boundary, "description": "d",
			"inlinePolicies": []any{map[string]any{}},
		},
		profileToken:    {"name": "p", "role": role},
		policyToken:     {"name": "p", "policy": readOnly, "description": "d"},
		attachmentToken: {"role": role, "policyArn": policy},
		exclusiveToken:  {"roleName": role, "policyArns": []any{policy}},
	}
}
