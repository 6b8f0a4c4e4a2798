//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// measureCold takes a fresh clone, with empty caches, to a deployed sandbox, and runs the tests. Once, because it is
// slow.
func (b *bench) measureCold() error {
	clone := filepath.Join(b.dir, "clone")
	if _, err := measure(exec.Command("git", "clone", "--quiet", b.root, clone)); err != nil {
		return err
	}
	env := append(os.Environ(), "GOMODCACHE="+filepath.Join(b.dir, "mod"), "GOCACHE="+filepath.Join(b.dir, "cache"),
		"GOFLAGS=-modcacherw -buildvcs=false", "PULUMI_HOME="+filepath.Join(b.dir, "home"))
	run := func(args ...string) (float64, error) {
		fmt.Fprintln(os.Stderr, "make", args)
		cmd := exec.Command("make", args...)
		cmd.Dir, cmd.Env = clone, env
		u, err := measure(cmd)
		return u.seconds, err
	}
	tools, err := run("tools")
	if err != nil {
		return err
	}
	preview, err := run("preview")
	if err != nil {
		return err
	}
	up, err := run("up")
	if err != nil {
		return err
	}
	const minute = 60
	total := tools + preview + up
	b.row("fresh clone, empty caches: `make tools`, `make preview`, `make up`",
		fmt.Sprintf("%.0f s, %.0f s, %.0f s: %.1f min", tools, preview, up, total/minute), limit(total/minute, 6, " min"))
	if _, err := run("test", "GOFLAGS=-run=^$$"); err != nil { // compiles the tests
		return err
	}
	tests, err := run("test")
	if err != nil {
		return err
	}
	b.row("`make test`, tools and tests built", fmt.Sprintf("%.1f min", tests/minute), limit(tests/minute, 5, " min"))
	return nil
}
