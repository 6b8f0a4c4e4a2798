package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
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

// tfState is that state. The fixture was printed by Terraform, of a stack with names, descriptions and paths of its own.
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

// make makes in the embedded AWS what the state says Terraform made.
func (s *tfState) make(world *aws.State) {
	for _, o := range s.Values.Root.Resources {
		v := o.Values
		switch o.Type {
		case "aws_msk_serverless_cluster":
			vpc := tfValues(v["vpc_config"].([]any)[0].(map[string]any))
			world.Clusters[v.str("arn")] = &aws.Cluster{
				Name: v.str("cluster_name"), State: "ACTIVE", Bootstrap: v.str("bootstrap_brokers_sasl_iam"), IAM: true, Tags: v.tags(),
				VPCs: []aws.VPCConfig{{Subnets: vpc.list("subnet_ids"), SecurityGroups: vpc.list("security_group_ids")}},
			}
		case "aws_security_group":
			world.SecurityGroups[v.str("id")] = &aws.SecurityGroup{
				Region: "ap-south-1", VPC: v.str("vpc_id"), Name: v.str("name"), Description: v.str("description"), Tags: v.tags(),
			}
		case "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
			g := world.SecurityGroups[v.str("security_group_id")]
			g.Rules = append(g.Rules, &aws.Rule{
				ID: v.str("id"), Egress: strings.Contains(o.Type, "egress"), Protocol: v.str("ip_protocol"), From: v.port("from_port"), To: v.port("to_port"),
				CIDR: v.str("cidr_ipv4"), Group: v.str("referenced_security_group_id"), Description: v.str("description"), Tags: v.tags(),
			})
		case "aws_cloudwatch_log_group":
			world.LogGroups[v.str("arn")] = &aws.LogGroup{RetentionDays: v.port("retention_in_days"), Class: "STANDARD", Tags: v.tags()}
		case "aws_iam_role":
			world.Roles[v.str("name")] = &aws.Role{
				Path: v.str("path"), ID: v.str("unique_id"), TrustPolicy: v.str("assume_role_policy"), MaxSessionDuration: 3600,
				Boundary: v.str("permissions_boundary"), Tags: v.tags(),
			}
		case "aws_iam_instance_profile":
			world.InstanceProfiles[v.str("name")] = &aws.InstanceProfile{Path: v.str("path"), ID: v.str("unique_id"), Role: v.str("role"), Tags: v.tags()}
		case "aws_iam_policy":
			world.Policies[v.str("name")] = &aws.Policy{
				Path: v.str("path"), ID: v.str("policy_id"), Description: v.str("description"), Document: v.str("policy"), Tags: v.tags(),
			}
		case "aws_iam_role_policy_attachment":
			role := world.Roles[v.str("role")]
			role.Attached = append(role.Attached, v.str("policy_arn"))
			slices.Sort(role.Attached)
		}
	}
}

// movedIn is the configuration of the fixture's stack, as its variables had it.
func movedIn(changes map[string]string) map[string]string {
	config := map[string]string{
		"adopted": "true", "accessScope": "team-x", "logRetentionDays": "30", "allowedAccountIds": `["123456789012"]`, "assumeRoleArn": "arn:aws:iam::123456789012:role/MSK-Builder",
		"tags": `{"Project":"CryptoData","Owner":"market-data","Env":"prod"}`,
	}
	maps.Copy(config, changes)
	return configtest.With(config)
}

// importFile runs scripts/import-file on the state and on what `pulumi preview --import-file` wrote. It writes filled.json.
func (s *stack) importFile(t *testing.T, state *tfState) (notes string, ok bool) {
	t.Helper()
	doc, err := json.Marshal(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "terraform.json"), doc, 0o644))
	script, err := filepath.Abs("scripts/import-file")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), script, stacktest.Name, "terraform.json", "import.json")
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Dir, s.Env, &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%v", err)
	require.Equal(t, err != nil, stdout.Len() == 0, "half a file is worse than none: %s", &stdout)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "filled.json"), stdout.Bytes(), 0o644))
	return stderr.String(), err == nil
}

