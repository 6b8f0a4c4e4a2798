// Package configtest holds configurations for tests, as the CLI passes them: text by full key.
package configtest

import (
	"encoding/json"
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

// Section returns settings, by full key, as the section config of a stack's file, without default providers.
func Section(settings map[string]string) map[string]any {
	section := map[string]any{"pulumi:disable-default-providers": []string{"*"}}
	for key, value := range settings {
		section[key] = value
		if strings.HasPrefix(key, project.Name) && json.Valid([]byte(value)) {
			section[key] = json.RawMessage(value)
		}
	}
	return section
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

// OIDCProvider is the ARN of the OpenID Connect provider of an EKS cluster in the sandbox's account.
const OIDCProvider = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/" +
	"0123456789ABCDEF0123456789ABCDEF"

// Clients is the JSON of clients that the valid configuration can use: two without a role, and one of each kind that
// has one.
const Clients = `{
	"quant":    {"reads": ["exchg.binance.", "trades."], "groups": ["quant-live", "quant-replay"]},
	"research": {"reads": ["exchg.okx.", "ref."], "groups": ["research"]},
	"replayer": {"reads": ["exchg."], "writes": ["replay."], "groups": ["replayer"], "runsOn": {"ec2": true}},
	"okx-collector": {"writes": ["exchg.okx."], "runsOn": {"ecs": true}},
	"normalizer": {"reads": ["exchg."], "writes": ["normalized."], "groups": ["normalizer"], "runsOn":
		{"podIdentity": {"cluster": "md-prod", "namespace": "streams", "serviceAccount": "normalizer"}}},
	"risk":     {"reads": ["trades."], "groups": ["risk"], "runsOn": {"ec2": true, "irsa": [
		{"providerArn": "` + OIDCProvider + `", "namespace": "risk", "serviceAccount": "engine"},
		{"providerArn": "` + OIDCProvider + `", "namespace": "risk", "serviceAccount": "replay"}]}},
	"alerts":   {"reads": ["exchg."], "groups": ["alerts"], "runsOn": {"lambda": true}},
	"archive":  {"reads": ["exchg."], "groups": ["connect-archive"], "runsOn": {"mskConnect": true},
		"policyArns": ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]},
	"partner":  {"reads": ["exchg.public."], "groups": ["partner"], "runsOn":
		{"account": {"id": "210987654321", "externalId": "md-partner"}}},
	"auditor":  {"reads": ["trades."], "groups": ["auditor"], "runsOn": {"account":
		{"id": "210987654321", "roleArns": ["arn:aws:iam::210987654321:role/audit/reader"]}}}}`

// MixedClients returns the JSON of n clients, of which every second has a role, of each kind in turn.
func MixedClients(n int) string {
	kinds := []string{
		`{"ec2":true}`, `{"ecs":true}`, `{"podIdentity":{"cluster":"md","namespace":"n","serviceAccount":"%s"}}`,
		`{"irsa":{"providerArn":"` + OIDCProvider + `","namespace":"n","serviceAccount":"%s"}}`,
		`{"lambda":true}`, `{"mskConnect":true}`, `{"account":{"id":"210987654321","externalId":"%s"}}`,
	}
	clients := map[string]json.RawMessage{}
	for i := range n {
		name := fmt.Sprintf("client-%03d", i)
		settings := `{"reads":["` + name + `."],"groups":["` + name + `"]`
		if i%2 == 1 {
			settings += `,"writes":["` + name + `.out."],"runsOn":` + strings.ReplaceAll(kinds[i/2%len(kinds)], "%s", name)
		}
		clients[name] = json.RawMessage(settings + "}")
	}
	return compact.JSON(clients)
}

// Readers is the JSON of two clients without a role.
const Readers = `{
	"quant":    {"reads": ["exchg.binance.", "trades."], "groups": ["quant-live", "quant-replay"]},
	"research": {"reads": ["exchg.okx.", "ref."], "groups": ["research"]}}`
