package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
	"msk-serverless/internal/iampolicy"
)

// TestLeastPrivilege compares the deployed policies with what real clients request: all of it is allowed, nothing
// else is granted, removing any action or resource from any statement breaks a client, and what a role must not do
// is refused.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	p := deployPlatform(t)
	p.record(t)
	for _, r := range p.roles {
		t.Run(r.name, func(t *testing.T) {
			p.checkEnough(t, r)
			p.checkNoMore(t, r)
			killed, mutants := p.killMutants(t, r)
			refused := p.checkRefusals(t, r)
			assert.GreaterOrEqual(t, refused, 200)
			t.Logf(
				"%s: %d decisions about requests, %d actions needed, %d granted, %d of %d mutants killed, %d refusals checked",
				r.name,
				r.requests,
				len(r.needed()),
				len(r.granted()),
				killed,
				mutants,
				refused,
			)
		})
	}
	t.Run("documents", p.checkDocuments)
	t.Run("clients", p.checkClients)
	t.Run("roles", p.checkRoles)
	t.Run("trust", p.checkTrust)
	t.Run("transactions", p.checkTransactions)
	t.Run("docs", p.checkDocs)
}

// checkDocuments checks every managed policy of the stack against IAM's grammar.
func (p *platform) checkDocuments(t *testing.T) {
	checked := 0
	for name, policy := range p.state.Policies {
		if name == "MSK-Permission-Boundary" {
			continue
		}
		checked++
		assert.Empty(t, iampolicy.CheckGrammar(policy.Document), name)
		assert.True(t, strings.HasPrefix(name, "crypto-stream-"), "%s begins with the cluster's name", name)
	}
	assert.Equal(t, 18, checked)
}

// checkClients checks that a client's policy contains exactly its prefixes and groups.
func (p *platform) checkClients(t *testing.T) {
	arns := p.outputs["clientPolicyArns"].(map[string]any)
	assert.Len(t, arns, len(p.clients)-2, "all but the collectors and the shared consumers")
	for name, arn := range arns {
		client := p.clients[name]
		want := []string{string(p.cluster)}
		for _, prefix := range slices.Concat(client.Writes.Names, client.Reads.Names) {
			want = append(want, p.cluster.topics(prefix))
		}
		for _, group := range client.Groups.Names {
			want = append(want, p.cluster.group(group))
		}
		policy := arn.(string)[strings.LastIndex(arn.(string), "/")+1:]
		doc, err := iampolicy.Parse(p.state.Policies[policy].Document)
		require.NoError(t, err)
		var got []string
		for _, s := range doc.Statement {
			got = append(got, s.Resource...)
		}
		assert.ElementsMatch(t, want, got, name)
	}
}

// checkRoles checks that each client with a role has one, with the boundary, the policies that it needs and no inline
// policy, and that there is no other role.
func (p *platform) checkRoles(t *testing.T) {
	shared := map[string]int{"collector": 2, "alerts": 3, "archive": 2, "normalizer": 1, "okx-collector": 1, "replayer": 1}
	roles := 0
	for name, client := range p.clients {
		if client.RoleName == "" {
			continue
		}
		roles++
		role := p.state.Roles["crypto-stream-"+region+"-"+client.RoleName]
		require.NotNil(t, role, name)
		assert.Equal(t, "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary", role.Boundary)
		assert.Len(t, role.Attached, 1+shared[name], name)
		assert.Empty(t, role.InlinePolicies)
		assert.Equal(t, "crypto-stream", role.Tags["AccessScope"])
		if name != config.Collectors {
			arn := "arn:aws:iam::123456789012:role/crypto-stream-" + region + "-client-" + name
			assert.Equal(t, arn, p.outputs["clientRoleArns"].(map[string]any)[name])
		}
	}
	assert.Len(t, p.state.Roles, roles)
	assert.Equal(t, map[string]any{
		"replayer": "crypto-stream-ap-south-1-client-replayer",
		"risk":     "crypto-stream-ap-south-1-client-risk",
	}, p.outputs["clientInstanceProfileNames"])
}

// checkTransactions records a transactional producer and checks that no role allows what it needs.
func (p *platform) checkTransactions(t *testing.T) {
	needs := map[string]bool{}
	for version := range kafkaVersions {
		everything := iampolicy.Rule{
			Effect: "Allow", Action: iampolicy.Strings{"kafka-cluster:*"}, Resource: iampolicy.Strings{"*"},
		}
		j := judge(t, string(p.cluster), []iampolicy.Policy{{Statement: []iampolicy.Rule{everything}}}, version, "exchg.x")
		_, all := j.play(t, func() { j.transact(t, "collector-1", "exchg.x") })
		for _, n := range all {
			needs[n.action] = true
			if typeOf(n.resource) == "transactional-id" {
				for _, r := range p.roles {
					assert.Equal(t, iampolicy.ImplicitlyDenied, iampolicy.Decide(r.policies, n.asked()), "%s: %s",
						r.name, n)
				}
			}
		}
	}
	assert.True(t, needs["kafka-cluster:AlterTransactionalId"])
	assert.True(t, needs["kafka-cluster:DescribeTransactionalId"])
}

