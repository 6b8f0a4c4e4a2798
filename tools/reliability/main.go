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
	if _, err := r.goTool(progress, "test", "-v", "-count=1", "-timeout", "3h", "./..."); err != nil {
		return err
	}
	if _, err := r.goTool(regexp.MustCompile(`of`), "run", "./tools/mutants"); err != nil {
		return err
	}
	for _, f := range []struct{ target, pkg, row string }{
		{"FuzzConfig", "./internal/config", "fuzzed configurations, each refused or within the rules"},
		{"FuzzPolicies", ".", "fuzzed configurations whose policies, if any, keep to IAM's limits and the configured names"},
	} {
		out, err := r.goTool(
			regexp.MustCompile(`^fuzz:`),
			"test",
			"-run",
			"^$",
			"-fuzz",
			"^"+f.target+"$",
			"-fuzztime",
			"1m",
			f.pkg,
		)
		if err != nil {
			return err
		}
		tried := regexp.MustCompile(`(?m)^fuzz: elapsed: .*, execs: (\d+) `).FindAllStringSubmatch(out, -1)
		if len(tried) == 0 {
			return errors.New("the fuzzer didn't say how much it tried")
		}
		row := fmt.Sprintf("| %s | %s |\n", f.row, tried[len(tried)-1][1])
		if err := os.WriteFile(filepath.Join(rows, f.target), []byte(row), 0o644); err != nil {
			return err
		}
	}
	return writeTable(rows, "docs/evidence.md")
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
