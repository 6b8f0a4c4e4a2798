package aws

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// checkInputs refuses what the provider refuses before it calls AWS: unknown, missing and mistyped properties, and
// values out of range. It fills in defaults and the name.
func (p *provider) checkInputs(k *resourceType, req plugin.CheckRequest) plugin.CheckResponse {
	news := resource.PropertyMap{}
	var failures []plugin.CheckFailure
	fail := func(path, format string, args ...any) {
		failures = append(
			failures,
			plugin.CheckFailure{
				Property: resource.PropertyKey(path),
				Reason:   path + ": " + fmt.Sprintf(format, args...),
			},
		)
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
func (p *provider) nameIt(k *resourceType, req plugin.CheckRequest, news resource.PropertyMap) {
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

func autoNamed(k *resourceType, in resource.PropertyMap) bool {
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
