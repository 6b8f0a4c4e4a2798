package iampolicy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What holds of a key that the request has, has otherwise and lacks (IAM user guide, "IAM JSON policy elements:
// Condition operators" and "Set operators for multivalued context keys").
func TestConditions(t *testing.T) {
	t.Parallel()
	const (
		tag      = "aws:ResourceTag/msk-serverless:stack"
		tagKeys  = "aws:TagKeys"
		vpc      = "ec2:Vpc"
		thisVPC  = "arn:aws:ec2:ap-south-1:123456789012:vpc/vpc-1"
		otherVPC = "arn:aws:ec2:ap-south-1:123456789012:vpc/vpc-2"
		age      = "aws:MultiFactorAuthAge"
	)
	for _, c := range []struct {
		operator, key, wanted string
		got                   []string
		want                  bool
	}{
		{"StringEquals", tag, `"prod"`, []string{"prod"}, true},
		{"StringEquals", tag, `"prod"`, []string{"Prod"}, false},
		{"StringEquals", tag, `["dev","prod"]`, []string{"prod"}, true},
		{"StringEquals", tag, `"prod*"`, []string{"prod-2"}, false},
		{"StringEquals", tag, `"prod"`, nil, false},
		{"StringEqualsIfExists", tag, `"prod"`, nil, true},
		{"StringEqualsIfExists", tag, `"prod"`, []string{"dev"}, false},
		{"StringEqualsIgnoreCase", tag, `"prod"`, []string{"PROD"}, true},
		{"StringNotEquals", tag, `"prod"`, []string{"dev"}, true},
		{"StringNotEquals", tag, `"prod"`, []string{"prod"}, false},
		{"StringNotEquals", tag, `["dev","prod"]`, []string{"prod"}, false},
		{"StringNotEquals", tag, `"prod"`, nil, true},
		{"StringNotEqualsIgnoreCase", tag, `"prod"`, []string{"PROD"}, false},
		{"StringLike", tag, `"p*d"`, []string{"prod"}, true},
		{"StringLike", tag, `"p?d"`, []string{"prod"}, false},
		{"StringNotLike", tag, `"p*d"`, []string{"prod"}, false},
		{"StringNotLike", tag, `"p*d"`, nil, true},
		{"ArnEquals", vpc, `"` + thisVPC + `"`, []string{thisVPC}, true},
		{"ArnEquals", vpc, `"` + thisVPC + `"`, []string{otherVPC}, false},
		{"ArnLike", vpc, `"arn:*:ec2:*:*:vpc/vpc-1"`, []string{thisVPC}, true},
		{"ArnLike", vpc, `"arn:*:ec2:*:*:vpc/vpc-1"`, []string{otherVPC}, false},
		{"ArnLike", vpc, `"arn:*:vpc/vpc-1"`, []string{thisVPC}, false},
		{"ArnLike", vpc, `"arn:*:ec2:*:*:vpc/*"`, []string{"vpc-1"}, false},
		{"ArnNotLike", vpc, `"arn:*:ec2:*:*:vpc/vpc-1"`, []string{otherVPC}, true},
		{"ArnNotEquals", vpc, `"` + thisVPC + `"`, []string{thisVPC}, false},
		{"Bool", "aws:MultiFactorAuthPresent", `"true"`, []string{"true"}, true},
		{"Bool", "aws:MultiFactorAuthPresent", `"true"`, []string{"false"}, false},
		{"Bool", "aws:MultiFactorAuthPresent", `"true"`, nil, false},
		{"NumericLessThan", age, `"3600"`, []string{"3599"}, true},
		{"NumericLessThan", age, `"3600"`, []string{"3600"}, false},
		{"NumericLessThan", age, `"3600"`, []string{"soon"}, false},
		{"NumericLessThan", age, `"3600"`, nil, false},
		{"Null", tag, `"true"`, nil, true},
		{"Null", tag, `"true"`, []string{"prod"}, false},
		{"Null", tag, `"false"`, nil, false},
		{"Null", tag, `"false"`, []string{"prod"}, true},
		{"ForAnyValue:StringEquals", tagKeys, `"a"`, []string{"a", "b"}, true},
		{"ForAnyValue:StringEquals", tagKeys, `"a"`, []string{"b"}, false},
		{"ForAnyValue:StringEquals", tagKeys, `"a"`, nil, false},
		{"ForAnyValue:StringNotEquals", tagKeys, `"a"`, nil, false},
		{"ForAllValues:StringEquals", tagKeys, `"a"`, []string{"a", "b"}, false},
		{"ForAllValues:StringEquals", tagKeys, `["a","b","c"]`, []string{"a", "b"}, true},
		{"ForAllValues:StringEquals", tagKeys, `"a"`, nil, true},
		{"ForAllValues:StringNotEquals", tagKeys, `"a"`, []string{"a", "b"}, false},
		{"ForAllValues:StringNotEquals", tagKeys, `"a"`, []string{"b", "c"}, true},
	} {
		policy, err := Parse(fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*",
			"Condition":{%q:{%q:%s}}}]}`, c.operator, c.key, c.wanted))
		require.NoError(t, err)
		request := Request{Action: "ec2:CreateTags", Resource: "x", Context: map[string]string{}}
		switch {
		case c.key == tagKeys:
			request.Lists = map[string][]string{"aws:tagkeys": c.got}
		case c.got != nil:
			request.Context = map[string]string{
				"aws:resourcetag/msk-serverless:stack": c.got[0], "ec2:vpc": c.got[0],
				"aws:multifactorauthage": c.got[0], "aws:multifactorauthpresent": c.got[0],
			}
		}
		got := Decide([]Policy{policy}, request) == Allowed
		assert.Equal(t, c.want, got, "%s %s of %q", c.operator, c.wanted, c.got)
	}
}

// A Deny may name what it doesn't deny.
func TestNotAction(t *testing.T) {
	t.Parallel()
	policy, err := Parse(`{"Statement":[
		{"Effect":"Allow","Action":["iam:GetPolicy","iam:DeletePolicy"],"Resource":"*"},
		{"Effect":"Deny","NotAction":"iam:Get*","Resource":"arn:aws:iam::111122223333:policy/Boundary"}]}`)
	require.NoError(t, err)
	boundary, other := "arn:aws:iam::111122223333:policy/Boundary", "arn:aws:iam::111122223333:policy/Other"
	for _, c := range []struct {
		action, resource string
		want             Decision
	}{
		{"iam:GetPolicy", boundary, Allowed},
		{"iam:DeletePolicy", boundary, ExplicitlyDenied},
		{"iam:DeletePolicy", other, Allowed},
		{"iam:TagPolicy", boundary, ExplicitlyDenied},
		{"iam:TagPolicy", other, ImplicitlyDenied},
	} {
		got := Decide([]Policy{policy}, Request{Action: c.action, Resource: c.resource})
		assert.Equal(t, c.want, got, "%s on %s", c.action, c.resource)
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	policy, err := ParseTrust(`{"Statement":[{"Effect":"Allow","Principal":{"Federated":"github"},
		"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":["a","b"]}}}]}`)
	require.NoError(t, err)
	for _, c := range []struct {
		action, principal, subject string
		want                       Decision
	}{
		{"sts:AssumeRoleWithWebIdentity", "github", "b", Allowed},
		{"sts:AssumeRoleWithWebIdentity", "github", "c", ImplicitlyDenied},
		{"sts:AssumeRoleWithWebIdentity", "gitlab", "b", ImplicitlyDenied},
		{"sts:AssumeRole", "github", "b", ImplicitlyDenied},
	} {
		got := Decide([]Policy{policy}, Request{
			Action: c.action, Principal: c.principal,
			Context: map[string]string{"token.actions.githubusercontent.com:sub": c.subject},
		})
		assert.Equal(t, c.want, got, "%s of %s by %s", c.action, c.subject, c.principal)
	}
}

// The evaluator must not ignore what it doesn't know.
func TestUnknownConditionsAreRefused(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]string{
		`{"DateLessThan":{"aws:RequestedRegion":"x"}}`:                     "unknown condition operator",
		`{"StringEquals":{"aws:SourceIp":"x"}}`:                            "unknown condition key",
		`{"StringEquals":{"aws:RequestedRegion":"${aws:PrincipalTag/r}"}}`: "policy variable",
		`{"StringEquals":{"aws:TagKeys":"x"}}`:                             "needs ForAllValues or ForAnyValue",
		`{"ForAnyValue:StringEquals":{"aws:RequestedRegion":"x"}}`:         "which has one value",
		`{"ForSomeValues:StringEquals":{"aws:TagKeys":"x"}}`:               "unknown qualifier",
		`{"Null":{"aws:TagKeys":"maybe"}}`:                                 "neither true nor false",
		`{"NullIfExists":{"aws:ResourceTag/a":"true"}}`:                    "unknown condition operator",
		`{"ForAnyValue:Null":{"aws:TagKeys":"true"}}`:                      "unknown condition operator",
	} {
		_, err := Parse(`{"Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":` + condition + `}]}`)
		assert.ErrorContains(t, err, want, condition)
	}
	for doc, want := range map[string]string{
		`{"Statement":[{"Effect":"Maybe","Action":"a:b","Resource":"*"}]}`:                         "unknown effect",
		`{"Statement":[{"Effect":"Deny","Action":"a:b","NotAction":"a:c","Resource":"*"}]}`:        "either",
		`{"Statement":[{"Effect":"Deny","Resource":"*"}]}`:                                         "either",
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"x"},"Action":"a:b","Resource":"*"}]}`: "no principal",
		`{"Statement":[{"Effect":"Allow","Action":"a:b"}]}`:                                        "no resources",
	} {
		_, err := Parse(doc)
		assert.ErrorContains(t, err, want, doc)
	}
	_, err := ParseTrust(`{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)
	assert.ErrorContains(t, err, "allows principals")
}
