package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// policyJSON is an identity-based policy as IAM reads it. It knows the elements that our policies have; one that it does
// not know (NotAction, NotResource, another condition operator) is an error and never passed over.
type policyJSON struct {
	Version   string
	Statement []statementJSON
}

type statementJSON struct {
	Sid       string
	Effect    string
	Action    oneOrMore
	Resource  oneOrMore
	Condition map[string]map[string]oneOrMore
}

// oneOrMore is a list that may be written as its only element (IAM user guide, "Grammar of the IAM JSON policy language").
type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

func parsePolicy(doc string) (policyJSON, error) {
	var p policyJSON
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("%w: %s", err, doc)
	}
	for _, s := range p.Statement {
		for _, r := range s.Resource {
			if strings.Contains(r, "${") {
				return p, fmt.Errorf("policy variable in %s", r)
			}
		}
		for operator := range s.Condition {
			if operator != "StringEquals" && operator != "StringLike" {
				return p, fmt.Errorf("unknown condition operator %s", operator)
			}
		}
	}
	return p, nil
}

// ask is a request as IAM sees it. Context is the condition keys, in lower case.
type ask struct {
	action, resource string
	context          map[string]string
}

type decision string

const (
	allowed          decision = "allowed"
	explicitlyDenied decision = "explicitly denied"
	implicitlyDenied decision = "implicitly denied"
)

// requestedRegion is the condition key that IAM sets to the region a call is made to.
const requestedRegion = "aws:requestedregion"

// decide evaluates identity-based policies: a Deny that applies wins, then an Allow that applies, and else the request is
// denied (IAM user guide, "Policy evaluation logic").
func decide(policies []policyJSON, a ask) decision {
	result := implicitlyDenied
	for _, p := range policies {
		for _, s := range p.Statement {
			switch {
			case !s.applies(a):
			case s.Effect == "Deny":
				return explicitlyDenied
			case s.Effect == "Allow":
				result = allowed
			}
		}
	}
	return result
}

func (s statementJSON) applies(a ask) bool {
	// Action names know no case ("IAM JSON policy elements: Action"), resources do ("… Resource").
	return slices.ContainsFunc(s.Action, func(p string) bool { return wild(strings.ToLower(p), strings.ToLower(a.action), ".") }) &&
		slices.ContainsFunc(s.Resource, func(p string) bool { return p == "*" || wild(p, a.resource, "[^:]") }) &&
		s.holds(a.context)
}

// holds reports whether all conditions do: a key that the request lacks matches no string, a key's name knows no case, a
// value does, and StringLike knows wildcards (IAM user guide, "String condition operators").
func (s statementJSON) holds(context map[string]string) bool {
	for operator, keys := range s.Condition {
		for key, values := range keys {
			got, ok := context[strings.ToLower(key)]
			if !ok || !slices.ContainsFunc(values, func(v string) bool {
				return v == got || operator == "StringLike" && wild(v, got, ".")
			}) {
				return false
			}
		}
	}
	return true
}

