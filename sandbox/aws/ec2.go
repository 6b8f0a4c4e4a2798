package aws

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// SecurityGroup is a firewall of a VPC. Rules that Pulumi holds inline and as resources of their own lie in one list, as
// in EC2.
type SecurityGroup struct {
	Region      string            `json:"region"`
	VPC         string            `json:"vpc"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Rules       []*Rule           `json:"rules,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// Rule lets traffic in, or out if Egress is set. It has one source (or destination): CIDR, CIDR6, PrefixList or Group.
type Rule struct {
	ID          string            `json:"id"`
	Egress      bool              `json:"egress"`
	Protocol    string            `json:"protocol"` // tcp, udp, icmp, icmpv6, a number, or -1 for all
	From        int               `json:"from"`     // -1 if the protocol has no ports
	To          int               `json:"to"`
	CIDR        string            `json:"cidr,omitempty"`
	CIDR6       string            `json:"cidr6,omitempty"`
	PrefixList  string            `json:"prefixList,omitempty"`
	Group       string            `json:"group,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// source is what the rule is about; two rules of a group can't be the same in it (EC2's InvalidPermission.Duplicate).
func (r *Rule) source() string {
	return fmt.Sprint(r.Egress, r.Protocol, r.From, r.To, r.CIDR, r.CIDR6, r.PrefixList, r.Group)
}

var (
	// A group's description can't be changed in EC2, nor can its name and VPC: the provider replaces it.
	groupText = match(`[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}`, "at most 255 of a-zA-Z0-9 ._-:/()#,@[]+=&;{}!$*")
	ports     = between(-1, 65535)

	groupKind = &kind{
		title: "Security Group", service: "EC2", name: "name", maxName: 255,
		ops: map[Kind]string{
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
	inlineRules = prop{shape: set, computed: true, of: &prop{shape: block, fields: map[string]prop{
		"protocol": {shape: text, required: true}, "fromPort": {shape: number, required: true, rule: ports},
		"toPort": {shape: number, required: true, rule: ports}, "description": {shape: text, rule: groupText},
		"self": {shape: flag}, "cidrBlocks": {shape: list}, "ipv6CidrBlocks": {shape: list},
		"prefixListIds": {shape: list}, "securityGroups": {shape: set},
	}}}
)

func createGroup(r *request) (string, error) {
	in := r.in
	if r.VPCs[in.str("vpcId")] == nil {
		if in.str("vpcId") == "" {
			return "", &Error{400, "VPCIdNotSpecified", "No default VPC for this user"}
		}
		return "", &Error{400, "InvalidVpcID.NotFound", fmt.Sprintf("The vpc ID '%s' does not exist", in.str("vpcId"))}
	}
	g := &SecurityGroup{
		Region: r.region, VPC: in.str("vpcId"), Name: r.physicalName("security-group"), Description: in.str("description"),
		Rules: []*Rule{}, Tags: in.dict("tagsAll"),
	}
	if strings.HasPrefix(g.Name, "sg-") {
		return "", &Error{400, "InvalidParameterValue", "Value (" + g.Name + ") for parameter GroupName is invalid. Group names may not be in the format sg-*."}
	}
	for _, other := range r.SecurityGroups {
		if other.Region == g.Region && other.VPC == g.VPC && other.Name == g.Name {
			return "", &Error{400, "InvalidGroup.Duplicate", fmt.Sprintf("The security group '%s' already exists for VPC '%s'", g.Name, g.VPC)}
		}
	}
	id := "sg-0" + r.newID("security-group", r.region+"/"+g.VPC+"/"+g.Name, 16)
	r.SecurityGroups[id] = g
	// AWS gives a new group a rule that lets all out; the provider takes it away at once.
	if err := r.setInline(id, g); err != nil {
		delete(r.SecurityGroups, id)
		return "", err
	}
	return id, nil
}

// setInline makes the rules of each direction that is given inline what they are to be.
func (r *request) setInline(id string, g *SecurityGroup) error {
	rules := []*Rule{}
	for side, egress := range map[string]bool{"ingress": false, "egress": true} {
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
					want.ID = "sgr-0" + r.newID("rule", id+want.source(), 16)
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

func sortRules(rules []*Rule) {
	slices.SortFunc(rules, func(a, b *Rule) int {
		return cmp.Or(strings.Compare(a.source(), b.source()), strings.Compare(a.ID, b.ID))
	})
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
	each(block.strs("prefixListIds"), func(x *Rule, v string) { x.PrefixList = v })
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
			b = object{"protocol": r.Protocol, "fromPort": float64(max(r.From, 0)), "toPort": float64(max(r.To, 0)), "self": false}
			if r.Description != "" {
				b["description"] = r.Description
			}
			if blocks[at] = b; r.Protocol == "icmp" || r.Protocol == "icmpv6" {
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
		add("prefixListIds", r.PrefixList)
		if r.Group == id {
			b["self"] = true
		} else {
			add("securityGroups", r.Group)
		}
	}
	return out
}

// checkRule refuses what AuthorizeSecurityGroupIngress and its twin refuse of a rule by itself.
func (r *request) checkRule(g *SecurityGroup, x *Rule) error {
	if x.Group != "" {
		other := r.SecurityGroups[x.Group]
		if other == nil || other.Region != g.Region {
			return &Error{400, "InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist", x.Group)}
		}
		if other.VPC != g.VPC {
			return &Error{400, "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."}
		}
	}
	for _, cidr := range []string{x.CIDR, x.CIDR6} {
		p, err := netip.ParsePrefix(cidr)
		if cidr != "" && (err != nil || p.Addr().Is4() != (cidr == x.CIDR) || p.Masked() != p) {
			return &Error{400, "InvalidParameterValue", fmt.Sprintf("CIDR block %s is malformed", cidr)}
		}
	}
	if (x.Protocol == "tcp" || x.Protocol == "udp") && (x.From < 0 || x.To < x.From) {
		return &Error{400, "InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."}
	}
	return nil
}

// checkRules refuses duplicates, and more than 60 rules in one direction (EC2's default quota).
func checkRules(rules []*Rule) error {
	seen, count := map[string]bool{}, map[bool]int{}
	for _, x := range rules {
		if seen[x.source()] {
			return &Error{400, "InvalidPermission.Duplicate", "the specified rule already exists"}
		}
		seen[x.source()] = true
		if count[x.Egress]++; count[x.Egress] > 60 {
			return &Error{400, "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached."}
		}
	}
	return nil
}

func readGroup(r *request) (object, error) {
	g := r.SecurityGroups[r.id]
	if g == nil || g.Region != r.region {
		return nil, nil
	}
	return r.tagsOut(object{
		"arn": r.arn("ec2", "security-group/"+r.id), "ownerId": r.Account, "name": g.Name, "description": g.Description,
		"vpcId": g.VPC, "namePrefix": r.old.str("namePrefix"),
		"ingress": inline(g, r.id, false, r.old.list("ingress")), "egress": inline(g, r.id, true, r.old.list("egress")),
	}, g.Tags), nil
}

func updateGroup(r *request) error {
	g := r.SecurityGroups[r.id]
	if g == nil {
		return &Error{400, "InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist", r.id)}
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
	inUse := &Error{400, "DependencyViolation", fmt.Sprintf("resource %s has a dependent object", r.id)}
	for _, i := range r.Interfaces {
		if slices.Contains(i.SecurityGroups, r.id) {
			return inUse
		}
	}
	for _, c := range r.Clusters {
		for _, v := range c.VPCs {
			if slices.Contains(v.SecurityGroups, r.id) {
				return inUse
			}
		}
	}
	for id, g := range r.SecurityGroups {
		if id != r.id && slices.ContainsFunc(g.Rules, func(x *Rule) bool { return x.Group == r.id }) {
			return inUse
		}
	}
	delete(r.SecurityGroups, r.id)
	return nil
}

// sources are the four kinds of source of a rule resource: exactly one is given, and another kind means another rule
// (ModifySecurityGroupRules can't change it).
var sources = []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"}

func sourceOf(o object) string {
	for _, s := range sources {
		if o.has(s) {
			return s
		}
	}
	return ""
}

// ruleKind is a rule as a resource of its own: it knows nothing of other rules of its group.
func ruleKind(egress bool) *kind {
	side := map[bool]string{false: "Ingress", true: "Egress"}[egress]
	return &kind{
		title: "VPC Security Group " + side + " Rule", service: "EC2",
		ops: map[Kind]string{
			Create: "AuthorizeSecurityGroup" + side, Read: "DescribeSecurityGroupRules",
			Update: "ModifySecurityGroupRules", Delete: "RevokeSecurityGroup" + side,
		},
		props: tagged(map[string]prop{
			"securityGroupId": {shape: text, required: true, replaces: true},
			"ipProtocol":      {shape: text, required: true},
			"fromPort":        {shape: number, rule: ports}, "toPort": {shape: number, rule: ports},
			"cidrIpv4": {shape: text}, "cidrIpv6": {shape: text},
			"prefixListId": {shape: text}, "referencedSecurityGroupId": {shape: text},
			"description": {shape: text, rule: groupText},
		}),
		outputs: []string{"arn", "securityGroupRuleId"},
		check:   checkRuleInputs,
		replaces: func(old, news object) []string {
			if was, is := sourceOf(old), sourceOf(news); was != is && is != "" {
				return []string{was, is}
			}
			return nil
		},
		create: func(r *request) (string, error) { return r.putRule(egress, nil) },
		read:   readRule,
		update: func(r *request) error {
			_, x := r.rule()
			if x == nil {
				return &Error{400, "InvalidSecurityGroupRuleId.NotFound", fmt.Sprintf("The security group rule ID '%s' does not exist", r.id)}
			}
			_, err := r.putRule(egress, x)
			return err
		},
		delete: func(r *request) error {
			if g, x := r.rule(); x != nil {
				g.Rules = slices.DeleteFunc(g.Rules, func(y *Rule) bool { return x == y })
			}
			return nil
		},
	}
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
	for _, g := range r.SecurityGroups {
		for _, x := range g.Rules {
			if x.ID == r.id && g.Region == r.region {
				return g, x
			}
		}
	}
	return nil, nil
}

// putRule adds a rule to its group, or changes the one given.
func (r *request) putRule(egress bool, was *Rule) (string, error) {
	in := r.in
	id := in.str("securityGroupId")
	g := r.SecurityGroups[id]
	if g == nil || g.Region != r.region {
		return "", &Error{400, "InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist", id)}
	}
	x := &Rule{
		Egress: egress, Protocol: protocol(in.str("ipProtocol")), From: in.numOr("fromPort", -1), To: in.numOr("toPort", -1),
		CIDR: in.str("cidrIpv4"), CIDR6: in.str("cidrIpv6"), PrefixList: in.str("prefixListId"),
		Group: in.str("referencedSecurityGroupId"), Description: in.str("description"), Tags: in.dict("tagsAll"),
	}
	if sourceOf(in) == "" {
		return "", &Error{400, "MissingParameter", "Source or destination is missing."}
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
		x.ID = "sgr-0" + r.newID("rule", id+x.source(), 16)
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
	out := object{"securityGroupRuleId": x.ID, "arn": r.arn("ec2", "security-group-rule/"+x.ID), "ipProtocol": x.Protocol}
	for id, other := range r.SecurityGroups {
		if other == g {
			out["securityGroupId"] = id
		}
	}
	for k, v := range map[string]string{
		"cidrIpv4": x.CIDR, "cidrIpv6": x.CIDR6, "prefixListId": x.PrefixList, "referencedSecurityGroupId": x.Group,
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

func getVPC(r *request) (object, error) {
	id := r.in.str("id")
	v := r.VPCs[id]
	if v == nil {
		return nil, errors.New("no matching EC2 VPC found")
	}
	return object{
		"id": id, "arn": r.arn("ec2", "vpc/"+id), "cidrBlock": v.CIDR, "cidrBlockAssociations": []any{}, "default": false,
		"dhcpOptionsId": "dopt-0a1b2c3d", "enableDnsHostnames": v.DNSHostnames, "enableDnsSupport": v.DNSSupport,
		"enableNetworkAddressUsageMetrics": false, "instanceTenancy": "default", "ipv6AssociationId": "",
		"ipv6CidrBlock": "", "mainRouteTableId": "rtb-0a1b2c3d4e5f60718", "ownerId": r.Account, "state": "available",
		"tags": map[string]any{},
	}, nil
}

func getSubnet(r *request) (object, error) {
	id := r.in.str("id")
	s := r.Subnets[id]
	if s == nil {
		return nil, errors.New("no matching EC2 Subnet found")
	}
	return object{
		"id": id, "arn": r.arn("ec2", "subnet/"+id), "vpcId": s.VPC, "availabilityZone": r.region + s.Zone,
		"availabilityZoneId": r.region + "-az" + fmt.Sprint(s.Zone[0]-'a'+1), "cidrBlock": s.CIDR,
		"assignIpv6AddressOnCreation": false, "availableIpAddressCount": 251.0, "customerOwnedIpv4Pool": "",
		"defaultForAz": false, "enableDns64": false, "enableLniAtDeviceIndex": 0.0,
		"enableResourceNameDnsARecordOnLaunch": false, "enableResourceNameDnsAaaaRecordOnLaunch": false,
		"ipv6CidrBlock": "", "ipv6CidrBlockAssociationId": "", "ipv6Native": false, "mapCustomerOwnedIpOnLaunch": false,
		"mapPublicIpOnLaunch": false, "outpostArn": "", "ownerId": r.Account,
		"privateDnsHostnameTypeOnLaunch": "ip-name", "state": "available", "tags": map[string]any{},
	}, nil
}
