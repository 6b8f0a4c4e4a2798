package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// drift is a change made in AWS behind Pulumi's back: with the AWS CLI if a provider is attached, otherwise in the
// sandbox's state.
type drift struct {
	what string
	cli  []string // commands, in which $output stands for the stack's output
	edit func(s *aws.State, out map[string]string)
	plan []string // what `preview --refresh` says would repair it
}

const (
	collectorRole = "drifting-ap-south-1-collector"
	tasksRole     = "drifting-ap-south-1-client-tasks"
	policyARN     = "arn:aws:iam::123456789012:policy/drifting-ap-south-1-"
	wideOpen      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	otherTrust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"Service":"lambda.amazonaws.com"}}]}`
)

// drifts change or delete each kind of resource. The cluster comes last, because its data goes with it.
var drifts = slices.Concat(roleDrifts("the collectors'", collectorRole, "collector"),
	roleDrifts("a client's", tasksRole, "client-tasks"), otherDrifts)

// roleDrifts are changes of what a role may do, and who may take it. name is the role's in the program.
func roleDrifts(whose, role, name string) []drift {
	return []drift{
		{
			"a managed policy attached to " + whose + " role",
			[]string{
				"iam attach-role-policy --role-name " + role +
					" --policy-arn arn:aws:iam::123456789012:policy/MSK-Permission-Boundary",
			},
			func(s *aws.State, _ map[string]string) {
				s.Roles[role].Attached = append(s.Roles[role].Attached,
					"arn:aws:iam::123456789012:policy/MSK-Permission-Boundary")
				slices.Sort(s.Roles[role].Attached)
			},
			steps("update", "iam/rolePolicyAttachmentsExclusive "+name),
		},
		{
			"an inline policy put into " + whose + " role",
			[]string{"iam put-role-policy --role-name " + role + " --policy-name by-hand --policy-document " + wideOpen},
			func(s *aws.State, _ map[string]string) {
				s.Roles[role].InlinePolicies = map[string]string{"by-hand": wideOpen}
			},
			steps("update", "iam/role "+name),
		},
		{
			whose + " boundary taken off",
			[]string{"iam delete-role-permissions-boundary --role-name " + role},
			func(s *aws.State, _ map[string]string) { s.Roles[role].Boundary = "" },
			steps("update", "iam/role "+name),
		},
		{
			whose + " trust changed",
			[]string{"iam update-assume-role-policy --role-name " + role + " --policy-document " + otherTrust},
			func(s *aws.State, _ map[string]string) { s.Roles[role].TrustPolicy = otherTrust },
			steps("update", "iam/role "+name),
		},
	}
}

var otherDrifts = []drift{
	{
		"an ingress rule opened on the brokers",
		[]string{
			"ec2 authorize-security-group-ingress --group-id $brokerSecurityGroupId " +
				"--protocol tcp --port 22 --cidr 0.0.0.0/0",
		},
		func(s *aws.State, out map[string]string) {
			g := s.SecurityGroups[out["brokerSecurityGroupId"]]
			g.Rules = append(g.Rules,
				&aws.Rule{ID: "sgr-00000000000000001", Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"})
		},
		steps("update", "ec2/securityGroup brokers"),
	},
	{
		"the brokers' ingress closed",
		[]string{"ec2 revoke-security-group-ingress --group-id $brokerSecurityGroupId --ip-permissions " +
			`'[{"IpProtocol":"tcp","FromPort":9098,"ToPort":9098,` +
			`"UserIdGroupPairs":[{"GroupId":"$collectorSecurityGroupId",` +
			`"Description":"Kafka (SASL/IAM over TLS) from collectors, consumers and further clients"},` +
			`{"GroupId":"$consumerSecurityGroupId",` +
			`"Description":"Kafka (SASL/IAM over TLS) from collectors, consumers and further clients"}]}]'`},
		func(s *aws.State, out map[string]string) {
			g := s.SecurityGroups[out["brokerSecurityGroupId"]]
			g.Rules = slices.DeleteFunc(g.Rules, func(r *aws.Rule) bool { return !r.Egress })
		},
		steps("update", "ec2/securityGroup brokers"),
	},
	{
		"a policy detached from a client's role",
		[]string{"iam detach-role-policy --role-name " + tasksRole + " --policy-arn " + policyARN + "consumer-tasks"},
		func(s *aws.State, _ map[string]string) {
			s.Roles[tasksRole].Attached = slices.DeleteFunc(s.Roles[tasksRole].Attached,
				func(arn string) bool { return arn == policyARN+"consumer-tasks" })
		},
		slices.Concat(steps("create", "iam/rolePolicyAttachment client-tasks-kafka"),
			steps("update", "iam/rolePolicyAttachmentsExclusive client-tasks")),
	},
	{
		"a policy detached from the collectors' role",
		[]string{"iam detach-role-policy --role-name " + collectorRole + " --policy-arn " + policyARN + "producer"},
		func(s *aws.State, _ map[string]string) {
			s.Roles[collectorRole].Attached = slices.DeleteFunc(s.Roles[collectorRole].Attached,
				func(arn string) bool { return arn == policyARN+"producer" })
		},
		slices.Concat(steps("create", "iam/rolePolicyAttachment collector-producer"),
			steps("update", "iam/rolePolicyAttachmentsExclusive collector")),
	},
	{
		"a policy widened",
		[]string{
			"iam create-policy-version --policy-arn " + policyARN +
				"consumer --set-as-default --policy-document " + wideOpen,
		},
		func(s *aws.State, _ map[string]string) {
			s.Policies["drifting-ap-south-1-consumer"].Document = wideOpen
		},
		steps("update", "iam/policy consumer"),
	},
	{
		"the role taken out of the instance profile",
		[]string{
			"iam remove-role-from-instance-profile --instance-profile-name " + collectorRole +
				" --role-name " + collectorRole,
		},
		func(s *aws.State, _ map[string]string) { s.InstanceProfiles[collectorRole].Role = "" },
		steps("update", "iam/instanceProfile collector"),
	},
	{
		"the instance profile deleted",
		[]string{
			"iam remove-role-from-instance-profile --instance-profile-name " + collectorRole +
				" --role-name " + collectorRole,
			"iam delete-instance-profile --instance-profile-name " + collectorRole,
		},
		func(s *aws.State, _ map[string]string) { delete(s.InstanceProfiles, collectorRole) },
		steps("create", "iam/instanceProfile collector"),
	},
	{
		"the consumer policy deleted",
		[]string{"iam delete-policy --policy-arn " + policyARN + "consumer"},
		func(s *aws.State, _ map[string]string) { delete(s.Policies, "drifting-ap-south-1-consumer") },
		steps("create", "iam/policy consumer"),
	},
	{
		"the log group's retention changed",
		[]string{"logs put-retention-policy --log-group-name /aws/msk/drifting/broker --retention-in-days 1"},
		func(s *aws.State, out map[string]string) {
			for _, g := range s.LogGroups {
				g.RetentionDays = 1
			}
		},
		steps("update", "cloudwatch/logGroup broker-logs"),
	},
	{
		"the log group deleted",
		[]string{"logs delete-log-group --log-group-name /aws/msk/drifting/broker"},
		func(s *aws.State, _ map[string]string) { clear(s.LogGroups) },
		slices.Concat(steps("create", "cloudwatch/logGroup broker-logs"), steps("update", "iam/policy collector-logs")),
	},
	{
		"a security group's tags removed",
		[]string{"ec2 delete-tags --resources $consumerSecurityGroupId --tags Key=AccessScope"},
		func(s *aws.State, out map[string]string) {
			delete(s.SecurityGroups[out["consumerSecurityGroupId"]].Tags, "AccessScope")
		},
		steps("update", "ec2/securityGroup consumer"),
	},
	{
		"the consumers' way to the brokers closed",
		[]string{"ec2 revoke-security-group-egress --group-id $consumerSecurityGroupId --ip-permissions " +
			`[{"IpProtocol":"tcp","FromPort":9098,"ToPort":9098,` +
			`"UserIdGroupPairs":[{"GroupId":"$brokerSecurityGroupId"}]}]`},
		func(s *aws.State, out map[string]string) {
			s.SecurityGroups[out["consumerSecurityGroupId"]].Rules = nil
		},
		steps("create", "vpc/securityGroupEgressRule consumer-to-brokers"),
	},
	{
		"the cluster deleted",
		[]string{"kafka delete-cluster --cluster-arn $clusterArn"},
		func(s *aws.State, _ map[string]string) { clear(s.Clusters) },
		slices.Concat(
			steps("create", "msk/serverlessCluster cluster"),
			steps("update", "iam/policy client-tasks", "iam/policy consumer", "iam/policy control-plane",
				"iam/policy operator", "iam/policy producer"),
		),
	},
}

