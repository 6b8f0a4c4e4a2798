package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

// export sets the stack's outputs, which mskctl and people read. README.md, "Outputs", documents them.
func export(
	ctx *pulumi.Context,
	cfg config.Config,
	n network,
	logs *cloudwatch.LogGroup,
	cluster *msk.ServerlessCluster,
	a access,
	d dashboard,
) {
	ctx.Export("region", pulumi.String(cfg.Region))
	ctx.Export("bootstrapBrokersSaslIam", bootstrapBrokers(ctx, cluster))
	ctx.Export("clusterArn", cluster.Arn)
	ctx.Export("clusterUuid", cluster.ClusterUuid)
	ctx.Export("brokerSecurityGroupId", n.Brokers.ID())
	if len(n.FurtherBrokers) > 0 {
		further := pulumi.StringMap{}
		for vpc, group := range n.FurtherBrokers {
			further[vpc] = group.ID()
		}
		ctx.Export("furtherBrokerSecurityGroupIds", further)
	}
	ctx.Export("collectorSecurityGroupId", n.Collector.ID())
	ctx.Export("consumerSecurityGroupId", n.Consumer.ID())
	ctx.Export("brokerLogGroupName", logs.Name)
	exportClients(ctx, n, a.Clients)
	operators := pulumi.StringArray{}
	for _, policy := range a.Operators {
		operators = append(operators, policy.Arn)
	}
	ctx.Export("operatorPolicyArn", operators[0])
	ctx.Export("operatorPolicyArns", operators)
	if a.Observers != nil {
		ctx.Export("observerPolicyArn", a.Observers.Arn)
	}
	if d.URL != "" {
		ctx.Export("dashboardUrl", pulumi.String(d.URL))
	}
}

// exportClients sets the clients' policies, roles and instance profiles, and what they may write and read as it is
// deployed: the configuration may be ahead of that.
func exportClients(ctx *pulumi.Context, n network, clients []client) {
	shared := config.Client{}
	policies, roles, profiles, deployed := pulumi.StringMap{}, pulumi.StringMap{}, pulumi.StringMap{}, pulumi.Map{}
	for _, c := range clients {
		switch c.Name {
		case config.Collectors:
			ctx.Export("producerPolicyArn", c.Policy.Arn)
			ctx.Export("producerTopicPrefixes", pulumi.ToStringArray(c.Writes.Names))
			ctx.Export("collectorInstanceProfileName", c.Profile.Name)
			ctx.Export("collectorRoleArn", c.Role.Arn)
		case config.SharedConsumers:
			ctx.Export("consumerPolicyArn", c.Policy.Arn)
			shared = c.Client
		default:
			policies[c.Name] = c.Policy.Arn
			if c.Role != nil {
				roles[c.Name] = c.Role.Arn
			}
			if c.Profile != nil {
				profiles[c.Name] = c.Profile.Name
			}
			deployed[c.Name] = pulumi.Map{
				"writes":          pulumi.ToStringArray(c.Writes.Names),
				"reads":           pulumi.ToStringArray(c.Reads.Names),
				"groups":          pulumi.ToStringArray(c.Groups.Names),
				"runsOn":          pulumi.ToStringArray(c.RunsOn.Kinds()),
				"securityGroupId": n.groupOf(c.Client).ID(),
			}
		}
	}
	ctx.Export("consumerTopicPrefixes", pulumi.ToStringArray(shared.Reads.Names))
	ctx.Export("consumerGroupNames", pulumi.ToStringArray(shared.Groups.Names))
	ctx.Export("clientPolicyArns", policies)
	ctx.Export("clientRoleArns", roles)
	ctx.Export("clientInstanceProfileNames", profiles)
	ctx.Export("clients", deployed)
}

// bootstrapBrokers returns the bootstrap string and warns if it is empty. The provider leaves it empty without an
// error if the deploying credentials may not call kafka:GetBootstrapBrokers.
func bootstrapBrokers(ctx *pulumi.Context, cluster *msk.ServerlessCluster) pulumi.StringOutput {
	return cluster.BootstrapBrokersSaslIam.ApplyT(func(brokers string) (string, error) {
		if brokers != "" {
			return brokers, nil
		}
		return brokers, ctx.Log.Warn("bootstrapBrokersSaslIam is empty: allow the deploying credentials "+
			"kafka:GetBootstrapBrokers, then run `pulumi up --refresh`", &pulumi.LogArgs{Resource: cluster})
	}).(pulumi.StringOutput)
}
