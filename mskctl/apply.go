package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// applyCmd deploys a saved plan.
type applyCmd struct {
	stackArg
	Dir   string `arg:"" help:"Folder with the plan."`
	RunID string `arg:"" name:"run" optional:"" default:"local" help:"Number of the workflow run that made the plan."`

	Digest string `help:"The plan's digest, as mskctl plan and mskctl ci fetch-plan set it. Required in a workflow."`
	Check  bool   `help:"Only check whether the plan would be applied."`
}

// Help returns the details of mskctl apply --help.
func (applyCmd) Help() string {
	return `Refuses a plan of another repository, workflow, run, commit, stack or digest, a plan made from files that
weren't committed, and a plan older than the stack's last change.

Example: mskctl apply prod plan`
}

// The workflows whose plans are applied on GitHub: the second only in the run that made them.
const (
	planWorkflow   = ".github/workflows/plan.yml"
	repairWorkflow = ".github/workflows/repair.yml"
)

// Run checks the plan and deploys it.
func (c *applyCmd) Run(s *session) error {
	dir := s.path(c.Dir)
	made, digest, err := readPlan(dir)
	if err != nil {
		return err
	}
	refusals, err := c.check(s, made, digest)
	if err != nil {
		return err
	}
	if len(refusals) > 0 {
		s.printRefusals(refusals)
		return fmt.Errorf("nothing was changed; make a new plan: %s", s.planAgain(c.Stack, made.Workflow))
	}
	if c.Check {
		fmt.Fprintf(s.stdout, "plan %s of stack %s would be applied: %s\n", digest, c.Stack, made.Headline)
		return nil
	}
	// `up` previews first, and the preview checks the plan before anything changes: never skip it.
	flags := []string{"up", "--yes", "--plan=" + filepath.Join(dir, "plan.json"), "--suppress-outputs"}
	if made.Refresh {
		flags = append(flags, "--refresh")
	}
	return quietExit(s.stream(c.Stack, flags...))
}

// planAgain returns the command that makes a new plan.
func (s *session) planAgain(stack, workflow string) string {
	switch {
	case s.getenv("GITHUB_REPOSITORY") == "":
		return "mskctl plan " + stack
	case workflow == repairWorkflow:
		return "gh workflow run repair.yml --ref main -f stack=" + stack + " -f action=deploy"
	}
	return "gh workflow run plan.yml --ref main -f stack=" + stack
}

// check returns why the plan must not be applied here and now.
func (c *applyCmd) check(s *session, made metadata, digest string) ([]string, error) {
	here, err := s.metadata(c.Stack)
	if err != nil {
		return nil, err
	}
	var refusals []string
	if here.Repository != "local" {
		here.Workflow = planWorkflow
		if made.Workflow == repairWorkflow && c.RunID == s.getenv("GITHUB_RUN_ID") {
			here.Workflow = repairWorkflow
		}
		if c.Digest == "" {
			refusals = append(refusals, "no --digest: it tells whether this is the plan that was approved")
		}
	}
	if c.Digest != "" && c.Digest != digest {
		refusals = append(refusals,
			fmt.Sprintf("the plan's digest is %s, and the approved plan's is %s", digest, c.Digest))
	}
	for _, f := range []struct{ what, plan, here string }{
		{"repository", made.Repository, here.Repository},
		{"workflow", made.Workflow, here.Workflow},
		{"run", made.Run, c.RunID},
		{"commit", made.Commit, here.Commit},
		{"stack", made.Stack, c.Stack},
	} {
		if f.plan != f.here {
			refusals = append(refusals, fmt.Sprintf("the plan's %s is %q, and here it is %q", f.what, f.plan, f.here))
		}
	}
	if strings.HasSuffix(here.Commit, "-dirty") {
		refusals = append(refusals, "files here differ from the commit, or are not in it; commit them and plan again")
	}
	st, err := s.export(c.Stack)
	if err != nil {
		return nil, err
	}
	if st.digest != made.State {
		refusals = append(refusals, fmt.Sprintf("the plan is stale: stack %s has changed since %s, when it was made",
			c.Stack, made.Made))
	}
	return refusals, nil
}
