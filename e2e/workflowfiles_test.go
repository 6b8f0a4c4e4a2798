package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

type workflow struct {
	RunName     string `yaml:"run-name"`
	On          map[string]yaml.Node
	Permissions map[string]string
	Concurrency concurrency
	Jobs        map[string]*job
}

type concurrency struct {
	Group  string
	Cancel any `yaml:"cancel-in-progress"`
}

type job struct {
	Name, Uses, If string
	Needs          yaml.Node
	With           map[string]any
	Environment    string
	Concurrency    concurrency
	Timeout        int               `yaml:"timeout-minutes"`
	Permissions    map[string]string // nil if the job has none
	Env            map[string]string
	Outputs        map[string]string
	Strategy       struct{ Matrix map[string]any }
	Steps          []step
}

type step struct {
	If, Uses, Run string
	With, Env     map[string]string
}

// action is a composite action.
type action struct{ Runs struct{ Steps []step } }

// workflows returns all of them, by file name.
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

// actions returns the composite actions, by name.
func actions(t *testing.T) map[string]*action {
	t.Helper()
	files, err := filepath.Glob(".github/actions/*/action.yml")
	require.NoError(t, err)
	all := map[string]*action{}
	for _, file := range files {
		a := &action{}
		read(t, file, a)
		all[filepath.Base(filepath.Dir(file))] = a
	}
	require.Len(t, all, 2)
	return all
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(doc, into), file)
}

// uses reports whether the job hands the role, a variable of its environment, to one of its steps.
func (j *job) uses(role string) bool {
	return slices.ContainsFunc(j.Steps, func(s step) bool { return strings.Contains(s.With["role"], "vars."+role) })
}

// deploys reports whether the job gets the role that deploys.
func (j *job) deploys() bool { return j.uses("AWS_DEPLOY_ROLE_ARN") }

// inAWS reports whether the job gets credentials.
func (j *job) inAWS() bool {
	return slices.ContainsFunc(j.Steps, func(s step) bool { return s.Uses == "./.github/actions/stack" })
}

// runs returns the index of the job's step that runs the command, or -1.
func (j *job) runs(command string) int {
	return slices.IndexFunc(j.Steps, func(s step) bool { return strings.HasPrefix(s.Run, command) })
}
