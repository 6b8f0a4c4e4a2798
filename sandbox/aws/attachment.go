package aws

import (
	"fmt"
	"slices"
	"strings"
)

// An attachment's id is what it is imported by: the role's name, a slash, and the policy's ARN.
var attachmentType = &resourceType{
	title: "IAM Role Policy Attachment", service: "IAM",
	apis: map[Operation]string{
		Create: "AttachRolePolicy",
		Read:   "ListAttachedRolePolicies",
		Delete: "DetachRolePolicy",
	},
	props: map[string]prop{
		"role":      {shape: text, required: true, replaces: true},
		"policyArn": {shape: text, required: true, replaces: true, rule: arnRule},
	},
	create: func(r *request) (string, error) {
		name, policy := r.in.str("role"), r.in.str("policyArn")
		role, err := r.role(name)
		if err != nil {
			return "", err
		}
		return name + "/" + policy, r.attach(role, append(slices.Clone(role.Attached), policy))
	},
	read: func(r *request) (object, error) {
		name, policy, _ := strings.Cut(r.id, "/")
		role := r.state.Roles[name]
		if role == nil || !slices.Contains(role.Attached, policy) {
			return nil, nil
		}
		return object{"role": name, "policyArn": policy}, nil
	},
	update: func(*request) error { return nil },
	delete: func(r *request) error {
		name, policy, _ := strings.Cut(r.id, "/")
		if role := r.state.Roles[name]; role != nil {
			role.Attached = slices.DeleteFunc(role.Attached, func(a string) bool { return a == policy })
		}
		return nil
	},
}

// Its creation and update attach what is missing and detach the rest; its deletion does nothing.
var exclusiveType = &resourceType{
	title: "IAM Role Policy Attachments Exclusive", service: "IAM",
	apis: map[Operation]string{
		Create: "AttachRolePolicy",
		Read:   "ListAttachedRolePolicies",
		Update: "AttachRolePolicy",
	},
	props: map[string]prop{
		"roleName":   {shape: text, required: true, replaces: true},
		"policyArns": {shape: set, required: true, of: &prop{shape: text}},
	},
	create: func(r *request) (string, error) { return r.in.str("roleName"), setAttached(r) },
	read: func(r *request) (object, error) {
		role := r.state.Roles[r.id]
		if role == nil {
			return nil, nil
		}
		return object{"roleName": r.id, "policyArns": anys(role.Attached)}, nil
	},
	update: setAttached,
	delete: func(*request) error { return nil },
}

// attach makes the list of policies the role's: they exist, and there are at most 10 (IAM's default quota).
func (r *request) attach(role *Role, arns []string) error {
	arns = slices.Clone(arns)
	slices.Sort(arns)
	arns = slices.Compact(arns)
	for _, a := range arns {
		if _, ok := r.state.policy(a); !ok {
			return &Error{
				Status:  404,
				Code:    "NoSuchEntity",
				Message: fmt.Sprintf("Policy %s does not exist or is not attachable.", a),
			}
		}
	}
	if len(arns) > 10 && len(arns) > len(role.Attached) {
		return &Error{Status: 409, Code: "LimitExceeded", Message: "Cannot exceed quota for PoliciesPerRole: 10"}
	}
	role.Attached = arns
	return nil
}

func setAttached(r *request) error {
	role, err := r.role(r.in.str("roleName"))
	if err != nil {
		return err
	}
	return r.attach(role, r.in.strs("policyArns"))
}
