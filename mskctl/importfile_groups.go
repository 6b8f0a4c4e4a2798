package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"msk-serverless/internal/config"
)

// source is one way into the brokers' group.
type source struct {
	peer
	ports   ports
	origins []string // Terraform's addresses, or what says that Terraform doesn't know the rule
}

// findGroups finds the groups of collectors and consumers, and the rules of both and of the brokers' group in AWS.
func (m *importer) findGroups(ctx context.Context) error {
	if err := m.findRules(ctx, m.ids[entryBrokers]); err != nil {
		return err
	}
	m.findClientGroups()
	for _, key := range []string{entryCollector, entryConsumer} {
		if m.ids[key] == "" {
			continue
		}
		if slices.Contains(m.cfg.ClientSecurityGroupIDs, m.ids[key]) {
			m.refuse("%s is %s, which clientSecurityGroupIds lists too: remove it there", key, m.ids[key])
		}
		if err := m.findRules(ctx, m.ids[key]); err != nil {
			return err
		}
	}
	m.checkVPCs()
	return nil
}

// checkVPCs refuses a group in another VPC, which the program would replace.
func (m *importer) checkVPCs() {
	for _, key := range []string{entryBrokers, entryCollector, entryConsumer} {
		i := slices.IndexFunc(m.tf.groups, func(g tfObject) bool { return g.id == m.ids[key] })
		if i < 0 || m.tf.groups[i].vpc == m.cfg.VPCID {
			continue
		}
		g := m.tf.groups[i]
		if key == entryBrokers {
			m.refuse("the brokers' group is in %s: set vpcId to that", g.vpc)
		} else {
			m.refuse("%s would be %s, which is in %s and not in vpcId, %s: add it to clientSecurityGroupIds, and let "+
				"`pulumi up` create a group of its own with --create '%s'", key, g.id, g.vpc, m.cfg.VPCID, key)
		}
	}
}

// findRules looks the group's rules up in AWS. Terraform's state lacks the ids of some and rules made by hand.
func (m *importer) findRules(ctx context.Context, group string) error {
	rules, err := m.finder.findRules(ctx, []string{group})
	if err != nil {
		return fmt.Errorf("can't look up the rules of %s in %s (ec2:DescribeSecurityGroupRules): %w",
			group, m.cfg.Region, err)
	}
	inState := slices.ContainsFunc(m.tf.rules, func(r tfRule) bool { return r.group == group })
	if len(rules) == 0 && (inState || group == m.ids[entryBrokers]) {
		return fmt.Errorf("AWS shows no rules of %s in %s, but it must have some: use credentials of the account %s",
			group, m.cfg.Region, m.cluster.account)
	}
	for _, r := range rules {
		if !slices.ContainsFunc(m.rules, func(known rule) bool { return known.id == r.id }) {
			m.rules = append(m.rules, m.ownGroup(r))
		}
	}
	return nil
}

// ownGroup returns the rule with a group of the cluster's account named by its id alone.
func (m *importer) ownGroup(r rule) rule {
	r.peer.value = strings.TrimPrefix(r.peer.value, m.cluster.account+"/")
	if r.peer == (peer{peerGroup, r.group}) {
		r.peer = peer{kind: peerSelf}
	}
	return r
}

// sources returns the ways into the brokers' group, from every form in which Terraform states rules and from AWS.
func (m *importer) sources() []source {
	var all []source
	add := func(r rule, origin string, always bool) {
		if r.group != m.ids[entryBrokers] || r.egress {
			return
		}
		r = m.ownGroup(r)
		i := slices.IndexFunc(all, func(s source) bool { return s.peer == r.peer && s.ports == r.ports })
		if i < 0 {
			all = append(all, source{r.peer, r.ports, []string{origin}})
		} else if always {
			all[i].origins = append(all[i].origins, origin)
		}
	}
	for _, r := range m.tf.rules {
		add(r.rule, r.address, true)
	}
	for _, r := range m.rules {
		add(r, r.id+", not in Terraform's state", false)
	}
	return all
}

// findClientGroups finds the groups of collectors and consumers among those that the brokers admit. If the brokers
// admit groups, but not a recognisable one for each, the next up would lock that group's members out: that is refused.
func (m *importer) findClientGroups() {
	var admitted []string
	for _, s := range m.sources() {
		if s.kind == peerGroup && !slices.Contains(admitted, s.value) {
			admitted = append(admitted, s.value)
		}
	}
	collector, collectorDecided := m.decided(entryCollector, "collector_sg_id")
	consumer, consumerDecided := m.decided(entryConsumer, "consumer_sg_id")
	candidates := m.groupCandidates(admitted, collector, consumer)
	choose := func(key, id string, decided, otherDecided bool) {
		switch {
		case decided || len(admitted) == 0:
			m.ids[key] = id
		case otherDecided && len(candidates) == 1:
			m.ids[key] = candidates[0].id
		case len(candidates) > 0:
			m.ask(key, candidates)
		default:
			m.refuse("%s can't be recognised: the brokers admit %s, and none of them is another group of Terraform's: "+
				"%s", key, strings.Join(admitted, ", "), remedy(key))
		}
	}
	choose(entryCollector, collector, collectorDecided, consumerDecided)
	choose(entryConsumer, consumer, consumerDecided, collectorDecided)
}

