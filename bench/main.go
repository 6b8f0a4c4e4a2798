//go:build linux

// Bench measures how fast the program is, on the real engine with the embedded AWS, and writes what it finds into
// docs/evidence.md (`make bench`). Linux only: it reads /proc.
//
// Each figure is the median of several runs, with the quartiles. What is compared is run in turn, and ratios are taken
// between runs of the same turn, so that they hold on a busy machine too.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	cold := flag.Bool("cold", false, "measure from a fresh clone with empty caches instead, and the tests: half an hour")
	rounds := flag.Int("rounds", 15, "how often to measure `n` what is quick; what is slow, less often")
	flag.Parse()
	if err := run(*cold, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the measurements.
type bench struct {
	root    string // the checkout
	dir     string // for what is built and deployed; inside the checkout, because the CLI reads the repository it is in
	rounds  int
	targets []string // rows of the table
	text    strings.Builder
}

func run(cold bool, rounds int) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.Setenv("PATH", filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	// As `make` has it: asking git for the commit would be a part of each build.
	if err := os.Setenv("GOFLAGS", "-buildvcs=false"); err != nil {
		return err
	}
	if err := adoptOrphans(); err != nil {
		return err
	}
	if err := os.MkdirAll(".sandbox", 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Join(root, ".sandbox"), "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	b := &bench{root: root, dir: dir, rounds: rounds}
	part, command, steps := "performance", "make bench", []func(*bench) error{
		(*bench).measureBuilds, (*bench).measureWarm, (*bench).measureAlone, (*bench).measureGrowth, (*bench).measurePath, (*bench).measureLookUps,
	}
	if cold {
		part, command, steps = "performance, cold", "make bench-cold", []func(*bench) error{(*bench).measureCold, (*bench).measureTests}
	}
	opening := machine(command)
	if cold {
		opening = "### From a fresh clone, with empty caches\n\n" + opening
	}
	for _, step := range steps {
		if err := step(b); err != nil {
			return err
		}
	}
	report := opening + "\n\n| target | measured | |\n| --- | --- | --- |\n" + strings.Join(b.targets, "") + b.text.String()
	fmt.Println(report)
	return write(filepath.Join(root, "docs", "evidence.md"), part, report)
}

// machine says where and when the figures are from.
func machine(command string) string {
	return fmt.Sprintf("Measured by `%s` on %s: %d cores (%s), load %s at the start, %s, Pulumi %s.", command,
		time.Now().Format(time.DateOnly), runtime.NumCPU(), processor(), load(), runtime.Version(), output("pulumi", "version"))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, after, _ := strings.Cut(string(text), "model name\t: ")
	name, _, _ := strings.Cut(after, "\n")
	return name
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// output is what a command prints, empty where it fails.
func output(name string, args ...string) string {
	out, _ := exec.Command(name, args...).Output()
	return strings.TrimSpace(string(out))
}

// progress goes to standard error, where it doesn't mix with the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// printf writes to the report.
func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.text, format, args...) }

// target notes whether a target is met.
func (b *bench) target(what, measured string, met bool) {
	b.targets = append(b.targets, fmt.Sprintf("| %s | %s | %s |\n", what, measured, map[bool]string{true: "met", false: "**not met**"}[met]))
}

// write puts the report between the part's marks.
func write(path, part, report string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	start, end := "<!-- "+part+" -->", "<!-- /"+part+" -->"
	before, rest, ok := strings.Cut(string(doc), start)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no %s and %s", path, start, end)
	}
	return os.WriteFile(path, []byte(before+start+"\n"+report+"\n"+end+after), 0o644)
}
