package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"msk-serverless/internal/config"
)

// rule lets traffic into or out of a security group. peer is where the traffic comes from or goes to.
type rule struct {
	group  string
	egress bool
	ports  ports
	peer   peer
	id     string // empty if it isn't known: Terraform's state has the ids of separate rules only
}

type ports struct {
	protocol string
	from, to int // both 0 if the protocol has no ports
}

// peer is a security group, a CIDR block, a prefix list, or the rule's own group.
type peer struct{ kind, value string }

const (
	peerGroup      = "security group"
	peerCIDR       = "CIDR block"
	peerPrefixList = "prefix list"
	peerSelf       = "the group itself"
)

func (p peer) String() string {
	switch p.kind {
	case peerSelf:
		return p.kind
	case peerGroup:
		return p.value
	}
	return p.kind + " " + p.value
}

// kafkaPorts are the ports that clients use.
var kafkaPorts = ports{"tcp", config.KafkaPort, config.KafkaPort}

// newPorts returns ports in one form for what Terraform and AWS write in several.
func newPorts(protocol string, from, to *int) ports {
	switch protocol = strings.ToLower(protocol); protocol {
	case "", "all", "-1":
		return ports{protocol: "-1"}
	case "6":
		protocol = "tcp"
	}
	p := ports{protocol: protocol}
	if from != nil && to != nil && (protocol == "tcp" || protocol == "udp") {
		p.from, p.to = *from, *to
	}
	return p
}

// reachKafka reports whether the brokers' port is among p.
func (p ports) reachKafka() bool {
	return p.protocol == "-1" || p.protocol == "tcp" && p.from <= config.KafkaPort && config.KafkaPort <= p.to
}

func (p ports) String() string {
	switch {
	case p.protocol == "-1":
		return "all traffic"
	case p.from == p.to && p.from == 0:
		return "protocol " + p.protocol
	case p.from == p.to:
		return fmt.Sprintf("%s %d", p.protocol, p.from)
	}
	return fmt.Sprintf("%s %d-%d", p.protocol, p.from, p.to)
}

// addPeers adds a rule of Terraform's state for each peer.
func (t *terraform) addPeers(o tfObject, r rule, peers []peer) {
	for _, p := range peers {
		r.peer = p
		t.rules = append(t.rules, tfRule{r, o.address})
	}
}

func peers(kind string, values ...string) []peer {
	var out []peer
	for _, v := range values {
		if v != "" {
			out = append(out, peer{kind, v})
		}
	}
	return out
}

// addInlineRules adds the rules that a group lists. Terraform fills these lists from AWS for separate rules too, but
// not before the first refresh after the rules were created.
func (t *terraform) addInlineRules(o tfObject, values json.RawMessage) error {
	type inlineRule struct {
		Protocol       string   `json:"protocol"`
		From           *int     `json:"from_port"`
		To             *int     `json:"to_port"`
		CIDRs          []string `json:"cidr_blocks"`
		IPv6CIDRs      []string `json:"ipv6_cidr_blocks"`
		PrefixLists    []string `json:"prefix_list_ids"`
		SecurityGroups []string `json:"security_groups"`
		Self           bool     `json:"self"`
	}
	var v struct {
		Ingress []inlineRule `json:"ingress"`
		Egress  []inlineRule `json:"egress"`
	}
	if err := json.Unmarshal(values, &v); err != nil {
		return err
	}
	for i, inline := range slices.Concat(v.Ingress, v.Egress) {
		r := rule{group: o.id, egress: i >= len(v.Ingress), ports: newPorts(inline.Protocol, inline.From, inline.To)}
		sources := slices.Concat(peers(peerGroup, inline.SecurityGroups...), peers(peerCIDR, inline.CIDRs...),
			peers(peerCIDR, inline.IPv6CIDRs...), peers(peerPrefixList, inline.PrefixLists...))
		if inline.Self {
			sources = append(sources, peer{kind: peerSelf})
		}
		t.addPeers(o, r, sources)
	}
	return nil
}

// addClassicRule adds an aws_security_group_rule, which can have several peers.
func (t *terraform) addClassicRule(o tfObject, values json.RawMessage) error {
	var v struct {
		Group       string   `json:"security_group_id"`
		Type        string   `json:"type"`
		Protocol    string   `json:"protocol"`
		From        *int     `json:"from_port"`
		To          *int     `json:"to_port"`
		CIDRs       []string `json:"cidr_blocks"`
		IPv6CIDRs   []string `json:"ipv6_cidr_blocks"`
		PrefixLists []string `json:"prefix_list_ids"`
		Source      string   `json:"source_security_group_id"`
		Self        bool     `json:"self"`
	}
	if err := json.Unmarshal(values, &v); err != nil {
		return err
	}
	r := rule{group: v.Group, egress: v.Type == "egress", ports: newPorts(v.Protocol, v.From, v.To)}
	sources := slices.Concat(peers(peerGroup, v.Source), peers(peerCIDR, v.CIDRs...), peers(peerCIDR, v.IPv6CIDRs...),
		peers(peerPrefixList, v.PrefixLists...))
	if v.Self {
		sources = append(sources, peer{kind: peerSelf})
	}
	t.addPeers(o, r, sources)
	return nil
}

// addRule adds an aws_vpc_security_group_ingress_rule or aws_vpc_security_group_egress_rule.
func (t *terraform) addRule(o tfObject, values json.RawMessage) error {
	var v struct {
		Group      string `json:"security_group_id"`
		Protocol   string `json:"ip_protocol"`
		From       *int   `json:"from_port"`
		To         *int   `json:"to_port"`
		IPv4       string `json:"cidr_ipv4"`
		IPv6       string `json:"cidr_ipv6"`
		PrefixList string `json:"prefix_list_id"`
		Source     string `json:"referenced_security_group_id"`
	}
	if err := json.Unmarshal(values, &v); err != nil {
		return err
	}
	r := rule{
		group:  v.Group,
		egress: o.kind == "aws_vpc_security_group_egress_rule",
		ports:  newPorts(v.Protocol, v.From, v.To),
		id:     o.id,
	}
	t.addPeers(o, r, slices.Concat(peers(peerGroup, v.Source), peers(peerCIDR, v.IPv4, v.IPv6),
		peers(peerPrefixList, v.PrefixList)))
	return nil
}