// checkDocs checks that docs/access.md contains the table of operations as the deployed policies decide it.
func (p *platform) checkDocs(t *testing.T) {
	kinds := []string{collectors, consumers, functions, connectors, operators, observers}
	var table strings.Builder
	table.WriteString("| | actions | " + strings.Join(kinds, " | ") + " |\n| --- |" +
		strings.Repeat(" --- |", 1+len(kinds)) + "\n")
	for _, o := range operations {
		fmt.Fprintf(&table, "| %s | `%s` |", o.name, strings.Join(o.actions, "` `"))
		for _, kind := range kinds {
			cell := " yes |"
			for _, r := range p.roles {
				for _, g := range r.grants {
					if g.kind == kind && !p.can(r, g, o) {
						cell = " – |"
					}
				}
			}
			table.WriteString(cell)
		}
		table.WriteString("\n")
	}
	doc, err := os.ReadFile("docs/access.md")
	require.NoError(t, err)
	assert.Contains(t, string(doc), table.String())
}

// can reports whether the role is allowed every action of the operation on all that the grant is about.
func (p *platform) can(r *role, g grant, o operation) bool {
	for _, action := range o.actions {
		resources := slices.DeleteFunc(append(p.own(g), "*"),
			func(arn string) bool { return typeOf(arn) != iampolicy.Actions[action].On })
		if len(resources) == 0 || slices.ContainsFunc(resources, func(arn string) bool {
			return iampolicy.Decide(r.policies, need{action: action, resource: arn}.asked()) != iampolicy.Allowed
		}) {
			return false
		}
	}
	return true
}

// Every known action must be in the table that people read.
func TestLeastPrivilegeOperationsHoldEveryAction(t *testing.T) {
	t.Parallel()
	var held []string
	for _, o := range operations {
		held = append(held, o.actions...)
	}
	slices.Sort(held)
	assert.Equal(t, slices.Sorted(maps.Keys(iampolicy.Actions)), held, "each action in one operation")
}

// needed returns the names of the actions that the role's clients need.
func (r *role) needed() map[string]bool {
	names := map[string]bool{}
	for _, n := range r.needs {
		names[n.action] = true
	}
	return names
}

// granted returns the names of the actions that the role's policies grant.
func (r *role) granted() map[string]bool {
	names := map[string]bool{}
	for _, p := range r.policies {
		for _, s := range p.Statement {
			for _, a := range s.Action {
				names[a] = true
			}
		}
	}
	return names
}

// missing returns the needs that the policies don't allow.
func (r *role) missing(policies []iampolicy.Policy) []need {
	var missing []need
	for _, n := range r.needs {
		if iampolicy.Decide(policies, n.asked()) != iampolicy.Allowed {
			missing = append(missing, n)
		}
	}
	return missing
}

func (p *platform) checkEnough(t *testing.T, r *role) {
	t.Helper()
	require.NotEmpty(t, r.needs)
	for _, n := range r.missing(r.policies) {
		t.Errorf("%s: %s, and none of %s allows it", r.name, n, r.names)
	}
	// Actions that this one needs on another type of resource must have been requested, too.
	for name := range r.needed() {
		for _, other := range iampolicy.Actions[name].Needs {
			assert.True(t, r.needed()[iampolicy.InService(name, other)], "%s: %s takes %s besides", r.name, name, other)
		}
	}
}

// checkNoMore reports grants of an action on a resource that no client used.
func (p *platform) checkNoMore(t *testing.T, r *role) {
	t.Helper()
	for i, doc := range r.policies {
		for _, s := range doc.Statement {
			for _, only := range grantsOf(s) {
				if !slices.ContainsFunc(r.needs, func(n need) bool { return only.Applies(n.asked()) }) {
					t.Errorf("%s: statement %s of %s grants %s on %s, which no recorded request of theirs needs; %s",
						r.name, s.Sid, r.names[i], only.Action[0], only.Resource[0], p.whoNeeds(only.Action[0]))
				}
			}
		}
	}
}

// grantsOf returns the statement taken apart: one action on one resource each.
func grantsOf(s iampolicy.Rule) []iampolicy.Rule {
	var grants []iampolicy.Rule
	for _, action := range s.Action {
		for _, resource := range s.Resource {
			only := s
			only.Action, only.Resource = iampolicy.Strings{action}, iampolicy.Strings{resource}
			grants = append(grants, only)
		}
	}
	return grants
}

// whoNeeds returns a request that needs the action.
func (p *platform) whoNeeds(action string) string {
	for _, r := range p.roles {
		for _, n := range r.needs {
			if n.action == action {
				return fmt.Sprintf("it is for requests such as %s of %s", n.request, r.name)
			}
		}
	}
	return "no recorded request of anybody's needs it"
}
