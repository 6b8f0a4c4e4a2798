package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// movedIn is the configuration of the fixture's stack, as its variables had it.
func movedIn(changes map[string]string) map[string]string {
	config := map[string]string{
		"adopted": "true", "accessScope": "team-x", "logRetentionDays": "30", "allowedAccountIds": `["123456789012"]`,
		"assumeRoleArn": "arn:aws:iam::123456789012:role/MSK-Builder",
		"tags":          `{"Project":"CryptoData","Owner":"market-data","Env":"prod"}`,
	}
	maps.Copy(config, changes)
	return configtest.With(config)
}

// importFile runs mskctl import-file on the state and on what `pulumi preview --import-file` wrote. It writes
// filled.json.
func (s *stack) importFile(t *testing.T, state *tfState, args ...string) (notes string, ok bool) {
	t.Helper()
	doc, err := json.Marshal(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "terraform.json"), doc, 0o644))
	args = append([]string{"import-file", stacktest.Name, "terraform.json", "import.json"}, args...)
	stdout, stderr, code := s.Mskctl(t, nil, args...)
	require.Equal(t, code != 0, stdout == "", "half a file is worse than none: %s", stdout)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "filled.json"), []byte(stdout), 0o644))
	return stderr, code == 0
}

// moveIn follows docs/adopt.md up to the import. AWS has what Terraform made, and Terraform's state says what it says.
// It returns what import-file said.
func (s *stack) moveIn(t *testing.T, made, state *tfState) string {
	t.Helper()
	s.AWS.Edit(made.make)
	s.OK(t, "preview", "--import-file=import.json")
	notes, ok := s.importFile(t, state)
	require.True(t, ok, notes)
	was := s.AWS.Snapshot()
	s.OK(t, "import", "--file=filled.json", "--generate-code=false", "--yes")
	assert.Equal(t, was, s.AWS.Snapshot(), "an import changes nothing in AWS")
	return notes
}

// documentedSteps are what docs/adopt.md says that the first `pulumi up` after the import does.
func documentedSteps(t *testing.T) []string {
	t.Helper()
	doc, err := os.ReadFile("docs/adopt.md")
	require.NoError(t, err)
	var steps []string
	row := regexp.MustCompile("(?m)^\\| (create|update) \\| `([^`]+)` \\| .+ \\|$")
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		steps = append(steps, m[1]+" "+m[2])
	}
	return steps
}

func TestAdoptTerraformStack(t *testing.T) {
	t.Parallel()
	s := newStack(t, movedIn(nil), aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
	s.moveIn(t, terraformState(t), terraformState(t))
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.ElementsMatch(t, documentedSteps(t), steps)

	s.Set(t, map[string]string{"adopted": "false"})
	steps, refusals = s.Plan(t)
	assert.Empty(t, refusals)
	assert.Contains(t, steps, "replace iam/role collector", "the program's names replace what IAM can't rename")
	assert.NotContains(t, steps, "replace msk/serverlessCluster cluster")
	s.Set(t, map[string]string{"adopted": "true"})

	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	s.keeps(t)
	s.repairs(t)

	s.Set(t, map[string]string{"protect": "false"})
	s.Up(t)
	s.Set(t, map[string]string{
		"vpcId": otherVPC, "subnetIds": `["` + otherSubnetA + `","` + otherSubnetB + `"]`,
	})
	s.Up(t)
	moved := s.AWS.Snapshot()
	brokers := s.Outputs(t)["brokerSecurityGroupId"].(string)
	assert.Regexp(t, "^crypto-stream-brokers-", moved.SecurityGroups[brokers].Name, "a new group has the program's name")
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
		"bootstrap_brokers_sasl_iam":      "bootstrapBrokersSaslIam",
		"collector_instance_profile_name": "collectorInstanceProfileName",
		"collector_sg_id":                 "collectorSecurityGroupId",
		"consumer_sg_id":                  "consumerSecurityGroupId",
		"consumer_policy_arn":             "consumerPolicyArn",
		"msk_broker_security_group_id":    "brokerSecurityGroupId",
		"msk_cluster_arn":                 "clusterArn",
		"msk_cluster_uuid":                "clusterUuid",
	} {
		assert.Equal(t, state.Values.Outputs[theirs].Value, out[ours], ours)
	}
	sandbox := s.AWS.Snapshot()
	assert.Contains(t, sandbox.Roles, "crypto-stream-collector-role")
	assert.Equal(t, "Collector instances", sandbox.SecurityGroups[out["collectorSecurityGroupId"].(string)].Description)
	assert.Contains(t, sandbox.Policies, "crypto-stream-ap-south-1-operator")

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
	assert.ElementsMatch(t, []string{
		"cloudwatch/logGroup broker-logs", "ec2/securityGroup brokers", "msk/serverlessCluster cluster",
	}, protected)
}

