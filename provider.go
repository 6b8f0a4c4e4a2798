package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

// newProvider registers the AWS provider with the stack's region and tags. Default providers are disabled, so that no
// resource can go to another region or account, or lack a tag. Each region's provider has its own name, so that Pulumi
// keeps the old region's one while a move to another region can still be taken back.
func newProvider(ctx *pulumi.Context, cfg config.Config) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region:      pulumi.String(cfg.Region),
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(cfg.AllTags(ctx.Stack()))},
	}
	if cfg.AssumeRoleARN != "" {
		args.AssumeRole = aws.ProviderAssumeRoleArgs{
			RoleArn:     pulumi.String(cfg.AssumeRoleARN),
			SessionName: pulumi.String("msk-serverless"),
		}
	}
	if len(cfg.AllowedAccountIDs) > 0 {
		args.AllowedAccountIds = pulumi.ToStringArray(cfg.AllowedAccountIDs)
	}
	return aws.NewProvider(ctx, "aws-"+cfg.Region, args)
}
