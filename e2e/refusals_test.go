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
	for _, resource := range p.own(r) {
		for action, a := range iampolicy.Actions {
			if a.On == typeOf(resource) && r.may(action) {
				assert.Equal(
					t,
					iampolicy.Allowed,
					iampolicy.Decide(r.policies, need{action: action, resource: resource}.asked()),
					"%s: %s on %s",
					r.name,
					action,
					resource,
				)
			}
		}
	}
	refusals := p.refusals(r)
	for _, a := range refusals {
		if d := iampolicy.Decide(r.policies, a); d == iampolicy.Allowed {
			t.Errorf(
				"%s may %s on %s (%s) and must not",
				r.name,
				a.Action,
				a.Resource,
				a.Context[iampolicy.RequestedRegion],
			)
		}
	}
	return len(refusals)
}

// refusals returns what the role must not do: on its own resources, any action that it isn't meant to have; on
// others, any action; and on AWS itself, whatever alters it.
func (p *platform) refusals(r *role) []iampolicy.Request {
	var asks []iampolicy.Request
	own := p.own(r)
	for _, resource := range slices.Concat(own, p.foreign(r)) {
		for _, action := range slices.Sorted(maps.Keys(iampolicy.Actions)) {
			if iampolicy.Actions[action].On == typeOf(resource) &&
				!(r.may(action) && slices.Contains(own, resource)) {
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
		asks = append(
			asks,
			iampolicy.Request{
				Action:   "kafka:GetBootstrapBrokers",
				Resource: "*",
				Context:  map[string]string{iampolicy.RequestedRegion: elsewhere},
			},
		)
	}
	asks = append(asks, iampolicy.Request{Action: "kafka:GetBootstrapBrokers", Resource: "*", Context: nil})
	if !r.may("kafka:GetBootstrapBrokers") {
		asks = append(asks, need{action: "kafka:GetBootstrapBrokers", resource: "*"}.asked())
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

// own returns the role's resources: the cluster, its topics and groups, and for collectors the log group.
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

// foreign returns resources that the role must not reach: names that resemble its own, those of other roles, and
// its own names in other clusters, accounts, regions and partitions.
func (p *platform) foreign(r *role) []string {
	arns := []string{
		p.cluster.inside(
			"transactional-id",
			"exchg.x",
		),
		p.logGroup + "-2:log-stream:x",
		p.logGroup[:len(p.logGroup)-1] + ":log-stream:x",
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

// foreignTopics returns topics outside the role's prefixes: Kafka's own, the other roles', and for each prefix a
// shorter name, a similar one, one in capitals, and one that contains it.
func (p *platform) foreignTopics(r *role) []string {
	topics := []string{"other.x", "__consumer_offsets"}
	for _, other := range p.roles {
		topics = append(topics, other.topics()...)
	}
	for _, prefix := range r.prefixes {
		stem := strings.TrimSuffix(prefix, ".")
		topics = append(
			topics,
			stem,
			stem[:len(stem)-1]+".x",
			stem+"x.y",
			strings.ToUpper(prefix)+"x",
			"x."+prefix+"x",
		)
	}
	return slices.DeleteFunc(sortedSet(topics), func(topic string) bool {
		return slices.ContainsFunc(r.prefixes, func(prefix string) bool { return strings.HasPrefix(topic, prefix) })
	})
}

// foreignGroups returns the other roles' groups, and names that resemble the role's own.
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

// inOtherUUID returns the ARN in another cluster of the same name.
func (p *platform) inOtherUUID(arn string) string {
	uuid := string(p.cluster)[strings.LastIndex(string(p.cluster), "/")+1:]
	return strings.Replace(arn, uuid, "ffffffff-ffff-ffff-ffff-ffffffffffff-s9", 1)
}

func sortedSet(s []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(s)))
}
