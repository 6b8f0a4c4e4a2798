package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/stacktest"
)

// fence is a code block of a page: the text after its three backticks, its first line's number, and its content.
type fence struct {
	info, text string
	line       int
}

// page is a Markdown file; prose is its text without code blocks.
type page struct {
	path, prose string
	fences      []fence
}

// pages returns the README, the docs, and the READMEs of examples and bootstrap, in reading order.
func pages(t *testing.T) []page {
	t.Helper()
	files := []string{"README.md", "SECURITY.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md", "bootstrap/README.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	var all []page
	for _, file := range files {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		all = append(all, parsePage(file, string(doc)))
	}
	return all
}

func parsePage(path, doc string) page {
	p := page{path: path}
	var open *fence
	for i, line := range strings.Split(doc, "\n") {
		info, mark := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case mark && open == nil:
			open = &fence{info: info, line: i + 1}
		case mark:
			p.fences = append(p.fences, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		default:
			p.prose += line + "\n"
		}
	}
	return p
}

var noRun = regexp.MustCompile(`^sh no-run="([^"]{10,})"$`)

// shell reports whether the block contains shell commands, and whether they are to be run.
func (f fence) shell() (is, run bool, err error) {
	language, _, _ := strings.Cut(f.info, " ")
	switch {
	case slices.Contains([]string{"bash", "shell", "console", "zsh"}, language):
		return true, false, fmt.Errorf("write ```sh, so that it is run")
	case language != "sh":
		return false, false, nil
	case f.info == "sh":
		return true, true, nil
	case noRun.MatchString(f.info):
		return true, false, nil
	}
	return true, false, fmt.Errorf("```%s: write ```sh, or ```sh no-run=\"why not\"", f.info)
}

func TestShellBlocksSayWhyTheyDoNotRun(t *testing.T) {
	t.Parallel()
	for info, want := range map[string]string{
		"sh": "true true <nil>", `sh no-run="needs AWS credentials"`: "true false <nil>",
		"json": "false false <nil>", "": "false false <nil>",
		`sh no-run=""`: "write", "sh no-run": "write", "bash": "write", "console": "write",
	} {
		is, run, err := fence{info: info}.shell()
		assert.Contains(t, fmt.Sprint(is, run, err), want, info)
	}
}

// TestDocsRun runs every shell block that needs no AWS, in order, in a fresh copy of the repository. `make test` takes
// the programs that are built already.
func TestDocsRun(t *testing.T) {
	t.Parallel()
	dir, env := checkout(t), plainEnv(t)
	if !stacktest.Thorough() {
		env = append(env, "PATH="+builtAlready(t, dir)+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	ran := 0
	for _, p := range pages(t) {
		for _, f := range p.fences {
			_, run, err := f.shell()
			require.NoError(t, err, "%s:%d", p.path, f.line)
			if !run {
				continue
			}
			ran++
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strict(f.text))
			cmd.Dir, cmd.Env = dir, env
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s:%d\n%s\n%s", p.path, f.line, f.text, out)
		}
		if p.path == "README.md" && stacktest.Thorough() {
			runDemo(t, dir, env, p)
		}
	}
	assert.Greater(t, ran, 3)
}

// runDemo runs `make demo` for a few seconds, and compares what it prints with the first block of the README. There,
// … stands for any text; numbers may differ.
func runDemo(t *testing.T, dir string, env []string, readme page) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "demo", "DEMO=-for 7s")
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "text", readme.fences[0].info)
	for line := range strings.Lines(readme.fences[0].text) {
		pattern := regexp.QuoteMeta(strings.TrimSpace(line))
		pattern = regexp.MustCompile(`\d+`).ReplaceAllString(pattern, `\d+`)
		pattern = regexp.MustCompile(` +`).ReplaceAllString(strings.ReplaceAll(pattern, "…", ".*"), " +")
		pattern = regexp.MustCompile(`[A-Z]{3,5}USDT`).ReplaceAllString(pattern, `[A-Z0-9]+USDT`)
		assert.Regexp(t, `(?m)^ *`+pattern+`$`, string(out))
	}
	for _, program := range []string{"kafka", "exchange", "collector", "quant", "archive"} {
		assert.Regexp(t, `(?m)^ +`+program+` +exit status 0$`, string(out))
	}
}

// strict makes a line that begins with ! fail if its command succeeds, which bash's -e doesn't do.
func strict(script string) string {
	return regexp.MustCompile(
		`(?m)^! (.*)$`,
	).ReplaceAllString(
		script,
		"if $1; then echo 'it succeeded'; exit 1; fi",
	)
}

// plainEnv returns the environment after a fresh clone: no stack, no AWS, no workflow.
func plainEnv(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, kv := range os.Environ() {
		if !regexp.MustCompile(`^(PULUMI|AWS|GITHUB|KAFKA)_`).MatchString(kv) && !strings.HasPrefix(kv, "CI=") {
			env = append(env, kv)
		}
	}
	return append(env, "PULUMI_HOME="+t.TempDir(), "GOFLAGS=-buildvcs=false -ldflags=-s") // which links faster
}

