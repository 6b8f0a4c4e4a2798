package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// placeholder is what Pulumi writes where an id belongs.
const placeholder = "<PLACEHOLDER>"

// importFile is the file that `pulumi preview --import-file` writes.
type importFile struct {
	top     map[string]json.RawMessage
	entries []*importEntry
}

// importEntry is one resource of an import file. Its id is empty if it has no object in AWS.
type importEntry struct {
	fields map[string]json.RawMessage
	key    string // type and name, such as "ec2/securityGroup brokers"; empty for a provider or component
	id     string
}

func parseImportFile(doc []byte) (*importFile, error) {
	f := &importFile{}
	if err := json.Unmarshal(doc, &f.top); err != nil {
		return nil, err
	}
	var resources []map[string]json.RawMessage
	if err := json.Unmarshal(f.top["resources"], &resources); err != nil {
		return nil, fmt.Errorf("its resources can't be read: write it with `pulumi preview --import-file`")
	}
	for i, fields := range resources {
		entry := &importEntry{fields: fields}
		if _, ok := fields["id"]; ok {
			var err error
			if entry.key, entry.id, err = entryKey(fields); err != nil {
				return nil, fmt.Errorf("its resource %d: %w", i+1, err)
			}
		}
		f.entries = append(f.entries, entry)
	}
	return f, nil
}

// entryKey returns an entry's type and name, and its id. If two resources have the same name, Pulumi makes the name of
// one up and writes the resource's own name as logicalName.
func entryKey(fields map[string]json.RawMessage) (key, id string, err error) {
	text := func(name string) string {
		var s string
		if raw, ok := fields[name]; ok && err == nil {
			err = json.Unmarshal(raw, &s)
		}
		return s
	}
	typ, name, logical, id := strings.Split(text("type"), ":"), text("name"), text("logicalName"), text("id")
	if err != nil {
		return "", "", err
	}
	if len(typ) != 3 || id == "" {
		return "", "", fmt.Errorf("needs a type such as aws:iam/role:Role, and an id or %s", placeholder)
	}
	if logical != "" {
		name = logical
	}
	return typ[1] + " " + name, id, nil
}

// entry returns the entry with the key, or nil if there is none.
func (f *importFile) entry(key string) *importEntry {
	i := slices.IndexFunc(f.entries, func(e *importEntry) bool { return e.key == key })
	if key == "" || i < 0 {
		return nil
	}
	return f.entries[i]
}

// written returns the id that the file has for the key, or nothing if it has none or a placeholder.
func (f *importFile) written(key string) string {
	if e := f.entry(key); e != nil && e.id != placeholder {
		return e.id
	}
	return ""
}

// encode returns the file without the resources that have no id.
func (f *importFile) encode() (string, error) {
	resources := []map[string]json.RawMessage{}
	for _, e := range f.entries {
		if e.key != "" {
			if e.id == "" {
				continue
			}
			id, err := encodeJSON(e.id, "")
			if err != nil {
				return "", err
			}
			e.fields["id"] = bytes.TrimSpace([]byte(id))
		}
		resources = append(resources, e.fields)
	}
	raw, err := encodeJSON(resources, "")
	if err != nil {
		return "", err
	}
	f.top["resources"] = json.RawMessage(raw)
	return encodeJSON(f.top, "  ")
}
