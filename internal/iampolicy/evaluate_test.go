package iampolicy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func ask(action, resource string, context map[string]string) Request {
	return Request{Action: action, Resource: resource, Context: context}
}

// TestEvaluatorOnAWSExamples uses AWS's examples, from the pages named.
func TestEvaluatorOnAWSExamples(t *testing.T) {
	t.Parallel()
	const (
		// IAM user guide, "IAM JSON policy elements: Action" and "… Resource".
		accessKeys = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*AccessKey*",
			 "Resource":"arn:aws:iam::111122223333:user/*"}]}`
		allOfS3   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
		testPaths = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",
			 "Resource":"arn:aws:s3:::amzn-s3-demo-bucket/*/test/*"}]}`
		bob = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser",
			 "Resource":"arn:aws:iam::111122223333:user/Bob"}]}`
		accounting = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser",
			 "Resource":"arn:aws:iam::111122223333:user/accounting/*"}]}`
		threeLetters = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",
			 "Resource":"arn:aws:s3:::amzn-s3-demo-bucket/???"}]}`
		// IAM user guide, "Policy evaluation logic": an explicit deny overrides an allow.
		deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:DeleteObject",
			 "Resource":"arn:aws:s3:::amzn-s3-demo-bucket/*"}]}`
		// MSK developer guide, "Create authorization policies for the IAM role".
		msk = `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["kafka-cluster:Connect","kafka-cluster:AlterCluster",
				 "kafka-cluster:DescribeCluster"],
			 "Resource":[
				"arn:aws:kafka:us-east-1:0123456789012:cluster/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1"]},
			{"Effect":"Allow","Action":["kafka-cluster:*Topic*","kafka-cluster:WriteData","kafka-cluster:ReadData"],
			 "Resource":["arn:aws:kafka:us-east-1:0123456789012:topic/MyTestCluster/*"]},
			{"Effect":"Allow","Action":["kafka-cluster:AlterGroup","kafka-cluster:DescribeGroup"],
			 "Resource":["arn:aws:kafka:us-east-1:0123456789012:group/MyTestCluster/*"]}]}`
		// IAM user guide, "AWS: Denies access to AWS based on the requested Region", turned to an Allow.
		region = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeRegions",
			 "Resource":"*",
			"Condition":{"StringEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]}}}]}`
		likeRegion = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeRegions",
			 "Resource":"*",
			"Condition":{"StringLike":{"AWS:requestedREGION":"eu-*"}}}]}`
	)
	in := func(region string) map[string]string { return map[string]string{RequestedRegion: region} }
	for _, c := range []struct {
		policies []string
		request  Request
		want     Decision
	}{
		{[]string{accessKeys}, ask("iam:CreateAccessKey", "arn:aws:iam::111122223333:user/Bob", nil), Allowed},
		{[]string{accessKeys}, ask("iam:ListAccessKeys", "arn:aws:iam::111122223333:user/Bob", nil), Allowed},
		{[]string{accessKeys}, ask("IAM:listaccesskeys", "arn:aws:iam::111122223333:user/Bob", nil), Allowed},
		{[]string{accessKeys}, ask("iam:GetUser", "arn:aws:iam::111122223333:user/Bob", nil), ImplicitlyDenied},
		{[]string{allOfS3}, ask("s3:ListBucket", "arn:aws:s3:::amzn-s3-demo-bucket", nil), Allowed},
		{
			[]string{allOfS3},
			ask("s3-object-lambda:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket", nil),
			ImplicitlyDenied,
		},

		{[]string{testPaths}, ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/test/object.jpg", nil), Allowed},
		{
			[]string{testPaths},
			ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test/3/object.jpg", nil),
			Allowed,
		},
		{
			[]string{testPaths},
			ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/3/test/4/object.jpg", nil),
			Allowed,
		},
		{
			[]string{testPaths},
			ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1-test/object.jpg", nil),
			ImplicitlyDenied,
		},
		{
			[]string{testPaths},
			ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/test/object.jpg", nil),
			ImplicitlyDenied,
		},
		{
			[]string{testPaths},
			ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test.jpg", nil),
			ImplicitlyDenied,
		},
		{
			[]string{testPaths},
			ask("s3:getobject", "arn:aws:s3:::amzn-s3-demo-bucket/1/TEST/object.jpg", nil),
			ImplicitlyDenied,
		},

		{[]string{bob}, ask("iam:GetUser", "arn:aws:iam::111122223333:user/Bob", nil), Allowed},
		{[]string{bob}, ask("iam:GetUser", "arn:aws:iam::111122223333:user/bob", nil), ImplicitlyDenied},
		{[]string{accounting}, ask("iam:GetUser", "arn:aws:iam::111122223333:user/accounting/Ann", nil), Allowed},
		{
			[]string{accounting},
			ask("iam:GetUser", "arn:aws:iam::111122223333:user/accountingAnn", nil),
			ImplicitlyDenied,
		},
		{[]string{threeLetters}, ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/abc", nil), Allowed},
		{[]string{threeLetters}, ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/ab", nil), ImplicitlyDenied},
		{[]string{threeLetters}, ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/abcd", nil), ImplicitlyDenied},

		{[]string{allOfS3, deny}, ask("s3:DeleteObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil), ExplicitlyDenied},
		{[]string{deny, allOfS3}, ask("s3:DeleteObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil), ExplicitlyDenied},
		{[]string{deny, allOfS3}, ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil), Allowed},
		{nil, ask("s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil), ImplicitlyDenied},

		{
			[]string{msk},
			Request{
				Action:   "kafka-cluster:Connect",
				Resource: "arn:aws:kafka:us-east-1:0123456789012:cluster/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1",
			},
			Allowed,
		},
		{
			[]string{msk},
			Request{
				Action:   "kafka-cluster:Connect",
				Resource: "arn:aws:kafka:us-east-1:0123456789012:cluster/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-2",
			},
			ImplicitlyDenied,
		},
		{
			[]string{msk},
			Request{
				Action:   "kafka-cluster:AlterTopicDynamicConfiguration",
				Resource: "arn:aws:kafka:us-east-1:0123456789012:topic/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1/t",
			},
			Allowed,
		},
		{
			[]string{msk},
			Request{
				Action:   "kafka-cluster:WriteData",
				Resource: "arn:aws:kafka:us-east-1:0123456789012:topic/MyTestCluster2/abcd1234-0123-abcd-5678-1234abcd-1/t",
			},
			ImplicitlyDenied,
		},
		{
			[]string{msk},
			Request{
				Action:   "kafka-cluster:DeleteGroup",
				Resource: "arn:aws:kafka:us-east-1:0123456789012:group/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1/g",
			},
			ImplicitlyDenied,
		},
		{
			[]string{msk},
			Request{
				Action:   "kafka-cluster:ReadData",
				Resource: "arn:aws:kafka:us-east-1:0123456789012:group/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1/g",
			},
			ImplicitlyDenied,
		},

		{[]string{region}, ask("ec2:DescribeRegions", "*", in("eu-west-1")), Allowed},
		{[]string{region}, ask("ec2:DescribeRegions", "*", in("EU-WEST-1")), ImplicitlyDenied},
		{[]string{region}, ask("ec2:DescribeRegions", "*", in("us-east-1")), ImplicitlyDenied},
		{[]string{region}, ask("ec2:DescribeRegions", "*", nil), ImplicitlyDenied},
		{[]string{likeRegion}, ask("ec2:DescribeRegions", "*", in("eu-west-1")), Allowed},
		{[]string{likeRegion}, ask("ec2:DescribeRegions", "*", in("me-west-1")), ImplicitlyDenied},
	} {
		var policies []Policy
		for _, doc := range c.policies {
			p, err := Parse(doc)
			require.NoError(t, err)
			policies = append(policies, p)
		}
		assert.Equal(t, c.want, Decide(policies, c.request), "%s on %s by %s", c.request.Action, c.request.Resource,
			c.policies)
	}
}

// A * inside a segment of an ARN doesn't match a colon; one at its end does, as the Resource page says.
func TestEvaluatorWildcardsAndColons(t *testing.T) {
	t.Parallel()
	assert.True(t, wild("arn:aws:logs:*:1:log-group:g:*", "arn:aws:logs:eu-west-1:1:log-group:g:log-stream:s", "[^:]"))
	assert.True(t, wild("arn:aws:logs:*", "arn:aws:logs:eu-west-1:1:log-group:g", "[^:]"))
	assert.False(t, wild("arn:aws:logs:e*1:log-group:g", "arn:aws:logs:eu-west-1:1:log-group:g", "[^:]"))
	assert.False(t, wild("arn:aws:logs:eu?1:g", "arn:aws:logs:eu:1:g", "[^:]"))
}

// The evaluator must not ignore what it doesn't know.
func TestEvaluatorRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","NotResource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}]}`,
	} {
		_, err := Parse(doc)
		assert.Error(t, err, doc)
	}
}
