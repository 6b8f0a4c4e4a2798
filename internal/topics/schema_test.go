package topics

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write topics/schema.json")

const schemaFile = "../../topics/schema.json"

// object is part of a JSON schema.
type object map[string]any

// closed returns the schema of a map with the keys, which come from the parser, and no others.
func closed(description string, keys []string, values object) object {
	properties := object{}
	for _, key := range keys {
		properties[key] = values[key]
	}
	return object{
		"description": description, "type": []string{"object", "null"},
		"properties": properties, "additionalProperties": false,
	}
}

// named returns the schema of a map from any name to a value.
func named(description string, value any) object {
	return object{"description": description, "type": []string{"object", "null"}, "additionalProperties": value}
}

func text(description string) object {
	return object{"description": description, "type": "string", "minLength": 1}
}

func (s setting) schema() object {
	standard := "Default: " + s.show(s.standard) + "."
	if s.choices != nil {
		choices := s.choices
		if s.name == CleanupPolicy {
			standard += " Can be set only when the topic is created."
			choices = append(choices, "delete,compact")
		}
		return object{"description": standard, "enum": choices}
	}
	var suffixes []string
	for _, u := range s.units {
		suffixes = append(suffixes, u.suffix)
	}
	pattern := `^[0-9]+(` + strings.Join(suffixes, "|") + `)?$`
	number := object{"type": "integer", "minimum": s.min}
	if s.max <= MaxCompacted<<30 {
		number["maximum"] = s.max
	}
	forms := []object{number, {"type": "string", "pattern": pattern}}
	if s.unlimited {
		forms = append(forms, object{"enum": []any{unlimitedWord, -1}})
	}
	return object{"description": standard, "anyOf": forms}
}

func schema() object {
	set := object{}
	for _, s := range settings {
		set[s.name] = s.schema()
	}
	values := object{
		"pattern": text("Name of a feed's topics, with {exchange}, {market}, {stream} and {symbol} for the feed's own."),
		"partitions": object{
			"description": "Default: 1.", "type": "integer", "minimum": 1, "maximum": MaxPartitions,
		},
		"settings":    closed("Topic settings that MSK Serverless lets be set.", settingNames(), set),
		"exchange":    text("Replaces {exchange}."),
		"market":      text("Replaces {market}."),
		"symbolsFile": text("File with one symbol a line, beside the catalogue."),
		"symbols": object{
			"description": "Replace {symbol}: one topic for each.", "type": "array",
			"items": object{"type": []string{"string", "number", "boolean"}},
		},
	}
	topic := closed("What the topic doesn't take from the defaults.", topicKeys, values)
	values["streams"] = named("Replace {stream}: topics for each, and what they don't take from the feed.", topic)
	top := closed("Topics of a stack.", catalogueKeys, object{
		"defaults": closed("What feeds and topics have unless they say otherwise.", defaultKeys, values),
		"feeds":    named("Feeds by name.", closed("Topics that share a pattern.", feedKeys, values)),
		"topics":   named("Topics that follow no pattern, by name.", topic),
		"ignore": object{
			"description": "Topics that others manage; * stands for any characters.", "type": "array",
			"items": object{"type": "string"},
		},
	})
	top["type"] = "object"
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Topic catalogue"
	return top
}

// The schema for editors is made of the parser's own keys, choices and ranges.
func TestSchemaAgreesWithTheParser(t *testing.T) {
	t.Parallel()
	want, err := json.MarshalIndent(schema(), "", "  ")
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, append(want, '\n'), 0o644))
	}
	got, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	assert.Equal(t, string(want)+"\n", string(got), "write it anew: go test ./internal/topics -run Schema -update")
}

// validate checks a YAML document against the schema.
func validate(t *testing.T, doc string) error {
	t.Helper()
	compiled, err := jsonschema.Compile(schemaFile)
	require.NoError(t, err)
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(doc), &value))
	plain, err := json.Marshal(value)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(plain, &value))
	return compiled.Validate(value)
}

func TestSchemaAcceptsWhatTheParserAccepts(t *testing.T) {
	t.Parallel()
	catalogues, err := filepath.Glob("../../topics/*.yaml")
	require.NoError(t, err)
	require.Len(t, catalogues, 3)
	docs := []string{strings.Replace(example, "delete, compact", "delete,compact", 1), documented(t)}
	for _, file := range catalogues {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		docs = append(docs, string(doc))
		_, _, err = Load("", file, nil)
		require.NoError(t, err)
	}
	for _, doc := range docs {
		require.NoError(t, validate(t, doc), doc)
	}
	for _, bad := range []string{
		"feed: {}", "feeds: []", "feeds: {f: {symbol: x}}", "defaults: {partitions: 0}", "defaults: {partitions: 2401}",
		"topics: {a: {settings: {segment.bytes: 1}}}", "topics: {a: {settings: {retention.ms: 3w}}}",
		"topics: {a: {settings: {max.message.bytes: 8388609}}}", "topics: {a: {settings: {compression.type: brotli}}}",
		"topics: {a: {settings: {max.message.bytes: unlimited}}}", "topics: {a: {symbols: [x]}}", "ignore: x",
		"feeds: {f: {streams: [trades]}}", "feeds: {f: {streams: {trades: {symbols: [x]}}}}",
	} {
		_, _, err := Load("", write(t, "c.yaml", bad), nil)
		require.Error(t, err, bad)
		require.Error(t, validate(t, bad), bad)
	}
}

// documented returns the catalogue that docs/topics.md shows, after loading it.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/topics.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	require.True(t, ok)
	doc, _, _ := strings.Cut(rest, "```")
	file := write(t, "c.yaml", strings.Replace(doc, "symbols/spot.txt", "spot.txt", 1), "spot.txt", "SOLUSDT\n")
	c, _, err := Load("", file, nil)
	require.NoError(t, err)
	require.Len(t, c.Topics(), 8)
	return doc
}
