package aws

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// xmlTag is a tag as EC2 writes it; IAM writes capitals.
type xmlTag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type xmlIAMTag struct{ Key, Value string }

func ec2Tags(tags map[string]string) (out []xmlTag) {
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, xmlTag{k, tags[k]})
	}
	return out
}

func iamTags(tags map[string]string) (out []xmlIAMTag) {
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, xmlIAMTag{k, tags[k]})
	}
	return out
}

func assumeRole(*request, url.Values) (any, error) {
	type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string } //nolint // AWS's names
	return struct{ Credentials credentials }{credentials{"test", "test", "test", "2099-01-01T00:00:00Z"}}, nil
}

// filters returns a request's filters, by name. Other names than the known ones and tag:… are refused.
func filters(form url.Values, known ...string) (map[string][]string, error) {
	out := map[string][]string{}
	for i := 1; form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		name := form.Get(fmt.Sprintf("Filter.%d.Name", i))
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "tag:") {
			return nil, &Error{
				Status: http.StatusBadRequest, Code: "InvalidParameterValue",
				Message: "The filter '" + name + "' is invalid",
			}
		}
		for j := 1; form.Has(fmt.Sprintf("Filter.%d.Value.%d", i, j)); j++ {
			out[name] = append(out[name], form.Get(fmt.Sprintf("Filter.%d.Value.%d", i, j)))
		}
	}
	return out, nil
}

// meets reports whether an object with the properties and tags meets every filter. A value may end in *.
func meets(filters map[string][]string, properties, tags map[string]string) bool {
	for name, values := range filters {
		have := properties[name]
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			have = tags[key]
		}
		if !slices.ContainsFunc(values, func(v string) bool {
			prefix, open := strings.CutSuffix(v, "*")
			return v == have || open && strings.HasPrefix(have, prefix)
		}) {
			return false
		}
	}
	return true
}

type xmlGroup struct {
	ID          string   `xml:"groupId"`
	Name        string   `xml:"groupName"`
	Description string   `xml:"groupDescription"`
	VPC         string   `xml:"vpcId"`
	ARN         string   `xml:"securityGroupArn"`
	Tags        []xmlTag `xml:"tagSet>item"`
}

func describeGroups(r *request, form url.Values) (any, error) {
	var out struct {
		Groups []xmlGroup `xml:"securityGroupInfo>item"`
	}
	wanted, err := filters(form, "vpc-id", "group-name", "group-id")
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(r.state.SecurityGroups)) {
		g := r.state.SecurityGroups[id]
		properties := map[string]string{"vpc-id": g.VPC, "group-name": g.Name, "group-id": id}
		if g.Region == r.provider.region && meets(wanted, properties, g.Tags) {
			arn := r.arn("ec2", "security-group/"+id)
			out.Groups = append(out.Groups, xmlGroup{id, g.Name, g.Description, g.VPC, arn, ec2Tags(g.Tags)})
		}
	}
	return out, nil
}

type xmlRule struct {
	ID          string         `xml:"securityGroupRuleId"`
	ARN         string         `xml:"securityGroupRuleArn"`
	Group       string         `xml:"groupId"`
	Owner       string         `xml:"groupOwnerId"`
	Egress      bool           `xml:"isEgress"`
	Protocol    string         `xml:"ipProtocol"`
	From        int            `xml:"fromPort"`
	To          int            `xml:"toPort"`
	IPv4        string         `xml:"cidrIpv4,omitempty"`
	IPv6        string         `xml:"cidrIpv6,omitempty"`
	Description string         `xml:"description,omitempty"`
	Referenced  *xmlRuleSource `xml:"referencedGroupInfo"`
	Tags        []xmlTag       `xml:"tagSet>item"`
}

type xmlRuleSource struct {
	Group string `xml:"groupId"`
	Owner string `xml:"userId"`
}

func describeRules(r *request, form url.Values) (any, error) {
	var out struct {
		Rules []xmlRule `xml:"securityGroupRuleSet>item"`
	}
	wanted, err := filters(form, "group-id", "security-group-rule-id")
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(r.state.SecurityGroups)) {
		g := r.state.SecurityGroups[id]
		if g.Region != r.provider.region {
			continue
		}
		for _, x := range g.Rules {
			if !meets(wanted, map[string]string{"group-id": id, "security-group-rule-id": x.ID}, x.Tags) {
				continue
			}
			rule := xmlRule{
				ID: x.ID, ARN: r.arn("ec2", "security-group-rule/"+x.ID), Group: id, Owner: r.state.Account, Egress: x.Egress,
				Protocol: x.Protocol, From: x.From, To: x.To, IPv4: x.CIDR, IPv6: x.CIDR6, Description: x.Description,
				Tags: ec2Tags(x.Tags),
			}
			if x.Group != "" {
				rule.Referenced = &xmlRuleSource{x.Group, r.state.Account}
			}
			out.Rules = append(out.Rules, rule)
		}
	}
	return out, nil
}

