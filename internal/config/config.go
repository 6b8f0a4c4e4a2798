// Package config holds the settings of a stack: their keys, types, defaults and rules. It doesn't import Pulumi.
package config

import (
	"cmp"
	"maps"
	"strings"
)

// Config is the configuration of one stack. A field's tag is its key: in the project's namespace, unless the key
// names another. Pulumi.yaml declares the same keys to the CLI, with the same types and defaults.
type Config struct {
	Region      string `json:"aws:region"`
	ClusterName string `json:"clusterName"`

	VPCID                  string       `json:"vpcId"`
	SubnetIDs              []string     `json:"subnetIds"`
	ClientSecurityGroupIDs []string     `json:"clientSecurityGroupIds"`
	ClientCIDRs            []string     `json:"clientCidrs"`
	FurtherVPCs            []FurtherVPC `json:"furtherVpcs"`
	ClusterPolicyServices  []string     `json:"clusterPolicyServices"`
	CollectorEgressCIDRs   []string     `json:"collectorEgressCidrs"`
	VerifyNetwork          bool         `json:"verifyNetwork"`

	ProducerTopicPrefixes []string                  `json:"producerTopicPrefixes"`
	ConsumerTopicPrefixes []string                  `json:"consumerTopicPrefixes"`
	ConsumerGroupNames    []string                  `json:"consumerGroupNames"`
	ClientSettings        map[string]ClientSettings `json:"clients"`
	Observers             bool                      `json:"observers"`

	LogRetentionDays int    `json:"logRetentionDays"`
	LogKMSKeyARN     string `json:"logKmsKeyArn"`

	AlarmTopicARN         string `json:"alarmTopicArn"`
	MaxConsumerLag        int    `json:"maxConsumerLag"`
	MaxConsumerLagSeconds int    `json:"maxConsumerLagSeconds"`
	QuotaAlarmPercent     int    `json:"quotaAlarmPercent"`
	SilenceMinutes        int    `json:"silenceMinutes"`
	LagAlarms             string `json:"lagAlarms"`
	TopicEvents           string `json:"topicEvents"`
	Dashboard             string `json:"dashboard"`

	Feeds map[string]int `json:"feeds"` // minutes of silence before an alarm, by feed

	Tags                map[string]string `json:"tags"`
	AccessScope         string            `json:"accessScope"`
	PermissionsBoundary string            `json:"permissionsBoundary"`
	AssumeRoleARN       string            `json:"assumeRoleArn"`
	AllowedAccountIDs   []string          `json:"allowedAccountIds"`
	Protect             bool              `json:"protect"`
	Adopted             bool              `json:"adopted"`
}

// Default returns the values of settings that a stack doesn't set.
func Default() Config {
	return Config{
		CollectorEgressCIDRs:  []string{"0.0.0.0/0"},
		VerifyNetwork:         true,
		LogRetentionDays:      14,
		MaxConsumerLag:        100_000,
		MaxConsumerLagSeconds: 120,
		QuotaAlarmPercent:     80,
		SilenceMinutes:        5,
		LagAlarms:             AllGroups,
		TopicEvents:           DeletedTopics,
		Dashboard:             DashboardWithAlarms,
		PermissionsBoundary:   "MSK-Permission-Boundary",
		Protect:               true,
	}
}

// The values of lagAlarms.
const (
	AllGroups = "all"      // one alarm over all groups for each measure of lag
	PerGroup  = "perGroup" // one for each configured group
)

// The values of topicEvents: which changes of topics are reported to the alarm topic.
const (
	DeletedTopics  = "deleted"
	AllTopicEvents = "all"
	NoTopicEvents  = "none"
)

// The values of dashboard.
const (
	DashboardWithAlarms = "withAlarms" // if there is an alarmTopicArn
	DashboardAlways     = "always"
	DashboardNever      = "never"
)

// HasDashboard reports whether the stack has a dashboard.
func (c Config) HasDashboard() bool {
	return c.Dashboard == DashboardAlways || c.Dashboard == DashboardWithAlarms && c.AlarmTopicARN != ""
}

// AccessScopeTag is the tag on every resource that the organisation's ABAC policies match.
const AccessScopeTag = "AccessScope"

// StackTag is the tag on every resource that names its stack. It never changes, so the deploy role is limited by it.
const StackTag = "msk-serverless:stack"

// AllTags returns the tags of every resource of the stack: the configured ones, the stack's name, and AccessScope,
// which is the cluster's name unless accessScope is set.
func (c Config) AllTags(stack string) map[string]string {
	tags := map[string]string{StackTag: stack, AccessScopeTag: cmp.Or(c.AccessScope, c.ClusterName)}
	maps.Copy(tags, c.Tags)
	return tags
}

// NoBoundary is the value of permissionsBoundary for no boundary.
const NoBoundary = "none"

// HasLag reports whether AWS publishes lag metrics for the consumer group: it publishes none for a name with a colon
// (MSK guide, "Monitor consumer lags").
func HasLag(group string) bool {
	return !strings.Contains(group, ":")
}
