package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/stacktest"
)

// The condition keys of trust policies, as requests hold them.
const (
	sourceAccount  = "aws:sourceaccount"
	sourceARN      = "aws:sourcearn"
	eksCluster     = "aws:requesttag/eks-cluster-arn"
	namespace      = "aws:requesttag/kubernetes-namespace"
	serviceAccount = "aws:requesttag/kubernetes-service-account"
	issuer         = "oidc.eks.ap-south-1.amazonaws.com/id/0123456789abcdef0123456789abcdef"
	externalID     = "sts:externalid"

	assume = "sts:AssumeRole"
)

// services are principals of services that assume roles for their users.
var services = strings.Fields(`ec2.amazonaws.com ecs-tasks.amazonaws.com ecs.amazonaws.com pods.eks.amazonaws.com
	eks.amazonaws.com lambda.amazonaws.com edgelambda.amazonaws.com kafkaconnect.amazonaws.com kafka.amazonaws.com
	firehose.amazonaws.com glue.amazonaws.com states.amazonaws.com codebuild.amazonaws.com ssm.amazonaws.com
	cloudformation.amazonaws.com events.amazonaws.com apigateway.amazonaws.com sagemaker.amazonaws.com`)

// assumptions maps each client with a role to requests for it that must be allowed.
func (p *platform) assumptions() map[string][]iampolicy.Request {
	service := func(name string, context map[string]string) iampolicy.Request {
		return iampolicy.Request{Principal: name, Action: assume, Context: context}
	}
	from := func(arn string) map[string]string {
		return map[string]string{sourceAccount: p.state.Account, sourceARN: arn}
	}
	token := func(account string) iampolicy.Request {
		return iampolicy.Request{
			Principal: configtest.OIDCProvider, Action: "sts:AssumeRoleWithWebIdentity",
			Context: map[string]string{
				issuer + ":aud": "sts.amazonaws.com", issuer + ":sub": "system:serviceaccount:risk:" + account,
			},
		}
	}
	pod := service("pods.eks.amazonaws.com", map[string]string{
		sourceAccount: p.state.Account, namespace: "streams", serviceAccount: "normalizer",
		eksCluster: "arn:aws:eks:ap-south-1:" + p.state.Account + ":cluster/md-prod",
	})
	tagging := pod
	tagging.Action = "sts:TagSession"
	instances := service("ec2.amazonaws.com", nil)
	return map[string][]iampolicy.Request{
		"collector":     {instances},
		"replayer":      {instances},
		"risk":          {instances, token("engine"), token("replay")},
		"okx-collector": {service("ecs-tasks.amazonaws.com", from("arn:aws:ecs:ap-south-1:"+p.state.Account+":task/c/1a2b"))},
		"normalizer":    {pod, tagging},
		"alerts":        {service("lambda.amazonaws.com", nil)},
		"archive": {service("kafkaconnect.amazonaws.com",
			from("arn:aws:kafkaconnect:ap-south-1:"+p.state.Account+":connector/archive/1a2b-2"))},
		"partner": {{
			Principal: "arn:aws:iam::210987654321:role/any", Action: assume,
			Context: map[string]string{externalID: "md-partner"},
		}},
		"auditor": {{Principal: "arn:aws:iam::210987654321:role/audit/reader", Action: assume}},
	}
}

// elsewhere returns requests that resemble the allowed one and come from elsewhere: from another principal, with
// another action, or with one condition key missing or of a similar value.
func elsewhere(a iampolicy.Request) []iampolicy.Request {
	var attempts []iampolicy.Request
	add := func(change func(*iampolicy.Request)) {
		other := a
		other.Context = maps.Clone(a.Context)
		change(&other)
		attempts = append(attempts, other)
	}
	for _, caller := range similar(a.Principal) {
		add(func(other *iampolicy.Request) { other.Principal = caller })
	}
	for _, service := range services {
		add(func(other *iampolicy.Request) { other.Principal = service })
	}
	for _, principal := range []string{
		"arn:aws:iam::123456789012:role/own", "arn:aws:iam::123456789012:user/own",
		"arn:aws:iam::111122223333:role/audit/reader",
		"arn:aws:iam::210987654321:role/other", "arn:aws:iam::210987654321:user/audit/reader",
	} {
		add(func(other *iampolicy.Request) { other.Principal = principal })
	}
	for _, action := range []string{
		assume, "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:TagSession",
	} {
		add(func(other *iampolicy.Request) { other.Action = action })
	}
	for key, value := range a.Context {
		add(func(other *iampolicy.Request) { delete(other.Context, key) })
		for _, v := range similar(value) {
			add(func(other *iampolicy.Request) { other.Context[key] = v })
		}
	}
	return attempts
}

