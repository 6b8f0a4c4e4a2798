package aws

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// object is a resource's properties as plain Go values.
type object map[string]any

func (o object) str(k string) string        { s, _ := o[k].(string); return s }
func (o object) flag(k string) bool         { b, _ := o[k].(bool); return b }
func (o object) list(k string) []any        { l, _ := o[k].([]any); return l }
func (o object) object(k string) object     { m, _ := o[k].(map[string]any); return m }
func (o object) has(k string) bool          { return o[k] != nil }
func (o object) num(k string) int           { f, _ := o[k].(float64); return int(f) }
func (o object) numOr(k string, or int) int { return map[bool]int{true: o.num(k), false: or}[o.has(k)] }

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

// shape is the form of a property's value.
type shape string

const (
	text   shape = "string"
	number shape = "number"
	flag   shape = "boolean"
	list   shape = "list"
	set    shape = "list without order"
	dict   shape = "map of strings"
	block  shape = "object"
)

// prop is one property that a program can set, with the parts of the provider's schema that decide what a change of it
// does.
type prop struct {
	shape    shape
	of       *prop            // element of a list or set; nil for strings
	fields   map[string]prop  // of a block
	json     bool             // a document: compared by meaning
	required bool             //
	replaces bool             // a change replaces the resource (ForceNew)
	computed bool             // left out means left alone, whatever AWS holds (Optional and Computed)
	local    bool             // the provider's own setting, not held by AWS
	def      any              // default
	rule     func(any) string // what is wrong with a value, or ""
}

// kind is a resource type.
type kind struct {
	title, service string              // as the provider's errors say them
	ops            map[Kind]string     // the API operation that each call is known by
	props          map[string]prop     //
	outputs        []string            // unknown until the resource is created
	name           string              // the property that is given a name if the program gives none; "" if none is
	maxName        int                 //
	check          func(object) string // what is wrong between properties
	create         func(*request) (string, error)
	read           func(*request) (object, error) // nil if gone
	update         func(*request) error
	delete         func(*request) error
	replaces       func(old, new object) []string // further properties that replace
}

// tagged adds the properties of a resource that carries tags. tagsAll is an input as well: pulumi-aws puts the tags
// together with the provider's default tags when it checks a resource.
func tagged(props map[string]prop) map[string]prop {
	props["tags"] = prop{shape: dict}
	props["tagsAll"] = prop{shape: dict, rule: tagRule}
	return props
}

// named adds a physical name that a program gives whole, by prefix, or not at all.
func named(rule func(any) string, props map[string]prop) map[string]prop {
	props["name"] = prop{shape: text, computed: true, replaces: true, rule: rule}
	props["namePrefix"] = prop{shape: text, computed: true, replaces: true, rule: rule}
	return props
}

func match(pattern, want string) func(any) string {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(v any) string {
		if s, ok := v.(string); !ok || re.MatchString(s) {
			return ""
		}
		return fmt.Sprintf("must be %s, got: %v", want, v)
	}
}

func length(lo, hi int) func(any) string {
	return func(v any) string {
		if s, ok := v.(string); ok && (len([]rune(s)) < lo || len([]rune(s)) > hi) {
			return fmt.Sprintf("expected length to be in the range (%d - %d), got %s", lo, hi, s)
		}
		return ""
	}
}

func oneOf[T comparable](values ...T) func(any) string {
	return func(v any) string {
		for _, ok := range values {
			if fmt.Sprint(ok) == fmt.Sprint(v) {
				return ""
			}
		}
		return fmt.Sprintf("expected to be one of %v, got %v", values, v)
	}
}

func between(lo, hi float64) func(any) string {
	return func(v any) string {
		if f, ok := v.(float64); ok && (f < lo || f > hi) {
			return fmt.Sprintf("expected to be in the range (%v - %v), got %v", lo, hi, f)
		}
		return ""
	}
}

