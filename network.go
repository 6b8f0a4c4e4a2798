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

// network holds the security groups of the platform.
type network struct {
	Brokers, Collector, Consumer *ec2.SecurityGroup
	FurtherBrokers               map[string]*ec2.SecurityGroup // by VPC
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
	brokers := func(name string, vpcID pulumi.StringInput, clients pulumi.StringArrayInput) (*ec2.SecurityGroup, error) {
		return group(name, "Brokers of MSK Serverless", vpcID, brokersIngress(cfg, clients),
			ec2.SecurityGroupEgressArray{ec2.SecurityGroupEgressArgs{
				Description:    pulumi.String("All traffic"),
				Protocol:       pulumi.String("-1"),
				FromPort:       pulumi.Int(0),
				ToPort:         pulumi.Int(0),
				CidrBlocks:     pulumi.StringArray{pulumi.String("0.0.0.0/0")},
				Ipv6CidrBlocks: pulumi.StringArray{pulumi.String("::/0")},
			}},
			pulumi.Protect(cfg.Protect))
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
	clients := pulumi.All(collector.ID(), consumer.ID()).ApplyT(func(own []any) ([]string, error) {
		return admitted(string(own[0].(pulumi.ID)), string(own[1].(pulumi.ID)), cfg.ClientSecurityGroupIDs)
	}).(pulumi.StringArrayOutput)
	n := network{Collector: collector, Consumer: consumer, FurtherBrokers: map[string]*ec2.SecurityGroup{}}
	if n.Brokers, err = brokers("brokers", collector.VpcId, clients); err != nil {
		return network{}, err
	}
	for _, v := range cfg.VPCs()[1:] {
		var clients pulumi.StringArrayInput // nil if the VPC's clients are admitted by their addresses alone
		if len(v.ClientSGs.Names) > 0 {
			clients = pulumi.ToStringArray(slices.Sorted(slices.Values(v.ClientSGs.Names)))
		}
		n.FurtherBrokers[v.ID], err = brokers("brokers-"+v.ID, pulumi.String(v.ID), clients)
		if err != nil {
			return network{}, err
		}
	}
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

// notItself returns the id of a brokers' group. Its error is a Problems if the group is configured as a client: the AWS
// provider reads that back as another kind of rule, so each preview would show it as a change.
func notItself(brokers string, clients config.List) (string, error) {
	var ps config.Problems
	if slices.Contains(clients.Names, brokers) {
		ps.Add(clients.Key, brokers, "is the brokers' own group; remove it. The program admits it if a client runs on Lambda")
	}
	return brokers, ps.Err()
}

// brokersIngress returns the inbound rules of a brokers' group. Inline rules are exclusive: a rule that somebody adds
// by hand shows as drift and is removed.
func brokersIngress(cfg config.Config, clients pulumi.StringArrayInput) ec2.SecurityGroupIngressArray {
	kafka := func(description string) ec2.SecurityGroupIngressArgs {
		return ec2.SecurityGroupIngressArgs{
			Description: pulumi.String("Kafka (SASL/IAM over TLS) from " + description),
			Protocol:    pulumi.String("tcp"),
			FromPort:    pulumi.Int(config.KafkaPort),
			ToPort:      pulumi.Int(config.KafkaPort),
		}
	}
	var ingress ec2.SecurityGroupIngressArray
	if clients != nil {
		rule := kafka("collectors, consumers and further clients")
		rule.SecurityGroups = clients
		ingress = append(ingress, rule)
	}
	if len(cfg.ClientCIDRs) > 0 {
		rule := kafka("further networks")
		v4, v6 := pulumi.StringArray{}, pulumi.StringArray{}
		for _, cidr := range slices.Sorted(slices.Values(cfg.ClientCIDRs)) {
			if strings.Contains(cidr, ":") {
				v6 = append(v6, pulumi.String(cidr))
			} else {
				v4 = append(v4, pulumi.String(cidr))
			}
		}
		if len(v4) > 0 {
			rule.CidrBlocks = v4
		}
		if len(v6) > 0 {
			rule.Ipv6CidrBlocks = v6
		}
		ingress = append(ingress, rule)
	}
	if slices.ContainsFunc(cfg.Clients(), config.Client.OnLambda) {
		// An event source has the brokers' own group (Lambda guide, "Configuring your Amazon MSK cluster and Amazon VPC
		// network for Lambda").
		rule := kafka("event sources of Lambda functions")
		rule.Self = pulumi.Bool(true)
		ingress = append(ingress, rule)
	}
	return ingress
}

// groupOf returns the security group for what a client runs on. A client that writes needs the way out to its sources
// that collectors have. A Lambda event source is given the brokers' group, whatever else is configured (Lambda guide,
// "Creating a Lambda event source mapping for an Amazon MSK event source").
func (n network) groupOf(c config.Client) *ec2.SecurityGroup {
	switch {
	case c.OnLambda() && len(c.RunsOn.Kinds()) == 1:
		return n.Brokers
	case len(c.Writes.Names) > 0:
		return n.Collector
	}
	return n.Consumer
}

// allowEgress lets collectors and consumers connect to the brokers, and collectors to the exchanges. The provider
// removes the rule that AWS gives every new group, which allows all egress. These rules are separate resources
// because the brokers' group refers to the groups that they belong to.
func (n network) allowEgress(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) error {
	toBrokers := func(from string, group *ec2.SecurityGroup) error {
		_, err := vpc.NewSecurityGroupEgressRule(ctx, from+"-to-brokers", &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId:           group.ID(),
			IpProtocol:                pulumi.String("tcp"),
			FromPort:                  pulumi.Int(config.KafkaPort),
			ToPort:                    pulumi.Int(config.KafkaPort),
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
