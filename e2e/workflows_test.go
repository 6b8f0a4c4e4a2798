package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"msk-serverless/internal/stacktest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

type workflow struct {
	On          map[string]yaml.Node
	Permissions map[string]string
	Concurrency struct {
		Group  string
		Cancel any `yaml:"cancel-in-progress"`
	}
	Jobs map[string]*job
}

// input is what whoever dispatches a workflow gives it.
type input struct {
	Type    string
	Options []string
}

// inputs are the workflow's, by name.
func (w *workflow) inputs(t *testing.T) map[string]input {
	t.Helper()
	var dispatch struct{ Inputs map[string]input }
	if on, ok := w.On["workflow_dispatch"]; ok {
		require.NoError(t, on.Decode(&dispatch))
	}
	return dispatch.Inputs
}

type job struct {
	Uses        string
	Environment string
	Timeout     int               `yaml:"timeout-minutes"`
	Permissions map[string]string // nil where the job has none of its own
	Strategy    struct{ Matrix map[string]any }
	Steps       []step
}

type step struct {
	Uses, Run string
	With, Env map[string]string
}

// workflows are all of them, by file name.
func workflows(t *testing.T) map[string]*workflow {
	t.Helper()
	files, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]*workflow{}
	for _, file := range files {
		w := &workflow{}
		read(t, file, w)
		all[filepath.Base(file)] = w
	}
	return all
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(doc, into), file)
}

// uses says whether the job hands the role, a variable of its environment, to one of its steps.
func (j *job) uses(role string) bool {
	return slices.ContainsFunc(j.Steps, func(s step) bool { return strings.Contains(s.With["role"], "vars."+role) })
}

func TestWorkflowsPinActions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(".github/*/*.yml")
	require.NoError(t, err)
	actions, err := filepath.Glob(".github/actions/*/action.yml")
	require.NoError(t, err)
	require.Len(t, actions, 2)
	used := regexp.MustCompile(`(?m)\buses:\s*(.*)$`)
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+$`)
	for _, file := range append(files, actions...) {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, use := range used.FindAllStringSubmatch(string(doc), -1) {
			if strings.HasPrefix(use[1], "./") {
				continue
			}
			assert.Regexp(
				t,
				pinned,
				use[1],
				"%s: an action is pinned by its commit, and says which version that is",
				file,
			)
		}
	}
}

// No job may do more than it has to: the workflow itself grants nothing, and each job what it needs.
func TestWorkflowPermissions(t *testing.T) {
	t.Parallel()
	const deployRole = "AWS_DEPLOY_ROLE_ARN"
	mayWrite := map[string][]string{
		"preview.yml comment": {"pull-requests"},
		"drift.yml issue":     {"issues"},
	}
	for file, w := range workflows(t) {
		assert.NotNil(t, w.Permissions, file)
		assert.Empty(t, w.Permissions, file)
		for name, j := range w.Jobs {
			id := file + " " + name
			require.NotNil(t, j.Permissions, id)
			deploys := id == "apply.yml apply" || id == "destroy.yml destroy"
			inAWS := slices.ContainsFunc(j.Steps, func(s step) bool { return s.Uses == "./.github/actions/stack" })
			assert.Equal(t, deploys, j.uses(deployRole), "%s: only apply and destroy take the deploy role", id)
			assert.Equal(
				t,
				inAWS && !deploys,
				j.uses("AWS_PREVIEW_ROLE_ARN"),
				"%s: others look with the role that only reads",
				id,
			)
			switch {
			case deploys:
				assert.Equal(
					t,
					"${{ inputs.stack }}",
					j.Environment,
					"%s: in the environment that asks for approval",
					id,
				)
			case inAWS:
				assert.Regexp(t, `^\$\{\{ (inputs|matrix)\.stack \}\}-preview$`, j.Environment, id)
			default:
				assert.Empty(t, j.Environment, id)
			}
			var writes []string
			for scope, access := range j.Permissions {
				if access == "write" && scope != "id-token" {
					writes = append(writes, scope)
				}
			}
			assert.Equal(t, mayWrite[id], writes, id)
			assert.Equal(
				t,
				inAWS,
				j.Permissions["id-token"] == "write",
				"%s: who needs AWS, and nobody else, gets an OIDC token",
				id,
			)
			assert.True(t, j.Timeout > 0 || j.Uses != "", "%s: a job ends", id)
		}
	}
	assert.NotContains(t, workflows(t)["test.yml"].Jobs["test"].Permissions, "id-token")
}

// What comes from outside reaches a shell by its environment only, and deployments of a stack never meet.
func TestWorkflowsAreSafe(t *testing.T) {
	t.Parallel()
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				assert.NotContains(
					t,
					s.Run,
					"${{",
					"%s %s: an expression in a script is a way in for its value",
					file,
					name,
				)
				if strings.HasPrefix(s.Uses, "actions/checkout@") {
					assert.Equal(t, "false", s.With["persist-credentials"], "%s %s", file, name)
				}
				assert.NotContains(t, s.With, "aws-access-key-id", "no long-lived keys")
			}
		}
		_, target := w.On["pull_request_target"]
		assert.False(t, target, "%s: it would hand secrets to forks", file)
	}
	for _, file := range []string{"apply.yml", "destroy.yml"} {
		w := workflows(t)[file]
		assert.Equal(t, "deploy-${{ inputs.stack }}", w.Concurrency.Group, file)
		assert.Equal(t, false, w.Concurrency.Cancel, file)
	}
}

// Workflows name the stacks; a new environment has to come into all of them.
func TestWorkflowsKnowTheStacks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("Pulumi.*.yaml")
	require.NoError(t, err)
	var stacks []string
	for _, file := range files {
		if name := strings.TrimSuffix(strings.TrimPrefix(file, "Pulumi."), ".yaml"); name != "sandbox" {
			stacks = append(stacks, name)
		}
	}
	named := 0
	for file, w := range workflows(t) {
		if in, ok := w.inputs(t)["stack"]; ok {
			named++
			assert.Equal(t, stacks, slices.DeleteFunc(in.Options, func(s string) bool { return s == "all" }), file)
			assert.Equal(t, "choice", in.Type, "%s: a made-up name would be an environment without protection", file)
		}
		for name, j := range w.Jobs {
			switch m := j.Strategy.Matrix["stack"].(type) {
			case []any:
				named++
				var of []string
				for _, s := range m {
					of = append(of, s.(string))
				}
				assert.Equal(t, stacks, of, "%s %s", file, name)
			case string:
				named++
				assert.Contains(t, m, `'["`+strings.Join(stacks, `", "`)+`"]'`, "%s %s", file, name)
			}
		}
	}
	assert.Equal(t, 8, named)
}

// Workflows run the CLI that `make tools` would build, and the program that the job "build" built.
func TestWorkflowsRunWhatWasTested(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("tools/pulumi/go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`github\.com/pulumi/pulumi/pkg/v3 v([0-9.]+)`).FindStringSubmatch(string(mod))
	require.NotNil(t, version)
	for _, file := range []string{".github/actions/programs/action.yml", ".github/workflows/test.yml"} {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(doc), "pulumi-version: "+version[1], file)
	}

	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	project, err := os.ReadFile("Pulumi.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi.yaml"), project, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(s.Dir, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "bin", "msk-serverless"), nil, 0o755))
	s.runs(t, nil, "ci", "prebuilt")
	assert.Contains(t, s.read(t, "Pulumi.yaml"), "\n    binary: bin/msk-serverless\n")
	s.runs(t, nil, "ci", "prebuilt") // once more does no harm
}
