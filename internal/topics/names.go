package topics

import (
	"regexp"
	"strings"
)

// Kafka's rule for topic names (org.apache.kafka.common.internals.Topic), which also forbids "." and "..".
var legalChars = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

const maxName = 249

// legal reports whether the word can be part of a topic's name, and adds a problem if not.
func (r *reader) legal(what string, w word) bool {
	if legalChars.MatchString(w.text) {
		return true
	}
	r.problems.add(w.at, "%s: %q: a topic's name may have only a-z A-Z 0-9 . _ - (write BTC/USDT as BTCUSDT or BTC-USDT)",
		what, w.text)
	return false
}

// checkNames adds a problem for each name that Kafka refuses, by itself or beside another one.
func (c *Catalogue) checkNames(ps *Problems) {
	first := map[string]entry{}
	folded := map[string]entry{}
	for _, e := range c.entries {
		switch {
		case e.Name == "." || e.Name == ".." || !legalChars.MatchString(e.Name):
			ps.add(e.at, "topic %q: must consist of a-z A-Z 0-9 . _ -, and must not be . or ..", e.Name)
		case len(e.Name) > maxName:
			ps.add(e.at, "topic %s: has %d characters, and Kafka allows %d", e.Name, len(e.Name), maxName)
		case strings.HasPrefix(e.Name, "__"):
			ps.add(e.at, "topic %s: names that begin with __ belong to Kafka: choose another", e.Name)
		case c.ignores(e.Name):
			ps.add(e.at, "topic %s: is also under ignore: remove one", e.Name)
		}
		if other, ok := first[e.Name]; ok {
			ps.add(e.at, "topic %s: is already declared at %s: remove one", e.Name, other.at)
			continue
		}
		first[e.Name] = e
		if other, ok := folded[fold(e.Name)]; ok {
			ps.add(e.at, "topic %s: differs from %s (%s) only in . and _, and Kafka refuses one beside the other",
				e.Name, other.Name, other.at)
			continue
		}
		folded[fold(e.Name)] = e
	}
}

// fold returns the name under which Kafka's metrics know a topic. Two topics with the same one can't exist together.
func fold(name string) string { return strings.ReplaceAll(name, ".", "_") }
