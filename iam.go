package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/iampolicy"
)

// access holds the collectors' role, and the policies that others attach to their roles.
type access struct {
	Collector *iam.Role
	Profile   *iam.InstanceProfile
	Clients   []client      // in the order of Config.Clients
	Operators []*iam.Policy // several if the names don't fit into one
}

// client is a client of the configuration with its managed policy.
type client struct {
	config.Client
	Policy *iam.Policy
}

// newAccess declares the role that collectors run under, with exactly the policies they need, and the policies that
// consumers and the platform's operators attach to their own roles.
func newAccess(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	cluster *msk.ServerlessCluster,
	logs *cloudwatch.LogGroup,
) (access, error) {
	a := access{}
	attached := map[string]*iam.Policy{} // by the end of the attachment's name
	for _, c := range cfg.Clients() {
		policy, err := newPolicy(ctx, cfg, provider, clientPolicy(c), cluster.Arn)
		if err != nil {
			return access{}, err
		}
		a.Clients = append(a.Clients, client{c, policy})
		if c.Name == config.Collectors {
			attached["producer"] = policy
		}
	}
	for _, p := range operatorPolicies(cfg, longestARN(cfg, acct)) {
		policy, err := newPolicy(ctx, cfg, provider, p, cluster.Arn)
		if err != nil {
			return access{}, err
		}
		a.Operators = append(a.Operators, policy)
	}
	controlPlane, err := newPolicy(ctx, cfg, provider, controlPlanePolicy(cfg.Region), cluster.Arn)
	if err != nil {
		return access{}, err
	}
	writeLogs, err := newPolicy(ctx, cfg, provider, logsPolicy(), logs.Arn)
	if err != nil {
		return access{}, err
	}
	attached["control-plane"], attached["logs"] = controlPlane, writeLogs
	a.Collector, a.Profile, err = newCollector(ctx, cfg, provider, acct, attached)
	if err != nil {
		return access{}, err
	}
	return a, attachExclusively(ctx, provider, a.Collector, attached)
}

// newCollector declares the role of the collectors, without policies, and the profile that gives it to their
// instances. The role waits for its policies, and so for the cluster: if a protected cluster refuses its new name, the
// collectors keep their role. If everything gets a new name, Pulumi takes each policy off the role before it deletes
// the policy; if the role were replaced at the same time, it wouldn't wait for that.
func newCollector(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	policies map[string]*iam.Policy,
) (*iam.Role, *iam.InstanceProfile, error) {
	var attached []pulumi.Resource
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		attached = append(attached, policies[name])
	}
	args := &iam.RoleArgs{
		Name:             pulumi.String(iamName(cfg, "collector")),
		Description:      pulumi.String("Collectors that produce to MSK Serverless"),
		AssumeRolePolicy: pulumi.String(compact.JSON(ec2Trust())),
		// One empty inline policy declares that the role has none: a policy put in by hand shows as drift and is
		// removed.
		InlinePolicies: iam.RoleInlinePolicyArray{iam.RoleInlinePolicyArgs{}},
		// Without this, a policy attached by hand would keep the stack from being destroyed.
		ForceDetachPolicies: pulumi.Bool(true),
	}
	if acct.Boundary != "" {
		args.PermissionsBoundary = pulumi.String(acct.Boundary)
	}
	role, err := iam.NewRole(ctx, "collector", args,
		pulumi.Provider(provider), pulumi.DependsOn(attached))
	if err != nil {
		return nil, nil, err
	}
	profile, err := iam.NewInstanceProfile(ctx, "collector", &iam.InstanceProfileArgs{
		Name: pulumi.String(iamName(cfg, "collector")),
		Role: role.Name,
	}, pulumi.Provider(provider))
	return role, profile, err
}

// newPolicy declares a managed policy for the cluster or log group with the ARN. Its resource's name is in small
// letters: IAM ignores case, so a team that is renamed in case alone must replace its policy, and not create a second
// one.
func newPolicy(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider, p policy, arn pulumi.StringOutput,
) (*iam.Policy, error) {
	opts := []pulumi.ResourceOption{pulumi.Provider(provider)}
	name := strings.ToLower(p.name)
	if name != p.name {
		opts = append(opts, pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String(p.name)}})) // its name until 0.1.0
	}
	return iam.NewPolicy(ctx, name, &iam.PolicyArgs{
		Name:        pulumi.String(iamName(cfg, p.name)),
		Description: pulumi.String(p.description),
		Policy:      arn.ApplyT(func(arn string) string { return compact.JSON(p.document(arn)) }).(pulumi.StringOutput),
	}, opts...)
}

