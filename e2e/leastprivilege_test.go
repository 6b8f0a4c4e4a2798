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

// The three kinds of roles, as docs/access.md names them.
const (
	collectors = "collectors"
	consumers  = "consumers"
	operators  = "operators"
)

// operation is something that people want done, the actions that it takes, and the kinds of roles that may.
type operation struct {
	name    string
	actions []string
	may     []string
}

// operations hold every action that is known. The table in docs/access.md is this one.
var operations = []operation{
	{"Connect to the brokers", []string{"kafka-cluster:Connect"}, []string{collectors, consumers, operators}},
	{
		"Find the brokers and describe the cluster, through AWS's API",
		[]string{"kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"},
		[]string{collectors},
	},
	{"Write to the platform's log group", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, []string{collectors}},
	{"See a topic and its partitions", []string{"kafka-cluster:DescribeTopic"}, []string{collectors, consumers, operators}},
	{"Create a topic", []string{"kafka-cluster:CreateTopic"}, []string{collectors, operators}},
	{"Produce, idempotently", []string{"kafka-cluster:WriteData", "kafka-cluster:WriteDataIdempotently"}, []string{collectors}},
	{"Fetch records", []string{"kafka-cluster:ReadData"}, []string{consumers}},
	{"Join a group, commit offsets, leave", []string{"kafka-cluster:AlterGroup"}, []string{consumers}},
	{"See a group's members and offsets", []string{"kafka-cluster:DescribeGroup"}, []string{consumers, operators}},
	{"Delete a group", []string{"kafka-cluster:DeleteGroup"}, []string{consumers, operators}},
	{"List groups, describe the cluster, through Kafka", []string{"kafka-cluster:DescribeCluster"}, []string{operators}},
	{"See a topic's configuration", []string{"kafka-cluster:DescribeTopicDynamicConfiguration"}, []string{operators}},
	{"Alter a topic's configuration, such as its retention", []string{"kafka-cluster:AlterTopicDynamicConfiguration"}, []string{operators}},
	{"Add partitions to a topic", []string{"kafka-cluster:AlterTopic"}, []string{operators}},
	{"Delete a topic or its oldest records", []string{"kafka-cluster:DeleteTopic"}, []string{operators}},
	{"Use transactions", []string{"kafka-cluster:AlterTransactionalId", "kafka-cluster:DescribeTransactionalId"}, nil},
	{
		"Alter the cluster through Kafka (not on MSK Serverless)",
		[]string{
			"kafka-cluster:AlterCluster", "kafka-cluster:AlterClusterDynamicConfiguration", "kafka-cluster:DescribeClusterDynamicConfiguration",
		},
		nil,
	},
}

// controlPlane are actions on AWS itself that nobody here is given: to alter the cluster, the policies, the network, the
// log group (Service Authorization Reference).
var controlPlane = strings.Fields(`kafka:CreateCluster kafka:CreateClusterV2 kafka:DeleteCluster kafka:PutClusterPolicy
	kafka:DeleteClusterPolicy kafka:CreateVpcConnection kafka:RebootBroker kafka:UpdateBrokerCount kafka:UpdateBrokerStorage
	kafka:UpdateClusterConfiguration kafka:UpdateClusterKafkaVersion kafka:UpdateConnectivity kafka:UpdateMonitoring
	kafka:UpdateSecurity kafka:TagResource kafka:UntagResource kafka:ListClustersV2 kafka:BatchAssociateScramSecret
	iam:AttachRolePolicy iam:CreatePolicyVersion iam:DeleteRolePermissionsBoundary iam:PassRole iam:PutRolePolicy
	iam:UpdateAssumeRolePolicy sts:AssumeRole ec2:AuthorizeSecurityGroupIngress ec2:ModifyVpcAttribute
	logs:CreateLogGroup logs:DeleteLogGroup logs:DeleteLogStream logs:GetLogEvents logs:PutRetentionPolicy`)

// documented are needs that no Kafka request shows, with the words that say why.
func documented(cluster clusterARN, logGroup string) []need {
	stream := logGroup + ":log-stream:i-0123456789abcdef0"
	return []need{
		{"kafka:GetBootstrapBrokers", "*", "GetBootstrapBrokers, how a collector finds the brokers (MSK API)"},
		{"kafka:DescribeClusterV2", string(cluster), "DescribeClusterV2, whether the cluster is ACTIVE (MSK API)"},
		{"kafka:DescribeCluster", string(cluster), "DescribeCluster, the same for tools older than V2 (MSK API)"},
		{"logs:CreateLogStream", stream, "CreateLogStream, an instance's own stream (CloudWatch Logs API)"},
		{"logs:PutLogEvents", stream, "PutLogEvents, what it writes (CloudWatch Logs API)"},
	}
}