func isJSON(v any) string {
	if s, _ := v.(string); !json.Valid([]byte(s)) {
		return "contains an invalid JSON document"
	}
	return ""
}

// tagRule: at most 50 tags, keys of 1 to 128 characters without the prefix aws:, values of at most 256 (AWS tagging
// limits).
func tagRule(v any) string {
	tags, _ := v.(map[string]any)
	if len(tags) > 50 {
		return fmt.Sprintf("a resource can have at most 50 tags, got %d", len(tags))
	}
	for k, v := range tags {
		s, _ := v.(string)
		if n := len([]rune(k)); n < 1 || n > 128 || len([]rune(s)) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return fmt.Sprintf("tag %q=%q: a key has 1 to 128 characters and does not begin with aws:, a value at most 256", k, s)
		}
	}
	return ""
}

// checkInputs refuses what the provider refuses before it calls AWS: unknown, missing and mistyped properties, and values
// out of range. It fills in defaults and the name.
func (p *provider) checkInputs(k *kind, req plugin.CheckRequest) plugin.CheckResponse {
	news := resource.PropertyMap{}
	var failures []plugin.CheckFailure
	fail := func(path, format string, args ...any) {
		failures = append(failures, plugin.CheckFailure{Property: resource.PropertyKey(path), Reason: path + ": " + fmt.Sprintf(format, args...)})
	}
	for key, v := range req.News {
		if _, ok := k.props[string(key)]; !ok && !strings.HasPrefix(string(key), "__") {
			fail(string(key), "unknown property")
		} else if !v.IsNull() && key != "__defaults" {
			news[key] = documentText(k.props[string(key)], v)
		}
	}
	for key, pr := range k.props {
		if _, ok := news[resource.PropertyKey(key)]; !ok && pr.def != nil {
			news[resource.PropertyKey(key)] = resource.NewPropertyValue(pr.def)
		}
	}
	p.nameIt(k, req, news)
	if _, ok := k.props["tagsAll"]; ok {
		news["tagsAll"] = p.tagsAll(news["tags"])
	}
	prop{shape: block, fields: k.props}.check("", resource.NewObjectProperty(news), fail)
	if k.check != nil && len(failures) == 0 {
		if problem := k.check(plain(news)); problem != "" {
			fail(string(req.Type), "%s", problem)
		}
	}
	sort.Slice(failures, func(i, j int) bool { return failures[i].Property < failures[j].Property })
	return plugin.CheckResponse{Properties: news, Failures: failures}
}

// documentText turns a document given as a value into its JSON, as pulumi-aws does.
func documentText(p prop, v resource.PropertyValue) resource.PropertyValue {
	if !p.json || !v.IsObject() {
		return v
	}
	if v.ContainsUnknowns() {
		return resource.MakeComputed(resource.NewStringProperty(""))
	}
	b, _ := json.Marshal(v.Mappable())
	return resource.NewStringProperty(string(b))
}

// nameIt gives a resource without a name its own followed by a hyphen and 7 hex digits, and keeps the name it has, as
// Pulumi's bridge does; a name made here is listed under __defaults, as there.
func (p *provider) nameIt(k *kind, req plugin.CheckRequest, news resource.PropertyMap) {
	key := resource.PropertyKey(k.name)
	if k.name == "" || news.HasValue(key) || news.HasValue("namePrefix") {
		return
	}
	name := req.Olds[key]
	if !autoNamed(k, req.Olds) || !name.IsString() {
		seed := append(slices.Clone(req.RandomSeed), 0, 0, 0, 0)
		suffix := "-" + hex.EncodeToString(seed[:4])[:7]
		base := req.URN.Name()
		name = resource.NewStringProperty(base[:min(len(base), k.maxName-len(suffix))] + suffix)
	}
	news[key] = name
	news["__defaults"] = resource.NewArrayProperty([]resource.PropertyValue{resource.NewStringProperty(k.name)})
}

