package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
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

// Policy is a managed policy of the account, at its default version.
type Policy struct {
	Path        string            `json:"path"`
	ID          string            `json:"id"`
	Description string            `json:"description,omitempty"`
	Document    string            `json:"document"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// InstanceProfile lends a role to EC2 instances.
type InstanceProfile struct {
	Path string            `json:"path"`
	ID   string            `json:"id"`
	Role string            `json:"role,omitempty"` // name
	Tags map[string]string `json:"tags,omitempty"`
}

const created = "2026-01-01T00:00:00Z" // every object's date, so that states can be compared

// Names in IAM: letters, digits and +=,.@_- ; 64 characters for a role, 128 for the others (IAM's quotas).
func iamName(n int) func(any) string {
	return match(fmt.Sprintf(`[\w+=,.@-]{1,%d}`, n), fmt.Sprintf("1 to %d of a-zA-Z0-9+=,.@_-", n))
}

var (
	iamPath = prop{shape: text, replaces: true, def: "/", rule: match(`/|/.{1,510}/`, "a path that begins and ends with /")}
	arnRule = match(`arn:aws[a-z-]*:[^:]*:[^:]*:[^:]*:.+`, "an ARN")

	roleKind = &kind{
		title: "IAM Role", service: "IAM", name: "name", maxName: 64,
		ops: map[Kind]string{Create: "CreateRole", Read: "GetRole", Update: "UpdateRole", Delete: "DeleteRole"},
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
			"managedPolicyArns": {shape: set, computed: true, of: &prop{shape: text, rule: arnRule}},
		})),
		outputs: []string{"arn", "createDate", "uniqueId"},
		create:  createRole, read: readRole, update: updateRole, delete: deleteRole,
	}

	policyKind = &kind{
		title: "IAM Policy", service: "IAM", name: "name", maxName: 128,
		ops: map[Kind]string{Create: "CreatePolicy", Read: "GetPolicy", Update: "CreatePolicyVersion", Delete: "DeletePolicy"},
		props: tagged(named(iamName(128), map[string]prop{
			"description": {shape: text, replaces: true, rule: length(0, 1000)},
			"path":        iamPath,
			"policy":      {shape: text, json: true, required: true, rule: isJSON},
		})),
		outputs: []string{"arn", "policyId", "attachmentCount"},
		create:  createPolicy, read: readPolicy, update: updatePolicy, delete: deletePolicy,
	}

	profileKind = &kind{
		title: "IAM Instance Profile", service: "IAM", name: "name", maxName: 128,
		ops: map[Kind]string{
			Create: "CreateInstanceProfile", Read: "GetInstanceProfile", Update: "AddRoleToInstanceProfile",
			Delete: "DeleteInstanceProfile",
		},
		props:   tagged(named(iamName(128), map[string]prop{"path": iamPath, "role": {shape: text}})),
		outputs: []string{"arn", "createDate", "uniqueId"},
		create:  createProfile, read: readProfile, update: updateProfile,
		delete: func(r *request) error { delete(r.InstanceProfiles, r.id); return nil },
	}

	// An attachment's id is what it is imported by: the role's name, a slash, and the policy's ARN.
	attachmentKind = &kind{
		title: "IAM Role Policy Attachment", service: "IAM",
		ops: map[Kind]string{Create: "AttachRolePolicy", Read: "ListAttachedRolePolicies", Delete: "DetachRolePolicy"},
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
			role := r.Roles[name]
			if role == nil || !slices.Contains(role.Attached, policy) {
				return nil, nil
			}
			return object{"role": name, "policyArn": policy}, nil
		},
		update: func(*request) error { return nil },
		delete: func(r *request) error {
			name, policy, _ := strings.Cut(r.id, "/")
			if role := r.Roles[name]; role != nil {
				role.Attached = slices.DeleteFunc(role.Attached, func(a string) bool { return a == policy })
			}
			return nil
		},
	}

	// Its creation and update attach what is missing and detach the rest; its deletion does nothing.
	exclusiveKind = &kind{
		title: "IAM Role Policy Attachments Exclusive", service: "IAM",
		ops: map[Kind]string{Create: "AttachRolePolicy", Read: "ListAttachedRolePolicies", Update: "AttachRolePolicy"},
		props: map[string]prop{
			"roleName":   {shape: text, required: true, replaces: true},
			"policyArns": {shape: set, required: true, of: &prop{shape: text}},
		},
		create: func(r *request) (string, error) { return r.in.str("roleName"), setAttached(r) },
		read: func(r *request) (object, error) {
			role := r.Roles[r.id]
			if role == nil {
				return nil, nil
			}
			return object{"roleName": r.id, "policyArns": anys(role.Attached)}, nil
		},
		update: setAttached,
		delete: func(*request) error { return nil },
	}
)

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// physicalName is the name of a new object: the one given, or the prefix and 26 digits, as the provider makes it.
func (r *request) physicalName(what string) string {
	if n := r.in.str("name"); n != "" {
		return n
	}
	prefix := r.in.str("namePrefix")
	return prefix + r.newID(what+" prefix", prefix, 26)
}

func (r *request) role(name string) (*Role, error) {
	if role := r.Roles[name]; role != nil {
		return role, nil
	}
	return nil, &Error{404, "NoSuchEntity", fmt.Sprintf("The role with name %s cannot be found.", name)}
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
	if p = s.Policies[name]; p == nil || p.Path != path || parts[4] != s.Account {
		return nil, false
	}
	return p, true
}

func splitPath(s string) (path, name string) {
	i := strings.LastIndex(s, "/") + 1
	return s[:i], s[i:]
}

func (r *request) checkBoundary(arn string) error {
	if _, ok := r.policy(arn); arn != "" && !ok {
		return &Error{404, "NoSuchEntity", fmt.Sprintf("Scope ARN: %s does not exist or is not attachable.", arn)}
	}
	return nil
}

// attach makes the list of policies the role's: they exist, and there are at most 10 (IAM's default quota).
func (r *request) attach(role *Role, arns []string) error {
	arns = slices.Clone(arns)
	slices.Sort(arns)
	arns = slices.Compact(arns)
	for _, a := range arns {
		if _, ok := r.policy(a); !ok {
			return &Error{404, "NoSuchEntity", fmt.Sprintf("Policy %s does not exist or is not attachable.", a)}
		}
	}
	if len(arns) > 10 && len(arns) > len(role.Attached) {
		return &Error{409, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10"}
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

func createRole(r *request) (string, error) {
	name := r.physicalName("role")
	for other := range r.Roles { // names differ by more than case
		if strings.EqualFold(other, name) {
			return "", &Error{409, "EntityAlreadyExists", fmt.Sprintf("Role with name %s already exists.", name)}
		}
	}
	role := &Role{Path: r.in.str("path"), InlinePolicies: map[string]string{}}
	if err := r.putRole(role); err != nil {
		return "", err
	}
	role.ID = "AROA" + strings.ToUpper(r.newID("role", name, 17))
	r.Roles[name] = role
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
	if in.has("managedPolicyArns") {
		if err := r.attach(role, in.strs("managedPolicyArns")); err != nil {
			return err
		}
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
	role := r.Roles[r.id]
	if role == nil {
		return nil, nil
	}
	policies := []any{}
	for _, name := range slices.Sorted(maps.Keys(role.InlinePolicies)) {
		policies = append(policies, map[string]any{"name": name, "policy": role.InlinePolicies[name]})
	}
	out := object{
		"arn": r.arn("iam", "role"+role.Path+r.id), "name": r.id, "namePrefix": r.old.str("namePrefix"), "path": role.Path,
		"uniqueId": role.ID, "createDate": created, "assumeRolePolicy": role.TrustPolicy, "description": role.Description,
		"maxSessionDuration": float64(role.MaxSessionDuration), "inlinePolicies": policies,
		"managedPolicyArns": anys(role.Attached),
	}
	if role.Boundary != "" {
		out["permissionsBoundary"] = role.Boundary
	}
	return r.tagsOut(out, role.Tags), nil
}

// deleteRole does as the provider: it takes the role out of instance profiles, always, and detaches and deletes policies
// if it is told to (forceDetachPolicies), or as far as the role's own inputs or last refresh list them. IAM refuses what
// is left.
func deleteRole(r *request) error {
	role := r.Roles[r.id]
	if role == nil {
		return nil
	}
	force := r.old.flag("forceDetachPolicies")
	if len(role.Attached) > 0 && !force && len(r.old.list("managedPolicyArns")) == 0 {
		return &Error{409, "DeleteConflict", "Cannot delete entity, must detach all policies first."}
	}
	if len(role.InlinePolicies) > 0 && !force && len(r.old.list("inlinePolicies")) == 0 {
		return &Error{409, "DeleteConflict", "Cannot delete entity, must delete policies first."}
	}
	for _, p := range r.InstanceProfiles {
		if p.Role == r.id {
			p.Role = ""
		}
	}
	delete(r.Roles, r.id)
	return nil
}

func createProfile(r *request) (string, error) {
	name := r.physicalName("instance-profile")
	if r.InstanceProfiles[name] != nil {
		return "", &Error{409, "EntityAlreadyExists", fmt.Sprintf("Instance Profile %s already exists.", name)}
	}
	p := &InstanceProfile{Path: r.in.str("path")}
	if err := r.putProfile(p); err != nil {
		return "", err
	}
	p.ID = "AIPA" + strings.ToUpper(r.newID("instance-profile", name, 17))
	r.InstanceProfiles[name] = p
	return name, nil
}

func updateProfile(r *request) error {
	p := r.InstanceProfiles[r.id]
	if p == nil {
		return &Error{404, "NoSuchEntity", fmt.Sprintf("Instance Profile %s cannot be found.", r.id)}
	}
	return r.putProfile(p)
}

func (r *request) putProfile(p *InstanceProfile) error {
	role := r.in.str("role")
	if role != "" {
		if _, err := r.role(role); err != nil {
			return err
		}
	}
	p.Role, p.Tags = role, r.in.dict("tagsAll")
	return nil
}

func readProfile(r *request) (object, error) {
	p := r.InstanceProfiles[r.id]
	if p == nil {
		return nil, nil
	}
	out := object{
		"arn": r.arn("iam", "instance-profile"+p.Path+r.id), "name": r.id, "namePrefix": r.old.str("namePrefix"),
		"path": p.Path, "uniqueId": p.ID, "createDate": created,
	}
	if p.Role != "" {
		out["role"] = p.Role
	}
	return r.tagsOut(out, p.Tags), nil
}

func createPolicy(r *request) (string, error) {
	name := r.physicalName("policy")
	for other := range r.Policies {
		if strings.EqualFold(other, name) {
			return "", &Error{409, "EntityAlreadyExists", fmt.Sprintf("A policy called %s already exists. Duplicate names are not allowed.", name)}
		}
	}
	if e := checkPolicy(r.in.str("policy"), false, 6144, "PolicySize"); e != nil {
		return "", e
	}
	r.Policies[name] = &Policy{
		Path: r.in.str("path"), Description: r.in.str("description"), Document: r.in.str("policy"), Tags: r.in.dict("tagsAll"),
		ID: "ANPA" + strings.ToUpper(r.newID("policy", name, 17)),
	}
	return r.arn("iam", "policy"+r.in.str("path")+name), nil
}

func readPolicy(r *request) (object, error) {
	p, _ := r.policy(r.id)
	if p == nil {
		return nil, nil
	}
	_, name := splitPath(r.id)
	return r.tagsOut(object{
		"arn": r.id, "name": name, "namePrefix": r.old.str("namePrefix"), "path": p.Path, "policy": p.Document,
		"policyId": p.ID, "description": p.Description, "attachmentCount": float64(r.attachments(r.id)),
	}, p.Tags), nil
}

func updatePolicy(r *request) error {
	p, _ := r.policy(r.id)
	if p == nil {
		return &Error{404, "NoSuchEntity", fmt.Sprintf("Policy %s was not found.", r.id)}
	}
	if e := checkPolicy(r.in.str("policy"), false, 6144, "PolicySize"); e != nil {
		return e
	}
	p.Document, p.Tags = r.in.str("policy"), r.in.dict("tagsAll")
	return nil
}

func deletePolicy(r *request) error {
	if r.attachments(r.id) > 0 {
		return &Error{409, "DeleteConflict", "Cannot delete a policy attached to entities."}
	}
	for _, role := range r.Roles {
		if role.Boundary == r.id {
			return &Error{409, "DeleteConflict", "Cannot delete a policy that is in use as a permissions boundary."}
		}
	}
	if p, _ := r.policy(r.id); p != nil {
		_, name := splitPath(r.id)
		delete(r.Policies, name)
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
	if p := r.Policies[name]; arn == "" && p != nil {
		arn = r.arn("iam", "policy"+p.Path+name)
	}
	p, exists := r.policy(arn)
	if !exists {
		return nil, errors.New("couldn't find resource")
	}
	path, name := splitPath(arn[strings.Index(arn, ":policy/")+len(":policy"):])
	out := object{
		"id": arn, "arn": arn, "name": name, "path": path, "policyId": "ANPA0000000000000AWS", "description": "",
		"policy": "{}", "tags": map[string]any{}, "attachmentCount": float64(r.attachments(arn)),
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

var (
	actionForm   = regexp.MustCompile(`^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$`)
	resourceForm = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+)$`)
	sidForm      = regexp.MustCompile(`^[a-zA-Z0-9]*$`)
)