// role is whoever has some of the policies that were deployed, and what it asked a cluster for.
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

// topics are one under each of the role's prefixes.
func (r *role) topics() []string {
	var topics []string
	for _, p := range r.prefixes {
		topics = append(topics, p+"binance.spot")
	}
	return topics
}

const region = "ap-south-1"

// asked is the need as a request to IAM, made in the stack's region.
func (n need) asked() iampolicy.Request {
	return iampolicy.Request{n.action, n.resource, map[string]string{iampolicy.RequestedRegion: region}}
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
	p.logGroup = "arn:aws:logs:" + region + ":" + p.state.Account + ":log-group:" + p.outputs["brokerLogGroupName"].(string)
	teams := p.outputs["consumerTeamPolicyArns"].(map[string]any)
	_, roleName, _ := strings.Cut(p.outputs["collectorRoleArn"].(string), ":role/")
	p.add(t, &role{name: "collectors", kind: collectors, prefixes: []string{"exchg.", "trades."}}, p.state.Roles[roleName].Attached...)
	p.add(t, &role{
		name: "consumers", kind: consumers, prefixes: []string{"exchg."}, groups: []string{"team-quant", "team-research"},
	}, p.outputs["consumerPolicyArn"].(string))
	p.add(t, &role{
		name: "team quant", kind: consumers, prefixes: []string{"exchg.binance.", "trades."}, groups: []string{"quant-live", "quant-replay"},
	}, teams["quant"].(string))
	p.add(t, &role{
		name: "team research", kind: consumers, prefixes: []string{"exchg.okx.", "ref."}, groups: []string{"research"},
	}, teams["research"].(string))
	p.add(t, &role{
		name: "operators", kind: operators, prefixes: []string{"exchg.", "ref.", "trades."},
		groups: []string{"quant-live", "quant-replay", "research", "team-quant", "team-research"},
	}, p.outputs["operatorPolicyArn"].(string))
	return p
}

// add gives the role the policies with the ARNs.
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

// record runs each role's clients, at each version, and keeps what they iampolicy.Request for.
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

// play lets the role do its work in a cluster of its own, where what it needs to begin with is there already.
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

// TestLeastPrivilege holds the deployed policies against what real clients iampolicy.Request for: all of it is iampolicy.Allowed, nothing else is
// granted, each action and resource of each statement is missed when it goes, and what a role must not do is refused.
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
			t.Logf("%s: %d requests recorded, %d actions needed, %d actions granted, %d of %d mutants killed, %d refusals checked",
				r.name, r.requests, len(r.needed()), len(r.granted()), killed, mutants, refused)
		})
	}
	t.Run("documents", p.checkDocuments)
	t.Run("teams", p.checkTeams)
	t.Run("collectors' role", p.checkRole)
	t.Run("transactions", p.checkTransactions)
	t.Run("docs", p.checkDocs)
}

// checkDocuments holds every managed policy of the stack against IAM's grammar.
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

