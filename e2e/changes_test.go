package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// change is one edit of a deployed stack's configuration, and the plan that follows from it.
type change struct {
	what  string            // for people, in docs/changes.md
	set   map[string]string // what is edited
	steps []string          // the plan, without resources that stay the same

	// embedded says why the row can't be run against an attached provider.
	embedded string
	watched  bool // the row starts from a stack with alarms
}

// What is attached may be a proxy that takes a provider with other settings for the same one.
const otherProvider = "it changes the provider's own settings"

// retagged is a row that changes the tags that the provider puts on everything.
func retagged(what string, set map[string]string) change {
	return change{what: what, set: set, steps: steps("update", tagged...), embedded: otherProvider}
}

// watched is a row that starts from a stack with alarms.
func watched(what string, set map[string]string, steps []string) change {
	return change{what: what, set: set, steps: steps, watched: true}
}

func alarmsNamed(names ...string) []string {
	var alarms []string
	for _, n := range names {
		alarms = append(alarms, "cloudwatch/metricAlarm "+n)
	}
	return alarms
}

var topicEvents = []string{"cloudwatch/eventRule topic-events", "cloudwatch/eventTarget topic-events"}

// monitoring is what alarmTopicArn creates.
var monitoring = slices.Concat(topicEvents, []string{"cloudwatch/dashboard dashboard"}, alarmsNamed(
	"ingress", "egress", "partition-ingress", "partition-egress", "silence", "lag-messages", "lag-seconds",
))

// everything that has tags.
var tagged = []string{
	"cloudwatch/logGroup broker-logs", "ec2/securityGroup brokers", "ec2/securityGroup collector",
	"ec2/securityGroup consumer",
	"iam/instanceProfile collector", "iam/policy client-alpha", "iam/policy client-tasks", "iam/policy collector-logs",
	"iam/policy consumer", "iam/policy control-plane", "iam/policy operator", "iam/policy producer",
	"iam/role client-tasks", "iam/role collector", "msk/serverlessCluster cluster",
	"vpc/securityGroupEgressRule collector-to-2001:db8::/32", "vpc/securityGroupEgressRule collector-to-203.0.113.0/24",
	"vpc/securityGroupEgressRule collector-to-brokers", "vpc/securityGroupEgressRule consumer-to-brokers",
}

// What refers to the cluster by its ARN follows when that is made anew.
var ofCluster = []string{
	"iam/policy client-alpha", "iam/policy client-tasks", "iam/policy consumer", "iam/policy control-plane",
	"iam/policy operator", "iam/policy producer",
}

// The security groups and their rules, which a new name of the cluster leaves as they are.
var groupsAndRules = []string{
	"ec2/securityGroup brokers", "ec2/securityGroup collector", "ec2/securityGroup consumer",
	"vpc/securityGroupEgressRule collector-to-2001:db8::/32", "vpc/securityGroupEgressRule collector-to-203.0.113.0/24",
	"vpc/securityGroupEgressRule collector-to-brokers", "vpc/securityGroupEgressRule consumer-to-brokers",
}

// What is named after the cluster, and follows its name.
var namedForCluster = []string{
	"cloudwatch/logGroup broker-logs",
	"iam/instanceProfile collector", "iam/policy client-alpha", "iam/policy client-tasks", "iam/policy collector-logs",
	"iam/policy consumer", "iam/policy control-plane", "iam/policy operator", "iam/policy producer",
	"iam/role client-tasks", "iam/role collector", "iam/rolePolicyAttachment client-tasks-kafka",
	"iam/rolePolicyAttachment client-tasks-logs", "iam/rolePolicyAttachmentsExclusive client-tasks",
	"iam/rolePolicyAttachment collector-control-plane", "iam/rolePolicyAttachment collector-logs",
	"iam/rolePolicyAttachment collector-producer",
	"iam/rolePolicyAttachmentsExclusive collector", "msk/serverlessCluster cluster",
}

var allResources = slices.Concat(namedForCluster, groupsAndRules)

func steps(op string, resources ...string) []string {
	var out []string
	for _, r := range resources {
		out = append(out, op+" "+r)
	}
	return out
}

const (
	kmsKey = "arn:aws:kms:ap-south-1:123456789012:key/00000000-0000-0000-0000-000000000000"
	// A second VPC of the region, and its subnets.
	otherVPC                   = "vpc-11111111"
	otherSubnetA, otherSubnetB = "subnet-11111111", "subnet-22222222"
	onCall                     = "arn:aws:sns:ap-south-1:123456789012:on-call"
)

