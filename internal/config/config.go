// Package config holds the settings of a stack: their keys, types, defaults and rules. It doesn't import Pulumi.
package config

import "strings"

// Config is the configuration of one stack. A field's tag is its key: in the project's namespace, unless the key
// names another. Pulumi.yaml declares the same keys to the CLI, with the same types and defaults.
type Config struct {
	Region      string `json:"aws:region"`
	ClusterName string `json:"clusterName"`

	VPCID                  string   `json:"vpcId"`
	SubnetIDs              []string `json:"subnetIds"`
	ClientSecurityGroupIDs []string `json:"clientSecurityGroupIds"`
	CollectorEgressCIDRs   []string `json:"collectorEgressCidrs"`
	VerifyNetwork          bool     `json:"verifyNetwork"`

	ProducerTopicPrefixes []string        `json:"producerTopicPrefixes"`
	ConsumerTopicPrefixes []string        `json:"consumerTopicPrefixes"`
	ConsumerGroupNames    []string        `json:"consumerGroupNames"`
	ConsumerTeams         map[string]Team `json:"consumerTeams"`

	LogRetentionDays int    `json:"logRetentionDays"`
	LogKMSKeyARN     string `json:"logKmsKeyArn"`

	AlarmTopicARN         string `json:"alarmTopicArn"`
	MaxConsumerLag        int    `json:"maxConsumerLag"`
	MaxConsumerLagSeconds int    `json:"maxConsumerLagSeconds"`
	QuotaAlarmPercent     int    `json:"quotaAlarmPercent"`
	SilenceMinutes        int    `json:"silenceMinutes"`

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
		PermissionsBoundary:   "MSK-Permission-Boundary",
		Protect:               true,
	}
}

// AccessScopeTag is the tag on every resource that the organisation's ABAC policies match.
const AccessScopeTag = "AccessScope"

// StackTag is the tag on every resource that names its stack. It never changes, so the deploy role is limited by it.
const StackTag = "msk-serverless:stack"

// AllTags returns the tags of every resource of the stack: the configured ones, the stack's name, and AccessScope,
// which is the cluster's name unless accessScope is set.
func (c Config) AllTags(stack string) map[string]string {
	tags := map[string]string{StackTag: stack, AccessScopeTag: c.AccessScope}
	if c.AccessScope == "" {
		tags[AccessScopeTag] = c.ClusterName
	}
	for k, v := range c.Tags {
		tags[k] = v
	}
	return tags
}

// NoBoundary is the value of permissionsBoundary for no boundary.
const NoBoundary = "none"

// HasLag reports whether AWS publishes lag metrics for the consumer group: it publishes none for a name with a colon
// (MSK guide, "Monitor consumer lags").
func HasLag(group string) bool {
	return !strings.Contains(group, ":")
}
