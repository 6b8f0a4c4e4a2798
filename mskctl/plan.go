package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// planCmd saves an update plan.
type planCmd struct {
	stackArg
	Dir string `default:"plan" help:"Folder for the plan; replaced if it exists."`
}

// Help returns the details of mskctl plan --help.
func (planCmd) Help() string {
	return `Writes into the folder: plan.json, the update plan; metadata.json, what it was made from; summary.md, for the
person who approves it. All contain values of the stack's configuration.

Example: mskctl plan prod && mskctl apply prod plan`
}

// metadata is what a plan was made from, which apply checks.
type metadata struct {
	Repository string `json:"repository"`
	Workflow   string `json:"workflow"`
	Commit     string `json:"commit"`
	Stack      string `json:"stack"`
	Run        string `json:"run"`
	Made       string `json:"made"`  // when, in UTC
	State      string `json:"state"` // digest of the stack's state
}

// Run saves the plan.
func (c *planCmd) Run(s *session) error {
	dir := s.path(c.Dir)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	made, err := s.metadata(c.Stack)
	if err != nil {
		return err
	}
	// The state before the preview: whatever changes it meanwhile makes the plan stale.
	st, err := s.export(c.Stack)
	if err != nil {
		return err
	}
	made.State = st.digest
	r, err := s.preview(
		c.Stack,
		"Plan",
		made.Commit,
		deployedConfigured,
		"--save-plan="+filepath.Join(dir, "plan.json"),
	)
	if err != nil {
		return err
	}
	text := r.summary.markdown()
	fmt.Fprint(s.stdout, text)
	doc, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return err
	}
	if err := r.failed(); err != nil {
		return errors.Join(writeFiles(dir, map[string]string{"summary.md": text}), err)
	}
	return writeFiles(dir, map[string]string{"summary.md": text, "metadata.json": string(doc) + "\n"})
}

// metadata returns where and from what this run makes a plan of the stack.
func (s *session) metadata(stack string) (metadata, error) {
	commit, err := s.sourceCommit()
	if err != nil {
		return metadata{}, err
	}
	m := metadata{
		Repository: "local", Workflow: "local", Run: "local",
		Commit: commit, Stack: stack, Made: time.Now().UTC().Format(time.RFC3339),
	}
	if repository := s.getenv("GITHUB_REPOSITORY"); repository != "" {
		m.Repository, m.Run = repository, s.getenv("GITHUB_RUN_ID")
		// <owner>/<repository>/<path of the workflow>@<ref>
		path := strings.TrimPrefix(s.getenv("GITHUB_WORKFLOW_REF"), repository+"/")
		m.Workflow, _, _ = strings.Cut(path, "@")
	}
	return m, nil
}

// applyCmd deploys a saved plan.
type applyCmd struct {
	stackArg
	Dir   string `arg:"" help:"Folder with the plan."`
	RunID string `arg:"" help:"Number of the workflow run that made the plan." name:"run" optional:"" default:"local"`
}

// Help returns the details of mskctl apply --help.
func (applyCmd) Help() string {
	return `Refuses a plan of another repository, workflow, run, commit or stack, a plan made from files that weren't
committed, and a plan older than the stack's last change.

Example: mskctl apply prod plan`
}

// planWorkflow is the workflow whose plans are applied on GitHub.
const planWorkflow = ".github/workflows/plan.yml"

// Run checks the plan and deploys it.
func (c *applyCmd) Run(s *session) error {
	dir := s.path(c.Dir)
	doc, err := os.ReadFile(filepath.Join(dir, "metadata.json"))
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "plan.json"))
	}
	if err != nil {
		return fmt.Errorf("no plan in %s: %w", c.Dir, err)
	}
	var made metadata
	if err := json.Unmarshal(doc, &made); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.Dir, "metadata.json"), err)
	}
	refusals, err := c.check(s, made)
	if err != nil {
		return err
	}
	if len(refusals) > 0 {
		for _, r := range refusals {
			fmt.Fprintln(s.stderr, "refused:", r)
		}
		return fmt.Errorf(
			"nothing was changed; make a new plan with `mskctl plan %s`, or the workflow \"plan\"",
			c.Stack,
		)
	}
	// `up` previews first, and the preview checks the plan before anything changes: never skip it.
	return quietExit(s.stream(c.Stack, "up", "--yes", "--plan="+filepath.Join(dir, "plan.json"), "--suppress-outputs"))
}

// check returns why the plan must not be applied here and now.
func (c *applyCmd) check(s *session, made metadata) ([]string, error) {
	here, err := s.metadata(c.Stack)
	if err != nil {
		return nil, err
	}
	if here.Repository != "local" {
		here.Workflow = planWorkflow
	}
	var refusals []string
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