func autoNamed(k *kind, in resource.PropertyMap) bool {
	d := in["__defaults"]
	return d.IsArray() && slices.ContainsFunc(d.ArrayValue(), func(v resource.PropertyValue) bool {
		return v.IsString() && v.StringValue() == k.name
	})
}

func (p prop) check(path string, v resource.PropertyValue, fail func(string, string, ...any)) {
	if v.IsComputed() || v.IsOutput() {
		return
	}
	ok := map[shape]bool{
		text: v.IsString(), number: v.IsNumber(), flag: v.IsBool(), list: v.IsArray(), set: v.IsArray(),
		dict: v.IsObject(), block: v.IsObject(),
	}
	switch {
	case !ok[p.shape]:
		fail(path, "expected a %s, got %s", p.shape, v.TypeString())
		return
	case p.shape == list || p.shape == set:
		of := prop{shape: text}
		if p.of != nil {
			of = *p.of
		}
		for i, e := range v.ArrayValue() {
			of.check(fmt.Sprintf("%s[%d]", path, i), e, fail)
		}
	case p.shape == dict:
		for k, e := range v.ObjectValue() {
			prop{shape: text}.check(path+"."+string(k), e, fail)
		}
	case p.shape == block:
		p.checkFields(path, v.ObjectValue(), fail)
	}
	if p.rule != nil && !v.ContainsUnknowns() {
		if problem := p.rule(v.Mappable()); problem != "" {
			fail(path, "%s", problem)
		}
	}
}

func (p prop) checkFields(path string, m resource.PropertyMap, fail func(string, string, ...any)) {
	at := func(k string) string { return strings.TrimPrefix(path+"."+k, ".") }
	for k, v := range m {
		f, ok := p.fields[string(k)]
		switch {
		case strings.HasPrefix(string(k), "__") || v.IsNull():
		case !ok:
			fail(at(string(k)), "unknown property")
		default:
			f.check(at(string(k)), v, fail)
		}
	}
	for k, f := range p.fields {
		if _, ok := m[resource.PropertyKey(k)]; !ok && f.required {
			fail(at(k), "is required")
		}
	}
}

// canon is a value in a form that two values of the same meaning share: lists without order sorted, documents normal,
// nothing and zero alike (as in the plugin SDK that most of the provider's resources are written with).
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

func encode(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// canonDocument is a JSON document, policies among them, without what carries no meaning: white space, the order of
// keys, and, as in a policy, the order of a list of strings and the brackets around a single one (the provider compares
// policies so).
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

// diff compares what the resource is, as last read, with what it should be. It names whole properties; the CLI finds out
// what differs within.
func (k *kind) diff(old, news resource.PropertyMap) plugin.DiffResult {
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
	// Two resources can't hold the same name at once: if it was chosen by the program and stays, the old one goes first
	// (Pulumi's bridge does so for every property that it would else make a name for).
	key := resource.PropertyKey(k.name)
	res.DeleteBeforeReplace = k.name != "" && len(res.ReplaceKeys) > 0 && !autoNamed(k, news) &&
		news[key].IsString() && old[key].DeepEquals(news[key])
	return res
}

// plain turns properties into Go values; what is unknown is left out.
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

// planned is what a preview shows of a resource that will be created: what AWS makes up is unknown.
func (k *kind) planned(in resource.PropertyMap) resource.PropertyMap {
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

// settle gives what was read the form in which it was written, where that means the same: a list keeps its order and a
// document its text, so that a refresh of an unchanged resource changes nothing.
func (k *kind) settle(read, was object) object {
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

// inputs are a program's inputs that would give what was read: those it had, with the values they have now, or, for an
// import, all that are not as they would be by default.
func (k *kind) inputs(out object, had resource.PropertyMap) resource.PropertyMap {
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

// revised is what a preview shows of a resource that will be updated: what it was, with what it is asked to be.
func (k *kind) revised(old, in resource.PropertyMap) resource.PropertyMap {
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
