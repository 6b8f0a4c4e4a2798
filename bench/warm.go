//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// built is the path of a program that measureBuilds built.
func (b *bench) built(name string) string { return filepath.Join(b.dir, name) }

// build is the command that links a package anew, with the flags; what it is linked from is cached.
func (b *bench) build(name, pkg string, flags ...string) *exec.Cmd {
	_ = os.Remove(b.built(name))
	cmd := exec.Command("go", append(append([]string{"build", "-o", b.built(name)}, flags...), pkg)...)
	cmd.Dir = b.root
	return cmd
}

// measureBuilds builds the programs, and compares ways to link the platform's.
func (b *bench) measureBuilds() error {
	progress("building")
	for name, pkg := range map[string]string{"empty": "./bench/empty", "plain": "./bench/plain"} {
		if _, err := measure(b.build(name, pkg, "-ldflags=-s -w"), false); err != nil {
			return err
		}
	}
	taken, err := interleave(max(3, b.rounds/4), true,
		subject{"default", func() *exec.Cmd { return b.build("program-default", ".") }},
		subject{"stripped", func() *exec.Cmd { return b.build("program", ".", "-ldflags=-s -w") }})
	if err != nil {
		return err
	}
	b.printf("\n### Linking\n\nAn edit of the program links it anew; packages come from the build cache.\n\n" +
		"| flags | time | peak memory | size |\n| --- | --- | --- | --- |\n")
	for _, row := range [][3]string{{"default", "none, as the CLI builds it", "program-default"}, {"stripped", "`-ldflags='-s -w'`, as `scripts/programs` builds it", "program"}} {
		info, err := os.Stat(b.built(row[2]))
		if err != nil {
			return err
		}
		b.printf("| %s | %s | %.0f MB | %.0f MB |\n", row[1], spreadOf(each(taken[row[0]], wall)).show(1, " s"),
			spreadOf(each(taken[row[0]], peak)).median, float64(info.Size())/1e6)
	}
	return b.checkImports()
}

// checkImports compares the AWS packages that are compiled with those that the platform's resources are in.
func (b *bench) checkImports() error {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Dir = b.root
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	var packages []string
	for pkg := range strings.FieldsSeq(string(out)) {
		_, name, ok := strings.Cut(pkg, "/pulumi-aws/sdk/v6/go/aws/")
		if ok && name != "internal" {
			packages = append(packages, name)
		}
	}
	b.target("AWS packages compiled: cloudwatch, ec2, iam, msk, vpc", strings.Join(packages, ", "),
		slices.Equal(packages, []string{"cloudwatch", "ec2", "iam", "msk", "vpc"}))
	return nil
}

