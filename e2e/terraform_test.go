package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/sandbox/aws"
)

// tfObject is one resource of the state that `terraform show -json` prints.
type tfObject struct {
	Address string   `json:"address"`
	Mode    string   `json:"mode"`
	Type    string   `json:"type"`
	Values  tfValues `json:"values"`
}

type tfValues map[string]any

func (v tfValues) str(key string) string { s, _ := v[key].(string); return s }

func (v tfValues) list(key string) []string {
	var out []string
	for _, e := range v[key].([]any) {
		out = append(out, e.(string))
	}
	return out
}

func (v tfValues) port(key string) int {
	if p, ok := v[key].(float64); ok {
		return int(p)
	}
	return -1
}

func (v tfValues) tags() map[string]string {
	tags := map[string]string{}
	for k, t := range v["tags_all"].(map[string]any) {
		tags[k] = t.(string)
	}
	return tags
}

// tfState is that state. Terraform printed the fixture for a stack with its own names, descriptions and paths.
type tfState struct {
	Values struct {
		Outputs map[string]struct {
			Value any `json:"value"`
		} `json:"outputs"`
		Root struct {
			Resources []*tfObject `json:"resources"`
			Children  []any       `json:"child_modules,omitempty"`
		} `json:"root_module"`
	} `json:"values"`
}

func terraformState(t *testing.T) *tfState {
	t.Helper()
	doc, err := os.ReadFile("e2e/testdata/terraform-state.json")
	require.NoError(t, err)
	var s tfState
	require.NoError(t, json.Unmarshal(doc, &s))
	return &s
}

func (s *tfState) at(t *testing.T, address string) *tfObject {
	t.Helper()
	i := slices.IndexFunc(s.Values.Root.Resources, func(o *tfObject) bool { return o.Address == address })
	require.GreaterOrEqual(t, i, 0, address)
	return s.Values.Root.Resources[i]
}

// add puts a further object into the state: like another, but for what is changed.
func (s *tfState) add(t *testing.T, address, like string, changes map[string]any) {
	t.Helper()
	o := *s.at(t, like)
	o.Address, o.Values = address, maps.Clone(o.Values)
	maps.Copy(o.Values, changes)
	s.Values.Root.Resources = append(s.Values.Root.Resources, &o)
}

// make creates in the sandbox what the state says Terraform made.
func (s *tfState) make(sandbox *aws.State) {
	for _, o := range s.Values.Root.Resources {
		v := o.Values
		switch o.Type {
		case "aws_msk_serverless_cluster":
			vpc := tfValues(v["vpc_config"].([]any)[0].(map[string]any))
			sandbox.Clusters[v.str("arn")] = &aws.Cluster{
				Name: v.str("cluster_name"), State: "ACTIVE", Bootstrap: v.str("bootstrap_brokers_sasl_iam"), IAM: true,
				VPCs: []aws.VPCConfig{{
					Subnets: vpc.list("subnet_ids"), SecurityGroups: vpc.list("security_group_ids"),
				}},
				Tags: v.tags(),
			}
		case "aws_security_group":
			sandbox.SecurityGroups[v.str("id")] = &aws.SecurityGroup{
				Region: "ap-south-1", VPC: v.str("vpc_id"), Name: v.str("name"), Description: v.str("description"),
				Tags: v.tags(),
			}
		case "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
			g := sandbox.SecurityGroups[v.str("security_group_id")]
			g.Rules = append(g.Rules, &aws.Rule{
				ID: v.str("id"), Egress: strings.Contains(o.Type, "egress"), Protocol: v.str("ip_protocol"),
				From: v.port("from_port"), To: v.port("to_port"), CIDR: v.str("cidr_ipv4"),
				Group: v.str("referenced_security_group_id"), Description: v.str("description"), Tags: v.tags(),
			})
		case "aws_cloudwatch_log_group":
			sandbox.LogGroups[v.str("arn")] = &aws.LogGroup{
				RetentionDays: v.port("retention_in_days"), Class: "STANDARD", Tags: v.tags(),
			}
		case "aws_iam_role":
			sandbox.Roles[v.str("name")] = &aws.Role{
				Path: v.str("path"), ID: v.str("unique_id"), TrustPolicy: v.str("assume_role_policy"),
				MaxSessionDuration: 3600, Boundary: v.str("permissions_boundary"), Tags: v.tags(),
			}
		case "aws_iam_instance_profile":
			sandbox.InstanceProfiles[v.str("name")] = &aws.InstanceProfile{
				Path: v.str("path"), ID: v.str("unique_id"), Role: v.str("role"), Tags: v.tags(),
			}
		case "aws_iam_policy":
			sandbox.Policies[v.str("name")] = &aws.Policy{
				Path: v.str("path"), ID: v.str("policy_id"), Description: v.str("description"),
				Document: v.str("policy"), Tags: v.tags(),
			}
		case "aws_iam_role_policy_attachment":
			role := sandbox.Roles[v.str("role")]
			role.Attached = append(role.Attached, v.str("policy_arn"))
			slices.Sort(role.Attached)
		}
	}
}
