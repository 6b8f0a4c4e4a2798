package iampolicy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Policy is a policy as IAM reads it.
type Policy struct {
	Version   string
	Statement []Rule
}

// Rule is one statement of a Policy.
type Rule struct {
	Sid       string
	Effect    string
	Principal map[string]Strings `json:",omitempty"` // of a trust policy
	Action    Strings            `json:",omitempty"`
	NotAction Strings            `json:",omitempty"`
	Resource  Strings            `json:",omitempty"`
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

// Parse reads an identity-based policy. An element that Decide doesn't support is an error: NotResource, NotAction in
// an Allow, a policy variable, and condition operators and keys that condition.go doesn't know.
func Parse(doc string) (Policy, error) {
	return parse(doc, func(r Rule) error {
		switch {
		case len(r.Principal) > 0:
			return errors.New("an identity-based policy has no principal")
		case len(r.Resource) == 0:
			return errors.New("has no resources")
		}
		return nil
	})
}

// ParseTrust reads the trust policy of a role as strictly as Parse.
func ParseTrust(doc string) (Policy, error) {
	return parse(doc, func(r Rule) error {
		if len(r.Principal) == 0 || len(r.Resource) > 0 || r.Effect != "Allow" {
			return errors.New("a trust policy allows principals, and has no resources")
		}
		return nil
	})
}

func parse(doc string, kind func(Rule) error) (Policy, error) {
	var p Policy
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("%w: %s", err, doc)
	}
	for _, r := range p.Statement {
		if err := cmp.Or(kind(r), r.check()); err != nil {
			return p, fmt.Errorf("statement %q: %w", r.Sid, err)
		}
	}
	return p, nil
}

// check returns an error if Applies can't evaluate the rule.
func (r Rule) check() error {
	if r.Effect != "Allow" && r.Effect != "Deny" {
		return fmt.Errorf("unknown effect %q", r.Effect)
	}
	if (len(r.Action) == 0) == (len(r.NotAction) == 0) {
		return errors.New("must have either Action or NotAction")
	}
	if len(r.NotAction) > 0 && r.Effect != "Deny" {
		return errors.New("NotAction in an Allow")
	}
	for _, resource := range r.Resource {
		if strings.Contains(resource, "${") {
			return fmt.Errorf("policy variable in %s", resource)
		}
	}
	for operator, keys := range r.Condition {
		for key, values := range keys {
			if err := checkCondition(operator, key, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// Request is a request as IAM sees it.
type Request struct {
	Action, Resource string
	Context          map[string]string   // condition keys, in lower case, and their values
	Lists            map[string][]string // those that have several values
	Principal        string              // who asks to assume a role; only for trust policies
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

// Decide evaluates policies. A Deny that applies wins, then an Allow that applies; otherwise the
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
	named := func(p string) bool { return wild(strings.ToLower(p), strings.ToLower(request.Action), ".") }
	if len(r.Action) > 0 && !slices.ContainsFunc(r.Action, named) || slices.ContainsFunc(r.NotAction, named) {
		return false
	}
	if len(r.Principal) > 0 {
		return r.names(request.Principal) && r.holds(request)
	}
	resource := slices.ContainsFunc(r.Resource, func(p string) bool {
		return p == "*" || wild(p, request.Resource, "[^:]")
	})
	return resource && r.holds(request)
}

// names reports whether the principal is one of the rule's.
func (r Rule) names(principal string) bool {
	for _, principals := range r.Principal {
		if slices.ContainsFunc(principals, func(p string) bool { return p == principal || isRoot(p, principal) }) {
			return true
		}
	}
	return false
}

// isRoot reports whether p is the account of the principal, which stands for all of the account's principals (IAM user
// guide, "AWS JSON policy elements: Principal").
func isRoot(p, principal string) bool {
	account, ok := strings.CutSuffix(p, ":root")
	return ok && strings.HasPrefix(principal, account+":")
}

// wild reports whether s matches the pattern, in which * stands for any number of characters of the class and ? for
// one. A * at the end of a segment of an ARN matches beyond the colon ("IAM JSON policy elements: Resource").
func wild(pattern, s, class string) bool {
	key := [2]string{pattern, class}
	re, ok := compiled.Load(key)
	if !ok {
		re, _ = compiled.LoadOrStore(key, compile(pattern, class))
	}
	return re.(*regexp.Regexp).MatchString(s)
}

// compiled holds the regular expressions of patterns by pattern and class: a test evaluates the same few often.
var compiled sync.Map

func compile(pattern, class string) *regexp.Regexp {
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
	return regexp.MustCompile(`(?s)^(?:` + re.String() + `)$`)
}
