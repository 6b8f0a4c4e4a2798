// Package iampolicy writes IAM policies, and evaluates them as IAM does, so that tests can ask what a policy allows.
package iampolicy

import "slices"

// Document is an IAM policy as the programs write it.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one statement of a Document.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]Strings           `json:",omitempty"`
	Action    []string                     `json:",omitempty"`
	Resource  []string                     `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

// NewDocument returns a policy with the statements.
func NewDocument(statements ...Statement) Document {
	return Document{Version: "2012-10-17", Statement: statements}
}

// Allow returns a statement with its actions and resources sorted and each once, so that the same names in another
// order give the same document.
func Allow(sid string, actions, resources []string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: sortedSet(actions), Resource: sortedSet(resources)}
}

func sortedSet(s []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(s)))
}

// MaxSize is how many characters a managed policy may have, white space not counted (IAM quotas).
const MaxSize = 6144