// repairs: rules and policies by hand are drift here, too.
func (s *stack) repairs(t *testing.T) {
	t.Helper()
	brokers := s.Outputs(t)["brokerSecurityGroupId"].(string)
	clean := s.AWS.Snapshot()
	s.AWS.Edit(func(sandbox *aws.State) {
		role, group := sandbox.Roles["crypto-stream-collector-role"], sandbox.SecurityGroups[brokers]
		role.Attached = append(role.Attached, "arn:aws:iam::aws:policy/PowerUserAccess")
		role.InlinePolicies = map[string]string{"by-hand": wideOpen}
		group.Rules = append(group.Rules, &aws.Rule{
			ID: "sgr-00000000000000001", Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0",
		})
	})
	steps, refusals := s.Plan(t, "--refresh")
	assert.Empty(t, refusals)
	assert.Equal(t, []string{
		"update ec2/securityGroup brokers", "update iam/role collector",
		"update iam/rolePolicyAttachmentsExclusive collector",
	}, steps)
	s.OK(t, "up", "--refresh", "--yes", "--skip-preview")
	assert.Equal(t, clean, s.AWS.Snapshot())
}

// The newest version of the original stack counts every object, holds the collectors' egress inside their group, and
// its state has the groups' lists as they were before their rules were created. Here, another team's group was admitted
// by an aws_security_group_rule, and nobody told Pulumi.
func TestAdoptOriginalStack(t *testing.T) {
	t.Parallel()
	const team, teamRule = "sg-00000001", "aws_security_group_rule.quant[0]"
	made, state := terraformState(t), terraformState(t)
	made.add(t, "group", "aws_security_group.consumers", map[string]any{"id": team, "name": "quant"})
	made.add(t, "rule", `aws_vpc_security_group_ingress_rule.clients["collectors"]`,
		map[string]any{"id": "sgr-00000001", "referenced_security_group_id": team})
	state.at(t, "aws_security_group.msk").Values["ingress"] = []any{}
	state.at(t, "aws_vpc_security_group_egress_rule.collectors_all").Mode = "data"
	for _, o := range state.Values.Root.Resources {
		o.Address += "[0]"
	}
	brokers := state.at(t, "aws_security_group.msk[0]").Values.str("id")
	state.Values.Root.Resources = append(state.Values.Root.Resources, &tfObject{
		teamRule, "managed", "aws_security_group_rule", tfValues{
			"id": "sgrule-1", "security_group_id": brokers, "type": "ingress", "protocol": "tcp", "from_port": 9098,
			"to_port": 9098, "source_security_group_id": team,
		},
	})

	s := newStack(t, movedIn(nil))
	notes := s.moveIn(t, made, state)
	assert.Contains(t, notes, team+", tcp 9098 ("+teamRule+"): GOES with the next `pulumi up`")
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.ElementsMatch(t, documentedSteps(t), steps)

	s.Set(t, map[string]string{"clientSecurityGroupIds": `["` + team + `"]`})
	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	var admitted []string
	for _, rule := range s.AWS.Snapshot().SecurityGroups[brokers].Rules {
		if !rule.Egress {
			admitted = append(admitted, rule.Group)
		}
	}
	assert.ElementsMatch(t, []string{
		team, state.at(t, "aws_security_group.collectors[0]").Values.str("id"),
		state.at(t, "aws_security_group.consumers[0]").Values.str("id"),
	}, admitted, "nobody is locked out")
}

func TestImportFile(t *testing.T) {
	t.Parallel()
	s := newStack(t, movedIn(nil))
	s.AWS.Edit(terraformState(t).make)
	s.OK(t, "preview", "--import-file=import.json")
	undecided := terraformState(t)
	clear(undecided.Values.Outputs)

	notes, ok := s.importFile(t, undecided)
	assert.False(t, ok)
	assert.Contains(t, notes, "ec2/securityGroup collector may be any of aws_security_group.collectors (")

	notes, ok = s.importFile(t, terraformState(t), "--create", "iam/policy consumer")
	require.True(t, ok, notes)
	assert.NotContains(t, s.read(t, "filled.json"), "crypto-stream-msk-consumer")
	assert.NotContains(t, s.read(t, "filled.json"), "PLACEHOLDER")

	s.writeID(t, "aws:ec2/securityGroup:SecurityGroup", "collector", "sg-0000000a")
	notes, ok = s.importFile(t, undecided)
	assert.False(t, ok)
	assert.Contains(t, notes, "ec2/securityGroup consumer may be any of")
	assert.NotContains(t, notes, "ec2/securityGroup collector may be any of")
	s.writeID(t, "aws:ec2/securityGroup:SecurityGroup", "consumer", "sg-0000000b")
	notes, ok = s.importFile(t, terraformState(t))
	require.True(t, ok, notes)
	assert.Contains(t, s.read(t, "filled.json"), `"sg-0000000a"`)
	assert.Contains(t, s.read(t, "filled.json"), `"sg-0000000b"`)

	s.Set(t, map[string]string{"adopted": configtest.Unset})
	notes, ok = s.importFile(t, terraformState(t))
	assert.False(t, ok)
	assert.Contains(t, notes, "pulumi config set adopted true")
}

// writeID writes an id into import.json by hand. If resources of two types have the same name, Pulumi makes up another
// one for the second entry, and writes the resource's own as logicalName.
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
	sandbox := s.AWS.Snapshot()
	assert.Contains(t, sandbox.Roles, "crypto-stream-ap-south-1-collector")
	s.Set(t, map[string]string{"adopted": configtest.Unset})
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}
