package main

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newProvider registers the AWS provider that everything is deployed with: none but this one may be used, so that no
// resource goes to another region or account, or lacks a tag.
func newProvider(ctx *pulumi.Context, cfg Config) (*aws.Provider, error) {
	tags := pulumi.StringMap{accessScope: pulumi.String(cfg.AccessScope)}
	for k, v := range cfg.Tags {
		tags[k] = pulumi.String(v)
	}
	args := &aws.ProviderArgs{
		Region:      pulumi.String(cfg.Region),
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: tags},
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
	return aws.NewProvider(ctx, "aws", args)
}

// account is where the stack is deployed to.
type account struct {
	ID        string
	Partition string
	// Boundary is the ARN of the permissions boundary of every role; empty for none.
	Boundary string
}

// preflight asks AWS what configuration alone can't tell, before any of its resources is registered: who deploys,
// whether the boundary and the network are there, and whether the policies stay within IAM's size. The error lists every
// problem found.
func preflight(ctx *pulumi.Context, cfg Config, provider *aws.Provider) (account, error) {
	var ps problems
	var acct account
	var err error
	ps.sideBySide(
		func(ps *problems) {
			if acct, err = lookUpAccount(ctx, cfg, provider); err == nil {
				cfg.verifyBoundary(ctx, ps, acct, provider)
			}
		},
		func(ps *problems) {
			if cfg.VerifyNetwork {
				cfg.verifyNetwork(ctx, ps, provider)
			}
		},
	)
	if err != nil {
		return account{}, err
	}
	cfg.verifyPolicySizes(&ps, acct)
	return acct, ps.err()
}

func lookUpAccount(ctx *pulumi.Context, cfg Config, provider *aws.Provider) (account, error) {
	identity, err := aws.GetCallerIdentity(ctx, nil, pulumi.Provider(provider))
	if err != nil {
		return account{}, fmt.Errorf("asking AWS for the deploying account (check the credentials with `aws sts get-caller-identity`, "+
			"assumeRoleArn %q and allowedAccountIds %q): %s", cfg.AssumeRoleARN, cfg.AllowedAccountIDs, reason(err))
	}
	partition, err := aws.GetPartition(ctx, nil, pulumi.Provider(provider))
	if err != nil {
		return account{}, fmt.Errorf("asking the provider for the partition of %s: %s", cfg.Region, reason(err))
	}
	acct := account{ID: identity.AccountId, Partition: partition.Partition}
	switch boundary := cfg.PermissionsBoundary; {
	case boundary == noBoundary:
	case strings.HasPrefix(boundary, "arn:"):
		acct.Boundary = boundary
	default:
		acct.Boundary = fmt.Sprintf("arn:%s:iam::%s:policy/%s", acct.Partition, acct.ID, boundary)
	}
	return acct, nil
}

// verifyBoundary finds a boundary that isn't there, which IAM would refuse only after the cluster had been started.
func (c Config) verifyBoundary(ctx *pulumi.Context, ps *problems, acct account, provider *aws.Provider) {
	if acct.Boundary == "" {
		return
	}
	if _, err := iam.LookupPolicy(ctx, &iam.LookupPolicyArgs{Arn: &acct.Boundary}, pulumi.Provider(provider)); err != nil {
		ps.add("permissionsBoundary", c.PermissionsBoundary, "name a policy that account %s has, or none; looking %s up: %s",
			acct.ID, acct.Boundary, reason(err))
	}
}

// reason is what AWS said to a look-up, without what the engine and the SDK wrap around it.
func reason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "returned an error: "); i >= 0 {
		text = text[i+len("returned an error: "):]
	}
	return strings.TrimSpace(text)
}
