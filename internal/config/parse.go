package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/texttheater/golang-levenshtein/levenshtein"
)

// Load reads and checks the configuration of a stack of the project. Its error is a Problems with everything that
// can be found without asking AWS. get returns one setting by its full key; it is used if the CLI didn't pass the
// whole configuration, misspelt keys included, in PULUMI_CONFIG: an inline program (Automation API) has only what
// it asks for. stackFile is the path of the stack's YAML file, whose values must be written as YAML reads them; there
// is none if the CLI reads another file.
func Load(project, stackFile string, get func(key string) (string, bool)) (Config, error) {
	values := map[string]string{}
	if all, ok := os.LookupEnv("PULUMI_CONFIG"); ok {
		if err := json.Unmarshal([]byte(all), &values); err != nil {
			return Config{}, fmt.Errorf("reading PULUMI_CONFIG: %w", err)
		}
		file, err := os.ReadFile(stackFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Config{}, err
		}
		return parse(project, values, unquoted(project, file))
	}
	for _, key := range Keys(project) {
		if v, ok := get(key); ok {
			values[key] = v
		}
	}
	return Parse(project, values)
}

// Keys returns the full keys of Config's fields, in their order.
func Keys(project string) []string {
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

// Parse returns the configuration that values hold by full key, with defaults for the rest. Its error is a
// Problems. A key that is not a setting is a problem in the project's namespace, and in the provider's, of which
// only the region is read.
func Parse(project string, values map[string]string) (Config, error) {
	return parse(project, values, nil)
}

// parse does what Parse does, and adds its problems to those that were found before.
func parse(project string, values map[string]string, found Problems) (Config, error) {
	cfg := Default()
	ps := append(found, unknownKeys(project, values)...)
	for f, v := range reflect.ValueOf(&cfg).Elem().Fields() {
		if raw, ok := values[fullKey(project, f)]; ok {
			decode(&ps, f.Tag.Get("json"), raw, raw, v)
		}
	}
	// A setting that could not be read has its default, which must not be held against the rules.
	unread := slices.Clone(ps)
	for _, p := range cfg.Validate() {
		follows := func(q Problem) bool {
			return within(p.Key, q.Key) || strings.Contains(p.Key, ".") && within(q.Key, p.Key)
		}
		if !slices.ContainsFunc(unread, follows) {
			ps = append(ps, p)
		}
	}
	return cfg, ps.Err()
}

// within reports whether key is outer or one of the settings inside it.
func within(key, outer string) bool {
	rest, ok := strings.CutPrefix(key, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func unknownKeys(project string, values map[string]string) Problems {
	var ps Problems
	known := Keys(project)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		short, ours := strings.CutPrefix(key, project+":")
		switch {
		case slices.Contains(known, key):
		case ours:
			ps.Add(short, values[key], "unknown setting%s; `pulumi config rm %s` removes it", didYouMean(short), short)
		case strings.HasPrefix(key, "aws:"):
			ps.Add(
				key,
				values[key],
				"has no effect: of the provider's settings only aws:region is read; use this program's "+
					"settings or the AWS_* environment variables",
			)
		case key != UnreviewedKey && !strings.HasPrefix(key, "pulumi:"):
			ps.Add(key, values[key], "has no effect: nothing reads this namespace%s; `pulumi config rm %s` removes it",
				didYouMeanIn(project, key), key)
		}
	}
	return ps
}

// decode reads one value, which the CLI passes as text, or as JSON if it is structured. Structs are read member by
// member, also as elements of lists and maps, so that a problem names the member; a list of one struct may be written
// without the list. A problem shows the value as shown.
func decode(ps *Problems, key, raw string, shown any, into reflect.Value) {
	switch t := into.Type(); {
	case t.Kind() == reflect.Struct:
		decodeFields(ps, key, raw, into)
	case t.Kind() == reflect.Pointer:
		into.Set(reflect.New(t.Elem()))
		decode(ps, key, raw, shown, into.Elem())
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		into.Set(reflect.MakeMap(t))
		for name, value := range members(ps, key, raw, "must be a map from each name to its settings") {
			element := reflect.New(t.Elem()).Elem()
			decode(ps, key+"."+name, string(value), value, element)
			into.SetMapIndex(reflect.ValueOf(name), element)
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		decodeStructs(ps, key, raw, into)
	default:
		decodeLeaf(ps, key, raw, shown, into.Addr().Interface())
	}
}

// decodeFields reads a JSON object into a struct, each member by its field's tag.
func decodeFields(ps *Problems, key, raw string, into reflect.Value) {
	fields := map[string]reflect.Value{}
	for f, v := range into.Fields() {
		fields[f.Tag.Get("json")] = v
	}
	known := fieldsOf(into.Interface())
	for name, value := range members(ps, key, raw, "must be a map with some of "+known) {
		field, ok := fields[name]
		if !ok {
			ps.Add(key+"."+name, value, "unknown setting; there are %s", known)
			continue
		}
		decode(ps, key+"."+name, string(value), value, field)
	}
}

// fieldsOf returns the keys of a struct's fields in their order.
func fieldsOf(v any) string {
	var keys []string
	for f := range reflect.TypeOf(v).Fields() {
		keys = append(keys, f.Tag.Get("json"))
	}
	return strings.Join(keys, ", ")
}

func decodeStructs(ps *Problems, key, raw string, into reflect.Value) {
	var elements []json.RawMessage
	if json.Unmarshal([]byte(raw), &elements) != nil || elements == nil {
		elements = []json.RawMessage{json.RawMessage(raw)}
	}
	into.Set(reflect.MakeSlice(into.Type(), len(elements), len(elements)))
	for i, element := range elements {
		decode(ps, indexed(key, i, len(elements)), string(element), element, into.Index(i))
	}
}

// members yields the members of a JSON object in the order of their names, or adds a problem if raw is none.
func members(ps *Problems, key, raw, want string) func(yield func(string, json.RawMessage) bool) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &object); err != nil || object == nil {
		var shown any = raw
		if json.Valid([]byte(raw)) {
			shown = json.RawMessage(raw)
		}
		ps.Add(key, shown, "%s", want)
	}
	return func(yield func(string, json.RawMessage) bool) {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !yield(name, object[name]) {
				return
			}
		}
	}
}

