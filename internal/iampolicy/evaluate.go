package iampolicy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Policy is an identity-based policy as IAM reads it.
type Policy struct {
	Version   string
	Statement []Rule
}

// Rule is one statement of a Policy.
type Rule struct {
	Sid       string
	Effect    string
	Action    Strings
	Resource  Strings
	Condition map[string]map[string]Strings
}

// Strings is a list that may be written as its only element (IAM user guide, "Grammar of the IAM JSON policy
// language").
type Strings []string

// UnmarshalJSON reads a string or a list of strings.
func (l *Strings) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = Strings{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// MarshalJSON writes a list of one element as that element.
func (l Strings) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// Parse reads a policy. An element that Decide doesn't support (NotAction, NotResource, a policy variable, a
// condition operator other than StringEquals and StringLike) is an error.
func Parse(doc string) (Policy, error) {
	var p Policy
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

// Request is a request as IAM sees it.
type Request struct {
	Action, Resource string
	Context          map[string]string // condition keys, in lower case, and their values
}

// Decision is IAM's answer to a Request.
type Decision string

// The decisions.
const (
	Allowed          Decision = "allowed"
	ExplicitlyDenied Decision = "explicitly denied"
	ImplicitlyDenied Decision = "implicitly denied"
)

// RequestedRegion is the condition key that IAM sets to the region of a call.
const RequestedRegion = "aws:requestedregion"

// Decide evaluates identity-based policies. A Deny that applies wins, then an Allow that applies; otherwise the
// request is denied (IAM user guide, "Policy evaluation logic").
func Decide(policies []Policy, request Request) Decision {
	result := ImplicitlyDenied
	for _, p := range policies {
		for _, rule := range p.Statement {
			switch {
			case !rule.Applies(request):
			case rule.Effect == "Deny":
				return ExplicitlyDenied
			case rule.Effect == "Allow":
				result = Allowed
			}
		}
	}
	return result
}

// Applies reports whether the rule is about the request. Case matters in resources, not in actions ("IAM JSON policy
// elements: Action" and "… Resource").
func (r Rule) Applies(request Request) bool {
	action := slices.ContainsFunc(r.Action, func(p string) bool {
		return wild(strings.ToLower(p), strings.ToLower(request.Action), ".")
	})
	resource := slices.ContainsFunc(r.Resource, func(p string) bool {
		return p == "*" || wild(p, request.Resource, "[^:]")
	})
	return action && resource && r.holds(request.Context)
}

// holds reports whether all conditions are met. A key that the request lacks matches no string. Case matters in
// values, not in keys, and StringLike has wildcards (IAM user guide, "String condition operators").
func (r Rule) holds(context map[string]string) bool {
	for operator, keys := range r.Condition {
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

// wild reports whether s matches the pattern, in which * stands for any number of characters of the class and ? for
// one. A * at the end of a segment of an ARN matches beyond the colon ("IAM JSON policy elements: Resource").
func wild(pattern, s, class string) bool {
	switch i := strings.IndexAny(pattern, "*?"); {
	case i < 0:
		return pattern == s
	case pattern[i:] == "*":
		return strings.HasPrefix(s, pattern[:i])
	}
	var re strings.Builder
	for i, r := range pattern {
		rest := pattern[i+len(string(r)):]
		switch {
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
