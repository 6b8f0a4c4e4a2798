package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
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
	return `What the run was is GitHub's word, not the plan's: refuses a run of another repository, a fork, another
workflow, branch or commit, and a run that failed or has not ended. Needs GH_TOKEN, which may read the
repository's actions.

Example: mskctl ci fetch-plan prod 1234567890 plan`
}

// Run checks the run and downloads its plan.
func (c *fetchPlanCmd) Run(s *session) error {
	repo, err := s.repository()
	if err != nil {
		return err
	}
	commit := s.getenv("GITHUB_SHA")
	if commit == "" {
		return errors.New("set GITHUB_SHA, as a workflow does")
	}
	run, _, err := repo.client.Actions.GetWorkflowRunByID(s.ctx, repo.owner, repo.name, c.RunID)
	if err != nil {
		return fmt.Errorf("looking up run %d of %s: %w", c.RunID, repo.fullName(), err)
	}
	refusals := refuseRun(run, repo.fullName(), commit)
	if len(refusals) > 0 {
		for _, r := range refusals {
			fmt.Fprintln(s.stderr, r)
		}
		return fmt.Errorf("refused run %d; run the workflow \"plan\" on main and apply what it makes", c.RunID)
	}
	archive, err := repo.artifact(s, c.RunID, "plan-"+c.Stack)
	if err != nil {
		return err
	}
	return unpackPlan(archive, s.path(c.Dir))
}

// refuseRun returns why a run's plan must not be applied.
func refuseRun(run *github.WorkflowRun, repository, commit string) []string {
	workflow, _, _ := strings.Cut(run.GetPath(), "@")
	var refusals []string
	for _, f := range []struct{ what, have, want string }{
		{"repository", run.GetRepository().GetFullName(), repository},
		{"source repository", run.GetHeadRepository().GetFullName(), repository},
		{"workflow", workflow, planWorkflow},
		{"branch", run.GetHeadBranch(), "main"},
		{"commit", run.GetHeadSHA(), commit},
		{"conclusion", run.GetConclusion(), "success"},
	} {
		if f.have != f.want {
			refusals = append(refusals, fmt.Sprintf("its %s is %q, not %q", f.what, f.have, f.want))
		}
	}
	if event := run.GetEvent(); event != "push" && event != "workflow_dispatch" {
		refusals = append(refusals, "it was triggered by "+event)
	}
	return refusals
}

// artifact downloads the run's artifact of the name, of which there must be one.
func (r repository) artifact(s *session, run int64, name string) ([]byte, error) {
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
		return nil, fmt.Errorf(
			"run %d has %d artifacts named %s, and must have 1: make a new plan",
			run,
			len(found),
			name,
		)
	}
	address, _, err := r.client.Actions.DownloadArtifact(s.ctx, r.owner, r.name, found[0], 3)
	if err != nil {
		return nil, fmt.Errorf("downloading artifact %s: %w", name, err)
	}
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("downloading artifact %s: %w", name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("downloading artifact %s: %s", name, resp.Status)
	}
	return io.ReadAll(resp.Body)
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
		if f.Name != "plan.json" && f.Name != "metadata.json" && f.Name != "summary.md" {
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
