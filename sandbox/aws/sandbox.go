package aws

import (
	"bytes"
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

// Sandbox is one AWS account: its state, the calls made to it, and the faults that tests gave it.
type Sandbox struct {
	opts []Option
	path string // empty if it is in memory

	mu    sync.Mutex
	state *State

	record  sync.Mutex
	calls   []Call
	faults  []*Fault
	latency func(Call) time.Duration
}

// New returns a new sandbox in memory, with a VPC, three subnets and the permissions boundary.
func New(opts ...Option) *Sandbox {
	return &Sandbox{opts: opts, state: initialState(opts)}
}

// Open returns the account whose state is kept in the file at path. The first change creates the file.
func Open(path string, opts ...Option) (*Sandbox, error) {
	c := New(opts...)
	c.path = path
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return c, c.with(func(*State) error { return nil })
}

// with runs f on the state and keeps its changes if it succeeds. f must make all its checks before its first change.
// Several processes can share a file: each call locks it and reads it again.
func (b *Sandbox) with(f func(*State) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path == "" {
		return f(b.state)
	}
	lock, err := os.OpenFile(b.path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	was, err := os.ReadFile(b.path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if b.state, err = decode(was, b.opts); err != nil {
		return fmt.Errorf("%s: %w", b.path, err)
	}
	if err := f(b.state); err != nil {
		return err
	}
	is, err := json.MarshalIndent(b.state, "", "  ")
	if err != nil || bytes.Equal(was, is) {
		return err
	}
	if err := os.WriteFile(b.path+".new", is, 0o644); err != nil {
		return err
	}
	return os.Rename(b.path+".new", b.path)
}

func decode(doc []byte, opts []Option) (*State, error) {
	if len(doc) == 0 {
		return initialState(opts), nil
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

// Snapshot returns a copy of the state for comparison with another. It leaves out the counts of deleted objects.
func (b *Sandbox) Snapshot() *State {
	out := &State{}
	err := b.with(func(s *State) error {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, out)
	})
	if err != nil {
		panic(err) // the state file is missing or broken, and no test can continue
	}
	out.fill()
	out.Made = nil
	return out
}

// Edit changes the sandbox behind Pulumi's back. An object without tags may have a nil map.
func (b *Sandbox) Edit(f func(*State)) {
	if err := b.with(func(s *State) error { f(s); return nil }); err != nil {
		panic(err)
	}
}

// Changed returns what differs from the start, as kind and key ("roles collector"), sorted.
func (b *Sandbox) Changed() []string {
	flat := func(s *State) map[string]string {
		var kinds map[string]json.RawMessage
		doc, _ := json.Marshal(s)
		_ = json.Unmarshal(doc, &kinds)
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
	start := initialState(b.opts)
	start.Made = nil
	was, is := flat(start), flat(b.Snapshot())
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
