package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// recoverCmd takes over what a failed deployment left in AWS.
type recoverCmd struct {
	stackArg
	Yes    bool     `help:"Take over what is proposed, instead of only saying so."`
	Take   []string `sep:"none" placeholder:"ENTRY=ID" help:"Untagged object to take over; can be repeated."`
	Region []string `placeholder:"REGION" help:"Other region to look for leftovers in; can be repeated."`
}

// Help returns the details of mskctl recover --help.
func (recoverCmd) Help() string {
	return `For a deployment that was killed, or that AWS refuses because something exists already. Looks up in AWS what
the stack would create and what carries its tag, msk-serverless:stack, and prints what to do with each object:

  take over  the stack would create it, and it exists: --yes imports it, and drops what was interrupted
  wait       a cluster that is still being created
  delete     it carries the stack's tag, and neither the state nor the program has it; the command is printed
  decide     it has the name, but not the stack's tag: name it with --take, by type, name and id
  not ours   it has the name, and another stack's tag: never taken over

Changes nothing in AWS, and without --yes nothing at all. Requires credentials that may deploy, and tag:GetResources,
iam:ListRoles, iam:ListPolicies and iam:ListInstanceProfiles. The tags of new objects can take a minute to be found.

   0  there is nothing to recover, or nothing any more
   1  failed
  10  something is to be recovered, or to be done by hand
  12  another command holds the stack's lock

Example:

  mskctl recover prod
  mskctl recover prod --yes
  mskctl recover prod --yes --take 'iam/role collector=crypto-stream-ap-south-1-collector'`
}

// Run proposes what to do, and does it if that is confirmed. Afterwards it looks again, for what can be taken over only
// then, such as the rules of a security group.
func (c *recoverCmd) Run(s *session) error {
	if err := s.refuseLocked(c.Stack); err != nil {
		return err
	}
	done, take := 0, c.Take
	for {
		r, err := s.newRecovery(c, take)
		if err != nil {
			return err
		}
		if err := r.print(s); err != nil {
			return err
		}
		taken := r.with(takeOver)
		if len(r.pending)+len(taken) == 0 {
			if done > 0 {
				fmt.Fprintf(s.stdout, "taken over: %d. Now run `pulumi up`.\n", done)
			}
			if len(r.findings) > 0 {
				return &exitError{drifted, errors.New("the rest is to be done by hand")}
			}
			return nil
		}
		if !c.Yes {
			return &exitError{drifted, errors.New("nothing was changed; to do what can be done, repeat this with --yes")}
		}
		if err := r.carryOut(s, taken); err != nil {
			return err
		}
		done, take = done+len(taken), nil
	}
}

// refuseLocked returns an error if another command is changing the stack, or was killed while it did.
func (s *session) refuseLocked(stack string) error {
	locks, err := s.locks(stack)
	if errors.Is(err, errNoLocks) {
		return nil // Pulumi refuses what can't run at the same time
	}
	if err != nil || len(locks) == 0 {
		return err
	}
	return &exitError{locked, fmt.Errorf("stack %s is locked by %s. If that command was killed, remove its lock: "+
		"`mskctl cancel %s`", stack, locks[0], stack)}
}

// recovery is what a failed deployment left, and what to do with it.
type recovery struct {
	cmd      *recoverCmd
	pending  []pendingOperation
	file     *importFile
	findings []finding
}

