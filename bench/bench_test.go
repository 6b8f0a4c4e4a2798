//go:build linux

// Package bench measures how fast the program is, with the real CLI and engine in the sandbox. `make bench` and
// `make bench-cold` run it and write its figures into docs/evidence.md.
//
// A benchmark's iteration runs two commands in turn, and their ratio is the median of the ratios of each turn, so that
// other load on the machine affects both alike.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
)

func BenchmarkWarm(b *testing.B) {
	b.Run("sandbox", func(b *testing.B) {
		program := deployed(b, newStack(b, nil))
		plain := deployed(b, newPlain(b, count(b, program)))
		commands := func(b *testing.B, how string) {
			b.Run("preview", func(b *testing.B) {
				against(b, "preview, "+how, run(b, program, preview), run(b, plain, preview), 1.10)
			})
			b.Run("up", func(b *testing.B) {
				against(b, "`up` without a change, "+how, run(b, program, unchangedUp), run(b, plain, unchangedUp), 0)
			})
		}
		b.Run("prebuilt", func(b *testing.B) { commands(b, "prebuilt") })
		b.Run("buildTarget", func(b *testing.B) {
			fromSource(b, program, ".")
			fromSource(b, plain, "bench/plain")
			commands(b, "`buildTarget`")
		})
	})
	b.Run("clients200", func(b *testing.B) {
		program := newStack(b, map[string]string{"clients": configtest.MixedClients(200)})
		ours := measure(b, program.Command(b, firstUp...)) // once: it takes minutes
		plain := newPlain(b, count(b, program))
		theirs := measure(b, plain.Command(b, firstUp...))
		plainRow(b, "first `up`, 200 clients of all kinds, once", ours, theirs, ours.seconds/theirs.seconds, 1.5)
		against(b, "preview, 200 clients of all kinds", run(b, program, preview), run(b, plain, preview), 1.5)
	})
	b.Run("client", oneMoreClient)
	b.Run("criticalPath", againstCriticalPath)
}

var (
	preview     = []string{"preview"}
	firstUp     = []string{"up", "--yes", "--skip-preview"}
	unchangedUp = append(firstUp, "--expect-no-changes")
)

// newStack returns a stack with changed settings, not yet deployed.
func newStack(b *testing.B, changes map[string]string) *stacktest.Stack {
	return stacktest.New(b, configtest.With(changes))
}

var plainProgram = stacktest.Build("plain", "./bench/plain")

// newPlain returns a stack of n plain policies, not yet deployed.
func newPlain(b *testing.B, n int) *stacktest.Stack {
	built, err := plainProgram()
	require.NoError(b, err)
	s := newStack(b, nil)
	program := filepath.Join(s.Dir, "program")
	require.NoError(b, os.Remove(program))
	require.NoError(b, os.Symlink(built, program))
	s.Env = append(s.Env, fmt.Sprint("POLICIES=", n))
	return s
}

func deployed(b *testing.B, s *stacktest.Stack) *stacktest.Stack {
	s.Up(b)
	return s
}

// count returns how many resources of AWS the stack has.
func count(b *testing.B, s *stacktest.Stack) (n int) {
	for _, r := range resources(b, s) {
		if strings.HasPrefix(r.Type, "aws:") {
			n++
		}
	}
	return n
}

// run returns what makes the CLI's command on the stack.
func run(b *testing.B, s *stacktest.Stack, args []string) func() *exec.Cmd {
	return func() *exec.Cmd { return s.Command(b, args...) }
}

// fromSource has the CLI build the stack's program, from the project's folder pkg, before each command.
func fromSource(b *testing.B, s *stacktest.Stack, pkg string) {
	require.NoError(b, os.MkdirAll(".sandbox", 0o755))
	dir, err := os.MkdirTemp(".sandbox", "bench") // inside the checkout, to belong to its Go module
	require.NoError(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	require.NoError(b, err)
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
	for _, file := range append(files, "Pulumi.yaml", filepath.Join(s.Dir, "Pulumi."+stacktest.Name+".yaml")) {
		text, err := os.ReadFile(file)
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o644))
	}
	s.Dir, err = filepath.Abs(dir)
	require.NoError(b, err)
}

// against compares a command on the program's stack with the same on a stack of plain policies.
func against(b *testing.B, what string, program, plain func() *exec.Cmd, most float64) {
	ours, theirs, ratio := compare(b, program, plain)
	plainRow(b, what, ours, theirs, ratio, most)
}

// plainRow adds a row that compares a command on the program's stack with the same on a stack of plain policies. A most
// of 0 is no target.
func plainRow(b *testing.B, what string, ours, theirs usage, ratio, most float64) {
	row(b, warm, what, fmt.Sprintf("%.2f s, %.0f MB", ours.seconds, ours.memory),
		fmt.Sprintf("as many plain policies: %.2f s, %.0f MB", theirs.seconds, theirs.memory), ratio, most)
}

// usage is what a command used: seconds, and the peak memory, in MB, of the largest process among those that it ran.
type usage struct{ seconds, memory float64 }

func measure(b *testing.B, cmd *exec.Cmd) usage {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, "%s\n%s", strings.Join(cmd.Args, " "), out)
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss // kB, with waited-for descendants (getrusage(2))
	return usage{time.Since(start).Seconds(), float64(peak) / 1e3}
}

