package bootstrap

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/cfn"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/stacktest"
)

const (
	iamARN    = "arn:aws:iam::123456789012:"
	ec2ARN    = "arn:aws:ec2:ap-south-1:123456789012:"
	kafkaARN  = "arn:aws:kafka:ap-south-1:123456789012:"
	logsARN   = "arn:aws:logs:ap-south-1:123456789012:log-group:"
	alarmARN  = "arn:aws:cloudwatch:ap-south-1:123456789012:alarm:"
	dashboard = "arn:aws:cloudwatch::123456789012:dashboard/"
	eventRule = "arn:aws:events:ap-south-1:123456789012:rule/"
	uuid      = "/1a2b3c4d-0000-0000-0000-000000000000-s1"

	boundary  = iamARN + "policy/crypto-stream-ap-south-1-boundary" // named like the stack's own policies
	admin     = "arn:aws:iam::aws:policy/AdministratorAccess"
	collector = iamARN + "role/crypto-stream-ap-south-1-collector"
	producer  = iamARN + "policy/crypto-stream-ap-south-1-producer"
	etl       = iamARN + "role/crypto-stream-etl" // somebody else's, without a boundary
	ownVPC    = ec2ARN + "vpc/vpc-0a1b2c3d4e5f60718"
	otherVPC  = ec2ARN + "vpc/vpc-11111111"
	group     = ec2ARN + "security-group/sg-0123456789abcdef0"
	groupRule = ec2ARN + "security-group-rule/sgr-0123456789abcdef0"

	bounded  = "iam:permissionsboundary"
	policyIs = "iam:policyarn"
	passedTo = "iam:passedtoservice"
	resource = "aws:resourcetag/msk-serverless:stack"
	request  = "aws:requesttag/msk-serverless:stack"
	inVPC    = "ec2:vpc"
	creating = "ec2:createaction"
)

// context is the condition keys of a request: those that every request has, and the given ones.
func context(pairs ...string) map[string]string {
	keys := map[string]string{iampolicy.RequestedRegion: "ap-south-1"}
	for i := 0; i < len(pairs); i += 2 {
		keys[pairs[i]] = pairs[i+1]
	}
	return keys
}

func ask(action, on string, pairs ...string) iampolicy.Request {
	return iampolicy.Request{Action: action, Resource: on, Context: context(pairs...)}
}

// untag is a request that removes tags.
func untag(action, on, key string, pairs ...string) iampolicy.Request {
	r := ask(action, on, pairs...)
	r.Lists = map[string][]string{"aws:tagkeys": {key}}
	return r
}

