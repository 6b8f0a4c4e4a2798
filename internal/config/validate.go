package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate returns every rule that c breaks, as far as that can be known without asking AWS.
func (c Config) Validate() Problems {
	var ps Problems
	ps.match("aws:region", c.Region, regionRule)
	c.validateClusterName(&ps)
	c.validateNetwork(&ps)
	c.validateClients(&ps)
	c.validateClusterPolicy(&ps)
	c.validateLogging(&ps)
	c.validateAlarms(&ps)
	c.validateAlarmChoices(&ps)
	c.validateTags(&ps)
	c.validateIdentity(&ps)
	return ps
}

// How many characters names may have (IAM quotas).
const (
	maxRoleName   = 64
	maxPolicyName = 128
)

func (c Config) validateClusterName(ps *Problems) {
	// A role's name may have fewer characters than any other name that begins with the cluster's. An adopted role
	// keeps the name that it has.
	if strings.HasPrefix(c.ClusterName+"-", "sg-") && !c.Adopted {
		ps.Add("clusterName", c.ClusterName, "must not begin with sg-: EC2 keeps that for the ids of security groups, whose "+
			"names begin with the cluster's")
	}
	suffix := "-" + c.Region + "-collector"
	room := maxRoleName - len(suffix)
	if ps.match("clusterName", c.ClusterName, clusterNameRule) && len(c.ClusterName) > room && !c.Adopted {
		ps.Add("clusterName", c.ClusterName, "must have at most %d characters: the role %q may have %d (IAM quotas)",
			room, c.ClusterName+suffix, maxRoleName)
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
		ps.Add("maxConsumerLag", c.MaxConsumerLag,
			"must be 1 or more: how many messages a group may be behind in a partition")
	}
	if c.MaxConsumerLagSeconds < 1 {
		ps.Add("maxConsumerLagSeconds", c.MaxConsumerLagSeconds,
			"must be 1 or more: how many seconds a group may be behind")
	}
	if c.QuotaAlarmPercent < 1 || c.QuotaAlarmPercent > 99 {
		ps.Add("quotaAlarmPercent", c.QuotaAlarmPercent,
			"must be 1 to 99: traffic never exceeds its quota, at which it is throttled")
	}
	// An alarm on a Metrics Insights query looks back 3 hours (CloudWatch guide, "Metrics Insights quotas").
	if c.SilenceMinutes < 0 || c.SilenceMinutes > 180 {
		ps.Add("silenceMinutes", c.SilenceMinutes,
			"must be 1 to 180, as far back as CloudWatch looks, or 0 for no such alarm")
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

// Warnings returns a warning for each setting that is allowed but may not work.
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
