package main

import (
	"slices"
	"strings"
	"testing"

	"msk-serverless/internal/config"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestImportFileShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(t *testing.T, c *importTest)
		ids    map[string]string // that differ from baseIDs; empty for one that is created
		report []string
		absent string // from the report
	}{
		{name: "separate rules", report: []string{
			"  " + testCollectors + ", tcp 9098 (" + brokersAddress +
				`, aws_vpc_security_group_ingress_rule.clients["collectors"]): kept, on tcp 9098: ` +
				"the collectors' group\n",
			"  " + testConsumers + ", tcp 9098",
			testProducer + ": imported as iam/policy producer\n",
			"creates it:\n  iam/policy collector-logs\n  iam/policy operator\n",
			"  iam/role collector: " + roleAddress + " (" + testRole + ")\n",
		}, absent: "not imported"},
		{name: "lists of the groups not refreshed", change: func(_ *testing.T, c *importTest) {
			c.state.at(brokersAddress)["ingress"] = []any{}
		}, report: []string{`clients["consumers"]): kept, on tcp 9098: the consumers' group`}},
		{name: "inline rules", change: func(_ *testing.T, c *importTest) {
			c.state.onlyInline()
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			testCollectors + ", tcp 9098 (aws_security_group.msk): kept",
		}},
		{name: "inline rules, a third group", change: func(_ *testing.T, c *importTest) {
			c.state.onlyInline()
			c.state.admit("tcp", 9098, 9098, group("sg-00000003"))
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			"  sg-00000003, tcp 9098 (aws_security_group.msk): GOES with the next `pulumi up`: " +
				"add sg-00000003 to clientSecurityGroupIds to keep it\n",
			"GOES, DETACHED or DELETED: there are 1\n",
		}},
		{name: "classic rules, a third group listed", change: func(_ *testing.T, c *importTest) {
			c.state.onlyClassic()
			c.state.add("aws_security_group_rule", "quant", map[string]any{
				"id": "sgrule-1", "security_group_id": testBrokers, "type": "ingress", "protocol": "tcp",
				"from_port": 9000, "to_port": 9100, "source_security_group_id": "sg-00000003",
			})
			c.cfg.ClientSecurityGroupIDs = []string{"sg-00000003"}
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			"  sg-00000003, tcp 9000-9100 (aws_security_group_rule.quant): kept, on tcp 9098: " +
				"listed in clientSecurityGroupIds\n",
			testConsumers + ", tcp 9098 (aws_security_group_rule.consumers): kept",
		}},
		{name: "classic rules, with a source of each kind", change: func(_ *testing.T, c *importTest) {
			c.state.onlyClassic()
			c.state.add("aws_security_group_rule", "all", map[string]any{
				"id": "sgrule-1", "security_group_id": testBrokers, "type": "ingress", "protocol": "-1", "from_port": 0,
				"to_port": 0, "cidr_blocks": []any{"10.0.0.0/8"}, "ipv6_cidr_blocks": []any{"fd00::/8"},
				"prefix_list_ids": []any{"pl-1"}, "self": true,
			})
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			"  CIDR block 10.0.0.0/8, all traffic (aws_security_group_rule.all): GOES with the next `pulumi up`: " +
				"add 10.0.0.0/8 to clientCidrs to keep it\n",
			"  CIDR block fd00::/8, all traffic (aws_security_group_rule.all): GOES",
			"  prefix list pl-1, all traffic (aws_security_group_rule.all): GOES",
			"  the group itself, all traffic (aws_security_group_rule.all): GOES with the next `pulumi up`: what " +
				"is in this group, such as a Lambda event source mapping, loses access",
			"the brokers don't admit prefix lists",
			"there are 4\n",
		}},
		{name: "sources that the configuration admits", change: func(_ *testing.T, c *importTest) {
			c.state.onlyClassic()
			c.state.add("aws_security_group_rule", "all", map[string]any{
				"id": "sgrule-1", "security_group_id": testBrokers, "type": "ingress", "protocol": "-1", "from_port": 0,
				"to_port": 0, "cidr_blocks": []any{"10.0.0.0/8"}, "ipv6_cidr_blocks": []any{"fd00::/8"}, "self": true,
			})
			c.cfg.ClientCIDRs = []string{"10.0.0.0/8", "fd00::/8"}
			c.cfg.ClientSettings = map[string]config.ClientSettings{"alerts": {RunsOn: &config.RunsOn{Lambda: true}}}
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			"  CIDR block 10.0.0.0/8, all traffic (aws_security_group_rule.all): kept, on tcp 9098: listed in clientCidrs\n",
			"  CIDR block fd00::/8, all traffic (aws_security_group_rule.all): kept, on tcp 9098: listed in clientCidrs\n",
			"  the group itself, all traffic (aws_security_group_rule.all): kept, on tcp 9098: a client runs on Lambda\n",
		}},
		{name: "separate rules, with further sources", change: func(_ *testing.T, c *importTest) {
			more := func(name string, changes map[string]any) {
				changes["referenced_security_group_id"], changes["id"] = changes["group"], "sgr-"+name
				c.state.copy(`aws_vpc_security_group_ingress_rule.clients["collectors"]`,
					"aws_vpc_security_group_ingress_rule", name, changes)
			}
			more("range", map[string]any{"cidr_ipv4": "10.0.0.0/8"})
			more("list", map[string]any{"prefix_list_id": "pl-1"})
			more("self", map[string]any{"group": testBrokers})
			more("peered", map[string]any{"group": "210987654321/sg-00000003"})
			more("own", map[string]any{"group": testAccount + "/sg-00000004"})
			more("ownself", map[string]any{"group": testAccount + "/" + testBrokers})
			more("ssh", map[string]any{"group": testCollectors, "from_port": 22, "to_port": 22})
		}, report: []string{
			"  CIDR block 10.0.0.0/8, tcp 9098 (aws_vpc_security_group_ingress_rule.range): GOES",
			"  prefix list pl-1, tcp 9098 (aws_vpc_security_group_ingress_rule.list): GOES",
			"  the group itself, tcp 9098 (aws_vpc_security_group_ingress_rule.self, " +
				"aws_vpc_security_group_ingress_rule.ownself): GOES",
			"  210987654321/sg-00000003, tcp 9098 (aws_vpc_security_group_ingress_rule.peered): GOES with the next " +
				"`pulumi up`: clientSecurityGroupIds accepts groups of this account only",
			"add sg-00000004 to clientSecurityGroupIds",
			"  " + testCollectors + ", tcp 22 (aws_vpc_security_group_ingress_rule.ssh): GOES with the next " +
				"`pulumi up`: the brokers listen on tcp 9098 alone",
		}},
		{name: "rules made by hand", change: func(_ *testing.T, c *importTest) {
			c.aws = func(f *fakeRules) {
				f.rules = append(f.rules,
					rule{testBrokers, false, kafkaPorts, peer{peerGroup, "sg-00000005"}, "sgr-1"},
					rule{testConsumers, false, kafkaPorts, peer{peerGroup, testBrokers}, "sgr-5"},
					rule{testConsumers, true, kafkaPorts, peer{peerGroup, testAccount + "/" + testBrokers}, "sgr-2"},
					rule{testConsumers, true, ports{"tcp", 443, 443}, peer{peerCIDR, "0.0.0.0/0"}, "sgr-3"},
					rule{testCollectors, false, ports{"tcp", 22, 22}, peer{peerCIDR, "10.0.0.0/8"}, "sgr-4"})
			}
		}, ids: map[string]string{"vpc/securityGroupEgressRule consumer-to-brokers": "sgr-2"}, report: []string{
			"  sg-00000005, tcp 9098 (sgr-1, not in Terraform's state): GOES",
			"rule sgr-3 of " + testConsumers + ": egress to CIDR block 0.0.0.0/0, tcp 443\n",
			"rule sgr-4 of " + testCollectors + ": ingress from CIDR block 10.0.0.0/8, tcp 22\n",
		}},
		{name: "egress to the brokers, and to the brokers' port alone", change: func(_ *testing.T, c *importTest) {
			c.aws = func(f *fakeRules) {
				f.rules = append(f.rules,
					rule{testCollectors, true, ports{protocol: "-1"}, peer{peerGroup, testBrokers}, "sgr-1"},
					rule{testCollectors, true, kafkaPorts, peer{peerGroup, testBrokers}, "sgr-2"},
					rule{testCollectors, true, ports{"tcp", 443, 443}, peer{peerCIDR, "0.0.0.0/0"}, "sgr-3"})
			}
		}, ids: map[string]string{"vpc/securityGroupEgressRule collector-to-brokers": "sgr-2"}, report: []string{
			"rule sgr-1 of " + testCollectors + ": egress to " + testBrokers + ", all traffic",
		}},
		{name: "the original stack's newest version", change: func(_ *testing.T, c *importTest) {
			c.state.original()
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			`(aws_vpc_security_group_ingress_rule.clients["collectors"][0]): kept, on tcp 9098: the collectors' group`,
			"  ec2/securityGroup consumer: aws_security_group.consumers[0] (" + testConsumers + ")",
		}},
		{name: "several egress blocks", change: func(_ *testing.T, c *importTest) {
			c.state.onlyInline()
			c.state.at(collectorsAddress)["egress"] = []any{inline("-1", 0, 0, map[string]any{
				"cidr_blocks": []any{"198.51.100.0/24", "0.0.0.0/0"},
			})}
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			"egress to CIDR block 198.51.100.0/24, all traffic",
		}},
		{name: "modules", change: func(_ *testing.T, c *importTest) {
			c.state.rename(func(address string) string { return "module.a.module.b." + address })
			inner := map[string]any{"resources": c.state.resources}
			c.state.modules = []any{map[string]any{"child_modules": []any{inner}}}
			c.state.resources = nil
		}, report: []string{"module.a.module.b.aws_iam_role.collector"}},
		{name: "two clusters", change: func(t *testing.T, c *importTest) {
			c.state.withCluster(t)
			clear(c.state.outputs)
			c.ids[entryCollector] = testCollectors
		}, report: []string{
			"  module.other.aws_msk_serverless_cluster.this (",
			"  module.other.aws_iam_policy.producer (",
			"  module.other.aws_security_group.msk (sg-0000000b)",
		}},
		{name: "no outputs, one group written by hand", change: func(_ *testing.T, c *importTest) {
			clear(c.state.outputs)
			c.ids[entryConsumer] = testConsumers
		}},
		{name: "no consumers' group", change: func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "consumer_sg_id")
			delete(c.state.outputs, "consumer_policy_arn")
			c.state.resources = slices.DeleteFunc(c.state.resources, func(r map[string]any) bool {
				return strings.Contains(r["address"].(string), "consumer")
			})
			c.state.at(brokersAddress)["ingress"] = []any{inline("tcp", 9098, 9098, group(testCollectors))}
			c.args = []string{entryConsumer}
		}, ids: map[string]string{entryConsumer: "", "iam/policy consumer": ""}, report: []string{
			"  ec2/securityGroup consumer\n",
		}},
		{name: "one group for collectors and consumers", change: func(_ *testing.T, c *importTest) {
			c.state.outputs["consumer_sg_id"] = map[string]any{"value": testCollectors}
			c.args = []string{entryConsumer}
		}, ids: map[string]string{entryConsumer: ""}, report: []string{
			"add " + testConsumers + " to clientSecurityGroupIds to keep it",
		}},
		{name: "no groups at all", change: func(_ *testing.T, c *importTest) {
			c.state.onlyInline()
			clear(c.state.outputs)
			c.state.at(brokersAddress)["ingress"] = []any{
				inline("tcp", 9098, 9098, map[string]any{"cidr_blocks": []any{"10.0.0.0/8"}}),
			}
		}, ids: map[string]string{
			entryCollector: "", entryConsumer: "", egressEntry: "",
		}, report: []string{"  CIDR block 10.0.0.0/8, tcp 9098 (aws_security_group.msk): GOES"}},
		{name: "groups that Terraform only reads", change: func(_ *testing.T, c *importTest) {
			c.state.read(collectorsAddress)
			c.state.read(brokersAddress)
			delete(c.state.outputs, "collector_sg_id")
		}, report: []string{"  ec2/securityGroup collector: data.aws_security_group.collectors (" + testCollectors}},
		{name: "policies on the role in every form", change: func(_ *testing.T, c *importTest) {
			c.state.remove("aws_iam_role_policy_attachment")
			role := c.state.at(roleAddress)
			role["managed_policy_arns"] = []any{testProducer, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}
			role["inline_policy"] = []any{
				map[string]any{"name": "", "policy": ""}, map[string]any{"name": "s3", "policy": "{}"},
			}
			c.state.add("aws_iam_policy_attachment", "control", map[string]any{
				"id": "control", "policy_arn": testControl, "roles": []any{testRole, "another"},
			})
			c.state.add("aws_iam_role_policy", "sqs", map[string]any{
				"id": testRole + ":sqs", "role": testRole, "name": "sqs", "policy": "{}",
			})
			c.state.add("aws_iam_role_policy", "other", map[string]any{
				"id": "another:sqs", "role": "another", "name": "sns", "policy": "{}",
			})
			c.state.add("aws_iam_role_policies_exclusive", "collector", map[string]any{
				"role_name": testRole, "policy_names": []any{"s3", "sqs", "ses"},
			})
			c.state.add("aws_iam_role_policy_attachments_exclusive", "collector", map[string]any{
				"role_name": testRole, "policy_arns": []any{testProducer, "arn:aws:iam::aws:policy/ReadOnlyAccess"},
			})
		}, report: []string{
			testProducer + ": imported as iam/policy producer\n",
			testControl + ": imported as iam/policy control-plane; what changes in it changes for another too\n",
			"policy/AmazonSSMManagedInstanceCore (aws_iam_role.collector): DETACHED by the next `pulumi up`",
			"policy/ReadOnlyAccess (aws_iam_role_policy_attachments_exclusive.collector): DETACHED",
			"inline policy s3 (aws_iam_role.collector): DELETED by the next `pulumi up`",
			"inline policy sqs (aws_iam_role_policy.sqs): DELETED",
			"inline policy ses (aws_iam_role_policies_exclusive.collector): DELETED",
			"there are 5\n",
			"  aws_iam_role_policy.other (another:sqs)\n",
		}},
		{name: "a policy for two purposes", change: func(_ *testing.T, c *importTest) {
			c.state.at("aws_iam_policy.producer")["policy"] = `{"Statement":{"Effect":"Allow","Resource":"` +
				testCluster + `","Action":["kafka-cluster:WriteData","kafka:GetBootstrapBrokers"]}}`
		}, ids: map[string]string{
			"iam/policy producer": "", "iam/rolePolicyAttachment collector-producer": "",
		}, report: []string{
			testProducer + " (aws_iam_role.collector, aws_iam_role_policy_attachment.producer): DETACHED",
			"  aws_iam_policy.producer (" + testProducer + ")\n",
		}},
		{name: "logs", change: func(_ *testing.T, c *importTest) {
			logs := `{"Statement":[{"Effect":"Allow","Resource":"*",` +
				`"Action":["logs:PutLogEvents","logs:CreateLogStream"]}]}`
			for _, name := range []string{"logs", "foreign"} {
				c.state.copy("aws_iam_policy.control", "aws_iam_policy", name,
					map[string]any{"id": "arn:" + name, "arn": "arn:" + name, "policy": logs})
			}
			c.state.attach("logs", "arn:logs")
		}, ids: map[string]string{
			"iam/policy collector-logs": "arn:logs", "iam/rolePolicyAttachment collector-logs": testRole + "/arn:logs",
		}, report: []string{"  aws_iam_policy.foreign (arn:foreign)"}},
		{name: "no profile in the outputs", change: func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "collector_instance_profile_name")
			c.state.copy("aws_iam_instance_profile.collector", "aws_iam_instance_profile", "etl",
				map[string]any{"id": "etl", "name": "etl", "role": "etl"})
			c.state.copy(roleAddress, "aws_iam_role", "etl",
				map[string]any{"id": "etl", "name": "etl", "managed_policy_arns": []any{}})
		}, report: []string{"  aws_iam_instance_profile.etl (etl)\n", "  aws_iam_role.etl (etl)\n"}},
		{name: "a role that Terraform only reads", change: func(_ *testing.T, c *importTest) {
			c.state.read(roleAddress)
		}, report: []string{"aws iam list-role-policies --role-name " + testRole}},
		{name: "a role with an inline policy that writes, and no profile", change: func(_ *testing.T, c *importTest) {
			c.state.remove("aws_iam_instance_profile")
			c.state.remove("aws_iam_role_policy_attachment")
			delete(c.state.outputs, "collector_instance_profile_name")
			c.state.at(roleAddress)["managed_policy_arns"] = []any{}
			c.state.at(roleAddress)["inline_policy"] = []any{map[string]any{
				"name": "write", "policy": `{"Statement":{"Effect":"Allow","Action":"kafka-cluster:*","Resource":"*"}}`,
			}}
		}, ids: map[string]string{
			entryProfile: "", "iam/rolePolicyAttachment collector-producer": "",
			"iam/rolePolicyAttachment collector-control-plane": "",
		}, report: []string{"inline policy write (aws_iam_role.collector): DELETED"}},
		{name: "no collectors' role", change: func(_ *testing.T, c *importTest) {
			c.args = []string{entryRole, entryProfile}
		}, ids: map[string]string{
			entryRole: "", entryProfile: "", entryExclusive: "", "iam/rolePolicyAttachment collector-producer": "",
			"iam/rolePolicyAttachment collector-control-plane": "",
		}, report: []string{"  aws_iam_role.collector (" + testRole + ")\n"}},
		{name: "objects of other providers", change: func(_ *testing.T, c *importTest) {
			c.state.add("null_resource", "x", map[string]any{"id": 7, "name": []any{}})
			c.state.add("aws_kms_key", "logs", map[string]any{"id": "key-1", "policy": "{}"})
		}, report: []string{"  aws_kms_key.logs (key-1)\n"}, absent: "null_resource"},
		{name: "inline rules, with a source of each kind", change: func(_ *testing.T, c *importTest) {
			c.state.onlyInline()
			c.state.admit("-1", 0, 0, map[string]any{
				"cidr_blocks": []any{"10.0.0.0/8"}, "ipv6_cidr_blocks": []any{"fd00::/8"},
				"prefix_list_ids": []any{"pl-1"}, "self": true,
			})
		}, ids: map[string]string{egressEntry: inlineEgress}, report: []string{
			"  CIDR block 10.0.0.0/8, all traffic (aws_security_group.msk): GOES",
			"  CIDR block fd00::/8, all traffic (aws_security_group.msk): GOES",
			"  prefix list pl-1, all traffic (aws_security_group.msk): GOES",
			"  the group itself, all traffic (aws_security_group.msk): GOES",
		}},
		{name: "a third group of Terraform's, listed", change: func(_ *testing.T, c *importTest) {
			delete(c.state.outputs, "consumer_sg_id")
			c.state.copy(consumersAddress, "aws_security_group", "more", map[string]any{"id": "sg-00000003"})
			c.state.admit("tcp", 9098, 9098, group("sg-00000003"))
			c.cfg.ClientSecurityGroupIDs = []string{"sg-00000003"}
		}, report: []string{"  sg-00000003, tcp 9098 (aws_security_group.msk): kept"}},
		{name: "two producers, of which the role has one", change: func(_ *testing.T, c *importTest) {
			c.state.copy("aws_iam_policy.producer", "aws_iam_policy", "more", arn("arn:x"))
		}, report: []string{"  aws_iam_policy.more (arn:x)\n"}},
		{name: "another cluster's producers", change: func(t *testing.T, c *importTest) {
			c.state.withCluster(t)
			c.state.add("aws_iam_role_policy_attachment", "other", map[string]any{
				"role": testRole, "policy_arn": strings.ReplaceAll(testProducer, "crypto-stream", "other-stream"),
			})
		}, report: []string{"policy/other-stream-msk-producer (aws_iam_role_policy_attachment.other): DETACHED"}},
		{name: "a policy that nothing ties to the cluster", change: func(_ *testing.T, c *importTest) {
			c.state.remove("aws_iam_role_policy_attachment")
			c.state.at(roleAddress)["managed_policy_arns"] = []any{testProducer}
			c.state.at("aws_iam_policy.control")["policy"] = `{"Statement":{"Effect":"Allow",` +
				`"Action":"kafka:GetBootstrapBrokers","Resource":"*"}}`
		}, ids: map[string]string{
			"iam/policy control-plane": "", "iam/rolePolicyAttachment collector-control-plane": "",
		}, report: []string{"  aws_iam_policy.control (" + testControl + ")\n"}},
		{name: "a policy that also denies", change: func(_ *testing.T, c *importTest) {
			c.state.at("aws_iam_policy.producer")["policy"] = `{"Statement":[` +
				`{"Effect":"Deny","Action":"s3:*","Resource":"*"},` +
				`{"Effect":"Allow","Action":"kafka-cluster:writedata","Resource":"*"}]}`
		}},
		{name: "a policy that allows nearly everything", change: func(_ *testing.T, c *importTest) {
			c.state.at("aws_iam_policy.producer")["policy"] = `{"Statement":[{"Effect":"Allow","NotAction":"s3:*",` +
				`"Resource":"*"},{"Effect":"Allow","Action":"kafka-cluster:WriteData","Resource":"*"}]}`
		}, ids: map[string]string{
			"iam/policy producer": "", "iam/rolePolicyAttachment collector-producer": "",
		}, report: []string{"  " + testProducer + " (aws_iam_role.collector, "}},
		{name: "collectors that also consume", change: func(_ *testing.T, c *importTest) {
			c.state.attach("consume", testConsumer)
		}, report: []string{testConsumer + " (aws_iam_role_policy_attachment.consume): DETACHED"}},
		{name: "an attachment to be created", change: func(_ *testing.T, c *importTest) {
			c.args = []string{"iam/rolePolicyAttachment collector-producer"}
		}, ids: map[string]string{"iam/rolePolicyAttachment collector-producer": ""}, report: []string{
			"  iam/rolePolicyAttachment collector-logs\n  iam/rolePolicyAttachment collector-producer\n",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := newImportTest(t)
			if c.change != nil {
				c.change(t, test)
			}
			ids, report, err := test.run(t)
			require.NoError(t, err)
			want := baseIDs()
			for key, id := range c.ids {
				want[key] = id
				if id == "" {
					delete(want, key)
				}
			}
			assert.Equal(t, want, ids)
			for _, text := range c.report {
				assert.Contains(t, report, text)
			}
			if c.absent != "" {
				assert.NotContains(t, report, c.absent)
			}
		})
	}
}
