package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// access is who may do what: the collectors' role, and the policies that others attach to roles of their own.
type access struct {
	Collector *iam.Role
	Profile   *iam.InstanceProfile
	Producer  *iam.Policy
	Consumer  *iam.Policy            // nil where consumers share no lists
	Teams     map[string]*iam.Policy // by the team's name
	Operators []*iam.Policy          // more than one where the names don't fit into one
}

// newAccess declares the role that collectors run under, with exactly the policies they need, and the policies that
// consumers and the platform's operators attach to their own roles.
func newAccess(ctx *pulumi.Context, cfg Config, acct account, cluster *msk.ServerlessCluster, logs *cloudwatch.LogGroup,
	provider *aws.Provider,
) (access, error) {
	role, profile, err := newCollector(ctx, cfg, acct, provider)
	if err != nil {
		return access{}, err
	}
	policies := map[string]*iam.Policy{}
	for _, g := range cfg.grants(cfg.longestARN(acct)) {
		if policies[g.name], err = newPolicy(ctx, cfg, provider, g.name, g.description, cluster.Arn, func(arn string) document {
			return g.doc(clusterARN(arn))
		}); err != nil {
			return access{}, err
		}
	}
	collectorLogs, err := newPolicy(ctx, cfg, provider, "collector-logs", "Write to the platform's log group", logs.Arn, logsPolicy)
	if err != nil {
		return access{}, err
	}
	a := access{
		Collector: role, Profile: profile, Producer: policies["producer"], Consumer: policies["consumer"], Teams: map[string]*iam.Policy{},
	}
	for _, team := range cfg.teamNames() {
		a.Teams[team] = policies[teamGrant(team)]
	}
	for i := 0; policies[operatorGrant(i)] != nil; i++ {
		a.Operators = append(a.Operators, policies[operatorGrant(i)])
	}
	return a, attachExclusively(ctx, role, provider, map[string]*iam.Policy{
		"control-plane": policies["control-plane"], "producer": a.Producer, "logs": collectorLogs,
	})
}

// grant is a managed policy about the cluster, and the lists that it is large by.
type grant struct {
	name, description string
	doc               func(clusterARN) document
	lists             []list
}

// grants are the cluster's managed policies; longest is the longest ARN that the cluster can get.
func (c Config) grants(longest clusterARN) []grant {
	prefixes, groups := c.prefixLists(), c.groupLists()
	grants := []grant{
		{"control-plane", "Find the brokers of MSK Serverless", func(cluster clusterARN) document {
			return controlPlanePolicy(cluster, c.Region)
		}, nil},
		{"producer", "Create topics and write to them", func(cluster clusterARN) document {
			return producerPolicy(cluster, c.ProducerTopicPrefixes)
		}, prefixes[:1]},
	}
	for i, doc := range operatorPolicies(union(prefixes), union(groups), longest) {
		grants = append(grants, grant{operatorGrant(i), "Administer topics and consumer groups, and no data", doc, nil})
	}
	if c.sharesConsumers() {
		shared, in := c.sharedLists()
		grants = append(grants, consumerGrant("consumer", "Read topics in the named consumer groups", shared, in))
	}
	for _, team := range c.teamNames() {
		theirs, in := c.teamLists(team)
		grants = append(grants, consumerGrant(teamGrant(team), "Read the topics of "+team+" in its consumer groups", theirs, in))
	}
	return grants
}

func consumerGrant(name, description string, prefixes, groups list) grant {
	return grant{name, description, func(cluster clusterARN) document {
		return consumerPolicy(cluster, prefixes.names, groups.names)
	}, []list{prefixes, groups}}
}

func teamGrant(team string) string { return "consumer-" + team }

// operatorGrant is operator, operator-2, operator-3 and so on.
func operatorGrant(i int) string {
	if i == 0 {
		return "operator"
	}
	return fmt.Sprint("operator-", i+1)
}

// newCollector declares the role of the collectors, without policies, and the profile that gives it to their instances.
func newCollector(ctx *pulumi.Context, cfg Config, acct account, provider *aws.Provider) (*iam.Role, *iam.InstanceProfile, error) {
	role, err := iam.NewRole(ctx, "collector", &iam.RoleArgs{
		Name:                pulumi.String(cfg.iamName("collector")),
		Description:         pulumi.String("Collectors that produce to MSK Serverless"),
		AssumeRolePolicy:    pulumi.String(compactJSON(ec2Trust())),
		PermissionsBoundary: optional(acct.Boundary),
		// One empty inline policy says that the role has none: one put in by hand is drift, and goes.
		InlinePolicies: iam.RoleInlinePolicyArray{iam.RoleInlinePolicyArgs{}},
		// A policy attached by hand must not stand in the way of destroying the stack.
		ForceDetachPolicies: pulumi.Bool(true),
	}, pulumi.Provider(provider))
	if err != nil {
		return nil, nil, err
	}
	profile, err := iam.NewInstanceProfile(ctx, "collector", &iam.InstanceProfileArgs{
		Name: pulumi.String(cfg.iamName("collector")),
		Role: role.Name,
	}, pulumi.Provider(provider))
	return role, profile, err
}