// wild matches * with any characters and ? with one, of the class that may stand in a segment. A * that ends a segment of
// an ARN goes on beyond the colon ("IAM JSON policy elements: Resource").
func wild(pattern, s, class string) bool {
	var re strings.Builder
	for i, r := range pattern {
		switch rest := pattern[i+len(string(r)):]; {
		case r == '*' && (rest == "" || rest[0] == ':'):
			re.WriteString(".*")
		case r == '*':
			re.WriteString(class + "*")
		case r == '?':
			re.WriteString(class)
		default:
			re.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(`(?s)^(?:` + re.String() + `)$`).MatchString(s)
}

// The examples are AWS's own, from the pages named.
func TestEvaluatorOnAWSExamples(t *testing.T) {
	t.Parallel()
	const (
		// IAM user guide, "IAM JSON policy elements: Action" and "… Resource".
		accessKeys   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*AccessKey*","Resource":"arn:aws:iam::111122223333:user/*"}]}`
		allOfS3      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
		testPaths    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::amzn-s3-demo-bucket/*/test/*"}]}`
		bob          = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/Bob"}]}`
		accounting   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/accounting/*"}]}`
		threeLetters = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::amzn-s3-demo-bucket/???"}]}`
		// IAM user guide, "Policy evaluation logic": an explicit deny overrides an allow.
		deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::amzn-s3-demo-bucket/*"}]}`
		// MSK developer guide, "Create authorization policies for the IAM role".
		msk = `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["kafka-cluster:Connect","kafka-cluster:AlterCluster","kafka-cluster:DescribeCluster"],
			 "Resource":["arn:aws:kafka:us-east-1:0123456789012:cluster/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1"]},
			{"Effect":"Allow","Action":["kafka-cluster:*Topic*","kafka-cluster:WriteData","kafka-cluster:ReadData"],
			 "Resource":["arn:aws:kafka:us-east-1:0123456789012:topic/MyTestCluster/*"]},
			{"Effect":"Allow","Action":["kafka-cluster:AlterGroup","kafka-cluster:DescribeGroup"],
			 "Resource":["arn:aws:kafka:us-east-1:0123456789012:group/MyTestCluster/*"]}]}`
		// IAM user guide, "AWS: Denies access to AWS based on the requested Region", turned to an Allow.
		region = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeRegions","Resource":"*",
			"Condition":{"StringEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]}}}]}`
		likeRegion = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeRegions","Resource":"*",
			"Condition":{"StringLike":{"AWS:requestedREGION":"eu-*"}}}]}`
	)
	in := func(region string) map[string]string { return map[string]string{requestedRegion: region} }
	for _, c := range []struct {
		policies []string
		ask      ask
		want     decision
	}{
		{[]string{accessKeys}, ask{"iam:CreateAccessKey", "arn:aws:iam::111122223333:user/Bob", nil}, allowed},
		{[]string{accessKeys}, ask{"iam:ListAccessKeys", "arn:aws:iam::111122223333:user/Bob", nil}, allowed},
		{[]string{accessKeys}, ask{"IAM:listaccesskeys", "arn:aws:iam::111122223333:user/Bob", nil}, allowed},
		{[]string{accessKeys}, ask{"iam:GetUser", "arn:aws:iam::111122223333:user/Bob", nil}, implicitlyDenied},
		{[]string{allOfS3}, ask{"s3:ListBucket", "arn:aws:s3:::amzn-s3-demo-bucket", nil}, allowed},
		{[]string{allOfS3}, ask{"s3-object-lambda:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket", nil}, implicitlyDenied},

		{[]string{testPaths}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/test/object.jpg", nil}, allowed},
		{[]string{testPaths}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test/3/object.jpg", nil}, allowed},
		{[]string{testPaths}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/3/test/4/object.jpg", nil}, allowed},
		{[]string{testPaths}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1-test/object.jpg", nil}, implicitlyDenied},
		{[]string{testPaths}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/test/object.jpg", nil}, implicitlyDenied},
		{[]string{testPaths}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test.jpg", nil}, implicitlyDenied},
		{[]string{testPaths}, ask{"s3:getobject", "arn:aws:s3:::amzn-s3-demo-bucket/1/TEST/object.jpg", nil}, implicitlyDenied},

		{[]string{bob}, ask{"iam:GetUser", "arn:aws:iam::111122223333:user/Bob", nil}, allowed},
		{[]string{bob}, ask{"iam:GetUser", "arn:aws:iam::111122223333:user/bob", nil}, implicitlyDenied},
		{[]string{accounting}, ask{"iam:GetUser", "arn:aws:iam::111122223333:user/accounting/Ann", nil}, allowed},
		{[]string{accounting}, ask{"iam:GetUser", "arn:aws:iam::111122223333:user/accountingAnn", nil}, implicitlyDenied},
		{[]string{threeLetters}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/abc", nil}, allowed},
		{[]string{threeLetters}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/ab", nil}, implicitlyDenied},
		{[]string{threeLetters}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/abcd", nil}, implicitlyDenied},

		{[]string{allOfS3, deny}, ask{"s3:DeleteObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil}, explicitlyDenied},
		{[]string{deny, allOfS3}, ask{"s3:DeleteObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil}, explicitlyDenied},
		{[]string{deny, allOfS3}, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil}, allowed},
		{nil, ask{"s3:GetObject", "arn:aws:s3:::amzn-s3-demo-bucket/x", nil}, implicitlyDenied},

		{[]string{msk}, ask{"kafka-cluster:Connect", "arn:aws:kafka:us-east-1:0123456789012:cluster/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1", nil}, allowed},
		{[]string{msk}, ask{"kafka-cluster:Connect", "arn:aws:kafka:us-east-1:0123456789012:cluster/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-2", nil}, implicitlyDenied},
		{[]string{msk}, ask{"kafka-cluster:AlterTopicDynamicConfiguration", "arn:aws:kafka:us-east-1:0123456789012:topic/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1/t", nil}, allowed},
		{[]string{msk}, ask{"kafka-cluster:WriteData", "arn:aws:kafka:us-east-1:0123456789012:topic/MyTestCluster2/abcd1234-0123-abcd-5678-1234abcd-1/t", nil}, implicitlyDenied},
		{[]string{msk}, ask{"kafka-cluster:DeleteGroup", "arn:aws:kafka:us-east-1:0123456789012:group/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1/g", nil}, implicitlyDenied},
		{[]string{msk}, ask{"kafka-cluster:ReadData", "arn:aws:kafka:us-east-1:0123456789012:group/MyTestCluster/abcd1234-0123-abcd-5678-1234abcd-1/g", nil}, implicitlyDenied},

		{[]string{region}, ask{"ec2:DescribeRegions", "*", in("eu-west-1")}, allowed},
		{[]string{region}, ask{"ec2:DescribeRegions", "*", in("EU-WEST-1")}, implicitlyDenied},
		{[]string{region}, ask{"ec2:DescribeRegions", "*", in("us-east-1")}, implicitlyDenied},
		{[]string{region}, ask{"ec2:DescribeRegions", "*", nil}, implicitlyDenied},
		{[]string{likeRegion}, ask{"ec2:DescribeRegions", "*", in("eu-west-1")}, allowed},
		{[]string{likeRegion}, ask{"ec2:DescribeRegions", "*", in("me-west-1")}, implicitlyDenied},
	} {
		var policies []policyJSON
		for _, doc := range c.policies {
			p, err := parsePolicy(doc)
			require.NoError(t, err)
			policies = append(policies, p)
		}
		assert.Equal(t, c.want, decide(policies, c.ask), "%s on %s by %s", c.ask.action, c.ask.resource, c.policies)
	}
}

// A * inside a segment stays in it, one at its end does not, as the Resource page has it.
func TestEvaluatorWildcardsAndColons(t *testing.T) {
	t.Parallel()
	assert.True(t, wild("arn:aws:logs:*:1:log-group:g:*", "arn:aws:logs:eu-west-1:1:log-group:g:log-stream:s", "[^:]"))
	assert.True(t, wild("arn:aws:logs:*", "arn:aws:logs:eu-west-1:1:log-group:g", "[^:]"))
	assert.False(t, wild("arn:aws:logs:e*1:log-group:g", "arn:aws:logs:eu-west-1:1:log-group:g", "[^:]"))
	assert.False(t, wild("arn:aws:logs:eu?1:g", "arn:aws:logs:eu:1:g", "[^:]"))
}

// What the evaluator does not know it must not pass over.
func TestEvaluatorRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","NotResource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"x"}}}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}]}`,
	} {
		_, err := parsePolicy(doc)
		assert.Error(t, err, doc)
	}
}
