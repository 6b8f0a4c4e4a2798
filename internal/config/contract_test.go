package config

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/project"
)

// setting is a row of the configuration's contract. A nil default means that the setting is required.
type setting struct {
	Type    string
	Default any
}

// The configuration is declared three times, for the CLI, for the program and for people, and they must agree.
func TestConfigurationIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	program := settingsOfTheProgram(t)
	cli := settingsOfTheCLI(t)
	// The CLI refuses the declaration of another namespace's key without a value.
	assert.Equal(t, setting{"string", nil}, program["aws:region"])
	cli["aws:region"] = program["aws:region"]
	for _, key := range requiredKeys(t) {
		if key != "aws:region" {
			assert.Contains(t, []any{"", []any{}}, cli[key].Default, "%s: the program refuses the empty default", key)
			cli[key] = setting{cli[key].Type, nil}
		}
	}
	assert.Equal(t, program, cli, "Config, and Pulumi.yaml")
	assert.Equal(t, program, settingsOfTheREADME(t), "Config, and the README's table")
}

// settingsOfTheProgram returns Config's fields and defaults.
func settingsOfTheProgram(t *testing.T) map[string]setting {
	t.Helper()
	types := map[reflect.Kind]string{
		reflect.String: "string",
		reflect.Slice:  "array",
		reflect.Map:    "object",
		reflect.Bool:   "boolean",
		reflect.Int:    "integer",
	}
	required := requiredKeys(t)
	settings := map[string]setting{}
	for f, v := range reflect.ValueOf(Default()).Fields() {
		key, s := f.Tag.Get("json"), setting{Type: types[f.Type.Kind()]}
		switch {
		case slices.Contains(required, key):
		case v.Kind() == reflect.Slice && v.Len() == 0:
			s.Default = []any{}
		case v.Kind() == reflect.Map && v.Len() == 0:
			s.Default = map[string]any{}
		default:
			require.NoError(t, json.Unmarshal([]byte(compact.JSON(v.Interface())), &s.Default))
		}
		settings[key] = s
	}
	return settings
}

// requiredKeys returns the keys that an otherwise empty configuration with a client is refused for.
func requiredKeys(t *testing.T) []string {
	t.Helper()
	_, err := Parse(project.Name, map[string]string{project.Name + ":clients": `{"a":{"reads":["a."],"groups":["a"]}}`})
	var ps Problems
	require.ErrorAs(t, err, &ps)
	var keys []string
	for _, p := range ps {
		keys = append(keys, p.Key)
	}
	return keys
}

func settingsOfTheCLI(t *testing.T) map[string]setting {
	t.Helper()
	doc, err := os.ReadFile("../../Pulumi.yaml")
	require.NoError(t, err)
	var file struct {
		Config map[string]struct {
			Type, Description string
			Default           any
		}
	}
	require.NoError(t, yaml.Unmarshal(doc, &file))
	settings := map[string]setting{}
	for key, c := range file.Config {
		assert.NotEmpty(t, c.Description, key)
		s := setting{Type: c.Type}
		if c.Default != nil { // through JSON, so that numbers compare
			require.NoError(t, json.Unmarshal([]byte(compact.JSON(c.Default)), &s.Default))
		}
		settings[key] = s
	}
	return settings
}

func settingsOfTheREADME(t *testing.T) map[string]setting {
	t.Helper()
	doc, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(doc), "| key | type | default | what it is |\n")
	require.True(t, ok)
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([a-z]+) \\| (required|`[^`]*`) \\| .+ \\|$")
	settings := map[string]setting{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "| ---") {
			continue
		}
		m := row.FindStringSubmatch(strings.TrimSpace(line))
		require.NotNil(t, m, line)
		s := setting{Type: m[2]}
		if m[3] != "required" {
			require.NoError(t, json.Unmarshal([]byte(strings.Trim(m[3], "`")), &s.Default), line)
		}
		settings[m[1]] = s
	}
	return settings
}