// attempts returns what an attacker who can run code as the deploy role of prod, or of the stack named, might try. Each
// is refused; where it looks like a deployment, only the key named last differs from one.
func attempts(prod, dev cfn.Deployed) []iampolicy.Request {
	devState, devKey := dev.Attribute("StateBucket", "Arn"), dev.Attribute("Key", "Arn")
	state, key := prod.Attribute("StateBucket", "Arn"), prod.Attribute("Key", "Arn")
	deployRole, previewRole := prod.Out["DeployRoleArn"], prod.Out["PreviewRoleArn"]
	limits, github := prod.Attribute("Limits", "Arn"), prod.Out["OidcProviderArn"]
	devCollector := iamARN + "role/crypto-stream-dev-ap-south-1-collector"
	// A cluster in another region whose name looks like this one's with the region.
	lookalike := "crypto-stream-ap-south-1-x-eu-west-1-"
	return []iampolicy.Request{
		// The state of another stack, and the protection of the own one.
		ask("s3:ListBucket", devState),
		ask("s3:GetObject", devState+"/.pulumi/stacks/msk-serverless/dev.json"),
		ask("s3:PutObject", devState+"/.pulumi/stacks/msk-serverless/dev.json"),
		ask("s3:DeleteObject", devState+"/.pulumi/locks/organization/msk-serverless/dev/1.json"),
		ask("kms:Decrypt", devKey),
		ask("kms:GenerateDataKey", devKey),
		ask("s3:DeleteObjectVersion", state+"/.pulumi/stacks/msk-serverless/prod.json"),
		ask("s3:PutBucketPolicy", state),
		ask("s3:DeleteBucketPolicy", state),
		ask("s3:PutBucketVersioning", state),
		ask("s3:PutEncryptionConfiguration", state),
		ask("s3:PutLifecycleConfiguration", state),
		ask("s3:PutBucketPublicAccessBlock", state),
		ask("s3:DeleteBucket", state),
		ask("kms:PutKeyPolicy", key),
		ask("kms:CreateGrant", key),
		ask("kms:DisableKey", key),
		ask("kms:ScheduleKeyDeletion", key),

		// The pipeline's own roles, policies and provider.
		ask("iam:UpdateAssumeRolePolicy", deployRole),
		ask("iam:UpdateAssumeRolePolicy", previewRole),
		ask("iam:UpdateAssumeRolePolicy", prod.Attribute("BreakGlassRole", "Arn")),
		ask("iam:AttachRolePolicy", deployRole, bounded, boundary, policyIs, producer),
		ask("iam:AttachRolePolicy", deployRole, policyIs, admin),
		ask("iam:PutRolePolicy", deployRole),
		ask("iam:DetachRolePolicy", deployRole, bounded, boundary, policyIs, limits),
		ask("iam:PutRolePermissionsBoundary", deployRole, bounded, boundary),
		ask("iam:UpdateRole", deployRole),
		ask("iam:DeleteRole", previewRole),
		ask("iam:TagRole", deployRole, request, "prod"),
		ask("iam:PassRole", deployRole, passedTo, "ec2.amazonaws.com"),
		ask("sts:AssumeRole", prod.Attribute("BreakGlassRole", "Arn")),
		ask("sts:AssumeRole", dev.Out["DeployRoleArn"]),
		ask("iam:CreatePolicyVersion", limits),
		ask("iam:SetDefaultPolicyVersion", limits),
		ask("iam:DeletePolicy", limits),
		ask("iam:CreatePolicyVersion", boundary),
		ask("iam:SetDefaultPolicyVersion", boundary),
		ask("iam:DeletePolicyVersion", boundary),
		ask("iam:DeletePolicy", boundary),
		ask("iam:AddClientIDToOpenIDConnectProvider", github),
		ask("iam:UpdateOpenIDConnectProviderThumbprint", github),
		ask("iam:DeleteOpenIDConnectProvider", github),
		ask("iam:CreateOpenIDConnectProvider", iamARN+"oidc-provider/example.com"),

		// Roles with more than the boundary, or somebody else's.
		ask("iam:CreateRole", collector, request, "prod"),
		ask("iam:CreateRole", collector, request, "prod", bounded, admin),
		ask("iam:CreateRole", collector, request, "prod", bounded, producer),
		ask("iam:CreateRole", collector, bounded, boundary),
		ask("iam:CreateRole", collector, bounded, boundary, request, "dev"),
		ask("iam:CreateRole", etl, request, "prod", bounded, boundary),
		ask("iam:CreateRole", devCollector, request, "prod", bounded, boundary),
		ask("iam:DeleteRolePermissionsBoundary", collector, bounded, boundary),
		ask("iam:PutRolePermissionsBoundary", collector, bounded, admin),
		ask("iam:PutRolePermissionsBoundary", collector),
		ask("iam:PutRolePolicy", collector, bounded, boundary),
		ask("iam:AttachRolePolicy", collector, policyIs, producer),
		ask("iam:AttachRolePolicy", collector, policyIs, producer, bounded, admin),
		ask("iam:AttachRolePolicy", collector, bounded, boundary, policyIs, admin),
		ask("iam:AttachRolePolicy", collector, bounded, boundary, policyIs, iamARN+"policy/crypto-stream-etl"),
		ask("iam:AttachRolePolicy", etl, policyIs, producer),
		ask("iam:AttachRolePolicy", etl, policyIs, producer, bounded, boundary),
		ask("iam:DetachRolePolicy", collector, policyIs, producer),
		ask("iam:DeleteRolePolicy", collector),
		ask("iam:DeleteRolePolicy", etl, bounded, boundary),
		ask("iam:UpdateAssumeRolePolicy", etl),
		ask("iam:UpdateAssumeRolePolicy", devCollector, resource, "dev"),
		ask("iam:UpdateAssumeRolePolicy", iamARN+"role/"+lookalike+"collector", resource, "eu"),
		ask("iam:UpdateAssumeRolePolicy", iamARN+"role/OrganizationAccountAccessRole"),
		ask("iam:UpdateAssumeRolePolicy", "arn:aws:iam::999999999999:role/crypto-stream-ap-south-1-collector"),
		ask("iam:UpdateAssumeRolePolicy", iamARN+"role/path/crypto-stream-ap-south-1-collector"),
		ask("iam:DeleteRole", etl),
		ask("iam:DeleteRole", iamARN+"role/"+lookalike+"collector", resource, "eu"),
		ask("iam:TagRole", collector, resource, "prod", request, "dev"),
		untag("iam:UntagRole", collector, "msk-serverless:stack", resource, "prod"),
		untag("iam:UntagRole", collector, "MSK-Serverless:Stack", resource, "prod"),
		ask("iam:PassRole", collector),
		ask("iam:PassRole", collector, passedTo, "lambda.amazonaws.com"),
		ask("iam:PassRole", collector, passedTo, "cloudformation.amazonaws.com"),
		ask("iam:PassRole", etl, passedTo, "ec2.amazonaws.com"),
		ask("iam:PassRole", iamARN+"role/Admin", passedTo, "ec2.amazonaws.com"),
		ask("sts:AssumeRole", collector),
		ask("sts:AssumeRole", iamARN+"role/Admin"),

		// Instance profiles and policies.
		ask("iam:AddRoleToInstanceProfile", iamARN+"instance-profile/crypto-stream-etl"),
		ask("iam:AddRoleToInstanceProfile", iamARN+"instance-profile/"+lookalike+"collector", resource, "eu"),
		ask("iam:RemoveRoleFromInstanceProfile", iamARN+"instance-profile/crypto-stream-dev-ap-south-1-collector"),
		ask("iam:CreatePolicy", iamARN+"policy/crypto-stream-etl"),
		ask("iam:CreatePolicyVersion", iamARN+"policy/crypto-stream-etl"),
		ask("iam:CreatePolicyVersion", iamARN+"policy/Admin"),
		ask("iam:CreatePolicyVersion", iamARN+"policy/crypto-stream-dev-ap-south-1-consumer", resource, "dev"),
		ask("iam:CreatePolicyVersion", iamARN+"policy/"+lookalike+"consumer", resource, "eu"),
		ask("iam:SetDefaultPolicyVersion", producer, resource, "prod"),
		ask("iam:TagPolicy", producer, resource, "prod", request, "dev"),
		untag("iam:UntagPolicy", producer, "msk-serverless:stack", resource, "prod"),
		untag("iam:UntagInstanceProfile", iamARN+"instance-profile/crypto-stream-ap-south-1-collector",
			"msk-serverless:stack", resource, "prod"),

		// Identities, and roles of services.
		ask("iam:CreateUser", iamARN+"user/crypto-stream-ap-south-1-x"),
		ask("iam:CreateAccessKey", iamARN+"user/ann"),
		ask("iam:AttachUserPolicy", iamARN+"user/ann", policyIs, producer, bounded, boundary),
		ask("iam:AddUserToGroup", iamARN+"group/admins"),
		ask("iam:UpdateLoginProfile", iamARN+"user/ann"),
		ask("iam:CreateServiceLinkedRole", iamARN+"role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
			"iam:awsservicename", "ecs.amazonaws.com"),
		ask("iam:CreateServiceLinkedRole", iamARN+"role/aws-service-role/kafka.amazonaws.com/AWSServiceRoleForKafka",
			"iam:awsservicename", "ecs.amazonaws.com"),
		ask("iam:DeleteServiceLinkedRole",
			iamARN+"role/aws-service-role/kafka.amazonaws.com/AWSServiceRoleForKafka"),

		// Security groups of others, and tags that make them look like this stack's.
		ask("ec2:AuthorizeSecurityGroupIngress", group, inVPC, ownVPC),
		ask("ec2:AuthorizeSecurityGroupIngress", group, inVPC, ownVPC, resource, "dev"),
		ask("ec2:AuthorizeSecurityGroupIngress", group, resource, "prod", inVPC, otherVPC),
		ask("ec2:AuthorizeSecurityGroupEgress", group, inVPC, ownVPC),
		ask("ec2:RevokeSecurityGroupIngress", group, inVPC, ownVPC),
		ask("ec2:RevokeSecurityGroupEgress", group, inVPC, ownVPC, resource, "dev"),
		ask("ec2:ModifySecurityGroupRules", group, inVPC, ownVPC),
		ask("ec2:UpdateSecurityGroupRuleDescriptionsIngress", group, inVPC, ownVPC),
		ask("ec2:DeleteSecurityGroup", group, inVPC, ownVPC),
		ask("ec2:DeleteSecurityGroup", group, resource, "prod", inVPC, otherVPC),
		ask("ec2:CreateSecurityGroup", group, inVPC, ownVPC),
		ask("ec2:CreateSecurityGroup", group, inVPC, ownVPC, request, "dev"),
		ask("ec2:CreateSecurityGroup", otherVPC),
		ask("ec2:CreateTags", group, inVPC, ownVPC, request, "prod"),
		ask("ec2:CreateTags", group, inVPC, ownVPC, request, "prod", creating, "RunInstances"),
		ask("ec2:CreateTags", group, inVPC, ownVPC, creating, "CreateSecurityGroup"),
		ask("ec2:CreateTags", group, inVPC, ownVPC, resource, "prod", request, "dev"),
		ask("ec2:CreateTags", group, inVPC, ownVPC, request, "prod", resource, "dev"),
		ask("ec2:CreateTags", groupRule, request, "prod"),
		ask("ec2:CreateTags", groupRule, resource, "prod", request, "dev"),
		ask("ec2:CreateTags", ec2ARN+"instance/i-0123456789abcdef0", request, "prod"),
		ask("ec2:CreateTags", ownVPC, request, "prod"),
		untag("ec2:DeleteTags", group, "msk-serverless:stack", resource, "prod", inVPC, ownVPC),
		untag("ec2:DeleteTags", group, "Owner", inVPC, ownVPC),
		untag("ec2:DeleteTags", groupRule, "Owner"),
		ask("ec2:ModifyNetworkInterfaceAttribute", ec2ARN+"network-interface/eni-0123456789abcdef0"),
		ask("ec2:RunInstances", ec2ARN+"instance/*"),

		// Endpoints of others.
		ask("ec2:CreateVpcEndpoint", otherVPC),
		ask("ec2:CreateVpcEndpoint", ec2ARN+"subnet/subnet-11111111", inVPC, otherVPC),
		ask("ec2:CreateVpcEndpoint", ec2ARN+"vpc-endpoint/*"),
		ask("ec2:CreateVpcEndpoint", ec2ARN+"vpc-endpoint/*", "aws:requesttag/awsmskmanaged", "true"),
		ask("ec2:CreateVpcEndpoint", ec2ARN+"vpc-endpoint/*",
			"aws:requesttag/clusterarn", kafkaARN+"cluster/crypto-stream"+uuid),
		ask("ec2:CreateVpcEndpoint", ec2ARN+"vpc-endpoint/*", "aws:requesttag/awsmskmanaged", "true",
			"aws:requesttag/clusterarn", kafkaARN+"cluster/crypto-stream-dev"+uuid),
		ask("ec2:CreateTags", ec2ARN+"vpc-endpoint/vpce-0123456789abcdef0", "aws:requesttag/awsmskmanaged", "true"),
		ask("ec2:DeleteVpcEndpoints", ec2ARN+"vpc-endpoint/vpce-0123456789abcdef0"),
		ask("ec2:DeleteVpcEndpoints", ec2ARN+"vpc-endpoint/vpce-0123456789abcdef0",
			"aws:resourcetag/clusterarn", kafkaARN+"cluster/crypto-stream"+uuid),
		ask("ec2:DeleteVpcEndpoints", ec2ARN+"vpc-endpoint/vpce-0123456789abcdef0",
			"aws:resourcetag/awsmskmanaged", "true",
			"aws:resourcetag/clusterarn", kafkaARN+"cluster/crypto-stream-dev"+uuid),

		// Clusters, topics and logs.
		ask("kafka:CreateClusterV2", kafkaARN+"cluster/crypto-stream-2"+uuid),
		ask("kafka:CreateClusterV2", kafkaARN+"cluster/crypto-stream"+uuid, request, "dev"),
		ask("kafka:DeleteCluster", kafkaARN+"cluster/crypto-stream-dev"+uuid, resource, "dev"),
		ask("kafka:DeleteCluster", kafkaARN+"cluster/crypto-stream"+uuid, resource, "dev"),
		ask("kafka:DeleteCluster", strings.Replace(kafkaARN, "ap-south-1", "eu-west-1", 1)+"cluster/crypto-stream"+uuid),
		ask("kafka:PutClusterPolicy", kafkaARN+"cluster/crypto-stream"+uuid),
		ask("kafka:PutClusterPolicy", kafkaARN+"cluster/crypto-stream-dev"+uuid),
		untag("kafka:UntagResource", kafkaARN+"cluster/crypto-stream"+uuid, "msk-serverless:stack", resource, "prod"),
		ask("kafka-cluster:Connect", kafkaARN+"cluster/crypto-stream"+uuid),
		ask("kafka-cluster:ReadData", kafkaARN+"topic/crypto-stream"+uuid+"/exchg.x"),
		ask("kafka-cluster:DeleteTopic", kafkaARN+"topic/crypto-stream"+uuid+"/exchg.x"),
		ask("logs:DeleteLogGroup", logsARN+"/aws/msk/crypto-stream-dev/broker"),
		ask("logs:DeleteLogGroup", logsARN+"/aws/msk/crypto-stream/broker-audit"),
		ask("logs:DeleteLogGroup", logsARN+"/aws/cloudtrail:*"),
		ask("logs:PutRetentionPolicy", logsARN+"/aws/msk/crypto-stream/broker", resource, "dev"),
		ask("logs:GetLogEvents", logsARN+"/aws/msk/crypto-stream/broker:log-stream:x"),
		untag("logs:UntagResource", logsARN+"/aws/msk/crypto-stream/broker", "msk-serverless:stack", resource, "prod"),

		// What would tell.
		ask("cloudwatch:DeleteAlarms", alarmARN+"crypto-stream-dev-ap-south-1-silence", resource, "dev"),
		ask("cloudwatch:DeleteAlarms", alarmARN+"crypto-stream-cpu"),
		ask("cloudwatch:DeleteAlarms", alarmARN+lookalike+"silence", resource, "eu"),
		ask("cloudwatch:PutMetricAlarm", alarmARN+"crypto-stream-dev-ap-south-1-silence"),
		ask("cloudwatch:DisableAlarmActions", alarmARN+"crypto-stream-ap-south-1-silence"),
		ask("cloudwatch:PutDashboard", dashboard+"crypto-stream-dev-ap-south-1"),
		ask("cloudwatch:DeleteDashboards", dashboard+"Billing"),
		ask("events:PutRule", eventRule+"crypto-stream-dev-ap-south-1-topics"),
		ask("events:PutTargets", eventRule+"security-findings"),
		ask("events:DeleteRule", eventRule+"crypto-stream-dev-ap-south-1-topics", resource, "dev"),
		untag("cloudwatch:UntagResource", alarmARN+"crypto-stream-ap-south-1-silence", "msk-serverless:stack",
			resource, "prod"),
		ask("events:DisableRule", prod.Attribute("BreakGlassRule", "Arn")),
		ask("sns:DeleteTopic", prod.Attribute("BreakGlassTopic", "Arn")),
		ask("cloudtrail:StopLogging", "arn:aws:cloudtrail:ap-south-1:123456789012:trail/main"),
		ask("cloudformation:UpdateStack", "arn:aws:cloudformation:ap-south-1:123456789012:stack/msk-prod/1"),
	}
}