// checkTeams finds the team's prefixes and groups, and no others, in its policy.
func (p *platform) checkTeams(t *testing.T) {
	assert.Equal(t, []string{"quant", "research"}, slices.Sorted(maps.Keys(p.outputs["consumerTeamPolicyArns"].(map[string]any))))
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

// checkRole finds the collectors' role under its boundary, with its three policies and nothing else; and no other role.
func (p *platform) checkRole(t *testing.T) {
	require.Len(t, p.state.Roles, 1)
	for _, role := range p.state.Roles {
		assert.Equal(t, "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary", role.Boundary)
		assert.Len(t, role.Attached, 3)
		assert.Empty(t, role.InlinePolicies)
	}
}

// checkTransactions records a transactional producer: docs/access.md says what it would need, and no role has it.
func (p *platform) checkTransactions(t *testing.T) {
	needs := map[string]bool{}
	for version := range clientVersions {
		c := record(t, version, "exchg.x")
		_, all := c.play(t, p.cluster, func() { c.transact(t, "collector-1", "exchg.x") })
		for _, n := range all {
			needs[n.action] = true
			if typeOf(n.resource) == "transactional-id" {
				for _, r := range p.roles {
					assert.Equal(t, iampolicy.ImplicitlyDenied, iampolicy.Decide(r.policies, n.asked()), "%s: %s", r.name, n)
				}
			}
		}
	}
	assert.True(t, needs["kafka-cluster:AlterTransactionalId"])
	assert.True(t, needs["kafka-cluster:DescribeTransactionalId"])
}

// checkDocs finds in docs/access.md the table of operations, each cell as the deployed policies iampolicy.Decide it.
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

// can reports whether the role is allowed every action of the operation on all that is its own.
func (p *platform) can(r *role, o operation) bool {
	for _, action := range o.actions {
		resources := slices.DeleteFunc(append(p.own(r), "*"), func(arn string) bool { return typeOf(arn) != iampolicy.Actions[action].On })
		if len(resources) == 0 || slices.ContainsFunc(resources, func(arn string) bool {
			return iampolicy.Decide(r.policies, need{action: action, resource: arn}.asked()) != iampolicy.Allowed
		}) {
			return false
		}
	}
	return true
}

// Every action that is known is part of an operation, and so of the table that people read.
func TestLeastPrivilegeOperationsHoldEveryAction(t *testing.T) {
	t.Parallel()
	var held []string
	for _, o := range operations {
		held = append(held, o.actions...)
	}
	slices.Sort(held)
	assert.Equal(t, slices.Sorted(maps.Keys(iampolicy.Actions)), held, "each action in one operation")
}

// needed are the names of the actions that were needed.
func (r *role) needed() map[string]bool {
	names := map[string]bool{}
	for _, n := range r.needs {
		names[n.action] = true
	}
	return names
}

// granted are the names of the actions that are granted.
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

// missing are the needs that the policies do not allow: of each action on each resource, the first.
func (r *role) missing(policies []iampolicy.Policy) []need {
	var missing []need
	for _, n := range r.needs {
		reported := slices.ContainsFunc(missing, func(m need) bool { return m.action == n.action && m.resource == n.resource })
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
	// What an action needs of another type of resource must have been asked for too.
	for name := range r.needed() {
		for _, other := range iampolicy.Actions[name].Needs {
			assert.True(t, r.needed()[iampolicy.InService(name, other)], "%s: %s takes %s besides", r.name, name, other)
		}
	}
}

// checkNoMore finds grants, of an action on a resource, that nobody has used.
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

// whoNeeds says which request takes the action.
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

// killMutants puts each mutant in the place of its statement and expects somebody to miss what it lacks or, where that is a
// condition, something to be let through that has to be refused.
func (p *platform) killMutants(t *testing.T, r *role) (killed, all int) {
	t.Helper()
	for i, doc := range r.policies {
		for j, s := range doc.Statement {
			for _, m := range mutantsOf(s) {
				all++
				policies := slices.Clone(r.policies)
				policies[i].Statement = slices.Clone(doc.Statement)
				policies[i].Statement[j] = m.Rule
				letsThrough := func(a iampolicy.Request) bool { return iampolicy.Decide(policies, a) == iampolicy.Allowed }
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

// checkRefusals asks for everything that the role must not do, and for what it may on its own resources, so that the
// refusals are not those of a policy that refuses all. It returns the number of refusals.
func (p *platform) checkRefusals(t *testing.T, r *role) int {
	t.Helper()
	for _, resource := range p.own(r) {
		for action, a := range iampolicy.Actions {
			if a.On == typeOf(resource) && r.may(action) {
				assert.Equal(t, iampolicy.Allowed, iampolicy.Decide(r.policies, need{action: action, resource: resource}.asked()), "%s: %s on %s", r.name, action, resource)
			}
		}
	}
	refusals := p.refusals(r)
	for _, a := range refusals {
		if d := iampolicy.Decide(r.policies, a); d == iampolicy.Allowed {
			t.Errorf("%s may %s on %s (%s) and must not", r.name, a.Action, a.Resource, a.Context[iampolicy.RequestedRegion])
		}
	}
	return len(refusals)
}

// refusals are what the role must not do: on what is its own, any action that it is not meant to have; on anything else,
// any action at all; and on AWS itself, whatever alters it.
func (p *platform) refusals(r *role) []iampolicy.Request {
	var asks []iampolicy.Request
	own := p.own(r)
	for _, resource := range slices.Concat(own, p.foreign(r)) {
		for _, action := range slices.Sorted(maps.Keys(iampolicy.Actions)) {
			if iampolicy.Actions[action].On == typeOf(resource) && !(r.may(action) && slices.Contains(own, resource)) {
				asks = append(asks, need{action: action, resource: resource}.asked())
			}
		}
	}
	for _, action := range controlPlane {
		for _, resource := range []string{string(p.cluster), p.logGroup + ":*", "*"} {
			asks = append(asks, need{action: action, resource: resource}.asked())
		}
	}
	for _, elsewhere := range []string{"us-east-1", "ap-south-2", "ap-southeast-1", "cn-north-1", "AP-SOUTH-1", ""} {
		asks = append(asks, iampolicy.Request{"kafka:GetBootstrapBrokers", "*", map[string]string{iampolicy.RequestedRegion: elsewhere}})
	}
	asks = append(asks, iampolicy.Request{"kafka:GetBootstrapBrokers", "*", nil})
	if !r.may("kafka:GetBootstrapBrokers") {
		asks = append(asks, need{action: "kafka:GetBootstrapBrokers", resource: "*"}.asked())
	}
	return asks
}

// typeOf is the type of resource that an ARN is of; "" for all.
func typeOf(arn string) string {
	if arn == "*" {
		return ""
	}
	if strings.Contains(arn, ":log-stream:") {
		return "log-stream"
	}
	return strings.SplitN(strings.SplitN(arn, ":", 6)[5], "/", 2)[0]
}

// own is what the role is there for: the cluster, its topics and groups, and collectors' log group.
func (p *platform) own(r *role) []string {
	own := []string{string(p.cluster)}
	for _, prefix := range r.prefixes {
		own = append(own, p.cluster.inside("topic", prefix+"x"), p.cluster.inside("topic", prefix))
	}
	for _, group := range r.groups {
		own = append(own, p.cluster.group(group))
	}
	if r.kind == collectors {
		own = append(own, p.logGroup+":log-stream:i-0123456789abcdef0")
	}
	return own
}

// foreign is what the role has no business with: names that resemble its own, those of the others, and its own names in
// other clusters, accounts, regions and partitions.
func (p *platform) foreign(r *role) []string {
	arns := []string{
		p.cluster.inside("transactional-id", "exchg.x"), p.logGroup + "-2:log-stream:x", p.logGroup[:len(p.logGroup)-1] + ":log-stream:x",
	}
	for _, topic := range p.foreignTopics(r) {
		arns = append(arns, p.cluster.inside("topic", topic))
	}
	for _, group := range p.foreignGroups(r) {
		arns = append(arns, p.cluster.group(group))
	}
	for _, own := range p.own(r) {
		arns = append(arns,
			strings.Replace(own, ":"+region+":", ":us-east-1:", 1),
			strings.Replace(own, ":"+p.state.Account+":", ":210987654321:", 1),
			strings.Replace(own, "arn:aws:", "arn:aws-cn:", 1))
		if typeOf(own) != "log-stream" {
			arns = append(arns, strings.Replace(own, "/crypto-stream/", "/crypto-stream-2/", 1), p.inOtherUUID(own))
		}
	}
	return arns
}

// foreignTopics are those of other prefixes: Kafka's own, the other roles', and for each prefix one that it begins with, one
// that begins like it, one in other letters and one that has it further on.
func (p *platform) foreignTopics(r *role) []string {
	topics := []string{"other.x", "__consumer_offsets"}
	for _, other := range p.roles {
		topics = append(topics, other.topics()...)
	}
	for _, prefix := range r.prefixes {
		stem := strings.TrimSuffix(prefix, ".")
		topics = append(topics, stem, stem[:len(stem)-1]+".x", stem+"x.y", strings.ToUpper(prefix)+"x", "x."+prefix+"x")
	}
	return slices.DeleteFunc(sortedSet(topics), func(topic string) bool {
		return slices.ContainsFunc(r.prefixes, func(prefix string) bool { return strings.HasPrefix(topic, prefix) })
	})
}

// foreignGroups are the other roles', and names that resemble the role's own.
func (p *platform) foreignGroups(r *role) []string {
	groups := []string{"other", "quant*"}
	for _, other := range p.roles {
		groups = append(groups, other.groups...)
	}
	for _, group := range r.groups {
		groups = append(groups, group+"-2", group[:len(group)-1], strings.ToUpper(group), "x-"+group)
	}
	return slices.DeleteFunc(sortedSet(groups), func(group string) bool { return slices.Contains(r.groups, group) })
}

// inOtherUUID is the ARN in a cluster of the same name, made before or after this one.
func (p *platform) inOtherUUID(arn string) string {
	uuid := string(p.cluster)[strings.LastIndex(string(p.cluster), "/")+1:]
	return strings.Replace(arn, uuid, "ffffffff-ffff-ffff-ffff-ffffffffffff-s9", 1)
}

func sortedSet(s []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(s)))
}
