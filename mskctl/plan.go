package main

import (
	"crypto/sha256"
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
	Dir     string `default:"plan" help:"Folder for the plan; replaced if it exists."`
	Refresh bool   `help:"Compare with AWS first, so that the plan also undoes what was changed by hand."`
}

// Help returns the details of mskctl plan --help.
func (planCmd) Help() string {
	return `Writes into the folder: plan.json, the update plan; metadata.json, what it was made from; summary.md, for the
person who approves it. All contain values of the stack's configuration. In a workflow, sets the outputs digest, which
apply requires, and headline, for the name of the job that waits for approval.

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
	Refresh    bool   `json:"refresh"`
	Headline   string `json:"headline"` // what the approver must not miss, in a line
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
	made.State, made.Refresh = st.digest, c.Refresh
	r, err := s.preview(c.Stack, "Plan", made.Commit, deployedConfigured, c.flags(dir)...)
	if err != nil {
		return err
	}
	made.Headline = r.summary.headline()
	text := r.summary.markdown()
	if err := s.publish(text); err != nil {
		return err
	}
	doc, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return err
	}
	if err := r.failed(); err != nil {
		return errors.Join(writeFiles(dir, map[string]string{"summary.md": text}), err)
	}
	err = writeFiles(dir, map[string]string{"summary.md": text, "metadata.json": string(doc) + "\n"})
	if err != nil {
		return err
	}
	return s.setPlanOutputs(dir, made)
}

// flags returns the flags of the preview that makes the plan.
func (c *planCmd) flags(dir string) []string {
	flags := []string{"--save-plan=" + filepath.Join(dir, "plan.json")}
	if c.Refresh {
		flags = append(flags, "--refresh")
	}
	return flags
}

// setPlanOutputs sets the outputs by which a workflow shows a plan before its approval, and recognizes it afterwards.
func (s *session) setPlanOutputs(dir string, made metadata) error {
	digest, err := planDigest(dir)
	if err != nil {
		return err
	}
	if err := s.setOutput("digest", digest); err != nil {
		return err
	}
	return s.setOutput("headline", made.Headline)
}

// planFiles are the files of a plan.
var planFiles = []string{"metadata.json", "plan.json", "summary.md"}

// planDigest returns the SHA-256 of a plan's files with their names and lengths.
func planDigest(dir string) (string, error) {
	sum := sha256.New()
	for _, name := range planFiles {
		doc, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("no plan in %s: %w", filepath.Base(dir), err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(doc), doc)
	}
	return hexOf(sum), nil
}

// readPlan returns what the plan in a folder was made from, and its digest.
func readPlan(dir string) (made metadata, digest string, err error) {
	digest, err = planDigest(dir)
	if err != nil {
		return metadata{}, "", err
	}
	doc, err := os.ReadFile(filepath.Join(dir, "metadata.json"))
	if err == nil {
		err = json.Unmarshal(doc, &made)
	}
	if err != nil {
		return metadata{}, "", fmt.Errorf("metadata.json of the plan: %w", err)
	}
	return made, digest, nil
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
