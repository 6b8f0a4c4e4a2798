package iampolicy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Trust is a role's trust policy as STS reads it.
type Trust struct {
	Version   string
	Statement []TrustRule
}

// TrustRule is one statement of a Trust.
type TrustRule struct {
	Sid       string
	Effect    string
	Principal map[string]Strings
	Action    Strings
	Condition map[string]map[string]Strings
}

// Assumption is a request for a session of a role.
type Assumption struct {
	Type    string            // Service, Federated or AWS
	Caller  string            // a service's name, a provider's ARN, or the ARN of a role
	Action  string            // sts:AssumeRole, sts:AssumeRoleWithWebIdentity or sts:TagSession
	Context map[string]string // condition keys, in lower case, and their values
}

// ParseTrust reads a trust policy. An element that Trust.Decide doesn't support (NotPrincipal, a principal *, a
// condition operator other than StringEquals and ArnLike, a policy variable) is an error.
func ParseTrust(doc string) (Trust, error) {
	var t Trust
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, fmt.Errorf("%w: %s", err, doc)
	}
	if strings.Contains(doc, "${") {
		return t, fmt.Errorf("policy variable in %s", doc)
	}
	for _, s := range t.Statement {
		for kind, ids := range s.Principal {
			if slices.Contains(ids, "*") || !slices.Contains([]string{"Service", "Federated", "AWS"}, kind) {
				return t, fmt.Errorf("unknown principal %s %v", kind, ids)
			}
		}
		for operator := range s.Condition {
			if operator != "StringEquals" && operator != "ArnLike" {
				return t, fmt.Errorf("unknown condition operator %s", operator)
			}
		}
	}
	return t, nil
}

// Decide evaluates the trust policy. A Deny that applies wins, then an Allow that applies; otherwise the request is
// denied (IAM user guide, "Policy evaluation logic").
func (t Trust) Decide(a Assumption) Decision {
	result := ImplicitlyDenied
	for _, rule := range t.Statement {
		switch {
		case !rule.applies(a):
		case rule.Effect == "Deny":
			return ExplicitlyDenied
		case rule.Effect == "Allow":
			result = Allowed
		}
	}
	return result
}

func (r TrustRule) applies(a Assumption) bool {
	action := slices.ContainsFunc(r.Action, func(p string) bool { return strings.EqualFold(p, a.Action) })
	principal := slices.ContainsFunc(r.Principal[a.Type], func(p string) bool {
		return p == a.Caller || isRoot(p, a.Caller)
	})
	return action && principal && r.holds(a.Context)
}

// isRoot reports whether principal is the account of the caller, which stands for all of the account's principals
// (IAM user guide, "AWS JSON policy elements: Principal").
func isRoot(principal, caller string) bool {
	account, ok := strings.CutSuffix(principal, ":root")
	return ok && strings.HasPrefix(caller, account+":")
}

// holds reports whether all conditions are met. A key that the request lacks matches nothing.
func (r TrustRule) holds(context map[string]string) bool {
	for operator, keys := range r.Condition {
		matches := func(pattern, value string) bool { return pattern == value }
		if operator == "ArnLike" {
			matches = arnLike
		}
		for key, values := range keys {
			got, ok := context[strings.ToLower(key)]
			if !ok || !slices.ContainsFunc(values, func(v string) bool { return matches(v, got) }) {
				return false
			}
		}
	}
	return true
}

// arnLike reports whether the ARN matches the pattern. Each of an ARN's six components is compared by itself, and each
// may have wildcards (IAM user guide, "ARN condition operators").
func arnLike(pattern, arn string) bool {
	patterns, parts := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(patterns) != 6 || len(parts) != 6 {
		return false
	}
	for i := range parts {
		if !wild(patterns[i], parts[i], ".") {
			return false
		}
	}
	return true
}
