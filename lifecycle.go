package main

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

const securityGroupType = "aws:ec2/securityGroup:SecurityGroup"

// setLifecycle sets, for all resources, what happens when a change replaces them.
//
// Whatever is replaced is deleted first, and what depends on it before that, so the cluster goes before its network.
// A change that fails half-way has therefore deleted the cluster or not touched it, and never holds two objects of
// one name, of which the later clean-up would delete the wrong one. Either way the previous configuration can be
// deployed again.
//
// Resources keep what kept returns.
func setLifecycle(ctx *pulumi.Context, cfg config.Config) error {
	return ctx.RegisterStackTransformation(
		func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			if !strings.HasPrefix(args.Type, "aws:") {
				return nil
			}
			return &pulumi.ResourceTransformationResult{
				Props: args.Props,
				Opts: append(args.Opts, pulumi.DeleteBeforeReplace(true),
					pulumi.IgnoreChanges(kept(args.Type, cfg.Adopted))),
			}
		},
	)
}

// kept returns the properties of a resource type that a resource keeps as they are in the state. A security group
// always keeps its name and description: changing either would replace the group, and with it the cluster. What was
// adopted from elsewhere also keeps the other properties that AWS can't change in place, apart from what is
// configured (docs/changes.md), and a rule's description, which isn't worth changing a rule in use.
func kept(resourceType string, adopted bool) []string {
	if resourceType == securityGroupType {
		return []string{"name", "namePrefix", "description"}
	}
	if !adopted {
		return nil
	}
	switch resourceType {
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
