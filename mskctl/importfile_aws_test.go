package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
)

const rulesXML = `<DescribeSecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>r-1</requestId>
  <securityGroupRuleSet>%s</securityGroupRuleSet>%s
</DescribeSecurityGroupRulesResponse>`

const ruleXML = `<item><securityGroupRuleId>%s</securityGroupRuleId><groupId>sg-1</groupId>
  <groupOwnerId>123456789012</groupOwnerId><isEgress>%t</isEgress><ipProtocol>%s</ipProtocol>
  <fromPort>%d</fromPort><toPort>%d</toPort>%s</item>`

func referenceXML(group, owner string) string {
	return fmt.Sprintf(
		"<referencedGroupInfo><groupId>%s</groupId><userId>%s</userId></referencedGroupInfo>", group, owner)
}

// AWS answers like EC2's Query API, in two pages, under a role that STS gave.
func TestAWSRules(t *testing.T) {
	pages := []string{
		fmt.Sprintf(
			rulesXML,
			fmt.Sprintf(ruleXML, "sgr-1", false, "tcp", 9098, 9098, referenceXML("sg-2", "123456789012"))+
				fmt.Sprintf(ruleXML, "sgr-2", false, "tcp", 9098, 9099, referenceXML("sg-3", "210987654321"))+
				fmt.Sprintf(ruleXML, "sgr-3", false, "tcp", 0, 65535, referenceXML("sg-1", "123456789012")),
			"<nextToken>more</nextToken>",
		),
		fmt.Sprintf(
			rulesXML,
			fmt.Sprintf(ruleXML, "sgr-4", true, "-1", -1, -1, "<cidrIpv4>0.0.0.0/0</cidrIpv4>")+
				fmt.Sprintf(ruleXML, "sgr-5", true, "-1", -1, -1, "<cidrIpv6>::/0</cidrIpv6>")+
				fmt.Sprintf(ruleXML, "sgr-6", false, "udp", 53, 53, "<prefixListId>pl-1</prefixListId>"),
			"",
		),
	}
	var requests []url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		requests = append(requests, r.PostForm)
		if r.PostForm.Get("Action") == "AssumeRole" {
			fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials>
				<AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken>
				<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
			return
		}
		fmt.Fprint(w, pages[0])
		pages = pages[1:]
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")

	cfg := config.Config{Region: "ap-south-1", AssumeRoleARN: "arn:aws:iam::123456789012:role/MSK-Builder"}
	rules, err := awsRules{cfg}.findRules(t.Context(), []string{"sg-1"})
	require.NoError(t, err)
	assert.Equal(t, []rule{
		{"sg-1", false, kafkaPorts, peer{peerGroup, "sg-2"}, "sgr-1"},
		{"sg-1", false, ports{"tcp", 9098, 9099}, peer{peerGroup, "210987654321/sg-3"}, "sgr-2"},
		{"sg-1", false, ports{"tcp", 0, 65535}, peer{kind: peerSelf}, "sgr-3"},
		{"sg-1", true, ports{protocol: "-1"}, peer{peerCIDR, "0.0.0.0/0"}, "sgr-4"},
		{"sg-1", true, ports{protocol: "-1"}, peer{peerCIDR, "::/0"}, "sgr-5"},
		{"sg-1", false, ports{"udp", 53, 53}, peer{peerPrefixList, "pl-1"}, "sgr-6"},
	}, rules)

	require.Len(t, requests, 3)
	assert.Equal(t, cfg.AssumeRoleARN, requests[0].Get("RoleArn"))
	assert.Equal(t, "DescribeSecurityGroupRules", requests[1].Get("Action"))
	assert.Equal(t, "group-id", requests[1].Get("Filter.1.Name"))
	assert.Equal(t, "sg-1", requests[1].Get("Filter.1.Value.1"))
	assert.Equal(t, "more", requests[2].Get("NextToken"))
}

func TestPorts(t *testing.T) {
	t.Parallel()
	n := func(i int) *int { return &i }
	for _, c := range []struct {
		protocol   string
		from, to   *int
		text       string
		reachKafka bool
	}{
		{"-1", n(0), n(0), "all traffic", true},
		{"-1", n(-1), n(-1), "all traffic", true},
		{"all", nil, nil, "all traffic", true},
		{"tcp", n(9098), n(9098), "tcp 9098", true},
		{"6", n(9098), n(9098), "tcp 9098", true},
		{"TCP", n(9000), n(9100), "tcp 9000-9100", true},
		{"tcp", n(9099), n(9100), "tcp 9099-9100", false},
		{"tcp", n(0), n(9097), "tcp 0-9097", false},
		{"udp", n(9098), n(9098), "udp 9098", false},
		{"icmp", n(-1), n(-1), "protocol icmp", false},
	} {
		p := newPorts(c.protocol, c.from, c.to)
		assert.Equal(t, c.text, p.String())
		assert.Equal(t, c.reachKafka, p.reachKafka(), c.text)
	}
}
