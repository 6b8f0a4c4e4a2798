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

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/sandbox/aws"
)

// role is a role with some of the deployed policies, and what its clients requested from a cluster.
type role struct {
	name, kind       string
	prefixes, groups []string
	policies         []iampolicy.Policy // as deployed
	names            []string           // of the policies
	requests         int
	needs            []need
}

func (r *role) may(action string) bool {
	return slices.ContainsFunc(operations, func(o operation) bool {
		return slices.Contains(o.actions, action) && slices.Contains(o.may, r.kind)
	})
}

// topics returns one topic for each of the role's prefixes.
func (r *role) topics() []string {
	var topics []string
	for _, p := range r.prefixes {
		topics = append(topics, p+"binance.spot")
	}
	return topics
}

const region = "ap-south-1"

// asked returns the need as a request to IAM in the stack's region.
func (n need) asked() iampolicy.Request {
	return iampolicy.Request{
		Action:   n.action,
		Resource: n.resource,
		Context:  map[string]string{iampolicy.RequestedRegion: region},
	}
}

// platform is a stack with teams, deployed by the real engine.
type platform struct {
	state    *aws.State
	outputs  map[string]any
	cluster  clusterARN
	logGroup string
	roles    []*role
}

func deployPlatform(t *testing.T) *platform {
	t.Helper()
	s := newStack(t, configtest.With(map[string]string{"consumerTeams": configtest.Teams}))
	s.Up(t)
	p := &platform{state: s.AWS.Snapshot(), outputs: s.Outputs(t)}
	p.cluster = clusterARN(p.outputs["clusterArn"].(string))
	p.logGroup = "arn:aws:logs:" + region + ":" + p.state.Account + ":log-group:" +
		p.outputs["brokerLogGroupName"].(string)
	teams := p.outputs["consumerTeamPolicyArns"].(map[string]any)
	_, roleName, _ := strings.Cut(p.outputs["collectorRoleArn"].(string), ":role/")
	p.add(
		t,
		&role{name: "collectors", kind: collectors, prefixes: []string{"exchg.", "trades."}},
		p.state.Roles[roleName].Attached...)
	p.add(t, &role{
		name:     "consumers",
		kind:     consumers,
		prefixes: []string{"exchg."},
		groups:   []string{"team-quant", "team-research"},
	}, p.outputs["consumerPolicyArn"].(string))
	p.add(t, &role{
		name:     "team quant",
		kind:     consumers,
		prefixes: []string{"exchg.binance.", "trades."},
		groups:   []string{"quant-live", "quant-replay"},
	}, teams["quant"].(string))
	p.add(t, &role{
		name:     "team research",
		kind:     consumers,
		prefixes: []string{"exchg.okx.", "ref."},
		groups:   []string{"research"},
	}, teams["research"].(string))
	p.add(t, &role{
		name: "operators", kind: operators, prefixes: []string{"exchg.", "ref.", "trades."},
		groups: []string{"quant-live", "quant-replay", "research", "team-quant", "team-research"},
	}, p.outputs["operatorPolicyArn"].(string))
	return p
}

// add adds a role that has the policies with the ARNs.
func (p *platform) add(t *testing.T, r *role, arns ...string) {
	t.Helper()
	require.NotEmpty(t, arns)
	for _, arn := range arns {
		name := arn[strings.LastIndex(arn, "/")+1:]
		require.Contains(t, p.state.Policies, name)
		doc, err := iampolicy.Parse(p.state.Policies[name].Document)
		require.NoError(t, err)
		r.policies, r.names = append(r.policies, doc), append(r.names, name)
	}
	p.roles = append(p.roles, r)
}

// record runs each role's clients with each version and keeps their requests.
func (p *platform) record(t *testing.T) {
	t.Helper()
	for _, version := range slices.Sorted(maps.Keys(clientVersions)) {
		for _, r := range p.roles {
			requests, needs := p.play(t, r, version)
			r.requests += requests
			r.needs = append(r.needs, needs...)
			if r.kind == collectors {
				r.needs = append(r.needs, documented(p.cluster, p.logGroup)...)
			}
		}
	}
}

