//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// measureCold takes a fresh clone, with empty caches, to its first preview: once, because it takes long.
func (b *bench) measureCold() error {
	clone, graph := filepath.Join(b.dir, "clone"), filepath.Join(b.dir, "actions.json")
	if out, err := exec.Command("git", "clone", "--quiet", b.root, clone).CombinedOutput(); err != nil {
		return fmt.Errorf("git clone: %w\n%s", err, out)
	}
	env := append(environ(), "GOMODCACHE="+filepath.Join(b.dir, "mod"), "GOCACHE="+filepath.Join(b.dir, "cache"),
		"GOFLAGS=-modcacherw -buildvcs=false")
	b.printf("\n| step | time | CPU | peak memory |\n| --- | --- | --- | --- |\n")
	var total time.Duration
	step := func(what, name string, args ...string) error {
		progress("%s", what)
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = clone, env
		u, err := measure(cmd, true)
		total += u.wall
		b.printf("| %s | %.0f s | %.0f s | %.0f MB |\n", what, wall(u), cpu(u), peak(u))
		return err
	}
	if err := step("download modules (`go list -deps`)", "go", "list", "-deps", ".", "./sandbox"); err != nil {
		return err
	}
	if err := step("compile and link the program", "go", "build", "-debug-actiongraph="+graph, "-o", "bin/msk-serverless", "."); err != nil {
		return err
	}
	if err := step("compile and link the sandbox", "go", "build", "-o", "bin/sandbox", "./sandbox"); err != nil {
		return err
	}
	if out, err := exec.Command("bash", "-c", `cp -p "$0"/bin/{pulumi*,gojq} "$1"/bin/ && touch "$1"/bin/*`, b.root, clone).CombinedOutput(); err != nil {
		return fmt.Errorf("copying the tools: %w\n%s", err, out)
	}
	if err := step("first `make preview`, tools present", "make", "preview"); err != nil {
		return err
	}
	present := total
	if err := os.RemoveAll(filepath.Join(clone, "bin")); err != nil {
		return err
	}
	if err := step("build the tools: CLI, language host, gojq", "make", "bin/pulumi", "bin/pulumi-language-go", "bin/gojq"); err != nil {
		return err
	}
	b.printf("\nFrom a fresh clone to the first preview: %.0f s where the tools are present, %.0f s where they are built as well.\n",
		present.Seconds(), total.Seconds())
	return b.reportActions(graph)
}

// action is a step of a build, as `go build -debug-actiongraph` writes it.
type action struct {
	Mode, Package       string
	TimeStart, TimeDone time.Time
	CmdUser, CmdSys     time.Duration
}

// reportActions says where the compile's time goes.
func (b *bench) reportActions(path string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var actions []action
	if err := json.Unmarshal(doc, &actions); err != nil {
		return err
	}
	type part struct {
		packages  int
		cpu, wall time.Duration
	}
	parts := map[string]part{}
	for _, a := range actions {
		if a.CmdUser+a.CmdSys == 0 {
			continue
		}
		name := origin(a)
		p := parts[name]
		parts[name] = part{p.packages + 1, p.cpu + a.CmdUser + a.CmdSys, p.wall + a.TimeDone.Sub(a.TimeStart)}
	}
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int { return int(parts[y].cpu - parts[x].cpu) })
	b.printf("\nWhere the compile's time goes; steps run side by side, so their times are more in sum:\n\n| part | packages | CPU | time |\n| --- | --- | --- | --- |\n")
	for _, name := range names {
		p := parts[name]
		b.printf("| %s | %d | %.1f s | %.1f s |\n", name, p.packages, p.cpu.Seconds(), p.wall.Seconds())
	}
	return nil
}

// origin says what a step of the build is for.
func origin(a action) string {
	const provider = "github.com/pulumi/pulumi-aws/sdk/v6/go/"
	first, _, _ := strings.Cut(a.Package, "/")
	switch {
	case a.Mode == "link":
		return "linking"
	case strings.HasPrefix(a.Package, provider):
		return "pulumi-aws: " + strings.TrimPrefix(a.Package, provider)
	case strings.HasPrefix(a.Package, "github.com/pulumi/pulumi/"):
		return "Pulumi's SDK"
	case a.Package == "msk-serverless":
		return "the program"
	case !strings.Contains(first, "."):
		return "the standard library"
	}
	return "other modules"
}

// measureTests runs the tests as `make test` does where everything is built.
func (b *bench) measureTests() error {
	progress("compiling the tests")
	compile := exec.Command("go", "test", "-run", "^$", "./...")
	compile.Dir = b.root
	if _, err := measure(compile, false); err != nil {
		return err
	}
	progress("running the tests")
	test := exec.Command("make", "test", "GOFLAGS=-count=1")
	test.Dir = b.root
	u, err := measure(test, false)
	b.target("`make test` ≤ 5 minutes once the tools are built", fmt.Sprintf("%.0f s (CPU %.0f s)", wall(u), cpu(u)), u.wall <= 5*time.Minute)
	return err
}
