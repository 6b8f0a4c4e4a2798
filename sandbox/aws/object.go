package aws

import (
	"encoding/json"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// object is a resource's properties as plain Go values.
type object map[string]any

func (o object) str(k string) string { s, _ := o[k].(string); return s }

func (o object) flag(k string) bool { b, _ := o[k].(bool); return b }

func (o object) list(k string) []any { l, _ := o[k].([]any); return l }

func (o object) object(k string) object { m, _ := o[k].(map[string]any); return m }

func (o object) has(k string) bool { return o[k] != nil }

func (o object) num(k string) int { f, _ := o[k].(float64); return int(f) }

// numOr returns a number, or the given one if the object has none.
func (o object) numOr(k string, or int) int {
	if o.has(k) {
		return o.num(k)
	}
	return or
}

func (o object) strs(k string) []string {
	var out []string
	for _, v := range o.list(k) {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

func (o object) dict(k string) map[string]string {
	out := map[string]string{}
	for key, v := range o.object(k) {
		out[key], _ = v.(string)
	}
	return out
}

func encode(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// plain returns properties as Go values, without those that are unknown.
func plain(m resource.PropertyMap) object {
	out := object{}
	for k, v := range m {
		if !v.ContainsUnknowns() {
			out[string(k)] = v.Mappable()
		}
	}
	return out
}

func properties(o object) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(o)
}
