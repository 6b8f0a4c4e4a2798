package aws

import (
	"context"
	"slices"
	"time"
)

// Operation is what a call does.
type Operation string

// The operations.
const (
	Create Operation = "create"
	Read   Operation = "read"
	Update Operation = "update"
	Delete Operation = "delete"
	LookUp Operation = "look up"
)

// Call is one call that reached AWS. Previews make only reads and look-ups.
type Call struct {
	Operation Operation
	Type      string // token of the resource or function
	Name      string // the resource's name in the program, "" for a look-up
	ID        string // of the object, "" if it has none yet
	Err       string // what it failed with, "" if it did not
}

// Changes reports whether the call is one that changes AWS.
func (c Call) Changes() bool {
	return c.Operation == Create || c.Operation == Update || c.Operation == Delete
}

// Error is an error that AWS answers with.
type Error struct {
	Status  int // HTTP
	Code    string
	Message string
	// Leaves is the state in which a cluster that is being created is left, with its id known; "" if it isn't created.
	Leaves string
}

func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

// Errors for Fault. Any other Error works too.
var (
	Throttled = &Error{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}
	Denied    = &Error{
		Status: 403,
		Code:   "AccessDenied",
		Message: "User: arn:aws:sts::123456789012:assumed-role/deploy/pulumi is not authorized to perform this action " +
			"because no identity-based policy allows it",
	}
	Unavailable = &Error{Status: 503, Code: "ServiceUnavailable", Message: "Service is unable to handle request."}
	// Lost is an answer that never arrives. With Fault.After, the call has taken effect.
	Lost = &Error{Status: 0, Code: "", Message: "request send failed, EOF"}
	// ClusterFailed and ClusterTimeout are for creating a cluster: its id is known, and its state becomes FAILED, or is
	// still CREATING when the provider stops waiting.
	ClusterFailed = &Error{
		Message: "unexpected state 'FAILED', wanted target 'ACTIVE'. " +
			"last error: InternalError: the cluster could not be created",
		Leaves: "FAILED",
	}
	ClusterTimeout = &Error{
		Message: "timeout while waiting for state to become 'ACTIVE' (last state: 'CREATING', timeout: 2h0m0s)",
		Leaves:  "ACTIVE",
	}
)

// Fault makes calls fail: those that match its fields, of which a zero value matches all. If Nth is set, only the n-th.
type Fault struct {
	Operation Operation
	Type      string
	Name      string
	Nth       int    // counted from 1, from when the fault was set
	After     bool   // the call takes effect before it fails
	Error     *Error // Unavailable if nil

	seen int
}

// Fail adds a fault.
func (b *Sandbox) Fail(f Fault) {
	b.record.Lock()
	defer b.record.Unlock()
	if f.Error == nil {
		f.Error = Unavailable
	}
	b.faults = append(b.faults, &f)
}

// Heal removes all faults.
func (b *Sandbox) Heal() {
	b.record.Lock()
	defer b.record.Unlock()
	b.faults = nil
}

// Latency makes every call take as long as f returns. The call takes effect before the wait, as when the provider waits
// for a cluster. Calls wait concurrently.
func (b *Sandbox) Latency(f func(Call) time.Duration) {
	b.record.Lock()
	defer b.record.Unlock()
	b.latency = f
}

// Calls returns the calls so far, in the order of their answers.
func (b *Sandbox) Calls() []Call {
	b.record.Lock()
	defer b.record.Unlock()
	return slices.Clone(b.calls)
}

// ResetCalls removes the calls so far.
func (b *Sandbox) ResetCalls() {
	b.record.Lock()
	defer b.record.Unlock()
	b.calls = nil
}

func (b *Sandbox) fault(call Call) *Fault {
	b.record.Lock()
	defer b.record.Unlock()
	var hit *Fault
	for _, f := range b.faults {
		if f.Operation != "" && f.Operation != call.Operation || f.Type != "" && f.Type != call.Type ||
			f.Name != "" && f.Name != call.Name {
			continue
		}
		f.seen++
		if hit == nil && (f.Nth == 0 || f.Nth == f.seen) {
			hit = f
		}
	}
	return hit
}

// partial is a failure after which the object exists and its id is known.
type partial struct{ cause *Error }

func (p *partial) Error() string { return p.cause.Error() }

func (p *partial) Unwrap() error { return p.cause }

// do makes a call and records it. work returns the id of the object that it creates, or the id that it was given.
func (b *Sandbox) do(ctx context.Context, call Call, work func(*State) (id string, err error)) (id string, err error) {
	call.ID, err = b.attempt(ctx, call, work)
	if err != nil {
		call.Err = err.Error()
	}
	b.record.Lock()
	defer b.record.Unlock()
	b.calls = append(b.calls, call)
	return call.ID, err
}

// attempt returns the error of a matching fault, or runs work and waits for the call's latency.
func (b *Sandbox) attempt(ctx context.Context, call Call, work func(*State) (string, error)) (id string, err error) {
	f := b.fault(call)
	if f != nil && !f.After && f.Error.Leaves == "" {
		return call.ID, f.Error
	}
	err = b.with(func(s *State) error {
		id, err = work(s)
		if err == nil && f != nil && f.Error.Leaves != "" && s.Clusters[id] != nil {
			s.Clusters[id].State = f.Error.Leaves
		}
		return err
	})
	if err != nil {
		return id, err
	}
	if b.interrupted(ctx, call) {
		return id, &partial{&Error{Message: "context canceled"}}
	}
	switch {
	case f == nil:
		return id, nil
	case f.Error.Leaves != "":
		return id, &partial{f.Error}
	}
	return id, f.Error
}

// interrupted waits for the call's latency and reports whether an interrupt ended the wait. Only the wait for a cluster
// can be interrupted; other calls end before an interrupt is noticed.
func (b *Sandbox) interrupted(ctx context.Context, call Call) bool {
	b.record.Lock()
	latency := b.latency
	b.record.Unlock()
	if latency == nil {
		return false
	}
	select {
	case <-time.After(latency(call)):
		return false
	case <-ctx.Done():
		return call.Operation == Create && call.Type == clusterToken
	}
}
