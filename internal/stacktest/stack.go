// Package stacktest deploys stacks in tests with the real Pulumi CLI and engine. Each stack has its own sandbox and
// project folder.
package stacktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/sandbox/aws"
)

// Main runs a package's tests where Enter leads.
func Main(m *testing.M) {
	if err := Enter(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Enter changes to the project's root folder, and puts the CLI that `make tools` built first on PATH.
func Enter() error {
	root, err := project.FindRoot()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	return os.Setenv("PATH", filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Build returns a function that builds the package ./name of the project into bin/ on its first call, and returns the
// program's absolute path.
func Build(name, pkg string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path, err := filepath.Abs(filepath.Join("bin", name))
		if err != nil {
			return "", err
		}
		out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, pkg).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
		return path, nil
	})
}

// The project's programs. Each is built on the first call.
var (
	Program = Build(project.Name, ".")
	Mskctl  = Build("mskctl", "./mskctl")
	Sandbox = Build("sandbox", "./sandbox")
)

// Stack is one environment, with a project folder, a state backend and a sandbox that no other stack uses.
type Stack struct {
	Dir    string
	Env    []string
	Config map[string]string // by full key
	AWS    *aws.Sandbox
}

// Name is the name of every Stack.
const Name = "test"

// New returns a stack with the configuration, not yet deployed, in a new sandbox.
func New(t testing.TB, config map[string]string, opts ...aws.Option) *Stack {
	t.Helper()
	s := Attach(t, config, aws.New(opts...))
	s.OK(t, "stack", "init")
	return s
}

// Attach returns a project folder for the configuration, without a stack, on the given sandbox.
func Attach(t testing.TB, config map[string]string, sandbox *aws.Sandbox) *Stack {
	t.Helper()
	attach, stop, err := sandbox.Serve()
	require.NoError(t, err)
	t.Cleanup(stop)
	endpoint, stopAPI, err := sandbox.ServeAPI()
	require.NoError(t, err)
	t.Cleanup(stopAPI)
	s := NewProject(t, config, attach)
	s.AWS = sandbox
	s.Env = append(s.Env, aws.SDKEnv(endpoint)...)
	return s
}

// NewProject returns a project folder for the configuration, without a stack, on the provider at attach. Its AWS is
// nil.
func NewProject(t testing.TB, config map[string]string, attach string) *Stack {
	t.Helper()
	built, err := Program()
	require.NoError(t, err)
	s := &Stack{Dir: t.TempDir(), Config: maps.Clone(config)}
	require.NoError(t, os.Symlink(built, filepath.Join(s.Dir, "program")))
	pulumiYAML, err := os.ReadFile("Pulumi.yaml")
	require.NoError(t, err)
	prebuilt, err := project.Prebuilt(pulumiYAML, "program")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi.yaml"), prebuilt, 0o644))
	state := filepath.Join(s.Dir, "state")
	require.NoError(t, os.Mkdir(state, 0o755))
	s.Env = append(project.Environ(os.Environ(), filepath.Dir(built), state, attach),
		"PULUMI_HOME="+filepath.Join(s.Dir, "home"))
	s.WriteConfig(t)
	return s
}

// Set changes settings by their keys without the namespace, and removes those set to configtest.Unset.
func (s *Stack) Set(t testing.TB, changes map[string]string) {
	t.Helper()
	configtest.Change(s.Config, changes)
	s.WriteConfig(t)
}

// Salt belongs to the empty passphrase. With it in the stack's file, no command has to add one.
const Salt = "v1:tdXVV6w6U2M=:v1:WpIYf7N69QcwnQ+m:DkfqA/uNymbKOw3sK+ItZtWp1n/NoQ=="

// WriteConfig writes Config into the stack's file.
func (s *Stack) WriteConfig(t testing.TB) {
	t.Helper()
	doc, err := json.Marshal(map[string]any{"encryptionsalt": Salt, "config": configtest.Section(s.Config)})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi."+Name+".yaml"), doc, 0o644))
}

// Command returns the CLI with the arguments, on this stack.
func (s *Stack) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(
		t.Context(),
		"pulumi",
		append(args, "--stack="+Name, "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = s.Dir, s.Env
	return cmd
}

// Pulumi runs the CLI and returns all that it prints.
func (s *Stack) Pulumi(t testing.TB, args ...string) (string, error) {
	t.Helper()
	out, err := s.Command(t, args...).CombinedOutput()
	return string(out), err
}

// OK runs the CLI, which must succeed, and returns all that it prints.
func (s *Stack) OK(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.Pulumi(t, args...)
	require.NoError(t, err, "pulumi %s\n%s", strings.Join(args, " "), out)
	return out
}

// Fails runs the CLI, which must fail, and returns all that it prints.
func (s *Stack) Fails(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.Pulumi(t, args...)
	require.Error(t, err, "pulumi %s\n%s", strings.Join(args, " "), out)
	return out
}

// Up deploys the stack, which must succeed.
func (s *Stack) Up(t testing.TB) string {
	t.Helper()
	return s.OK(t, "up", "--yes", "--skip-preview")
}

// Mskctl runs mskctl in the stack's folder, with env ("A=b") added to its environment, and returns what it prints and
// its exit code.
func (s *Stack) Mskctl(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := Mskctl()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Dir, append(slices.Clone(s.Env), env...), &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%v", err)
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Outputs returns the stack's outputs.
func (s *Stack) Outputs(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.OK(t, "stack", "output", "--json")), &out))
	return out
}

// Plan previews the stack and returns the steps, such as "update iam/policy producer", sorted, without resources that
// are only read or stay the same, and the errors if the preview fails.
func (s *Stack) Plan(t testing.TB, args ...string) (steps []string, refusals string) {
	t.Helper()
	cmd := s.Command(t, append([]string{"preview", "--json"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%v", err)
	var digest struct {
		Steps       []struct{ Op, URN string }
		Diagnostics []struct{ Message, Severity string }
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &digest), "%s%s", &stdout, &stderr)
	for _, step := range digest.Steps {
		if step.Op != "same" && step.Op != "refresh" {
			steps = append(steps, step.Op+" "+ShortURN(step.URN))
		}
	}
	slices.Sort(steps)
	for _, d := range digest.Diagnostics {
		if d.Severity == "error" {
			refusals += d.Message + "\n"
		}
	}
	if err != nil && refusals == "" {
		refusals = stderr.String() + stdout.String()
	}
	return steps, refusals
}

// ShortURN returns a resource's type and name: "iam/policy producer" for
// "urn:pulumi:test::msk-serverless::aws:iam/policy:Policy::producer".
func ShortURN(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return urn
	}
	typ := strings.Split(parts[2], ":")
	if len(typ) < 3 || typ[0] != "aws" {
		return parts[2] + " " + parts[3]
	}
	return typ[1] + " " + parts[3]
}

// Changes returns the calls so far that changed AWS.
func (s *Stack) Changes() []string {
	var changed []string
	for _, c := range s.AWS.Calls() {
		if c.Changes() {
			changed = append(changed, fmt.Sprintf("%s %s %s", c.Operation, c.Type, c.Name))
		}
	}
	return changed
}
