package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// unquoted returns a problem for each value in a stack's file that YAML reads as something other than its text, such
// as 007, 1.10 or a date: the CLI passes on what YAML read, and the program can't see the difference. It returns
// nothing for a file that isn't one YAML document, which the CLI refuses.
func unquoted(project string, file []byte) Problems {
	var root yaml.Node
	if yaml.Unmarshal(file, &root) != nil || len(root.Content) == 0 {
		return nil
	}
	config := child(root.Content[0], "config")
	if config == nil {
		return nil
	}
	var ps Problems
	for f, v := range reflect.ValueOf(Default()).Fields() {
		node := child(config, fullKey(project, f))
		if node == nil {
			continue
		}
		switch v.Kind() {
		case reflect.Bool: // decode refuses what is neither true nor false
		case reflect.Int:
			checkInteger(&ps, f.Tag.Get("json"), node)
		default:
			checkText(&ps, f.Tag.Get("json"), node)
		}
	}
	return ps
}

// child returns the value of a key of a map, or nil if there is none.
func child(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Kind == yaml.MappingNode && m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// checkText adds a problem for each key and value below the node that isn't read as its text.
func checkText(ps *Problems, key string, node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		if read, ok := readAs(node); ok && read != node.Value {
			ps.Add(key, node.Value, "YAML reads this as %s; write \"%s\", in quotes", read, node.Value)
		}
		return
	}
	for i, below := range node.Content {
		name := key
		if node.Kind == yaml.MappingNode && i%2 == 1 {
			name += "." + node.Content[i-1].Value
		}
		checkText(ps, name, below)
	}
}

// readAs returns how the CLI passes on a value, or false if that is its text or no value at all.
func readAs(node *yaml.Node) (string, bool) {
	var value any
	if node.Tag == "!!str" || node.Tag == "!!null" || node.Decode(&value) != nil {
		return "", false
	}
	return fmt.Sprint(value), true
}

// checkInteger adds a problem for a number that isn't read as the decimal number it looks like: 010 is 8.
func checkInteger(ps *Problems, key string, node *yaml.Node) {
	read, ok := readAs(node)
	if !ok || node.Tag != "!!int" {
		return
	}
	decimal, err := strconv.Atoi(strings.ReplaceAll(node.Value, "_", ""))
	if err != nil || strconv.Itoa(decimal) != read {
		ps.Add(key, node.Value, "YAML reads this as %s; write a decimal number without leading zeros", read)
	}
}
