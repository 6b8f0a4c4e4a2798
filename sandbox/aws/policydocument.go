package aws

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	actionForm   = regexp.MustCompile(`^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$`)
	resourceForm = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+)$`)
	sidForm      = regexp.MustCompile(`^[a-zA-Z0-9]*$`)
)

// checkPolicy refuses a document that does not follow the grammar of IAM's policies, or that is larger than the quota:
// white space does not count.
func checkPolicy(doc string, trust bool, limit int, quota string) error {
	malformed := func(message string) error {
		return &Error{Status: 400, Code: "MalformedPolicyDocument", Message: message}
	}
	var p struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := strict(doc, &p); err != nil || p.Statement == nil {
		return malformed("Syntax errors in policy.")
	}
	if !slices.Contains([]string{"", "2008-10-17", "2012-10-17"}, p.Version) {
		return malformed("The policy must contain a valid version string")
	}
	var statements []json.RawMessage
	if json.Unmarshal(p.Statement, &statements) != nil {
		statements = []json.RawMessage{p.Statement}
	}
	sids := map[string]bool{}
	for _, s := range statements {
		if problem := checkStatement(string(s), trust, sids); problem != "" {
			return malformed(problem)
		}
	}
	size := 0
	for _, r := range doc {
		if !unicode.IsSpace(r) {
			size++
		}
	}
	if len(statements) == 0 {
		return malformed("Syntax errors in policy.")
	}
	if size > limit {
		return &Error{
			Status:  409,
			Code:    "LimitExceeded",
			Message: fmt.Sprintf("Cannot exceed quota for %s: %d", quota, limit),
		}
	}
	return nil
}

// oneOrMore decodes a string or a list of strings.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

func strict(doc string, v any) error {
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func checkStatement(doc string, trust bool, sids map[string]bool) string {
	var s struct {
		Sid, Effect                              string
		Action, NotAction, Resource, NotResource oneOrMore
		Principal, NotPrincipal                  any
		Condition                                map[string]map[string]any
	}
	if strict(doc, &s) != nil || s.Effect != "Allow" && s.Effect != "Deny" {
		return "Syntax errors in policy."
	}
	if !sidForm.MatchString(s.Sid) {
		return "Statement IDs (SID) must be alpha-numeric. " +
			"Check that your input satisfies the regular expression [0-9A-Za-z]*"
	}
	if s.Sid != "" && sids[s.Sid] {
		return "Statement IDs (SID) in a single policy must be unique."
	}
	sids[s.Sid] = true
	if len(s.Action)+len(s.NotAction) == 0 {
		return "Policy statement must contain actions."
	}
	for _, a := range slices.Concat(s.Action, s.NotAction) {
		if !actionForm.MatchString(a) {
			return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		}
	}
	principal := s.Principal != nil || s.NotPrincipal != nil
	if resources := len(s.Resource) + len(s.NotResource); trust {
		if resources > 0 {
			return "Has prohibited field Resource"
		}
		if !principal {
			return "Missing required field Principal"
		}
	} else if principal {
		return "Policy document should not specify a principal."
	} else if resources == 0 {
		return "Policy statement must contain resources."
	}
	for _, r := range slices.Concat(s.Resource, s.NotResource) {
		if !resourceForm.MatchString(r) {
			return fmt.Sprintf("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	return ""
}
