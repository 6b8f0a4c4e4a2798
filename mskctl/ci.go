package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-github/v88/github"

	"msk-serverless/internal/project"
)

// ciCmd holds what only GitHub Actions needs.
type ciCmd struct {
	Comment     commentCmd     `cmd:"" help:"Keep one comment with all previews on a pull request."`
	Issue       issueCmd       `cmd:"" help:"Keep one issue about a stack's drift."`
	FetchPlan   fetchPlanCmd   `cmd:"" help:"Download the plan that a run of the workflow plan made."`
	StackConfig stackConfigCmd `cmd:"" help:"Merge the secret STACK_CONFIG into a stack's file."`
	Stacks      stacksCmd      `cmd:"" help:"List the stacks that the workflows deploy."`
	Variables   variablesCmd   `cmd:"" help:"Check the variables of a job's environment, and print its OIDC subject."`
	Pins        pinsCmd        `cmd:"" help:"Write the checksums of the Pulumi CLI and the AWS provider for review."`
	Install     installCmd     `cmd:"" help:"Install the Pulumi CLI and the AWS provider if their checksums are right."`
	Prebuilt    prebuiltCmd    `cmd:"" help:"Have Pulumi run bin/msk-serverless instead of building it."`
}

// repository is the GitHub repository that a workflow runs in.
type repository struct {
	owner, name string
	client      *github.Client
}

func (r repository) fullName() string { return r.owner + "/" + r.name }

// repository returns the workflow's repository, with a client that uses the token in GH_TOKEN.
func (s *session) repository() (repository, error) {
	owner, name, ok := strings.Cut(s.getenv("GITHUB_REPOSITORY"), "/")
	token := s.getenv("GH_TOKEN")
	if !ok || token == "" {
		return repository{}, errors.New("set GITHUB_REPOSITORY (<owner>/<name>) and GH_TOKEN, as a workflow does")
	}
	opts := []github.ClientOptionsFunc{github.WithAuthToken(token)}
	if api := s.getenv("GITHUB_API_URL"); api != "" {
		opts = append(opts, github.WithURLs(new(strings.TrimSuffix(api, "/")+"/"), nil))
	}
	client, err := github.NewClient(opts...)
	if err != nil {
		return repository{}, fmt.Errorf("GITHUB_API_URL: %w", err)
	}
	return repository{owner, name, client}, nil
}

// botName is the login with which a workflow's own token comments.
const botName = "github-actions[bot]"

// repositoryURL returns the address of the repository.
func (s *session) repositoryURL() string {
	return cmp.Or(s.getenv("GITHUB_SERVER_URL"), "https://github.com") + "/" + s.getenv("GITHUB_REPOSITORY")
}

// runURL returns the address of the current workflow run.
func (s *session) runURL() string {
	return s.repositoryURL() + "/actions/runs/" + s.getenv("GITHUB_RUN_ID")
}

// fileURL returns the address of a file of the repository's default branch.
func (s *session) fileURL(path string) string { return s.repositoryURL() + "/blob/HEAD/" + path }

// prebuiltCmd makes Pulumi run bin/msk-serverless instead of building the program.
type prebuiltCmd struct{}

// Help returns the details of mskctl ci prebuilt --help.
func (prebuiltCmd) Help() string {
	return `Changes Pulumi.yaml in a checkout that has the built programs in bin/. Run again, it changes nothing.

Example: mskctl ci prebuilt`
}

// Run sets the program in Pulumi.yaml.
func (prebuiltCmd) Run(s *session) error {
	program := "bin/" + project.Name
	if _, err := os.Stat(s.path(program)); err != nil {
		return fmt.Errorf("no built program: %w", err)
	}
	file := s.path("Pulumi.yaml")
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.Contains(string(doc), "binary: "+program+"\n") {
		return nil
	}
	doc, err = project.Prebuilt(doc, program)
	if err != nil {
		return err
	}
	return os.WriteFile(file, doc, 0o644)
}
