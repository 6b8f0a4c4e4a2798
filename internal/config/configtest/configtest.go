// Package configtest holds configurations for tests, as the CLI passes them: text by full key.
package configtest

import (
	"fmt"
	"maps"
	"strings"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/project"
)

// Valid returns the least that a stack must set.
func Valid() map[string]string {
	return map[string]string{
		"aws:region":                           "ap-south-1",
		"msk-serverless:clusterName":           "crypto-stream",
		"msk-serverless:vpcId":                 "vpc-0a1b2c3d4e5f60718",
		"msk-serverless:subnetIds":             `["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071b"]`,
		"msk-serverless:producerTopicPrefixes": `["exchg.","trades."]`,
		"msk-serverless:consumerTopicPrefixes": `["exchg."]`,
		"msk-serverless:consumerGroupNames":    `["team-quant","team-research"]`,
	}
}

// Unset as a value removes the key.
const Unset = "\x00"

// With returns the valid configuration with the changes, whose keys lack the project's namespace.
func With(changes map[string]string) map[string]string {
	values := Valid()
	Change(values, changes)
	return values
}

// Change makes the changes, whose keys lack the project's namespace, in values.
func Change(values, changes map[string]string) {
	maps.Copy(values, Full(changes))
	maps.DeleteFunc(values, func(_, value string) bool { return value == Unset })
}

// Full returns the settings by their full keys.
func Full(settings map[string]string) map[string]string {
	full := map[string]string{}
	for key, value := range settings {
		if !strings.Contains(key, ":") {
			key = project.Name + ":" + key
		}
		full[key] = value
	}
	return full
}

// ListOf returns a JSON list of n strings, each formatted with its index.
func ListOf(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(format, i)
	}
	return compact.JSON(items)
}

// TagsOf returns a JSON map of n tags.
func TagsOf(n int) string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint("tag", i)] = "v"
	}
	return compact.JSON(tags)
}

// AlarmTopic is the ARN of an SNS topic that the valid configuration can use.
const AlarmTopic = "arn:aws:sns:ap-south-1:111122223333:on-call"

// Teams is the JSON of two teams that the valid configuration can use.
const Teams = `{
	"quant":    {"topicPrefixes": ["exchg.binance.", "trades."], "groupNames": ["quant-live", "quant-replay"]},
	"research": {"topicPrefixes": ["exchg.okx.", "ref."], "groupNames": ["research"]}}`
