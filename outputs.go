package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// export names what scripts and people read from the stack.
func export(ctx *pulumi.Context, cfg Config, n network, logs *cloudwatch.LogGroup, cluster *msk.ServerlessCluster, a access,
	m monitoring,
) {
	ctx.Export("region", pulumi.String(cfg.Region))
	ctx.Export("bootstrapBrokersSaslIam", warnIfEmpty(ctx, cluster))
	ctx.Export("clusterArn", cluster.Arn)
	ctx.Export("clusterUuid", cluster.ClusterUuid)
	ctx.Export("brokerSecurityGroupId", n.Brokers.ID())
	ctx.Export("collectorSecurityGroupId", n.Collector.ID())
	ctx.Export("consumerSecurityGroupId", n.Consumer.ID())
	ctx.Export("collectorInstanceProfileName", a.Profile.Name)
	ctx.Export("collectorRoleArn", a.Collector.Arn)
	ctx.Export("producerPolicyArn", a.Producer.Arn)
	if a.Consumer != nil {
		ctx.Export("consumerPolicyArn", a.Consumer.Arn)
	}
	teams := pulumi.StringMap{}
	for team, policy := range a.Teams {
		teams[team] = policy.Arn
	}
	ctx.Export("consumerTeamPolicyArns", teams)
	operators := pulumi.StringArray{}
	for _, policy := range a.Operators {
		operators = append(operators, policy.Arn)
	}
	ctx.Export("operatorPolicyArn", operators[0])
	ctx.Export("operatorPolicyArns", operators)
	ctx.Export("brokerLogGroupName", logs.Name)
	// What is deployed, which the configuration may be ahead of.
	ctx.Export("producerTopicPrefixes", pulumi.ToStringArray(cfg.ProducerTopicPrefixes))
	ctx.Export("consumerTopicPrefixes", pulumi.ToStringArray(cfg.ConsumerTopicPrefixes))
	ctx.Export("consumerGroupNames", pulumi.ToStringArray(cfg.ConsumerGroupNames))
	lists := pulumi.Map{}
	for name, team := range cfg.ConsumerTeams {
		lists[name] = pulumi.Map{"topicPrefixes": pulumi.ToStringArray(team.TopicPrefixes), "groupNames": pulumi.ToStringArray(team.GroupNames)}
	}
	ctx.Export("consumerTeams", lists)
	if m.DashboardURL != "" {
		ctx.Export("dashboardUrl", pulumi.String(m.DashboardURL))
	}
}

// warnIfEmpty is the cluster's bootstrap brokers. The provider leaves them empty, and says nothing, where whoever deploys
// may not call kafka:GetBootstrapBrokers.
func warnIfEmpty(ctx *pulumi.Context, cluster *msk.ServerlessCluster) pulumi.StringOutput {
	return cluster.BootstrapBrokersSaslIam.ApplyT(func(brokers string) (string, error) {
		if brokers != "" {
			return brokers, nil
		}
		return brokers, ctx.Log.Warn("bootstrapBrokersSaslIam is empty: allow whoever deploys kafka:GetBootstrapBrokers, "+
			"then run `pulumi up --refresh`", &pulumi.LogArgs{Resource: cluster})
	}).(pulumi.StringOutput)
}