// moveIn is docs/adopt.md, as far as the import.
func (s *stack) moveIn(t *testing.T, state *tfState) {
	t.Helper()
	s.AWS.Edit(state.make)
	s.OK(t, "preview", "--import-file=import.json")
	notes, ok := s.importFile(t, state)
	require.True(t, ok, notes)
	was := s.AWS.Snapshot()
	s.OK(t, "import", "--file=filled.json", "--generate-code=false", "--yes")
	assert.Equal(t, was, s.AWS.Snapshot(), "an import changes nothing in AWS")
}

// documentedSteps are what docs/adopt.md says that the first `pulumi up` after the import does.
func documentedSteps(t *testing.T) []string {
	t.Helper()
	doc, err := os.ReadFile("docs/adopt.md")
	require.NoError(t, err)
	var steps []string
	for _, m := range regexp.MustCompile("(?m)^\\| (create|update) \\| `([^`]+)` \\| .+ \\|$").FindAllStringSubmatch(string(doc), -1) {
		steps = append(steps, m[1]+" "+m[2])
	}
	return steps
}

func TestAdoptTerraformStack(t *testing.T) {
	t.Parallel()
	s := newStack(t, movedIn(nil), aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
	s.moveIn(t, terraformState(t))
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.ElementsMatch(t, documentedSteps(t), steps)

	s.Set(t, map[string]string{"adopted": "false"})
	_, refusals = s.Plan(t)
	assert.Contains(t, refusals, "::cluster", "names of its own would replace the brokers' group, and with it the cluster, which is protected")
	s.Set(t, map[string]string{"adopted": "true"})

	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	s.keeps(t)
	s.repairs(t)

	s.Set(t, map[string]string{"protect": "false", "vpcId": otherVPC, "subnetIds": `["` + otherSubnetA + `","` + otherSubnetB + `"]`})
	s.Up(t)
	moved := s.AWS.Snapshot()
	assert.Equal(t, "crypto-stream-brokers", moved.SecurityGroups[s.Outputs(t)["brokerSecurityGroupId"].(string)].Name, "what is made anew is named as everywhere")
	assert.Contains(t, moved.Roles, "crypto-stream-collector-role")
	s.OK(t, "destroy", "--yes")
	left := s.AWS.Snapshot()
	assert.Empty(t, left.Clusters)
	assert.Empty(t, left.SecurityGroups)
	assert.Empty(t, left.Roles)
	assert.Empty(t, left.InstanceProfiles)
	assert.Len(t, left.Policies, 1, "the boundary")
}

// keeps: what clients refer to is as it was, and protected is what always is.
func (s *stack) keeps(t *testing.T) {
	t.Helper()
	state, out := terraformState(t), s.Outputs(t)
	for theirs, ours := range map[string]string{
		"bootstrap_brokers_sasl_iam": "bootstrapBrokersSaslIam", "collector_instance_profile_name": "collectorInstanceProfileName",
		"collector_sg_id": "collectorSecurityGroupId", "consumer_sg_id": "consumerSecurityGroupId", "consumer_policy_arn": "consumerPolicyArn",
		"msk_broker_security_group_id": "brokerSecurityGroupId", "msk_cluster_arn": "clusterArn", "msk_cluster_uuid": "clusterUuid",
	} {
		assert.Equal(t, state.Values.Outputs[theirs].Value, out[ours], ours)
	}
	world := s.AWS.Snapshot()
	assert.Contains(t, world.Roles, "crypto-stream-collector-role")
	assert.Equal(t, "Collector instances", world.SecurityGroups[out["collectorSecurityGroupId"].(string)].Description)
	assert.Contains(t, world.Policies, "crypto-stream-ap-south-1-operator")

	var exported struct {
		Deployment struct {
			Resources []struct {
				URN     string
				Protect bool
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.OK(t, "stack", "export")), &exported))
	var protected []string
	for _, r := range exported.Deployment.Resources {
		if r.Protect {
			protected = append(protected, stacktest.ShortURN(r.URN))
		}
	}
	assert.ElementsMatch(t, []string{"cloudwatch/logGroup broker-logs", "ec2/securityGroup brokers", "msk/serverlessCluster cluster"}, protected)
}

// repairs: rules and policies by hand are drift here, too.
func (s *stack) repairs(t *testing.T) {
	t.Helper()
	brokers := s.Outputs(t)["brokerSecurityGroupId"].(string)
	clean := s.AWS.Snapshot()
	s.AWS.Edit(func(world *aws.State) {
		role, group := world.Roles["crypto-stream-collector-role"], world.SecurityGroups[brokers]
		role.Attached = append(role.Attached, "arn:aws:iam::aws:policy/PowerUserAccess")
		role.InlinePolicies = map[string]string{"by-hand": wideOpen}
		group.Rules = append(group.Rules, &aws.Rule{ID: "sgr-00000000000000001", Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"})
	})
	steps, refusals := s.Plan(t, "--refresh")
	assert.Empty(t, refusals)
	assert.Equal(t, []string{"update ec2/securityGroup brokers", "update iam/role collector", "update iam/rolePolicyAttachmentsExclusive collector"}, steps)
	s.OK(t, "up", "--refresh", "--yes", "--skip-preview")
	assert.Equal(t, clean, s.AWS.Snapshot())
}

func TestImportFile(t *testing.T) {
	t.Parallel()
	s := newStack(t, movedIn(map[string]string{"clientSecurityGroupIds": `["sg-00000001"]`}))
	s.AWS.Edit(terraformState(t).make)
	s.OK(t, "preview", "--import-file=import.json")
	const (
		producer = "arn:aws:iam::123456789012:policy/crypto-stream-msk-producer"
		rule     = `aws_vpc_security_group_ingress_rule.clients["collectors"]`
	)
	second := func(address, like string, changes map[string]any) func(*testing.T, *tfState) {
		return func(t *testing.T, state *tfState) { state.add(t, address, like, changes) }
	}
	vpcConfig := func(t *testing.T, state *tfState) map[string]any {
		return state.at(t, "aws_msk_serverless_cluster.this").Values["vpc_config"].([]any)[0].(map[string]any)
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *tfState)
		ok     bool
		notes  string
	}{
		{"what isn't there is created", func(*testing.T, *tfState) {}, true, "iam/policy operator: not in Terraform's state; the next `pulumi up` creates it"},
		{"the brokers' rules", func(*testing.T, *tfState) {}, true, rule + " ("},
		{"in a module", func(_ *testing.T, state *tfState) {
			root := &state.Values.Root
			root.Children = []any{map[string]any{"resources": root.Resources}}
			root.Resources = nil
		}, true, "iam/policy operator: not in"},
		{
			"a further group let in", second("rule.more", rule, map[string]any{"id": "sgr-1", "referenced_security_group_id": "sg-00000002"}),
			true, "rule.more (sgr-1): not imported; it GOES with the next `pulumi up`, and who came in by it stays out: add sg-00000002 to clientSecurityGroupIds",
		},
		{
			"a further group let in and listed", second("rule.more", rule, map[string]any{"id": "sgr-1", "referenced_security_group_id": "sg-00000001"}),
			true, "rule.more (sgr-1): not imported; it becomes one of the rules",
		},
		{
			"an address range let in", second("rule.more", rule, map[string]any{"id": "sgr-1", "referenced_security_group_id": nil, "cidr_ipv4": "10.0.0.0/8"}),
			true, "who came in by it stays out: the brokers admit security groups alone",
		},
		{
			"a further policy on the role",
			second("attachment.more", "aws_iam_role_policy_attachment.producer", map[string]any{"id": "x", "policy_arn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}),
			true, "it is DETACHED by the next `pulumi up`",
		},
		{
			"something else", second("aws_security_group.other", "aws_security_group.consumers", map[string]any{"id": "sg-00000003"}),
			true, "aws_security_group.other (sg-00000003): not imported; it stays in AWS",
		},
		{"another cluster", func(t *testing.T, state *tfState) {
			state.at(t, "aws_msk_serverless_cluster.this").Values["cluster_name"] = "theirs"
		}, false, "no cluster named as clusterName, crypto-stream; it has: theirs"},
		{"another region", func(t *testing.T, state *tfState) {
			state.at(t, "aws_msk_serverless_cluster.this").Values["arn"] = "arn:aws:kafka:eu-west-1:1:cluster/a/b"
		}, false, "the cluster is in eu-west-1: set aws:region to that"},
		{"other subnets", func(t *testing.T, state *tfState) {
			vpcConfig(t, state)["subnet_ids"] = []any{"subnet-2", "subnet-1"}
		}, false, `set subnetIds to ["subnet-1","subnet-2"]`},
		{"two groups on the cluster", func(t *testing.T, state *tfState) {
			vpcConfig(t, state)["security_group_ids"] = []any{"sg-00000001", "sg-00000002"}
		}, false, "more than one VPC or security group"},
		{"groups that nothing tells apart", func(_ *testing.T, state *tfState) {
			clear(state.Values.Outputs)
		}, false, "ec2/securityGroup collector may be any of aws_security_group.collectors, aws_security_group.consumers: write the right one's id into the import file"},
		{
			"two producers", func(t *testing.T, state *tfState) {
				state.add(t, "aws_iam_policy.more", "aws_iam_policy.producer", map[string]any{"id": "arn:more", "arn": "arn:more"})
				state.add(t, "attachment.more", "aws_iam_role_policy_attachment.producer", map[string]any{"policy_arn": "arn:more"})
			},
			false, "iam/policy producer may be any of aws_iam_policy.producer, aws_iam_policy.more",
		},
		{
			"two producers, of which the role has one", second("aws_iam_policy.more", "aws_iam_policy.producer", map[string]any{"id": "arn:more", "arn": "arn:more"}),
			true, "aws_iam_policy.more (arn:more): not imported",
		},
		{"a rule inside its group", func(t *testing.T, state *tfState) {
			state.at(t, "aws_vpc_security_group_egress_rule.collectors_all").Mode = "data"
		}, false, "find its id with `aws ec2 describe-security-group-rules"},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := terraformState(t)
			c.change(t, state)
			notes, ok := s.importFile(t, state)
			assert.Equal(t, c.ok, ok, notes)
			assert.Contains(t, notes, c.notes)
			if ok {
				assert.Contains(t, s.read(t, "filled.json"), `"`+producer+`"`)
				assert.NotContains(t, s.read(t, "filled.json"), "PLACEHOLDER")
			}
		})
	}

	t.Run("without adopted", func(t *testing.T) {
		s.Set(t, map[string]string{"adopted": configtest.Unset})
		notes, ok := s.importFile(t, terraformState(t))
		assert.False(t, ok)
		assert.Contains(t, notes, "pulumi config set adopted true")
		s.Set(t, map[string]string{"adopted": "true"})
	})
	t.Run("an id written by hand", func(t *testing.T) {
		s.writeID(t, "aws:ec2/securityGroup:SecurityGroup", "collector", "sg-0000000a")
		state := terraformState(t)
		clear(state.Values.Outputs)
		notes, ok := s.importFile(t, state)
		assert.False(t, ok)
		assert.Contains(t, notes, "ec2/securityGroup consumer may be any of", "one question fewer")

		s.writeID(t, "aws:ec2/securityGroup:SecurityGroup", "consumer", "sg-0000000b")
		notes, ok = s.importFile(t, state)
		require.True(t, ok, notes)
		assert.Contains(t, s.read(t, "filled.json"), `"sg-0000000a"`)
		assert.Contains(t, s.read(t, "filled.json"), `"sg-0000000b"`)
	})
}

// writeID writes an id into import.json by hand. Where two types have a resource of a name, the second one's entry has
// another name, and that as its logical one.
func (s *stack) writeID(t *testing.T, resourceType, name, id string) {
	t.Helper()
	var file map[string][]map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.read(t, "import.json")), &file))
	for _, e := range file["resources"] {
		if e["type"] == resourceType && (e["logicalName"] == name || e["logicalName"] == nil && e["name"] == name) {
			e["id"] = id
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "import.json"), []byte(compact.JSON(file)), 0o644))
}

// A stack that adopts nothing after all is as any other.
func TestAdoptedFromTheStart(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(map[string]string{"adopted": "true"}))
	s.Up(t)
	world := s.AWS.Snapshot()
	assert.Contains(t, world.Roles, "crypto-stream-ap-south-1-collector")
	s.Set(t, map[string]string{"adopted": configtest.Unset})
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}
