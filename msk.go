package main

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newCluster declares the cluster. SASL/IAM is not a choice: MSK Serverless knows no other authentication.
func newCluster(ctx *pulumi.Context, cfg Config, n network, provider *aws.Provider) (*msk.ServerlessCluster, error) {
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
		pulumi.Protect(cfg.Protect),
		// Its name is taken until the old one is gone.
		pulumi.DeleteBeforeReplace(true))
}

// clusterARN is the ARN of a cluster: arn:<partition>:kafka:<region>:<account>:cluster/<name>/<uuid>. What is in the
// cluster has its name and uuid too (MSK guide, "Authorization policy resources").
type clusterARN string

// topics is the ARN of every topic whose name begins with prefix.
func (a clusterARN) topics(prefix string) string { return a.inside("topic", prefix+"*") }

// group is the ARN of one consumer group.
func (a clusterARN) group(name string) string { return a.inside("group", name) }

func (a clusterARN) inside(kind, name string) string {
	return strings.Replace(string(a), ":cluster/", ":"+kind+"/", 1) + "/" + name
}
