package main

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestImportFileRefuses(t *testing.T) {
	t.Parallel()
	const further = "aws_security_group.more"
	for _, c := range []struct {
		name   string
		change func(t *testing.T, c *importTest)
		want   []string
	}{
		{
			"adopted unset", func(_ *testing.T, c *importTest) { c.cfg.Adopted = false },
			[]string{"pulumi config set adopted true"},
		},
		{
			"another cluster", func(_ *testing.T, c *importTest) { c.cfg.ClusterName = "theirs" },
			[]string{"no cluster named theirs, which is clusterName; it has: crypto-stream"},
		},
		{
			"another region and other subnets",
			func(_ *testing.T, c *importTest) {
				c.cfg.Region, c.cfg.SubnetIDs = "eu-west-1", []string{"subnet-00000001"}
			},
			[]string{
				"the cluster is in ap-south-1: set aws:region to that",
				`set subnetIds to ["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071b"]`,
			},
		},
		{"another VPC", func(_ *testing.T, c *importTest) { c.cfg.VPCID = "vpc-00000001" }, []string{
			"the brokers' group is in vpc-0a1b2c3d4e5f60718: set vpcId to that",
		}},
		{
			"a client group in another VPC",
			func(_ *testing.T, c *importTest) { c.state.at(consumersAddress)["vpc_id"] = "vpc-00000001" },
			[]string{"which is in vpc-00000001 and not in vpcId", "--create 'ec2/securityGroup consumer'"},
		},
		{"two groups on the cluster", func(_ *testing.T, c *importTest) {
			vpc := c.state.at("aws_msk_serverless_cluster.this")["vpc_config"].([]any)[0].(map[string]any)
			vpc["security_group_ids"] = []any{testBrokers, "sg-00000001"}
		}, []string{"more than one VPC or security group"}},
		{"groups without outputs", func(_ *testing.T, c *importTest) { clear(c.state.outputs) }, []string{
			"ec2/securityGroup collector may be any of aws_security_group.collectors (" + testCollectors + "), " +
				"aws_security_group.consumers (" + testConsumers + "): write the id of the right one",
			"ec2/securityGroup consumer may be any of",
		}},
		{"inline rules without outputs", func(_ *testing.T, c *importTest) {
			c.state.onlyInline()
			clear(c.state.outputs)
		}, []string{"ec2/securityGroup collector may be any of", "ec2/securityGroup consumer may be any of"}},
		{"classic rules without outputs", func(_ *testing.T, c *importTest) {
			c.state.onlyClassic()
			clear(c.state.outputs)
		}, []string{"ec2/securityGroup collector may be any of", "ec2/securityGroup consumer may be any of"}},
		{"one group without outputs", func(_ *testing.T, c *importTest) {
			clear(c.state.outputs)
			c.state.onlyInline()
			c.state.at(brokersAddress)["ingress"] = []any{inline("tcp", 9098, 9098, group(testCollectors))}
		}, []string{
			"ec2/securityGroup collector may be any of aws_security_group.collectors (",
			"ec2/securityGroup consumer may be any of aws_security_group.collectors (",
		}},
		{"no consumers' group", func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "consumer_sg_id")
			c.state.onlyInline()
			c.state.at(brokersAddress)["ingress"] = []any{inline("tcp", 9098, 9098, group(testCollectors))}
		}, []string{
			"ec2/securityGroup consumer can't be recognised: the brokers admit " + testCollectors,
			"with --create 'ec2/securityGroup consumer'",
		}},
		{"groups that Terraform doesn't have", func(_ *testing.T, c *importTest) {
			clear(c.state.outputs)
			c.state.remove("aws_security_group")
		}, []string{
			"ec2/securityGroup collector can't be recognised", "ec2/securityGroup consumer can't be recognised",
		}},
		{"a third group of Terraform's", func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "consumer_sg_id")
			c.state.copy(consumersAddress, "aws_security_group", "more", map[string]any{"id": "sg-00000003"})
			c.state.admit("tcp", 9098, 9098, group("sg-00000003"))
		}, []string{"ec2/securityGroup consumer may be any of", further + " (sg-00000003)"}},
		{"one group for both", func(_ *testing.T, c *importTest) {
			c.state.outputs["consumer_sg_id"] = map[string]any{"value": testCollectors}
		}, []string{"are both " + testCollectors + ", which only one of them can manage"}},
		{"the brokers' own group", func(_ *testing.T, c *importTest) { c.ids[entryConsumer] = testBrokers }, []string{
			"are both " + testBrokers,
		}},
		{
			"collectors' group listed",
			func(_ *testing.T, c *importTest) { c.cfg.ClientSecurityGroupIDs = []string{testCollectors} },
			[]string{"which clientSecurityGroupIds lists too: remove it there"},
		},
		{"two producers on the role", func(_ *testing.T, c *importTest) {
			c.state.copy("aws_iam_policy.producer", "aws_iam_policy", "more", arn("arn:x"))
			c.state.attach("more", "arn:x")
		}, []string{
			"iam/policy producer may be any of aws_iam_policy.producer (" + testProducer +
				"), aws_iam_policy.more (arn:x)",
		}},
		{"two consumers, no outputs", func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "consumer_policy_arn")
			c.state.copy("aws_iam_policy.consumer", "aws_iam_policy", "more", arn("arn:x"))
		}, []string{"iam/policy consumer may be any of"}},
		{"one policy to produce and consume", func(_ *testing.T, c *importTest) {
			c.state.outputs["consumer_policy_arn"] = map[string]any{"value": testProducer}
		}, []string{"iam/policy consumer and iam/policy producer are both " + testProducer}},
		{"a profile that nothing proves", func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "collector_instance_profile_name")
			c.state.remove("aws_iam_role_policy_attachment")
			c.state.at(roleAddress)["managed_policy_arns"] = []any{}
		}, []string{"iam/instanceProfile collector may be any of aws_iam_instance_profile.collector (" + testProfile}},
		{"a profile without its role", func(_ *testing.T, c *importTest) {
			c.state.remove("aws_iam_instance_profile")
			c.state.remove("aws_iam_role")
			c.state.remove("aws_iam_role_policy_attachment")
		}, []string{"iam/role collector can't be recognised: Terraform's state doesn't name the role"}},
		{"a log group with another name", func(_ *testing.T, c *importTest) {
			c.state.at("aws_cloudwatch_log_group.broker")["name"] = "/kafka"
		}, []string{"cloudwatch/logGroup broker-logs may be any of aws_cloudwatch_log_group.broker"}},
		{"two rules to the brokers", func(_ *testing.T, c *importTest) {
			c.aws = func(f *fakeRules) {
				f.rules = append(f.rules,
					rule{testConsumers, true, ports{protocol: "-1"}, peer{peerGroup, testBrokers}, "sgr-1"},
					rule{testConsumers, true, ports{"tcp", 9000, 9100}, peer{peerGroup, testBrokers}, "sgr-2"})
			}
		}, []string{"consumer-to-brokers may be any of all traffic to " + testBrokers + " (sgr-1), tcp 9000-9100 to"}},
		{"AWS can't be asked", func(_ *testing.T, c *importTest) {
			c.aws = func(f *fakeRules) { f.err = errors.New("denied") }
		}, []string{"can't look up the rules of " + testBrokers + " in ap-south-1", "SecurityGroupRules): denied"}},
		{"another account", func(_ *testing.T, c *importTest) {
			c.aws = func(f *fakeRules) { f.rules = nil }
		}, []string{"AWS shows no rules of " + testBrokers, "use credentials of the account " + testAccount}},
		{"another account's collectors", func(_ *testing.T, c *importTest) {
			c.aws = func(f *fakeRules) {
				f.rules = slices.DeleteFunc(f.rules, func(r rule) bool { return r.group == testCollectors })
			}
		}, []string{"AWS shows no rules of " + testCollectors}},
		{"a new cluster", func(_ *testing.T, c *importTest) { c.args = []string{entryCluster} }, []string{
			"a new one would replace the cluster",
		}},
		{"another cluster's id", func(_ *testing.T, c *importTest) { c.ids[entryBrokers] = "sg-00000001" }, []string{
			"the import file has sg-00000001 for ec2/securityGroup brokers, but Terraform's state has " + testBrokers,
		}},
		{"an unknown entry", func(_ *testing.T, c *importTest) { c.args = []string{"consumer"} }, []string{
			`--create "consumer": the import file has no such entry`,
		}},
		{"an entry that is missing", func(_ *testing.T, c *importTest) { c.gone = entryConsumer }, []string{
			"the import file has no ec2/securityGroup consumer, as if it were imported already: start over",
		}},
		{"an entry that has an id", func(_ *testing.T, c *importTest) {
			c.ids[entryConsumer], c.args = testConsumers, []string{entryConsumer}
		}, []string{"the import file has the id " + testConsumers + " for it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := newImportTest(t)
			c.change(t, test)
			_, _, err := test.run(t)
			for _, text := range c.want {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}
