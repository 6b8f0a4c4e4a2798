package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kafka"
	kafkatypes "github.com/aws/aws-sdk-go-v2/service/kafka/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"msk-serverless/internal/config"
)

// lookup finds objects with the AWS SDK, in the stack's region and under the role that Pulumi assumes.
type lookup struct {
	sdk     aws.Config
	cfg     config.Config
	regions []string // where to look for tagged objects
	names   *iamNames
}

func newLookup(ctx context.Context, cfg config.Config, regions []string) (lookup, error) {
	sdk, err := sdkConfig(ctx, cfg)
	regions = append([]string{cfg.Region}, regions...)
	slices.Sort(regions)
	names := &iamNames{client: iam.NewFromConfig(sdk), lists: map[string][]object{}}
	return lookup{sdk, cfg, slices.Compact(regions), names}, err
}

// find returns the objects that could be the creation: none for dashboards, alarms and attachments, which AWS
// overwrites.
func (l lookup) find(ctx context.Context, c creation) ([]object, error) {
	switch c.typ {
	case "aws:msk/serverlessCluster:ServerlessCluster":
		return l.clusters(ctx, c)
	case "aws:ec2/securityGroup:SecurityGroup":
		return l.groups(ctx, c)
	case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
		return l.egressRules(ctx, c)
	case "aws:cloudwatch/logGroup:LogGroup":
		return l.logGroups(ctx, c.text("name"))
	case "aws:iam/role:Role", "aws:iam/policy:Policy", "aws:iam/instanceProfile:InstanceProfile":
		kind := strings.Split(c.typ, ":")[1]
		return l.names.find(ctx, kind, func(name string) bool { return name == c.text("name") }, nil)
	}
	return nil, nil
}

// clusters returns the cluster with the creation's name. One in other subnets was made for another configuration.
func (l lookup) clusters(ctx context.Context, creation creation) ([]object, error) {
	name := creation.text("clusterName")
	in := &kafka.ListClustersV2Input{ClusterNameFilter: &name}
	pages := kafka.NewListClustersV2Paginator(kafka.NewFromConfig(l.sdk), in)
	var found []object
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range page.ClusterInfoList {
			if aws.ToString(c.ClusterName) == name { // the filter is a prefix
				arn := aws.ToString(c.ClusterArn)
				o := object{id: arn, arn: arn, tags: c.Tags, state: string(c.State)}
				if c.Serverless != nil && !slices.Equal(subnetsOf(c.Serverless.VpcConfigs), creation.subnets()) {
					o.misfit = "it is in other subnets than configured"
				}
				found = append(found, o)
			}
		}
	}
	return found, nil
}

// subnetsOf returns the subnets of a cluster, sorted.
func subnetsOf(configs []kafkatypes.VpcConfig) []string {
	var subnets []string
	for _, c := range configs {
		subnets = append(subnets, c.SubnetIds...)
	}
	slices.Sort(subnets)
	return subnets
}

// subnets returns the subnets that a cluster is to be in, sorted.
func (c creation) subnets() []string {
	var subnets []string
	configs, _ := c.inputs["vpcConfigs"].([]any)
	for _, config := range configs {
		fields, _ := config.(map[string]any)
		ids, _ := fields["subnetIds"].([]any)
		for _, id := range ids {
			subnets = append(subnets, fmt.Sprint(id))
		}
	}
	slices.Sort(subnets)
	return subnets
}

// groups returns the security groups with the creation's name, or prefix of a name, in its VPC. That isn't known yet of
// groups that take it from another one to be created: they are in the stack's first VPC.
func (l lookup) groups(ctx context.Context, c creation) ([]object, error) {
	name := c.text("name")
	if prefix := c.text("namePrefix"); prefix != "" {
		name = prefix + "*"
	}
	pages := ec2.NewDescribeSecurityGroupsPaginator(ec2.NewFromConfig(l.sdk), &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{
			{Name: aws.String("vpc-id"), Values: []string{cmp.Or(c.text("vpcId"), l.cfg.VPCID)}},
			{Name: aws.String("group-name"), Values: []string{name}},
		},
	})
	var found []object
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.SecurityGroups {
			found = append(found, object{
				id: aws.ToString(g.GroupId), arn: aws.ToString(g.SecurityGroupArn), tags: ec2Tags(g.Tags),
			})
		}
	}
	return found, nil
}

// egressRules returns the rule of the creation's group with the same destination. A group that is to be created has
// none.
func (l lookup) egressRules(ctx context.Context, c creation) ([]object, error) {
	group := c.text("securityGroupId")
	if group == "" {
		return nil, nil
	}
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(ec2.NewFromConfig(l.sdk), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
	})
	want := peer{peerCIDR, c.text("cidrIpv4") + c.text("cidrIpv6")}
	if referenced := c.text("referencedSecurityGroupId"); referenced != "" {
		want = peer{peerGroup, referenced}
	}
	wantPorts := newPorts(c.text("ipProtocol"), c.port("fromPort"), c.port("toPort"))
	var found []object
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.SecurityGroupRules {
			rule := newAWSRule(r)
			if rule.egress && rule.peer == want && rule.ports == wantPorts {
				found = append(found, object{id: rule.id, arn: aws.ToString(r.SecurityGroupRuleArn), tags: ec2Tags(r.Tags)})
			}
		}
	}
	return found, nil
}

// port returns an input that is a port, or nil.
func (c creation) port(name string) *int {
	number, ok := c.inputs[name].(float64)
	if !ok {
		return nil
	}
	port := int(number)
	return &port
}

func ec2Tags(tags []ec2types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// logGroups returns the log group with the name.
func (l lookup) logGroups(ctx context.Context, name string) ([]object, error) {
	client := cloudwatchlogs.NewFromConfig(l.sdk)
	in := &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name}
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) != name {
				continue
			}
			arn := strings.TrimSuffix(aws.ToString(g.Arn), ":*")
			tags, err := client.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
			if err != nil {
				return nil, err
			}
			return []object{{id: name, arn: arn, tags: tags.Tags}}, nil
		}
	}
	return nil, nil
}

// tagged returns the objects with the stack's tag. The Resource Groups Tagging API lists them, but not roles; IAM can't
// search by tags, so its names are searched for those that contain a region, as the program's do.
func (l lookup) tagged(ctx context.Context, stack string) ([]object, error) {
	var found []object
	for _, region := range l.regions {
		in := &resourcegroupstaggingapi.GetResourcesInput{
			TagFilters: []taggingtypes.TagFilter{{Key: aws.String(config.StackTag), Values: []string{stack}}},
		}
		client := resourcegroupstaggingapi.NewFromConfig(l.sdk, func(o *resourcegroupstaggingapi.Options) {
			o.Region = region
		})
		pages := resourcegroupstaggingapi.NewGetResourcesPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", region, err)
			}
			for _, r := range page.ResourceTagMappingList {
				arn := aws.ToString(r.ResourceARN)
				found = append(found, object{id: arn, arn: arn})
			}
		}
	}
	for _, kind := range []string{"iam/role", "iam/policy", "iam/instanceProfile"} {
		ours := func(name string) bool { // may be
			return slices.ContainsFunc(l.regions, func(region string) bool { return strings.Contains(name, "-"+region+"-") })
		}
		others := func(name string) bool { return !strings.HasPrefix(name, l.cfg.ClusterName+"-") }
		objects, err := l.names.find(ctx, kind, ours, others)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if o.stack() == stack {
				found = append(found, o)
			}
		}
	}
	return sortObjects(found), nil
}
