package main

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
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
		VpcConfigs: msk.ServerlessClusterVpcConfigArray{msk.ServerlessClusterVpcConfigArgs{
			SubnetIds:        pulumi.ToStringArray(cfg.SubnetIDs),
			SecurityGroupIds: pulumi.StringArray{n.Brokers.ID()},
		}},
	},
		pulumi.Provider(provider),
		pulumi.Protect(cfg.Protect))
}

// clusterARN is the ARN of a cluster: arn:<partition>:kafka:<region>:<account>:cluster/<name>/<uuid>. The ARNs of its
// topics and groups contain the same name and uuid (MSK guide, "Authorization policy resources").
type clusterARN string

// topics returns the ARN of every topic whose name begins with prefix.
func (a clusterARN) topics(prefix string) string { return a.inside("topic", prefix+"*") }

// group returns the ARN of one consumer group.
func (a clusterARN) group(name string) string { return a.inside("group", name) }

func (a clusterARN) inside(kind, name string) string {
	return strings.Replace(string(a), ":cluster/", ":"+kind+"/", 1) + "/" + name
}
