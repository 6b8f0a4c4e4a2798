package topics

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// reader reads the nodes of a YAML file and collects what is wrong with them.
type reader struct {
	dir      string // that file is below
	file     string
	problems Problems
}

func (r *reader) at(n *yaml.Node) position { return position{r.file, n.Line} }

// field is a key of a map with its value.
type field struct {
	key   string
	at    position
	value *yaml.Node
}

// word is a scalar with its position.
type word struct {
	text string
	at   position
}

// fields returns the members of a map. It adds a problem for anything but a map, and for a key that is repeated.
func (r *reader) fields(n *yaml.Node, what string) []field {
	n = resolve(n)
	if empty(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.problems.add(r.at(n), "%s: must be a map", what)
		return nil
	}
	var fields []field
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if line, ok := first[key.Value]; ok {
			r.problems.add(r.at(key), "%s: %s is already in line %d: remove one", what, key.Value, line)
			continue
		}
		first[key.Value] = key.Line
		fields = append(fields, field{key.Value, r.at(key), resolve(n.Content[i+1])})
	}
	return fields
}

// known returns the members of a map by key, and adds a problem for each key that isn't among keys.
func (r *reader) known(n *yaml.Node, what string, keys []string) map[string]*yaml.Node {
	found := map[string]*yaml.Node{}
	for _, f := range r.fields(n, what) {
		for _, key := range keys {
			if f.key == key {
				found[key] = f.value
			}
		}
		if found[f.key] == nil {
			r.problems.add(f.at, "%s: unknown key %s; there are %s", what, f.key, strings.Join(keys, ", "))
		}
	}
	return found
}

// scalar returns a value as it is written, so that a symbol such as NO or 1e3 stays what it is. It adds a problem for
// anything else.
func (r *reader) scalar(n *yaml.Node, what string) (word, bool) {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || empty(n) {
		r.problems.add(r.at(n), "%s: must be one value, and not empty", what)
		return word{}, false
	}
	return word{n.Value, r.at(n)}, true
}

// list returns the values of a list. It adds a problem for anything else.
func (r *reader) list(n *yaml.Node, what string) []word {
	n = resolve(n)
	if n.Kind != yaml.SequenceNode {
		r.problems.add(r.at(n), "%s: must be a list", what)
		return nil
	}
	var words []word
	for _, item := range n.Content {
		if w, ok := r.scalar(item, what); ok {
			words = append(words, w)
		}
	}
	return words
}

// count returns a whole number from 1 to most, or 0 and a problem.
func (r *reader) count(n *yaml.Node, what string, most int) int {
	w, ok := r.scalar(n, what)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(w.text)
	if err != nil || i < 1 || i > most {
		r.problems.add(w.at, "%s: %s: must be a whole number from 1 to %d", what, w.text, most)
		return 0
	}
	return i
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == "")
}