// groupCandidates returns the admitted groups of Terraform's state that could be the collectors' or the consumers'.
func (m *importer) groupCandidates(admitted []string, taken ...string) []candidate {
	var out []candidate
	taken = append(taken, m.ids[entryBrokers])
	for _, g := range m.tf.groups {
		if slices.Contains(admitted, g.id) && !slices.Contains(taken, g.id) &&
			!slices.Contains(m.cfg.ClientSecurityGroupIDs, g.id) {
			out = append(out, candidate{g.id, g.address})
			taken = append(taken, g.id)
		}
	}
	return out
}

// findEgress finds the ids of the rules out of the collectors' and the consumers' groups.
func (m *importer) findEgress() {
	toBrokers := func(key, group string) {
		m.chooseRule(key, group, func(r rule) bool {
			return r.peer == peer{peerGroup, m.ids[entryBrokers]} && r.ports.reachKafka()
		})
	}
	toBrokers("vpc/securityGroupEgressRule collector-to-brokers", m.ids[entryCollector])
	toBrokers("vpc/securityGroupEgressRule consumer-to-brokers", m.ids[entryConsumer])
	for _, cidr := range m.cfg.CollectorEgressCIDRs {
		m.chooseRule("vpc/securityGroupEgressRule collector-to-"+cidr, m.ids[entryCollector], func(r rule) bool {
			return r.peer == peer{peerCIDR, cidr} && r.ports.protocol == "-1"
		})
	}
}

// chooseRule records the id of the group's rule that fits, if there is one. It prefers a rule with the brokers' port
// alone, because AWS refuses to create a second one.
func (m *importer) chooseRule(key, group string, fits func(rule) bool) {
	var candidates []candidate
	for _, r := range m.rules {
		if r.group != group || !r.egress || !fits(r) {
			continue
		}
		c := candidate{r.id, r.ports.String() + " to " + r.peer.String()}
		if r.ports == kafkaPorts {
			candidates = []candidate{c}
			break
		}
		candidates = append(candidates, c)
	}
	m.choose(key, "", candidates)
}

// brokersFate says what becomes of the source, and reports whether it loses access.
func (m *importer) brokersFate(s source) (fate string, lost bool) {
	const goes = "GOES with the next `pulumi up`: "
	onKafkaPort := fmt.Sprintf("kept, on tcp %d: ", config.KafkaPort)
	clients := map[string]string{
		m.ids[entryCollector]: "the collectors' group",
		m.ids[entryConsumer]:  "the consumers' group",
	}
	for _, id := range m.cfg.ClientSecurityGroupIDs {
		clients[id] = cmp.Or(clients[id], "listed in clientSecurityGroupIds")
	}
	who, client := clients[s.value]
	switch {
	case !s.ports.reachKafka():
		return goes + fmt.Sprintf("the brokers listen on tcp %d alone", config.KafkaPort), true
	case s.kind == peerGroup && client:
		return onKafkaPort + who, false
	case s.kind == peerGroup && strings.Contains(s.value, "/"):
		return goes + "clientSecurityGroupIds accepts groups of this account only; change network.go to keep it", true
	case s.kind == peerGroup:
		return goes + fmt.Sprintf("add %s to clientSecurityGroupIds to keep it", s.value), true
	case s.kind == peerCIDR && slices.Contains(m.cfg.ClientCIDRs, s.value):
		return onKafkaPort + "listed in clientCidrs", false
	case s.kind == peerCIDR:
		return goes + fmt.Sprintf("add %s to clientCidrs to keep it", s.value), true
	case s.kind == peerSelf && slices.ContainsFunc(m.cfg.Clients(), config.Client.OnLambda):
		return onKafkaPort + "a client runs on Lambda", false
	case s.kind == peerSelf:
		return goes + "what is in this group, such as a Lambda event source mapping, loses access; to keep it, " +
			"let a client in clients run on Lambda", true
	}
	return goes + "the brokers don't admit prefix lists; add its address blocks to clientCidrs, or put its clients into " +
		"a security group and add that to clientSecurityGroupIds", true
}
