package aws

import (
	"context"
	"slices"
	"time"
)

// Kind is what a call does.
type Kind string

// The kinds of calls.
const (
	Create Kind = "create"
	Read   Kind = "read"
	Update Kind = "update"
	Delete Kind = "delete"
	LookUp Kind = "look up"
)

// Call is one call that reached AWS. Previews make only reads and look-ups.
type Call struct {
	Kind Kind
	Type string // token of the resource or function
	Name string // the resource's name in the program, "" for a look-up
	ID   string // of the object, "" if it has none yet
	Err  string // what it failed with, "" if it did not
}

// Changes says whether the call is of a kind that changes AWS.
func (c Call) Changes() bool { return c.Kind == Create || c.Kind == Update || c.Kind == Delete }

// Error is an answer of AWS that is not the one hoped for.
type Error struct {
	Status  int // HTTP
	Code    string
	Message string
}

func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

// Errors that a Fault can have; any other Error will do as well.
var (
	Throttled   = &Error{400, "ThrottlingException", "Rate exceeded"}
	Denied      = &Error{403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/deploy/pulumi is not authorized to perform this action because no identity-based policy allows it"}
	Unavailable = &Error{503, "ServiceUnavailable", "Service is unable to handle request."}
	// Lost is an answer that never arrives; with Fault.After the call has done its work.
	Lost = &Error{0, "", "request send failed, EOF"}
	// ClusterFailed and ClusterTimeout are for the creation of a cluster: its id is known, and it turns FAILED, or is
	// still being made when the provider stops waiting.
	ClusterFailed  = &Error{0, "", "unexpected state 'FAILED', wanted target 'ACTIVE'. last error: InternalError: the cluster could not be created"}
	ClusterTimeout = &Error{0, "", "timeout while waiting for state to become 'ACTIVE' (last state: 'CREATING', timeout: 2h0m0s)"}
)

// Fault makes calls fail. It hits the calls that its zero-free fields name: the n-th of them if Nth is set, else all.
type Fault struct {
	Kind  Kind
	Type  string
	Name  string
	Nth   int    // counted from 1, from when the fault was set
	After bool   // the call does its work and only its answer is an error
	Error *Error // Unavailable if nil

	seen int
}

// Fail adds a fault.
func (c *Cloud) Fail(f Fault) {
	c.record.Lock()
	defer c.record.Unlock()
	if f.Error == nil {
		f.Error = Unavailable
	}
	c.faults = append(c.faults, &f)
}

// Heal takes all faults away.
func (c *Cloud) Heal() {
	c.record.Lock()
	defer c.record.Unlock()
	c.faults = nil
}

// Latency makes every call take as long as f says. The time passes after the call's work is done, before its answer, as
// when the provider waits for a cluster; calls wait side by side.
func (c *Cloud) Latency(f func(Call) time.Duration) {
	c.record.Lock()
	defer c.record.Unlock()
	c.latency = f
}

// Calls are the calls so far, in the order of their answers.
func (c *Cloud) Calls() []Call {
	c.record.Lock()
	defer c.record.Unlock()
	return slices.Clone(c.calls)
}

// ResetCalls forgets the calls so far.
func (c *Cloud) ResetCalls() {
	c.record.Lock()
	defer c.record.Unlock()
	c.calls = nil
}

func (c *Cloud) fault(call Call) *Fault {
	c.record.Lock()
	defer c.record.Unlock()
	var hit *Fault
	for _, f := range c.faults {
		if f.Kind != "" && f.Kind != call.Kind || f.Type != "" && f.Type != call.Type || f.Name != "" && f.Name != call.Name {
			continue
		}
		if f.seen++; hit == nil && (f.Nth == 0 || f.Nth == f.seen) {
			hit = f
		}
	}
	return hit
}

// partial is a failure after which the object exists and its id is known.
type partial struct{ cause *Error }

func (p *partial) Error() string { return p.cause.Error() }
func (p *partial) Unwrap() error { return p.cause }

// do makes a call: fails it if it is to fail, else does its work and lets its time pass.
func (c *Cloud) do(ctx context.Context, call *Call, work func(*State) error) (err error) {
	defer func() {
		if err != nil {
			call.Err = err.Error()
		}
		c.record.Lock()
		defer c.record.Unlock()
		c.calls = append(c.calls, *call)
	}()
	f := c.fault(*call)
	waits := f != nil && (f.Error == ClusterFailed || f.Error == ClusterTimeout)
	if f != nil && !f.After && !waits {
		return f.Error
	}
	err = c.with(func(s *State) error {
		err := work(s)
		if err == nil && waits && f.Error == ClusterFailed && s.Clusters[call.ID] != nil {
			s.Clusters[call.ID].State = "FAILED"
		}
		return err
	})
	if err != nil {
		return err
	}
	c.record.Lock()
	latency := c.latency
	c.record.Unlock()
	if latency != nil {
		select {
		case <-time.After(latency(*call)):
		case <-ctx.Done():
			// An interrupt ends the wait for a cluster; other calls are over before it is noticed.
			if call.Kind == Create && call.Type == clusterType {
				return &partial{&Error{Message: "context canceled"}}
			}
		}
	}
	switch {
	case waits:
		return &partial{f.Error}
	case f != nil:
		return f.Error
	}
	return nil
}
