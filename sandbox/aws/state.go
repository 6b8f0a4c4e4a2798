package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
)

// State is everything in the sandbox, as AWS's own objects, so that tests can change one behind Pulumi's back. VPCs and
// subnets exist in every region; the other keys are AWS's identifiers.
type State struct {
	Account          string                      `json:"account"`
	VPCs             map[string]*VPC             `json:"vpcs"`             // by id
	Subnets          map[string]*Subnet          `json:"subnets"`          // by id
	SecurityGroups   map[string]*SecurityGroup   `json:"securityGroups"`   // by id
	Interfaces       map[string]*Interface       `json:"interfaces"`       // by id; nothing here makes them, Edit does
	Clusters         map[string]*Cluster         `json:"clusters"`         // by ARN
	LogGroups        map[string]*LogGroup        `json:"logGroups"`        // by ARN
	Roles            map[string]*Role            `json:"roles"`            // by name
	Policies         map[string]*Policy          `json:"policies"`         // by name
	InstanceProfiles map[string]*InstanceProfile `json:"instanceProfiles"` // by name
	Dashboards       map[string]*Dashboard       `json:"dashboards"`       // by name
	Alarms           map[string]*Alarm           `json:"alarms"`           // by ARN
	EventRules       map[string]*EventRule       `json:"eventRules"`       // by ARN

	// Made counts the objects made so far under each name, so that a new one gets a new id, and the same id in every
	// run.
	Made map[string]int `json:"made,omitempty"`
}

// Option changes what a new sandbox holds.
type Option func(*State)

// WithAccount sets the account's number.
func WithAccount(id string) Option { return func(s *State) { s.Account = id } }

// initialState returns what every sandbox starts with: a VPC with three subnets, and the permissions boundary.
func initialState(opts []Option) *State {
	s := &State{Account: "123456789012"}
	s.fill()
	WithVPC("vpc-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b",
		"subnet-0a1b2c3d4e5f6071c")(s)
	s.Policies["MSK-Permission-Boundary"] = &Policy{
		Path: "/", ID: "ANPA0000000000BOUNDARY", Tags: map[string]string{},
		Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	}
	for _, o := range opts {
		o(s)
	}
	return s
}

// fill makes the maps that are nil.
func (s *State) fill() {
	for _, v := range reflect.ValueOf(s).Elem().Fields() {
		if v.Kind() == reflect.Map && v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
	for _, r := range s.Roles {
		if r.InlinePolicies == nil {
			r.InlinePolicies = map[string]string{}
		}
	}
}

// newID returns n hex digits, derived from what the object is and how many of that name were made before, so that
// states of two runs can be compared. AWS's ids are random.
func (s *State) newID(what, name string, n int) string {
	key := what + " " + name
	s.Made[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", key, s.Made[key]))
	return hex.EncodeToString(sum[:])[:n]
}
