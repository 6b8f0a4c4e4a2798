package bootstrap

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/cfn"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/stacktest"
)

// longest are parameters as long as they can be: the longest region with MSK Serverless, brokers in five VPCs, and
// what a stack that was moved in has.
func longest() (cfn.Account, map[string]string) {
	list := func(n int, format string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(items, ",")
	}
	const arn = "arn:aws-us-gov:iam::123456789012:"
	return cfn.Account{ID: "123456789012", Partition: "aws-us-gov", Region: "ap-southeast-2"}, with(map[string]string{
		"Stack":                     strings.Repeat("s", 40),
		"Cluster":                   strings.Repeat("c", 64),
		"VpcIds":                    list(5, "vpc-0123456789abcdef%d"),
		"Repository":                strings.Repeat("o", 39) + "/" + strings.Repeat("r", 100),
		"RepositoryOwnerId":         "1234567890",
		"RepositoryId":              "1234567890",
		"BoundaryName":              strings.Repeat("b", 128),
		"AdoptedRoleArn":            arn + "role/platform/market-data/" + strings.Repeat("r", 64),
		"AdoptedInstanceProfileArn": arn + "instance-profile/platform/market-data/" + strings.Repeat("i", 64),
		"AdoptedPolicyArns":         list(4, arn+"policy/platform/market-data/"+strings.Repeat("p", 64)+"%d"),
		"AdoptedSecurityGroupArns":  list(16, "arn:aws-us-gov:ec2:ap-southeast-2:123456789012:security-group-rule/sgr-%017d"),
		"ClientPolicyArns":          list(4, arn+"policy/platform/market-data/"+strings.Repeat("q", 64)+"%d"),
		"MayWriteClusterPolicy":     "true",
		"BreakGlassPrincipalArns":   arn + "user/ann," + arn + "user/bob",
		"BreakGlassEmail":           "on-call@example.com",
	})
}

// CloudFormation takes a template of 51,200 bytes without a bucket for it; a managed policy has 6,144 characters, a
// role's inline policies together 10,240, its trust policy 2,048 (CloudFormation and IAM quotas).
func TestSizes(t *testing.T) {
	t.Parallel()
	file, err := os.Stat("stack.yaml")
	require.NoError(t, err)
	assert.LessOrEqual(t, file.Size(), int64(51_200))
	where, parameters := longest()
	d := deploy(t, where, strings.Repeat("n", 40), parameters)
	largest := 0
	for logical, made := range d.Made {
		switch d.Resources[logical]["Type"] {
		case "AWS::IAM::ManagedPolicy":
			size := len(d.Document(logical, "PolicyDocument"))
			largest = max(largest, size)
			assert.LessOrEqual(t, size, iampolicy.MaxSize, logical)
			assert.LessOrEqual(t, len(fmt.Sprint(made["Description"])), 1000)
		case "AWS::IAM::Role":
			assert.LessOrEqual(t, len(d.Document(logical, "AssumeRolePolicyDocument")), 2048, logical)
			assert.LessOrEqual(t, len(d.Property(logical, "RoleName")), 64)
			assert.LessOrEqual(t, len(d.Policies(logical)), 10)
		}
	}
	stacktest.Evidence(t, "largest policy of the bootstrap template, with the longest names",
		fmt.Sprintf("%d of %d characters", largest, iampolicy.MaxSize))
}

// What has no default is what nobody else can know, or should guess.
func TestRequiredParameters(t *testing.T) {
	t.Parallel()
	var required []string
	for key, p := range cfn.Read(t, "stack.yaml").Parameters {
		if _, ok := p["Default"]; !ok {
			required = append(required, key)
		}
		assert.NotEmpty(t, p["Description"], key)
	}
	assert.ElementsMatch(t, required, []string{
		"Stack", "Cluster", "VpcIds", "Repository", "RepositoryOwnerId", "RepositoryId",
	})
}

// Deleting the CloudFormation stack must not delete the state, the key that reads it, or what other stacks use.
func TestRetained(t *testing.T) {
	t.Parallel()
	retained := []string{}
	for logical, r := range cfn.Read(t, "stack.yaml").Resources {
		if r["DeletionPolicy"] == "Retain" {
			assert.Equal(t, "Retain", r["UpdateReplacePolicy"], logical)
			retained = append(retained, logical)
		}
	}
	assert.ElementsMatch(t, retained, []string{"Key", "StateBucket", "StateBucketPolicy", "OidcProvider", "Boundary"})
}

