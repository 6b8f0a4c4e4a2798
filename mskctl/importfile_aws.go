package main

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"msk-serverless/internal/config"
)

// ruleFinder looks up the rules that security groups have in AWS.
type ruleFinder interface {
	findRules(ctx context.Context, groups []string) ([]rule, error)
}

// awsRules finds rules with the AWS SDK, in the stack's region and under the role that Pulumi assumes.
type awsRules struct{ cfg config.Config }

// sdkConfig returns the AWS SDK's configuration for the stack's region, under the role that Pulumi assumes.
func sdkConfig(ctx context.Context, cfg config.Config) (aws.Config, error) {
	sdk, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(cfg.Region))
	if err != nil {
		return sdk, err
	}
	if cfg.AssumeRoleARN != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(sdk), cfg.AssumeRoleARN)
		sdk.Credentials = aws.NewCredentialsCache(role)
	}
	return sdk, nil
}

func (a awsRules) findRules(ctx context.Context, groups []string) ([]rule, error) {
	sdk, err := sdkConfig(ctx, a.cfg)
	if err != nil {
		return nil, err
	}
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(ec2.NewFromConfig(sdk), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: groups}},
	})
	var rules []rule
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.SecurityGroupRules {
			rules = append(rules, newAWSRule(r))
		}
	}
	return rules, nil
}

func newAWSRule(r types.SecurityGroupRule) rule {
	port := func(p *int32) *int {
		if p == nil {
			return nil
		}
		n := int(*p)
		return &n
	}
	out := rule{
		group:  aws.ToString(r.GroupId),
		egress: aws.ToBool(r.IsEgress),
		ports:  newPorts(aws.ToString(r.IpProtocol), port(r.FromPort), port(r.ToPort)),
		id:     aws.ToString(r.SecurityGroupRuleId),
	}
	switch {
	case r.ReferencedGroupInfo != nil:
		out.peer = peer{peerGroup, aws.ToString(r.ReferencedGroupInfo.GroupId)}
		owner := aws.ToString(r.ReferencedGroupInfo.UserId)
		switch {
		case out.peer.value == out.group:
			out.peer = peer{kind: peerSelf}
		case owner != "" && owner != aws.ToString(r.GroupOwnerId):
			out.peer.value = owner + "/" + out.peer.value
		}
	case r.PrefixListId != nil:
		out.peer = peer{peerPrefixList, *r.PrefixListId}
	default:
		out.peer = peer{peerCIDR, cmp.Or(aws.ToString(r.CidrIpv4), aws.ToString(r.CidrIpv6))}
	}
	return out
}