// attachExclusively gives the role these policies and no other: one attached by hand shows as drift and is removed.
// It also declares each attachment, because the exclusive list detaches nothing when it is destroyed, and IAM
// doesn't delete a policy that is attached.
func attachExclusively(
	ctx *pulumi.Context,
	provider *aws.Provider,
	role *iam.Role,
	policies map[string]*iam.Policy,
) error {
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

// iamName returns the physical name of a role, policy or instance profile, and of what CloudWatch and EventBridge
// hold. IAM is global to the account, so the name contains the region: the same cluster name in two regions must not
// collide.
func iamName(cfg config.Config, what string) string {
	return cfg.ClusterName + "-" + cfg.Region + "-" + what
}

// policy is a managed policy: its document depends on the ARN of the cluster, or of the log group.
type policy struct {
	name, description string
	document          func(arn string) iampolicy.Document
	lists             []config.List // the configured lists that determine its size
}

// ec2Trust lets EC2 instances run under the role.
func ec2Trust() iampolicy.Document {
	return iampolicy.NewDocument(iampolicy.Statement{
		Sid:       "Instances",
		Effect:    "Allow",
		Principal: map[string]string{"Service": "ec2.amazonaws.com"},
		Action:    []string{"sts:AssumeRole"},
	})
}

// clusterPolicies returns every managed policy about the cluster.
func clusterPolicies(cfg config.Config, acct account) []policy {
	policies := []policy{controlPlanePolicy(cfg.Region)}
	for _, c := range cfg.Clients() {
		policies = append(policies, clientPolicy(c))
	}
	return append(policies, operatorPolicies(cfg, longestARN(cfg, acct))...)
}

// clientPolicy returns the policy of a client.
func clientPolicy(c config.Client) policy {
	p := policy{
		name:     c.Name,
		document: func(arn string) iampolicy.Document { return clientDocument(clusterARN(arn), c) },
		lists:    []config.List{c.Writes, c.Reads, c.Groups},
	}
	switch c.Name {
	case config.Collectors:
		p.description = "Create topics and write to them"
	case config.SharedConsumers:
		p.description = "Read topics in the named consumer groups"
	default:
		p.description = "Read the topics of " + c.Team + " in its consumer groups"
	}
	return p
}

// clientDocument lets a client create and write the topics with its written prefixes, idempotently, and read those
// with its read prefixes as a member of its groups.
func clientDocument(cluster clusterARN, c config.Client) iampolicy.Document {
	connect := []string{"kafka-cluster:Connect"}
	if len(c.Writes.Names) > 0 {
		connect = append(connect, "kafka-cluster:WriteDataIdempotently")
	}
	statements := []iampolicy.Statement{iampolicy.Allow("Connect", connect, []string{string(cluster)})}
	if len(c.Writes.Names) > 0 {
		statements = append(statements, iampolicy.Allow("Produce",
			[]string{"kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"},
			each(c.Writes.Names, cluster.topics)))
	}
	if len(c.Reads.Names) > 0 {
		statements = append(statements, iampolicy.Allow("Consume",
			[]string{"kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"},
			each(c.Reads.Names, cluster.topics)))
	}
	if len(c.Groups.Names) > 0 {
		statements = append(statements, iampolicy.Allow("Groups",
			[]string{"kafka-cluster:AlterGroup", "kafka-cluster:DeleteGroup", "kafka-cluster:DescribeGroup"},
			each(c.Groups.Names, cluster.group)))
	}
	return iampolicy.NewDocument(statements...)
}

// controlPlanePolicy returns the policy that lets a collector describe the cluster and find its brokers. AWS
// defines no resource type for kafka:GetBootstrapBrokers (Service Authorization Reference, Amazon MSK), so that
// action is granted on every resource and narrowed to the region.
func controlPlanePolicy(region string) policy {
	return policy{
		name:        "control-plane",
		description: "Find the brokers of MSK Serverless",
		document: func(arn string) iampolicy.Document {
			bootstrap := iampolicy.Allow("FindBrokers", []string{"kafka:GetBootstrapBrokers"}, []string{"*"})
			bootstrap.Condition = map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": region}}
			return iampolicy.NewDocument(
				iampolicy.Allow(
					"DescribeCluster",
					[]string{"kafka:DescribeCluster", "kafka:DescribeClusterV2"},
					[]string{arn},
				),
				bootstrap,
			)
		},
	}
}

// logsPolicy returns the policy that lets a collector write to streams of one log group. A stream's ARN is the
// group's with :log-stream: and a name (Service Authorization Reference, Amazon CloudWatch Logs).
func logsPolicy() policy {
	return policy{
		name:        "collector-logs",
		description: "Write to the platform's log group",
		document: func(arn string) iampolicy.Document {
			return iampolicy.NewDocument(
				iampolicy.Allow("WriteLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"},
					[]string{strings.TrimSuffix(arn, ":*") + ":log-stream:*"}),
			)
		},
	}
}

