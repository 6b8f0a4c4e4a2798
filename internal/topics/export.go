package topics

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Export returns a catalogue that declares the topics of the cluster as they are. Compared with it, the cluster doesn't
// differ. Names of five or more parts become feeds; the others are declared one by one.
func Export(state State) ([]byte, error) {
	var feeds, others []exported
	for _, name := range slices.Sorted(maps.Keys(state)) {
		current := state[name]
		if current.Unreadable != nil {
			return nil, fmt.Errorf("topic %s: its settings can't be read: %w", name, explain(current.Unreadable))
		}
		e := exported{Topic: current.Topic}
		e.Settings = changedSettings(e.Settings)
		e.parts = strings.SplitN(name, ".", 5)
		if len(e.parts) == 5 && !slices.Contains(e.parts, "") {
			feeds = append(feeds, e)
		} else {
			others = append(others, e)
		}
	}
	top := mapping{}
	if len(feeds) > 0 {
		top.add("feeds", exportFeeds(feeds))
	}
	if len(others) > 0 {
		topics := mapping{}
		for _, e := range others {
			topics.add(e.Name, e.options())
		}
		top.add("topics", topics)
	}
	if len(top.Content) == 0 {
		top.add("topics", mapping{})
	}
	var b bytes.Buffer
	b.WriteString("# yaml-language-server: $schema=schema.json\n")
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(top.node()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// exported is a topic with the parts of its name between dots.
type exported struct {
	Topic
	parts []string
}

// changedSettings returns the settings without those that have Serverless's default.
func changedSettings(all map[string]string) map[string]string {
	changed := map[string]string{}
	for name, value := range all {
		if s, _ := findSetting(name); value != s.standard {
			changed[name] = value
		}
	}
	return changed
}

// group is the topics of a feed that share a stream, partitions and settings.
type group struct {
	feed    [3]string // the parts before the stream
	stream  string
	options string
	symbols []string
	sample  exported
}

// exportFeeds returns feeds that make up exactly the topics: a feed has streams with the same symbols.
func exportFeeds(topics []exported) mapping {
	var groups []*group
	byKey := map[string]*group{}
	for _, e := range topics {
		key := strings.Join(e.parts[:4], ".") + " " + e.describe()
		g := byKey[key]
		if g == nil {
			g = &group{feed: [3]string(e.parts[:3]), stream: e.parts[3], options: e.describe(), sample: e}
			byKey[key] = g
			groups = append(groups, g)
		}
		g.symbols = append(g.symbols, e.parts[4])
	}
	feeds, used := mapping{}, map[string]bool{}
	for len(groups) > 0 {
		first := groups[0]
		var together []*group
		groups = slices.DeleteFunc(groups, func(g *group) bool {
			same := g.feed == first.feed && slices.Equal(g.symbols, first.symbols) &&
				!slices.ContainsFunc(together, func(other *group) bool { return other.stream == g.stream })
			if same {
				together = append(together, g)
			}
			return same
		})
		base := strings.Join(first.feed[:], "-")
		name := base
		for i := 2; used[name]; i++ {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		used[name] = true
		feeds.add(name, exportFeed(together))
	}
	return feeds
}

func exportFeed(groups []*group) mapping {
	first := groups[0]
	feed := mapping{}
	feed.add("pattern", first.feed[0]+".{exchange}.{market}.{stream}.{symbol}")
	feed.add("exchange", first.feed[1])
	feed.add("market", first.feed[2])
	streams := mapping{}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.stream, b.stream) })
	for _, g := range groups {
		streams.add(g.stream, g.sample.options())
	}
	feed.add("streams", streams)
	feed.add("symbols", first.symbols)
	return feed
}

// options returns what a catalogue has to say about the topic.
func (e exported) options() mapping {
	m := mapping{}
	if e.Partitions != 1 {
		m.add("partitions", e.Partitions)
	}
	if len(e.Settings) > 0 {
		set := mapping{}
		for _, s := range settings {
			if value, ok := e.Settings[s.name]; ok {
				set.add(s.name, s.show(value))
			}
		}
		m.add("settings", set)
	}
	return m
}

// mapping is a YAML map that keeps its order.
type mapping yaml.Node

func (m *mapping) add(key string, value any) {
	var k, v yaml.Node
	k.SetString(key)
	switch value := value.(type) {
	case mapping:
		v = *value.node()
	case []string:
		v = yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range value {
			item := &yaml.Node{}
			item.SetString(s)
			v.Content = append(v.Content, item)
		}
	default:
		if err := v.Encode(value); err != nil {
			panic(err) // it is a string or a number
		}
	}
	m.Content = append(m.Content, &k, &v)
}

func (m *mapping) node() *yaml.Node {
	m.Kind = yaml.MappingNode
	if len(m.Content) == 0 {
		m.Style = yaml.FlowStyle
	}
	return (*yaml.Node)(m)
}
