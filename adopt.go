package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

// kept returns the properties of a resource type that an adopted resource keeps: those that AWS can't change in
// place, apart from what is configured (docs/changes.md), and a rule's description, which isn't worth changing a
// rule in use.
func kept(resourceType string) []string {
	switch resourceType {
	case "aws:ec2/securityGroup:SecurityGroup":
		return []string{"name", "description"}
	case "aws:iam/policy:Policy":
		return []string{"name", "path", "description"}
	case "aws:iam/role:Role", "aws:iam/instanceProfile:InstanceProfile":
		return []string{"name", "path"}
	case "aws:cloudwatch/logGroup:LogGroup":
		return []string{"name"}
	case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
		return []string{"description"}
	}
	return nil
}

// keepNames makes resources that were imported keep their names, descriptions and paths, since changing them would
// replace the resources. It has no effect on resources that the program creates.
func keepNames(ctx *pulumi.Context, cfg config.Config) error {
	if !cfg.Adopted {
		return nil
	}
	return ctx.RegisterStackTransformation(
		func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			return &pulumi.ResourceTransformationResult{
				Props: args.Props,
				Opts:  append(args.Opts, pulumi.IgnoreChanges(kept(args.Type))),
			}
		},
	)
}
