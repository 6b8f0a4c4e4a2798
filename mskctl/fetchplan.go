package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-github/v88/github"
)

// fetchPlanCmd downloads a plan.
type fetchPlanCmd struct {
	Stack string `arg:"" help:"Stack of the plan."`
	RunID int64  `arg:"" help:"Number of the run of the workflow plan: the last part of its address." name:"run"`
	Dir   string `arg:"" help:"Folder for the plan."`
}

// Help returns the details of mskctl ci fetch-plan --help.
func (fetchPlanCmd) Help() string {
	return `Asks GitHub about the run, and believes nothing that the plan says of itself. Refuses a run of another
repository, a fork, another workflow or branch, and one of another commit than main has now. The run may have failed for
other stacks. Publishes the plan's summary, and sets the outputs digest and headline. Needs GH_TOKEN, which may read the
repository's actions and contents.

Example: mskctl ci fetch-plan prod 1234567890 plan`
}

// Run checks the run and downloads its plan.
func (c *fetchPlanCmd) Run(s *session) error {
	repo, err := s.repository()
	if err != nil {
		return err
	}
	here := s.getenv("GITHUB_SHA")
	if here == "" {
		return errors.New("set GITHUB_SHA, as a workflow does")
	}
	run, _, err := repo.client.Actions.GetWorkflowRunByID(s.ctx, repo.owner, repo.name, c.RunID)
	if err != nil {
		return fmt.Errorf("looking up run %d of %s: %w", c.RunID, repo.fullName(), err)
	}
	ref, _, err := repo.client.Git.GetRef(s.ctx, repo.owner, repo.name, "heads/main")
	if err != nil {
		return fmt.Errorf("looking up the tip of main: %w", err)
	}
	workflow := planWorkflow
	if fmt.Sprint(c.RunID) == s.getenv("GITHUB_RUN_ID") {
		workflow = repairWorkflow
	}
	refusals := refuseRun(run, repo.fullName(), workflow, ref.GetObject().GetSHA(), here)
	if len(refusals) > 0 {
		s.printRefusals(refusals)
		return fmt.Errorf("refused the plan of run %d; make a new one: %s", c.RunID, s.planAgain(c.Stack, workflow))
	}
	archive, err := repo.artifact(s, c.RunID, "plan-"+c.Stack, s.planAgain(c.Stack, workflow))
	if err != nil {
		return err
	}
	dir := s.path(c.Dir)
	if err := unpackPlan(archive, dir); err != nil {
		return err
	}
	return s.showPlan(dir)
}

// showPlan publishes a plan's summary and sets its outputs.
func (s *session) showPlan(dir string) error {
	made, _, err := readPlan(dir)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "summary.md"))
	if err != nil {
		return err
	}
	if err := s.publish(string(text)); err != nil {
		return err
	}
	return s.setPlanOutputs(dir, made)
}

func (s *session) printRefusals(refusals []string) {
	for _, r := range refusals {
		fmt.Fprintln(s.stderr, "refused:", r)
	}
}

// refuseRun returns why a run's plan must not be applied. tip is the commit that main has now, here the one that this
// run has checked out. The run's conclusion doesn't matter: it fails if the plan of any stack does, and a plan's
// artifact exists only if that plan was made.
func refuseRun(run *github.WorkflowRun, repository, workflow, tip, here string) []string {
	path, _, _ := strings.Cut(run.GetPath(), "@")
	var refusals []string
	for _, f := range []struct{ what, have, want string }{
		{"repository", run.GetRepository().GetFullName(), repository},
		{"source repository", run.GetHeadRepository().GetFullName(), repository},
		{"workflow", path, workflow},
		{"branch", run.GetHeadBranch(), "main"},
	} {
		if f.have != f.want {
			refusals = append(refusals, fmt.Sprintf("the plan's %s is %q, not %q", f.what, f.have, f.want))
		}
	}
	if event := run.GetEvent(); event != "push" && event != "workflow_dispatch" {
		refusals = append(refusals, "the plan's run was triggered by "+event)
	}
	switch {
	case run.GetHeadSHA() != tip:
		refusals = append(refusals,
			fmt.Sprintf("the plan is stale: it was made of %s, and main is at %s", run.GetHeadSHA(), tip))
	case here != tip:
		refusals = append(refusals, fmt.Sprintf("this run has %s checked out, and main is at %s", here, tip))
	}
	return refusals
}

// artifact downloads the run's artifact with the name. There must be exactly one; remedy is what to do otherwise.
func (r repository) artifact(s *session, run int64, name, remedy string) ([]byte, error) {
	var found []int64
	for a, err := range r.client.Actions.ListWorkflowRunArtifactsIter(s.ctx, r.owner, r.name, run, nil) {
		if err != nil {
			return nil, err
		}
		if a.GetName() == name {
			found = append(found, a.GetID())
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("run %d has %d artifacts named %s, and must have 1: make a new plan: %s",
			run, len(found), name, remedy)
	}
	address, _, err := r.client.Actions.DownloadArtifact(s.ctx, r.owner, r.name, found[0], 3)
	if err != nil {
		return nil, fmt.Errorf("downloading artifact %s: %w", name, err)
	}
	var archive bytes.Buffer
	if err := s.download(address.String(), &archive); err != nil {
		return nil, fmt.Errorf("downloading artifact %s: %w", name, err)
	}
	return archive.Bytes(), nil
}

// unpackPlan writes a plan's files from the artifact into the folder. Other files are an error.
func unpackPlan(archive []byte, dir string) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("the plan's artifact: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range z.File {
		if !slices.Contains(planFiles, f.Name) {
			return fmt.Errorf("the plan's artifact has a file that no plan has: %q", f.Name)
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		doc, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), doc, 0o644); err != nil {
			return err
		}
	}
	return nil
}