// namedLike are attempts by the deploy role of a cluster whose name begins the names of other things.
func namedLike(cluster string, role string) []iampolicy.Request {
	policy := strings.Replace(role, ":role/", ":policy/", 1)
	return []iampolicy.Request{
		ask("iam:UpdateAssumeRolePolicy", role),
		ask("iam:AttachRolePolicy", role, bounded, iamARN+"policy/MSK-Permission-Boundary",
			policyIs, iamARN+"policy/"+cluster+"-ap-south-1-x"),
		ask("iam:PassRole", role, passedTo, "ec2.amazonaws.com"),
		ask("iam:DeleteRole", role),
		ask("iam:CreatePolicyVersion", policy),
		ask("iam:DeletePolicy", policy),
	}
}

// both are prod, with the role for emergencies, and dev, which shares the boundary and the provider.
func both(t *testing.T) (prod, dev cfn.Deployed) {
	t.Helper()
	prod = deploy(t, mumbai, "msk-prod", with(map[string]string{
		"BoundaryName": "crypto-stream-ap-south-1-boundary", "BoundaryCluster": "*",
		"BreakGlassPrincipalArns": iamARN + "user/ann",
	}))
	dev = deploy(t, mumbai, "msk-dev", with(map[string]string{
		"Stack": "dev", "Cluster": "crypto-stream-dev",
		"OidcProviderArn": prod.Out["OidcProviderArn"], "BoundaryArn": prod.Out["BoundaryArn"],
	}))
	return prod, dev
}