func TestStateBucket(t *testing.T) {
	t.Parallel()
	d := deploy(t, mumbai, "msk-prod", with(nil))
	bucket := d.Document("StateBucket", "BucketEncryption")
	assert.Contains(t, bucket, `"KMSMasterKeyID":"`+d.Attribute("Key", "Arn")+`"`)
	assert.JSONEq(t, `{"Status":"Enabled"}`, d.Document("StateBucket", "VersioningConfiguration"))
	assert.JSONEq(t, `{"BlockPublicAcls":true,"BlockPublicPolicy":true,"IgnorePublicAcls":true,
		"RestrictPublicBuckets":true}`, d.Document("StateBucket", "PublicAccessBlockConfiguration"))
	assert.Contains(t, d.Document("StateBucket", "LifecycleConfiguration"), `"NoncurrentVersionExpiration"`)
	arn := d.Attribute("StateBucket", "Arn")
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Sid":"TLSOnly","Effect":"Deny","Principal":"*",
		"Action":"s3:*","Resource":["`+arn+`","`+arn+`/*"],
		"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`, d.Document("StateBucketPolicy", "PolicyDocument"))
	assert.JSONEq(t, `true`, d.Document("Key", "EnableKeyRotation"))
}

// The outputs are what goes into GitHub's environments, and into pulumi login and stack init.
func TestOutputs(t *testing.T) {
	t.Parallel()
	const iam = "arn:aws:iam::123456789012:"
	key := "00000000-0000-0000-0000-000000000008"
	want := map[string]string{
		"StateBucketUrl":  "s3://msk-prod-statebucket-1a2b3c4d5e6f?region=ap-south-1",
		"SecretsProvider": "awskms://" + key + "?region=ap-south-1",
		"PreviewRoleArn":  iam + "role/msk-serverless/MSK-Preview-prod",
		"DeployRoleArn":   iam + "role/msk-serverless/MSK-Deploy-prod",
		"PreviewSubjects": "repo:acme/market-data:environment:prod-preview " +
			"repo:acme@1001/market-data@2002:environment:prod-preview",
		"DeploySubjects": "repo:acme/market-data:environment:prod " +
			"repo:acme@1001/market-data@2002:environment:prod",
		"BoundaryArn":     iam + "policy/MSK-Permission-Boundary",
		"OidcProviderArn": iam + "oidc-provider/token.actions.githubusercontent.com",
	}
	assert.Equal(t, want, deploy(t, mumbai, "msk-prod", with(nil)).Out)

	ann := deploy(t, mumbai, "msk-prod", with(map[string]string{"BreakGlassPrincipalArns": iam + "user/ann"}))
	want["BreakGlassRoleArn"] = iam + "role/msk-serverless/MSK-BreakGlass-prod"
	want["BreakGlassTopicArn"] = "arn:aws:sns:ap-south-1:123456789012:msk-prod-BreakGlassTopic"
	assert.Equal(t, want, ann.Out)
}

// A second stack of the account uses what it has once, and shares nothing else with the first.
func TestTwoStacksInOneAccount(t *testing.T) {
	t.Parallel()
	prod := deploy(t, mumbai, "msk-prod", with(map[string]string{"BoundaryCluster": "crypto-stream*"}))
	dev := deploy(t, mumbai, "msk-dev", with(map[string]string{
		"Stack": "dev", "Cluster": "crypto-stream-dev",
		"OidcProviderArn": prod.Out["OidcProviderArn"], "BoundaryArn": prod.Out["BoundaryArn"],
	}))
	for _, once := range []string{"OidcProvider", "Boundary"} {
		assert.Contains(t, prod.Made, once)
		assert.NotContains(t, dev.Made, once)
	}
	for output, value := range prod.Out {
		if output == "OidcProviderArn" || output == "BoundaryArn" {
			assert.Equal(t, value, dev.Out[output])
		} else {
			assert.NotEqual(t, value, dev.Out[output], output)
		}
	}
	alone := deploy(t, mumbai, "msk-dev", with(map[string]string{
		"Stack": "dev", "Cluster": "crypto-stream-dev", "BoundaryName": "MSK-Permission-Boundary-dev",
	}))
	assert.Equal(t, "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary-dev", alone.Out["BoundaryArn"])
}

