//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a command used: seconds, and the peak memory in MB if it was watched.
type usage struct{ seconds, memory float64 }

// measure runs a command. If it is watched, it samples the memory of the processes that the command starts.
func measure(cmd *exec.Cmd, watched bool) (usage, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	peak, done := make(chan int64, 1), make(chan struct{})
	if watched {
		go func() { peak <- watch(done) }()
	} else {
		peak <- 0
	}
	err := cmd.Wait()
	seconds := time.Since(start).Seconds()
	close(done)
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, &out)
	}
	return usage{seconds, float64(<-peak) / 1e6}, nil
}

// watch returns the most memory that this process's descendants had together until done, in bytes. It adds up their
// proportional set sizes, in which a shared page counts once (proc_pid_smaps(5)), every 5 ms.
func watch(done <-chan struct{}) int64 {
	var peak int64
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return peak
		case <-tick.C:
			var sum int64
			for _, pid := range descendants(os.Getpid()) {
				sum += proportionalSize(pid)
			}
			peak = max(peak, sum)
		}
	}
}

// descendants returns the processes that pid started, directly or not, without those that haven't replaced their copy
// of pid's program yet: until then their memory is pid's.
func descendants(pid int) []int {
	var all []int
	self, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list) // a process that has ended has none
		for _, field := range strings.Fields(string(children)) {
			child, _ := strconv.Atoi(field)
			if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", child)); exe != self {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}

func proportionalSize(pid int) int64 {
	pss := find(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "\nPss:", " kB")
	kB, _ := strconv.ParseInt(strings.TrimSpace(pss), 10, 64)
	return kB << 10
}

// compare runs two commands in turn and returns the medians of each and of their ratio, first to second. The first
// turn warms up and doesn't count.
func (b *bench) compare(what string, first, second func() *exec.Cmd, watched bool) (x, y, ratio usage, err error) {
	var xs, ys, ratios [2][]float64
	for turn := range b.rounds + 1 {
		fmt.Fprintf(os.Stderr, "%s: turn %d of %d\n", what, turn, b.rounds)
		u, err := measure(first(), watched)
		if err != nil {
			return x, y, ratio, err
		}
		v, err := measure(second(), watched)
		if err != nil {
			return x, y, ratio, err
		}
		if turn == 0 {
			continue
		}
		for i, pair := range [2][2]float64{{u.seconds, v.seconds}, {u.memory, v.memory}} {
			xs[i], ys[i] = append(xs[i], pair[0]), append(ys[i], pair[1])
			ratios[i] = append(ratios[i], pair[0]/pair[1])
		}
	}
	of := func(v [2][]float64) usage { return usage{median(v[0]), median(v[1])} }
	return of(xs), of(ys), of(ratios), nil
}
