package main

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

// kafkaPort is the port of SASL/IAM over TLS, the only way into MSK Serverless (MSK guide, "Port information").
const kafkaPort = 9098

// network holds the security groups of the platform.
type network struct {
	Brokers, Collector, Consumer *ec2.SecurityGroup
}

// newNetwork declares the security groups of brokers, collectors and consumers, and what they let through.
func newNetwork(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) (network, error) {
	group := func(name, description string, vpcID pulumi.StringInput, ingress ec2.SecurityGroupIngressArray,
		egress ec2.SecurityGroupEgressArray, opts ...pulumi.ResourceOption,
	) (*ec2.SecurityGroup, error) {
		return ec2.NewSecurityGroup(ctx, name, &ec2.SecurityGroupArgs{
			// The provider adds a suffix, so that a group whose creation was lost never blocks the next one.
			NamePrefix:  pulumi.String(cfg.ClusterName + "-" + name + "-"),
			Description: pulumi.String(description),
			VpcId:       vpcID,
			Ingress:     ingress,
			Egress:      egress,
		}, append(opts, pulumi.Provider(provider))...)
	}

	collector, err := group("collector", "Collectors: EC2 instances that produce to the brokers",
		pulumi.String(cfg.VPCID), nil, nil)
	if err != nil {
		return network{}, err
	}
	// The other groups take the VPC from this one. If the VPC changes, Pulumi therefore deletes them, and the cluster
	// in them, before this group, to which the brokers' rules refer.
	consumer, err := group("consumer", "Consumers: workloads that read from the brokers", collector.VpcId, nil, nil)
	if err != nil {
		return network{}, err
	}

	// Inline rules are exclusive: a rule that somebody adds by hand shows as drift and is removed.
	clients := pulumi.All(collector.ID(), consumer.ID()).ApplyT(func(own []any) ([]string, error) {
		return admitted(string(own[0].(pulumi.ID)), string(own[1].(pulumi.ID)), cfg.ClientSecurityGroupIDs)
	}).(pulumi.StringArrayOutput)
	brokers, err := group("brokers", "Brokers of MSK Serverless", collector.VpcId,
		ec2.SecurityGroupIngressArray{
			ec2.SecurityGroupIngressArgs{
				Description: pulumi.String(
					"Kafka (SASL/IAM over TLS) from collectors, consumers and further clients",
				),
				Protocol:       pulumi.String("tcp"),
				FromPort:       pulumi.Int(kafkaPort),
				ToPort:         pulumi.Int(kafkaPort),
				SecurityGroups: clients,
			},
		},
		ec2.SecurityGroupEgressArray{ec2.SecurityGroupEgressArgs{
			Description:    pulumi.String("All traffic"),
			Protocol:       pulumi.String("-1"),
			FromPort:       pulumi.Int(0),
			ToPort:         pulumi.Int(0),
			CidrBlocks:     pulumi.StringArray{pulumi.String("0.0.0.0/0")},
			Ipv6CidrBlocks: pulumi.StringArray{pulumi.String("::/0")},
		}},
		pulumi.Protect(cfg.Protect))
	if err != nil {
		return network{}, err
	}

	n := network{Brokers: brokers, Collector: collector, Consumer: consumer}
	return n, n.allowEgress(ctx, cfg, provider)
}

// admitted returns the groups that the brokers admit. Its error is a Problems if a configured one is the collectors'
// or the consumers' own, which EC2 would refuse as a second rule for the same group.
func admitted(collector, consumer string, configured []string) ([]string, error) {
	ids := []string{collector, consumer}
	var ps config.Problems
	for _, id := range slices.Sorted(slices.Values(configured)) {
		if slices.Contains(ids, id) {
			ps.Add("clientSecurityGroupIds", id, "is a group of this stack, which the brokers admit anyway; remove it")
		}
		ids = append(ids, id)
	}
	return ids, ps.Err()
}

// allowEgress lets collectors and consumers connect to the brokers, and collectors to the exchanges. The provider
// removes the rule that AWS gives every new group, which allows all egress. These rules are separate resources
// because the brokers' group refers to the groups that they belong to.
func (n network) allowEgress(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) error {
	toBrokers := func(from string, group *ec2.SecurityGroup) error {
		_, err := vpc.NewSecurityGroupEgressRule(ctx, from+"-to-brokers", &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId:           group.ID(),
			IpProtocol:                pulumi.String("tcp"),
			FromPort:                  pulumi.Int(kafkaPort),
			ToPort:                    pulumi.Int(kafkaPort),
			ReferencedSecurityGroupId: n.Brokers.ID(),
		}, pulumi.Provider(provider))
		return err
	}
	if err := toBrokers("collector", n.Collector); err != nil {
		return err
	}
	if err := toBrokers("consumer", n.Consumer); err != nil {
		return err
	}

	for _, cidr := range cfg.CollectorEgressCIDRs {
		args := &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId: n.Collector.ID(),
			Description:     pulumi.String("Exchanges and AWS APIs"),
			IpProtocol:      pulumi.String("-1"),
		}
		if strings.Contains(cidr, ":") {
			args.CidrIpv6 = pulumi.String(cidr)
		} else {
			args.CidrIpv4 = pulumi.String(cidr)
		}
		// Named after the block and not after its index, so that reordering the list changes nothing.
		_, err := vpc.NewSecurityGroupEgressRule(ctx, "collector-to-"+cidr, args, pulumi.Provider(provider))
		if err != nil {
			return err
		}
	}
	return nil
}
