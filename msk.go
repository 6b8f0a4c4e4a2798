package main

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/iampolicy"
)

// newCluster declares the cluster. SASL/IAM is the only authentication that MSK Serverless supports.
func newCluster(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	n network,
) (*msk.ServerlessCluster, error) {
	return msk.NewServerlessCluster(ctx, "cluster", &msk.ServerlessClusterArgs{
		ClusterName: pulumi.String(cfg.ClusterName),
		ClientAuthentication: msk.ServerlessClusterClientAuthenticationArgs{
			Sasl: msk.ServerlessClusterClientAuthenticationSaslArgs{
				Iam: msk.ServerlessClusterClientAuthenticationSaslIamArgs{Enabled: pulumi.Bool(true)},
			},
		},
		VpcConfigs: n.vpcConfigs(cfg),
	},
		pulumi.Provider(provider),
		pulumi.Protect(cfg.Protect))
}

// vpcConfigs returns the cluster's place in each VPC, in an order that doesn't depend on the order of furtherVpcs.
func (n network) vpcConfigs(cfg config.Config) msk.ServerlessClusterVpcConfigArray {
	vpcs := cfg.VPCs()
	slices.SortFunc(vpcs[1:], func(a, b config.VPC) int { return strings.Compare(a.ID, b.ID) })
	var configs msk.ServerlessClusterVpcConfigArray
	for i, v := range vpcs {
		brokers := n.Brokers
		if i > 0 {
			brokers = n.FurtherBrokers[v.ID]
		}
		configs = append(configs, msk.ServerlessClusterVpcConfigArgs{
			SubnetIds: pulumi.ToStringArray(v.Subnets.Names),
			SecurityGroupIds: pulumi.StringArray{brokers.ID().ApplyT(func(id pulumi.ID) (string, error) {
				return notItself(string(id), v.ClientSGs)
			}).(pulumi.StringOutput)},
		})
	}
	return configs
}

// newClusterPolicy declares the cluster's resource-based policy if a service needs one. It is replaced with the
// cluster: the provider would update it in place, look for it at the old cluster and fail (Terraform AWS provider,
// internal/service/kafka/cluster_policy.go).
func newClusterPolicy(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	cluster *msk.ServerlessCluster,
) error {
	if len(cfg.ClusterPolicyServices) == 0 {
		return nil
	}
	_, err := msk.NewClusterPolicy(ctx, "cluster", &msk.ClusterPolicyArgs{
		ClusterArn: cluster.Arn,
		Policy: cluster.Arn.ApplyT(func(arn string) string {
			return compact.JSON(clusterPolicyDocument(arn, cfg.ClusterPolicyServices))
		}).(pulumi.StringOutput),
	}, pulumi.Provider(provider), pulumi.ReplaceOnChanges([]string{"clusterArn"}))
	return err
}

// clusterPolicyDocument lets AWS's services connect to the cluster: Firehose, to read a topic (Firehose guide,
// "Controlling access", "Grant Firehose access to your private Amazon MSK cluster"), and MSK Replicator, to copy
// topics to another region (MSK guide, "Prepare the Amazon MSK source cluster"). Neither documents a condition.
func clusterPolicyDocument(arn string, services []string) iampolicy.Document {
	var statements []iampolicy.Statement
	for _, service := range slices.Sorted(slices.Values(services)) {
		var s iampolicy.Statement
		switch service {
		case "firehose":
			s = iampolicy.Allow("Firehose", []string{"kafka:CreateVpcConnection"}, []string{arn})
			s.Principal = map[string]iampolicy.Strings{"Service": {"firehose.amazonaws.com"}}
		case "replicator":
			s = iampolicy.Allow("Replicator",
				[]string{"kafka:CreateVpcConnection", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"}, []string{arn})
			s.Principal = map[string]iampolicy.Strings{"Service": {"kafka.amazonaws.com"}}
		}
		statements = append(statements, s)
	}
	return iampolicy.NewDocument(statements...)
}

// clusterARN is the ARN of a cluster: arn:<partition>:kafka:<region>:<account>:cluster/<name>/<uuid>. The ARNs of its
// topics and groups contain the same name and uuid (MSK guide, "Authorization policy resources").
type clusterARN string

// topics returns the ARN of every topic whose name begins with prefix.
func (a clusterARN) topics(prefix string) string { return a.inside("topic", prefix+"*") }

// groups returns the ARN of every consumer group whose name begins with prefix.
func (a clusterARN) groups(prefix string) string { return a.inside("group", prefix+"*") }

// group returns the ARN of one consumer group.
func (a clusterARN) group(name string) string { return a.inside("group", name) }

func (a clusterARN) inside(kind, name string) string {
	return strings.Replace(string(a), ":cluster/", ":"+kind+"/", 1) + "/" + name
}
