package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// session is one run of mskctl: its streams, the project's folder, and the environment.
type session struct {
	ctx            context.Context
	stdout, stderr io.Writer
	dir            string // the project's folder; commands run in it
	getenv         func(string) string
	kafka          []kgo.Opt    // for tests: how brokers are reached, instead of TLS and IAM
	http           *http.Client // nil for the default one
}

func (s *session) httpClient() *http.Client {
	if s.http == nil {
		return http.DefaultClient
	}
	return s.http
}

// exitError is an error with an exit code other than 1.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// fail prints the error, unless it has no text, and returns its exit code.
func (s *session) fail(err error) int {
	if err.Error() != "" {
		fmt.Fprintln(s.stderr, "mskctl:", err)
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return 1
}

var stackName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// checkStack returns an error unless the project has a stack file for the name.
func (s *session) checkStack(stack string) error {
	if stackName.MatchString(stack) {
		if _, err := os.Stat(s.path("Pulumi." + stack + ".yaml")); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no stack %q: there is no Pulumi.<stack>.yaml for it in %s", stack, s.dir)
}

var errRanInSandbox = errors.New("ran in the sandbox")

// open checks that the stack exists. For the stack named sandbox outside the sandbox, it runs mskctl again inside, with
// the same arguments, and returns errRanInSandbox or an error with that run's exit code.
func (s *session) open(stack string, args []string) error {
	if err := s.checkStack(stack); err != nil {
		return err
	}
	if stack != "sandbox" || s.getenv("PULUMI_DEBUG_PROVIDERS") != "" {
		return nil
	}
	sandbox := s.getenv("SANDBOX")
	if sandbox == "" {
		sandbox = s.path("bin", "sandbox")
		build := s.command("go", "build", "-buildvcs=false", "-o", sandbox, "./sandbox")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the sandbox: %w\n%s", err, out)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	again := s.command(sandbox, append([]string{self}, args...)...)
	again.Stdout, again.Stderr = s.stdout, s.stderr
	if err := again.Run(); err != nil {
		return quietExit(err)
	}
	return errRanInSandbox
}

// quietExit returns the error of a command that has explained its failure already: without text, with its exit code.
func quietExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &exitError{exit.ExitCode(), errors.New("")}
	}
	return err
}

func (s *session) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// command returns a command that runs in the project's folder. On cancellation it is interrupted and not killed, so
// that Pulumi can end cleanly.
func (s *session) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// cli returns the Pulumi CLI with the arguments, on the stack unless that is empty. Its output can be parsed: no
// streaming, no update notice. It never downloads a plugin: a state can name an address to download one from, and
// Pulumi would run what it finds there.
func (s *session) cli(stack string, args ...string) *exec.Cmd {
	name := "pulumi"
	if _, err := exec.LookPath(name); err != nil {
		name = s.path("bin", "pulumi") // built by `make tools`
	}
	if stack != "" {
		args = append(args, "--stack="+stack)
	}
	cmd := s.command(name, append(args, "--non-interactive", "--color=never")...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true")
	return cmd
}

// pulumi runs the CLI on the stack and returns what it prints to standard output. Its error has what the CLI said.
func (s *session) pulumi(stack string, args ...string) ([]byte, error) {
	cmd := s.cli(stack, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := plainError(stderr.String() + stdout.String())
		return nil, fmt.Errorf("pulumi %s: %w: %s", args[0], err, said)
	}
	return stdout.Bytes(), nil
}

// stream runs the CLI on the stack with its output on the session's streams.
func (s *session) stream(stack string, args ...string) error {
	cmd := s.cli(stack, args...)
	cmd.Stdout, cmd.Stderr = s.stdout, s.stderr
	return cmd.Run()
}

// state is a stack's state, as far as mskctl reads it.
type state struct {
	Deployment struct {
		Resources []stateResource
		Pending   []pendingOperation `json:"pending_operations"`
	}
	digest string // changes with every change of the state
}

type stateResource struct {
	URN     string
	Type    string
	ID      string
	Protect bool
	Outputs map[string]any
}

// pendingOperation is what a command of Pulumi that was killed was doing.
type pendingOperation struct {
	Type     string // "creating", "updating" or "deleting"
	Resource stateResource
}

const (
	clusterType = "aws:msk/serverlessCluster:ServerlessCluster"
	stackType   = "pulumi:pulumi:Stack"
)

// export returns the stack's state.
func (s *session) export(stack string) (state, error) {
	out, err := s.pulumi(stack, "stack", "export")
	if err != nil {
		return state{}, err
	}
	st := state{digest: fmt.Sprintf("%x", sha256.Sum256(out))}
	if err := json.Unmarshal(out, &st); err != nil {
		return state{}, fmt.Errorf("reading the state of stack %s: %w", stack, err)
	}
	return st, nil
}

// sourceCommit returns the commit that is checked out, with -dirty behind it if any file differs from it or is not in
// it. On GitHub a checkout is clean, except for what the workflow puts into the stack's file.
func (s *session) sourceCommit() (string, error) {
	if sha := s.getenv("GITHUB_SHA"); sha != "" {
		return sha, nil
	}
	commit, err := s.command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "", fmt.Errorf("asking git for the commit: %w", err)
	}
	changed, err := s.command("git", "status", "--porcelain").Output()
	if err != nil {
		return "", fmt.Errorf("asking git for changed files: %w", err)
	}
	if len(changed) > 0 {
		return strings.TrimSpace(string(commit)) + "-dirty", nil
	}
	return strings.TrimSpace(string(commit)), nil
}
