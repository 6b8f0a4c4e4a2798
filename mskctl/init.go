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
	return `Checks the state backend, the stack, its secrets provider, and whether the credentials belong to an allowed
account and don't assume the deploy role twice. Changes nothing, and says what to do about each check that fails.

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
		failed++
		fmt.Fprintln(s.stdout, "FAILED ", name)
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(s.stdout, "        |", strings.TrimRight(line, "\n"))
		}
		var own *remedied
		if errors.As(err, &own) {
			check.remedy = own.remedy
		}
		fmt.Fprintln(s.stdout, "       ", check.remedy)
	}
	if failed > 0 {
		return fmt.Errorf("%d of the checks failed", failed)
	}
	return nil
}

func (c *initCmd) checks(s *session) []check {
	backend := s.getenv("PULUMI_BACKEND_URL")
	if backend == "" {
		backend = "not set"
	}
	pulumi := func(args ...string) func() (string, error) {
		return func() (string, error) {
			_, err := s.pulumi(c.Stack, args...)
			return "", err
		}
	}
	return []check{
		{
			"state backend",
			"check PULUMI_BACKEND_URL (" + backend + "), and that the credentials may list the bucket and read from it",
			func() (string, error) {
				out, err := s.command("pulumi", "stack", "ls", "--json", "--non-interactive").CombinedOutput()
				if err != nil {
					return "", errors.New(plainError(string(out)))
				}
				return "", nil
			},
		},
		{
			"stack " + c.Stack,
			"make the stack: pulumi stack init " + c.Stack + " --secrets-provider='awskms://alias/<key>?region=<region>', " +
				"and commit what it adds to Pulumi." + c.Stack + ".yaml",
			pulumi("stack", "export"),
		},
		{
			"secrets provider",
			"check secretsprovider in Pulumi." + c.Stack + ".yaml, and that the credentials may use its key (kms:Decrypt)",
			func() (string, error) { return "", c.encrypt(s) },
		},
		{"credentials", "", func() (string, error) { return c.checkCredentials(s) }},
	}
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