// newPolicy declares a managed policy about what has the ARN.
func newPolicy(ctx *pulumi.Context, cfg Config, provider *aws.Provider, name, description string, arn pulumi.StringOutput,
	doc func(arn string) document,
) (*iam.Policy, error) {
	return iam.NewPolicy(ctx, name, &iam.PolicyArgs{
		Name:        pulumi.String(cfg.iamName(name)),
		Description: pulumi.String(description),
		Policy:      arn.ApplyT(func(arn string) string { return compactJSON(doc(arn)) }).(pulumi.StringOutput),
	}, pulumi.Provider(provider))
}

// attachExclusively gives the role these policies and no other: one attached by hand is drift, and goes. Each attachment
// is a resource of its own besides, because what makes them exclusive detaches nothing when it is destroyed, and IAM
// deletes no policy that is attached.
func attachExclusively(ctx *pulumi.Context, role *iam.Role, provider *aws.Provider, policies map[string]*iam.Policy) error {
	var arns pulumi.StringArray
	var attachments []pulumi.Resource
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		arn := policies[name].Arn
		attachment, err := iam.NewRolePolicyAttachment(ctx, "collector-"+name, &iam.RolePolicyAttachmentArgs{
			Role:      role.Name,
			PolicyArn: arn,
		}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		arns, attachments = append(arns, arn), append(attachments, attachment)
	}
	_, err := iam.NewRolePolicyAttachmentsExclusive(ctx, "collector", &iam.RolePolicyAttachmentsExclusiveArgs{
		RoleName:   role.Name,
		PolicyArns: arns,
	}, pulumi.Provider(provider), pulumi.DependsOn(attachments))
	return err
}

func optional(s string) pulumi.StringPtrInput {
	if s == "" {
		return nil
	}
	return pulumi.String(s)
}

