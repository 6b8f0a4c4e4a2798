package e2e

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"testing"

	"msk-serverless/sandbox/aws"
)

// ruleSet is EC2's answer to DescribeSecurityGroupRules.
type ruleSet struct {
	XMLName xml.Name  `xml:"DescribeSecurityGroupRulesResponse"`
	Rules   []ec2Rule `xml:"securityGroupRuleSet>item"`
}

type ec2Rule struct {
	ID         string         `xml:"securityGroupRuleId"`
	Group      string         `xml:"groupId"`
	Egress     bool           `xml:"isEgress"`
	Protocol   string         `xml:"ipProtocol"`
	From       int            `xml:"fromPort"`
	To         int            `xml:"toPort"`
	IPv4       string         `xml:"cidrIpv4,omitempty"`
	IPv6       string         `xml:"cidrIpv6,omitempty"`
	PrefixList string         `xml:"prefixListId,omitempty"`
	Referenced *ec2RuleSource `xml:"referencedGroupInfo"`
}

type ec2RuleSource struct {
	Group string `xml:"groupId"`
}

const assumedRole = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>test</AccessKeyId>
<SecretAccessKey>test</SecretAccessKey><SessionToken>test</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`

// serveEC2 serves the rules of the sandbox's security groups to the AWS SDK, and returns the endpoint.
func serveEC2(t *testing.T, sandbox *aws.Sandbox) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.FormValue("Action") {
		case "AssumeRole":
			_, _ = w.Write([]byte(assumedRole))
		case "DescribeSecurityGroupRules":
			_ = xml.NewEncoder(w).Encode(rulesOf(sandbox, r.FormValue("Filter.1.Value.1")))
		default:
			http.Error(w, "not served here: "+r.FormValue("Action"), http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func rulesOf(sandbox *aws.Sandbox, id string) ruleSet {
	var out ruleSet
	group, ok := sandbox.Snapshot().SecurityGroups[id]
	if !ok {
		return out
	}
	for _, r := range group.Rules {
		rule := ec2Rule{
			ID: r.ID, Group: id, Egress: r.Egress, Protocol: r.Protocol, From: r.From, To: r.To,
			IPv4: r.CIDR, IPv6: r.CIDR6,
		}
		if r.Group != "" {
			rule.Referenced = &ec2RuleSource{r.Group}
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}
