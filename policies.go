package main

import (
	"fmt"
	"slices"
	"strings"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/iampolicy"
)

// policy is a managed policy: its document depends on the ARN of the cluster, or of the log group.
type policy struct {
	name, description string
	resource          string // its name in Pulumi, if that isn't name
	attachment        string // the end of its attachments' names
	document          func(arn string) iampolicy.Document
	lists             []config.List // the configured lists that determine its size
}

// clientPolicy returns the policy of a client.
func clientPolicy(c config.Client) policy {
	p := policy{
		name:     c.PolicyName,
		document: func(arn string) iampolicy.Document { return clientDocument(clusterARN(arn), c) },
		lists:    []config.List{c.Writes, c.Reads, c.Groups},
	}
	switch c.Name {
	case config.Collectors:
		p.attachment, p.description = "producer", "Create topics and write to them"
	case config.SharedConsumers:
		p.description = "Read topics in the named consumer groups"
	default:
		p.resource, p.attachment = "client-"+c.Name, "kafka"
		p.description = "Access of the client " + c.Name + " to MSK Serverless"
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

// controlPlanePolicy returns the policy that lets a client describe the cluster and find its brokers. AWS defines no
// resource type for kafka:GetBootstrapBrokers (Service Authorization Reference, Amazon MSK), so that action is granted
// on every resource and narrowed to the region.
func controlPlanePolicy(region string) policy {
	return policy{
		name:        "control-plane",
		description: "Find the brokers of MSK Serverless",
		attachment:  "control-plane",
		document: func(arn string) iampolicy.Document {
			return iampolicy.NewDocument(
				iampolicy.Allow("DescribeCluster", []string{"kafka:DescribeClusterV2"}, []string{arn}),
				inRegion(region,
					iampolicy.Allow("FindBrokers", []string{"kafka:GetBootstrapBrokers"}, []string{"*"})),
			)
		},
	}
}

// inRegion narrows a statement to calls in the region.
func inRegion(region string, s iampolicy.Statement) iampolicy.Statement {
	s.Condition = map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": region}}
	return s
}

// logsPolicy returns the policy that lets a client write to streams of one log group. A stream's ARN is the group's
// with :log-stream: and a name (Service Authorization Reference, Amazon CloudWatch Logs).
func logsPolicy() policy {
	return policy{
		name:        "collector-logs",
		description: "Write to the platform's log group",
		attachment:  "logs",
		document: func(arn string) iampolicy.Document {
			return iampolicy.NewDocument(
				iampolicy.Allow("WriteLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"},
					[]string{strings.TrimSuffix(arn, ":*") + ":log-stream:*"}),
			)
		},
	}
}

// lambdaPolicy returns the policy with which Lambda makes the network interfaces of an event source (Lambda guide,
// "Configuring Lambda permissions for Amazon MSK event source mappings"). The actions that describe have no resource
// type (Service Authorization Reference, Amazon EC2).
func lambdaPolicy(region string, acct account) policy {
	return policy{
		name:        "lambda-network",
		description: "Connect Lambda event sources to the brokers' network",
		attachment:  "lambda",
		document: func(string) iampolicy.Document {
			return iampolicy.NewDocument(
				iampolicy.Allow("MakeInterfaces", []string{"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"},
					[]string{fmt.Sprintf("arn:%s:ec2:%s:%s:*/*", acct.Partition, region, acct.ID)}),
				inRegion(region, iampolicy.Allow("DescribeNetwork", []string{
					"ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
				}, []string{"*"})),
			)
		},
	}
}

// observerPolicy returns the policy of user interfaces and lag exporters. It describes all topics and groups: their
// names would outgrow a policy, and groups come and go. It changes nothing, and reads no data.
func observerPolicy() policy {
	return policy{
		name:        "observer",
		description: "See all topics and consumer groups, and change nothing",
		document: func(arn string) iampolicy.Document {
			cluster := clusterARN(arn)
			return iampolicy.NewDocument(
				iampolicy.Allow("Connect", []string{"kafka-cluster:Connect", "kafka-cluster:DescribeCluster"}, []string{arn}),
				iampolicy.Allow("SeeTopics",
					[]string{"kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration"},
					[]string{cluster.topics("")}),
				iampolicy.Allow("SeeGroups", []string{"kafka-cluster:DescribeGroup"}, []string{cluster.groups("")}),
			)
		},
	}
}

// mskConnectInternal begins the names of the topics and groups in which MSK Connect keeps its own state.
const mskConnectInternal = "__amazon_msk_connect_"

// mskConnectPolicy returns the policy with which connectors keep their state in the cluster (MSK guide, "Understand
// service execution role"). A sink's own group, connect-<connector>, is one of its client's groups.
func mskConnectPolicy() policy {
	return policy{
		name:        "msk-connect",
		description: "Keep the state of MSK Connect's connectors",
		attachment:  "msk-connect",
		document: func(arn string) iampolicy.Document {
			cluster := clusterARN(arn)
			return iampolicy.NewDocument(
				iampolicy.Allow("DescribeCluster", []string{"kafka-cluster:DescribeCluster"}, []string{arn}),
				iampolicy.Allow("InternalTopics", []string{
					"kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", "kafka-cluster:WriteData",
				}, []string{cluster.topics(mskConnectInternal)}),
				iampolicy.Allow("InternalGroups", []string{"kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"},
					[]string{cluster.groups(mskConnectInternal)}),
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

// operatorWarnings warns of more operators' policies than a role may have.
func operatorWarnings(cfg config.Config, acct account) []string {
	n := len(operatorPolicies(cfg, longestARN(cfg, acct)))
	if n <= config.MaxPolicies {
		return nil
	}
	return []string{fmt.Sprintf("operatorPolicyArns: the configured prefixes and groups take %d policies, and a role may "+
		"have %d unless its quota is raised: attach them to several roles, each with the first one", n, config.MaxPolicies)}
}

// verifyPolicySizes adds a problem for each client whose policy would be too large, at the longest of its lists.
// The other policies can't be: the operators' are divided to fit, and the rest have a fixed size.
func verifyPolicySizes(cfg config.Config, acct account, ps *config.Problems) {
	longest := string(longestARN(cfg, acct))
	for _, c := range cfg.Clients() {
		p := clientPolicy(c)
		over := size(p.document(longest)) - iampolicy.MaxSize
		if over <= 0 {
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
