package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// terraform is what import-file needs of a Terraform state.
type terraform struct {
	outputs     map[string]string
	clusters    []tfCluster
	groups      []tfObject // managed ones and those that Terraform only reads
	rules       []tfRule
	policies    []tfPolicy
	roles       []tfObject
	profiles    []tfProfile
	logGroups   []tfObject
	attachments []tfAttachment
	inline      []tfInlinePolicy
	managed     []tfObject // every object that Terraform manages, in the order of the state
}

// tfObject is an object of a Terraform state. vpc is empty unless it is a security group.
type tfObject struct {
	address, kind, id, name, vpc string
}

type tfCluster struct {
	tfObject
	region, account string
	vpcs            []tfVPC
}

type tfVPC struct {
	SubnetIDs        []string `json:"subnet_ids"`
	SecurityGroupIDs []string `json:"security_group_ids"`
}

type tfRule struct {
	rule
	address string
}

type tfPolicy struct {
	tfObject
	document string
}

type tfProfile struct {
	tfObject
	role string
}

// tfAttachment says that a managed policy is attached to a role.
type tfAttachment struct {
	address, role, policyARN string
}

// tfInlinePolicy is a policy inside a role.
type tfInlinePolicy struct {
	address, role, name, document string
}

// tfResource is an object as `terraform show -json` prints it.
type tfResource struct {
	Address string          `json:"address"`
	Mode    string          `json:"mode"`
	Type    string          `json:"type"`
	Values  json.RawMessage `json:"values"`
}

type tfModule struct {
	Resources []tfResource `json:"resources"`
	Children  []tfModule   `json:"child_modules"`
}

// parseTerraform reads what `terraform show -json` prints of a state.
func parseTerraform(doc []byte) (*terraform, error) {
	var state struct {
		Values *struct {
			Outputs map[string]struct {
				Value json.RawMessage `json:"value"`
			} `json:"outputs"`
			Root *tfModule `json:"root_module"`
		} `json:"values"`
	}
	if err := json.Unmarshal(doc, &state); err != nil {
		return nil, err
	}
	if state.Values == nil || state.Values.Root == nil {
		return nil, fmt.Errorf("it has no values.root_module: write it with `terraform show -json`, without a plan")
	}
	t := &terraform{outputs: map[string]string{}}
	for name, output := range state.Values.Outputs {
		var text string
		if json.Unmarshal(output.Value, &text) == nil {
			t.outputs[name] = text
		}
	}
	return t, t.addModule(*state.Values.Root)
}

func (t *terraform) addModule(m tfModule) error {
	for _, r := range m.Resources {
		if err := t.add(r); err != nil {
			return fmt.Errorf("%s: %w", r.Address, err)
		}
	}
	for _, child := range m.Children {
		if err := t.addModule(child); err != nil {
			return err
		}
	}
	return nil
}

// add adds an object. Of the objects that Terraform only reads, it keeps security groups and instance profiles: a stack
// may have been given those of its clients.
func (t *terraform) add(r tfResource) error {
	var common struct {
		ID   any    `json:"id"`
		Name any    `json:"name"`
		VPC  any    `json:"vpc_id"`
		Role string `json:"role_name"` // of a data source
	}
	_ = json.Unmarshal(r.Values, &common) // other providers' objects may have any shape
	id, _ := common.ID.(string)
	name, _ := common.Name.(string)
	o := tfObject{address: r.Address, kind: r.Type, id: id, name: name}
	if r.Type == "aws_security_group" {
		o.vpc, _ = common.VPC.(string)
	}
	if r.Mode != "managed" {
		switch r.Type {
		case "aws_security_group":
			t.groups = append(t.groups, o)
		case "aws_iam_instance_profile":
			o.id = name // a data source's id is the profile's unique id
			t.profiles = append(t.profiles, tfProfile{o, common.Role})
		}
		return nil
	}
	t.managed = append(t.managed, o)
	switch r.Type {
	case "aws_msk_serverless_cluster":
		return t.addCluster(o, r.Values)
	case "aws_security_group":
		t.groups = append(t.groups, o)
		return t.addInlineRules(o, r.Values)
	case "aws_security_group_rule":
		return t.addClassicRule(o, r.Values)
	case "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
		return t.addRule(o, r.Values)
	case "aws_cloudwatch_log_group":
		t.logGroups = append(t.logGroups, o)
	case "aws_iam_policy", "aws_iam_instance_profile":
		return t.addPolicyOrProfile(o, r.Values)
	case "aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_iam_policy_attachment",
		"aws_iam_role_policy_attachments_exclusive", "aws_iam_role_policies_exclusive":
		return t.addRolePolicies(o, r.Values)
	}
	return nil
}