func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	attach, sandbox := attachTo(t)
	s := newProject(t, configtest.With(map[string]string{
		"clusterName": "drifting", "clients": clientsOf(tasks),
	}), attach)
	s.OK(t, "stack", "init")
	s.Up(t)
	t.Cleanup(func() {
		if attached() {
			s.Set(t, map[string]string{"protect": "false"})
			_ = s.Command(t, "up", "--yes").Run()
			_ = s.Command(t, "destroy", "--yes").Run()
		}
	})
	repaired := 0
	rows := part(drifts, 3)
	for _, d := range rows {
		passed := t.Run(d.what, func(t *testing.T) {
			out := map[string]string{}
			for k, v := range s.Outputs(t) {
				out[k], _ = v.(string)
			}
			if sandbox != nil {
				sandbox.Edit(func(s *aws.State) { d.edit(s, out) })
			} else {
				for _, line := range d.cli {
					awsCLI(t, line, out)
				}
			}
			steps, refusals := s.Plan(t, "--refresh")
			assert.Empty(t, refusals)
			assert.ElementsMatch(t, d.plan, awsSteps(steps))
			s.OK(t, "up", "--yes", "--skip-preview", "--refresh")
			s.OK(t, "preview", "--refresh", "--expect-no-changes")
		})
		if passed {
			repaired++
		}
	}
	if sandbox != nil {
		assert.Len(t, sandbox.Snapshot().Clusters, 1)
	}
	stacktest.Evidence(t, "drifts found and repaired", fmt.Sprintf("%d of %d", repaired, len(rows)))
}

// awsCLI runs a command of the AWS CLI against the emulator behind an attached provider.
func awsCLI(t *testing.T, line string, out map[string]string) {
	t.Helper()
	args := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)
	for i, a := range args {
		a = strings.Trim(a, "'")
		for k, v := range out {
			a = strings.ReplaceAll(a, "$"+k, v)
		}
		if strings.HasPrefix(a, "{") || strings.HasPrefix(a, "[") {
			require.True(t, json.Valid([]byte(a)), a)
		}
		args[i] = a
	}
	printed, err := exec.CommandContext(t.Context(), "aws", args...).CombinedOutput()
	require.NoError(t, err, "aws %s\n%s", line, printed)
}
