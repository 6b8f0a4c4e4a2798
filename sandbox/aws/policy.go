package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy is a managed policy of the account, at its default version.
type Policy struct {
	Path        string            `json:"path"`
	ID          string            `json:"id"`
	Description string            `json:"description,omitempty"`
	Document    string            `json:"document"`
	Tags        map[string]string `json:"tags,omitempty"`
}

var policyType = &resourceType{
	title: "IAM Policy", service: "IAM", name: "name", maxName: 128,
	apis: map[Operation]string{
		Create: "CreatePolicy",
		Read:   "GetPolicy",
		Update: "CreatePolicyVersion",
		Delete: "DeletePolicy",
	},
	props: tagged(named(iamName(128), map[string]prop{
		"description": {shape: text, replaces: true, rule: length(0, 1000)},
		"path":        iamPath,
		"policy":      {shape: text, json: true, required: true, rule: isJSON},
	})),
	outputs: []string{"arn", "policyId", "attachmentCount"},
	create:  createPolicy, read: readPolicy, update: updatePolicy, delete: deletePolicy,
}

// policy finds the managed policy with the ARN. Those of AWS exist always.
func (s *State) policy(arn string) (p *Policy, exists bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "policy/") {
		return nil, false
	}
	if parts[4] == "aws" {
		return nil, true
	}
	path, name := splitPath(strings.TrimPrefix(parts[5], "policy"))
	p = s.Policies[name]
	if p == nil || p.Path != path || parts[4] != s.Account {
		return nil, false
	}
	return p, true
}

func createPolicy(r *request) (string, error) {
	name := r.physicalName("policy")
	for other := range r.state.Policies {
		if strings.EqualFold(other, name) {
			return "", &Error{
				Status:  409,
				Code:    "EntityAlreadyExists",
				Message: fmt.Sprintf("A policy called %s already exists. Duplicate names are not allowed.", name),
			}
		}
	}
	if e := checkPolicy(r.in.str("policy"), false, 6144, "PolicySize"); e != nil {
		return "", e
	}
	r.state.Policies[name] = &Policy{
		Path: r.in.str("path"), Description: r.in.str("description"), Document: r.in.str("policy"),
		Tags: r.in.dict("tagsAll"),
		ID:   "ANPA" + strings.ToUpper(r.state.newID("policy", name, 17)),
	}
	return r.arn("iam", "policy"+r.in.str("path")+name), nil
}

func readPolicy(r *request) (object, error) {
	p, _ := r.state.policy(r.id)
	if p == nil {
		return nil, nil
	}
	_, name := splitPath(r.id)
	return r.tagsOut(object{
		"arn": r.id, "name": name, "namePrefix": r.old.str("namePrefix"), "path": p.Path, "policy": p.Document,
		"policyId": p.ID, "description": p.Description, "attachmentCount": float64(r.state.attachments(r.id)),
	}, p.Tags), nil
}

func updatePolicy(r *request) error {
	p, _ := r.state.policy(r.id)
	if p == nil {
		return &Error{Status: 404, Code: "NoSuchEntity", Message: fmt.Sprintf("Policy %s was not found.", r.id)}
	}
	if e := checkPolicy(r.in.str("policy"), false, 6144, "PolicySize"); e != nil {
		return e
	}
	p.Document, p.Tags = r.in.str("policy"), r.in.dict("tagsAll")
	return nil
}

func deletePolicy(r *request) error {
	if r.state.attachments(r.id) > 0 {
		return &Error{Status: 409, Code: "DeleteConflict", Message: "Cannot delete a policy attached to entities."}
	}
	for _, role := range r.state.Roles {
		if role.Boundary == r.id {
			return &Error{
				Status:  409,
				Code:    "DeleteConflict",
				Message: "Cannot delete a policy that is in use as a permissions boundary.",
			}
		}
	}
	if p, _ := r.state.policy(r.id); p != nil {
		_, name := splitPath(r.id)
		delete(r.state.Policies, name)
	}
	return nil
}

func (s *State) attachments(arn string) (n int) {
	for _, role := range s.Roles {
		if slices.Contains(role.Attached, arn) {
			n++
		}
	}
	return n
}

func getPolicy(r *request) (object, error) {
	arn, name := r.in.str("arn"), r.in.str("name")
	if p := r.state.Policies[name]; arn == "" && p != nil {
		arn = r.arn("iam", "policy"+p.Path+name)
	}
	p, exists := r.state.policy(arn)
	if !exists {
		return nil, errors.New("couldn't find resource")
	}
	path, name := splitPath(arn[strings.Index(arn, ":policy/")+len(":policy"):])
	out := object{
		"id": arn, "arn": arn, "name": name, "path": path, "policyId": "ANPA0000000000000AWS", "description": "",
		"policy": "{}", "tags": map[string]any{}, "attachmentCount": float64(r.state.attachments(arn)),
	}
	if p != nil {
		tags := map[string]any{}
		for k, v := range p.Tags {
			tags[k] = v
		}
		out["policyId"], out["description"], out["policy"], out["tags"] = p.ID, p.Description, p.Document, tags
	}
	return out, nil
}