// document is an IAM policy: what is marshalled is what IAM gets.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Principal map[string]string            `json:",omitempty"`
	Action    []string                     `json:",omitempty"`
	Resource  []string                     `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

// allow is a statement with its actions and resources sorted, each once: the same configuration in another order is the
// same document.
func allow(sid string, actions, resources []string) statement {
	return statement{Sid: sid, Effect: "Allow", Action: sortedSet(actions), Resource: sortedSet(resources)}
}

func policyOf(statements ...statement) document {
	return document{Version: "2012-10-17", Statement: statements}
}

func sortedSet(s []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(s)))
}

// compactJSON is v without white space, and with <, > and & as they are.
func compactJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // no value here holds a channel, a function or a cycle
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// ec2Trust lets EC2 instances run under the role.
func ec2Trust() document {
	return policyOf(statement{
		Sid: "Instances", Effect: "Allow", Principal: map[string]string{"Service": "ec2.amazonaws.com"}, Action: []string{"sts:AssumeRole"},
	})
}

// controlPlanePolicy lets a collector describe the cluster and find its brokers. AWS defines no resource type for
// kafka:GetBootstrapBrokers (Service Authorization Reference, Amazon MSK), so that action is granted on every resource,
// and narrowed to the region.
func controlPlanePolicy(cluster clusterARN, region string) document {
	bootstrap := allow("FindBrokers", []string{"kafka:GetBootstrapBrokers"}, []string{"*"})
	bootstrap.Condition = map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": region}}
	return policyOf(
		allow("DescribeCluster", []string{"kafka:DescribeCluster", "kafka:DescribeClusterV2"}, []string{string(cluster)}),
		bootstrap,
	)
}

// producerPolicy lets a collector create topics that begin with one of the prefixes, and write to them idempotently.
func producerPolicy(cluster clusterARN, prefixes []string) document {
	return policyOf(
		allow("Connect", []string{"kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"}, []string{string(cluster)}),
		allow("Produce", []string{"kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"}, each(prefixes, cluster.topics)),
	)
}

// consumerPolicy lets a team read the topics that begin with one of the prefixes, as a member of the named groups.
func consumerPolicy(cluster clusterARN, prefixes, groups []string) document {
	return policyOf(
		allow("Connect", []string{"kafka-cluster:Connect"}, []string{string(cluster)}),
		allow("Consume", []string{"kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"}, each(prefixes, cluster.topics)),
		allow("Groups", []string{"kafka-cluster:AlterGroup", "kafka-cluster:DeleteGroup", "kafka-cluster:DescribeGroup"}, each(groups, cluster.group)),
	)
}

// operatorPolicies let the people who run the platform administer topics that begin with one of the prefixes, and the
// named groups. They give them no data. They name every prefix and group of the stack, which one policy may be too small
// for: the names are spread over as many as it takes, and the first one lets connect.
func operatorPolicies(prefixes, groups []string, longest clusterARN) []func(clusterARN) document {
	type part struct {
		first            bool
		prefixes, groups []string
	}
	doc := func(p part, cluster clusterARN) document {
		var statements []statement
		if p.first {
			statements = append(statements, allow("Connect", []string{"kafka-cluster:Connect", "kafka-cluster:DescribeCluster"}, []string{string(cluster)}))
		}
		if len(p.prefixes) > 0 {
			statements = append(statements, allow("ManageTopics", []string{
				"kafka-cluster:AlterTopic", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:CreateTopic",
				"kafka-cluster:DeleteTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration",
			}, each(p.prefixes, cluster.topics)))
		}
		if len(p.groups) > 0 {
			statements = append(statements, allow("ManageGroups", []string{"kafka-cluster:DeleteGroup", "kafka-cluster:DescribeGroup"}, each(p.groups, cluster.group)))
		}
		return policyOf(statements...)
	}

	parts := []part{{first: true}}
	add := func(more func(*part)) {
		grown := parts[len(parts)-1]
		if more(&grown); len(compactJSON(doc(grown, longest))) > maxPolicySize {
			grown = part{}
			more(&grown)
			parts = append(parts, part{})
		}
		parts[len(parts)-1] = grown
	}
	for _, prefix := range widest(prefixes) {
		add(func(p *part) { p.prefixes = append(p.prefixes, prefix) })
	}
	for _, group := range sortedSet(groups) {
		add(func(p *part) { p.groups = append(p.groups, group) })
	}

	docs := make([]func(clusterARN) document, len(parts))
	for i, p := range parts {
		docs[i] = func(cluster clusterARN) document { return doc(p, cluster) }
	}
	return docs
}

// widest leaves out each prefix that begins with another one, whose topics the other covers.
func widest(prefixes []string) []string {
	var kept []string
	for _, p := range sortedSet(prefixes) {
		// What covers p sorts before it, and what sorts between begins so too.
		if len(kept) == 0 || !strings.HasPrefix(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return kept
}

// logsPolicy lets a collector write to streams of one log group. Streams are what these actions act on, and their ARN is
// the group's with :log-stream: and a name (Service Authorization Reference, Amazon CloudWatch Logs).
func logsPolicy(logGroupARN string) document {
	return policyOf(allow("WriteLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		[]string{strings.TrimSuffix(logGroupARN, ":*") + ":log-stream:*"}))
}

func each(names []string, arn func(string) string) []string {
	arns := make([]string, len(names))
	for i, n := range names {
		arns[i] = arn(n)
	}
	return arns
}

// maxPolicySize is the number of characters, white space not counted, that a managed policy takes (IAM quotas).
const maxPolicySize = 6144

// longestARN is the longest that the cluster can get: its uuid ends in a suffix such as -s1, for which four characters
// are kept.
func (c Config) longestARN(acct account) clusterARN {
	return clusterARN(fmt.Sprintf("arn:%s:kafka:%s:%s:cluster/%s/%s", acct.Partition, c.Region, acct.ID, c.ClusterName,
		strings.Repeat("f", len("00000000-0000-0000-0000-000000000000-s999"))))
}

// verifyPolicySizes finds lists that would make a policy too large. The list that takes the most room in it is the one
// to shorten.
func (c Config) verifyPolicySizes(ps *problems, acct account) {
	longest := c.longestARN(acct)
	for _, g := range c.grants(longest) {
		size := len(compactJSON(g.doc(longest)))
		if size <= maxPolicySize {
			continue
		}
		largest := slices.MaxFunc(g.lists, func(a, b list) int { return len(strings.Join(a.names, "")) - len(strings.Join(b.names, "")) })
		ps.add(largest.key, fmt.Sprintf("%d entries", len(largest.names)), "shorten the list or its entries by about %d characters: "+
			"the policy %s would have %d characters, and IAM takes %d", size-maxPolicySize, g.name, size, maxPolicySize)
	}
}