// checkPolicy refuses a document that does not follow the grammar of IAM's policies, or that is larger than the quota:
// white space does not count.
func checkPolicy(doc string, trust bool, limit int, quota string) error {
	malformed := func(message string) error { return &Error{400, "MalformedPolicyDocument", message} }
	var p struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := strict(doc, &p); err != nil || p.Statement == nil {
		return malformed("Syntax errors in policy.")
	}
	if !slices.Contains([]string{"", "2008-10-17", "2012-10-17"}, p.Version) {
		return malformed("The policy must contain a valid version string")
	}
	var statements []json.RawMessage
	if json.Unmarshal(p.Statement, &statements) != nil {
		statements = []json.RawMessage{p.Statement}
	}
	sids := map[string]bool{}
	for _, s := range statements {
		if problem := checkStatement(string(s), trust, sids); problem != "" {
			return malformed(problem)
		}
	}
	size := 0
	for _, r := range doc {
		if !unicode.IsSpace(r) {
			size++
		}
	}
	if len(statements) == 0 {
		return malformed("Syntax errors in policy.")
	}
	if size > limit {
		return &Error{409, "LimitExceeded", fmt.Sprintf("Cannot exceed quota for %s: %d", quota, limit)}
	}
	return nil
}

// oneOrMore is a string or a list of strings.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

