package aws

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// canon returns v in a form that is equal for values of the same meaning: sets are sorted, documents normalized, and
// zero is nil, as in the plugin SDK that most of the provider's resources use.
func (p prop) canon(v any) any {
	if v == nil {
		v = p.def
	}
	switch v := v.(type) {
	case string:
		if p.json {
			return canonDocument(v)
		}
	case int:
		return p.canon(float64(v))
	case []any:
		return p.canonList(v)
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if c := p.fields[k].canon(e); c != nil {
				out[k] = c
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	if v == nil || reflect.ValueOf(v).IsZero() {
		return nil
	}
	return v
}

func (p prop) canonList(l []any) any {
	of := prop{shape: text}
	if p.of != nil {
		of = *p.of
	}
	var out []any
	for _, e := range l {
		if c := of.canon(e); c != nil {
			out = append(out, c)
		}
	}
	if p.shape == set {
		slices.SortFunc(out, func(a, b any) int { return strings.Compare(encode(a), encode(b)) })
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (p prop) same(a, b any) bool { return reflect.DeepEqual(p.canon(a), p.canon(b)) }

// canonDocument parses a JSON document and removes what has no meaning: white space, the order of keys, the order of a
// list of strings and the brackets around a single one. The provider compares policies in this way.
func canonDocument(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				v[k] = walk(e)
			}
		case []any:
			texts := true
			for i, e := range v {
				v[i] = walk(e)
				_, ok := v[i].(string)
				texts = texts && ok
			}
			if len(v) == 1 {
				return v[0]
			}
			if texts {
				slices.SortFunc(v, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			}
		}
		return v
	}
	return walk(v)
}

// diff compares a resource as last read with its new inputs. It returns whole properties; the CLI finds the difference
// within one.
func (k *resourceType) diff(old, news resource.PropertyMap) plugin.DiffResult {
	res := plugin.DiffResult{Changes: plugin.DiffNone}
	oldPlain, newPlain := plain(old), plain(news)
	var further []string
	if k.replaces != nil {
		further = k.replaces(oldPlain, newPlain)
	}
	for name, p := range k.props {
		n := news[resource.PropertyKey(name)]
		given := news.HasValue(resource.PropertyKey(name))
		unknown := given && n.ContainsUnknowns()
		if !given && p.computed || !unknown && p.same(oldPlain[name], newPlain[name]) {
			continue
		}
		key := resource.PropertyKey(name)
		res.Changes = plugin.DiffSome
		res.ChangedKeys = append(res.ChangedKeys, key)
		if p.replaces || slices.Contains(further, name) {
			res.ReplaceKeys = append(res.ReplaceKeys, key)
		}
	}
	slices.Sort(res.ChangedKeys)
	slices.Sort(res.ReplaceKeys)
	// Two resources can't have the same name at once. If the program chose the name and keeps it, the old resource is
	// deleted first, as in Pulumi's bridge for every property that it can generate a name for.
	key := resource.PropertyKey(k.name)
	res.DeleteBeforeReplace = k.name != "" && len(res.ReplaceKeys) > 0 && !autoNamed(k, news) &&
		news[key].IsString() && old[key].DeepEquals(news[key])
	return res
}

// planned returns what a preview shows of a resource that will be created. What AWS generates is unknown.
func (k *resourceType) planned(in resource.PropertyMap) resource.PropertyMap {
	out := in.Copy()
	delete(out, "__defaults")
	unknown := resource.MakeComputed(resource.NewStringProperty(""))
	for name, p := range k.props {
		if p.computed && !in.HasValue(resource.PropertyKey(name)) {
			out[resource.PropertyKey(name)] = unknown
		}
	}
	for _, name := range k.outputs {
		out[resource.PropertyKey(name)] = unknown
	}
	return out
}

// settle gives read the form of was if both mean the same: a list keeps its order and a document its text, so that a
// refresh of an unchanged resource changes nothing.
func (k *resourceType) settle(read, was object) object {
	for name, p := range k.props {
		if p.local {
			read[name] = was[name]
		}
		if was.has(name) && p.same(was[name], read[name]) {
			read[name] = was[name]
		}
		if read[name] == nil {
			delete(read, name)
			if p.def != nil {
				read[name] = p.def
			}
		}
	}
	return read
}

// inputs returns the inputs that would produce out: those that the program had, with their new values, or, for an
// import, all that differ from the default.
func (k *resourceType) inputs(out object, had resource.PropertyMap) resource.PropertyMap {
	in := object{}
	for name, p := range k.props {
		_, held := had[resource.PropertyKey(name)]
		imported := len(had) == 0 && name != "namePrefix" && name != "tagsAll" && !p.same(out[name], nil)
		if (held || imported) && out[name] != nil {
			in[name] = out[name]
		}
	}
	res := properties(in)
	if d, ok := had["__defaults"]; ok {
		res["__defaults"] = d
	}
	return res
}

// revised returns what a preview shows of a resource that will be updated: the old outputs with the new inputs.
func (k *resourceType) revised(old, in resource.PropertyMap) resource.PropertyMap {
	out := old.Copy()
	for name, p := range k.props {
		key := resource.PropertyKey(name)
		if v, ok := in[key]; ok {
			out[key] = v
		} else if !p.computed {
			delete(out, key)
		}
	}
	return out
}
