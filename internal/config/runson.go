package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// RunsOn is what a client runs on: what may assume its role. A client can run on several things at once, such as one
// that moves from instances to pods.
type RunsOn struct {
	EC2         Yes           `json:"ec2"`
	ECS         Yes           `json:"ecs"`
	PodIdentity []PodIdentity `json:"podIdentity"`
	IRSA        []IRSA        `json:"irsa"`
	Lambda      Yes           `json:"lambda"`
	MSKConnect  Yes           `json:"mskConnect"`
	Account     *OtherAccount `json:"account"`
}

// PodIdentity is a service account of an EKS cluster in the stack's account and region, with EKS Pod Identity.
type PodIdentity struct {
	Cluster        string `json:"cluster"`
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
}

// IRSA is a service account of a Kubernetes cluster whose tokens an OpenID Connect provider of the account trusts.
type IRSA struct {
	ProviderARN    string `json:"providerArn"`
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
}

// OtherAccount is an account whose principals may assume the role: exactly those roles, or all that know the external
// id, or those roles if they know it.
type OtherAccount struct {
	ID         string   `json:"id"`
	RoleARNs   []string `json:"roleArns"`
	ExternalID string   `json:"externalId"`
}

// Yes is a setting that is true or left out.
type Yes bool

// UnmarshalJSON reads true.
func (y *Yes) UnmarshalJSON(b []byte) error {
	if string(b) != "true" {
		return errors.New("not true")
	}
	return json.Unmarshal(b, (*bool)(y))
}

// Kinds returns the keys of what the client runs on, in the order of RunsOn's fields.
func (r RunsOn) Kinds() []string {
	var kinds []string
	for f, v := range reflect.ValueOf(r).Fields() {
		if !v.IsZero() {
			kinds = append(kinds, f.Tag.Get("json"))
		}
	}
	return kinds
}

func (r RunsOn) validate(ps *Problems, key string) {
	if len(r.Kinds()) == 0 {
		ps.Add(key, nil, "name at least one of %s, or remove runsOn: the client then has a policy and no role", fieldsOf(r))
	}
	if r.PodIdentity != nil && len(r.PodIdentity) == 0 {
		ps.Add(key+".podIdentity", r.PodIdentity, "list at least one service account, or remove it")
	}
	if r.IRSA != nil && len(r.IRSA) == 0 {
		ps.Add(key+".irsa", r.IRSA, "list at least one service account, or remove it")
	}
	for i, p := range r.PodIdentity {
		at := indexed(key+".podIdentity", i, len(r.PodIdentity))
		ps.match(at+".cluster", p.Cluster, eksClusterRule)
		validateServiceAccount(ps, at, p.Namespace, p.ServiceAccount)
	}
	for i, p := range r.IRSA {
		at := indexed(key+".irsa", i, len(r.IRSA))
		ps.match(at+".providerArn", p.ProviderARN, oidcProviderRule)
		validateServiceAccount(ps, at, p.Namespace, p.ServiceAccount)
	}
	if r.Account != nil {
		r.Account.validate(ps, key+".account")
	}
}

func validateServiceAccount(ps *Problems, key, namespace, account string) {
	ps.match(key+".namespace", namespace, namespaceRule)
	ps.match(key+".serviceAccount", account, serviceAccountRule)
}

func (a OtherAccount) validate(ps *Problems, key string) {
	ps.match(key+".id", a.ID, accountRule)
	if a.ExternalID != "" {
		ps.match(key+".externalId", a.ExternalID, externalIDRule)
	}
	if a.ExternalID == "" && len(a.RoleARNs) == 0 {
		ps.Add(key, nil, "set externalId, which the other account must give, or list its roles in roleArns: "+
			"without them, everything in the account could assume the role")
	}
	ps.matchAll(key+".roleArns", a.RoleARNs, roleRule)
	for _, arn := range a.RoleARNs {
		if roleRule.form.MatchString(arn) && !strings.Contains(arn, "::"+a.ID+":") {
			ps.Add(key+".roleArns", arn, "must be a role of account %s", a.ID)
		}
	}
}

// claim adds the service accounts to pods, which maps each to the key that names it. EKS gives a service account one
// role, so one that two clients name is a problem, and so is one that is named twice.
func (r RunsOn) claim(ps *Problems, key string, pods map[string]string) {
	claim := func(at string, pod any, id string) {
		if other, ok := pods[id]; ok {
			ps.Add(at, pod, "already in %s, and a service account has one role: remove one", other)
			return
		}
		pods[id] = at
	}
	for i, p := range r.PodIdentity {
		claim(indexed(key+".podIdentity", i, len(r.PodIdentity)), p, fmt.Sprint("podIdentity ", p))
	}
	for i, p := range r.IRSA {
		claim(indexed(key+".irsa", i, len(r.IRSA)), p, fmt.Sprint("irsa ", p))
	}
}

// indexed returns the key of a list's entry, or of the list if it has only one, which may be written without a list.
func indexed(key string, i, n int) string {
	if n == 1 {
		return key
	}
	return fmt.Sprintf("%s[%d]", key, i)
}