// The clients that the table's stacks are deployed with, as members of clients.
const (
	alpha = `"alpha":{"reads":["exchg.","trades."],"groups":["alpha-a","alpha-b"]}`
	tasks = `"tasks":{"writes":["exchg.tasks."],"runsOn":{"ecs":true}}`
)

func clientsOf(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

// changeBase is what the table's stacks are deployed with; groups are two security groups that exist.
func changeBase(groups []string) map[string]string {
	return configtest.With(map[string]string{
		"protect":                "false",
		"tags":                   `{"Project":"CryptoData","Env":"prod"}`,
		"clientSecurityGroupIds": compact.JSON(groups),
		"collectorEgressCidrs":   `["203.0.113.0/24","2001:db8::/32"]`,
		"logKmsKeyArn":           kmsKey,
		"clients":                clientsOf(alpha, tasks),
		"allowedAccountIds":      `["123456789012"]`,
	})
}

func changesOf(groups []string) []change {
	cluster, brokers := "msk/serverlessCluster cluster", "ec2/securityGroup brokers"
	replaceCluster := slices.Concat(steps("replace", cluster), steps("update", ofCluster...))
	clients := func(members ...string) map[string]string {
		return map[string]string{"clients": clientsOf(members...)}
	}
	one := func(key, value string) map[string]string { return map[string]string{key: value} }
	return []change{
		retagged("`tags`: one added", one("tags", `{"Project":"CryptoData","Env":"prod","Team":"md"}`)),
		retagged("`tags`: one changed", one("tags", `{"Project":"CryptoData","Env":"dev"}`)),
		retagged("`tags`: one removed", one("tags", `{"Env":"prod"}`)),
		{what: "`tags`: reordered", set: one("tags", `{"Env":"prod","Project":"CryptoData"}`)},
		retagged("`accessScope`: changed", one("accessScope", "team-y")),

		{
			what:     "`aws:region`, and with it `logKmsKeyArn`: changed",
			set:      map[string]string{"aws:region": "eu-west-1", "logKmsKeyArn": configtest.Unset},
			steps:    steps("replace", allResources...),
			embedded: otherProvider,
		},
		{
			what: "`clusterName`: changed",
			set:  one("clusterName", "renamed"),
			// The tag AccessScope, which is the cluster's name here, changes on what isn't replaced.
			steps: slices.Concat(steps("replace", namedForCluster...), steps("update", groupsAndRules...)),
		},
		{
			what:  "`vpcId`, and with it `subnetIds`: changed",
			set:   map[string]string{"vpcId": otherVPC, "subnetIds": `["` + otherSubnetA + `","` + otherSubnetB + `"]`},
			steps: slices.Concat(replaceCluster, steps("replace", groupsAndRules...)),
		},
		{
			what:  "`subnetIds`: one added",
			set:   one("subnetIds", `["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071b","subnet-0a1b2c3d4e5f6071c"]`),
			steps: replaceCluster,
		},
		{
			what:  "`subnetIds`: one exchanged",
			set:   one("subnetIds", `["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071c"]`),
			steps: replaceCluster,
		},
		{
			what: "`subnetIds`: reordered",
			set:  one("subnetIds", `["subnet-0a1b2c3d4e5f6071b","subnet-0a1b2c3d4e5f6071a"]`),
		},

		{
			what:  "`producerTopicPrefixes`: one added",
			set:   one("producerTopicPrefixes", `["exchg.","trades.","books."]`),
			steps: steps("update", "iam/policy operator", "iam/policy producer"),
		},
		{
			what:  "`producerTopicPrefixes`: one removed",
			set:   one("producerTopicPrefixes", `["exchg."]`),
			steps: steps("update", "iam/policy producer"),
		},
		{what: "`producerTopicPrefixes`: reordered", set: one("producerTopicPrefixes", `["trades.","exchg."]`)},
		{
			what:  "`consumerTopicPrefixes`: one added",
			set:   one("consumerTopicPrefixes", `["exchg.","books."]`),
			steps: steps("update", "iam/policy consumer", "iam/policy operator"),
		},
		{
			what:  "`consumerTopicPrefixes`: one exchanged",
			set:   one("consumerTopicPrefixes", `["trades."]`),
			steps: steps("update", "iam/policy consumer"),
		},
		{
			what:  "`consumerGroupNames`: one added",
			set:   one("consumerGroupNames", `["team-quant","team-research","team-risk"]`),
			steps: steps("update", "iam/policy consumer", "iam/policy operator"),
		},
		{
			what:  "`consumerGroupNames`: one removed",
			set:   one("consumerGroupNames", `["team-quant"]`),
			steps: steps("update", "iam/policy consumer", "iam/policy operator"),
		},
		{what: "`consumerGroupNames`: reordered", set: one("consumerGroupNames", `["team-research","team-quant"]`)},
		{
			what:  "`consumerTopicPrefixes` and `consumerGroupNames`: emptied",
			set:   map[string]string{"consumerTopicPrefixes": `[]`, "consumerGroupNames": `[]`},
			steps: slices.Concat(steps("delete", "iam/policy consumer"), steps("update", "iam/policy operator")),
		},
		{
			what: "`clients`: one added", set: clients(alpha, tasks, `"beta":{"reads":["exchg."],"groups":["beta"]}`),
			steps: slices.Concat(steps("create", "iam/policy client-beta"), steps("update", "iam/policy operator")),
		},
		{
			what: "`clients`: one removed", set: clients(tasks),
			steps: slices.Concat(steps("delete", "iam/policy client-alpha"), steps("update", "iam/policy operator")),
		},
		{
			what:  "`clients`: one's lists grown",
			set:   clients(tasks, `"alpha":{"reads":["exchg.","trades.","books."],"groups":["alpha-a","alpha-b","alpha-c"]}`),
			steps: steps("update", "iam/policy client-alpha", "iam/policy operator"),
		},
		{
			what: "`clients`: one's lists shrunk", set: clients(tasks, `"alpha":{"reads":["exchg."],"groups":["alpha-a"]}`),
			steps: steps("update", "iam/policy client-alpha", "iam/policy operator"),
		},
		{
			what: "`clients`: one's lists reordered",
			set:  clients(tasks, `"alpha":{"reads":["trades.","exchg."],"groups":["alpha-b","alpha-a"]}`),
		},
		{
			what:  "`clients`: one writes, too",
			set:   clients(tasks, strings.Replace(alpha, "{", `{"writes":["alpha."],`, 1)),
			steps: steps("update", "iam/policy client-alpha", "iam/policy operator"),
		},
		{
			what: "`clients`: one given a role",
			set:  clients(tasks, strings.Replace(alpha, "{", `{"runsOn":{"ec2":true},`, 1)),
			steps: steps("create", "iam/instanceProfile client-alpha", "iam/role client-alpha",
				"iam/rolePolicyAttachment client-alpha-kafka", "iam/rolePolicyAttachmentsExclusive client-alpha"),
		},
		{
			what: "`clients`: one's role taken away", set: clients(alpha, `"tasks":{"writes":["exchg.tasks."]}`),
			steps: steps("delete", "iam/role client-tasks", "iam/rolePolicyAttachment client-tasks-kafka",
				"iam/rolePolicyAttachment client-tasks-logs", "iam/rolePolicyAttachmentsExclusive client-tasks"),
		},
		{
			what: "`clients`: one moves from ECS to pods", set: clients(alpha, `"tasks":{"writes":["exchg.tasks."],"runsOn":`+
				`{"podIdentity":{"cluster":"md","namespace":"tasks","serviceAccount":"tasks"}}}`),
			steps: steps("update", "iam/role client-tasks"),
		},
		{
			what: "`clients`: one moves from ECS to pods by IRSA", set: clients(alpha, `"tasks":{"writes":["exchg.tasks."],`+
				`"runsOn":{"irsa":{"providerArn":"`+configtest.OIDCProvider+`","namespace":"n","serviceAccount":"s"}}}`),
			steps: steps("update", "iam/role client-tasks"),
		},
		{
			what: "`clients`: one moves from ECS to another account", set: clients(alpha, `"tasks":{"writes":["exchg.tasks."],`+
				`"runsOn":{"account":{"id":"210987654321","externalId":"tasks"}}}`),
			steps: steps("update", "iam/role client-tasks"),
		},
		{
			what: "`clients`: one runs on instances, too",
			set:  clients(alpha, `"tasks":{"writes":["exchg.tasks."],"runsOn":{"ecs":true,"ec2":true}}`),
			steps: slices.Concat(steps("update", "iam/role client-tasks"),
				steps("create", "iam/instanceProfile client-tasks")),
		},
		{
			what: "`clients`: one runs on MSK Connect, too",
			set:  clients(alpha, `"tasks":{"writes":["exchg.tasks."],"runsOn":{"ecs":true,"mskConnect":true}}`),
			steps: slices.Concat(steps("update", "iam/role client-tasks",
				"iam/rolePolicyAttachmentsExclusive client-tasks"), steps("create", "iam/policy msk-connect",
				"iam/rolePolicyAttachment client-tasks-msk-connect")),
		},
		{
			what: "`clients`: one runs on Lambda, too",
			set:  clients(alpha, `"tasks":{"writes":["exchg.tasks."],"runsOn":{"ecs":true,"lambda":true}}`),
			steps: slices.Concat(steps("update", brokers, "iam/role client-tasks",
				"iam/rolePolicyAttachmentsExclusive client-tasks"), steps("create", "iam/policy lambda-network",
				"iam/rolePolicyAttachment client-tasks-control-plane", "iam/rolePolicyAttachment client-tasks-lambda")),
		},
		{
			what: "`clients`: one given a further policy", set: clients(alpha, `"tasks":{"writes":["exchg.tasks."],"runsOn":`+
				`{"ecs":true},"policyArns":["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]}`),
			steps: slices.Concat(
				steps("create", "iam/rolePolicyAttachment client-tasks-aws:policy/AmazonS3ReadOnlyAccess"),
				steps("update", "iam/rolePolicyAttachmentsExclusive client-tasks")),
		},

		{what: "`observers`: turned on", set: one("observers", "true"), steps: steps("create", "iam/policy observer")},
		{
			what: "`clusterPolicyServices`: one added", set: one("clusterPolicyServices", `["firehose"]`),
			steps: steps("create", "msk/clusterPolicy cluster"),
		},
		{
			what: "`clientCidrs`: one added", set: one("clientCidrs", `["10.0.0.0/8"]`),
			steps: steps("update", brokers),
		},
		{
			what: "`furtherVpcs`: one added",
			set: one("furtherVpcs", `[{"vpcId":"`+otherVPC+`","subnetIds":["`+otherSubnetA+`","`+otherSubnetB+`"],`+
				`"clientSecurityGroupIds":["sg-0a1b2c3d"]}]`),
			steps: slices.Concat(steps("create", brokers+"-"+otherVPC), replaceCluster),
		},

		{
			what:  "`clientSecurityGroupIds`: one added",
			set:   one("clientSecurityGroupIds", compact.JSON(append(slices.Clone(groups), "sg-0a1b2c3d"))),
			steps: steps("update", brokers),
		},
		{
			what:  "`clientSecurityGroupIds`: one removed",
			set:   one("clientSecurityGroupIds", compact.JSON(groups[:1])),
			steps: steps("update", brokers),
		},
		{
			what: "`clientSecurityGroupIds`: reordered",
			set:  one("clientSecurityGroupIds", compact.JSON([]string{groups[1], groups[0]})),
		},
		{
			what:  "`collectorEgressCidrs`: one added",
			set:   one("collectorEgressCidrs", `["203.0.113.0/24","2001:db8::/32","198.51.100.0/24"]`),
			steps: steps("create", "vpc/securityGroupEgressRule collector-to-198.51.100.0/24"),
		},
		{
			what:  "`collectorEgressCidrs`: one removed",
			set:   one("collectorEgressCidrs", `["203.0.113.0/24"]`),
			steps: steps("delete", "vpc/securityGroupEgressRule collector-to-2001:db8::/32"),
		},
		{
			what: "`collectorEgressCidrs`: reordered",
			set:  one("collectorEgressCidrs", `["2001:db8::/32","203.0.113.0/24"]`),
		},

		{
			what:  "`logRetentionDays`: changed",
			set:   one("logRetentionDays", "30"),
			steps: steps("update", "cloudwatch/logGroup broker-logs"),
		},
		{
			what:  "`logRetentionDays`: for ever",
			set:   one("logRetentionDays", "0"),
			steps: steps("update", "cloudwatch/logGroup broker-logs"),
		},
		{
			what:  "`logKmsKeyArn`: changed",
			set:   one("logKmsKeyArn", strings.Replace(kmsKey, "key/0", "key/1", 1)),
			steps: steps("update", "cloudwatch/logGroup broker-logs"),
		},
		{
			what:  "`logKmsKeyArn`: removed",
			set:   one("logKmsKeyArn", configtest.Unset),
			steps: steps("update", "cloudwatch/logGroup broker-logs"),
		},

		{what: "`alarmTopicArn`: set", set: one("alarmTopicArn", onCall), steps: steps("create", monitoring...)},
		watched("`alarmTopicArn`: removed", one("alarmTopicArn", configtest.Unset), steps("delete", monitoring...)),
		watched("`maxConsumerLag`: changed", one("maxConsumerLag", "5000"),
			steps("update", alarmsNamed("lag-messages")...)),
		watched("`maxConsumerLagSeconds`: changed", one("maxConsumerLagSeconds", "30"),
			steps("update", alarmsNamed("lag-seconds")...)),
		watched("`quotaAlarmPercent`: changed", one("quotaAlarmPercent", "60"),
			steps("update", alarmsNamed("ingress", "egress", "partition-ingress", "partition-egress")...)),
		watched("`silenceMinutes`: changed", one("silenceMinutes", "15"), steps("update", alarmsNamed("silence")...)),
		watched("`silenceMinutes`: 0", one("silenceMinutes", "0"), steps("delete", alarmsNamed("silence")...)),
		watched("`feeds`: one added", one("feeds", `{"okx":5}`), steps("create", alarmsNamed("feed-okx")...)),
		watched("`lagAlarms`: `perGroup`", one("lagAlarms", "perGroup"), slices.Concat(
			steps("create", alarmsNamed("lag-messages-team-quant", "lag-seconds-team-quant")...),
			steps("delete", alarmsNamed("lag-messages", "lag-seconds")...))),
		watched("`topicEvents`: `all`", one("topicEvents", "all"), steps("update", "cloudwatch/eventRule topic-events")),
		watched("`topicEvents`: `none`", one("topicEvents", "none"), steps("delete", topicEvents...)),
		watched("`dashboard`: `never`", one("dashboard", "never"), steps("delete", "cloudwatch/dashboard dashboard")),
		{
			what:  "`dashboard`: `always`, without `alarmTopicArn`",
			set:   one("dashboard", "always"),
			steps: steps("create", "cloudwatch/dashboard dashboard"),
		},

		{
			what: "`permissionsBoundary`: the same policy by its ARN",
			set:  one("permissionsBoundary", "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary"),
		},
		{
			what:  "`permissionsBoundary`: `none`",
			set:   one("permissionsBoundary", "none"),
			steps: steps("update", "iam/role client-tasks", "iam/role collector"),
		},
		{what: "`assumeRoleArn`: set", set: one("assumeRoleArn", "arn:aws:iam::123456789012:role/MSK-Builder")},
		{what: "`allowedAccountIds`: one added", set: one("allowedAccountIds", `["123456789012","111122223333"]`)},
		{what: "`allowedAccountIds`: emptied", set: one("allowedAccountIds", `[]`)},
		{what: "`protect`: turned on", set: one("protect", "true")},
		{what: "`verifyNetwork`: turned off", set: one("verifyNetwork", "false")},
	}
}

var protectable = []string{
	"cloudwatch/logGroup broker-logs",
	"ec2/securityGroup brokers",
	"msk/serverlessCluster cluster",
}

// loses are the steps that protection refuses.
func (c change) loses() []string {
	var lost []string
	for _, r := range protectable {
		for _, op := range []string{"replace ", "delete "} {
			if slices.Contains(c.steps, op+r) {
				lost = append(lost, r)
			}
		}
	}
	return lost
}

// withTeam adds the security group sg-0a1b2c3d, which isn't the stack's, to otherVPC.
func withTeam(s *aws.State) {
	s.SecurityGroups["sg-0a1b2c3d"] = &aws.SecurityGroup{Region: region, VPC: otherVPC, Name: "team"}
}

// attachVariable names the provider that the table runs against in place of the embedded AWS.
const attachVariable = "PULUMI_DEBUG_PROVIDERS"

func attached() bool { return os.Getenv(attachVariable) != "" }

// attachTo is the provider to test against: the one that is attached already, or an embedded AWS of the test's own.
func attachTo(t *testing.T) (attach string, sandbox *aws.Sandbox) {
	t.Helper()
	if attached() {
		return os.Getenv(attachVariable), nil
	}
	sandbox = aws.New(aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
	attach, stop, err := sandbox.Serve()
	require.NoError(t, err)
	t.Cleanup(stop)
	return attach, sandbox
}

// changeTable deploys the stacks that the table's rows start from: one unprotected, one protected, one with alarms. A
// provider that is attached already is used in place of the sandbox.
func changeTable(t *testing.T) (open, protected, alarmed *stack, groups []string) {
	t.Helper()
	attach, _ := attachTo(t)
	deployed := func(config map[string]string) *stack {
		s := newProject(t, config, attach)
		s.OK(t, "stack", "init")
		s.Up(t)
		return s
	}
	alarmed = deployed(configtest.With(map[string]string{
		"clusterName": "neighbour", "protect": "false", "alarmTopicArn": onCall,
		"consumerGroupNames": `["team-quant"]`,
	}))
	out := alarmed.Outputs(t)
	groups = []string{out["collectorSecurityGroupId"].(string), out["consumerSecurityGroupId"].(string)}
	open = deployed(changeBase(groups))
	// The same stack once more: its state is copied, and only then protected.
	protected = newProject(t, open.Config, attach)
	require.NoError(t, os.CopyFS(filepath.Join(protected.Dir, "state"), os.DirFS(filepath.Join(open.Dir, "state"))))
	protected.Set(t, map[string]string{"protect": "true"})
	protected.Up(t)
	t.Cleanup(func() {
		if attached() {
			_ = open.Command(t, "destroy", "--yes").Run()
			_ = alarmed.Command(t, "destroy", "--yes").Run()
		}
	})
	return open, protected, alarmed, groups
}

// edited returns the stack with a changed configuration, in another folder, so that previews of one state run in
// parallel.
func (s *stack) edited(t *testing.T, set map[string]string) *stack {
	t.Helper()
	e := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: s.Env, Config: maps.Clone(s.Config), AWS: s.AWS}}
	for _, name := range []string{"Pulumi.yaml", "program"} {
		require.NoError(t, os.Symlink(filepath.Join(s.Dir, name), filepath.Join(e.Dir, name)))
	}
	e.Set(t, set)
	return e
}

