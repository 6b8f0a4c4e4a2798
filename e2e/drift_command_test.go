package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

func TestDrift(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	drift := func(want int) string {
		t.Helper()
		out, code := s.mskctl(t, nil, "drift", stacktest.Name)
		require.Equal(t, want, code, out)
		assert.Empty(t, s.Changes(), "a comparison changes nothing")
		assert.Equal(t, strconv.Itoa(want)+"\n", s.read(t, "drift", "code"))
		return out + s.read(t, "drift", "summary.md")
	}
	assert.NotContains(t, drift(10), "DATA LOSS", "what was never deployed isn't lost")
	s.Up(t)
	s.AWS.ResetCalls()
	assert.Contains(t, drift(0), "No changes.")

	intact := s.AWS.Snapshot()
	s.AWS.Edit(func(a *aws.State) {
		for _, g := range a.SecurityGroups {
			if strings.HasPrefix(g.Name, "crypto-stream-brokers-") {
				g.Rules = append(g.Rules,
					&aws.Rule{ID: "sgr-0123456789abcdef0", Protocol: "tcp", From: 9098, To: 9098, CIDR: "0.0.0.0/0"})
			}
		}
	})
	opened := drift(10)
	assert.Contains(t, opened, "### Drift of `test`")
	assert.Contains(t, opened, "what changes: AWS has → configuration says")
	assert.Contains(t, opened, "| **update** | `brokers` | `ec2/securityGroup` | `ingress` |")
	assert.NotContains(t, opened, "DATA LOSS")

	s.AWS.Edit(func(a *aws.State) {
		*a = *intact
		clear(a.Clusters)
	})
	gone := drift(11)
	assert.Contains(t, gone, "DATA LOSS: the cluster of stack test is gone.")
	assert.Contains(t, gone, "| **create** | `cluster` |")

	s.AWS.Fail(aws.Fault{Operation: aws.Read, Error: aws.Denied})
	assert.Contains(t, drift(1), "AccessDenied")
}

// A lost cluster is found whatever else is wrong.
func TestDriftFindsALostCluster(t *testing.T) {
	t.Parallel()
	built := newStack(t, configtest.With(nil))
	built.Up(t)
	image := built.image(t)
	for _, c := range []struct {
		name string
		also func(t *testing.T, s *stack)
	}{
		{"the boundary is gone, too", func(_ *testing.T, s *stack) {
			s.AWS.Edit(func(a *aws.State) { delete(a.Policies, "MSK-Permission-Boundary") })
		}},
		{"the subnets are gone, too", func(_ *testing.T, s *stack) {
			s.AWS.Edit(func(a *aws.State) { clear(a.Subnets) })
		}},
		{"the configuration is bad", func(t *testing.T, s *stack) {
			s.Set(t, map[string]string{"logRetentionDays": "15", "clusterNam": "x"})
		}},
		{"the CLI refuses the configuration", func(t *testing.T, s *stack) {
			s.Set(t, map[string]string{"subnetIds": "none"})
		}},
		{"a refresh dropped it from the state", func(t *testing.T, s *stack) { s.OK(t, "refresh", "--yes") }},
		{"a killed deployment left its lock", func(t *testing.T, s *stack) { s.leaveLock(t, "2026-01-01T00:00:00Z") }},
		{"the lock can't be read", func(t *testing.T, s *stack) { s.leaveLock(t, "yesterday") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := image.stack(t)
			s.AWS.Edit(func(a *aws.State) { clear(a.Clusters) })
			c.also(t, s)
			out, code := s.mskctl(t, nil, "drift", stacktest.Name)
			require.Equal(t, 11, code, out)
			assert.Contains(t, out, "DATA LOSS: the cluster of stack test is gone.")
			assert.Contains(t, s.read(t, "drift", "summary.md"), "DATA LOSS")
			assert.Equal(t, "11\n", s.read(t, "drift", "code"))
		})
	}
}

// leaveLock leaves the lock of a command that was killed.
func (s *stack) leaveLock(t *testing.T, since string) {
	t.Helper()
	dir := filepath.Join(s.Dir, "state", ".pulumi", "locks", "organization", project.Name, stacktest.Name)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	lock := fmt.Sprintf(`{"pid":7,"username":"runner","hostname":"ci","timestamp":%q}`, since)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "0.json"), []byte(lock), 0o644))
}

// The lock of a killed deployment must not silence the comparison.
func TestDriftNamesAnOldLock(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.leaveLock(t, "2026-01-01T00:00:00Z")
	out, code := s.mskctl(t, nil, "drift", stacktest.Name)
	assert.Equal(t, 1, code, out)
	summary := s.read(t, "drift", "summary.md")
	assert.Contains(t, summary, "LOCKED by process 7 of runner@ci, since 2026-01-01 00:00 UTC")
	assert.Contains(t, summary, "No changes.")
	s.OK(t, "cancel", "--yes")
	s.runs(t, nil, "drift", stacktest.Name)

	s.leaveLock(t, "yesterday")
	out, code = s.mskctl(t, nil, "drift", stacktest.Name)
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "reading a lock of stack test")
}

// Output of Pulumi that can't be read is an error, never "No changes.".
func TestUnreadablePreviewsFail(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	pulumi, err := exec.LookPath("pulumi")
	require.NoError(t, err)
	// A pulumi that prints a line before what the real one prints.
	noisy := t.TempDir()
	script := "#!/bin/sh\ncase $1 in preview) echo A new version is available. ;; esac\nexec " + pulumi + " \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(noisy, "pulumi"), []byte(script), 0o755))
	onPath := "PATH=" + noisy + string(os.PathListSeparator) + os.Getenv("PATH")
	for _, args := range [][]string{{"preview", stacktest.Name}, {"plan", stacktest.Name}, {"drift", stacktest.Name}} {
		out, code := s.mskctl(t, append(onGitHub(), onPath), args...)
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, "the preview's output is not JSON")
		assert.NotContains(t, out, "No changes")
	}
	out, code := s.mskctl(t, onGitHub(onPath), "apply", stacktest.Name, "plan", "42")
	assert.Equal(t, 1, code, out)
	assert.Empty(t, s.Changes())

	streaming := "PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true"
	assert.Contains(t, s.runs(t, []string{streaming}, "preview", stacktest.Name), "| **create** | `cluster` |")
}

// A flag in the wrong place is an error, so that no pipeline step is green with nothing done.
func TestWrongUsageChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(map[string]string{"protect": "false"}))
	s.Up(t)
	s.AWS.ResetCalls()
	for _, args := range []string{
		"destroy test --help", "destroy test test --help", "destroy --help test", "destroy test test --force", "destroy test",
		"apply test plan -h", "apply test plan --help=true",
		"plan test --hel", "ci fetch-plan test --help plan", "ci fetch-plan test 42/../43 plan",
		"drift test drift", "preview", "previews test", "--unknown", "ci",
	} {
		out, code := s.mskctl(t, onGitHub(), strings.Fields(args)...)
		assert.Equal(t, 2, code, "mskctl %s: %s", args, out)
	}
	assert.Empty(t, s.Changes())
	for _, command := range []string{
		"", "init", "preview", "plan", "apply", "drift", "destroy", "report",
		"ci fetch-plan",
	} {
		out := s.runs(t, nil, append(strings.Fields(command), "-h")...)
		if command != "" {
			assert.Contains(t, out, "Example", command)
		}
	}
}
