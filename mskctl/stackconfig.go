package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// stackConfigCmd merges STACK_CONFIG into a stack's file.
type stackConfigCmd struct {
	Stack string `arg:"" help:"Stack whose file is changed."`
}

// Help returns the details of mskctl ci stack-config --help.
func (stackConfigCmd) Help() string {
	return `Merges the YAML in the variable STACK_CONFIG, which is written like a stack's file, into Pulumi.<stack>.yaml of
this checkout: maps key by key, while a list or a value replaces the committed one. Without STACK_CONFIG, the committed
file is used. Prints the names of keys and no value.

Example: mskctl ci stack-config prod`
}

// Run merges.
func (c *stackConfigCmd) Run(s *session) error {
	if err := s.checkStack(c.Stack); err != nil {
		return err
	}
	file := "Pulumi." + c.Stack + ".yaml"
	secret := s.getenv("STACK_CONFIG")
	if secret == "" {
		fmt.Fprintf(s.stdout, "no STACK_CONFIG: %s is used as committed\n", file)
		return nil
	}
	doc, err := os.ReadFile(s.path(file))
	if err != nil {
		return err
	}
	committed, err := stackFile(doc)
	if err != nil {
		return fmt.Errorf("%s is not YAML with a map under config", file)
	}
	// A parser's message would quote the secret.
	added, err := stackFile([]byte(secret))
	if err != nil {
		return fmt.Errorf("STACK_CONFIG is not one YAML document with a map under config, as %s is", file)
	}
	if err := refuseSecret(member(added, "config")); err != nil {
		return fmt.Errorf("STACK_CONFIG: %w", err)
	}
	merge(committed, added)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(committed); err != nil {
		return errors.New("STACK_CONFIG can't be merged into " + file)
	}
	if err := os.WriteFile(s.path(file), out.Bytes(), 0o644); err != nil {
		return err
	}
	var keys []string
	config := member(added, "config")
	for i := 0; i < len(config.Content); i += 2 {
		keys = append(keys, config.Content[i].Value)
	}
	fmt.Fprintf(s.stdout, "merged into %s: %s\n", file, strings.Join(keys, ", "))
	return nil
}

// stackFile parses one YAML document with a map under config. Values keep the way they are written, so that nothing
// that looks like a number changes.
func stackFile(doc []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(doc))
	var root, second yaml.Node
	if err := d.Decode(&root); err != nil {
		return nil, err
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	top := root.Content[0]
	config := member(top, "config")
	if top.Kind != yaml.MappingNode || config == nil || config.Kind != yaml.MappingNode {
		return nil, errors.New("no map under config")
	}
	return top, nil
}

// refuseSecret returns an error if the settings have what must be committed, or text that YAML would change. It quotes
// keys and no value.
func refuseSecret(config *yaml.Node) error {
	for i := 0; i+1 < len(config.Content); i += 2 {
		key := config.Content[i].Value
		if strings.HasPrefix(key, "pipeline:") {
			return fmt.Errorf("%s: commit this setting to the stack's file, so that it is reviewed", key)
		}
		if changedByYAML(config.Content[i+1]) {
			return fmt.Errorf("%s: has a number or date that YAML would change, such as 0123 into 83: put it in quotes", key)
		}
	}
	return nil
}

// changedByYAML reports whether the node, or one in it, is a number that is written otherwise than YAML's parsers print
// it, or a date.
func changedByYAML(n *yaml.Node) bool {
	if slices.ContainsFunc(n.Content, changedByYAML) {
		return true
	}
	if n.Kind != yaml.ScalarNode {
		return false
	}
	switch n.ShortTag() {
	case "!!timestamp":
		return true
	case "!!int", "!!float":
		var number any
		err := n.Decode(&number)
		return err != nil || fmt.Sprint(number) != n.Value
	}
	return false
}

// member returns the value of a key in a map, or nil if it has none.
func member(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// merge merges one map into another, key by key.
func merge(into, from *yaml.Node) {
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		old := member(into, key.Value)
		switch {
		case old == nil:
			into.Content = append(into.Content, key, value)
		case old.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
			merge(old, value)
		default:
			*old = *value
		}
	}
}
