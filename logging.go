package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

// newLogging declares the log group in which collectors log their traffic with the brokers. MSK Serverless delivers
// no broker logs, and its API has no such setting (MSK API, ServerlessRequest). The group waits for the cluster: if a
// change of name or region fails before it deletes the cluster, the logs stay too.
func newLogging(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	cluster *msk.ServerlessCluster,
) (*cloudwatch.LogGroup, error) {
	args := &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/aws/msk/" + cfg.ClusterName + "/broker"),
		RetentionInDays: pulumi.Int(cfg.LogRetentionDays),
	}
	if cfg.LogKMSKeyARN != "" {
		args.KmsKeyId = pulumi.String(cfg.LogKMSKeyARN)
	}
	return cloudwatch.NewLogGroup(ctx, "broker-logs", args,
		pulumi.Provider(provider),
		pulumi.Protect(cfg.Protect),
		pulumi.DependsOn([]pulumi.Resource{cluster}))
}
