package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVPCs(t *testing.T) {
	t.Parallel()
	for in, n := range map[string]int{"": 0, "vpc-1:subnet-1,subnet-2": 1, "vpc-1:subnet-1; vpc-2:subnet-2;": 2} {
		got, err := vpcs(in)
		require.NoError(t, err, in)
		assert.Len(t, got, n, in)
	}
	for _, in := range []string{"vpc-1", "subnet-1:vpc-1"} {
		_, err := vpcs(in)
		require.ErrorContains(t, err, in)
	}
}

// TestRun runs commands from a folder below the project's.
func TestRun(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "a", "b")
	require.NoError(t, os.MkdirAll(below, 0o755))
	t.Chdir(below)
	t.Setenv("PATH", os.Getenv("PATH"))
	_, err := run([]string{"true"})
	require.ErrorContains(t, err, "no Pulumi.yaml")

	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.yaml"), nil, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	require.NoError(
		t,
		os.WriteFile(filepath.Join(root, "bin", "ours"),
			[]byte("#!/bin/sh\necho \"$PULUMI_DEBUG_PROVIDERS\" >\"$1\"; exit 7\n"), 0o755),
	)
	out := filepath.Join(root, "out")
	code, err := run([]string{"ours", out})
	require.NoError(t, err)
	assert.Equal(t, 7, code, "the command's exit code, of the one in bin/")
	provider, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(provider), "aws:"))
	assert.FileExists(t, filepath.Join(root, ".sandbox", "aws.json"))

	code, err = run([]string{"no-such-command"})
	require.Error(t, err)
	assert.Equal(t, 127, code)
	code, err = run([]string{"sh", "-c", "kill -KILL $$"})
	require.NoError(t, err)
	assert.Equal(t, 128+9, code)
}

// TestSignals sends a signal to this process and sees the command get it.
func TestSignals(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	require.NoError(t, syscall.Mkfifo(ready, 0o600))
	go func() {
		_, _ = os.ReadFile(ready) // until the command has set its trap
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}()
	code, err := pass([]string{"sh", "-c", `trap "exit 9" TERM; echo >"$0"; while :; do sleep 0.05; done`, ready},
		[]string{"PATH=" + os.Getenv("PATH")})
	require.NoError(t, err)
	assert.Equal(t, 9, code)
}