// compare runs two commands in turn and returns the medians of each, and of the ratio of their times. It runs both once
// before, to warm up.
func compare(b *testing.B, first, second func() *exec.Cmd) (x, y usage, ratio float64) {
	measure(b, first())
	measure(b, second())
	var xs, ys [2][]float64
	var ratios []float64
	for b.Loop() {
		u, v := measure(b, first()), measure(b, second())
		xs[0], xs[1] = append(xs[0], u.seconds), append(xs[1], u.memory)
		ys[0], ys[1] = append(ys[0], v.seconds), append(ys[1], v.memory)
		ratios = append(ratios, u.seconds/v.seconds)
	}
	return usage{median(xs[0]), median(xs[1])}, usage{median(ys[0]), median(ys[1])}, median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// oneMoreClient compares what one more client without a role adds to a preview with what one more plain policy adds.
func oneMoreClient(b *testing.B) {
	const few, many = 1, 101
	clients := func(n int) map[string]string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"team-%d":{"reads":["exchg."],"groups":["team-%d"]}`, i, i)
		}
		return map[string]string{"clients": "{" + strings.Join(list, ",") + "}"}
	}
	previewOf := func(b *testing.B, s *stacktest.Stack) func() *exec.Cmd { return run(b, deployed(b, s), preview) }
	var more, less, plainMore, plainLess usage
	b.Run("program", func(b *testing.B) { // a benchmark can have one B.Loop
		more, less, _ = compare(b, previewOf(b, newStack(b, clients(many))), previewOf(b, newStack(b, clients(few))))
	})
	b.Run("plain", func(b *testing.B) {
		plainMore, plainLess, _ = compare(b, previewOf(b, newPlain(b, many)), previewOf(b, newPlain(b, few)))
	})
	ours := (more.seconds - less.seconds) / (many - few)
	theirs := (plainMore.seconds - plainLess.seconds) / (many - few)
	row(b, warm, "one more client without a role, in a preview", fmt.Sprintf("%.2f ms", ours*1000),
		fmt.Sprintf("one more plain policy: %.2f ms", theirs*1000), ours/theirs, 1.5)
}

// BenchmarkCold takes a fresh clone, with empty caches, to a deployed sandbox, and runs the tests: once, because it
// takes half an hour.
func BenchmarkCold(b *testing.B) {
	dir := b.TempDir()
	clone := filepath.Join(dir, "clone")
	measure(b, exec.Command("git", "clone", "--quiet", ".", clone))
	minutes := func(args ...string) float64 {
		fmt.Fprintln(os.Stderr, "make", args)
		cmd := exec.Command("make", args...)
		cmd.Dir = clone
		cmd.Env = append(os.Environ(), "GOMODCACHE="+filepath.Join(dir, "mod"), "GOCACHE="+filepath.Join(dir, "cache"),
			"GOFLAGS=-modcacherw -buildvcs=false", "PULUMI_HOME="+filepath.Join(dir, "home"))
		return measure(b, cmd).seconds / 60
	}
	tools, first, up := minutes("tools"), minutes("preview"), minutes("up")
	minutes("test", "GOFLAGS=-buildvcs=false -run=^$$") // compiles the tests
	tests := minutes("test")
	b.ResetTimer() // nothing is measured by the iteration
	for b.Loop() {
	}
	row(b, cold, "fresh clone, empty caches, to a deployed sandbox",
		fmt.Sprintf("%.1f min", tools+first+up), fmt.Sprintf(
			"`make tools` %.1f, `make preview` %.1f, `make up` %.1f", tools, first, up), tools+first+up, 6)
	row(b, cold, "`make test`, tools and tests built", fmt.Sprintf("%.1f min", tests), "", tests, 5)
}

// The sections of docs/evidence.md.
const (
	warm = "performance"
	cold = "performance, cold"
)

var rows = map[string]string{}

// row adds a row to the table of a section. It compares value with the target most; 0 is no target.
func row(b *testing.B, section, what, measured, compared string, value, most float64) {
	if section == cold {
		b.ReportMetric(value, "min")
	} else {
		b.ReportMetric(value, "ratio")
	}
	target := ""
	if most > 0 {
		target = fmt.Sprintf("≤ %g: met", most)
		if value > most {
			target = fmt.Sprintf("≤ %g: **not met**", most)
		}
	}
	rows[section] += fmt.Sprintf("| %s | %s | %s | %.2f | %s |\n", what, measured, compared, value, target)
}

// TestMain runs the benchmarks in the project's root folder and writes the rows into the page that the environment
// variable BENCH_PAGE names.
func TestMain(m *testing.M) {
	if err := stacktest.Enter(); err != nil {
		panic(err)
	}
	load := find("/proc/loadavg", "", " ")
	code := m.Run()
	if page := os.Getenv("BENCH_PAGE"); code == 0 && page != "" {
		if err := write(page, load); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func write(page, load string) error {
	doc, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text := string(doc)
	for section, table := range rows {
		text, err = project.Splice(text, section, fmt.Sprintf("Measured on %s: %d cores (%s), load %s at the start, %s. "+
			"Medians.\n\n| what | measured | compared with | ratio, or minutes | target |\n| --- | --- | --- | --- | --- |\n%s",
			time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), find("/proc/cpuinfo", "model name\t: ", "\n"),
			load, runtime.Version(), table))
		if err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// find returns the text of a file between the first before and the next after, or an empty string.
func find(file, before, after string) string {
	text, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(text), before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