// awsSteps is a plan without the provider, whose own settings are no resource of AWS.
func awsSteps(steps []string) []string {
	return slices.DeleteFunc(slices.Clone(steps), func(s string) bool { return strings.Contains(s, " pulumi:") })
}

func TestChanges(t *testing.T) {
	t.Parallel()
	open, protected, alarmed, groups := changeTable(t)
	var mu sync.Mutex
	agreed := 0
	rows := part(changesOf(groups), 5)
	if attached() {
		rows = slices.DeleteFunc(rows, func(c change) bool {
			if c.embedded != "" {
				t.Logf("left out, because %s: %s", c.embedded, c.what)
			}
			return c.embedded != ""
		})
	}
	t.Run("rows", func(t *testing.T) {
		for _, c := range rows {
			t.Run(c.what, func(t *testing.T) {
				t.Parallel()
				from := open
				if c.watched {
					from = alarmed
				}
				steps, refusals := from.edited(t, c.set).Plan(t)
				assert.Empty(t, refusals)
				assert.ElementsMatch(t, c.steps, awsSteps(steps))

				if lost := c.loses(); len(lost) > 0 {
					set := maps.Clone(c.set)
					set["protect"] = "true"
					_, refusals = protected.edited(t, set).Plan(t)
					assert.Contains(t, refusals, "protect")
					assert.Condition(t, func() bool {
						return slices.ContainsFunc(lost,
							func(r string) bool { return strings.Contains(refusals, "::"+r[strings.Index(r, " ")+1:]) })
					}, "names what is protected: %s", refusals)
				}
				if !t.Failed() {
					mu.Lock()
					defer mu.Unlock()
					agreed++
				}
			})
		}
	})
	stacktest.Evidence(t, "changes whose plan is the documented one", fmt.Sprintf("%d of %d", agreed, len(rows)))
}