// similar returns values that resemble the value: longer, shorter, in capitals, empty, a wildcard, and with another
// account, region, partition, cluster, connector, namespace or service account.
func similar(value string) []string {
	values := []string{
		"", "*", value + "x", value + "*", value[:len(value)-1], strings.ToUpper(value), "x" + value, value + ":x",
	}
	for _, change := range [][2]string{
		{"123456789012", "111122223333"},
		{"210987654321", "111122223333"},
		{"ap-south-1", "us-east-1"},
		{"arn:aws:", "arn:aws-cn:"},
		{"md-prod", "md-dev"},
		{"streams", "default"},
		{"normalizer", "default"},
		{":risk:", ":default:"},
		{"system:", ""},
		{":connector/", ":custom-plugin/"},
		{":ecs:", ":ec2:"},
		{"0123456789ABCDEF0", "F123456789ABCDEF0"},
		{"sts.amazonaws.com", "sts.amazonaws.com.cn"},
		{"audit/", ""},
	} {
		values = append(values, strings.Replace(value, change[0], change[1], 1))
	}
	return slices.DeleteFunc(values, func(v string) bool { return v == value })
}

// checkTrust checks each role's trust policy: what the client runs on may assume the role, nothing else may, and each
// condition and principal is needed for that.
func (p *platform) checkTrust(t *testing.T) {
	wanted := p.assumptions()
	attempts, mutants := 0, 0
	for name, client := range p.clients {
		if client.RoleName == "" {
			continue
		}
		trust, err := iampolicy.ParseTrust(p.state.Roles["crypto-stream-"+region+"-"+client.RoleName].TrustPolicy)
		require.NoError(t, err)
		require.NotEmpty(t, wanted[name], name)
		denied := deniedTo(t, name, trust, wanted[name])
		attempts += denied
		for _, mutant := range mutantsOfTrust(trust) {
			mutants++
			kept := !slices.ContainsFunc(wanted[name], func(a iampolicy.Request) bool {
				return decide(mutant, a) != iampolicy.Allowed
			})
			assert.False(t, kept && !letsIn(mutant, wanted[name]), "%s: nobody misses a part of the trust policy", name)
		}
		assert.GreaterOrEqual(t, denied, 30, name)
	}
	stacktest.Evidence(t, "attempts to assume a role from elsewhere that were denied",
		fmt.Sprintf("%d of %d", attempts, attempts))
	t.Logf("%d mutants of trust policies killed", mutants)
}

func decide(trust iampolicy.Policy, a iampolicy.Request) iampolicy.Decision {
	return iampolicy.Decide([]iampolicy.Policy{trust}, a)
}

// deniedTo checks that the policy allows what is wanted and denies what resembles it, and returns how much it denied.
func deniedTo(t *testing.T, name string, trust iampolicy.Policy, wanted []iampolicy.Request) int {
	t.Helper()
	denied := 0
	for _, a := range wanted {
		assert.Equal(t, iampolicy.Allowed, decide(trust, a), "%s: %v", name, a)
		for _, other := range elsewhere(a) {
			if isWanted(wanted, other) {
				continue
			}
			assert.Equal(t, iampolicy.ImplicitlyDenied, decide(trust, other), "%s: %v", name, other)
			denied++
		}
	}
	return denied
}

// isWanted reports whether a request must be allowed: it is one of those wanted, apart from context that its kind
// doesn't look at.
func isWanted(wanted []iampolicy.Request, a iampolicy.Request) bool {
	return slices.ContainsFunc(wanted, func(w iampolicy.Request) bool {
		for key, value := range w.Context {
			if a.Context[key] != value && !(key == sourceARN && sameSource(value, a.Context[key])) {
				return false
			}
		}
		caller := w.Principal == a.Principal ||
			w.Context[externalID] != "" && strings.HasPrefix(a.Principal, "arn:aws:iam::210987654321:")
		return caller && w.Action == a.Action
	})
}

// sameSource reports whether a trust policy can't tell b from a: both are of the same service, account and region and,
// if they are connectors, of the same type.
func sameSource(a, b string) bool {
	if stem, _, ok := strings.Cut(a, ":connector/"); ok {
		return strings.HasPrefix(b, stem+":connector/")
	}
	return strings.HasPrefix(b, a[:strings.LastIndex(a, ":")+1])
}

// letsIn reports whether the policy allows a request from elsewhere.
func letsIn(trust iampolicy.Policy, wanted []iampolicy.Request) bool {
	for _, a := range wanted {
		for _, other := range elsewhere(a) {
			if !isWanted(wanted, other) && decide(trust, other) == iampolicy.Allowed {
				return true
			}
		}
	}
	return false
}

// mutantsOfTrust returns policies that each lack one action, one principal or one condition key.
func mutantsOfTrust(trust iampolicy.Policy) []iampolicy.Policy {
	var mutants []iampolicy.Policy
	for i, rule := range trust.Statement {
		with := func(change func(*iampolicy.Rule)) {
			mutant := trust
			mutant.Statement = slices.Clone(trust.Statement)
			change(&mutant.Statement[i])
			mutants = append(mutants, mutant)
		}
		for j := range rule.Action {
			with(func(r *iampolicy.Rule) { r.Action = slices.Delete(slices.Clone(r.Action), j, j+1) })
		}
		for kind := range rule.Principal {
			with(func(r *iampolicy.Rule) { r.Principal = map[string]iampolicy.Strings{kind: {}} })
		}
		for operator, keys := range rule.Condition {
			for key := range keys {
				with(func(r *iampolicy.Rule) {
					r.Condition = maps.Clone(r.Condition)
					r.Condition[operator] = maps.Clone(keys)
					delete(r.Condition[operator], key)
				})
			}
		}
	}
	return mutants
}
