package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SecurityGroup is a firewall of a VPC. Rules that Pulumi holds inline and as resources of their own lie in one list,
// as in EC2.
type SecurityGroup struct {
	Region      string            `json:"region"`
	VPC         string            `json:"vpc"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Rules       []*Rule           `json:"rules,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// A group's description can't be changed in EC2, nor can its name and VPC: the provider replaces it.
var groupText = match(`[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}`, "at most 255 of a-zA-Z0-9 ._-:/()#,@[]+=&;{}!$*")

var ports = between(-1, 65535)

var groupType = &resourceType{
	title: "Security Group", service: "EC2", name: "name", maxName: 255,
	apis: map[Operation]string{
		Create: "CreateSecurityGroup", Read: "DescribeSecurityGroups",
		Update: "AuthorizeSecurityGroupIngress", Delete: "DeleteSecurityGroup",
	},
	props: tagged(named(groupText, map[string]prop{
		"description":         {shape: text, replaces: true, def: "Managed by Pulumi", rule: groupText},
		"vpcId":               {shape: text, replaces: true, computed: true},
		"ingress":             inlineRules,
		"egress":              inlineRules,
		"revokeRulesOnDelete": {shape: flag, local: true, def: false},
	})),
	outputs: []string{"arn", "ownerId"},
	create:  createGroup, read: readGroup, update: updateGroup, delete: deleteGroup,
}

// Inline rules are a set; given they are all that there may be, left out they are whatever there is.
var inlineRules = prop{shape: set, computed: true, of: &prop{shape: block, fields: map[string]prop{
	"protocol": {shape: text, required: true}, "fromPort": {shape: number, required: true, rule: ports},
	"toPort": {shape: number, required: true, rule: ports}, "description": {shape: text, rule: groupText},
	"self": {shape: flag}, "cidrBlocks": {shape: list}, "ipv6CidrBlocks": {shape: list},
	"securityGroups": {shape: set},
}}}

func createGroup(r *request) (string, error) {
	in := r.in
	if r.state.VPCs[in.str("vpcId")] == nil {
		if in.str("vpcId") == "" {
			return "", &Error{Status: 400, Code: "VPCIdNotSpecified", Message: "No default VPC for this user"}
		}
		return "", &Error{
			Status:  400,
			Code:    "InvalidVpcID.NotFound",
			Message: fmt.Sprintf("The vpc ID '%s' does not exist", in.str("vpcId")),
		}
	}
	g := &SecurityGroup{
		Region: r.provider.region, VPC: in.str("vpcId"), Name: r.physicalName("security-group"),
		Description: in.str("description"),
		Rules:       []*Rule{}, Tags: in.dict("tagsAll"),
	}
	if strings.HasPrefix(g.Name, "sg-") {
		return "", &Error{
			Status:  400,
			Code:    "InvalidParameterValue",
			Message: "Value (" + g.Name + ") for parameter GroupName is invalid. Group names may not be in the format sg-*.",
		}
	}
	for _, other := range r.state.SecurityGroups {
		if other.Region == g.Region && other.VPC == g.VPC && other.Name == g.Name {
			return "", &Error{
				Status:  400,
				Code:    "InvalidGroup.Duplicate",
				Message: fmt.Sprintf("The security group '%s' already exists for VPC '%s'", g.Name, g.VPC),
			}
		}
	}
	id := "sg-0" + r.state.newID("security-group", r.provider.region+"/"+g.VPC+"/"+g.Name, 16)
	r.state.SecurityGroups[id] = g
	// AWS gives a new group a rule that lets all out; the provider takes it away at once.
	if err := r.setInline(id, g); err != nil {
		delete(r.state.SecurityGroups, id)
		return "", err
	}
	return id, nil
}

// setInline makes the rules of each direction that is given inline what they are to be.
func (r *request) setInline(id string, g *SecurityGroup) error {
	rules := []*Rule{}
	for _, side := range []string{"ingress", "egress"} {
		egress := side == "egress"
		have := slices.DeleteFunc(slices.Clone(g.Rules), func(x *Rule) bool { return x.Egress != egress })
		if !r.in.has(side) {
			rules = append(rules, have...)
			continue
		}
		for _, b := range r.in.list(side) {
			for _, want := range expand(b.(map[string]any), id, egress) {
				same := func(x *Rule) bool { return x.source() == want.source() && x.Description == want.Description }
				if i := slices.IndexFunc(have, same); i >= 0 {
					want = have[i]
				} else if err := r.checkRule(g, want); err != nil {
					return err
				} else {
					want.ID = "sgr-0" + r.state.newID("rule", id+want.source(), 16)
				}
				rules = append(rules, want)
			}
		}
	}
	if err := checkRules(rules); err != nil {
		return err
	}
	sortRules(rules)
	g.Rules = rules
	return nil
}

// expand makes an inline block into EC2's rules: one for each source.
func expand(block object, group string, egress bool) []*Rule {
	r := Rule{
		Egress: egress, Protocol: protocol(block.str("protocol")), From: block.num("fromPort"), To: block.num("toPort"),
		Description: block.str("description"),
	}
	if r.Protocol == "-1" {
		r.From, r.To = -1, -1
	}
	var out []*Rule
	each := func(values []string, set func(*Rule, string)) {
		for _, v := range values {
			x := r
			set(&x, v)
			out = append(out, &x)
		}
	}
	groups := block.strs("securityGroups")
	if block.flag("self") {
		groups = append(groups, group)
	}
	each(block.strs("cidrBlocks"), func(x *Rule, v string) { x.CIDR = v })
	each(block.strs("ipv6CidrBlocks"), func(x *Rule, v string) { x.CIDR6 = v })
	each(groups, func(x *Rule, v string) { x.Group = v })
	return out
}

func protocol(p string) string {
	names := map[string]string{"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
	if n, ok := names[strings.ToLower(p)]; ok {
		return n
	}
	return strings.ToLower(p)
}

// inline makes EC2's rules of one direction into inline blocks. Blocks that Pulumi knows are kept whole as long as all
// of their rules are there; the rest is gathered by protocol, ports and description, as the provider does.
func inline(g *SecurityGroup, id string, egress bool, known []any) []any {
	rest := map[string]*Rule{}
	for _, r := range g.Rules {
		if r.Egress == egress {
			rest[r.source()+r.Description] = r
		}
	}
	out := []any{}
	for _, b := range known {
		rules := expand(b.(map[string]any), id, egress)
		if slices.ContainsFunc(rules, func(r *Rule) bool { return rest[r.source()+r.Description] == nil }) {
			continue
		}
		for _, r := range rules {
			delete(rest, r.source()+r.Description)
		}
		out = append(out, b)
	}
	blocks := map[string]object{}
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		r := rest[key]
		at := fmt.Sprint(r.Protocol, r.From, r.To, r.Description)
		b, ok := blocks[at]
		if !ok {
			b = object{
				"protocol": r.Protocol,
				"fromPort": float64(max(r.From, 0)),
				"toPort":   float64(max(r.To, 0)),
				"self":     false,
			}
			if r.Description != "" {
				b["description"] = r.Description
			}
			blocks[at] = b
			if r.Protocol == "icmp" || r.Protocol == "icmpv6" {
				b["fromPort"], b["toPort"] = float64(r.From), float64(r.To)
			}
			out = append(out, map[string]any(b))
		}
		add := func(k, v string) {
			if v != "" {
				b[k] = append(b.list(k), v)
			}
		}
		add("cidrBlocks", r.CIDR)
		add("ipv6CidrBlocks", r.CIDR6)
		if r.Group == id {
			b["self"] = true
		} else {
			add("securityGroups", r.Group)
		}
	}
	return out
}

func readGroup(r *request) (object, error) {
	g := r.state.SecurityGroups[r.id]
	if g == nil || g.Region != r.provider.region {
		return nil, nil
	}
	return r.tagsOut(object{
		"arn":     r.arn("ec2", "security-group/"+r.id),
		"ownerId": r.state.Account, "name": g.Name, "description": g.Description,
		"vpcId": g.VPC, "namePrefix": r.old.str("namePrefix"),
		"ingress": inline(g, r.id, false, r.old.list("ingress")), "egress": inline(g, r.id, true, r.old.list("egress")),
	}, g.Tags), nil
}

func updateGroup(r *request) error {
	g := r.state.SecurityGroups[r.id]
	if g == nil {
		return &Error{
			Status:  400,
			Code:    "InvalidGroup.NotFound",
			Message: fmt.Sprintf("The security group '%s' does not exist", r.id),
		}
	}
	if err := r.setInline(r.id, g); err != nil {
		return err
	}
	g.Tags = r.in.dict("tagsAll")
	return nil
}

// deleteGroup: EC2 keeps a group that a network interface or another group's rule uses. A serverless cluster has
// interfaces in its groups.
func deleteGroup(r *request) error {
	inUse := &Error{
		Status:  400,
		Code:    "DependencyViolation",
		Message: fmt.Sprintf("resource %s has a dependent object", r.id),
	}
	for _, i := range r.state.Interfaces {
		if slices.Contains(i.SecurityGroups, r.id) {
			return inUse
		}
	}
	for _, c := range r.state.Clusters {
		for _, v := range c.VPCs {
			if slices.Contains(v.SecurityGroups, r.id) {
				return inUse
			}
		}
	}
	for id, g := range r.state.SecurityGroups {
		if id != r.id && slices.ContainsFunc(g.Rules, func(x *Rule) bool { return x.Group == r.id }) {
			return inUse
		}
	}
	delete(r.state.SecurityGroups, r.id)
	return nil
}
