package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/texttheater/golang-levenshtein/levenshtein"
)

// problem is one thing wrong with the configuration: the key, the value found, and what would be right.
type problem struct {
	Key   string
	Value any
	Want  string
}

func (p problem) String() string {
	if p.Value == nil {
		return fmt.Sprintf("%s: %s", p.Key, p.Want)
	}
	return fmt.Sprintf("%s: %s: %s", p.Key, compactJSON(p.Value), p.Want)
}

// problems is the error that reports all of them at once.
type problems []problem

func (ps *problems) add(key string, value any, want string, args ...any) {
	*ps = append(*ps, problem{key, value, fmt.Sprintf(want, args...)})
}

// sideBySide runs checks that wait for AWS all at once, and adds the problems in the order of the checks.
func (ps *problems) sideBySide(checks ...func(*problems)) {
	found := make([]problems, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() { check(&found[i]) })
	}
	running.Wait()
	*ps = append(*ps, slices.Concat(found...)...)
}

func (ps problems) Error() string {
	var b strings.Builder
	b.WriteString("the stack can't be deployed as it is configured; nothing was changed:")
	for _, p := range ps {
		b.WriteString("\n  * " + p.String())
	}
	return b.String()
}

// err is nil where there is no problem.
func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// loadConfig reads and checks the stack's configuration. It warns of what is legal but unwise. The error lists every
// problem that can be found without asking AWS.
func loadConfig(ctx *pulumi.Context) (Config, error) {
	values, err := configValues(ctx)
	if err != nil {
		return Config{}, err
	}
	cfg, err := parseConfig(ctx.Project(), values)
	if err != nil {
		return Config{}, err
	}
	for _, w := range cfg.warnings() {
		if err := ctx.Log.Warn(w, nil); err != nil {
			return Config{}, err
		}
	}
	return cfg, nil
}

// configValues returns the stack's configuration by full key. The CLI hands a program all of it, misspelt keys too; an
// inline program (Automation API) has only what it asks for by name.
func configValues(ctx *pulumi.Context) (map[string]string, error) {
	values := map[string]string{}
	if all, ok := os.LookupEnv("PULUMI_CONFIG"); ok {
		if err := json.Unmarshal([]byte(all), &values); err != nil {
			return nil, fmt.Errorf("reading PULUMI_CONFIG: %w", err)
		}
		return values, nil
	}
	for _, key := range configKeys(ctx.Project()) {
		if v, ok := ctx.GetConfig(key); ok {
			values[key] = v
		}
	}
	return values, nil
}

// configKeys lists the full keys of Config's fields, in their order.
func configKeys(project string) []string {
	var keys []string
	for f := range reflect.TypeFor[Config]().Fields() {
		keys = append(keys, fullKey(project, f))
	}
	return keys
}

func fullKey(project string, f reflect.StructField) string {
	key := f.Tag.Get("json")
	if strings.Contains(key, ":") {
		return key
	}
	return project + ":" + key
}

// parseConfig fills a Config from values by full key; what values lacks keeps its default. A key that is not a setting
// is a problem, in the project's namespace and in the provider's, of which only the region is read.
func parseConfig(project string, values map[string]string) (Config, error) {
	var ps problems
	cfg := defaultConfig()
	known := configKeys(project)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		short, ours := strings.CutPrefix(key, project+":")
		switch {
		case slices.Contains(known, key):
		case ours:
			ps.add(short, values[key], "no such setting%s; `pulumi config rm %s` removes it", didYouMean(short), short)
		case strings.HasPrefix(key, "aws:"):
			ps.add(key, values[key], "not read: of the provider's settings, only aws:region is; use this program's own keys or "+
				"the AWS_* environment variables")
		}
	}
	for f, v := range reflect.ValueOf(&cfg).Elem().Fields() {
		raw, ok := values[fullKey(project, f)]
		if !ok {
			continue
		}
		key := f.Tag.Get("json")
		if teams, ok := v.Addr().Interface().(*map[string]Team); ok {
			*teams = decodeTeams(&ps, key, raw)
		} else if err := decode(raw, v.Addr().Interface()); err != nil {
			ps.add(key, raw, "%s", err)
		}
	}
	for _, p := range cfg.validate() {
		unread := slices.ContainsFunc(ps, func(q problem) bool { return q.Key == p.Key || strings.HasPrefix(p.Key, q.Key+".") })
		if !unread {
			ps = append(ps, p)
		}
	}
	return cfg, ps.err()
}

// decode reads one configuration value, which the CLI hands over as text, or as JSON where it is structured.
func decode(raw string, into any) error {
	if s, ok := into.(*string); ok {
		*s = raw
		return nil
	}
	if raw == "" {
		return fmt.Errorf("set it to %s", kind(into))
	}
	var loose any
	if json.Unmarshal([]byte(raw), &loose) == nil && holdsNull(loose) {
		return fmt.Errorf("an empty value; write %s", kind(into))
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || d.More() {
		return fmt.Errorf("write %s", kind(into))
	}
	return nil
}

// decodeTeams reads the teams, each field on its own, so that a problem names the team and the field.
func decodeTeams(ps *problems, key, raw string) map[string]Team {
	fields, ok := members(raw)
	if !ok {
		ps.add(key, raw, "write a map from each team's name to its topicPrefixes and groupNames")
	}
	teams := map[string]Team{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var team Team
		key := key + "." + name
		settings, ok := members(string(fields[name]))
		if !ok {
			ps.add(key, fields[name], "write the team's topicPrefixes and groupNames, two lists")
		}
		into := map[string]*[]string{"topicPrefixes": &team.TopicPrefixes, "groupNames": &team.GroupNames}
		for _, field := range slices.Sorted(maps.Keys(settings)) {
			if into[field] == nil {
				ps.add(key+"."+field, settings[field], "no such setting: a team has topicPrefixes and groupNames")
			} else if err := decode(string(settings[field]), into[field]); err != nil {
				ps.add(key+"."+field, settings[field], "%s", err)
			}
		}
		teams[name] = team
	}
	return teams
}

// members are the members of a JSON object; null is none.
func members(raw string) (map[string]json.RawMessage, bool) {
	var m map[string]json.RawMessage
	err := json.Unmarshal([]byte(raw), &m)
	return m, err == nil && m != nil
}

func kind(of any) string {
	switch of.(type) {
	case *bool:
		return "true or false"
	case *int:
		return "a whole number"
	case *[]string:
		return "a list of strings (quote numbers)"
	case *map[string]string:
		return "a map of strings to strings (quote numbers and booleans)"
	}
	return reflect.TypeOf(of).Elem().String()
}

func holdsNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsNull)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), holdsNull)
	}
	return false
}

// didYouMean names the setting that a misspelt key is nearest to, if one is near.
func didYouMean(key string) string {
	best, distance := "", 4
	for f := range reflect.TypeFor[Config]().Fields() {
		name := f.Tag.Get("json")
		if d := levenshtein.DistanceForStrings([]rune(strings.ToLower(key)), []rune(strings.ToLower(name)), levenshtein.DefaultOptions); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}
