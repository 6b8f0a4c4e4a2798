package main

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// kept are, by resource type, the properties besides the program's own settings that AWS can't change in place
// (docs/changes.md names what replaces), and a rule's description, which isn't worth a change of a rule in use.
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

// keepNames leaves what was made elsewhere, and imported, the names, descriptions and paths that it was made with: to
// change them would replace it. What the program makes anew gets its own: a change can only be ignored where there is
// something to keep.
func keepNames(ctx *pulumi.Context, cfg Config) error {
	if !cfg.Adopted {
		return nil
	}
	return ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		return &pulumi.ResourceTransformationResult{
			Props: args.Props,
			Opts:  append(args.Opts, pulumi.IgnoreChanges(kept(args.Type))),
		}
	})
}