func strict(doc string, v any) error {
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func checkStatement(doc string, trust bool, sids map[string]bool) string {
	var s struct {
		Sid, Effect                              string
		Action, NotAction, Resource, NotResource oneOrMore
		Principal, NotPrincipal                  any
		Condition                                map[string]map[string]any
	}
	if strict(doc, &s) != nil || s.Effect != "Allow" && s.Effect != "Deny" {
		return "Syntax errors in policy."
	}
	if !sidForm.MatchString(s.Sid) {
		return "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	}
	if s.Sid != "" && sids[s.Sid] {
		return "Statement IDs (SID) in a single policy must be unique."
	}
	sids[s.Sid] = true
	if len(s.Action)+len(s.NotAction) == 0 {
		return "Policy statement must contain actions."
	}
	for _, a := range slices.Concat(s.Action, s.NotAction) {
		if !actionForm.MatchString(a) {
			return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		}
	}
	principal := s.Principal != nil || s.NotPrincipal != nil
	if resources := len(s.Resource) + len(s.NotResource); trust {
		if resources > 0 {
			return "Has prohibited field Resource"
		}
		if !principal {
			return "Missing required field Principal"
		}
	} else if principal {
		return "Policy document should not specify a principal."
	} else if resources == 0 {
		return "Policy statement must contain resources."
	}
	for _, r := range slices.Concat(s.Resource, s.NotResource) {
		if !resourceForm.MatchString(r) {
			return fmt.Sprintf("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	return ""
}
