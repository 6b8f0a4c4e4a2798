package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"msk-serverless/internal/project"
)

// initCmd checks what a deployment needs.
type initCmd struct{ stackArg }

// Help returns the details of mskctl init --help.
func (initCmd) Help() string {
	return `Checks the state backend and its bucket, the stack, its secrets provider, whether the credentials belong to an
allowed account and don't assume the deploy role twice, whether GitHub gives the deploy role to approved runs of main
alone, and CODEOWNERS. Prints the subjects that the roles' trust policies must admit. Changes nothing, and says what to
do about each check that fails. GitHub is checked if GITHUB_REPOSITORY and GH_TOKEN are set, as in a workflow.

Example: mskctl init prod`
}

// check is one thing that a deployment needs. run returns what was found, and an error if something is missing.
type check struct {
	name   string
	remedy string // if the error has none
	run    func() (found string, err error)
}

// remedied is an error with its own remedy.
type remedied struct {
	error
	remedy string
}

// Run runs all checks, and fails if one of them does.
func (c *initCmd) Run(s *session) error {
	failed := 0
	for _, check := range c.checks(s) {
		found, err := check.run()
		name := strings.TrimSuffix(check.name+": "+found, ": ")
		if err == nil {
			fmt.Fprintln(s.stdout, "ok     ", name)
			continue
		}
		if errors.Is(err, errSkipped) {
			fmt.Fprintln(s.stdout, "skipped", name)
			continue
		}
		failed++
		fmt.Fprintln(s.stdout, "FAILED ", name)
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(s.stdout, "        |", strings.TrimRight(line, "\n"))
		}
		var own *remedied
		if errors.As(err, &own) {
			check.remedy = own.remedy
		}
		if check.remedy != "" {
			fmt.Fprintln(s.stdout, "       ", check.remedy)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of the checks failed", failed)
	}
	return nil
}

func (c *initCmd) checks(s *session) []check {
	pulumi := func(args ...string) func() (string, error) {
		return func() (string, error) {
			_, err := s.pulumi(c.Stack, args...)
			return "", err
		}
	}
	return []check{
		{
			"state backend",
			"set PULUMI_BACKEND_URL to the template's output StateBucketUrl, and check that the credentials may list " +
				"the bucket and read from it",
			func() (string, error) { return s.backend() },
		},
		{"state bucket", "", func() (string, error) {
			backend, err := s.backend()
			if err != nil {
				return "the backend is missing", errSkipped
			}
			return s.checkBucket(backend)
		}},
		{
			"stack " + c.Stack,
			"make the stack: pulumi stack init " + c.Stack + " --secrets-provider='<the template's output SecretsProvider>', " +
				"and commit what it adds to Pulumi." + c.Stack + ".yaml",
			pulumi("stack", "export"),
		},
		{
			"secrets provider",
			"check secretsprovider in Pulumi." + c.Stack + ".yaml, and that the credentials may use its key (kms:Decrypt)",
			func() (string, error) { return "", c.encrypt(s) },
		},
		{"credentials", "", func() (string, error) { return c.checkCredentials(s) }},
		{"provider plugin", "", s.checkPlugin},
		{
			"GitHub's environment " + c.Stack,
			"correct it in the repository's settings, Environments, " + c.Stack + "; or, if the stack may be deployed without " +
				"approval, set " + unreviewedKey + " in Pulumi." + c.Stack + ".yaml to the reason",
			func() (string, error) { return c.checkEnvironment(s) },
		},
		{"CODEOWNERS", "name people or teams that may write to the repository", s.checkCodeowners},
		{"subjects to trust", "", func() (string, error) { return c.bothSubjects(s) }},
	}
}

// backend returns the address of the state backend, which must answer.
func (s *session) backend() (string, error) {
	if _, err := s.pulumi("", "stack", "ls", "--json"); err != nil {
		return "", err
	}
	return s.whoami()
}

// whoami returns the address of the state backend as Pulumi knows it.
func (s *session) whoami() (string, error) {
	out, err := s.pulumi("", "whoami", "--json")
	if err != nil {
		return "", fmt.Errorf("asking Pulumi where the state is: %w", err)
	}
	var who struct{ URL string }
	if err := json.Unmarshal(out, &who); err != nil {
		return "", fmt.Errorf("asking Pulumi where the state is: %w: %s", err, head(out))
	}
	return who.URL, nil
}

// checkPlugin returns an error unless the AWS provider is installed in the version that the program uses: mskctl has
// Pulumi download none.
func (s *session) checkPlugin() (string, error) {
	if s.getenv("PULUMI_DEBUG_PROVIDERS") != "" {
		return "the provider is the sandbox's", errSkipped
	}
	version, err := s.moduleVersion("go.mod", providerModule)
	if err != nil {
		return "", &remedied{err, "run mskctl in the project's folder"}
	}
	out, err := s.pulumi("", "plugin", "ls", "--json")
	if err != nil {
		return "", &remedied{err, "install Pulumi"}
	}
	var plugins []struct{ Name, Kind, Version string }
	if err := json.Unmarshal(out, &plugins); err != nil {
		return "", fmt.Errorf("reading Pulumi's list of plugins: %w: %s", err, head(out))
	}
	for _, p := range plugins {
		if p.Name == "aws" && p.Kind == "resource" && p.Version == version {
			return "aws " + version, nil
		}
	}
	return "", &remedied{
		fmt.Errorf("the AWS provider %s is not installed", version),
		"run `pulumi plugin install resource aws v" + version + "`",
	}
}

