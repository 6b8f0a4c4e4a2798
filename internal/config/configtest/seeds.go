package configtest

import (
	"slices"
	"strings"

	"msk-serverless/internal/project"
)

// Seed is an input for a fuzzer that sets two settings, by their indexes in the list of all keys.
type Seed struct {
	Key    byte
	Value  string
	Key2   byte
	Value2 string
}

// Seeds returns the bad configurations and some odd good ones, as inputs for a fuzzer; keys are the full keys of all
// settings. A case whose key is no setting is left out.
func Seeds(keys []string) []Seed {
	var seeds []Seed
	add := func(key, value, key2, value2 string) {
		i, j := indexOf(keys, key), indexOf(keys, key2)
		if i >= 0 && j >= 0 && value != Unset {
			seeds = append(seeds, Seed{byte(i), value, byte(j), value2})
		}
	}
	for _, c := range Bad {
		add(c.Setting, c.Value, "clusterName", "crypto-stream")
	}
	for _, c := range []string{
		Clients,
		`{"quant":{"reads":["exchg.","trades."],"groups":["q1","q:2"]},"ops":{"reads":["x"],"groups":["o"]}}`,
	} {
		add("clients", c, "consumerTopicPrefixes", "[]")
		add("clients", c, "aws:region", "us-gov-west-1")
	}
	add("producerTopicPrefixes", `["a","a-","a.b","Z_9"]`, "aws:region", "cn-north-1")
	add("consumerGroupNames", `["a/b$c:d","x$","{y}"]`, "clusterName", "7")
	add("producerTopicPrefixes", ListOf(45, strings.Repeat("p", 20)+"%d"),
		"consumerGroupNames", ListOf(40, strings.Repeat("g", 30)+"%d"))
	add("consumerTopicPrefixes", ListOf(200, "p%d."), "consumerGroupNames", ListOf(45, "g%d"))
	return seeds
}

func indexOf(keys []string, key string) int {
	return slices.IndexFunc(keys, func(k string) bool { return k == key || k == project.Name+":"+key })
}

// Fuzzed returns the valid configuration with a fuzzer's two settings.
func Fuzzed(keys []string, key byte, value string, key2 byte, value2 string) map[string]string {
	values := Valid()
	values[keys[int(key)%len(keys)]] = value
	values[keys[int(key2)%len(keys)]] = value2
	return values
}
