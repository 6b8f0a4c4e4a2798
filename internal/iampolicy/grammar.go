package iampolicy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Action describes an action that a policy may name.
type Action struct {
	On         string   // type of the resource it acts on; "" if AWS defines none
	ACL        string   // operation and resource of the Kafka ACL that it equals
	Needs      []string // further actions without which it grants nothing
	Serverless bool     // whether it applies to MSK Serverless
}

// Actions are the known actions. kafka-cluster: MSK developer guide, "Semantics of IAM authorization policy actions
// and resources". kafka, logs and ec2: Service Authorization Reference, "Amazon Managed Streaming for Apache Kafka",
// "Amazon CloudWatch Logs" and "Amazon EC2", as far as a role here is granted them. A network interface is made in a
// subnet with security groups, which the same action is then about.
var Actions = map[string]Action{
	"kafka-cluster:Connect":         {On: "cluster", Serverless: true},
	"kafka-cluster:DescribeCluster": {"cluster", "DESCRIBE CLUSTER", []string{"Connect"}, true},
	"kafka-cluster:AlterCluster": {
		"cluster",
		"ALTER CLUSTER",
		[]string{"Connect", "DescribeCluster"},
		false,
	},
	"kafka-cluster:DescribeClusterDynamicConfiguration": {
		"cluster",
		"DESCRIBE_CONFIGS CLUSTER",
		[]string{"Connect"},
		false,
	},
	"kafka-cluster:AlterClusterDynamicConfiguration": {
		"cluster",
		"ALTER_CONFIGS CLUSTER",
		[]string{"Connect", "DescribeClusterDynamicConfiguration"},
		false,
	},
	"kafka-cluster:WriteDataIdempotently": {
		"cluster",
		"IDEMPOTENT_WRITE CLUSTER",
		[]string{"Connect", "WriteData"},
		true,
	},
	"kafka-cluster:CreateTopic":   {"topic", "CREATE TOPIC", []string{"Connect"}, true},
	"kafka-cluster:DescribeTopic": {"topic", "DESCRIBE TOPIC", []string{"Connect"}, true},
	"kafka-cluster:AlterTopic": {
		"topic",
		"ALTER TOPIC",
		[]string{"Connect", "DescribeTopic"},
		true,
	},
	"kafka-cluster:DeleteTopic": {
		"topic",
		"DELETE TOPIC",
		[]string{"Connect", "DescribeTopic"},
		true,
	},
	"kafka-cluster:DescribeTopicDynamicConfiguration": {
		"topic",
		"DESCRIBE_CONFIGS TOPIC",
		[]string{"Connect"},
		true,
	},
	"kafka-cluster:AlterTopicDynamicConfiguration": {
		"topic",
		"ALTER_CONFIGS TOPIC",
		[]string{"Connect", "DescribeTopicDynamicConfiguration"},
		true,
	},
	"kafka-cluster:ReadData": {
		"topic",
		"READ TOPIC",
		[]string{"Connect", "DescribeTopic", "AlterGroup"},
		true,
	},
	"kafka-cluster:WriteData": {
		"topic",
		"WRITE TOPIC",
		[]string{"Connect", "DescribeTopic"},
		true,
	},
	"kafka-cluster:DescribeGroup": {"group", "DESCRIBE GROUP", []string{"Connect"}, true},
	"kafka-cluster:AlterGroup": {
		"group",
		"READ GROUP",
		[]string{"Connect", "DescribeGroup"},
		true,
	},
	"kafka-cluster:DeleteGroup": {
		"group",
		"DELETE GROUP",
		[]string{"Connect", "DescribeGroup"},
		true,
	},
	"kafka-cluster:DescribeTransactionalId": {
		"transactional-id",
		"DESCRIBE TRANSACTIONAL_ID",
		[]string{"Connect"},
		true,
	},
	"kafka-cluster:AlterTransactionalId": {
		"transactional-id",
		"WRITE TRANSACTIONAL_ID",
		[]string{"Connect", "DescribeTransactionalId", "WriteData"},
		true,
	},

	"kafka:DescribeCluster":     {On: "cluster", Serverless: true},
	"kafka:DescribeClusterV2":   {On: "cluster", Serverless: true},
	"kafka:GetBootstrapBrokers": {Serverless: true},
	"logs:CreateLogStream":      {On: "log-stream", Serverless: true},
	"logs:PutLogEvents":         {On: "log-stream", Serverless: true},

	"ec2:CreateNetworkInterface":    {On: "network-interface", Serverless: true},
	"ec2:DeleteNetworkInterface":    {On: "network-interface", Serverless: true},
	"ec2:DescribeNetworkInterfaces": {Serverless: true},
	"ec2:DescribeSecurityGroups":    {Serverless: true},
	"ec2:DescribeSubnets":           {Serverless: true},
	"ec2:DescribeVpcs":              {Serverless: true},
}

// InService returns the action with the prefix of the action that needs it.
func InService(needing, action string) string {
	service, _, _ := strings.Cut(needing, ":")
	return service + ":" + action
}

// arnForms are the resources that a statement may name, by type. Wildcards are allowed only at the end of a topic's
// prefix, for MSK Connect's own groups, for the log group's streams and for what is made in EC2 with a network
// interface (MSK developer guide, "Authorization policy resources"; CloudWatch Logs guide).
var arnForms = map[string]*regexp.Regexp{
	"cluster": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+$`,
	),
	"topic": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:topic/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[A-Za-z0-9._-]+\*$`,
	),
	"group": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:group/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/` +
			`([^*?\s]+|__amazon_msk_connect_\*)$`,
	),
	"transactional-id": regexp.MustCompile(
		`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:transactional-id/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/[^*?\s]+$`,
	),
	"log-stream": regexp.MustCompile(
		`^arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9._/#-]+:log-stream:\*$`,
	),
	"network-interface": regexp.MustCompile(`^arn:aws[a-z-]*:ec2:[a-z0-9-]+:[0-9]{12}:\*/\*$`),
}

// everyForm is the form of all topics or groups of a cluster, which only an action that describes may name.
var everyForm = regexp.MustCompile(
	`^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:(topic|group)/[A-Za-z0-9-]+/[0-9a-f-]{36}-s?[0-9]+/\*$`,
)

var sidForm = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// CheckGrammar returns what AWS or this project's rules refuse in a managed policy (IAM user guide, "Grammar of the
// IAM JSON policy language"; IAM quotas).
func CheckGrammar(doc string) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	p, err := Parse(doc)
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
	if len(doc) > MaxSize {
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

func (s Rule) checkGrammar() []string {
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
		a, known := Actions[name]
		switch {
		case !known:
			add("unknown action %s", name)
		case !a.Serverless:
			add("%s does not apply to serverless clusters", name)
		case a.On == "" && !slices.Equal(s.Resource, []string{"*"}):
			add("%s has no resource type, so it takes * alone and not %s", name, s.Resource)
		case a.On == "" && len(s.Condition["StringEquals"]["aws:RequestedRegion"]) != 1:
			add("%s on * is not narrowed to one region", name)
		case a.On != "":
			for _, r := range s.Resource {
				every := strings.Contains(name, ":Describe") && everyForm.MatchString(r)
				if !every && !arnForms[a.On].MatchString(r) {
					add("%s takes the ARN of a %s and not %s", name, a.On, r)
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