// bothSubjects returns the subjects for both of the stack's roles.
func (c *initCmd) bothSubjects(s *session) (string, error) {
	var lines []string
	for _, environment := range []string{c.Stack + previewSuffix, c.Stack} {
		subjects, err := s.subjects(environment)
		if err != nil {
			if errors.Is(err, errSkipped) {
				return "set GITHUB_REPOSITORY=<owner>/<name> and GH_TOKEN to see them", err
			}
			return "", err
		}
		lines = append(lines, environment+": "+strings.Join(subjects, " or "))
	}
	return strings.Join(lines, "\n        | "), nil
}

// checkCodeowners returns an error if GitHub finds one in the file.
func (s *session) checkCodeowners() (string, error) {
	if s.getenv("GH_TOKEN") == "" {
		return "set GITHUB_REPOSITORY=<owner>/<name> and GH_TOKEN to check it", errSkipped
	}
	repo, err := s.repository()
	if err != nil {
		return "", err
	}
	found, _, err := repo.client.Repositories.GetCodeownersErrors(s.ctx, repo.owner, repo.name, nil)
	if err != nil {
		return "", err
	}
	var wrong []string
	for _, e := range found.Errors {
		wrong = append(wrong, fmt.Sprintf("%s:%d: %s: %s", e.Path, e.Line, e.Kind, strings.TrimSpace(e.Source)))
	}
	if len(wrong) > 0 {
		return "", errors.New(strings.Join(wrong, "\n"))
	}
	return "", nil
}

// encrypt encrypts a setting into a copy of the stack's file, which needs the key wherever it is kept.
func (c *initCmd) encrypt(s *session) error {
	dir, err := os.MkdirTemp("", "mskctl")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	doc, err := os.ReadFile(s.path("Pulumi." + c.Stack + ".yaml"))
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "stack.yaml")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		return err
	}
	_, err = s.pulumi(c.Stack, "config", "set", "--secret", "--config-file="+file, "probe", "probe")
	return err
}

// identity is the AWS principal that the credentials belong to.
type identity struct{ account, arn string }

// checkCredentials returns the principal that would deploy, and an error if it is the wrong one.
func (c *initCmd) checkCredentials(s *session) (string, error) {
	who, err := s.identity()
	if err != nil {
		return "", &remedied{
			err,
			"get credentials for AWS; on GitHub, check the environment's AWS_*_ROLE_ARN and that role's " +
				"trust policy",
		}
	}
	role, allowed, err := s.identitySettings(c.Stack)
	if err != nil {
		return who.arn, &remedied{err, "correct Pulumi." + c.Stack + ".yaml"}
	}
	return who.arn, who.check(role, allowed, c.Stack)
}

// identity asks AWS who the credentials belong to.
func (s *session) identity() (identity, error) {
	cfg, err := awsconfig.LoadDefaultConfig(s.ctx, awsconfig.WithDefaultRegion("us-east-1"))
	if err != nil {
		return identity{}, err
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(s.ctx, nil)
	if err != nil {
		return identity{}, err
	}
	return identity{*out.Account, *out.Arn}, nil
}

// identitySettings returns the stack's assumeRoleArn and allowedAccountIds.
func (s *session) identitySettings(stack string) (role string, allowed []string, err error) {
	out, err := s.pulumi(stack, "config", "--json")
	if err != nil {
		return "", nil, err
	}
	var settings map[string]struct {
		Value       string
		ObjectValue any
	}
	if err := json.Unmarshal(out, &settings); err != nil {
		return "", nil, fmt.Errorf("reading the configuration of stack %s: %w", stack, err)
	}
	accounts := settings[project.Name+":allowedAccountIds"]
	list, _ := accounts.ObjectValue.([]any)
	for _, id := range list {
		allowed = append(allowed, fmt.Sprint(id))
	}
	return settings[project.Name+":assumeRoleArn"].Value, allowed, nil
}

// check returns an error if the provider would assume a role that the credentials already are, or would deploy to an
// account that isn't allowed. A role's ARN is arn:aws:iam::<account>:role/<path>/<name>, and that of its session
// arn:aws:sts::<account>:assumed-role/<name>/<session>.
func (who identity) check(role string, allowed []string, stack string) error {
	account := who.account
	if role != "" {
		account = strings.Split(role, ":")[4]
		name := role[strings.LastIndex(role, "/")+1:]
		if account == who.account && strings.Contains(who.arn, ":assumed-role/"+name+"/") {
			return &remedied{
				fmt.Errorf(
					"the credentials are already those of %s, and assumeRoleArn would have the provider assume it again",
					role,
				),
				fmt.Sprintf(
					"remove assumeRoleArn from Pulumi.%s.yaml and from STACK_CONFIG, or use the credentials of another role",
					stack,
				),
			}
		}
	}
	if len(allowed) > 0 && !slices.Contains(allowed, account) {
		return &remedied{
			fmt.Errorf("the account would be %s, and allowedAccountIds has %s", account, strings.Join(allowed, ", ")),
			"use the credentials of an allowed account",
		}
	}
	return nil
}