// Nothing that is tried with the pipeline's roles leads beyond the stack.
func TestEscalations(t *testing.T) {
	t.Parallel()
	prod, dev := both(t)
	tried, denied := 0, 0
	try := func(d cfn.Deployed, role string, requests []iampolicy.Request) {
		policies := d.Policies(role)
		for _, r := range requests {
			tried++
			decision := iampolicy.Decide(policies, r)
			if assert.NotEqual(t, iampolicy.Allowed, decision, "%s of %s: %s on %s, %v, %v",
				role, d.Name, r.Action, r.Resource, r.Context, r.Lists) {
				denied++
			}
		}
	}
	all := attempts(prod, dev)
	for _, role := range []string{"DeployRole", "PreviewRole", "BreakGlassRole"} {
		try(prod, role, all)
	}
	state := prod.Attribute("StateBucket", "Arn")
	try(dev, "DeployRole", []iampolicy.Request{
		ask("s3:ListBucket", state),
		ask("s3:GetObject", state+"/.pulumi/stacks/msk-serverless/prod.json"),
		ask("s3:PutObject", state+"/.pulumi/stacks/msk-serverless/prod.json"),
		ask("s3:DeleteObject", state+"/.pulumi/locks/organization/msk-serverless/prod/1.json"),
		ask("kms:Decrypt", prod.Attribute("Key", "Arn")),
		ask("iam:UpdateAssumeRolePolicy", prod.Out["DeployRoleArn"]),
		ask("iam:UpdateAssumeRolePolicy", collector, resource, "prod"),
		ask("iam:CreatePolicyVersion", producer, resource, "prod"),
		ask("iam:CreatePolicyVersion", boundary),
		ask("kafka:DeleteCluster", kafkaARN+"cluster/crypto-stream"+uuid, resource, "prod"),
		ask("logs:DeleteLogGroup", logsARN+"/aws/msk/crypto-stream/broker"),
		ask("ec2:AuthorizeSecurityGroupIngress", group, inVPC, ownVPC, resource, "prod"),
		ask("cloudwatch:DeleteAlarms", alarmARN+"crypto-stream-ap-south-1-silence"),
	})
	// What only reads in a deployment is writing in a preview.
	try(prod, "PreviewRole", []iampolicy.Request{
		ask("s3:PutObject", state+"/.pulumi/stacks/msk-serverless/prod.json"),
		ask("s3:DeleteObject", state+"/.pulumi/locks/organization/msk-serverless/prod/1.json"),
		ask("kms:GenerateDataKey", prod.Attribute("Key", "Arn")),
		ask("kms:Encrypt", prod.Attribute("Key", "Arn")),
		ask("iam:CreateRole", collector, request, "prod", bounded, boundary),
		ask("iam:CreatePolicyVersion", producer, resource, "prod"),
		ask("iam:PassRole", collector, passedTo, "ec2.amazonaws.com"),
		ask("kafka:DeleteCluster", kafkaARN+"cluster/crypto-stream"+uuid, resource, "prod"),
		ask("ec2:AuthorizeSecurityGroupIngress", group, inVPC, ownVPC, resource, "prod"),
		ask("logs:DeleteLogGroup", logsARN+"/aws/msk/crypto-stream/broker"),
		ask("cloudwatch:DeleteAlarms", alarmARN+"crypto-stream-ap-south-1-silence"),
		ask("s3:GetObjectVersion", state+"/.pulumi/stacks/msk-serverless/prod.json"),
		ask("iam:GetRole", iamARN+"role/Admin"),
	})
	for cluster, roles := range map[string][]string{
		"MSK":             {"MSK-Builder", "msk-serverless/MSK-Deploy-prod", "MSK-Permission-Boundary"},
		"MSK-Deploy":      {"msk-serverless/MSK-Deploy-prod"},
		"MSK-Deploy-prod": {"msk-serverless/MSK-Deploy-prod-ap-south-1-x", "msk-serverless/MSK-Deploy-prod"},
		"msk-serverless":  {"msk-serverless/MSK-Deploy-prod", "msk-serverless/x"},
		"crypto":          {"crypto-stream-ap-south-1-collector", "crypto-stream-dev-ap-south-1-collector"},
	} {
		d := deploy(t, mumbai, "like", with(map[string]string{
			"Stack": "like", "Cluster": cluster,
		}))
		for _, role := range roles {
			try(d, "DeployRole", namedLike(cluster, iamARN+"role/"+role))
		}
	}
	assert.GreaterOrEqual(t, tried, 60)
	stacktest.Evidence(t, "attempts to get beyond the stack with the pipeline's roles, denied",
		fmt.Sprintf("%d of %d", denied, tried))
}