// play runs the role's clients in a cluster that contains what they expect to exist.
func (p *platform) play(t *testing.T, r *role, version string) (requests int, needs []need) {
	t.Helper()
	topics, there := r.topics(), []string{"there"}
	switch r.kind {
	case collectors:
		c := record(t, version)
		return c.play(t, p.cluster, func() { c.collect(t, topics) })
	case consumers:
		c := record(t, version, topics...)
		c.fill(t, topics)
		return c.play(t, p.cluster, func() {
			for _, group := range r.groups {
				c.consume(t, group, topics)
			}
		})
	default:
		c := record(t, version, there...)
		c.fill(t, there)
		for _, group := range r.groups {
			m := c.join(t, group, there)
			m.readAll(t, there)
			m.leave(t)
		}
		return c.play(t, p.cluster, func() { c.operate(t, topics, r.groups) })
	}
}

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
				"%s: %d requests recorded, %d actions needed, %d granted, %d of %d mutants killed, %d refusals checked",
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
	t.Run("teams", p.checkTeams)
	t.Run("collectors' role", p.checkRole)
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
	assert.Equal(t, 7, checked)
}

// checkTeams checks that a team's policy contains exactly its prefixes and groups.
func (p *platform) checkTeams(t *testing.T) {
	assert.Equal(
		t,
		[]string{"quant", "research"},
		slices.Sorted(maps.Keys(p.outputs["consumerTeamPolicyArns"].(map[string]any))),
	)
	for _, r := range p.roles {
		if !strings.HasPrefix(r.name, "team ") {
			continue
		}
		want := []string{string(p.cluster)}
		for _, prefix := range r.prefixes {
			want = append(want, p.cluster.topics(prefix))
		}
		for _, group := range r.groups {
			want = append(want, p.cluster.group(group))
		}
		require.Len(t, r.policies, 1)
		var got []string
		for _, s := range r.policies[0].Statement {
			got = append(got, s.Resource...)
		}
		assert.ElementsMatch(t, want, got, r.name)
	}
}

// checkRole checks that the collectors' role has its boundary and its three policies, and that there is no other
// role.
func (p *platform) checkRole(t *testing.T) {
	require.Len(t, p.state.Roles, 1)
	for _, role := range p.state.Roles {
		assert.Equal(t, "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary", role.Boundary)
		assert.Len(t, role.Attached, 3)
		assert.Empty(t, role.InlinePolicies)
	}
}

// checkTransactions records a transactional producer and checks that no role allows what it needs.
func (p *platform) checkTransactions(t *testing.T) {
	needs := map[string]bool{}
	for version := range clientVersions {
		c := record(t, version, "exchg.x")
		_, all := c.play(t, p.cluster, func() { c.transact(t, "collector-1", "exchg.x") })
		for _, n := range all {
			needs[n.action] = true
			if typeOf(n.resource) == "transactional-id" {
				for _, r := range p.roles {
					assert.Equal(
						t,
						iampolicy.ImplicitlyDenied,
						iampolicy.Decide(r.policies, n.asked()),
						"%s: %s",
						r.name,
						n,
					)
				}
			}
		}
	}
	assert.True(t, needs["kafka-cluster:AlterTransactionalId"])
	assert.True(t, needs["kafka-cluster:DescribeTransactionalId"])
}

// checkDocs checks that docs/access.md contains the table of operations as the deployed policies decide it.
func (p *platform) checkDocs(t *testing.T) {
	kinds := []string{collectors, consumers, operators}
	var table strings.Builder
	table.WriteString("| | actions | " + strings.Join(kinds, " | ") + " |\n| --- | --- | --- | --- | --- |\n")
	for _, o := range operations {
		fmt.Fprintf(&table, "| %s | `%s` |", o.name, strings.Join(o.actions, "` `"))
		for _, kind := range kinds {
			cell := " yes |"
			for _, r := range p.roles {
				if r.kind == kind && !p.can(r, o) {
					cell = " – |"
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

// can reports whether the role is allowed every action of the operation on all of its resources.
func (p *platform) can(r *role, o operation) bool {
	for _, action := range o.actions {
		resources := slices.DeleteFunc(
			append(p.own(r), "*"),
			func(arn string) bool { return typeOf(arn) != iampolicy.Actions[action].On },
		)
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

// missing returns the needs that the policies don't allow, one for each action and resource.
func (r *role) missing(policies []iampolicy.Policy) []need {
	var missing []need
	for _, n := range r.needs {
		reported := slices.ContainsFunc(
			missing,
			func(m need) bool { return m.action == n.action && m.resource == n.resource },
		)
		if !reported && iampolicy.Decide(policies, n.asked()) != iampolicy.Allowed {
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
			assert.True(
				t,
				r.needed()[iampolicy.InService(name, other)],
				"%s: %s takes %s besides",
				r.name,
				name,
				other,
			)
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
					t.Errorf(
						"%s: statement %s of %s grants %s on %s, which no recorded request of theirs needs; %s",
						r.name,
						s.Sid,
						r.names[i],
						only.Action[0],
						only.Resource[0],
						p.whoNeeds(only.Action[0]),
					)
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
