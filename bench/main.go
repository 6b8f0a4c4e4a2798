//go:build linux

// Bench measures how fast the program is, with the real CLI and engine in the sandbox, and writes the figures into
// docs/evidence.md: `make bench`, or with -cold from a fresh clone with empty caches: `make bench-cold`. Linux only.
//
// Commands that are compared run in turn, and a ratio is the median of the ratios of each turn, so that other load
// on the machine affects both sides alike.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"msk-serverless/internal/project"
)

func main() {
	cold := flag.Bool("cold", false, "measure a fresh clone with empty caches, and the tests, instead: half an hour")
	rounds := flag.Int("rounds", 9, "how often to run each command")
	flag.Parse()
	if err := run(*cold, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the measurements.
type bench struct {
	root   string // the checkout
	dir    string // for what is built and deployed
	rounds int
	rows   []string // of the table in docs/evidence.md
}

func run(cold bool, rounds int) error {
	root, err := project.FindRoot()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	bin := filepath.Join(root, "bin")
	if err := os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{root: root, dir: dir, rounds: rounds}
	part, command, measure := "performance", "make bench", b.measureWarm
	if cold {
		part, command, measure = "performance, cold", "make bench-cold", b.measureCold
	}
	opening := machine(command) // before the measurements raise the load
	if err := measure(); err != nil {
		return err
	}
	report := opening + "\n\n| what | measured | target |\n| --- | --- | --- |\n" + strings.Join(b.rows, "")
	fmt.Print(report)
	const page = "docs/evidence.md"
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	spliced, err := project.Splice(string(text), part, report)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(spliced), 0o644)
}

// machine returns a sentence on when and where the figures were measured.
func machine(command string) string {
	cpu := find(`/proc/cpuinfo`, "model name\t: ", "\n")
	load := find("/proc/loadavg", "", " ")
	version, _ := exec.Command("pulumi", "version").Output()
	return fmt.Sprintf("Measured by `%s` on %s: %d cores (%s), load %s at the start, %s, Pulumi %s. Medians.", command,
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), cpu, load, runtime.Version(),
		strings.TrimSpace(string(version)))
}

// find returns the text of a file between the first before and the next after, or an empty string.
func find(file, before, after string) string {
	text, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(text), before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// row adds a row to the table.
func (b *bench) row(what, measured, target string) {
	b.rows = append(b.rows, fmt.Sprintf("| %s | %s | %s |\n", what, measured, target))
}

// limit returns a target in words, and whether it was met.
func limit(value, most float64, unit string) string {
	verdict := "met"
	if value > most {
		verdict = "**not met**"
	}
	return fmt.Sprintf("≤ %g%s: %s", most, unit, verdict)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