// Turning protection off and replacing can happen in one update: Pulumi does not refuse it, so the scripts and the docs
// have to shout.
func TestProtectionOffAndReplaceInOneGo(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.Set(t, map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071c"]`})
	_, refusals := s.Plan(t)
	assert.Contains(t, refusals, "protect")
	s.Set(t, map[string]string{"protect": "false"})
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.Contains(t, steps, "replace msk/serverlessCluster cluster")
}

// With protection off, what it refused works.
func TestReplacementsWork(t *testing.T) {
	t.Parallel()
	for _, set := range part([]map[string]string{
		{"vpcId": otherVPC, "subnetIds": `["` + otherSubnetA + `","` + otherSubnetB + `"]`},
		{"subnetIds": `["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071c"]`},
		{"clusterName": "renamed"},
		{"aws:region": "eu-west-1"},
	}, 2) {
		t.Run(fmt.Sprint(set), func(t *testing.T) {
			t.Parallel()
			s := newStack(t, configtest.With(map[string]string{"protect": "false"}),
				aws.WithVPC(otherVPC, otherSubnetA, otherSubnetB))
			s.Up(t)
			s.Set(t, set)
			s.Up(t)
			assert.Len(t, s.AWS.Snapshot().Clusters, 1)
			s.OK(t, "preview", "--refresh", "--expect-no-changes")
			s.OK(t, "destroy", "--yes")
			assert.Empty(t, s.AWS.Changed())
		})
	}
}

// A protected stack is destroyed by the documented path, and by no other.
func TestDestroyOfAProtectedStack(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	deployed := s.AWS.Snapshot()
	assert.Contains(t, s.Fails(t, "destroy", "--yes"), "protect")
	assert.Equal(t, deployed, s.AWS.Snapshot(), "nothing is gone")
	s.Set(t, map[string]string{"protect": "false"})
	s.OK(t, "up", "--yes")
	s.OK(t, "destroy", "--yes")
	assert.Empty(t, s.AWS.Changed())
}

// docs/changes.md tells users what the table proves. UPDATE_DOCS=1 writes it.
func TestChangesAreDocumented(t *testing.T) {
	t.Parallel()
	const path, start, end = "docs/changes.md", "<!-- changes: from changes_test.go -->\n", "<!-- /changes -->"
	var b strings.Builder
	b.WriteString(start + "| setting: change | what happens |\n| --- | --- |\n")
	for _, c := range changesOf([]string{"sg-00000001", "sg-00000002"}) {
		fmt.Fprintf(&b, "| %s | %s |\n", c.what, c.inWords())
	}
	b.WriteString(end)
	doc, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(doc), start)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := before + b.String() + after
	if os.Getenv("UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(doc), "run UPDATE_DOCS=1 go test -run TestChangesAreDocumented .")
}

func (c change) inWords() string {
	words := "nothing"
	if len(c.steps) > 0 {
		byOp := map[string][]string{}
		for _, s := range c.steps {
			op, resource, _ := strings.Cut(s, " ")
			byOp[op] = append(byOp[op], resource)
		}
		var parts []string
		for _, op := range []string{"create", "update", "replace", "delete"} {
			switch n := len(byOp[op]); {
			case n == 0:
			case op == "update" && slices.Equal(byOp[op], tagged):
				parts = append(parts, "updates everything that has tags, in place")
			case op == "update" && slices.Equal(byOp[op], ofCluster):
				parts = append(parts, "updates every policy that names the cluster")
			case op == "replace" && slices.Equal(byOp[op], allResources):
				parts = append(parts, "replaces everything")
			case op == "replace" && slices.Equal(byOp[op], namedForCluster):
				parts = append(parts, "replaces everything but the security groups, which keep their names")
			case slices.Equal(byOp[op], monitoring):
				parts = append(parts, op+"s all alarms, the dashboard and the rule that reports deleted topics")
			case n > 4:
				lost := slices.DeleteFunc(c.loses(), func(r string) bool { return !slices.Contains(byOp[op], r) })
				others := fmt.Sprintf("%d resources", n)
				if len(lost) > 0 {
					others = fmt.Sprintf("%s and %d others", inCode(lost), n-len(lost))
				}
				parts = append(parts, op+"s "+others)
			default:
				parts = append(parts, op+"s "+inCode(byOp[op]))
			}
		}
		words = strings.Join(parts, "; ")
	}
	if slices.Contains(c.loses(), "msk/serverlessCluster cluster") {
		return "**data loss**: " + words + "; refused while `protect` is on"
	}
	return words
}

func inCode(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, "`"+n+"`")
	}
	return strings.Join(out, ", ")
}