func (t *terraform) addCluster(o tfObject, values json.RawMessage) error {
	var v struct {
		ARN  string  `json:"arn"`
		Name string  `json:"cluster_name"`
		VPCs []tfVPC `json:"vpc_config"`
	}
	if err := json.Unmarshal(values, &v); err != nil {
		return err
	}
	arn := strings.Split(v.ARN, ":")
	if len(arn) < 6 {
		return fmt.Errorf("arn %q: must be the ARN of a cluster", v.ARN)
	}
	o.name, o.id = v.Name, v.ARN
	t.clusters = append(t.clusters, tfCluster{o, arn[3], arn[4], v.VPCs})
	return nil
}

func (t *terraform) addPolicyOrProfile(o tfObject, values json.RawMessage) error {
	var v struct {
		ARN    string `json:"arn"`
		Policy string `json:"policy"`
		Role   string `json:"role"`
	}
	if err := json.Unmarshal(values, &v); err != nil {
		return err
	}
	if o.kind == "aws_iam_policy" {
		o.id = v.ARN
		t.managed[len(t.managed)-1] = o
		t.policies = append(t.policies, tfPolicy{o, v.Policy})
	} else {
		t.profiles = append(t.profiles, tfProfile{o, v.Role})
	}
	return nil
}

// addRolePolicies adds the policies of roles from each of the ways in which Terraform states them.
func (t *terraform) addRolePolicies(o tfObject, values json.RawMessage) error {
	var v struct {
		Name        string   `json:"name"`
		Role        string   `json:"role"`
		RoleName    string   `json:"role_name"`
		Roles       []string `json:"roles"`
		Policy      string   `json:"policy"`
		PolicyARN   string   `json:"policy_arn"`
		PolicyARNs  []string `json:"policy_arns"`
		PolicyNames []string `json:"policy_names"`
		ManagedARNs []string `json:"managed_policy_arns"`
		Inline      []struct {
			Name   string `json:"name"`
			Policy string `json:"policy"`
		} `json:"inline_policy"`
	}
	if err := json.Unmarshal(values, &v); err != nil {
		return err
	}
	attach := func(role string, arns ...string) {
		for _, arn := range arns {
			t.attachments = append(t.attachments, tfAttachment{o.address, role, arn})
		}
	}
	inline := func(role, name, document string) {
		if name != "" { // an empty inline_policy says that the role has none
			t.inline = append(t.inline, tfInlinePolicy{o.address, role, name, document})
		}
	}
	switch o.kind {
	case "aws_iam_role":
		t.roles = append(t.roles, o)
		attach(v.Name, v.ManagedARNs...)
		for _, p := range v.Inline {
			inline(v.Name, p.Name, p.Policy)
		}
	case "aws_iam_role_policy":
		inline(v.Role, v.Name, v.Policy)
	case "aws_iam_role_policy_attachment":
		attach(v.Role, v.PolicyARN)
	case "aws_iam_policy_attachment":
		for _, role := range v.Roles {
			attach(role, v.PolicyARN)
		}
	case "aws_iam_role_policy_attachments_exclusive":
		attach(v.RoleName, v.PolicyARNs...)
	case "aws_iam_role_policies_exclusive":
		for _, name := range v.PolicyNames {
			inline(v.RoleName, name, "")
		}
	}
	return nil
}

// attached returns the ARNs of the policies that are attached to the role, each once.
func (t *terraform) attached(role string) []string {
	var arns []string
	for _, a := range t.attachments {
		if a.role == role && !slices.Contains(arns, a.policyARN) {
			arns = append(arns, a.policyARN)
		}
	}
	return arns
}

// policy returns the managed policy with the ARN, if Terraform manages it.
func (t *terraform) policy(arn string) (tfPolicy, bool) {
	i := slices.IndexFunc(t.policies, func(p tfPolicy) bool { return p.id == arn })
	if i < 0 {
		return tfPolicy{}, false
	}
	return t.policies[i], true
}
