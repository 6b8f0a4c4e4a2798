package main

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/sandbox/aws"
)

// TestMain puts the CLI that `make tools` built first.
func TestMain(m *testing.M) {
	bin, err := filepath.Abs("bin")
	if err == nil {
		err = os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// program builds the Pulumi program once for all tests, as the CLI would, and returns its path.
var program = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("bin/msk-serverless")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// stack is one environment, deployed by the real CLI and engine from a project folder of its own, with a state backend of
// its own.
type stack struct {
	dir    string
	env    []string
	config map[string]string // by full key
	cloud  *aws.Cloud
}

const stackName = "test"

// newStack is a stack of the configuration, not yet deployed, in an AWS of its own.
func newStack(t *testing.T, config map[string]string, world ...aws.Option) *stack {
	t.Helper()
	cloud := aws.New(world...)
	attach, stop, err := cloud.Serve()
	require.NoError(t, err)
	t.Cleanup(stop)
	s := newProject(t, config, attach)
	s.cloud = cloud
	s.ok(t, "stack", "init")
	return s
}

// newProject is the folder that commands run in, with the provider attached.
func newProject(t *testing.T, config map[string]string, attach string) *stack {
	t.Helper()
	built, err := program()
	require.NoError(t, err)
	s := &stack{dir: t.TempDir(), config: maps.Clone(config)}
	require.NoError(t, os.Symlink(built, filepath.Join(s.dir, "program")))
	project, err := os.ReadFile("Pulumi.yaml")
	require.NoError(t, err)
	prebuilt := bytes.Replace(project, []byte("buildTarget: bin/msk-serverless"), []byte("binary: program"), 1)
	require.NotEqual(t, project, prebuilt)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi.yaml"), prebuilt, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "state"), 0o755))
	s.env = append(os.Environ(),
		"PULUMI_HOME="+filepath.Join(s.dir, "home"),
		"PULUMI_BACKEND_URL=file://"+filepath.Join(s.dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=",
		"PULUMI_DEBUG_PROVIDERS="+attach,
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"PULUMI_SKIP_UPDATE_CHECK=true",
	)
	s.writeConfig(t)
	return s
}

// set changes settings, by their keys as Config spells them; unset takes one out.
func (s *stack) set(t *testing.T, changes map[string]string) {
	t.Helper()
	for key, value := range changes {
		if !strings.Contains(key, ":") {
			key = project + ":" + key
		}
		if s.config[key] = value; value == unset {
			delete(s.config, key)
		}
	}
	s.writeConfig(t)
}

// salt is that of the empty passphrase, so that no command has to make one and write it into the stack's file.
const salt = "v1:tdXVV6w6U2M=:v1:WpIYf7N69QcwnQ+m:DkfqA/uNymbKOw3sK+ItZtWp1n/NoQ=="

func (s *stack) writeConfig(t *testing.T) {
	t.Helper()
	config := map[string]any{"pulumi:disable-default-providers": []string{"*"}}
	for key, value := range s.config {
		config[key] = value
		if strings.HasPrefix(key, project) && json.Valid([]byte(value)) {
			config[key] = json.RawMessage(value)
		}
	}
	doc, err := json.Marshal(map[string]any{"encryptionsalt": salt, "config": config})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi."+stackName+".yaml"), doc, 0o644))
}

// command is the CLI with the arguments, on this stack.
func (s *stack) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "pulumi", append(args, "--stack="+stackName, "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// pulumi runs the CLI, and returns all that it prints.
func (s *stack) pulumi(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := s.command(t, args...).CombinedOutput()
	return string(out), err
}

// ok runs a command that has to succeed.
func (s *stack) ok(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.pulumi(t, args...)
	require.NoError(t, err, "pulumi %s\n%s", strings.Join(args, " "), out)
	return out
}

// fails runs a command that has to fail, and returns what it prints.
func (s *stack) fails(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.pulumi(t, args...)
	require.Error(t, err, "pulumi %s\n%s", strings.Join(args, " "), out)
	return out
}

// up deploys the stack, which has to succeed.
func (s *stack) up(t *testing.T) string {
	t.Helper()
	return s.ok(t, "up", "--yes", "--skip-preview")
}

// outputs are the stack's.
func (s *stack) outputs(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.ok(t, "stack", "output", "--json")), &out))
	return out
}

// plan is what a preview says would happen: "update iam/policy producer" and the like, sorted, without what is read or stays the
// same. Refusals are the errors of a plan that can't be carried out.
func (s *stack) plan(t *testing.T, args ...string) (steps []string, refusals string) {
	t.Helper()
	cmd := s.command(t, append([]string{"preview", "--json"}, args...)...)
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
			steps = append(steps, step.Op+" "+shortURN(step.URN))
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

// shortURN is a resource's type and name: "iam/policy producer" of
// "urn:pulumi:test::msk-serverless::aws:iam/policy:Policy::producer".
func shortURN(urn string) string {
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

// changes are the calls so far that changed AWS.
func (s *stack) changes() []string {
	var changed []string
	for _, c := range s.cloud.Calls() {
		if c.Changes() {
			changed = append(changed, fmt.Sprintf("%s %s %s", c.Kind, c.Type, c.Name))
		}
	}
	return changed
}

func TestShortURN(t *testing.T) {
	t.Parallel()
	for urn, want := range map[string]string{
		"urn:pulumi:test::msk-serverless::aws:iam/policy:Policy::producer":                                            "iam/policy producer",
		"urn:pulumi:test::msk-serverless::aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule::collector-to-::/0": "vpc/securityGroupEgressRule collector-to-::/0",
		"urn:pulumi:test::msk-serverless::pulumi:providers:aws::aws":                                                  "pulumi:providers:aws aws",
	} {
		assert.Equal(t, want, shortURN(urn))
	}
}
