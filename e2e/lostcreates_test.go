package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// lostCreates returns the creations whose answer was lost, of the types that need manual recovery.
func (s *stack) lostCreates() []aws.Call {
	return s.lost(func(c aws.Call) bool { return needsHand[c.Type] != "" })
}

// lostGroups returns the security groups whose creation's answer was lost: they stay beside those that the next
// deployment creates.
func (s *stack) lostGroups() []aws.Call {
	return s.lost(func(c aws.Call) bool { return c.Type == "aws:ec2/securityGroup:SecurityGroup" })
}

func (s *stack) lost(match func(aws.Call) bool) (lost []aws.Call) {
	for _, c := range s.AWS.Calls() {
		if c.Operation == aws.Create && c.Err != "" && c.ID != "" && match(c) {
			lost = append(lost, c)
		}
	}
	return lost
}

// takesNoSecond checks that the deployment can't continue, and that it creates nothing twice.
func (s *stack) takesNoSecond(t *testing.T, d *deployment, lost []aws.Call) {
	t.Helper()
	out := s.Fails(t, d.args...)
	conflicts := 0
	for _, c := range lost {
		if strings.Contains(out, "("+c.Name+")") && strings.Contains(out, needsHand[c.Type]) {
			conflicts++
		}
	}
	assert.Positive(t, conflicts, "AWS's own conflict, and the name of what it is about:\n%s", out)
}

// run runs a command line from docs/recovery.md.
func (s *stack) run(t *testing.T, line string) string {
	t.Helper()
	doc, err := os.ReadFile("docs/recovery.md")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^ *`+regexp.QuoteMeta(line)+`$`, string(doc), "a line of docs/recovery.md")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
	cmd.Dir, cmd.Env = s.Dir, append(slices.Clone(s.Env), "PULUMI_STACK="+stacktest.Name)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return string(out)
}

// recovers runs `mskctl recover` with a line from docs/recovery.md, and returns what it prints and its exit code.
func (s *stack) recovers(t *testing.T, args ...string) (string, int) {
	t.Helper()
	line := strings.TrimSpace("go run ./mskctl recover <stack> " + strings.Join(args, " "))
	doc, err := os.ReadFile("docs/recovery.md")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^ *`+regexp.QuoteMeta(line)+`$`, string(doc), "a line of docs/recovery.md")
	return s.mskctl(t, nil, append([]string{"recover", stacktest.Name}, args...)...)
}

// adopt takes over what was lost.
func (s *stack) adopt(t *testing.T, lost []aws.Call) {
	t.Helper()
	out, code := s.recovers(t, "--yes")
	require.Zero(t, code, out)
	for _, c := range lost {
		assert.Regexp(t, `(?m)^take over +\S+ `+regexp.QuoteMeta(c.Name)+` +`+regexp.QuoteMeta(c.ID), out)
	}
}

// finds checks that recover names what was lost, and changes nothing.
func (s *stack) finds(t *testing.T, lost []aws.Call) {
	t.Helper()
	before, sandbox := s.ledger(t), s.AWS.Snapshot()
	out, code := s.recovers(t)
	require.Equal(t, 10, code, out)
	for _, c := range lost {
		assert.Contains(t, out, c.ID)
	}
	assert.Equal(t, before, s.ledger(t))
	assert.Equal(t, sandbox, s.AWS.Snapshot())
}

// deleteByHand does what the AWS CLI's delete commands in docs/recovery.md do. The next object with the name gets
// the same id, so that outcomes can be compared.
func deleteByHand(sandbox *aws.State, lost []aws.Call) {
	for _, c := range lost {
		name := path.Base(c.ID)
		var key string
		switch c.Type {
		case "aws:cloudwatch/eventTarget:EventTarget":
			for arn, rule := range sandbox.EventRules {
				maps.DeleteFunc(rule.Targets, func(id string, _ map[string]any) bool { return path.Base(arn)+"-"+id == c.ID })
			}
		case "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
			role, policy, _ := strings.Cut(c.ID, "/")
			if role := sandbox.Roles[role]; role != nil {
				role.Attached = slices.DeleteFunc(role.Attached, func(arn string) bool { return arn == policy })
			}
		case "aws:cloudwatch/logGroup:LogGroup":
			maps.DeleteFunc(sandbox.LogGroups,
				func(arn string, _ *aws.LogGroup) bool { return strings.HasSuffix(arn, ":"+c.ID) })
		case "aws:ec2/securityGroup:SecurityGroup":
			delete(sandbox.SecurityGroups, c.ID)
		case "aws:iam/instanceProfile:InstanceProfile":
			key = "instance-profile " + name
			delete(sandbox.InstanceProfiles, name)
		case "aws:iam/policy:Policy":
			key = "policy " + name
			delete(sandbox.Policies, name)
		case "aws:iam/role:Role":
			key = "role " + name
			delete(sandbox.Roles, name)
		case "aws:msk/serverlessCluster:ServerlessCluster":
			key = "cluster ap-south-1/" + sandbox.Clusters[c.ID].Name
			delete(sandbox.Clusters, c.ID)
		case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
			for id, g := range sandbox.SecurityGroups {
				g.Rules = slices.DeleteFunc(g.Rules, func(r *aws.Rule) bool {
					if r.ID == c.ID {
						maps.DeleteFunc(sandbox.Made, func(key string, _ int) bool {
							return strings.HasPrefix(key, "rule "+id) &&
								strings.HasSuffix(key, r.CIDR+r.CIDR6+r.Group)
						})
					}
					return r.ID == c.ID
				})
			}
		}
		delete(sandbox.Made, key)
	}
}

// TestRecoveryTable checks that docs/recovery.md lists exactly the types that need manual recovery, with their
// errors.
func TestRecoveryTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("docs/recovery.md")
	require.NoError(t, err)
	listed := map[string]string{}
	rows := regexp.MustCompile("(?m)^\\| `(aws:[^`]+)` \\| `(\\w+(?:\\.\\w+)?)` \\|")
	for _, row := range rows.FindAllStringSubmatch(string(doc), -1) {
		listed[row[1]] = row[2]
	}
	assert.Equal(t, needsHand, listed)
}
