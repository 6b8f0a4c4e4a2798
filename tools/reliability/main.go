// Reliability runs every test with its tables whole, the mutants and the fuzzers, and writes what they showed into
// docs/evidence.md. It writes nothing if one of them fails. The whole output goes to reliability.log.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"msk-serverless/internal/project"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run() error {
	rows, err := os.MkdirTemp("", "evidence")
	if err != nil {
		return err
	}
	defer os.RemoveAll(rows)
	log, err := os.Create("reliability.log")
	if err != nil {
		return err
	}
	defer log.Close()
	r := runner{log, append(os.Environ(), "RELIABILITY=all", "EVIDENCE_DIR="+rows)}
	progress := regexp.MustCompile(`^ +[a-z_]+\.go:[0-9]+: ([0-9]+ of [0-9]+|evidence: .*)$|^ *--- FAIL|^(ok|FAIL)\s`)
	// One package at a time: Go would otherwise print a package's output at its end alone.
	if _, err := r.goTool(progress, "test", "-p=1", "-v", "-count=1", "-timeout", "3h", "./..."); err != nil {
		return err
	}
	if err := r.collector(rows); err != nil {
		return err
	}
	if _, err := r.goTool(regexp.MustCompile(`of`), "run", "./tools/mutants"); err != nil {
		return err
	}
	for _, f := range []struct{ target, pkg, row string }{
		{"FuzzConfig", "./internal/config/fuzz", "fuzzed configurations, each refused or within the rules"},
		{"FuzzPolicies", ".", "fuzzed configurations whose policies, if any, keep to IAM's limits and the configured names"},
	} {
		out, err := r.goTool(regexp.MustCompile(`^fuzz:`), "test", "-run", "^$",
			"-fuzz", "^"+f.target+"$", "-fuzztime", "1m", f.pkg)
		if err != nil {
			return err
		}
		tried := regexp.MustCompile(`(?m)^fuzz: elapsed: .*, execs: (\d+) `).FindAllStringSubmatch(out, -1)
		if len(tried) == 0 {
			return fmt.Errorf("%s printed no count of executions: see reliability.log", f.target)
		}
		if err := writeRow(rows, f.target, f.row, tried[len(tried)-1][1]); err != nil {
			return err
		}
	}
	return writeTable(rows, "docs/evidence.md")
}

// collector runs the example collector's tests and benchmarks, which are a module of their own.
func (r runner) collector(rows string) error {
	const module = "examples/collector"
	out, err := r.goTool(regexp.MustCompile(`^(ok|FAIL)\s`), "-C", module, "test", "-v", "-count=1", "./...")
	if err != nil {
		return err
	}
	for test, what := range map[string]string{
		"TestProduceSurvives": "faults of Kafka that the example collector survives, with each record once and in order",
		"TestConsumeSurvives": "faults of Kafka that the example consumer survives, with each record at least once",
		"TestExchangeMisbehaves": "ways in which an exchange misbehaves, after which the example collector has counted " +
			"exactly what is missing",
	} {
		begun := strings.Count(out, "=== RUN   "+test+"/")
		passed := strings.Count(out, "--- PASS: "+test+"/")
		if err := writeRow(rows, "collector-"+test, what, fmt.Sprintf("%d of %d", passed, begun)); err != nil {
			return err
		}
	}
	out, err = r.goTool(regexp.MustCompile(`^Benchmark`), "-C", module, "test", "-run", "^$", "-bench", ".",
		"-benchtime", "3s", ".")
	if err != nil {
		return err
	}
	value := func(benchmark, unit string) float64 {
		found := regexp.MustCompile(`(?m)^Benchmark` + benchmark + `\S*\s.*?([\d.]+) ` + unit).FindStringSubmatch(out)
		if found == nil {
			err = fmt.Errorf("the benchmark %s printed no %s", benchmark, unit)
			return 0
		}
		v, _ := strconv.ParseFloat(found[1], 64) // it matched digits
		return v
	}
	ratio := value("Produce/collector", "records/s") / value("Produce/bare", "records/s")
	memory := value("Instruments", "MB")
	if err != nil {
		return err
	}
	return errors.Join(
		writeRow(rows, "collector-throughput", "records a second of the example collector, compared with a bare loop around "+
			"the same client", fmt.Sprintf("%.2f", ratio)),
		writeRow(rows, "collector-memory", "memory of an example collector of 1,000 instruments, trades and order books",
			fmt.Sprintf("%.0f MB", memory)))
}

// writeRow writes a row of the table into a file in the folder rows.
func writeRow(rows, file, what, value string) error {
	return os.WriteFile(filepath.Join(rows, file), []byte("| "+what+" | "+value+" |\n"), 0o644)
}

// runner runs Go's tool with a log.
type runner struct {
	log io.Writer
	env []string
}

// goTool runs go with the arguments, prints the lines of its output that match, and returns all of it.
func (r runner) goTool(show *regexp.Regexp, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = r.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var all strings.Builder
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		fmt.Fprintln(r.log, lines.Text())
		fmt.Fprintln(&all, lines.Text())
		if show.MatchString(lines.Text()) {
			fmt.Println(lines.Text())
		}
	}
	if err := errors.Join(lines.Err(), cmd.Wait()); err != nil {
		return "", fmt.Errorf("go %s: %w (see reliability.log)", strings.Join(args, " "), err)
	}
	return all.String(), nil
}

// writeTable writes the rows, which are in a file each, into the page.
func writeTable(rows, page string) error {
	files, err := filepath.Glob(filepath.Join(rows, "*"))
	if err != nil {
		return err
	}
	table := fmt.Sprintf("\n| shown on %s | |\n| --- | --- |\n", time.Now().UTC().Format(time.DateOnly))
	for _, file := range files { // sorted by name
		row, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		table += string(row)
	}
	doc, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := project.Splice(string(doc), "reliability", table+"\n")
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}
