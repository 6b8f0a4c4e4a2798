//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// usage is what a command used: seconds, and the peak memory, in MB, of the largest process among those that it ran.
type usage struct{ seconds, memory float64 }

// measure runs a command.
func measure(cmd *exec.Cmd) (usage, error) {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss // kB, with waited-for descendants (getrusage(2))
	return usage{time.Since(start).Seconds(), float64(peak) / 1e3}, nil
}

// compare runs two commands in turn and returns the medians of each, and of the ratio of their times. The first
// turn warms up and doesn't count.
func (b *bench) compare(what string, first, second func() *exec.Cmd) (x, y usage, ratio float64, err error) {
	var xs, ys [2][]float64
	var ratios []float64
	for turn := range b.rounds + 1 {
		fmt.Fprintf(os.Stderr, "%s: turn %d of %d\n", what, turn, b.rounds)
		u, err := measure(first())
		if err != nil {
			return x, y, ratio, err
		}
		v, err := measure(second())
		if err != nil {
			return x, y, ratio, err
		}
		if turn == 0 {
			continue
		}
		xs[0], xs[1] = append(xs[0], u.seconds), append(xs[1], u.memory)
		ys[0], ys[1] = append(ys[0], v.seconds), append(ys[1], v.memory)
		ratios = append(ratios, u.seconds/v.seconds)
	}
	return usage{median(xs[0]), median(xs[1])}, usage{median(ys[0]), median(ys[1])}, median(ratios), nil
}