// builtAlready builds the project's programs, puts them into the checkout, and returns a folder with a go that runs
// these, because linking them for the checkout takes longer than all the rest. The collector's tests run elsewhere.
func builtAlready(t *testing.T, checkout string) string {
	t.Helper()
	for _, build := range []func() (string, error){stacktest.Program, stacktest.Mskctl, stacktest.Sandbox} {
		built, err := build()
		require.NoError(t, err)
		to := filepath.Join(checkout, "bin", filepath.Base(built))
		require.NoError(t, os.RemoveAll(to))
		require.NoError(t, os.Symlink(built, to))
	}
	realGo, err := exec.LookPath("go")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(`#!/bin/sh
case "$*" in
"run ./sandbox "* | "run ./mskctl "*) program=bin/${2#./}; shift 2; exec "$program" "$@" ;;
build* | "-C examples/collector test"*) exit 0 ;;
esac
exec '`+realGo+`' "$@"
`), 0o755))
	return dir
}

// checkout returns a fresh clone of the working tree, committed, with the tools that are already built. It doesn't
// contain the built program, because other tests use the one in bin/ at the same time.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range ours(t) {
		info, err := os.Stat(file)
		require.NoError(t, err)
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		to := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, doc, info.Mode()))
		require.NoError(t, os.Chtimes(to, info.ModTime(), info.ModTime())) // or make would build the tools anew
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	tools, err := filepath.Glob("bin/*")
	require.NoError(t, err)
	for _, tool := range tools {
		if filepath.Base(tool) == "msk-serverless" {
			continue
		}
		from, err := filepath.Abs(tool)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(from, filepath.Join(dir, tool)))
	}
	for _, args := range [][]string{
		{"init", "-q"},
		{"add", "."},
		{"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return dir
}

// ours returns the files of the repository, including those not yet committed.
func ours(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(
		t.Context(),
		"git",
		"ls-files",
		"-z",
		"--cached",
		"--others",
		"--exclude-standard",
	).Output()
	require.NoError(t, err)
	var files []string
	for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(file); err == nil && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
)

func TestDocsLinks(t *testing.T) {
	t.Parallel()
	anchors := map[string][]string{}
	for _, p := range pages(t) {
		anchors[p.path] = p.anchors()
	}
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := p.path
			if target != "" {
				file = filepath.Join(filepath.Dir(p.path), target)
				assert.FileExists(t, file, "%s links to %s", p.path, m[1])
			}
			if known, ok := anchors[file]; ok && anchor != "" {
				assert.Contains(t, known, anchor, "%s links to %s", p.path, m[1])
			}
		}
	}
}

// anchors returns the anchors that GitHub gives the page's headings.
func (p page) anchors() []string {
	var anchors []string
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(p.prose, -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		text = regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(text), "")
		anchor := strings.ReplaceAll(strings.TrimSpace(text), " ", "-")
		if n := seen[anchor]; n > 0 {
			anchors = append(anchors, fmt.Sprintf("%s-%d", anchor, n))
		} else {
			anchors = append(anchors, anchor)
		}
		seen[anchor]++
	}
	return anchors
}

func TestDocsAnchors(t *testing.T) {
	t.Parallel()
	p := parsePage(
		"x.md",
		"# Narrowing `collectorEgressCidrs`\n## Alarm: ingress, egress\n## What [is](x.md) it?\n"+
			"## Use\n```\n# no heading\n```\n## Use\n",
	)
	assert.Equal(t, []string{"narrowing-collectoregresscidrs", "alarm-ingress-egress", "what-is-it", "use", "use-1"},
		p.anchors())
}

// File names in code spans must exist in the repository.
func TestDocsNameFilesThatExist(t *testing.T) {
	t.Parallel()
	files := ours(t)
	isFile := regexp.MustCompile(
		`^((docs|sandbox|tools|examples|\.github|\.ci)/[\w./-]+|[\w.-]+\.(go|md)|Pulumi\.\w+\.yaml|Makefile)$`,
	)
	checked := 0
	for _, p := range pages(t) {
		for _, m := range codeSpan.FindAllStringSubmatch(p.prose, -1) {
			for word := range strings.FieldsSeq(m[1]) {
				if !isFile.MatchString(word) || word == "Pulumi.rehearsal.yaml" {
					continue
				}
				checked++
				found := slices.ContainsFunc(files, func(f string) bool {
					return f == word || f == filepath.Join(filepath.Dir(p.path), word) ||
						strings.HasPrefix(f, strings.TrimSuffix(word, "/")+"/") ||
						!strings.Contains(word, "/") && filepath.Base(f) == word
				})
				assert.True(t, found, "%s names %s", p.path, word)
			}
		}
	}
	assert.Greater(t, checked, 20)
}