// Each Deny and each condition of the deploy role's policies denies one of the attempts that nothing else does.
func TestEachLimitIsNeeded(t *testing.T) {
	t.Parallel()
	prod, dev := both(t)
	policies, tries := prod.Policies("DeployRole"), attempts(prod, dev)
	passes := func() bool {
		for _, r := range tries {
			if iampolicy.Decide(policies, r) == iampolicy.Allowed {
				return true
			}
		}
		return false
	}
	require.False(t, passes())
	limits := 0
	for p := range policies {
		for s, rule := range policies[p].Statement {
			if rule.Effect == "Deny" {
				policies[p].Statement[s].Effect = "Without"
				assert.True(t, passes(), "%s is not needed", rule.Sid)
				policies[p].Statement[s].Effect = "Deny"
				limits++
				continue
			}
			for operator, keys := range rule.Condition {
				for key := range keys {
					if key == "aws:RequestedRegion" {
						continue // see TestOtherRegions
					}
					policies[p].Statement[s].Condition = without(rule.Condition, operator, key)
					assert.True(t, passes(), "%s: %s of %s is not needed", rule.Sid, operator, key)
					policies[p].Statement[s].Condition = rule.Condition
					limits++
				}
			}
		}
	}
	require.GreaterOrEqual(t, limits, 15)
}

