package topics

import (
	"fmt"
	"maps"
	"slices"
)

// State is what a cluster has: its topics by name, without Kafka's own.
type State map[string]Current

// Current is a topic of a cluster.
type Current struct {
	Topic
	// Settings of Topic holds those that were set for the topic. Effective holds all that can be set, with defaults.
	Effective  map[string]string
	Leaderless int // partitions without a leader
	Unreadable error
}

// SettingChange is a setting that a topic has with another value than the catalogue.
type SettingChange struct {
	Name     string
	From, To string // in Kafka's notation; an empty To removes the setting from the topic
}

// Growth is a topic that has fewer partitions than the catalogue.
type Growth struct {
	Topic
	From int
}

// Alteration is a topic whose settings differ from the catalogue.
type Alteration struct {
	Topic
	Settings []SettingChange
}

// Refusal is a difference that can't be removed without losing data, and what to do about it.
type Refusal struct{ Topic, Why string }

// Plan is the difference between a catalogue and a cluster.
type Plan struct {
	Create   []Topic
	Grow     []Growth
	Alter    []Alteration
	Delete   []Topic // asked for by name
	Refused  []Refusal
	Unlisted []Topic // on the cluster and not in the catalogue, without those to be deleted
	Same     int     // topics that are as declared

	partitions, compacted int // on the cluster after all changes
}

// Compare returns the plan that makes the cluster what the catalogue declares. It deletes the topics in remove, which
// the catalogue must not have, and no others.
func Compare(c *Catalogue, state State, remove []string) *Plan {
	p := &Plan{}
	declared, folded := map[string]bool{}, map[string]string{}
	for name := range state {
		folded[fold(name)] = name
	}
	var after []Topic
	for _, e := range c.entries {
		declared[e.Name] = true
		after = append(after, e.Topic)
		current, exists := state[e.Name]
		if other, ok := folded[fold(e.Name)]; ok && !exists {
			p.refuse(e.Name, "the cluster has %s, which differs only in . and _, and Kafka refuses one beside the "+
				"other: rename the declared topic", other)
			continue
		}
		p.compare(e.Topic, current, exists)
	}
	for _, name := range slices.Sorted(maps.Keys(state)) {
		current := state[name].Topic
		switch {
		case declared[name]:
			continue
		case slices.Contains(remove, name):
			p.Delete = append(p.Delete, current)
			continue
		case !c.ignores(name):
			p.Unlisted = append(p.Unlisted, current)
		}
		after = append(after, current)
	}
	p.partitions, p.compacted = partitions(after)
	return p
}

func (p *Plan) refuse(topic, why string, args ...any) {
	p.Refused = append(p.Refused, Refusal{topic, fmt.Sprintf(why, args...)})
}

// compare adds what has to change about one declared topic.
func (p *Plan) compare(want Topic, have Current, exists bool) {
	if !exists {
		p.Create = append(p.Create, want)
		return
	}
	if have.Unreadable != nil {
		p.refuse(want.Name, "its settings can't be read: %s", have.Unreadable)
		return
	}
	changes := settingChanges(want, have)
	i := slices.IndexFunc(changes, func(s SettingChange) bool { return s.Name == CleanupPolicy })
	grows := have.Partitions < want.Partitions
	switch {
	case i >= 0:
		p.refuse(want.Name, "cleanup.policy is %s, and the catalogue wants %s; Serverless sets it only at creation. "+
			"Declare a topic of another name and move its clients there. If its records may be lost, take it out of "+
			"the catalogue, delete it with --delete, and put it back", changes[i].From, changes[i].target())
	case have.Partitions > want.Partitions:
		p.refuse(want.Name, "it has %d partitions, and the catalogue wants %d; Kafka can't remove partitions. Write "+
			"%d, or declare a topic of another name and move its clients there",
			have.Partitions, want.Partitions, have.Partitions)
	case !grows && len(changes) == 0:
		p.Same++
	default:
		if grows {
			p.Grow = append(p.Grow, Growth{want, have.Partitions})
		}
		if len(changes) > 0 {
			p.Alter = append(p.Alter, Alteration{want, changes})
		}
	}
}

// target returns the value that the change leads to.
func (s SettingChange) target() string {
	if s.To == "" {
		standard, _ := findSetting(s.Name)
		return standard.standard
	}
	return s.To
}

// settingChanges returns the settings in which a topic differs from its declaration. A setting that isn't declared must
// have its default: either nobody set it, or somebody set that value.
func settingChanges(want Topic, have Current) []SettingChange {
	var changes []SettingChange
	for _, s := range settings {
		value, declared := want.Settings[s.name]
		set, isSet := have.Settings[s.name]
		effective, known := have.Effective[s.name]
		if !known {
			effective = s.standard
		}
		switch {
		case declared && value != effective:
			changes = append(changes, SettingChange{s.name, effective, value})
		case !declared && isSet && set != s.standard:
			changes = append(changes, SettingChange{s.name, set, ""})
		}
	}
	return changes
}

// Changes reports whether the plan changes the cluster.
func (p *Plan) Changes() bool {
	return len(p.Create)+len(p.Grow)+len(p.Alter)+len(p.Delete) > 0
}

// Differs reports whether the cluster is anything but what the catalogue declares.
func (p *Plan) Differs() bool { return p.Changes() || len(p.Refused)+len(p.Unlisted) > 0 }

// Err returns an error if the plan can't be carried out as a whole.
func (p *Plan) Err() error {
	switch n := len(p.Refused); n {
	case 0:
		return fits(p.partitions, p.compacted)
	case 1:
		return fmt.Errorf("refused, and nothing was changed: %s: %s", p.Refused[0].Topic, p.Refused[0].Why)
	default:
		return fmt.Errorf("refused, and nothing was changed: %s: %s (and %d more topics)",
			p.Refused[0].Topic, p.Refused[0].Why, n-1)
	}
}

// fits returns an error if a serverless cluster can't hold so many partitions.
func fits(all, compacted int) error {
	switch {
	case all > MaxPartitions:
		return fmt.Errorf("%d partitions are too many: a serverless cluster holds %d. Put quiet symbols into one "+
			"topic, or move feeds to a second stack", all, MaxPartitions)
	case compacted > MaxCompacted:
		return fmt.Errorf("%d partitions of compacted topics are too many: a serverless cluster holds %d",
			compacted, MaxCompacted)
	}
	return nil
}

// steps returns what has to be done, in order: settings, which take no partitions, then deletions, which make room.
func (p *Plan) steps() []step {
	var steps []step
	for _, a := range p.Alter {
		steps = append(steps, step{kind: altering, topic: a.Topic, settings: a.Settings})
	}
	for _, t := range p.Delete {
		steps = append(steps, step{kind: deleting, topic: t, partitions: t.Partitions})
	}
	for _, t := range p.Create {
		first := grow(Topic{Name: t.Name, Settings: t.Settings}, t.Partitions)
		first.kind = creating
		steps = append(steps, first)
	}
	for _, g := range p.Grow {
		now := g.Topic
		now.Partitions = g.From
		steps = append(steps, grow(now, g.Partitions))
	}
	return steps
}