// measureWarm compares commands on a deployed stack with the preview of an empty program.
func (b *bench) measureWarm() error {
	progress("deploying")
	var failed error
	deployed := func(option string, env ...string) *project {
		if failed != nil {
			return nil
		}
		var p *project
		if p, failed = b.newProject(option, nil, env...); failed != nil {
			return nil
		}
		if option == buildHere {
			failed = os.CopyFS(p.dir, os.DirFS(filepath.Join(b.root, "bench", "empty")))
		}
		if failed == nil {
			_, failed = p.up()
		}
		return p
	}
	empty, emptyBuilt, plain := deployed(b.binary("empty")), deployed(buildHere), deployed(b.binary("plain"), "POLICIES=20")
	prebuilt, checkout := deployed(b.binary("program")), deployed("")
	if failed != nil {
		return failed
	}
	unchanged := func(p *project) func() *exec.Cmd {
		return func() *exec.Cmd { return p.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes") }
	}
	uncollected := func() *exec.Cmd {
		cmd := prebuilt.preview()
		cmd.Env = append(cmd.Env, "GOGC=off")
		return cmd
	}
	subjects := []subject{
		{floor, empty.preview},
		{floorBuilt, emptyBuilt.preview},
		{floorPlain, plain.preview},
		{previewPrebuilt, prebuilt.preview},
		{previewBuilt, checkout.preview},
		{"`up` without a change, prebuilt", unchanged(prebuilt)},
		{"`up` without a change, `buildTarget`", unchanged(checkout)},
		{"tried: preview, prebuilt, `GOGC=off`", uncollected},
	}
	progress("time of commands")
	times, err := interleave(b.rounds, false, subjects...)
	if err != nil {
		return err
	}
	progress("memory of commands")
	memory, err := interleave(max(3, b.rounds/3), true, subjects...)
	if err != nil {
		return err
	}
	b.reportWarm(subjects, times, memory)
	return nil
}

// buildHere is the option for a program that is in the project's folder.
const buildHere = "buildTarget: ./program"

// What the targets are about.
const (
	floor           = "preview of an empty program, prebuilt (`binary`): the floor"
	floorBuilt      = "the same with `buildTarget`"
	floorPlain      = "preview of a provider and 20 plain policies, prebuilt"
	previewPrebuilt = "preview, prebuilt"
	previewBuilt    = "preview, `buildTarget`"
)

func (b *bench) reportWarm(subjects []subject, times, memory map[string][]usage) {
	timed := func(name string) spread { return ratios(times[name], times[floor], wall) }
	held := func(name string) spread { return ratios(memory[name], memory[floor], peak) }
	b.printf("\n### Commands on a deployed stack\n\nThe sandbox stack; the floor is the same CLI, state backend and language host with a program " +
		"that registers nothing. Memory is the peak of the sum over the CLI, the language host, the program and, with `buildTarget`, " +
		"the Go toolchain (proportional set sizes, sampled every 5 ms in runs of their own); the AWS provider's own is not among it.\n\n" +
		"| command | time | to the floor | CPU | to the floor | peak memory | to the floor |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range subjects {
		t, m := times[s.name], memory[s.name]
		b.printf("| %s | %s | %s | %s | %s | %s | %s |\n", s.name,
			spreadOf(each(t, wall)).show(2, " s"), timed(s.name).show(2, ""),
			spreadOf(each(t, cpu)).show(2, " s"), ratios(t, times[floor], cpu).show(2, ""),
			spreadOf(each(m, peak)).show(0, " MB"), held(s.name).show(2, ""))
	}
	b.printf("\nBefore each command with `buildTarget`, `go build` looks at every package, to find that nothing is to be done: an empty program "+
		"takes %.2f × the floor's time and %.2f × its memory for that. Of what the program takes over the floor, a provider and 20 policies of any "+
		"program take %.2f × the floor's time.\n", timed(floorBuilt).median-1, held(floorBuilt).median-1, timed(floorPlain).median-1)
	judge := func(name, what string, of func(string) spread, limit float64, least, leastName string) {
		b.target(fmt.Sprintf("%s: %s ≤ %g × the floor", name, what, limit),
			fmt.Sprintf("%s; %s %.2f ×", of(name).show(2, " ×"), leastName, of(least).median), of(name).median <= limit)
	}
	judge(previewPrebuilt, "time", timed, 1.15, floorPlain, "20 plain policies take")
	judge(previewBuilt, "time", timed, 1.7, floorBuilt, "an empty program takes")
	judge(previewPrebuilt, "peak memory", held, 1.3, floorPlain, "20 plain policies take")
	judge(previewBuilt, "peak memory", held, 1.3, floorBuilt, "an empty program takes")
}

// measureAlone is what the program takes without an engine: to start, and to register all with mocks.
func (b *bench) measureAlone() error {
	progress("the program alone")
	start := func(name string) subject {
		return subject{name, func() *exec.Cmd {
			// Without the CLI both say so and end: what is left is the start.
			return exec.Command("sh", "-c", `"$0" >/dev/null 2>&1 || true`, b.built(name))
		}}
	}
	taken, err := interleave(2*b.rounds, false, start("empty"), start("program"))
	if err != nil {
		return err
	}
	b.printf("\n### The program alone\n\nStart of the process, without an engine: %s; of the empty program, %s.\n\n"+
		"Go benchmarks (`bench_test.go`), medians:\n\n| benchmark | time | allocated | allocations |\n| --- | --- | --- | --- |\n",
		spreadOf(scaled(each(taken["program"], wall), 1000)).show(1, " ms"), spreadOf(scaled(each(taken["empty"], wall), 1000)).show(1, " ms"))
	return b.runGoBenchmarks()
}

// runGoBenchmarks adds a row for each of bench_test.go.
func (b *bench) runGoBenchmarks() error {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-count", "5", "-benchtime", "0.2s", ".")
	cmd.Dir = b.root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	var names []string
	figures := map[string][3][]float64{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 8 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(f[0][:strings.LastIndex(f[0], "-")], "Benchmark")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		all := figures[name]
		for i, column := range []int{2, 4, 6} {
			value, err := strconv.ParseFloat(f[column], 64)
			if err != nil {
				return err
			}
			all[i] = append(all[i], value)
		}
		figures[name] = all
	}
	for _, name := range names {
		f := figures[name]
		b.printf("| %s | %s | %.0f kB | %.0f |\n", name, spreadOf(scaled(f[0], 1e-6)).show(2, " ms"), spreadOf(f[1]).median/1e3, spreadOf(f[2]).median)
	}
	return nil
}

func scaled(values []float64, by float64) []float64 {
	out := slices.Clone(values)
	for i := range out {
		out[i] *= by
	}
	return out
}
