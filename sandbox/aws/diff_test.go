package aws

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(WithVPC("vpc-00000002", "subnet-00000001", "subnet-00000002")), nil)
	in := samples(e)
	more := e.create(groupToken, "more", object{"vpcId": theVPC}).id
	created := map[string]res{}
	for typ := range resourceTypes {
		created[typ] = e.create(typ, "x", in[typ])
	}
	vpcs := func(o object, f func(map[string]any)) object {
		var out object
		b, _ := json.Marshal(o)
		_ = json.Unmarshal(b, &out)
		f(out["vpcConfigs"].([]any)[0].(map[string]any))
		return out
	}
	block := in[groupToken]["ingress"].([]any)[0].(map[string]any)
	for _, c := range []struct {
		name, typ         string
		in                object
		changed, replaced []resource.PropertyKey
		deleteFirst       bool
	}{
		{
			"cluster tags", clusterToken, with(in[clusterToken], "tags", map[string]any{"a": "b"}),
			keys("tags", "tagsAll"), nil, false,
		},
		{
			"cluster name", clusterToken, with(in[clusterToken], "clusterName", "other"), keys("clusterName"),
			keys("clusterName"), false,
		},
		{
			"cluster subnets reordered", clusterToken,
			vpcs(in[clusterToken], func(v map[string]any) { slices.Reverse(v["subnetIds"].([]any)) }), nil, nil, false,
		},
		{"cluster subnets", clusterToken, vpcs(in[clusterToken], func(v map[string]any) {
			v["subnetIds"] = append(v["subnetIds"].([]any), "subnet-0a1b2c3d4e5f6071c")
		}), keys("vpcConfigs"), keys("vpcConfigs"), true},
		{"cluster groups", clusterToken, vpcs(in[clusterToken],
			func(v map[string]any) { v["securityGroupIds"] = []any{more} }), keys("vpcConfigs"), keys("vpcConfigs"), true},

		{
			"group description", groupToken, with(in[groupToken], "description", "other"), keys("description"),
			keys("description"), true,
		},
		{
			"group description left out", groupToken, with(in[groupToken], "description", nil), keys("description"),
			keys("description"), true,
		},
		{"group vpc", groupToken, with(in[groupToken], "vpcId", "vpc-00000002"), keys("vpcId"), keys("vpcId"), true},
		{"group name", groupToken, with(in[groupToken], "name", "other"), keys("name"), keys("name"), false},
		{
			"group prefix", groupToken, with(in[groupToken], "name", nil, "namePrefix", "other"), keys("namePrefix"),
			keys("namePrefix"), false,
		},
		{
			"group ingress grown", groupToken, with(in[groupToken], "ingress", []any{block, kafkaFrom(more)}),
			keys("ingress"), nil, false,
		},
		{"group ingress closed", groupToken, with(in[groupToken], "ingress", []any{}), keys("ingress"), nil, false},
		{"group ingress left out", groupToken, with(in[groupToken], "ingress", nil), nil, nil, false},

		{
			"rule group", egressToken, with(in[egressToken], "securityGroupId", more), keys("securityGroupId"),
			keys("securityGroupId"), false,
		},
		{"rule ports", egressToken, with(in[egressToken], "fromPort", 2), keys("fromPort"), nil, false},
		{"rule cidr", egressToken, with(in[egressToken], "cidrIpv4", "10.1.0.0/16"), keys("cidrIpv4"), nil, false},
		{
			"rule kind of source", egressToken, with(in[egressToken], "cidrIpv4", nil, "cidrIpv6", "::/0"),
			keys("cidrIpv4", "cidrIpv6"), keys("cidrIpv4", "cidrIpv6"), false,
		},
		{"rule description", egressToken, with(in[egressToken], "description", nil), keys("description"), nil, false},

		{"log retention", logGroupToken, with(in[logGroupToken], "retentionInDays", 30), keys("retentionInDays"), nil, false},
		{
			"log retention left out", logGroupToken, with(in[logGroupToken], "retentionInDays", nil),
			keys("retentionInDays"), nil, false,
		},
		{
			"log key", logGroupToken, with(in[logGroupToken], "kmsKeyId", "arn:aws:kms:ap-south-1:123456789012:key/k"),
			keys("kmsKeyId"), nil, false,
		},
		{"log name", logGroupToken, with(in[logGroupToken], "name", "/other"), keys("name"), keys("name"), false},
		{
			"log class", logGroupToken, with(in[logGroupToken], "logGroupClass", "INFREQUENT_ACCESS"),
			keys("logGroupClass"), keys("logGroupClass"), true,
		},

		{"role trust reworded", roleToken, with(in[roleToken], "assumeRolePolicy",
			strings.Replace(trust, `"sts:AssumeRole"`, `[ "sts:AssumeRole" ]`, 1)), nil, nil, false},
		{
			"role trust", roleToken, with(in[roleToken], "assumeRolePolicy", strings.Replace(trust, "ec2.", "ecs.", 1)),
			keys("assumeRolePolicy"), nil, false,
		},
		{
			"role boundary", roleToken, with(in[roleToken], "permissionsBoundary", nil), keys("permissionsBoundary"),
			nil, false,
		},
		{"role description", roleToken, with(in[roleToken], "description", "e"), keys("description"), nil, false},
		{"role path", roleToken, with(in[roleToken], "path", "/x/"), keys("path"), keys("path"), true},
		{"role name", roleToken, with(in[roleToken], "name", "other"), keys("name"), keys("name"), false},
		{"role without inline policies", roleToken, with(in[roleToken], "inlinePolicies", nil), nil, nil, false},

		{"profile role", profileToken, with(in[profileToken], "role", "other"), keys("role"), nil, false},
		{"profile path", profileToken, with(in[profileToken], "path", "/x/"), keys("path"), keys("path"), true},

		{"policy reworded", policyToken, with(in[policyToken], "policy",
			strings.Replace(readOnly, `["*"]`, `"*"`, 1)+"\n"), nil, nil, false},
		{"policy document", policyToken, with(in[policyToken], "policy",
			strings.Replace(readOnly, "Allow", "Deny", 1)), keys("policy"), nil, false},
		{
			"policy description", policyToken, with(in[policyToken], "description", "e"), keys("description"),
			keys("description"), true,
		},

		{"attachment role", attachmentToken, with(in[attachmentToken], "role", "r"), keys("role"), keys("role"), false},
		{
			"attachment policy", attachmentToken, with(in[attachmentToken], "policyArn", boundary), keys("policyArn"),
			keys("policyArn"), false,
		},
		{
			"exclusive policies", exclusiveToken, with(in[exclusiveToken], "policyArns", []any{}), keys("policyArns"),
			nil, false,
		},
		{
			"exclusive role", exclusiveToken, with(in[exclusiveToken], "roleName", "r"), keys("roleName"),
			keys("roleName"), false,
		},

		{
			"dashboard body reworded", dashboardToken, with(in[dashboardToken], "dashboardBody", `{"widgets":[]}`), nil,
			nil, false,
		},
		{
			"dashboard body", dashboardToken, with(in[dashboardToken], "dashboardBody", `{}`), keys("dashboardBody"),
			nil, false,
		},
		{
			"dashboard name", dashboardToken, with(in[dashboardToken], "dashboardName", "e"), keys("dashboardName"),
			keys("dashboardName"), false,
		},
		{"alarm threshold", alarmToken, with(in[alarmToken], "threshold", 11), keys("threshold"), nil, false},
		{"alarm name", alarmToken, with(in[alarmToken], "name", "b"), keys("name"), keys("name"), false},
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
		inputs, _ := e.check(clusterToken, "x", created[clusterToken].in, in[clusterToken])
		conf := inputs["vpcConfigs"].ArrayValue()[0].ObjectValue()
		conf["securityGroupIds"] = resource.NewArrayProperty(
			[]resource.PropertyValue{resource.MakeComputed(resource.NewStringProperty(""))},
		)
		assert.Equal(t, keys("vpcConfigs"), e.diffInputs(created[clusterToken], inputs).ReplaceKeys)
	})
}

