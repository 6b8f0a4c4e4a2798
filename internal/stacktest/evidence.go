package stacktest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Thorough reports whether to run tables whole, as `make reliability` does, or only as much as `make test` has time
// for.
func Thorough() bool { return os.Getenv("RELIABILITY") == "all" }

// Evidence logs what a test has shown ("drifts found and repaired", "14 of 14"). If the test passes and
// EVIDENCE_DIR is set, as by `make reliability`, it writes the row there for docs/evidence.md. Only one test may
// write a given row.
func Evidence(t *testing.T, what, value string) {
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
