package iampolicy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// conditionKeys are the condition keys that the evaluator knows, in lower case, and whether a request has several
// values of one (IAM user guide, "AWS global condition context keys"; Service Authorization Reference). A key that
// ends in / stands for one per tag, and oidc.eks. for aud and sub of every EKS cluster.
var conditionKeys = map[string]bool{
	"aws:multifactorauthage":                  false,
	"aws:multifactorauthpresent":              false,
	"aws:requestedregion":                     false,
	"aws:requesttag/":                         false,
	"aws:resourcetag/":                        false,
	"aws:sourceaccount":                       false,
	"aws:sourcearn":                           false,
	"aws:tagkeys":                             true,
	"ec2:createaction":                        false,
	"ec2:vpc":                                 false,
	"iam:awsservicename":                      false,
	"iam:passedtoservice":                     false,
	"iam:permissionsboundary":                 false,
	"iam:policyarn":                           false,
	"oidc.eks.":                               false,
	"sts:externalid":                          false,
	"token.actions.githubusercontent.com:aud": false,
	"token.actions.githubusercontent.com:sub": false,
}

// operator is a condition operator: how a value of the policy compares with one of the request, and whether the
// condition holds if they don't match ("IAM JSON policy elements: Condition operators").
type operator struct {
	match   func(wanted, got string) bool
	negated bool
}

var operators = map[string]operator{
	"StringEquals":              {match: func(wanted, got string) bool { return wanted == got }},
	"StringNotEquals":           {match: func(wanted, got string) bool { return wanted == got }, negated: true},
	"StringEqualsIgnoreCase":    {match: strings.EqualFold},
	"StringNotEqualsIgnoreCase": {match: strings.EqualFold, negated: true},
	"StringLike":                {match: func(wanted, got string) bool { return wild(wanted, got, ".") }},
	"StringNotLike":             {match: func(wanted, got string) bool { return wild(wanted, got, ".") }, negated: true},
	"ArnEquals":                 {match: arnLike},
	"ArnLike":                   {match: arnLike},
	"ArnNotEquals":              {match: arnLike, negated: true},
	"ArnNotLike":                {match: arnLike, negated: true},
	"Bool":                      {match: strings.EqualFold},
	"NumericLessThan":           {match: less},
}

// splitOperator returns the qualifier, the operator's own name, and whether it ends in IfExists.
func splitOperator(name string) (qualifier, own string, ifExists bool) {
	own = name
	if before, after, ok := strings.Cut(name, ":"); ok {
		qualifier, own = before, after
	}
	own, ifExists = strings.CutSuffix(own, "IfExists")
	return qualifier, own, ifExists
}

// checkCondition returns an error if holds can't evaluate the condition.
func checkCondition(name, key string, values []string) error {
	lower := strings.ToLower(key)
	if tag := strings.Index(lower, "/"); tag >= 0 {
		lower = lower[:tag+1]
	}
	if strings.HasPrefix(lower, "oidc.eks.") {
		lower = "oidc.eks."
	}
	several, known := conditionKeys[lower]
	if !known {
		return fmt.Errorf("unknown condition key %s", key)
	}
	for _, v := range values {
		if strings.Contains(v, "${") {
			return fmt.Errorf("policy variable in %s: %s", key, v)
		}
	}
	if name == "Null" {
		if len(values) != 1 || values[0] != "true" && values[0] != "false" {
			return fmt.Errorf("condition Null of %s: %s is neither true nor false", key, values)
		}
		return nil
	}
	qualifier, own, _ := splitOperator(name)
	if _, known := operators[own]; !known {
		return fmt.Errorf("unknown condition operator %s", name)
	}
	switch qualifier {
	case "":
		if several {
			return fmt.Errorf("%s of %s, which has several values, needs ForAllValues or ForAnyValue", name, key)
		}
	case "ForAllValues", "ForAnyValue":
		if !several {
			return fmt.Errorf("%s of %s, which has one value", name, key)
		}
	default:
		return fmt.Errorf("unknown qualifier in %s", name)
	}
	return nil
}

// holds reports whether all conditions of the rule are met.
func (r Rule) holds(request Request) bool {
	for name, keys := range r.Condition {
		for key, values := range keys {
			if !conditionHolds(name, strings.ToLower(key), values, request) {
				return false
			}
		}
	}
	return true
}

// conditionHolds evaluates one condition. A key that the request lacks matches nothing, unless the operator ends in
// IfExists. Case matters in values, not in keys.
func conditionHolds(name, key string, values []string, request Request) bool {
	got := request.Lists[key]
	if one, ok := request.Context[key]; ok {
		got = append(slices.Clone(got), one)
	}
	if name == "Null" {
		return (len(got) == 0) == (values[0] == "true")
	}
	qualifier, own, ifExists := splitOperator(name)
	if len(got) == 0 && ifExists {
		return true
	}
	op := operators[own]
	met := func(value string) bool {
		matches := slices.ContainsFunc(values, func(wanted string) bool { return op.match(wanted, value) })
		return matches != op.negated
	}
	switch {
	case qualifier == "ForAllValues":
		return !slices.ContainsFunc(got, func(value string) bool { return !met(value) })
	case qualifier == "" && len(got) == 0:
		return op.negated
	}
	return slices.ContainsFunc(got, met)
}

// arnLike reports whether each of the six parts of an ARN matches its pattern. A * doesn't match a colon between
// parts.
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

// less reports whether got is a number below the limit.
func less(limit, got string) bool {
	l, err1 := strconv.ParseFloat(limit, 64)
	g, err2 := strconv.ParseFloat(got, 64)
	return err1 == nil && err2 == nil && g < l
}