// Only jobs in the stack's environments get the roles, by both forms of a token's subject.
func TestTrust(t *testing.T) {
	t.Parallel()
	d := deploy(t, mumbai, "msk-prod", with(map[string]string{
		"BreakGlassPrincipalArns": "arn:aws:iam::123456789012:user/ann",
	}))
	github := d.Out["OidcProviderArn"]
	for role, environment := range map[string]string{"PreviewRole": "prod-preview", "DeployRole": "prod"} {
		trust, err := iampolicy.ParseTrust(d.Document(role, "AssumeRolePolicyDocument"))
		require.NoError(t, err)
		ask := func(principal, audience, subject string) iampolicy.Decision {
			return iampolicy.Decide([]iampolicy.Policy{trust}, iampolicy.Request{
				Action: "sts:AssumeRoleWithWebIdentity", Principal: principal, Context: map[string]string{
					"token.actions.githubusercontent.com:aud": audience,
					"token.actions.githubusercontent.com:sub": subject,
				},
			})
		}
		for _, subject := range []string{
			"repo:acme/market-data:environment:", "repo:acme@1001/market-data@2002:environment:",
		} {
			assert.Equal(t, iampolicy.Allowed, ask(github, "sts.amazonaws.com", subject+environment))
			assert.NotEqual(t, iampolicy.Allowed, ask(github, "https://github.com/acme", subject+environment))
			assert.NotEqual(t, iampolicy.Allowed, ask(github+".example.com", "sts.amazonaws.com", subject+environment))
		}
		for _, subject := range []string{
			"repo:acme/market-data:ref:refs/heads/main", "repo:acme/market-data:pull_request",
			"repo:acme/market-data:environment:dev", "repo:acme/market-data:environment:",
			"repo:acme/market-data:environment:" + environment + "2", "repo:acme/market-data:environment:*",
			"repo:acme/market-data-2:environment:" + environment, "repo:acme2/market-data:environment:" + environment,
			"repo:acme@1002/market-data@2002:environment:" + environment,
			"repo:acme@1001/market-data@2003:environment:" + environment,
			"repo:acme@1001/market-data:environment:" + environment,
			map[string]string{"prod": "repo:acme/market-data:environment:prod-preview"}[environment],
			map[string]string{"prod-preview": "repo:acme/market-data:environment:prod"}[environment],
			"",
		} {
			assert.NotEqual(t, iampolicy.Allowed, ask(github, "sts.amazonaws.com", subject), subject)
		}
	}
	assert.EqualValues(t, 3600, d.Made["PreviewRole"]["MaxSessionDuration"])
	assert.EqualValues(t, 10800, d.Made["DeployRole"]["MaxSessionDuration"])
}

// The role for emergencies exists only for the people named, who need a recent MFA. Its use is told.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	off := deploy(t, mumbai, "msk-prod", with(nil))
	for logical := range off.Made {
		assert.NotContains(t, logical, "BreakGlass")
	}
	const ann = "arn:aws:iam::123456789012:user/ann"
	d := deploy(t, mumbai, "msk-prod", with(map[string]string{
		"BreakGlassPrincipalArns": ann, "BreakGlassEmail": "on-call@example.com",
	}))
	trust, err := iampolicy.ParseTrust(d.Document("BreakGlassRole", "AssumeRolePolicyDocument"))
	require.NoError(t, err)
	for _, c := range []struct {
		who, present, age, region string
		want                      iampolicy.Decision
	}{
		{ann, "true", "60", "ap-south-1", iampolicy.Allowed},
		{ann, "false", "60", "ap-south-1", iampolicy.ImplicitlyDenied},
		{ann, "true", "3600", "ap-south-1", iampolicy.ImplicitlyDenied},
		{ann, "true", "60", "us-east-1", iampolicy.ImplicitlyDenied}, // the rule would not see it
		{"arn:aws:iam::123456789012:user/bob", "true", "60", "ap-south-1", iampolicy.ImplicitlyDenied},
	} {
		assert.Equal(t, c.want, iampolicy.Decide([]iampolicy.Policy{trust}, iampolicy.Request{
			Action: "sts:AssumeRole", Principal: c.who, Context: map[string]string{
				"aws:multifactorauthpresent": c.present, "aws:multifactorauthage": c.age,
				"aws:requestedregion": c.region,
			},
		}), "%v", c)
	}
	assert.EqualValues(t, 3600, d.Made["BreakGlassRole"]["MaxSessionDuration"])
	assert.JSONEq(t, `{"source":["aws.sts"],"detail-type":["AWS API Call via CloudTrail"],"detail":{
		"eventName":["AssumeRole"],"requestParameters":{"roleArn":["`+d.Out["BreakGlassRoleArn"]+`"]}}}`,
		d.Document("BreakGlassRule", "EventPattern"))
	assert.Contains(t, d.Document("BreakGlassRule", "Targets"), d.Out["BreakGlassTopicArn"])
	assert.Contains(t, d.Document("BreakGlassTopicPolicy", "PolicyDocument"), d.Attribute("BreakGlassRule", "Arn"))
	assert.Equal(t, "on-call@example.com", d.Made["BreakGlassSubscription"]["Endpoint"])
}