// decodeLeaf reads a value that isn't a struct. Text is JSON only inside a structured setting.
func decodeLeaf(ps *Problems, key, raw string, shown, into any) {
	_, nested := shown.(json.RawMessage)
	if s, ok := into.(*string); ok && !nested {
		*s = raw
		return
	}
	var loose any
	if json.Unmarshal([]byte(raw), &loose) == nil && holdsNull(loose) {
		ps.Add(key, shown, "contains an empty value; must be %s", kind(into))
		return
	}
	if json.Unmarshal([]byte(raw), into) != nil {
		ps.Add(key, shown, "must be %s", kind(into))
	}
}

func kind(of any) string {
	switch of.(type) {
	case *string:
		return "a string (quote numbers)"
	case *Yes:
		return "true, or left out"
	case *bool:
		return "true or false"
	case *int:
		return "a whole number"
	case *[]string:
		return "a list of strings (quote numbers)"
	case *map[string]int:
		return "a map from names to whole numbers"
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

// didYouMeanIn returns a hint at the setting whose key follows a misspelt namespace, or nothing if there is none.
func didYouMeanIn(project, key string) string {
	_, short, _ := strings.Cut(key, ":")
	if slices.Contains(Keys(project), project+":"+short) {
		return fmt.Sprintf(" (did you mean %s:%s?)", project, short)
	}
	return didYouMean(short)
}

// didYouMean returns a hint at the setting with the most similar name, or nothing if none is similar.
func didYouMean(key string) string {
	best, distance := "", 4
	for f := range reflect.TypeFor[Config]().Fields() {
		name := f.Tag.Get("json")
		d := levenshtein.DistanceForStrings([]rune(strings.ToLower(key)), []rune(strings.ToLower(name)),
			levenshtein.DefaultOptions)
		if d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}
