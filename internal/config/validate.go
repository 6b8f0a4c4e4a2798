package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Validate returns every rule that c breaks, as far as that can be known without asking AWS.
func (c Config) Validate() Problems {
	var ps Problems
	ps.match("aws:region", c.Region, regionRule)
	c.validateClusterName(&ps)
	c.validateNetwork(&ps)
	c.validateEgress(&ps)
	c.validateClients(&ps)
	c.validateLogging(&ps)
	c.validateAlarms(&ps)
	c.validateAlarmChoices(&ps)
	c.validateTags(&ps)
	c.validateIdentity(&ps)
	return ps
}

func (c Config) validateClusterName(ps *Problems) {
	// A role's name has at most 64 characters (IAM quotas), fewer than any other name that begins with the
	// cluster's. An adopted role keeps the name that it has.
	suffix := "-" + c.Region + "-collector"
	room := 64 - len(suffix)
	if ps.match("clusterName", c.ClusterName, clusterNameRule) && len(c.ClusterName) > room && !c.Adopted {
		ps.Add(
			"clusterName",
			c.ClusterName,
			"must have at most %d characters: the role %q may have 64 (IAM quotas)",
			room,
			c.ClusterName+suffix,
		)
	}
}

// A security group has at most 60 rules for each direction, IPv4 and IPv6 counted apart (Amazon VPC quotas). Two of
// the brokers' inbound rules admit the groups made here; one of the collectors' outbound rules leads to the
// brokers.
const (
	maxClientGroups = 60 - 2
	maxEgressCIDRs  = 60 - 1
)

func (c Config) validateNetwork(ps *Problems) {
	ps.match("vpcId", c.VPCID, vpcRule)
	if len(c.SubnetIDs) < 2 {
		ps.Add("subnetIds", c.SubnetIDs, "list at least 2 subnets, in different Availability Zones")
	}
	ps.matchAll("subnetIds", c.SubnetIDs, subnetRule)
	ps.matchAll("clientSecurityGroupIds", c.ClientSecurityGroupIDs, securityGroupRule)
	if n := len(c.ClientSecurityGroupIDs); n > maxClientGroups {
		ps.Add(
			"clientSecurityGroupIds",
			fmt.Sprint(n, " groups"),
			"list at most %d: a security group may have 60 rules",
			maxClientGroups,
		)
	}
}

func (c Config) validateEgress(ps *Problems) {
	const key = "collectorEgressCidrs"
	var v4, v6 int
	for i, cidr := range c.CollectorEgressCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
			ps.Add(key, cidr, "must be an IPv4 or IPv6 CIDR block, such as 203.0.113.0/24")
		case prefix.Addr().Is4In6():
			ps.Add(key, cidr, "is an IPv4 block in IPv6 notation: write it in IPv4 notation")
		case prefix.Masked().String() != cidr:
			ps.Add(key, cidr, "write %s, which is how AWS stores it", prefix.Masked())
		case slices.Contains(c.CollectorEgressCIDRs[:i], cidr):
			ps.Add(key, cidr, "is listed twice; remove one")
		case prefix.Addr().Is4():
			v4++
		default:
			v6++
		}
	}
	if n := max(v4, v6); n > maxEgressCIDRs {
		ps.Add(
			key,
			fmt.Sprint(n, " blocks"),
			"list at most %d blocks each of IPv4 and IPv6: a security group may have 60 rules",
			maxEgressCIDRs,
		)
	}
}

