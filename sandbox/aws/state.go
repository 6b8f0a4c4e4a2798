package aws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// State is all that the embedded AWS holds, at the level of AWS's own objects, so that a change made behind Pulumi's
// back is seen like one. VPCs and subnets exist in every region; the rest is keyed by what AWS knows it by.
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

	// Made counts the objects that have borne each name, so that a new one gets ids of its own, the same in every run.
	Made map[string]int `json:"made,omitempty"`
}

// VPC is a network.
type VPC struct {
	CIDR         string `json:"cidr"`
	DNSHostnames bool   `json:"dnsHostnames"`
	DNSSupport   bool   `json:"dnsSupport"`
}

// Subnet is part of a VPC in one zone: the zone's name is the region's followed by the letter.
type Subnet struct {
	VPC  string `json:"vpc"`
	Zone string `json:"zone"`
	CIDR string `json:"cidr"`
}

// Interface is a network interface of a workload, such as an EC2 instance.
type Interface struct {
	Subnet         string   `json:"subnet"`
	SecurityGroups []string `json:"securityGroups"`
}

// Option changes the world at the start.
type Option func(*State)

// WithVPC adds a VPC with DNS on, and its subnets, in zones a, b, c and so on.
func WithVPC(id string, subnets ...string) Option {
	return func(s *State) {
		if s.VPCs[id] == nil {
			s.VPCs[id] = &VPC{CIDR: "10.0.0.0/16", DNSHostnames: true, DNSSupport: true}
		}
		for i, sub := range subnets {
			if s.Subnets[sub] == nil {
				s.Subnets[sub] = &Subnet{VPC: id, Zone: string(rune('a' + i%26)), CIDR: fmt.Sprintf("10.0.%d.0/24", i)}
			}
		}
	}
}

// WithAccount sets the account's number.
func WithAccount(id string) Option { return func(s *State) { s.Account = id } }

// world is the AWS that every test and sandbox starts from.
func world(opts []Option) *State {
	s := &State{Account: "123456789012"}
	s.fill()
	WithVPC("vpc-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b", "subnet-0a1b2c3d4e5f6071c")(s)
	s.Policies["MSK-Permission-Boundary"] = &Policy{
		Path: "/", ID: "ANPA0000000000BOUNDARY", Tags: map[string]string{},
		Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	}
	for _, o := range opts {
		o(s)
	}
	return s
}

// fill makes the maps that a document lacks.
func (s *State) fill() {
	ensure(&s.VPCs)
	ensure(&s.Subnets)
	ensure(&s.SecurityGroups)
	ensure(&s.Interfaces)
	ensure(&s.Clusters)
	ensure(&s.LogGroups)
	ensure(&s.Roles)
	ensure(&s.Policies)
	ensure(&s.InstanceProfiles)
	ensure(&s.Dashboards)
	ensure(&s.Alarms)
	ensure(&s.Made)
	for _, r := range s.Roles {
		ensure(&r.InlinePolicies)
	}
}

func ensure[K comparable, V any](m *map[K]V) {
	if *m == nil {
		*m = map[K]V{}
	}
}

// newID is n hex digits, derived from what the object is and how many of that name there were, for states that can be
// compared. AWS's are random.
func (s *State) newID(what, name string, n int) string {
	key := what + " " + name
	s.Made[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", key, s.Made[key]))
	return hex.EncodeToString(sum[:])[:n]
}

// Cloud is one AWS account: its state, the calls made to it, and the faults it has been told to have.
type Cloud struct {
	opts []Option
	path string // "" = in memory

	mu    sync.Mutex
	state *State

	record  sync.Mutex
	calls   []Call
	faults  []*Fault
	latency func(Call) time.Duration
}

// New is an account of its own, in memory.
func New(opts ...Option) *Cloud {
	return &Cloud{opts: opts, state: world(opts)}
}

// Open is the account whose state is kept in the file, which is made at the first change.
func Open(path string, opts ...Option) (*Cloud, error) {
	c := New(opts...)
	c.path = path
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return c, c.with(func(*State) error { return nil })
}

// with runs f on the state and keeps what it changes unless it fails: f makes its checks before its first change. Several
// processes can share a file: each call reads it anew, under a lock.
func (c *Cloud) with(f func(*State) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" {
		return f(c.state)
	}
	lock, err := os.OpenFile(c.path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	was, err := os.ReadFile(c.path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if c.state, err = decode(was, c.opts); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	if err := f(c.state); err != nil {
		return err
	}
	is, err := json.MarshalIndent(c.state, "", "  ")
	if err != nil || bytes.Equal(was, is) {
		return err
	}
	if err := os.WriteFile(c.path+".new", is, 0o644); err != nil {
		return err
	}
	return os.Rename(c.path+".new", c.path)
}

func decode(doc []byte, opts []Option) (*State, error) {
	if len(doc) == 0 {
		return world(opts), nil
	}
	s := &State{}
	if err := json.Unmarshal(doc, s); err != nil {
		return nil, err
	}
	s.fill()
	for _, o := range opts {
		o(s)
	}
	return s, nil
}

// Snapshot is a copy of the state that can be compared with another: what was made and is gone leaves no trace in it.
func (c *Cloud) Snapshot() *State {
	out := &State{}
	err := c.with(func(s *State) error {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, out)
	})
	if err != nil {
		panic(err) // the state file is gone or broken: nothing a test could go on with
	}
	out.fill()
	out.Made = nil
	return out
}

// Edit changes AWS behind Pulumi's back. Tags that an object has none of may be a nil map.
func (c *Cloud) Edit(f func(*State)) {
	if err := c.with(func(s *State) error { f(s); return nil }); err != nil {
		panic(err)
	}
}

// Changed lists what is not as it was at the start, each as kind and key ("roles collector"), sorted.
func (c *Cloud) Changed() []string {
	flat := func(s *State) map[string]string {
		var kinds map[string]json.RawMessage
		b, _ := json.Marshal(s)
		_ = json.Unmarshal(b, &kinds)
		out := map[string]string{}
		for kind, doc := range kinds {
			var items map[string]json.RawMessage
			if json.Unmarshal(doc, &items) == nil {
				for key, item := range items {
					out[kind+" "+key] = string(item)
				}
			}
		}
		return out
	}
	start := world(c.opts)
	start.Made = nil
	was, is := flat(start), flat(c.Snapshot())
	var out []string
	for key := range is {
		if was[key] != is[key] {
			out = append(out, key)
		}
		delete(was, key)
	}
	out = append(out, slices.Collect(maps.Keys(was))...)
	slices.Sort(out)
	return out
}
