package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newLogging declares the log group that collectors write of their traffic with the brokers. MSK Serverless itself
// sends no broker logs: the API takes no such setting (MSK API, ServerlessRequest), so none can be made here.
func newLogging(ctx *pulumi.Context, cfg Config, provider *aws.Provider) (*cloudwatch.LogGroup, error) {
	args := &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/aws/msk/" + cfg.ClusterName + "/broker"),
		RetentionInDays: pulumi.Int(cfg.LogRetentionDays),
	}
	if cfg.LogKMSKeyARN != "" {
		args.KmsKeyId = pulumi.String(cfg.LogKMSKeyARN)
	}
	return cloudwatch.NewLogGroup(ctx, "broker-logs", args, pulumi.Provider(provider), pulumi.Protect(cfg.Protect))
}
