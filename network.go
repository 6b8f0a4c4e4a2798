package main

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// kafkaPort is where the brokers listen: SASL/IAM over TLS, the only way in that MSK Serverless has (MSK guide, "Port
// information").
const kafkaPort = 9098

// network is the security groups of the platform.
type network struct {
	Brokers, Collector, Consumer *ec2.SecurityGroup
}

// newNetwork declares a security group each for brokers, collectors and consumers.
func newNetwork(ctx *pulumi.Context, cfg Config, provider *aws.Provider) (network, error) {
	group := func(name, description string, ingress ec2.SecurityGroupIngressArray, egress ec2.SecurityGroupEgressArray,
		opts ...pulumi.ResourceOption,
	) (*ec2.SecurityGroup, error) {
		return ec2.NewSecurityGroup(ctx, name, &ec2.SecurityGroupArgs{
			Name:        pulumi.String(cfg.ClusterName + "-" + name),
			Description: pulumi.String(description),
			VpcId:       pulumi.String(cfg.VPCID),
			Ingress:     ingress,
			Egress:      egress,
		}, append(opts, pulumi.Provider(provider),
			// Where the VPC or the region changes, the new group can have the same name, and the old one can't go before
			// the brokers' rules have let go of it.
			pulumi.DeleteBeforeReplace(false))...)
	}

	collector, err := group("collector", "Collectors: EC2 instances that produce to the brokers", nil, nil)
	if err != nil {
		return network{}, err
	}
	consumer, err := group("consumer", "Consumers: workloads that read from the brokers", nil, nil)
	if err != nil {
		return network{}, err
	}

	// Inline rules are the only ones that the group may have: one opened by hand is drift, and goes.
	clients := pulumi.StringArray{collector.ID(), consumer.ID()}
	for _, id := range slices.Sorted(slices.Values(cfg.ClientSecurityGroupIDs)) {
		clients = append(clients, pulumi.String(id))
	}
	brokers, err := group("brokers", "Brokers of MSK Serverless",
		ec2.SecurityGroupIngressArray{ec2.SecurityGroupIngressArgs{
			Description:    pulumi.String("Kafka (SASL/IAM over TLS) from collectors, consumers and further clients"),
			Protocol:       pulumi.String("tcp"),
			FromPort:       pulumi.Int(kafkaPort),
			ToPort:         pulumi.Int(kafkaPort),
			SecurityGroups: clients,
		}},
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

// allowEgress lets collectors and consumers out to the brokers, and collectors to the exchanges: AWS's own rule, which
// lets a group out to anywhere, is removed by the provider. The rules are resources of their own because the brokers'
// group refers to the groups that they belong to.
func (n network) allowEgress(ctx *pulumi.Context, cfg Config, provider *aws.Provider) error {
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
		// Named for the block and not for its place in the list, so that a reorder changes nothing.
		if _, err := vpc.NewSecurityGroupEgressRule(ctx, "collector-to-"+cidr, args, pulumi.Provider(provider)); err != nil {
			return err
		}
	}
	return nil
}

// verifyNetwork finds a VPC or subnets that a serverless cluster can't be put in: it needs DNS hostnames and resolution
// on, and subnets in two Availability Zones or more (MSK guide, "Create a cluster").
func (c Config) verifyNetwork(ctx *pulumi.Context, ps *problems, provider *aws.Provider) {
	looks := []func(*problems){func(ps *problems) { c.verifyVPC(ctx, ps, provider) }}
	zones := make([]string, len(c.SubnetIDs))
	for i, id := range c.SubnetIDs {
		looks = append(looks, func(ps *problems) { zones[i] = c.verifySubnet(ctx, ps, id, provider) })
	}
	ps.sideBySide(looks...)
	if distinct := sortedSet(zones); len(distinct) == 1 && distinct[0] != "" {
		ps.add("subnetIds", c.SubnetIDs, "name subnets in 2 or more Availability Zones; all of these are in %s", distinct[0])
	}
}

const escape = "or set verifyNetwork to false if whoever deploys may not look it up"

func (c Config) verifyVPC(ctx *pulumi.Context, ps *problems, provider *aws.Provider) {
	v, err := ec2.LookupVpc(ctx, &ec2.LookupVpcArgs{Id: &c.VPCID}, pulumi.Provider(provider))
	if err != nil {
		ps.add("vpcId", c.VPCID, "name a VPC of this account and %s, %s; looking it up: %s", c.Region, escape, reason(err))
		return
	}
	if !v.EnableDnsHostnames {
		ps.add("vpcId", c.VPCID, "turn DNS hostnames on: aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-hostnames", c.VPCID)
	}
	if !v.EnableDnsSupport {
		ps.add("vpcId", c.VPCID, "turn DNS resolution on: aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-support", c.VPCID)
	}
}

// verifySubnet returns the subnet's Availability Zone, empty where there is no such subnet.
func (c Config) verifySubnet(ctx *pulumi.Context, ps *problems, id string, provider *aws.Provider) (zone string) {
	subnet, err := ec2.LookupSubnet(ctx, &ec2.LookupSubnetArgs{Id: &id}, pulumi.Provider(provider))
	if err != nil {
		ps.add("subnetIds", id, "name a subnet of %s, %s; looking it up: %s", c.VPCID, escape, reason(err))
		return ""
	}
	if subnet.VpcId != c.VPCID {
		ps.add("subnetIds", id, "name a subnet of %s; this one is in %s", c.VPCID, subnet.VpcId)
	}
	return subnet.AvailabilityZone
}