// The names of XML elements are IAM's.
type xmlRole struct {
	RoleName, RoleId, Arn, Path, CreateDate string      //nolint // AWS's names
	Tags                                    []xmlIAMTag `xml:"Tags>member"`
}

func (r *request) xmlRole(name string, tags bool) xmlRole {
	role := r.state.Roles[name]
	out := xmlRole{
		RoleName: name, RoleId: role.ID, Arn: r.arn("iam", "role"+role.Path+name), Path: role.Path, CreateDate: created,
	}
	if tags {
		out.Tags = iamTags(role.Tags)
	}
	return out
}

func getRole(r *request, form url.Values) (any, error) {
	name := form.Get("RoleName")
	if _, err := r.role(name); err != nil {
		return nil, err
	}
	return struct{ Role xmlRole }{r.xmlRole(name, true)}, nil
}

// listRoles lists roles without their tags, as IAM does.
func listRoles(r *request, _ url.Values) (any, error) {
	var out struct {
		Roles []xmlRole `xml:"Roles>member"`
	}
	for _, name := range slices.Sorted(maps.Keys(r.state.Roles)) {
		out.Roles = append(out.Roles, r.xmlRole(name, false))
	}
	return out, nil
}

type xmlPolicy struct {
	PolicyName, PolicyId, Arn, Path string      //nolint // AWS's names
	Tags                            []xmlIAMTag `xml:"Tags>member"`
}

func (r *request) xmlPolicy(name string, tags bool) xmlPolicy {
	p := r.state.Policies[name]
	out := xmlPolicy{PolicyName: name, PolicyId: p.ID, Arn: r.arn("iam", "policy"+p.Path+name), Path: p.Path}
	if tags {
		out.Tags = iamTags(p.Tags)
	}
	return out
}

func getManagedPolicy(r *request, form url.Values) (any, error) {
	arn := form.Get("PolicyArn")
	if p, _ := r.state.policy(arn); p == nil {
		return nil, &Error{Status: http.StatusNotFound, Code: "NoSuchEntity", Message: "Policy " + arn + " was not found."}
	}
	return struct{ Policy xmlPolicy }{r.xmlPolicy(arn[strings.LastIndex(arn, "/")+1:], true)}, nil
}

func listPolicies(r *request, _ url.Values) (any, error) {
	var out struct {
		Policies []xmlPolicy `xml:"Policies>member"`
	}
	for _, name := range slices.Sorted(maps.Keys(r.state.Policies)) {
		out.Policies = append(out.Policies, r.xmlPolicy(name, false))
	}
	return out, nil
}

type xmlProfile struct {
	InstanceProfileName, InstanceProfileId, Arn, Path, CreateDate string      //nolint // AWS's names
	Tags                                                          []xmlIAMTag `xml:"Tags>member"`
}

func (r *request) xmlProfile(name string, tags bool) xmlProfile {
	p := r.state.InstanceProfiles[name]
	out := xmlProfile{
		InstanceProfileName: name, InstanceProfileId: p.ID, Arn: r.arn("iam", "instance-profile"+p.Path+name), Path: p.Path,
		CreateDate: created,
	}
	if tags {
		out.Tags = iamTags(p.Tags)
	}
	return out
}

func getInstanceProfile(r *request, form url.Values) (any, error) {
	name := form.Get("InstanceProfileName")
	if r.state.InstanceProfiles[name] == nil {
		return nil, &Error{
			Status: http.StatusNotFound, Code: "NoSuchEntity",
			Message: "Instance Profile " + name + " cannot be found.",
		}
	}
	return struct{ InstanceProfile xmlProfile }{r.xmlProfile(name, true)}, nil
}

func listInstanceProfiles(r *request, _ url.Values) (any, error) {
	var out struct {
		InstanceProfiles []xmlProfile `xml:"InstanceProfiles>member"`
	}
	for _, name := range slices.Sorted(maps.Keys(r.state.InstanceProfiles)) {
		out.InstanceProfiles = append(out.InstanceProfiles, r.xmlProfile(name, false))
	}
	return out, nil
}
