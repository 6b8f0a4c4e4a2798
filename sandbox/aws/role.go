package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Role is an IAM role with all that hangs on it.
type Role struct {
	Path               string            `json:"path"`
	ID                 string            `json:"id"`
	TrustPolicy        string            `json:"trustPolicy"`
	Description        string            `json:"description,omitempty"`
	MaxSessionDuration int               `json:"maxSessionDuration"`
	Boundary           string            `json:"boundary,omitempty"`       // ARN
	Attached           []string          `json:"attached,omitempty"`       // ARNs of managed policies, sorted
	InlinePolicies     map[string]string `json:"inlinePolicies,omitempty"` // documents by name
	Tags               map[string]string `json:"tags,omitempty"`
}

var roleType = &resourceType{
	title: "IAM Role", service: "IAM", name: "name", maxName: 64,
	apis: map[Operation]string{Create: "CreateRole", Read: "GetRole", Update: "UpdateRole", Delete: "DeleteRole"},
	props: tagged(named(iamName(64), map[string]prop{
		"assumeRolePolicy": {shape: text, json: true, required: true, rule: isJSON},
		"description":      {shape: text, rule: length(0, 1000)}, "path": iamPath,
		"permissionsBoundary": {shape: text, rule: arnRule},
		"maxSessionDuration":  {shape: number, def: 3600.0, rule: between(3600, 43200)},
		"forceDetachPolicies": {shape: flag, local: true, def: false},
		// Given, even as one empty block, they are all that there may be; left out they are whatever there is.
		"inlinePolicies": {shape: set, computed: true, of: &prop{shape: block, fields: map[string]prop{
			"name": {shape: text, rule: iamName(128)}, "policy": {shape: text, json: true, rule: isJSON},
		}}},
	})),
	outputs: []string{"arn", "createDate", "uniqueId"},
	create:  createRole, read: readRole, update: updateRole, delete: deleteRole,
}

func (r *request) role(name string) (*Role, error) {
	if role := r.state.Roles[name]; role != nil {
		return role, nil
	}
	return nil, &Error{
		Status:  404,
		Code:    "NoSuchEntity",
		Message: fmt.Sprintf("The role with name %s cannot be found.", name),
	}
}

func (r *request) checkBoundary(arn string) error {
	if _, ok := r.state.policy(arn); arn != "" && !ok {
		return &Error{
			Status:  404,
			Code:    "NoSuchEntity",
			Message: fmt.Sprintf("Scope ARN: %s does not exist or is not attachable.", arn),
		}
	}
	return nil
}

func createRole(r *request) (string, error) {
	name := r.physicalName("role")
	for other := range r.state.Roles { // names differ by more than case
		if strings.EqualFold(other, name) {
			return "", &Error{
				Status:  409,
				Code:    "EntityAlreadyExists",
				Message: fmt.Sprintf("Role with name %s already exists.", name),
			}
		}
	}
	role := &Role{Path: r.in.str("path"), InlinePolicies: map[string]string{}}
	if err := r.putRole(role); err != nil {
		return "", err
	}
	role.ID = "AROA" + strings.ToUpper(r.state.newID("role", name, 17))
	r.state.Roles[name] = role
	return name, nil
}

func updateRole(r *request) error {
	role, err := r.role(r.id)
	if err != nil {
		return err
	}
	return r.putRole(role)
}

// putRole sets all of a role that can be changed.
func (r *request) putRole(role *Role) error {
	in := r.in
	if e := checkPolicy(in.str("assumeRolePolicy"), true, 2048, "ACLSizePerRole"); e != nil {
		return e
	}
	if err := r.checkBoundary(in.str("permissionsBoundary")); err != nil {
		return err
	}
	policies := map[string]string{}
	for _, v := range in.list("inlinePolicies") {
		p := object(v.(map[string]any))
		if !p.has("name") {
			continue // the empty block: no policy at all
		}
		if e := checkPolicy(p.str("policy"), false, 10240, "InlinePolicyLimitPerRole"); e != nil {
			return e
		}
		policies[p.str("name")] = p.str("policy")
	}
	if in.has("inlinePolicies") {
		role.InlinePolicies = policies
	}
	role.TrustPolicy, role.Description = in.str("assumeRolePolicy"), in.str("description")
	role.MaxSessionDuration, role.Boundary = in.num("maxSessionDuration"), in.str("permissionsBoundary")
	role.Tags = in.dict("tagsAll")
	return nil
}

func readRole(r *request) (object, error) {
	role := r.state.Roles[r.id]
	if role == nil {
		return nil, nil
	}
	policies := []any{}
	for _, name := range slices.Sorted(maps.Keys(role.InlinePolicies)) {
		policies = append(policies, map[string]any{"name": name, "policy": role.InlinePolicies[name]})
	}
	out := object{
		"arn":  r.arn("iam", "role"+role.Path+r.id),
		"name": r.id, "namePrefix": r.old.str("namePrefix"), "path": role.Path,
		"uniqueId": role.ID, "createDate": created, "assumeRolePolicy": role.TrustPolicy, "description": role.Description,
		"maxSessionDuration": float64(role.MaxSessionDuration), "inlinePolicies": policies,
	}
	if role.Boundary != "" {
		out["permissionsBoundary"] = role.Boundary
	}
	return r.tagsOut(out, role.Tags), nil
}

// deleteRole does as the provider: it takes the role out of instance profiles, always, and detaches and deletes
// policies if it is told to (forceDetachPolicies), or as far as the role's own inputs or last refresh list them. IAM
// refuses what is left.
func deleteRole(r *request) error {
	role := r.state.Roles[r.id]
	if role == nil {
		return nil
	}
	force := r.old.flag("forceDetachPolicies")
	if len(role.Attached) > 0 && !force {
		return &Error{
			Status:  409,
			Code:    "DeleteConflict",
			Message: "Cannot delete entity, must detach all policies first.",
		}
	}
	if len(role.InlinePolicies) > 0 && !force && len(r.old.list("inlinePolicies")) == 0 {
		return &Error{Status: 409, Code: "DeleteConflict", Message: "Cannot delete entity, must delete policies first."}
	}
	for _, p := range r.state.InstanceProfiles {
		if p.Role == r.id {
			p.Role = ""
		}
	}
	delete(r.state.Roles, r.id)
	return nil
}
