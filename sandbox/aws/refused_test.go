package aws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
		if typ != exclusiveToken {
			e.create(typ, "taken", inputs)
		}
	}
	there := e.create(groupToken, "there", object{"vpcId": "vpc-00000002"}).id
	cluster := func(subnets []any, groups ...any) object {
		return with(clusterInputs(), "clusterName", "c", "vpcConfigs",
			[]any{map[string]any{"subnetIds": subnets, "securityGroupIds": groups}})
	}
	ab := []any{"subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"}
	document := func(statement string) object {
		return object{"name": "n", "policy": `{"Version":"2012-10-17","Statement":[` + statement + `]}`}
	}
	long := `{"Effect":"Allow","Action":"a:B","Resource":"arn:aws:s3:::` + strings.Repeat("x", 6144) + `"}`
	rules := func(n int) (out []any) {
		for i := range n {
			out = append(out,
				map[string]any{"protocol": "tcp", "fromPort": i, "toPort": i, "cidrBlocks": []any{"10.0.0.0/8"}})
		}
		return out
	}
	before := e.sandbox.Snapshot()
	for _, c := range []struct {
		typ  string
		in   object
		want string
	}{
		{groupToken, object{"vpcId": theVPC, "colour": "red"}, "colour: unknown property"},
		{groupToken, object{"vpcId": 7}, "vpcId: expected a string, got number"},
		{groupToken, with(in[groupToken], "ingress", []any{map[string]any{"port": 1}}), "ingress[0].port: unknown property"},
		{groupToken, object{"vpcId": theVPC, "description": "naïve"}, "description: must be at most 255"},
		{groupToken, object{"vpcId": "vpc-1"}, "api error InvalidVpcID.NotFound: The vpc ID 'vpc-1' does not exist"},
		{groupToken, object{}, "VPCIdNotSpecified"},
		{groupToken, object{"vpcId": theVPC, "name": "sg-x"}, "InvalidParameterValue: Value (sg-x)"},
		{
			groupToken, in[groupToken],
			"creating Security Group (g): operation error EC2: CreateSecurityGroup, " + httpError400 +
				"api error InvalidGroup.Duplicate: The security group 'g' already exists for VPC",
		},
		{
			groupToken,
			object{"vpcId": theVPC, "ingress": []any{kafkaFrom("sg-1")}},
			"InvalidGroup.NotFound: The security group 'sg-1' does not exist",
		},
		{groupToken, object{"vpcId": theVPC, "ingress": []any{kafkaFrom(there)}}, "different networks"},
		{groupToken, object{"vpcId": theVPC, "ingress": rules(61)}, "RulesPerSecurityGroupLimitExceeded"},
		{groupToken, object{"vpcId": theVPC, "tags": map[string]any{"aws:x": "y"}}, "does not begin with aws:"},
		{egressToken, in[egressToken], "InvalidPermission.Duplicate"},
		{egressToken, with(in[egressToken], "cidrIpv6", "::/0"), "exactly one of"},
		{egressToken, with(in[egressToken], "prefixListId", "pl-1"), "prefixListId: unknown property"},
		{egressToken, with(in[egressToken], "cidrIpv4", nil), "Source or destination is missing"},
		{egressToken, with(in[egressToken], "ipProtocol", "-1"), "there are no ports"},
		{egressToken, with(in[egressToken], "cidrIpv4", "10.0.0.1/8"), "CIDR block 10.0.0.1/8 is malformed"},
		{egressToken, with(in[egressToken], "fromPort", nil), "portRange"},
		{egressToken, with(in[egressToken], "securityGroupId", nil), "securityGroupId: is required"},
		{egressToken, with(in[egressToken], "securityGroupId", "sg-1"), "InvalidGroup.NotFound"},
		{logGroupToken, object{"retentionInDays": 15}, "retentionInDays: expected to be one of [0 1 3 5 7 14 30"},
		{logGroupToken, object{"name": "a b"}, "name: must be 1 to 512"},
		{logGroupToken, in[logGroupToken], "ResourceAlreadyExistsException: The specified log group already exists"},
		{logGroupToken, object{"kmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/k"}, "InvalidParameterException"},
		{clusterToken, with(clusterInputs(), "vpcConfigs", nil), "vpcConfigs: is required"},
		{clusterToken, with(clusterInputs(), "logging", map[string]any{}), "logging: unknown property"},
		{
			clusterToken, in[clusterToken],
			"creating MSK Serverless Cluster (crypto-stream): operation error Kafka: CreateClusterV2, " +
				"https response error StatusCode: 409, RequestID: 00000000-0000-0000-0000-000000000000, ConflictException",
		},
		{clusterToken, with(clusterInputs(), "clusterName", "-x"), "BadRequestException: The cluster name"},
		{clusterToken, with(clusterInputs(), "clusterName", strings.Repeat("x", 65)), "(1 - 64)"},
		{clusterToken, cluster(ab[:1]), "at least two different Availability Zones"},
		{clusterToken, cluster([]any{ab[0], "subnet-1"}), "The subnet ID 'subnet-1' does not exist"},
		{clusterToken, cluster([]any{ab[0], "subnet-00000002"}), "must be in the same VPC"},
		{clusterToken, cluster([]any{"subnet-00000003", "subnet-00000004"}), "must have DNS hostnames"},
		{clusterToken, cluster(ab, "sg-1"), "The security group 'sg-1' does not exist"},
		{clusterToken, cluster(ab, there), "is not in the VPC of the subnets"},
		{clusterToken, cluster(ab, "1", "2", "3", "4", "5", "6"), "no more than 5 items"},
		{clusterPolicyToken, with(in[clusterPolicyToken], "policy", "{"), "policy: contains an invalid JSON document"},
		{clusterPolicyToken, with(in[clusterPolicyToken], "policy", readOnly), "needs an effect, a principal"},
		{
			clusterPolicyToken, with(in[clusterPolicyToken], "policy", firehoseMayConnect),
			"The resource ARN is not this cluster",
		},
		{
			clusterPolicyToken, with(in[clusterPolicyToken], "clusterArn", "arn:aws:kafka:a:1:cluster/x/y"),
			"NotFoundException",
		},
		{clusterPolicyToken, in[clusterPolicyToken], "BadRequestException: The current version of the policy must be given"},
		{roleToken, object{"assumeRolePolicy": "{"}, "assumeRolePolicy: contains an invalid JSON document"},
		{roleToken, object{"assumeRolePolicy": readOnly}, "MalformedPolicyDocument: Has prohibited field Resource"},
		{roleToken, with(in[roleToken], "name", "R"), "EntityAlreadyExists: Role with name R already exists."},
		{roleToken, object{"name": strings.Repeat("x", 65), "assumeRolePolicy": trust}, "name: must be 1 to 64"},
		{roleToken, object{"assumeRolePolicy": trust, "permissionsBoundary": boundary + "x"}, "NoSuchEntity: Scope ARN"},
		{roleToken, object{"assumeRolePolicy": trust, "maxSessionDuration": 60}, "(3600 - 43200)"},
		{policyToken, in[policyToken], "EntityAlreadyExists: A policy called p already exists"},
		{policyToken, object{"name": "a b", "policy": readOnly}, "name: must be 1 to 128"},
		{policyToken, document(long), "LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
		{policyToken, document(``), "MalformedPolicyDocument: Syntax errors"},
		{policyToken, document(`{"Effect":"Maybe","Action":"a:B","Resource":"*"}`), "Syntax errors"},
		{policyToken, document(`{"Effect":"Allow","Actions":"a:B","Resource":"*"}`), "Syntax errors"},
		{policyToken, document(`{"Effect":"Allow","Action":"B","Resource":"*"}`), "prefaced by a vendor"},
		{policyToken, document(`{"Effect":"Allow","Action":"a:B","Resource":"x"}`), "must be in ARN format"},
		{policyToken, document(`{"Effect":"Allow","Action":"a:B"}`), "must contain resources"},
		{policyToken, document(`{"Effect":"Allow","Resource":"*"}`), "must contain actions"},
		{policyToken, document(`{"Sid":"a b","Effect":"Allow","Action":"a:B","Resource":"*"}`), "alpha-numeric"},
		{
			policyToken,
			document(`{"Sid":"a","Effect":"Allow","Action":"a:B","Resource":"*"},` +
				`{"Sid":"a","Effect":"Allow","Action":"a:B","Resource":"*"}`), "unique",
		},
		{
			policyToken, document(`{"Effect":"Allow","Action":"a:B","Resource":"*","Principal":"*"}`),
			"should not specify a principal",
		},
		{profileToken, in[profileToken], "EntityAlreadyExists: Instance Profile p already exists."},
		{profileToken, object{"role": "nope"}, "NoSuchEntity: The role with name nope cannot be found."},
		{attachmentToken, object{"role": "nope", "policyArn": boundary}, "NoSuchEntity: The role with name nope"},
		{attachmentToken, with(in[attachmentToken], "policyArn", boundary+"x"), "does not exist or is not attachable"},
		{exclusiveToken, object{"roleName": "nope", "policyArns": []any{}}, "NoSuchEntity"},
		{
			exclusiveToken,
			object{"roleName": "r", "policyArns": policies(11)},
			"LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10",
		},
		{dashboardToken, object{"dashboardName": "a b", "dashboardBody": "{}"}, "dashboardName: must be"},
		{dashboardToken, object{"dashboardName": "d2", "dashboardBody": "[]"}, "InvalidParameterInput"},
		{alarmToken, with(in[alarmToken], "comparisonOperator", "More"), "comparisonOperator: expected to be one of"},
		{alarmToken, with(in[alarmToken], "metricName", "m"), "one of metricName and metricQueries"},
		{
			alarmToken, with(in[alarmToken], "metricQueries", []any{map[string]any{"id": "q", "expression": "1"}}),
			"exactly one of metricQueries returns data, got 0",
		},
		{alarmToken, with(in[alarmToken], "metricQueries",
			[]any{map[string]any{"id": "q", "expression": "SELECT 1", "returnData": true}}), "needs a period"},
		{alarmToken, with(in[alarmToken], "name", "n", "datapointsToAlarm", 4), "ValidationError: DatapointsToAlarm"},
		{eventRuleToken, object{"eventPattern": `{"source":"a"}`}, "InvalidEventPatternException"},
		{eventRuleToken, object{"eventPattern": `{}`}, "InvalidEventPatternException"},
		{eventRuleToken, object{"name": "a b", "eventPattern": `{"source":["a"]}`}, "name: must be 1 to 64"},
		{eventRuleToken, object{}, "eventPattern: is required"},
		{targetToken, with(in[targetToken], "rule", "nope"), "ResourceNotFoundException: Rule nope does not exist"},
		{targetToken, with(in[targetToken], "roleArn", boundary), "roleArn: unknown property"},
	} {
		_, err := e.tryCreate(c.typ, "bad", c.in)
		require.ErrorContains(t, err, c.want)
	}
	require.Equal(t, before, e.sandbox.Snapshot())
}

func policies(n int) (out []any) {
	for i := range n {
		out = append(out, fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i))
	}
	return out
}
