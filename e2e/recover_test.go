package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

const (
	lostRole = "crypto-stream-ap-south-1-collector"
	takeRole = "iam/role collector=" + lostRole
)

// TestRecover runs `mskctl recover` after the answer to the creation of the collectors' role was lost.
func TestRecover(t *testing.T) {
	t.Parallel()
	first := newStack(t, configtest.With(nil))
	first.AWS.Fail(aws.Fault{Operation: aws.Create, Type: "aws:iam/role:Role", After: true, Error: aws.Lost})
	first.Fails(t, "up", "--yes", "--skip-preview")
	first.AWS.Heal()
	failed := first.image(t)
	retag := func(owner string) func(*testing.T, *stack) {
		return func(_ *testing.T, s *stack) {
			s.AWS.Edit(func(a *aws.State) {
				a.Roles[lostRole].Tags = map[string]string{config.StackTag: owner}
				if owner == "" {
					a.Roles[lostRole].Tags = nil
				}
			})
		}
	}
	deny := func(fault aws.Fault) func(*testing.T, *stack) {
		return func(_ *testing.T, s *stack) {
			fault.Operation, fault.Error = aws.LookUp, aws.Denied
			s.AWS.Fail(fault)
		}
	}
	for _, c := range []struct {
		name  string
		setUp func(*testing.T, *stack)
		args  []string
		code  int
		says  []string // regular expressions
		taken bool     // the role is in the state afterwards
	}{
		{
			"proposed", nil, nil, 10,
			[]string{`(?m)^take over +iam/role collector +` + lostRole, "repeat this with --yes"},
			false,
		},
		{"taken over", nil, []string{"--yes"}, 0, []string{"taken over: 1"}, true},
		{
			"without a tag", retag(""),
			[]string{"--yes"},
			10,
			[]string{`(?m)^decide +iam/role collector .*--take '` + takeRole + `'`},
			false,
		},
		{"without a tag, and named", retag(""), []string{"--yes", "--take", takeRole}, 0, nil, true},
		{
			"another stack's", retag("other"),
			[]string{"--yes", "--take", takeRole},
			10,
			[]string{`(?m)^not ours +iam/role collector .*msk-serverless:stack is other`},
			false,
		},
		{
			"something that doesn't exist", nil,
			[]string{"--yes", "--take", "iam/role collector=other"},
			1,
			[]string{"AWS has no such object"},
			false,
		},
		{
			"something the program doesn't have", nil,
			[]string{"--yes", "--take", "iam/role other=" + lostRole},
			2,
			[]string{"something that the stack would create"},
			false,
		},
		{
			"the tags can't be searched", deny(aws.Fault{Type: "tagging:GetResources"}),
			[]string{"--yes"},
			1,
			[]string{"AccessDenied"},
			false,
		},
		{
			"its own role can't be read", deny(aws.Fault{Type: "iam:GetRole", Name: lostRole}),
			[]string{"--yes"},
			1,
			[]string{"AccessDenied"},
			false,
		},
		{
			"the preview fails", func(_ *testing.T, s *stack) {
				s.AWS.Edit(func(a *aws.State) { delete(a.Policies, "MSK-Permission-Boundary") })
			},
			[]string{"--yes"},
			1,
			[]string{"(?s)the preview fails:\n.*MSK-Permission-Boundary"},
			false,
		},
		{
			"the configuration is bad", func(t *testing.T, s *stack) {
				s.Set(t, map[string]string{"logRetentionDays": "15"})
			},
			[]string{"--yes"},
			1,
			[]string{"logRetentionDays: 15"},
			false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := failed.stack(t)
			if c.setUp != nil {
				c.setUp(t, s)
			}
			before, sandbox := s.ledger(t), s.AWS.Snapshot()
			out, code := s.mskctl(t, nil, append([]string{"recover", stacktest.Name}, c.args...)...)
			assert.Equal(t, c.code, code, out)
			for _, want := range c.says {
				assert.Regexp(t, want, out)
			}
			assert.Equal(t, sandbox, s.AWS.Snapshot(), "AWS is as it was")
			s.AWS.Heal()
			if !c.taken {
				assert.Equal(t, before, s.ledger(t), "the state is as it was")
				return
			}
			s.OK(t, "up", "--yes", "--skip-preview")
			assert.Contains(t, s.runs(t, nil, "recover", stacktest.Name), "nothing to recover")
		})
	}
}