// newRecovery compares the state, the program and AWS.
func (s *session) newRecovery(c *recoverCmd, take []string) (*recovery, error) {
	cfg, err := s.stackConfig(c.Stack)
	if err != nil {
		return nil, err
	}
	st, err := s.export(c.Stack)
	if err != nil {
		return nil, err
	}
	r := &recovery{cmd: c, pending: st.Deployment.Pending}
	var creations []creation
	if r.file, creations, err = s.creations(c.Stack); err != nil {
		return nil, err
	}
	look, err := newLookup(s.ctx, cfg, c.Region)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.stderr, "looking up in AWS what stack %s would create, and what carries its tag\n", c.Stack)
	m := matcher{stack: c.Stack, known: newKnown(st), look: look}
	r.findings, err = m.match(s.ctx, creations, take)
	if len(look.names.denied) > 0 {
		fmt.Fprintf(s.stderr, "not looked at, because these credentials may not: %s\n", strings.Join(look.names.denied, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", c.Stack, err)
	}
	return r, nil
}

// creation is a resource that the program has and the state hasn't.
type creation struct {
	entry  string // type and name: "iam/role collector"
	typ    string // "aws:iam/role:Role"
	inputs map[string]any
}

// fixedName reports whether AWS would refuse a second object like this one.
func (c creation) fixedName() bool { return c.text("namePrefix") == "" }

// text returns an input, or nothing if it is no text or not known yet.
func (c creation) text(name string) string {
	text, _ := c.inputs[name].(string)
	if text == unknown {
		return ""
	}
	return text
}

// creations returns what the next deployment would create, and the import file for it.
func (s *session) creations(stack string) (*importFile, []creation, error) {
	dir, err := os.MkdirTemp("", "mskctl")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "import.json")
	preview, err := s.preview(stack, "", "", deployedConfigured, "--import-file="+path)
	if err != nil {
		return nil, nil, err
	}
	if preview.exit != 0 {
		return nil, nil, fmt.Errorf("stack %s: what it would create is unknown, because the preview fails:\n%s",
			stack, strings.Join(preview.summary.Errors, "\n"))
	}
	var all []creation
	for _, step := range preview.Steps {
		kind, name := step.resource()
		parts := strings.Split(step.URN, "::")
		if step.Op == "create" && step.NewState != nil && strings.HasPrefix(parts[2], "aws:") {
			all = append(all, creation{kind + " " + name, parts[2], step.NewState.Inputs})
		}
	}
	if len(all) == 0 {
		return nil, nil, nil // and the import file has no resources
	}
	file, err := readParsed(s, path, parseImportFile)
	return file, all, err
}

// with returns the findings with the verdict.
func (r *recovery) with(v verdict) (some []finding) {
	for _, f := range r.findings {
		if f.verdict == v {
			some = append(some, f)
		}
	}
	return some
}

// print prints what was interrupted, and what to do with each object.
func (r *recovery) print(s *session) error {
	if len(r.pending)+len(r.findings) == 0 {
		fmt.Fprintf(s.stdout, "stack %s: nothing to recover\n", r.cmd.Stack)
		return nil
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 3, ' ', 0)
	if len(r.pending) > 0 {
		fmt.Fprintln(w, "INTERRUPTED\tRESOURCE")
		for _, p := range r.pending {
			kind, name := step{URN: p.Resource.URN}.resource()
			fmt.Fprintf(w, "%s\t%s %s\n", p.Type, kind, name)
		}
		fmt.Fprintln(w)
	}
	if len(r.findings) > 0 {
		fmt.Fprintln(w, "WHAT TO DO\tRESOURCE\tOBJECT IN AWS\tNOTE")
		for _, f := range r.findings {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.verdict, f.entry, f.object.id, f.note)
		}
	}
	return w.Flush()
}

// carryOut drops what was interrupted, and imports what is to be taken over.
func (r *recovery) carryOut(s *session, taken []finding) error {
	if len(r.pending) > 0 {
		err := s.stream(r.cmd.Stack, "refresh", "--clear-pending-creates", "--skip-preview", "--yes")
		if err != nil {
			return quietExit(err)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	ids := map[string]string{}
	for _, f := range taken {
		ids[f.entry] = f.object.id
	}
	for _, e := range r.file.entries {
		e.id = ids[e.key]
	}
	text, err := r.file.encode()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "mskctl-import-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	err = s.stream(r.cmd.Stack, "import", "--file="+file.Name(), "--protect=false", "--generate-code=false",
		"--skip-preview", "--yes")
	return quietExit(err)
}
