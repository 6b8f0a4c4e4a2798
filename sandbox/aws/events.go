package aws

import (
	"encoding/json"
	"fmt"
	"strings"
)

// EventRule is an EventBridge rule on the default event bus, with its targets. There are no events.
type EventRule struct {
	Description string                    `json:"description,omitempty"`
	Pattern     string                    `json:"pattern"`
	State       string                    `json:"state"`
	Targets     map[string]map[string]any `json:"targets,omitempty"` // settings by target id, by the provider's names
	Tags        map[string]string         `json:"tags,omitempty"`
}

// A rule of the same name is overwritten, not refused (PutRule).
var eventRuleType = &resourceType{
	title: "EventBridge Rule", service: "EventBridge", name: "name", maxName: 64,
	apis: map[Operation]string{Create: "PutRule", Read: "DescribeRule", Update: "PutRule", Delete: "DeleteRule"},
	props: tagged(named(match(`[.\-_A-Za-z0-9]{1,64}`, "1 to 64 of a-zA-Z0-9 .-_"), map[string]prop{
		"description":  {shape: text, rule: length(0, 512)},
		"eventBusName": {shape: text, def: "default", replaces: true, rule: oneOf("default")},
		"eventPattern": {shape: text, json: true, required: true, rule: isJSON},
		"state":        {shape: text, def: "ENABLED", rule: oneOf("ENABLED", "DISABLED")},
		"forceDestroy": {shape: flag, local: true, def: false},
	})),
	outputs: []string{"arn"},
	create: func(r *request) (string, error) {
		r.id = r.physicalName("event-rule")
		return r.id, putEventRule(r)
	},
	read: func(r *request) (object, error) {
		rule := r.state.EventRules[r.eventRuleARN(r.id)]
		if rule == nil {
			return nil, nil
		}
		return r.tagsOut(object{
			"arn": r.eventRuleARN(r.id), "name": r.id, "namePrefix": r.old.str("namePrefix"),
			"description": rule.Description, "eventBusName": "default", "eventPattern": rule.Pattern, "state": rule.State,
		}, rule.Tags), nil
	},
	update: putEventRule,
	delete: func(r *request) error {
		rule := r.state.EventRules[r.eventRuleARN(r.id)]
		if rule != nil && len(rule.Targets) > 0 {
			return eventError("ValidationException", "Rule can't be deleted since it has targets.")
		}
		delete(r.state.EventRules, r.eventRuleARN(r.id))
		return nil
	},
}

func (r *request) eventRuleARN(name string) string { return r.arn("events", "rule/"+name) }

func eventError(code, message string) error {
	return &Error{Status: 400, Code: code, Message: message}
}

// putEventRule refuses a pattern whose fields aren't lists or further fields.
func putEventRule(r *request) error {
	var pattern map[string]any
	err := json.Unmarshal([]byte(r.in.str("eventPattern")), &pattern)
	if err != nil || len(pattern) == 0 || !isPattern(pattern) {
		return eventError("InvalidEventPatternException",
			"Event pattern is not valid. Reason: \"...\" must be an object or an array")
	}
	arn := r.eventRuleARN(r.id)
	rule := r.state.EventRules[arn]
	if rule == nil {
		rule = &EventRule{}
		r.state.EventRules[arn] = rule
	}
	rule.Description, rule.Pattern, rule.State = r.in.str("description"), r.in.str("eventPattern"), r.in.str("state")
	rule.Tags = r.in.dict("tagsAll")
	return nil
}

func isPattern(fields map[string]any) bool {
	for _, v := range fields {
		switch v := v.(type) {
		case []any:
		case map[string]any:
			if !isPattern(v) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// A target of the same id is overwritten, not refused (PutTargets). It is imported by the rule's name, a slash, and its
// id; Pulumi's id for it has a hyphen there.
var eventTargetType = &resourceType{
	title: "EventBridge Target", service: "EventBridge",
	apis: map[Operation]string{
		Create: "PutTargets", Read: "ListTargetsByRule", Update: "PutTargets", Delete: "RemoveTargets",
	},
	props: map[string]prop{
		"rule": {shape: text, required: true, replaces: true},
		"targetId": {
			shape:    text,
			required: true,
			replaces: true,
			rule:     match(`[.\-_A-Za-z0-9]{1,64}`, "1 to 64 of a-zA-Z0-9 .-_"),
		},
		"arn":          {shape: text, required: true, rule: arnRule},
		"eventBusName": {shape: text, def: "default", replaces: true, rule: oneOf("default")},
		"inputTransformer": {shape: block, fields: map[string]prop{
			"inputPaths": {shape: dict}, "inputTemplate": {shape: text, required: true, rule: length(1, 8192)},
		}},
		"forceDestroy": {shape: flag, local: true, def: false},
	},
	create: func(r *request) (string, error) {
		r.id = r.in.str("rule") + "-" + r.in.str("targetId")
		return r.id, putEventTarget(r)
	},
	read: func(r *request) (object, error) {
		name, id, settings := r.eventTarget()
		if settings == nil {
			return nil, nil
		}
		out := object{"rule": name, "targetId": id, "eventBusName": "default"}
		for k, v := range settings {
			out[k] = v
		}
		return out, nil
	},
	update: putEventTarget,
	delete: func(r *request) error {
		if name, id, settings := r.eventTarget(); settings != nil {
			delete(r.state.EventRules[r.eventRuleARN(name)].Targets, id)
		}
		return nil
	},
}

// eventTarget returns the rule and the id of the target that the request's id names, and its settings if it exists.
func (r *request) eventTarget() (rule, id string, settings map[string]any) {
	for arn, e := range r.state.EventRules {
		for id, settings := range e.Targets {
			name := arn[strings.LastIndex(arn, "/")+1:]
			if arn == r.eventRuleARN(name) && (r.id == name+"-"+id || r.id == name+"/"+id) {
				return name, id, settings
			}
		}
	}
	return "", "", nil
}

func putEventTarget(r *request) error {
	name := r.in.str("rule")
	rule := r.state.EventRules[r.eventRuleARN(name)]
	if rule == nil {
		return eventError("ResourceNotFoundException", fmt.Sprintf("Rule %s does not exist on EventBus default.", name))
	}
	if rule.Targets == nil {
		rule.Targets = map[string]map[string]any{}
	}
	settings := map[string]any{"arn": r.in.str("arn")}
	if r.in.has("inputTransformer") {
		settings["inputTransformer"] = r.in["inputTransformer"]
	}
	rule.Targets[r.in.str("targetId")] = settings
	return nil
}