// TestInlineRules: blocks are a set, keep the form they were written in, and what others add is gathered beside them.
func TestInlineRules(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	other := e.create(groupToken, "other", object{"vpcId": theVPC}).id
	a := map[string]any{
		"protocol":       "tcp",
		"fromPort":       1,
		"toPort":         1,
		"cidrBlocks":     []any{"10.0.0.0/8"},
		"securityGroups": []any{other},
	}
	b := map[string]any{"protocol": "all", "fromPort": 0, "toPort": 0, "self": true, "ipv6CidrBlocks": []any{"::/0"}}
	in := object{"name": "g", "vpcId": theVPC, "ingress": []any{b, a}}
	g := e.create(groupToken, "g", in)
	assert.Len(t, e.sandbox.Snapshot().SecurityGroups[g.id].Rules, 4, "one for each source")
	assert.Equal(t, g.in["ingress"], g.out["ingress"])
	assert.Empty(t, e.diff(g, with(in, "ingress", []any{a, b})).ChangedKeys)
	e.sandbox.Edit(func(s *State) {
		for _, cidr := range []string{"1.0.0.0/8", "2.0.0.0/8"} {
			s.SecurityGroups[g.id].Rules = append(s.SecurityGroups[g.id].Rules,
				&Rule{ID: "sgr-" + cidr, Protocol: "tcp", From: 22, To: 22, CIDR: cidr})
		}
	})
	read, _ := e.refresh(g)
	found := plain(read.out).list("ingress")
	require.Len(t, found, 3)
	assert.Equal(t, plain(g.out).list("ingress"), found[:2])
	assert.Equal(t, []string{"1.0.0.0/8", "2.0.0.0/8"}, object(found[2].(map[string]any)).strs("cidrBlocks"))
	assert.Equal(t, found, plain(read.in).list("ingress"), "the inputs of a refresh have it too")
}

// TestPreviewOfUpdate: what an update leaves alone stays known, what it takes out is gone.
func TestPreviewOfUpdate(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	in := object{"name": "r", "assumeRolePolicy": trust, "description": "d"}
	r := e.create(roleToken, "r", in)
	inputs, _ := e.check(roleToken, "r", r.in, with(in, "description", nil, "maxSessionDuration", 7200))
	u, err := e.Update(
		t.Context(),
		plugin.UpdateRequest{
			Type:       roleToken,
			ID:         "r",
			OldInputs:  r.in,
			OldOutputs: r.out,
			NewInputs:  inputs,
			Preview:    true,
		},
	)
	require.NoError(t, err)
	assert.Equal(t, r.out["arn"], u.Properties["arn"])
	assert.NotContains(t, u.Properties, resource.PropertyKey("description"))
	assert.Equal(t, 7200, plain(u.Properties).num("maxSessionDuration"))
	assert.Equal(t, 3600, e.sandbox.Snapshot().Roles["r"].MaxSessionDuration)
}

// TestDocumentAsValue: the SDK takes a policy as a value as well.
func TestDocumentAsValue(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(trust), &doc))
	r := e.create(roleToken, "r", object{"name": "r", "assumeRolePolicy": doc})
	assert.JSONEq(t, trust, r.str("assumeRolePolicy"))
	assert.Empty(t, e.diff(r, object{"name": "r", "assumeRolePolicy": trust}).ChangedKeys)
}

func keys(names ...resource.PropertyKey) []resource.PropertyKey { return names }
