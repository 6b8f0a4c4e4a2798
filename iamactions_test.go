package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// iamAction is what AWS says of an action that a policy may name.
type iamAction struct {
	on         string   // type of the resource it acts on; "" if AWS defines none
	acl        string   // operation and resource of the Kafka ACL that it stands for
	needs      []string // further actions without which it grants nothing
	serverless bool     // whether MSK Serverless knows it
}

// actions are the actions that are known here, in this one place. kafka-cluster: MSK developer guide, "Semantics of IAM
// authorization policy actions and resources". kafka and logs: Service Authorization Reference, "Amazon Managed Streaming
// for Apache Kafka" and "Amazon CloudWatch Logs", those that a role here is granted.
var actions = map[string]iamAction{
	"kafka-cluster:Connect":                             {on: "cluster", serverless: true},
	"kafka-cluster:DescribeCluster":                     {"cluster", "DESCRIBE CLUSTER", []string{"Connect"}, true},
	"kafka-cluster:AlterCluster":                        {"cluster", "ALTER CLUSTER", []string{"Connect", "DescribeCluster"}, false},
	"kafka-cluster:DescribeClusterDynamicConfiguration": {"cluster", "DESCRIBE_CONFIGS CLUSTER", []string{"Connect"}, false},
	"kafka-cluster:AlterClusterDynamicConfiguration":    {"cluster", "ALTER_CONFIGS CLUSTER", []string{"Connect", "DescribeClusterDynamicConfiguration"}, false},
	"kafka-cluster:WriteDataIdempotently":               {"cluster", "IDEMPOTENT_WRITE CLUSTER", []string{"Connect", "WriteData"}, true},
	"kafka-cluster:CreateTopic":                         {"topic", "CREATE TOPIC", []string{"Connect"}, true},
	"kafka-cluster:DescribeTopic":                       {"topic", "DESCRIBE TOPIC", []string{"Connect"}, true},
	"kafka-cluster:AlterTopic":                          {"topic", "ALTER TOPIC", []string{"Connect", "DescribeTopic"}, true},
	"kafka-cluster:DeleteTopic":                         {"topic", "DELETE TOPIC", []string{"Connect", "DescribeTopic"}, true},
	"kafka-cluster:DescribeTopicDynamicConfiguration":   {"topic", "DESCRIBE_CONFIGS TOPIC", []string{"Connect"}, true},
	"kafka-cluster:AlterTopicDynamicConfiguration":      {"topic", "ALTER_CONFIGS TOPIC", []string{"Connect", "DescribeTopicDynamicConfiguration"}, true},
	"kafka-cluster:ReadData":                            {"topic", "READ TOPIC", []string{"Connect", "DescribeTopic", "AlterGroup"}, true},
	"kafka-cluster:WriteData":                           {"topic", "WRITE TOPIC", []string{"Connect", "DescribeTopic"}, true},
	"kafka-cluster:DescribeGroup":                       {"group", "DESCRIBE GROUP", []string{"Connect"}, true},
	"kafka-cluster:AlterGroup":                          {"group", "READ GROUP", []string{"Connect", "DescribeGroup"}, true},
	"kafka-cluster:DeleteGroup":                         {"group", "DELETE GROUP", []string{"Connect", "DescribeGroup"}, true},
	"kafka-cluster:DescribeTransactionalId":             {"transactional-id", "DESCRIBE TRANSACTIONAL_ID", []string{"Connect"}, true},
	"kafka-cluster:AlterTransactionalId":                {"transactional-id", "WRITE TRANSACTIONAL_ID", []string{"Connect", "DescribeTransactionalId", "WriteData"}, true},

	"kafka:DescribeCluster":     {on: "cluster", serverless: true},
	"kafka:DescribeClusterV2":   {on: "cluster", serverless: true},
	"kafka:GetBootstrapBrokers": {serverless: true},
	"logs:CreateLogStream":      {on: "log-stream", serverless: true},
	"logs:PutLogEvents":         {on: "log-stream", serverless: true},
}

// inService is the action with the prefix of the action that needs it.
func inService(needing, action string) string {
	service, _, _ := strings.Cut(needing, ":")
	return service + ":" + action
}

// arnForms are the resources that a statement may name, by type: our own, and a wildcard only at the end of a topic's
// prefix and for the log group's streams. (MSK developer guide, "Authorization policy resources"; CloudWatch Logs guide.)
var arnForms = map[string]*regexp.Regexp{
	"cluster":          regexp.MustCompile(`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+$`),
	"topic":            regexp.MustCompile(`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:topic/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[A-Za-z0-9._-]+\*$`),
	"group":            regexp.MustCompile(`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:group/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[^*?\s]+$`),
	"transactional-id": regexp.MustCompile(`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:transactional-id/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[^*?\s]+$`),
	"log-stream":       regexp.MustCompile(`^arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9._/#-]+:log-stream:\*$`),
}

var sidForm = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// checkGrammar finds what AWS or our own rules would not have in a managed policy (IAM user guide, "Grammar of the IAM JSON
// policy language"; IAM quotas).
func checkGrammar(doc string) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	p, err := parsePolicy(doc)
	if err != nil {
		add("%s", err)
		return wrong
	}
	if p.Version != "2012-10-17" {
		add("version %q", p.Version)
	}
	if len(p.Statement) == 0 {
		add("no statement")
	}
	if len(doc) > maxPolicySize {
		add("%d characters", len(doc))
	}
	sids := map[string]bool{}
	for _, s := range p.Statement {
		if !sidForm.MatchString(s.Sid) || sids[s.Sid] {
			add("Sid %q is not alphanumeric, or there twice", s.Sid)
		}
		sids[s.Sid] = true
		wrong = append(wrong, s.checkGrammar()...)
	}
	return wrong
}

