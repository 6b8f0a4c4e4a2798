package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/iampolicy"
)

// checkRefusals requests everything that the role must not do. It also requests what the role may do, because a
// policy that refuses everything proves nothing. It returns the number of refusals.
func (p *platform) checkRefusals(t *testing.T, r *role) int {
	t.Helper()
	for _, g := range r.grants {
		for _, resource := range p.own(g) {
			for action, a := range iampolicy.Actions {
				if a.On == typeOf(resource) && p.may(r, action, resource) {
					assert.Equal(t, iampolicy.Allowed,
						iampolicy.Decide(r.policies, need{action: action, resource: resource}.asked()), "%s: %s on %s",
						r.name, action, resource)
				}
			}
		}
	}
	refusals := p.refusals(r)
	for _, a := range refusals {
		if d := iampolicy.Decide(r.policies, a); d == iampolicy.Allowed {
			t.Errorf("%s may %s on %s (%s) and must not", r.name, a.Action, a.Resource,
				a.Context[iampolicy.RequestedRegion])
		}
	}
	return len(refusals)
}

// refusals returns what the role must not do: on its own resources, any action that it isn't meant to have; on
// others, any action; and on AWS itself, whatever alters it.
func (p *platform) refusals(r *role) []iampolicy.Request {
	var asks []iampolicy.Request
	resources := p.foreign(r)
	for _, g := range r.grants {
		resources = append(resources, p.own(g)...)
	}
	for _, resource := range sortedSet(resources) {
		for _, action := range slices.Sorted(maps.Keys(iampolicy.Actions)) {
			if iampolicy.Actions[action].On == typeOf(resource) && !p.may(r, action, resource) {
				asks = append(asks, need{action: action, resource: resource}.asked())
			}
		}
	}
	for _, action := range controlPlane {
		for _, resource := range []string{string(p.cluster), p.logGroup + ":*", "*"} {
			asks = append(asks, need{action: action, resource: resource}.asked())
		}
	}
	var regional []string // actions without a resource type
	for action, a := range iampolicy.Actions {
		if a.On == "" {
			regional = append(regional, action)
		}
	}
	for _, elsewhere := range []string{"us-east-1", "ap-south-2", "ap-southeast-1", "cn-north-1", "AP-SOUTH-1", ""} {
		for _, action := range regional {
			asks = append(asks, iampolicy.Request{
				Action: action, Resource: "*", Context: map[string]string{iampolicy.RequestedRegion: elsewhere},
			})
		}
	}
	for _, action := range regional {
		asks = append(asks, iampolicy.Request{Action: action, Resource: "*", Context: nil})
		if !p.may(r, action, "*") {
			asks = append(asks, need{action: action, resource: "*"}.asked())
		}
	}
	return asks
}

// typeOf returns the type of resource that an ARN names, or "" for *.
func typeOf(arn string) string {
	if arn == "*" {
		return ""
	}
	if strings.Contains(arn, ":log-stream:") {
		return "log-stream"
	}
	return strings.SplitN(strings.SplitN(arn, ":", 6)[5], "/", 2)[0]
}

// own returns what the grant is about: the cluster, its topics and groups, and what some kinds have beside it.
func (p *platform) own(g grant) []string {
	own := []string{string(p.cluster)}
	for _, prefix := range g.prefixes {
		own = append(own, p.cluster.inside("topic", prefix+"x"), p.cluster.inside("topic", prefix))
	}
	for _, group := range g.groups {
		own = append(own, p.cluster.group(group))
	}
	switch g.kind {
	case collectors, writers:
		own = append(own, p.logGroup+":log-stream:i-0123456789abcdef0")
	case functions:
		own = append(own, p.logGroup+":log-stream:alerts", p.ec2("network-interface/eni-0a1b2c3d"))
	}
	return own
}

// foreign returns resources that the role must not reach: names that resemble its own, those of other roles, and
// its own names in other clusters, accounts, regions and partitions.
func (p *platform) foreign(r *role) []string {
	arns := []string{
		p.cluster.inside("transactional-id", "exchg.x"),
		p.logGroup + "-2:log-stream:x",
		p.logGroup[:len(p.logGroup)-1] + ":log-stream:x",
	}
	for _, topic := range p.foreignTopics(r) {
		arns = append(arns, p.cluster.inside("topic", topic))
	}
	for _, group := range p.foreignGroups(r) {
		arns = append(arns, p.cluster.group(group))
	}
	for _, g := range r.grants {
		for _, own := range p.own(g) {
			arns = append(arns,
				strings.Replace(own, ":"+region+":", ":us-east-1:", 1),
				strings.Replace(own, ":"+p.state.Account+":", ":210987654321:", 1),
				strings.Replace(own, "arn:aws:", "arn:aws-cn:", 1))
			if strings.Contains(own, ":kafka:") {
				arns = append(arns, strings.Replace(own, "/crypto-stream/", "/crypto-stream-2/", 1), p.inOtherUUID(own))
			}
		}
	}
	return arns
}

// foreignTopics returns topics of which some are outside the role's prefixes: Kafka's own, the other roles', and for
// each prefix a shorter name, a similar one, one in capitals, and one that contains it.
func (p *platform) foreignTopics(r *role) []string {
	topics := []string{"other.x", "__consumer_offsets", "__amazon_msk_connect_offsets_x"}
	for _, other := range p.roles {
		for _, g := range other.grants {
			topics = append(topics, g.topics()...)
		}
	}
	for _, g := range r.grants {
		for _, prefix := range g.prefixes {
			stem := strings.TrimSuffix(prefix, ".")
			if stem == "" {
				continue
			}
			topics = append(topics, stem, stem[:len(stem)-1]+".x", stem+"x.y", strings.ToUpper(prefix)+"x",
				"x."+prefix+"x")
		}
	}
	return sortedSet(topics)
}

// foreignGroups returns the other roles' groups, and names that resemble the role's own.
func (p *platform) foreignGroups(r *role) []string {
	groups := []string{"other", "quant*", "connect-other", "__amazon_msk_connect_x"}
	for _, other := range p.roles {
		for _, g := range other.grants {
			groups = append(groups, g.groups...)
		}
	}
	for _, g := range r.grants {
		for _, group := range g.groups {
			if group != "" {
				groups = append(groups, group+"-2", group[:len(group)-1], strings.ToUpper(group), "x-"+group)
			}
		}
	}
	return sortedSet(groups)
}

// inOtherUUID returns the ARN in another cluster of the same name.
func (p *platform) inOtherUUID(arn string) string {
	uuid := string(p.cluster)[strings.LastIndex(string(p.cluster), "/")+1:]
	return strings.Replace(arn, uuid, "ffffffff-ffff-ffff-ffff-ffffffffffff-s9", 1)
}

func sortedSet(s []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(s)))
}
