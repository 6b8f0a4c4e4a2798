package main

import (
	"fmt"
	"maps"
	"slices"

	"msk-serverless/internal/config"
)

// period is the period of every query, in seconds. MSK publishes rates once a minute, one data point per partition,
// so their sum over one minute is the rate, and over a longer period a multiple of it (MSK guide, "Monitor
// serverless clusters").
const period = 60

// The quotas of a serverless cluster and of each partition, in bytes per second (MSK guide, "MSK Serverless quota": 200
// and 400 MBps; 5 and 10).
const (
	ingressQuota          = 200e6
	egressQuota           = 400e6
	partitionIngressQuota = 5e6
	partitionEgressQuota  = 10e6
)

// The metric of each feed, which collectors write as embedded metrics into the log group (docs/operations.md).
const (
	feedNamespace = "MSKServerless/Feeds"
	feedMetric    = "Messages"
)

// trafficQuery returns the Metrics Insights query for a metric that MSK publishes by topic, over all topics. The
// statistic is SUM or MAX. A cluster has at most 2,400 partitions, so never more topics than the 10,000 metrics that a
// query can read. No configured name can contain a quote or a backslash.
func trafficQuery(cfg config.Config, statistic, metric string) string {
	return fmt.Sprintf(`SELECT %s(%s) FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) WHERE "Cluster Name" = '%s'`,
		statistic, metric, cfg.ClusterName)
}

// lagQuery returns the Metrics Insights query for a metric that MSK publishes by group and topic. The statistic is
// MAX or SUM.
func lagQuery(cfg config.Config, statistic, metric string) string {
	return fmt.Sprintf(
		`SELECT %s(%s) FROM SCHEMA("AWS/Kafka", "Cluster Name", "Consumer Group", Topic) WHERE "Cluster Name" = '%s'`,
		statistic,
		metric,
		cfg.ClusterName,
	)
}

// by returns the query with one time series for each value of a dimension, the highest first. In an alarm, each is a
// contributor with its own state (CloudWatch guide, "Alarms on Metrics Insights queries").
func by(dimension, query string) string {
	return query + " GROUP BY " + dimension + " ORDER BY MAX() DESC"
}

// alarm is a CloudWatch alarm on a query or on a feed's metric, evaluated each minute.
type alarm struct {
	name        string // of the resource; the physical name begins with the cluster's and the region
	description string
	query       string // empty for a feed
	feed        string
	comparison  string
	threshold   float64
	periods     int // minutes that are evaluated
	breaching   int // how many of them must breach
	missing     string
}

// alarms returns the configured alarms, or none if there is no topic to notify.
func alarms(cfg config.Config) []alarm {
	if cfg.AlarmTopicARN == "" {
		return nil
	}
	all := []alarm{
		quotaAlarm(cfg, "ingress", "Producers write", "BytesInPerSec", ingressQuota),
		quotaAlarm(cfg, "egress", "Consumers read", "BytesOutPerSec", egressQuota),
		partitionAlarm(cfg, "partition-ingress", "is written at", "BytesInPerSec", partitionIngressQuota),
		partitionAlarm(cfg, "partition-egress", "is read at", "BytesOutPerSec", partitionEgressQuota),
	}
	if cfg.SilenceMinutes > 0 {
		all = append(all, silenceAlarm(cfg))
	}
	for _, feed := range slices.Sorted(maps.Keys(cfg.Feeds)) {
		all = append(all, feedAlarm(cfg, feed, cfg.Feeds[feed]))
	}
	return append(all, lagAlarms(cfg)...)
}

// lagAlarms returns two alarms over all groups, or two for each configured group.
func lagAlarms(cfg config.Config) []alarm {
	messages := lagMeasure{"lag-messages", "MaxOffsetLag", cfg.MaxConsumerLag, "messages"}
	seconds := lagMeasure{"lag-seconds", "EstimatedMaxTimeLag", cfg.MaxConsumerLagSeconds, "seconds"}
	if cfg.LagAlarms != config.PerGroup {
		return []alarm{messages.overAll(cfg), seconds.overAll(cfg)}
	}
	var all []alarm
	for _, c := range cfg.Clients() {
		for _, group := range c.Groups.Names {
			if config.HasLag(group) {
				all = append(all, messages.of(cfg, group), seconds.of(cfg, group))
			}
		}
	}
	return all
}

// alarmWarnings returns what the alarms can't do within AWS's limits (CloudWatch guide, "Limits" of alarms), and what
// is configured for alarms that don't exist.
func alarmWarnings(cfg config.Config) []string {
	var warnings []string
	if cfg.AlarmTopicARN == "" && len(cfg.Feeds) > 0 {
		warnings = append(warnings, "feeds: there are no alarms without alarmTopicArn, so none for a feed")
	}
	queries, groups := 0, 0
	for _, a := range alarms(cfg) {
		if a.query != "" {
			queries++
		}
	}
	for _, c := range cfg.Clients() {
		groups += len(c.Groups.Names)
	}
	if queries > 200 {
		warnings = append(warnings, fmt.Sprintf("alarmTopicArn: the stack has %d alarms on Metrics Insights queries, "+
			"and AWS allows 200 in a region unless it raises the quota", queries))
	}
	if queries > 0 && groups > 100 && cfg.LagAlarms != config.PerGroup {
		warnings = append(warnings, fmt.Sprintf("lagAlarms: %d groups are configured, and an alarm reports at most "+
			"100 that are behind at the same time", groups))
	}
	return warnings
}