// logRetentions are the days that CloudWatch Logs accepts (PutRetentionPolicy), and 0 for ever.
var logRetentions = []int{
	0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

func (c Config) validateLogging(ps *Problems) {
	if !slices.Contains(logRetentions, c.LogRetentionDays) {
		days := strings.Trim(fmt.Sprint(logRetentions[1:]), "[]")
		ps.Add("logRetentionDays", c.LogRetentionDays, "must be one of %s, or 0 for ever", days)
	}
	if c.LogKMSKeyARN != "" && ps.match("logKmsKeyArn", c.LogKMSKeyARN, kmsKeyRule) {
		c.validateRegion(ps, "logKmsKeyArn", c.LogKMSKeyARN, kmsKeyRule)
	}
}

// validateRegion checks that an ARN, whose rule captures the region first, is in the stack's region.
func (c Config) validateRegion(ps *Problems, key, arn string, r rule) {
	region := r.form.FindStringSubmatch(arn)[1]
	if region != c.Region {
		ps.Add(key, arn, "must be in %s, the stack's region, and is in %s", c.Region, region)
	}
}

func (c Config) validateAlarms(ps *Problems) {
	if c.AlarmTopicARN != "" && ps.match("alarmTopicArn", c.AlarmTopicARN, alarmTopicRule) {
		c.validateRegion(ps, "alarmTopicArn", c.AlarmTopicARN, alarmTopicRule)
	}
	if c.MaxConsumerLag < 1 {
		ps.Add(
			"maxConsumerLag",
			c.MaxConsumerLag,
			"must be 1 or more: how many messages a group may be behind in a partition",
		)
	}
	if c.MaxConsumerLagSeconds < 1 {
		ps.Add(
			"maxConsumerLagSeconds",
			c.MaxConsumerLagSeconds,
			"must be 1 or more: how many seconds a group may be behind",
		)
	}
	if c.QuotaAlarmPercent < 1 || c.QuotaAlarmPercent > 99 {
		ps.Add(
			"quotaAlarmPercent",
			c.QuotaAlarmPercent,
			"must be 1 to 99: traffic never exceeds its quota, at which it is throttled",
		)
	}
	// An alarm on a Metrics Insights query looks back 3 hours (CloudWatch guide, "Metrics Insights quotas").
	if c.SilenceMinutes < 0 || c.SilenceMinutes > 180 {
		ps.Add(
			"silenceMinutes",
			c.SilenceMinutes,
			"must be 1 to 180, as far back as CloudWatch looks, or 0 for no such alarm",
		)
	}
}

func (c Config) validateAlarmChoices(ps *Problems) {
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			ps.Add(key, value, "must be one of %s", strings.Join(allowed, ", "))
		}
	}
	oneOf("lagAlarms", c.LagAlarms, AllGroups, PerGroup)
	oneOf("topicEvents", c.TopicEvents, DeletedTopics, AllTopicEvents, NoTopicEvents)
	oneOf("dashboard", c.Dashboard, DashboardWithAlarms, DashboardAlways, DashboardNever)
	for _, feed := range slices.Sorted(maps.Keys(c.Feeds)) {
		ps.match("feeds", feed, feedRule)
		// An alarm with periods of a minute evaluates at most a day (CloudWatch API, PutMetricAlarm: EvaluationPeriods).
		if minutes := c.Feeds[feed]; minutes < 1 || minutes > 1440 {
			ps.Add("feeds."+feed, minutes, "must be 1 to 1440 minutes without a message before an alarm")
		}
	}
}

// A resource has at most 50 tags (AWS tagging limits); the program adds two.
const maxTags = 50 - 2

func (c Config) validateTags(ps *Problems) {
	if n := len(c.Tags); n > maxTags {
		ps.Add("tags", fmt.Sprint(n, " tags"), "set at most %d beside %s and %s: AWS allows 50",
			maxTags, AccessScopeTag, StackTag)
	}
	seen := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
		tag, folded := map[string]string{k: c.Tags[k]}, strings.ToLower(k)
		if !tagKeyRule.form.MatchString(k) || strings.HasPrefix(folded, "aws:") {
			ps.Add("tags", tag, "%s", tagKeyRule.want)
		}
		if strings.EqualFold(k, AccessScopeTag) {
			ps.Add("tags", tag, "set accessScope instead, which makes this tag")
		}
		if strings.EqualFold(k, StackTag) {
			ps.Add("tags", tag, "remove it: the program sets this tag to the stack's name, and the deploy role is limited by it")
		}
		if other, ok := seen[folded]; ok {
			ps.Add("tags", tag, "must differ from %s by more than case: IAM ignores case in tag keys", other)
		}
		seen[folded] = k
		if !tagRule.form.MatchString(c.Tags[k]) {
			ps.Add("tags", tag, "%s", tagRule.want)
		}
	}
	ps.match("accessScope", c.AccessScope, tagRule)
}

func (c Config) validateIdentity(ps *Problems) {
	ps.match("permissionsBoundary", c.PermissionsBoundary, boundaryRule)
	if c.AssumeRoleARN != "" {
		ps.match("assumeRoleArn", c.AssumeRoleARN, roleRule)
	}
	ps.matchAll("allowedAccountIds", c.AllowedAccountIDs, accountRule)
}

// regions are the regions that have MSK Serverless (MSK guide, "MSK Serverless").
var regions = strings.Fields("us-east-1 us-east-2 us-west-2 ca-central-1 ap-south-1 ap-southeast-1 ap-southeast-2 " +
	"ap-northeast-1 ap-northeast-2 eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3")

// Warnings returns what is legal and has a price, or may not work.
func (c Config) Warnings() []string {
	var warnings []string
	if !slices.Contains(regions, c.Region) {
		warnings = append(warnings, fmt.Sprintf("aws:region: %q: MSK Serverless wasn't offered there when this program was "+
			"written; if it still isn't, creating the cluster fails after the security groups were created", c.Region))
	}
	for _, client := range c.Clients() {
		for _, group := range client.Groups.Names {
			if !HasLag(group) {
				warnings = append(
					warnings,
					fmt.Sprintf("%s: %q: AWS publishes no lag metrics for a group with a colon in its "+
						"name, so it gets no lag alarm; choose a name without a colon", client.Groups.Key, group),
				)
			}
		}
	}
	return warnings
}
