// Package topics holds the topic catalogue of a stack: what it declares, how it differs from a cluster, and how fast
// the quotas of MSK Serverless let a cluster be changed to match it. It imports neither Pulumi nor the AWS SDK.
package topics

import (
	"slices"
	"strings"
)

// Topic is a topic as a catalogue declares it or as a cluster has it.
type Topic struct {
	Name       string
	Partitions int
	Settings   map[string]string // those that were set, in Kafka's notation
}

func (t Topic) compacted() bool { return strings.Contains(t.Settings[CleanupPolicy], "compact") }

// entry is a topic of a catalogue.
type entry struct {
	Topic
	feed string   // empty for a topic that follows no pattern
	at   position // the pattern, or the topic's own line
}

// Catalogue holds the topics that a cluster must have.
type Catalogue struct {
	File    string
	entries []entry // in the order of the file
	ignore  []glob  // topics that others manage
}

// Topics returns the declared topics in the order of the file.
func (c *Catalogue) Topics() []Topic {
	var all []Topic
	for _, e := range c.entries {
		all = append(all, e.Topic)
	}
	return all
}

// ignores reports whether the catalogue leaves the topic to others: to Kafka itself and MSK, whose topics begin with
// two underscores, or to those that it lists under ignore.
func (c *Catalogue) ignores(topic string) bool {
	return strings.HasPrefix(topic, "__") || slices.ContainsFunc(c.ignore, func(g glob) bool { return g.match(topic) })
}

// partitions returns the number of partitions of topics, and how many of them are of compacted topics.
func partitions(topics []Topic) (all, compacted int) {
	for _, t := range topics {
		all += t.Partitions
		if t.compacted() {
			compacted += t.Partitions
		}
	}
	return all, compacted
}

// glob is a topic name in which * stands for any characters.
type glob string

func (g glob) match(topic string) bool {
	first, rest, wild := strings.Cut(string(g), "*")
	if !wild {
		return topic == string(g)
	}
	topic, ok := strings.CutPrefix(topic, first)
	if !ok {
		return false
	}
	for i := range len(topic) + 1 {
		if glob(rest).match(topic[i:]) {
			return true
		}
	}
	return false
}
