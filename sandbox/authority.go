package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"msk-serverless/internal/iampolicy"
	"msk-serverless/sandbox/aws"
	"msk-serverless/sandbox/kafka"
)

// authority answers the sandbox's Kafka from the sandbox's IAM and from the credentials that were handed out. It reads
// both anew when they change.
type authority struct {
	dir folder
	aws *aws.Sandbox
	log *log.Logger

	mu        sync.Mutex
	files     string // what the files were like when they were read
	issued    []issued
	state     *aws.State
	decisions map[question]bool
}

// question is an IAM request of a principal in the cluster's region.
type question struct{ principal, action, resource string }

// Credentials returns the credentials with the access key id.
func (a *authority) Credentials(accessKeyID string) (kafka.Credentials, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refresh()
	i := slices.IndexFunc(a.issued, func(c issued) bool { return c.AccessKeyID == accessKeyID })
	if i < 0 {
		return kafka.Credentials{}, false
	}
	return a.issued[i].Credentials, true
}

// Allows reports whether IAM allows the request.
func (a *authority) Allows(principal string, request iampolicy.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refresh()
	q := question{principal, request.Action, request.Resource}
	allowed, known := a.decisions[q]
	if !known {
		allowed = a.decide(principal, request)
		a.decisions[q] = allowed
	}
	return allowed
}

// decide evaluates the policies of the principal's role under its boundary. What can't be read allows nothing.
func (a *authority) decide(principal string, request iampolicy.Request) bool {
	i := slices.IndexFunc(a.issued, func(c issued) bool { return c.Principal == principal })
	if i < 0 {
		return false
	}
	names, inline, boundary := a.issued[i].Policies, map[string]string(nil), ""
	if len(names) == 0 {
		role := a.state.Roles[a.issued[i].Role]
		if role == nil {
			return false
		}
		for _, arn := range role.Attached {
			names = append(names, path.Base(arn))
		}
		inline, boundary = role.InlinePolicies, role.Boundary
	}
	policies := a.managed(names)
	for name, document := range inline {
		policies = append(policies, a.parse(name, document)...)
	}
	if iampolicy.Decide(policies, request) != iampolicy.Allowed {
		return false
	}
	return boundary == "" || iampolicy.Decide(a.managed([]string{path.Base(boundary)}), request) == iampolicy.Allowed
}

// managed returns the managed policies with the names.
func (a *authority) managed(names []string) []iampolicy.Policy {
	var policies []iampolicy.Policy
	for _, name := range names {
		if policy := a.state.Policies[name]; policy != nil {
			policies = append(policies, a.parse(name, policy.Document)...)
		} else {
			a.log.Printf("policy %s: not in the sandbox, so it allows nothing", name)
		}
	}
	return policies
}

// parse returns a policy. If it can't be evaluated it denies everything: leaving it out would ignore what it denies.
func (a *authority) parse(name, document string) []iampolicy.Policy {
	policy, err := iampolicy.Parse(document)
	if err == nil {
		return []iampolicy.Policy{policy}
	}
	a.log.Printf("policy %s: can't be evaluated, so it denies everything: %v", name, err)
	deny := iampolicy.Rule{Effect: "Deny", Action: iampolicy.Strings{"*"}, Resource: iampolicy.Strings{"*"}}
	return []iampolicy.Policy{{Statement: []iampolicy.Rule{deny}}}
}

// refresh reads the files if they have changed.
func (a *authority) refresh() {
	files := stamp(a.dir.file(stateFile)) + stamp(a.dir.file(credentialsFile))
	if files == a.files {
		return
	}
	all, err := a.dir.credentials()
	if err != nil {
		a.log.Print(err)
	}
	a.files, a.issued, a.state, a.decisions = files, all, a.aws.Snapshot(), map[question]bool{}
}

// stamp returns something that differs after a file was written.
func stamp(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "missing\n"
	}
	return fmt.Sprintln(info.ModTime().Format(time.RFC3339Nano), info.Size())
}

// credentials returns the credentials that were handed out.
func (d folder) credentials() ([]issued, error) {
	document, err := os.ReadFile(d.file(credentialsFile))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var all []issued
	if err := json.Unmarshal(document, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", d.file(credentialsFile), err)
	}
	return all, nil
}
