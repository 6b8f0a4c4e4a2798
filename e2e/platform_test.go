package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// role is a role with some of the deployed policies, and what its clients requested from a cluster.
type role struct {
	name     string
	grants   []grant
	policies []iampolicy.Policy // as deployed
	names    []string           // of the policies
	requests int
	needs    []need
}

// grant is a kind of access, to the topics that begin with the prefixes and to the groups.
type grant struct {
	kind             string
	prefixes, groups []string
}

// topics returns one topic for each of the prefixes.
func (g grant) topics() []string {
	var topics []string
	for _, p := range g.prefixes {
		topics = append(topics, p+"binance.spot")
	}
	return topics
}

// may reports whether the role is meant to be allowed the action on the resource.
func (p *platform) may(r *role, action, resource string) bool {
	return slices.ContainsFunc(operations, func(o operation) bool {
		return slices.Contains(o.actions, action) && slices.ContainsFunc(r.grants, func(g grant) bool {
			return slices.Contains(o.may, g.kind) && p.covers(g, resource)
		})
	})
}

// covers reports whether the resource is one that the grant is about.
func (p *platform) covers(g grant, resource string) bool {
	inside := func(kind string, names []string, match func(name, of string) bool) bool {
		name, ok := strings.CutPrefix(resource, p.cluster.inside(kind, ""))
		return ok && slices.ContainsFunc(names, func(of string) bool { return match(name, of) })
	}
	switch typeOf(resource) {
	case "":
		return true
	case "cluster":
		return resource == string(p.cluster)
	case "topic":
		return inside("topic", g.prefixes, strings.HasPrefix)
	case "group":
		if g.kind == connectors || g.kind == observers {
			return inside("group", g.groups, strings.HasPrefix)
		}
		return inside("group", g.groups, func(name, of string) bool { return name == of })
	case "log-stream":
		return strings.HasPrefix(resource, p.logGroup+":log-stream:")
	case "network-interface":
		return strings.HasPrefix(resource, p.ec2(""))
	}
	return false
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

// platform is a stack with clients of each kind, deployed by the real engine.
type platform struct {
	state    *aws.State
	outputs  map[string]any
	cluster  clusterARN
	logGroup string
	clients  map[string]config.Client
	roles    []*role
}

func deployPlatform(t *testing.T) *platform {
	t.Helper()
	settings := configtest.With(map[string]string{"clients": configtest.Clients, "observers": "true"})
	s := newStack(t, settings)
	s.Up(t)
	cfg, err := config.Parse(project.Name, settings)
	require.NoError(t, err)
	p := &platform{state: s.AWS.Snapshot(), outputs: s.Outputs(t), clients: map[string]config.Client{}}
	p.cluster = clusterARN(p.outputs["clusterArn"].(string))
	p.logGroup = "arn:aws:logs:" + region + ":" + p.state.Account + ":log-group:" +
		p.outputs["brokerLogGroupName"].(string)
	var prefixes, groups []string
	for _, client := range cfg.Clients() {
		p.clients[client.Name] = client
		prefixes = slices.Concat(prefixes, client.Writes.Names, client.Reads.Names)
		groups = append(groups, client.Groups.Names...)
		p.addClient(t, client)
	}
	p.add(t, &role{name: "operators", grants: []grant{{operators, sortedSet(prefixes), groups}}},
		p.outputs["operatorPolicyArn"].(string))
	p.add(t, &role{name: "observers", grants: []grant{{observers, []string{""}, []string{""}}}},
		p.outputs["observerPolicyArn"].(string))
	return p
}

// addClient adds a role of the client: the one made for it, without the policies that are configured, or one to which
// its policy is attached.
func (p *platform) addClient(t *testing.T, client config.Client) {
	t.Helper()
	r := &role{name: client.Name}
	writes, reads, groups := client.Writes.Names, client.Reads.Names, client.Groups.Names
	switch {
	case client.Name == config.Collectors:
		r.grants = append(r.grants, grant{collectors, writes, nil})
	case len(writes) > 0:
		r.grants = append(r.grants, grant{writers, writes, nil})
	}
	switch {
	case client.OnLambda():
		r.grants = append(r.grants, grant{functions, reads, groups})
	case len(reads) > 0:
		r.grants = append(r.grants, grant{consumers, reads, groups})
	}
	if client.OnMSKConnect() {
		internal := []string{"__amazon_msk_connect_"}
		r.grants = append(r.grants, grant{connectors, internal, internal})
	}
	arns := []string{"arn:aws:iam::" + p.state.Account + ":policy/crypto-stream-" + region + "-" + client.PolicyName}
	if client.RoleName != "" {
		arns = slices.DeleteFunc(p.state.Roles["crypto-stream-"+region+"-"+client.RoleName].Attached,
			func(arn string) bool { return slices.Contains(client.PolicyARNs.Names, arn) })
	}
	p.add(t, r, arns...)
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
	for _, version := range slices.Sorted(maps.Keys(kafkaVersions)) {
		for _, r := range p.roles {
			requests, needs := p.play(t, r, version)
			r.requests += requests
			r.needs = append(r.needs, needs...)
			for _, g := range r.grants {
				r.needs = append(r.needs, p.documented(g.kind)...)
			}
			r.needs = distinct(r.needs)
		}
	}
}

// distinct returns the first need of each action on each resource.
func distinct(needs []need) []need {
	seen := map[need]bool{}
	return slices.DeleteFunc(needs, func(n need) bool {
		what := need{action: n.action, resource: n.resource}
		again := seen[what]
		seen[what] = true
		return again
	})
}

// play runs the role's clients in a cluster that contains what they expect to exist.
func (p *platform) play(t *testing.T, r *role, version string) (requests int, needs []need) {
	t.Helper()
	for _, g := range r.grants {
		n, some := p.playGrant(t, r, g, version)
		requests, needs = requests+n, append(needs, some...)
	}
	return requests, needs
}

func (p *platform) playGrant(t *testing.T, r *role, g grant, version string) (decisions int, needs []need) {
	t.Helper()
	topics, there := g.topics(), []string{"there"}
	switch g.kind {
	case collectors, writers:
		j := judge(t, string(p.cluster), r.policies, version)
		var logs []need
		decisions, needs = j.play(t, func() {
			j.collect(t, topics)
			if version == newestKafka || stacktest.Thorough() {
				logs = j.collectShipped(t, p.logGroup, g.prefixes)
			}
		})
		return decisions, append(needs, logs...)
	case consumers, functions:
		j := judge(t, string(p.cluster), r.policies, version, topics...)
		j.prepare(t, "", topics...)
		return j.play(t, func() {
			for _, group := range g.groups {
				j.consume(t, group, topics)
			}
		})
	case operators:
		j := judge(t, string(p.cluster), r.policies, version, there...)
		j.prepare(t, "", there...)
		for _, group := range g.groups {
			m := j.join(t, setup, group, there)
			m.readAll(t, there)
			m.leave(t)
		}
		return j.play(t, func() { j.operate(t, topics, g.groups) })
	case observers:
		j := judge(t, string(p.cluster), r.policies, version, there...)
		j.prepare(t, "watched", there...)
		return j.play(t, func() { j.watch(t, there, "watched") })
	}
	return 0, nil
}
