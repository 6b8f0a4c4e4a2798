package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

// account is the AWS account that the stack is deployed to.
type account struct {
	ID        string
	Partition string
	Boundary  string // ARN of the permissions boundary of every role; empty for none
}

// preflight checks what needs AWS's answer, before any of the platform's resources is registered: who deploys,
// whether the boundary and the network exist, and whether the policies stay within IAM's size. Its error lists
// every problem found. It logs the configuration's warnings.
func preflight(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) (account, error) {
	if err := warn(ctx, append(cfg.Warnings(), alarmWarnings(cfg)...)); err != nil {
		return account{}, err
	}
	var acct account
	var err error
	ps := sideBySide(
		func(ps *config.Problems) {
			acct, err = lookUpAccount(ctx, cfg, provider)
			if err == nil {
				verifyBoundary(ctx, cfg, provider, acct, ps)
			}
		},
		func(ps *config.Problems) {
			if cfg.VerifyNetwork {
				verifyNetwork(ctx, cfg, provider, ps)
			}
		},
	)
	if err != nil {
		return account{}, err
	}
	if err := warn(ctx, append(topicEventWarnings(cfg, acct), operatorWarnings(cfg, acct)...)); err != nil {
		return account{}, err
	}
	verifyPartitions(cfg, acct, &ps)
	verifyTrust(cfg, acct, &ps)
	verifyPolicySizes(cfg, acct, &ps)
	return acct, ps.Err()
}

func warn(ctx *pulumi.Context, warnings []string) error {
	for _, w := range warnings {
		if err := ctx.Log.Warn(w, nil); err != nil {
			return err
		}
	}
	return nil
}

// verifyPartitions adds a problem for each configured ARN of another partition than the region's, such as aws-cn.
// The boundary isn't among them: looking one up in another partition fails.
func verifyPartitions(cfg config.Config, acct account, ps *config.Problems) {
	for _, c := range []struct{ key, arn string }{
		{"logKmsKeyArn", cfg.LogKMSKeyARN},
		{"alarmTopicArn", cfg.AlarmTopicARN},
		{"assumeRoleArn", cfg.AssumeRoleARN},
	} {
		verifyPartition(cfg, acct, ps, c.key, c.arn)
	}
	for _, c := range cfg.Clients() {
		if a := c.RunsOn.Account; a != nil {
			for _, arn := range a.RoleARNs {
				verifyPartition(cfg, acct, ps, c.Key+".runsOn.account.roleArns", arn)
			}
		}
	}
}

func verifyPartition(cfg config.Config, acct account, ps *config.Problems, key, arn string) {
	own := "arn:" + acct.Partition + ":"
	if strings.HasPrefix(arn, "arn:") && !strings.HasPrefix(arn, own) {
		ps.Add(key, arn, "must begin with %s, the partition of %s", own, cfg.Region)
	}
}

// sideBySide runs checks that wait for AWS concurrently and returns their problems in the order of the checks.
func sideBySide(checks ...func(*config.Problems)) config.Problems {
	found := make([]config.Problems, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() { check(&found[i]) })
	}
	running.Wait()
	return slices.Concat(found...)
}

func lookUpAccount(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) (account, error) {
	identity, err := aws.GetCallerIdentity(ctx, nil, pulumi.Provider(provider))
	if err != nil {
		return account{}, fmt.Errorf("asking AWS for the deploying account (check the credentials with "+
			"`aws sts get-caller-identity`, assumeRoleArn %q and allowedAccountIds %q): %s",
			cfg.AssumeRoleARN, cfg.AllowedAccountIDs, reason(err))
	}
	partition, err := aws.GetPartition(ctx, nil, pulumi.Provider(provider))
	if err != nil {
		return account{}, fmt.Errorf("asking the provider for the partition of %s: %s", cfg.Region, reason(err))
	}
	acct := account{ID: identity.AccountId, Partition: partition.Partition}
	boundary := cfg.PermissionsBoundary
	switch {
	case boundary == config.NoBoundary:
	case strings.HasPrefix(boundary, "arn:"):
		acct.Boundary = boundary
	default:
		acct.Boundary = fmt.Sprintf("arn:%s:iam::%s:policy/%s", acct.Partition, acct.ID, boundary)
	}
	return acct, nil
}

