package aws

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Rule lets traffic in, or out if Egress is set. It has one source (or destination): CIDR, CIDR6 or Group.
type Rule struct {
	ID          string            `json:"id"`
	Egress      bool              `json:"egress"`
	Protocol    string            `json:"protocol"` // tcp, udp, icmp, icmpv6, a number, or -1 for all
	From        int               `json:"from"`     // -1 if the protocol has no ports
	To          int               `json:"to"`
	CIDR        string            `json:"cidr,omitempty"`
	CIDR6       string            `json:"cidr6,omitempty"`
	Group       string            `json:"group,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// source returns what must differ between two rules of a group (EC2's InvalidPermission.Duplicate).
func (r *Rule) source() string {
	return fmt.Sprint(r.Egress, r.Protocol, r.From, r.To, r.CIDR, r.CIDR6, r.Group)
}

func sortRules(rules []*Rule) {
	slices.SortFunc(rules, func(a, b *Rule) int {
		return cmp.Or(strings.Compare(a.source(), b.source()), strings.Compare(a.ID, b.ID))
	})
}

// checkRule refuses what AuthorizeSecurityGroupIngress and its twin refuse of a rule by itself.
func (r *request) checkRule(g *SecurityGroup, x *Rule) error {
	if x.Group != "" {
		other := r.state.SecurityGroups[x.Group]
		if other == nil || other.Region != g.Region {
			return &Error{
				Status:  400,
				Code:    "InvalidGroup.NotFound",
				Message: fmt.Sprintf("The security group '%s' does not exist", x.Group),
			}
		}
		if other.VPC != g.VPC {
			return &Error{
				Status:  400,
				Code:    "InvalidGroup.NotFound",
				Message: "You have specified two resources that belong to different networks.",
			}
		}
	}
	for _, cidr := range []string{x.CIDR, x.CIDR6} {
		p, err := netip.ParsePrefix(cidr)
		if cidr != "" && (err != nil || p.Addr().Is4() != (cidr == x.CIDR) || p.Masked() != p) {
			return &Error{
				Status:  400,
				Code:    "InvalidParameterValue",
				Message: fmt.Sprintf("CIDR block %s is malformed", cidr),
			}
		}
	}
	if (x.Protocol == "tcp" || x.Protocol == "udp") && (x.From < 0 || x.To < x.From) {
		return &Error{
			Status:  400,
			Code:    "InvalidParameterValue",
			Message: "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
		}
	}
	return nil
}

// checkRules refuses duplicates, and more than 60 rules in one direction: EC2's default quota, which counts IPv4 and
// IPv6 apart, and a rule that refers to a group for both (Amazon VPC quotas).
func checkRules(rules []*Rule) error {
	type side struct{ egress, v6 bool }
	seen, count := map[string]bool{}, map[side]int{}
	for _, x := range rules {
		if seen[x.source()] {
			return &Error{
				Status:  400,
				Code:    "InvalidPermission.Duplicate",
				Message: "the specified rule already exists",
			}
		}
		seen[x.source()] = true
		if x.CIDR6 == "" {
			count[side{x.Egress, false}]++
		}
		if x.CIDR == "" {
			count[side{x.Egress, true}]++
		}
	}
	for _, n := range count {
		if n > 60 {
			return &Error{
				Status: 400, Code: "RulesPerSecurityGroupLimitExceeded",
				Message: "The maximum number of rules per security group has been reached.",
			}
		}
	}
	return nil
}

// sources are the properties for the source of a rule: exactly one is given, and another kind means another
// rule (ModifySecurityGroupRules can't change it).
var sources = []string{"cidrIpv4", "cidrIpv6", "referencedSecurityGroupId"}

func sourceOf(o object) string {
	for _, s := range sources {
		if o.has(s) {
			return s
		}
	}
	return ""
}

// egressRuleType is an outbound rule as a separate resource, which is not exclusive. The brokers' inbound rules are
// inline.
var egressRuleType = &resourceType{
	title: "VPC Security Group Egress Rule", service: "EC2",
	apis: map[Operation]string{
		Create: "AuthorizeSecurityGroupEgress", Read: "DescribeSecurityGroupRules",
		Update: "ModifySecurityGroupRules", Delete: "RevokeSecurityGroupEgress",
	},
	props: tagged(map[string]prop{
		"securityGroupId": {shape: text, required: true, replaces: true},
		"ipProtocol":      {shape: text, required: true},
		"fromPort":        {shape: number, rule: ports}, "toPort": {shape: number, rule: ports},
		"cidrIpv4": {shape: text}, "cidrIpv6": {shape: text}, "referencedSecurityGroupId": {shape: text},
		"description": {shape: text, rule: groupText},
	}),
	outputs: []string{"arn", "securityGroupRuleId"},
	check:   checkRuleInputs,
	replaces: func(old, news object) []string {
		was, is := sourceOf(old), sourceOf(news)
		if was != is && is != "" {
			return []string{was, is}
		}
		return nil
	},
	create: func(r *request) (string, error) { return r.putRule(nil) },
	read:   readRule,
	update: func(r *request) error {
		_, x := r.rule()
		if x == nil {
			return &Error{
				Status: 400, Code: "InvalidSecurityGroupRuleId.NotFound",
				Message: fmt.Sprintf("The security group rule ID '%s' does not exist", r.id),
			}
		}
		_, err := r.putRule(x)
		return err
	},
	delete: func(r *request) error {
		g, x := r.rule()
		if x != nil {
			g.Rules = slices.DeleteFunc(g.Rules, func(y *Rule) bool { return x == y })
		}
		return nil
	},
}

func checkRuleInputs(in object) string {
	given := 0
	for _, s := range sources {
		if in.has(s) {
			given++
		}
	}
	if given > 1 {
		return "exactly one of these attributes must be configured: " + strings.Join(sources, ", ")
	}
	if protocol(in.str("ipProtocol")) == "-1" && (in.numOr("fromPort", -1) != -1 || in.numOr("toPort", -1) != -1) {
		return "with ipProtocol -1 there are no ports: leave fromPort and toPort out"
	}
	return ""
}

// rule finds the rule of the request, and its group.
func (r *request) rule() (*SecurityGroup, *Rule) {
	for _, g := range r.state.SecurityGroups {
		for _, x := range g.Rules {
			if x.ID == r.id && g.Region == r.provider.region {
				return g, x
			}
		}
	}
	return nil, nil
}

// putRule adds a rule to its group, or changes the one given.
func (r *request) putRule(was *Rule) (string, error) {
	in := r.in
	id := in.str("securityGroupId")
	g := r.state.SecurityGroups[id]
	if g == nil || g.Region != r.provider.region {
		return "", &Error{
			Status:  400,
			Code:    "InvalidGroup.NotFound",
			Message: fmt.Sprintf("The security group '%s' does not exist", id),
		}
	}
	x := &Rule{
		Egress: true, Protocol: protocol(in.str("ipProtocol")), From: in.numOr("fromPort", -1), To: in.numOr("toPort", -1),
		CIDR: in.str("cidrIpv4"), CIDR6: in.str("cidrIpv6"),
		Group: in.str("referencedSecurityGroupId"), Description: in.str("description"), Tags: in.dict("tagsAll"),
	}
	if sourceOf(in) == "" {
		return "", &Error{Status: 400, Code: "MissingParameter", Message: "Source or destination is missing."}
	}
	if err := r.checkRule(g, x); err != nil {
		return "", err
	}
	rules := append(slices.DeleteFunc(slices.Clone(g.Rules), func(y *Rule) bool { return y == was }), x)
	if err := checkRules(rules); err != nil {
		return "", err
	}
	if was != nil {
		x.ID = was.ID
	} else {
		x.ID = "sgr-0" + r.state.newID("rule", id+x.source(), 16)
	}
	sortRules(rules)
	g.Rules = rules
	return x.ID, nil
}

func readRule(r *request) (object, error) {
	g, x := r.rule()
	if x == nil {
		return nil, nil
	}
	out := object{
		"securityGroupRuleId": x.ID,
		"arn":                 r.arn("ec2", "security-group-rule/"+x.ID),
		"ipProtocol":          x.Protocol,
	}
	for id, other := range r.state.SecurityGroups {
		if other == g {
			out["securityGroupId"] = id
		}
	}
	for k, v := range map[string]string{
		"cidrIpv4": x.CIDR, "cidrIpv6": x.CIDR6, "referencedSecurityGroupId": x.Group,
		"description": x.Description,
	} {
		if v != "" {
			out[k] = v
		}
	}
	for k, v := range map[string]int{"fromPort": x.From, "toPort": x.To} {
		if v != -1 || r.old.has(k) { // ports of -1 that were not given stay out
			out[k] = float64(v)
		}
	}
	return r.tagsOut(out, x.Tags), nil
}