// operatorPolicies returns the policies of the people who run the platform: they administer every configured topic
// prefix and group, and read no data. The names are divided among as many policies as they need for a cluster with
// the longest ARN; all but the first require the first one, which lets connect.
func operatorPolicies(cfg config.Config, longest clusterARN) []policy {
	var prefixes, groups []string
	for _, c := range cfg.Clients() {
		prefixes = slices.Concat(prefixes, c.Writes.Names, c.Reads.Names)
		groups = slices.Concat(groups, c.Groups.Names)
	}
	var policies []policy
	for i, share := range divide(widest(prefixes), sortedSet(groups), longest) {
		name := "operator"
		if i > 0 {
			name = fmt.Sprint("operator-", i+1)
		}
		policies = append(policies, policy{
			name:        name,
			description: "Administer topics and consumer groups, and no data",
			document:    func(arn string) iampolicy.Document { return share.document(clusterARN(arn)) },
		})
	}
	return policies
}

// operatorShare is what one of the operators' policies administers. Only the first lets connect.
type operatorShare struct {
	connects         bool
	prefixes, groups []string
}

func (s operatorShare) document(cluster clusterARN) iampolicy.Document {
	var statements []iampolicy.Statement
	if s.connects {
		statements = append(statements, iampolicy.Allow("Connect",
			[]string{"kafka-cluster:Connect", "kafka-cluster:DescribeCluster"}, []string{string(cluster)}))
	}
	if len(s.prefixes) > 0 {
		statements = append(statements, iampolicy.Allow("ManageTopics", []string{
			"kafka-cluster:AlterTopic",
			"kafka-cluster:AlterTopicDynamicConfiguration",
			"kafka-cluster:CreateTopic",
			"kafka-cluster:DeleteTopic",
			"kafka-cluster:DescribeTopic",
			"kafka-cluster:DescribeTopicDynamicConfiguration",
		}, each(s.prefixes, cluster.topics)))
	}
	if len(s.groups) > 0 {
		statements = append(statements, iampolicy.Allow("ManageGroups",
			[]string{"kafka-cluster:DeleteGroup", "kafka-cluster:DescribeGroup"}, each(s.groups, cluster.group)))
	}
	return iampolicy.NewDocument(statements...)
}

// divide puts the names into shares whose documents IAM accepts, in order. The shares' slices point into prefixes and
// groups, which nobody changes afterwards.
func divide(prefixes, groups []string, longest clusterARN) []operatorShare {
	share := operatorShare{connects: true}
	var shares []operatorShare
	firstPrefix, firstGroup := 0, 0
	for i := range len(prefixes) + len(groups) {
		grown := share
		if i < len(prefixes) {
			grown.prefixes = prefixes[firstPrefix : i+1]
		} else {
			grown.groups = groups[firstGroup : i-len(prefixes)+1]
		}
		if size(grown.document(longest)) <= iampolicy.MaxSize {
			share = grown
			continue
		}
		shares = append(shares, share)
		if i < len(prefixes) {
			firstPrefix = i
			share = operatorShare{prefixes: prefixes[i : i+1]}
		} else {
			firstGroup = i - len(prefixes)
			share = operatorShare{groups: groups[firstGroup : firstGroup+1]}
		}
	}
	return append(shares, share)
}

// each returns the ARN of each name.
func each(names []string, arn func(string) string) []string {
	arns := make([]string, len(names))
	for i, n := range names {
		arns[i] = arn(n)
	}
	return arns
}

func sortedSet(s []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(s)))
}

// widest returns the prefixes sorted, without those that begin with another one.
func widest(prefixes []string) []string {
	var kept []string
	for _, p := range sortedSet(prefixes) {
		// What covers p sorts before it, and everything between the two begins with it as well.
		if len(kept) == 0 || !strings.HasPrefix(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return kept
}

// size returns how many characters IAM counts.
func size(d iampolicy.Document) int { return len(compact.JSON(d)) }

// longestARN returns an ARN as long as the cluster's can get. The cluster's uuid ends in a suffix such as -s1, for
// which it leaves room for five characters.
func longestARN(cfg config.Config, acct account) clusterARN {
	return clusterARN(
		fmt.Sprintf("arn:%s:kafka:%s:%s:cluster/%s/%s", acct.Partition, cfg.Region, acct.ID, cfg.ClusterName,
			strings.Repeat("f", len("00000000-0000-0000-0000-000000000000-s999"))),
	)
}

// verifyPolicySizes adds a problem for each client whose policy would be too large, at the longest of its lists.
// The other policies can't be: the operators' are divided to fit, and the control plane's has a fixed size.
func verifyPolicySizes(cfg config.Config, acct account, ps *config.Problems) {
	longest := string(longestARN(cfg, acct))
	for _, p := range clusterPolicies(cfg, acct) {
		over := size(p.document(longest)) - iampolicy.MaxSize
		if over <= 0 || len(p.lists) == 0 {
			continue
		}
		largest := slices.MaxFunc(p.lists, func(a, b config.List) int {
			return len(strings.Join(a.Names, "")) - len(strings.Join(b.Names, ""))
		})
		entries := fmt.Sprintf("%d entries", len(largest.Names))
		ps.Add(largest.Key, entries, "shorten the list or its entries by about %d "+
			"characters: the policy %s would have %d characters, and IAM allows %d",
			over, p.name, iampolicy.MaxSize+over, iampolicy.MaxSize)
	}
}