// TestRecoverNamesLeftovers shows that recover names whatever carries the stack's tag and isn't in the state, also in
// another region, and nothing else.
func TestRecoverNamesLeftovers(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	tags := map[string]string{config.StackTag: stacktest.Name}
	others := map[string]string{config.StackTag: "other"}
	s.AWS.Edit(func(a *aws.State) {
		a.Roles["old-ap-south-1-collector"] = &aws.Role{Path: "/", TrustPolicy: "{}", Tags: tags}
		a.Roles["theirs-ap-south-1-collector"] = &aws.Role{Path: "/", TrustPolicy: "{}", Tags: others}
		a.Policies["old-ap-south-1-operator"] = &aws.Policy{Path: "/", Document: "{}", Tags: tags}
		a.InstanceProfiles["old-ap-south-1-collector"] = &aws.InstanceProfile{Path: "/", Tags: tags}
		a.Alarms["arn:aws:cloudwatch:ap-south-1:123456789012:alarm:old-silence"] = &aws.Alarm{Tags: tags}
		a.Alarms["arn:aws:cloudwatch:ap-south-1:123456789012:alarm:theirs-silence"] = &aws.Alarm{Tags: others}
		a.LogGroups["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/msk/old/broker"] = &aws.LogGroup{Tags: tags}
		a.SecurityGroups["sg-00000000000000001"] = &aws.SecurityGroup{
			Region: "ap-south-1", VPC: "vpc-0a1b2c3d4e5f60718", Name: "old-brokers", Tags: tags,
		}
	})
	out, code := s.mskctl(t, nil, "recover", stacktest.Name, "--yes")
	assert.Equal(t, 10, code, out)
	for _, want := range []string{
		`iam/role +\S+ +aws iam delete-role --role-name old-ap-south-1-collector`,
		`iam/policy +\S+ +aws iam delete-policy --policy-arn arn:aws:iam::123456789012:policy/old-ap-south-1-operator`,
		`iam/instanceProfile +\S+ +aws iam delete-instance-profile --instance-profile-name old-ap-south-1-collector`,
		`cloudwatch/metricAlarm +\S+ +aws cloudwatch delete-alarms --alarm-names old-silence --region ap-south-1`,
		`ec2/securityGroup +\S+ +aws ec2 delete-security-group --group-id sg-00000000000000001 --region ap-south-1`,
	} {
		assert.Regexp(t, `(?m)^delete +`+want, out)
	}
	assert.NotContains(t, out, "theirs")
	assert.NotContains(t, out, "crypto-stream")
	assert.NotContains(t, out, "eu-west-1")

	s.AWS.Fail(aws.Fault{
		Operation: aws.LookUp, Type: "iam:GetRole", Name: "theirs-ap-south-1-collector", Error: aws.Denied,
	})
	out, code = s.mskctl(t, nil, "recover", stacktest.Name, "--region", "eu-west-1")
	assert.Equal(t, 10, code, out)
	assert.Regexp(t, `(?m)^delete +cloudwatch/logGroup .* --log-group-name /aws/msk/old/broker --region eu-west-1`, out)
	assert.Contains(t, out, "not looked at, because these credentials may not: theirs-ap-south-1-collector")
}

// TestRecoverALostState takes a whole stack over after its state was lost.
func TestRecoverALostState(t *testing.T) {
	t.Parallel()
	deployed := newStack(t, configtest.With(map[string]string{
		"furtherVpcs": compact.JSON([]map[string]any{{
			"vpcId": otherVPC, "subnetIds": []string{otherSubnetA, otherSubnetB},
			"clientSecurityGroupIds": []string{"sg-0a1b2c3d"},
		}}),
	}), aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB), withTeam)
	deployed.Up(t)
	was := deployed.AWS.Snapshot()
	s := quick(stacktest.Attach(t, deployed.Config, deployed.AWS))
	s.OK(t, "stack", "init")
	out, code := s.recovers(t, "--yes")
	require.Zero(t, code, out)
	s.run(t, "pulumi up --yes")
	assert.Equal(t, was, s.AWS.Snapshot(), "AWS is as it was")
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}