// without returns the conditions without one.
func without(conditions map[string]map[string]iampolicy.Strings, operator, key string,
) map[string]map[string]iampolicy.Strings {
	fewer := map[string]map[string]iampolicy.Strings{}
	for o, keys := range conditions {
		fewer[o] = maps.Clone(keys)
	}
	delete(fewer[operator], key)
	return fewer
}

// The roles look around in the stack's region alone.
func TestOtherRegions(t *testing.T) {
	t.Parallel()
	prod, _ := both(t)
	for _, action := range []string{"ec2:DescribeSecurityGroups", "kafka:GetBootstrapBrokers", "logs:DescribeLogGroups"} {
		here, there := ask(action, "*"), ask(action, "*", iampolicy.RequestedRegion, "eu-west-1")
		assert.Equal(t, iampolicy.Allowed, iampolicy.Decide(prod.Policies("PreviewRole"), here))
		assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(prod.Policies("PreviewRole"), there))
	}
}

// A client's policyArns can be attached if the template knows them, and to roles with the boundary alone.
func TestClientPolicies(t *testing.T) {
	t.Parallel()
	const archive = iamARN + "policy/archive"
	given := deploy(t, mumbai, "msk-prod", with(map[string]string{"ClientPolicyArns": archive}))
	unknown := deploy(t, mumbai, "msk-prod", with(nil))
	attach := ask("iam:AttachRolePolicy", collector, policyIs, archive, bounded, given.Out["BoundaryArn"])
	assert.Equal(t, iampolicy.Allowed, iampolicy.Decide(given.Policies("DeployRole"), attach))
	assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(unknown.Policies("DeployRole"), attach))
	attach = ask("iam:AttachRolePolicy", collector, policyIs, archive)
	assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(given.Policies("DeployRole"), attach))
	change := ask("iam:CreatePolicyVersion", archive)
	assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(given.Policies("DeployRole"), change))
}

// The role can write the cluster's policy, which may admit other accounts, only if the template was told so.
func TestMayWriteClusterPolicy(t *testing.T) {
	t.Parallel()
	may := deploy(t, mumbai, "msk-prod", with(map[string]string{"MayWriteClusterPolicy": "true"}))
	mayNot := deploy(t, mumbai, "msk-prod", with(nil))
	own := ask("kafka:PutClusterPolicy", kafkaARN+"cluster/crypto-stream"+uuid, resource, "prod")
	assert.Equal(t, iampolicy.Allowed, iampolicy.Decide(may.Policies("DeployRole"), own))
	assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(may.Policies("PreviewRole"), own))
	assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(mayNot.Policies("DeployRole"), own))
	for _, other := range []iampolicy.Request{
		ask("kafka:PutClusterPolicy", kafkaARN+"cluster/crypto-stream"+uuid, resource, "dev"),
		ask("kafka:PutClusterPolicy", kafkaARN+"cluster/crypto-stream-dev"+uuid),
	} {
		assert.NotEqual(t, iampolicy.Allowed, iampolicy.Decide(may.Policies("DeployRole"), other))
	}
}