// verifyBoundary adds a problem if the boundary doesn't exist, which IAM would refuse only after the cluster had been
// started.
func verifyBoundary(
	ctx *pulumi.Context, cfg config.Config, provider *aws.Provider, acct account, ps *config.Problems,
) {
	if acct.Boundary == "" {
		return
	}
	_, err := iam.LookupPolicy(ctx, &iam.LookupPolicyArgs{Arn: &acct.Boundary}, pulumi.Provider(provider))
	if err != nil {
		ps.Add("permissionsBoundary", cfg.PermissionsBoundary,
			"must be a policy in account %s, or none; looking up %s failed: %s", acct.ID, acct.Boundary, reason(err))
	}
}

// verifyNetwork adds a problem for each way in which a VPC or its subnets don't suit a serverless cluster: it needs DNS
// hostnames and resolution on, and subnets in at least two Availability Zones (MSK guide, "Create a cluster").
func verifyNetwork(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider, ps *config.Problems) {
	var checks []func(*config.Problems)
	for _, v := range cfg.VPCs() {
		checks = append(checks, func(ps *config.Problems) { verifyVPCAndSubnets(ctx, cfg, provider, v, ps) })
	}
	*ps = append(*ps, sideBySide(checks...)...)
}

// verifyVPCAndSubnets looks up a VPC and its subnets at the same time.
func verifyVPCAndSubnets(
	ctx *pulumi.Context, cfg config.Config, provider *aws.Provider, v config.VPC, ps *config.Problems,
) {
	checks := []func(*config.Problems){func(ps *config.Problems) { verifyVPC(ctx, cfg, provider, v, ps) }}
	zones := make([]string, len(v.Subnets.Names))
	for i, id := range v.Subnets.Names {
		checks = append(checks, func(ps *config.Problems) { zones[i] = verifySubnet(ctx, provider, v, id, ps) })
	}
	*ps = append(*ps, sideBySide(checks...)...)
	distinct := sortedSet(zones)
	if len(distinct) == 1 && distinct[0] != "" {
		ps.Add(v.Subnets.Key, v.Subnets.Names, "must be in at least 2 Availability Zones; all of these are in %s",
			distinct[0])
	}
}

const orDontVerify = "or set verifyNetwork to false if the deploying credentials may not look it up"

func verifyVPC(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider, v config.VPC, ps *config.Problems) {
	found, err := ec2.LookupVpc(ctx, &ec2.LookupVpcArgs{Id: &v.ID}, pulumi.Provider(provider))
	if err != nil {
		ps.Add(v.IDKey, v.ID, "must be a VPC of this account in %s, %s; looking it up failed: %s",
			cfg.Region, orDontVerify, reason(err))
		return
	}
	const turnOn = "has DNS %s off; turn it on: aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-%s"
	if !found.EnableDnsHostnames {
		ps.Add(v.IDKey, v.ID, turnOn, "hostnames", v.ID, "hostnames")
	}
	if !found.EnableDnsSupport {
		ps.Add(v.IDKey, v.ID, turnOn, "resolution", v.ID, "support")
	}
}

// verifySubnet returns the subnet's Availability Zone, or an empty string if the subnet can't be looked up.
func verifySubnet(ctx *pulumi.Context, provider *aws.Provider, v config.VPC, id string, ps *config.Problems) string {
	subnet, err := ec2.LookupSubnet(ctx, &ec2.LookupSubnetArgs{Id: &id}, pulumi.Provider(provider))
	if err != nil {
		ps.Add(v.Subnets.Key, id, "must be a subnet of %s, %s; looking it up failed: %s", v.ID, orDontVerify, reason(err))
		return ""
	}
	if subnet.VpcId != v.ID {
		ps.Add(v.Subnets.Key, id, "must be a subnet of %s, and is in %s", v.ID, subnet.VpcId)
	}
	return subnet.AvailabilityZone
}

// reason returns what AWS answered to a look-up, without what the engine and the SDK wrap around it.
func reason(err error) string {
	const wrapped = "returned an error: "
	text := err.Error()
	i := strings.LastIndex(text, wrapped)
	if i >= 0 {
		text = text[i+len(wrapped):]
	}
	return strings.TrimSpace(text)
}
