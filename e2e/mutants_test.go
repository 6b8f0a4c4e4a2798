package e2e

import (
	"slices"
	"testing"

	"msk-serverless/internal/iampolicy"
)

// mutant is a statement that lacks something.
type mutant struct {
	iampolicy.Rule
	lacks string
}

// mutantsOf returns statements that each lack one action, one resource or the conditions.
func mutantsOf(s iampolicy.Rule) []mutant {
	var mutants []mutant
	for i, action := range s.Action {
		m := mutant{s, action}
		m.Action = slices.Delete(slices.Clone(s.Action), i, i+1)
		mutants = append(mutants, m)
	}
	for i, resource := range s.Resource {
		m := mutant{s, resource}
		m.Resource = slices.Delete(slices.Clone(s.Resource), i, i+1)
		mutants = append(mutants, m)
	}
	if s.Condition != nil {
		m := mutant{s, "its condition"}
		m.Condition = nil
		mutants = append(mutants, m)
	}
	return mutants
}

// killMutants replaces each statement by each of its mutants. A mutant is killed if a client then misses a
// permission or, for a mutant without its condition, if something is allowed that must be refused.
func (p *platform) killMutants(t *testing.T, r *role) (killed, all int) {
	t.Helper()
	for i, doc := range r.policies {
		for j, s := range doc.Statement {
			for _, m := range mutantsOf(s) {
				all++
				policies := slices.Clone(r.policies)
				policies[i].Statement = slices.Clone(doc.Statement)
				policies[i].Statement[j] = m.Rule
				letsThrough := func(a iampolicy.Request) bool {
					return iampolicy.Decide(policies, a) == iampolicy.Allowed
				}
				if len(r.missing(policies)) == 0 && !slices.ContainsFunc(p.refusals(r), letsThrough) {
					t.Errorf("%s: nobody misses %s in statement %s of %s", r.name, m.lacks, s.Sid, r.names[i])
					continue
				}
				killed++
			}
		}
	}
	return killed, all
}