func (s statementJSON) checkGrammar() []string {
	var wrong []string
	add := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s: ", s.Sid)+fmt.Sprintf(format, args...))
	}
	if s.Effect != "Allow" {
		add("effect %q", s.Effect)
	}
	for what, list := range map[string][]string{"actions": s.Action, "resources": s.Resource} {
		if len(list) == 0 || !slices.Equal(list, sortedSet(list)) {
			add("no %s, or not sorted, each once: %s", what, list)
		}
	}
	for _, name := range s.Action {
		a, known := actions[name]
		switch {
		case !known:
			add("unknown action %s", name)
		case !a.serverless:
			add("%s does not apply to serverless clusters", name)
		case a.on == "" && !slices.Equal(s.Resource, []string{"*"}):
			add("%s has no resource type, so it takes * alone and not %s", name, s.Resource)
		case a.on == "" && len(s.Condition["StringEquals"]["aws:RequestedRegion"]) != 1:
			add("%s on * is not narrowed to one region", name)
		case a.on != "":
			for _, r := range s.Resource {
				if !arnForms[a.on].MatchString(r) {
					add("%s takes the ARN of a %s and not %s", name, a.on, r)
				}
			}
		}
	}
	for _, keys := range s.Condition {
		for key := range keys {
			if key != "aws:RequestedRegion" {
				add("condition key %s", key)
			}
		}
	}
	return wrong
}

func TestActionsTable(t *testing.T) {
	t.Parallel()
	acls := map[string]string{}
	for name, a := range actions {
		for _, needed := range a.needs {
			assert.Contains(t, actions, inService(name, needed))
		}
		if a.on != "" {
			assert.Contains(t, arnForms, a.on)
		}
		if a.acl != "" {
			assert.Empty(t, acls[a.acl], "%s stands for one action", a.acl)
			acls[a.acl] = name
		}
	}
}

// Each document breaks one rule; without the break it is the good one.
func TestGrammarRefuses(t *testing.T) {
	t.Parallel()
	const cluster = "arn:aws:kafka:ap-south-1:123456789012:cluster/c/1a2b3c4d-0000-0000-0000-000000000000-s1"
	good := compactJSON(producerPolicy(cluster, []string{"exchg."}))
	require.Empty(t, checkGrammar(good))
	require.Empty(t, checkGrammar(compactJSON(controlPlanePolicy(cluster, "ap-south-1"))))
	for _, c := range []struct{ old, new, want string }{
		{"2012-10-17", "2008-10-17", "version"},
		{`"Statement":[`, `"Id":"x","Statement":[`, "unknown field"},
		{"Produce", "Connect", "twice"},
		{"Produce", "Pro-duce", "not alphanumeric"},
		{`"Effect":"Allow"`, `"Effect":"Deny"`, "effect"},
		{"kafka-cluster:WriteData\"", "kafka-cluster:WriteDate\"", "unknown action"},
		{"kafka-cluster:WriteData\"", "kafka-cluster:*\"", "unknown action"},
		{"kafka-cluster:Connect", "kafka-cluster:AlterCluster", "serverless"},
		{"kafka-cluster:DescribeTopic", "kafka-cluster:DescribeGroup", "the ARN of a group"},
		{`exchg.*`, `*`, "the ARN of a topic"},
		{`exchg.*`, `ex*chg.`, "the ARN of a topic"},
		{`"` + cluster + `"`, `"*"`, "the ARN of a cluster"},
		{`"` + cluster + `"`, `"` + strings.Replace(cluster, "123456789012", "", 1) + `"`, "the ARN of a cluster"},
		{`"` + cluster + `"`, `"` + strings.Replace(cluster, ":kafka:", ":msk:", 1) + `"`, "the ARN of a cluster"},
		{`"Resource":["` + cluster + `"]`, `"Resource":[]`, "no resources"},
		{`"Resource":["` + cluster + `"]`, `"Resource":["` + cluster + `","` + cluster + `"]`, "each once"},
		{`"Resource":["` + cluster + `"]`, `"NotResource":["` + cluster + `"]`, "unknown field"},
	} {
		require.Contains(t, good, c.old)
		bad := strings.Replace(good, c.old, c.new, 1)
		require.True(t, json.Valid([]byte(bad)))
		assert.Contains(t, strings.Join(checkGrammar(bad), "\n"), c.want, bad)
	}
	scoped := strings.Replace(compactJSON(controlPlanePolicy(cluster, "ap-south-1")), `"*"`, `"`+cluster+`"`, 1)
	assert.Contains(t, strings.Join(checkGrammar(scoped), "\n"), "takes * alone")
	open := controlPlanePolicy(cluster, "ap-south-1")
	open.Statement[1].Condition = nil
	assert.Contains(t, strings.Join(checkGrammar(compactJSON(open)), "\n"), "not narrowed")
	var prefixes []string
	for i := range 100 {
		prefixes = append(prefixes, fmt.Sprint("prefix", i))
	}
	large := compactJSON(producerPolicy(cluster, prefixes))
	assert.Contains(t, strings.Join(checkGrammar(large), "\n"), "characters")
}
