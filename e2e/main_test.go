// Package e2e tests the platform as people and pipelines use it: with the real Pulumi CLI and engine, in the sandbox.
package e2e

import (
	"os"
	"testing"

	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_REGION": region, // which Kafka clients sign for
		"GOGC":       "400",  // saves the CLI a quarter of its time
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	stacktest.Main(m)
}

// stack is a stack of the harness, with what only these tests do with it.
type stack struct{ *stacktest.Stack }

// newStack returns a stack with the configuration, not yet deployed, in a new sandbox.
func newStack(t *testing.T, config map[string]string, opts ...aws.Option) *stack {
	t.Helper()
	return quick(stacktest.New(t, config, opts...))
}

// newProject returns a project folder for the configuration, without a stack, on the provider at attach.
func newProject(t *testing.T, config map[string]string, attach string) *stack {
	t.Helper()
	return quick(stacktest.NewProject(t, config, attach))
}

// quick returns the stack with Pulumi writing the state at a command's end alone, and not after each step, which halves
// the time of a deployment. The end is the same unless the CLI is killed. `make reliability` writes it after each step.
func quick(s *stacktest.Stack) *stack {
	if !stacktest.Thorough() {
		s.Env = append(s.Env, writeStateOnce...)
	}
	return &stack{s}
}

var writeStateOnce = []string{"PULUMI_EXPERIMENTAL=true", "PULUMI_SKIP_CHECKPOINTS=true"}

// part returns every nth row of a table, which `make test` has time for, or all rows for `make reliability` and if a
// provider is attached.
func part[T any](rows []T, n int) []T {
	if stacktest.Thorough() || attached() {
		return rows
	}
	var some []T
	for i := 0; i < len(rows); i += n {
		some = append(some, rows[i])
	}
	return some
}