// over returns an alarm on a value that is too high in three of five minutes: a single burst, such as the opening
// of a market, is no alarm, and the gaps that rebalances leave in the data don't hide a lasting one. Missing data
// doesn't breach: a group that rebalances or hasn't started has no lag, and traffic that doesn't exist is near no
// quota.
func over(name, description, query string, threshold float64) alarm {
	return alarm{
		name: name, description: description, query: query,
		comparison: "GreaterThanThreshold", threshold: threshold, periods: 5, breaching: 3, missing: "notBreaching",
	}
}

func quotaAlarm(cfg config.Config, name, who, metric string, quota float64) alarm {
	threshold := quota * float64(cfg.QuotaAlarmPercent) / 100
	description := fmt.Sprintf("%s more than %g MB/s, %d %% of the %g MB/s that %s may have; beyond it MSK throttles "+
		"clients. First look on the dashboard for the topics that grew. "+
		`Runbook: docs/operations.md, "Alarm: ingress, egress".`,
		who, threshold/1e6, cfg.QuotaAlarmPercent, quota/1e6, cfg.ClusterName)
	return over(name, description, trafficQuery(cfg, "SUM", metric), threshold)
}

// partitionAlarm returns the alarm on topics with a partition near its quota. The maximum of a topic's data points, of
// which each partition sends one a minute, is its busiest partition.
func partitionAlarm(cfg config.Config, name, does, metric string, quota float64) alarm {
	threshold := quota * float64(cfg.QuotaAlarmPercent) / 100
	description := fmt.Sprintf("A partition of a topic of %s %s more than %g MB/s, %d %% of the %g MB/s at which MSK "+
		"throttles it. %s "+`Runbook: docs/operations.md, "Alarm: partition".`,
		cfg.ClusterName, does, threshold/1e6, cfg.QuotaAlarmPercent, quota/1e6, contributors(cfg, name, "topics"))
	return over(name, description, by("Topic", trafficQuery(cfg, "MAX", metric)), threshold)
}

// contributors returns the sentence that says how to find what an alarm with several time series is about.
func contributors(cfg config.Config, name, what string) string {
	return fmt.Sprintf("Which %s: aws cloudwatch describe-alarm-contributors --alarm-name %s.",
		what, iamName(cfg, name))
}

// lagMeasure is one way to measure how far a group is behind.
type lagMeasure struct {
	name   string // of the alarm
	metric string
	limit  int
	unit   string
}

// overAll returns the alarm on every consumer group of the cluster, configured or not.
func (m lagMeasure) overAll(cfg config.Config) alarm {
	description := fmt.Sprintf("A consumer group is more than %d %s behind in a partition of %s. %s "+
		`Runbook: docs/operations.md, "Alarm: lag".`,
		m.limit, m.unit, cfg.ClusterName, contributors(cfg, m.name, "groups"))
	return over(m.name, description, by(`"Consumer Group"`, lagQuery(cfg, "MAX", m.metric)), float64(m.limit))
}

// of returns the alarm on one group.
func (m lagMeasure) of(cfg config.Config, group string) alarm {
	description := fmt.Sprintf("Consumer group %s is more than %d %s behind in a partition of %s. "+
		"First check that all of its members run. Runbook: docs/operations.md, \"Alarm: lag\".",
		group, m.limit, m.unit, cfg.ClusterName)
	query := lagQuery(cfg, "MAX", m.metric) + fmt.Sprintf(` AND "Consumer Group" = '%s'`, group)
	return over(m.name+"-"+group, description, query, float64(m.limit))
}

// silent returns an alarm that goes off if a sum is zero in each of some minutes. A minute without data counts as
// silent: nothing publishes the metric of what stands still.
func silent(minutes int) alarm {
	return alarm{
		comparison: "LessThanOrEqualToThreshold", threshold: 0,
		periods: minutes, breaching: minutes, missing: "breaching",
	}
}

// silenceAlarm returns the alarm that goes off if nothing is written to any topic.
func silenceAlarm(cfg config.Config) alarm {
	a := silent(cfg.SilenceMinutes)
	a.name, a.query = "silence", trafficQuery(cfg, "SUM", "MessagesInPerSec")
	a.description = fmt.Sprintf("Nothing was written to %s for %d minutes. First check that the collectors run, and "+
		`what they log. Runbook: docs/operations.md, "Alarm: silence".`, cfg.ClusterName, cfg.SilenceMinutes)
	return a
}

// feedAlarm returns the alarm that goes off if one feed's heartbeat is missing or zero.
func feedAlarm(cfg config.Config, feed string, minutes int) alarm {
	a := silent(minutes)
	a.name, a.feed = "feed-"+feed, feed
	a.description = fmt.Sprintf("The feed %s of %s delivered nothing for %d minutes. First check its collector, and "+
		`the exchange. Runbook: docs/operations.md, "Alarm: feed".`, feed, cfg.ClusterName, minutes)
	return a
}
