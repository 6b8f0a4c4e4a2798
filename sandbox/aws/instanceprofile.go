package aws

import (
	"fmt"
	"strings"
)

// InstanceProfile lends a role to EC2 instances.
type InstanceProfile struct {
	Path string            `json:"path"`
	ID   string            `json:"id"`
	Role string            `json:"role,omitempty"` // name
	Tags map[string]string `json:"tags,omitempty"`
}

var profileType = &resourceType{
	title: "IAM Instance Profile", service: "IAM", name: "name", maxName: 128,
	apis: map[Operation]string{
		Create: "CreateInstanceProfile", Read: "GetInstanceProfile", Update: "AddRoleToInstanceProfile",
		Delete: "DeleteInstanceProfile",
	},
	props:   tagged(named(iamName(128), map[string]prop{"path": iamPath, "role": {shape: text}})),
	outputs: []string{"arn", "createDate", "uniqueId"},
	create:  createProfile, read: readProfile, update: updateProfile,
	delete: func(r *request) error { delete(r.state.InstanceProfiles, r.id); return nil },
}

func createProfile(r *request) (string, error) {
	name := r.physicalName("instance-profile")
	if r.state.InstanceProfiles[name] != nil {
		return "", &Error{
			Status:  409,
			Code:    "EntityAlreadyExists",
			Message: fmt.Sprintf("Instance Profile %s already exists.", name),
		}
	}
	p := &InstanceProfile{Path: r.in.str("path")}
	if err := r.putProfile(p); err != nil {
		return "", err
	}
	p.ID = "AIPA" + strings.ToUpper(r.state.newID("instance-profile", name, 17))
	r.state.InstanceProfiles[name] = p
	return name, nil
}

func updateProfile(r *request) error {
	p := r.state.InstanceProfiles[r.id]
	if p == nil {
		return &Error{
			Status:  404,
			Code:    "NoSuchEntity",
			Message: fmt.Sprintf("Instance Profile %s cannot be found.", r.id),
		}
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
	p := r.state.InstanceProfiles[r.id]
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
