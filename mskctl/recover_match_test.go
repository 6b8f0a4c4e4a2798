package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeFinder finds the same objects for every creation.
type fakeFinder struct {
	found []object
	tag   []object
	err   error
}

func (f fakeFinder) find(context.Context, creation) ([]object, error) { return f.found, f.err }

func (f fakeFinder) tagged(context.Context, string) ([]object, error) { return f.tag, f.err }

func TestRecoverMatch(t *testing.T) {
	t.Parallel()
	const iam, ec2 = "arn:aws:iam::123456789012:", "arn:aws:ec2:ap-south-1:123456789012:security-group/"
	role := creation{entry: "iam/role collector", inputs: map[string]any{"name": "x"}}
	group := creation{entry: "ec2/securityGroup brokers", inputs: map[string]any{"namePrefix": "x-"}}
	alarm := creation{
		entry: "cloudwatch/metricAlarm silence", typ: "aws:cloudwatch/metricAlarm:MetricAlarm",
		inputs: map[string]any{"name": "x-silence"},
	}
	rule := creation{
		entry: "cloudwatch/eventRule topic-events", typ: "aws:cloudwatch/eventRule:EventRule",
		inputs: map[string]any{"name": "x-topics"},
	}
	const alarms, rules = "arn:aws:cloudwatch:ap-south-1:1:alarm:", "arn:aws:events:ap-south-1:1:rule/"
	of := func(id, arn, stack, state string) object {
		o := object{id: id, arn: arn, state: state}
		if stack != "" {
			o.tags = map[string]string{"msk-serverless:stack": stack}
		}
		return o
	}
	sg := func(id, stack string) object { return of(id, ec2+id, stack, "") }
	misfit := func(stack string) object {
		o := of("x", iam+"role/x", stack, "ACTIVE")
		o.misfit = "it is in other subnets than configured"
		return o
	}
	mine := of("x", iam+"role/x", "prod", "")
	for _, c := range []struct {
		name     string
		creation creation
		found    []object
		tagged   []object
		take     []string
		want     []string // verdict, entry, id
	}{
		{"nothing", role, nil, nil, nil, nil},
		{"ours, and tagged", role, []object{mine}, []object{mine}, nil, []string{"take over iam/role collector x"}},
		{"without a tag", role, []object{of("x", iam+"role/x", "", "")}, nil, nil, []string{"decide iam/role collector x"}},
		{
			"without a tag, but named", role,
			[]object{of("x", iam+"role/x", "", "")},
			nil,
			[]string{"iam/role collector=x"},
			[]string{"take over iam/role collector x"},
		},
		{
			"another stack's, even if named", role,
			[]object{of("x", iam+"role/x", "dev", "")},
			nil,
			[]string{"iam/role collector=x"},
			[]string{"not ours iam/role collector x"},
		},
		{"in the state", role, []object{of("x", iam+"role/old", "prod", "")}, nil, nil, nil},
		{
			"a cluster that is being created", role,
			[]object{of("x", iam+"role/x", "prod", "CREATING")},
			nil, nil,
			[]string{"wait iam/role collector x"},
		},
		{
			"a cluster that failed", role,
			[]object{of("x", iam+"role/x", "prod", "FAILED")},
			nil, nil,
			[]string{"delete iam/role collector x"},
		},
		{
			"a cluster", role,
			[]object{of("x", iam+"role/x", "prod", "ACTIVE")},
			nil, nil,
			[]string{"take over iam/role collector x"},
		},
		{
			"a cluster in other subnets", role,
			[]object{misfit("prod")},
			nil, nil,
			[]string{"delete iam/role collector x"},
		},
		{
			"somebody's cluster in other subnets", role,
			[]object{misfit("")},
			nil, nil,
			[]string{"decide iam/role collector x"},
		},
		{
			"a generated name that others have, too", group,
			[]object{sg("sg-1", "prod"), sg("sg-2", ""), sg("sg-3", "dev")},
			nil, nil,
			[]string{"take over ec2/securityGroup brokers sg-1"},
		},
		{
			"several with a generated name", group,
			[]object{sg("sg-1", "prod"), sg("sg-2", "prod")},
			nil, nil,
			[]string{"delete ec2/securityGroup brokers sg-1", "delete ec2/securityGroup brokers sg-2"},
		},
		{
			"several with a generated name, and one named", group,
			[]object{sg("sg-1", "prod"), sg("sg-2", "prod")},
			nil,
			[]string{"ec2/securityGroup brokers=sg-2"},
			[]string{"delete ec2/securityGroup brokers sg-1", "take over ec2/securityGroup brokers sg-2"},
		},
		{"in the state in part", group, []object{sg("sg-9", "prod")}, nil, nil, nil},
		{
			"a rule, and its group, which is taken over", group,
			[]object{sg("sg-1", "prod")},
			[]object{sg("sg-1", "prod"), of("sgr", ec2[:len(ec2)-1]+"-rule/sgr-1", "prod", "")},
			nil,
			[]string{"take over ec2/securityGroup brokers sg-1", "wait vpc/securityGroupEgressRule sgr"},
		},
		{"an alarm that AWS overwrites", alarm, nil, []object{of("x", alarms+"x-silence", "prod", "")}, nil, nil},
		{"a rule that AWS overwrites", rule, nil, []object{of("x", rules+"x-topics", "prod", "")}, nil, nil},
		{
			"alarms and rules that the program has under other names", alarm, nil,
			[]object{of("x", alarms+"y-silence", "prod", ""), of("x", rules+"x-silence", "prod", "")},
			nil,
			[]string{"delete cloudwatch/metricAlarm x", "delete cloudwatch/eventRule x"},
		},
		{
			"left over", role, nil,
			[]object{mine, of("old", iam+"role/old", "prod", "")},
			nil,
			[]string{"delete iam/role x"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := matcher{"prod", known{map[string]bool{iam + "role/old": true}, map[string]bool{"sg-9": true}}, fakeFinder{
				found: c.found, tag: c.tagged,
			}}
			findings, err := m.match(t.Context(), []creation{c.creation}, c.take)
			require.NoError(t, err)
			var got []string
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%s %s %s", f.verdict, f.entry, f.object.id))
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestRecoverMatchFails(t *testing.T) {
	t.Parallel()
	role := []creation{{entry: "iam/role collector"}}
	for _, c := range []struct {
		take []string
		err  error
		want string
	}{
		{[]string{"iam/role consumer=x"}, nil, "something that the stack would create"},
		{[]string{"iam/role collector"}, nil, "something that the stack would create"},
		{[]string{"iam/role collector=y"}, nil, "AWS has no such object"},
		{nil, errors.New("AccessDenied"), "looking up iam/role collector: AccessDenied"},
	} {
		_, err := matcher{"prod", newKnown(state{}), fakeFinder{err: c.err}}.match(t.Context(), role, c.take)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestDeleteCommand(t *testing.T) {
	t.Parallel()
	const account = "123456789012:"
	for arn, want := range map[string]string{
		"arn:aws:kafka:ap-south-1:" + account + "cluster/x/1-s1": "msk/serverlessCluster: aws kafka delete-cluster " +
			"--cluster-arn arn:aws:kafka:ap-south-1:" + account + "cluster/x/1-s1 --region ap-south-1",
		"arn:aws:ec2:ap-south-1:" + account + "security-group/sg-1": "ec2/securityGroup: aws ec2 delete-security-group " +
			"--group-id sg-1 --region ap-south-1",
		"arn:aws:ec2:ap-south-1:" + account + "security-group-rule/sgr-1": "vpc/securityGroupEgressRule: aws ec2 " +
			"revoke-security-group-egress --group-id <its group> --security-group-rule-ids sgr-1 --region ap-south-1",
		"arn:aws:logs:ap-south-1:" + account + "log-group:/aws/msk/x/broker": "cloudwatch/logGroup: aws logs " +
			"delete-log-group --log-group-name /aws/msk/x/broker --region ap-south-1",
		"arn:aws:cloudwatch:ap-south-1:" + account + "alarm:x-silence": "cloudwatch/metricAlarm: aws cloudwatch " +
			"delete-alarms --alarm-names x-silence --region ap-south-1",
		"arn:aws:cloudwatch:ap-south-1:" + account + "alarm:x-lag-a;b'c": "cloudwatch/metricAlarm: aws cloudwatch " +
			`delete-alarms --alarm-names 'x-lag-a;b'\''c' --region ap-south-1`,
		"arn:aws:iam::" + account + "role/kafka/x": "iam/role: aws iam delete-role --role-name x",
		"arn:aws:iam::" + account + "policy/kafka/x": "iam/policy: aws iam delete-policy --policy-arn arn:aws:iam::" +
			account + "policy/kafka/x",
		"arn:aws:iam::" + account + "instance-profile/x": "iam/instanceProfile: aws iam delete-instance-profile " +
			"--instance-profile-name x",
		"arn:aws:events:ap-south-1:" + account + "rule/x": "cloudwatch/eventRule: aws events delete-rule --name x " +
			"--region ap-south-1",
		"arn:aws:sqs:ap-south-1:" + account + "x": "sqs x: delete it in the console",
	} {
		assert.Equal(t, want, arnKind(arn)+": "+deleteCommand(arn))
	}
}
