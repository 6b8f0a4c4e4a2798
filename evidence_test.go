package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// thorough reports whether tables are to be run whole (`make reliability`), and not cut to what `make test` has time for.
func thorough() bool { return os.Getenv("RELIABILITY") == "all" }

// evidence notes what a test that passes has shown, as a row of docs/evidence.md: "drifts found and repaired", "14 of 14".
// `make reliability` collects the rows; without it they are logged only. A row belongs to one test.
func evidence(t *testing.T, what, value string) {
	t.Helper()
	t.Logf("evidence: %s: %s", what, value)
	dir := os.Getenv("EVIDENCE_DIR")
	if dir == "" {
		return
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		file := filepath.Join(dir, strings.ReplaceAll(what, "/", "-"))
		assert.NoError(t, os.WriteFile(file, []byte("| "+what+" | "+value+" |\n"), 0o644))
	})
}
