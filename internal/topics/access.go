package topics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Access holds the topic prefixes that some client of the cluster may write, and those that some client may read.
type Access struct {
	Writable, Readable []string
	ReadsUnknown       bool   // there is nothing to say about readers
	Source             string // what the prefixes come from
}

// check adds a problem for the topics that nobody may write, and returns a warning for those that nobody may read. The
// topics of a feed share one.
func (a *Access) check(c *Catalogue, ps *Problems) (warnings []string) {
	for _, feed := range c.feeds() {
		unwritable := outside(feed.entries, a.Writable)
		if len(unwritable) > 0 {
			ps.add(unwritable[0].at, "%s: no client may write it; %s has the prefixes %s: add one there, or rename",
				describe(unwritable), a.Source, strings.Join(a.Writable, ", "))
		}
		unreadable := outside(feed.entries, a.Readable)
		if len(unreadable) > 0 && !a.ReadsUnknown {
			warnings = append(warnings, fmt.Sprintf("%s: %s: no client may read it: %s lets clients read %s",
				unreadable[0].at, describe(unreadable), a.Source, strings.Join(a.Readable, ", ")))
		}
	}
	return warnings
}

// outside returns the topics that begin with none of the prefixes.
func outside(entries []entry, prefixes []string) []entry {
	var out []entry
	for _, e := range entries {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e.Name, p) }) {
			out = append(out, e)
		}
	}
	return out
}

// describe names the first topic and counts the others.
func describe(entries []entry) string {
	if len(entries) == 1 {
		return "topic " + entries[0].Name
	}
	return fmt.Sprintf("topic %s and %d more of feed %s", entries[0].Name, len(entries)-1, entries[0].feed)
}

// feed is a feed's topics, or one topic that follows no pattern.
type feed struct {
	name    string
	entries []entry
}

// feeds returns the catalogue's feeds in the order of the file, and each topic without a feed as one.
func (c *Catalogue) feeds() []feed {
	var feeds []feed
	for _, e := range c.entries {
		last := len(feeds) - 1
		if e.feed == "" || last < 0 || feeds[last].name != e.feed {
			feeds = append(feeds, feed{name: cmp.Or(e.feed, e.Name)})
			last++
		}
		feeds[last].entries = append(feeds[last].entries, e)
	}
	return feeds
}
