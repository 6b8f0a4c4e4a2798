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
	"syscall"
	"time"
)

// usage is what a command took, with all processes that it started.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory; 0 unless watched
}

// adoptOrphans makes this process the parent of what a command leaves behind, such as a language host that the CLI has
// told to end, so that its time is counted too.
func adoptOrphans() error {
	const setChildSubreaper = 36 // prctl(2): PR_SET_CHILD_SUBREAPER
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return errno
	}
	return nil
}

// measure runs a command, of which there must be no other at the time. Whoever watches memory slows the command down, so
// that time and memory are taken from different runs.
func measure(cmd *exec.Cmd, watched bool) (usage, error) {
	out, err := os.CreateTemp("", "bench")
	if err != nil {
		return usage{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out

	peak, done := make(chan int64), make(chan struct{})
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	if watched {
		go func() { peak <- watch(done) }()
	}
	err = cmd.Wait()
	u := usage{wall: time.Since(start)}
	close(done)
	if watched {
		u.peak = <-peak
	}
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		return u, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() + orphansCPU()
	return u, nil
}

// orphansCPU waits for the processes that the command left behind, and is the time that they and theirs took.
func orphansCPU() (sum time.Duration) {
	for {
		var r syscall.Rusage
		if _, err := syscall.Wait4(-1, nil, 0, &r); err == syscall.EINTR {
			continue
		} else if err != nil {
			return sum
		}
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
}

// watch is the most memory that the descendants of this process had together, until done: the sum of their proportional
// set sizes, in which a page that processes share counts once (proc_pid_smaps(5)), taken every 5 ms.
func watch(done <-chan struct{}) (peak int64) {
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

// descendants leaves out a child that has yet to become another program: until then its memory is its parent's.
func descendants(pid int) (all []int) {
	self, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list) // a process that is gone has none
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
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
			kB, _ := strconv.ParseInt(fields[1], 10, 64)
			return kB << 10
		}
	}
	return 0
}

// subject is a command that is measured again and again.
type subject struct {
	name    string
	command func() *exec.Cmd
}

// interleave measures the subjects in turn, round after round, so that what else the machine does meets all of them
// alike. The round before the first isn't counted. The answer has the rounds of each subject.
func interleave(rounds int, watched bool, subjects ...subject) (map[string][]usage, error) {
	taken := map[string][]usage{}
	for round := range rounds + 1 {
		for _, s := range subjects {
			u, err := measure(s.command(), watched)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				taken[s.name] = append(taken[s.name], u)
			}
		}
		progress("  round %d of %d", round, rounds)
	}
	return taken, nil
}

// spread is a median and the quartiles around it.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		i := q * float64(len(v)-1)
		below := int(i)
		above := min(below+1, len(v)-1)
		return v[below] + (v[above]-v[below])*(i-float64(below))
	}
	return spread{at(.25), at(.5), at(.75)}
}

// show writes the spread with as many decimals.
func (s spread) show(decimals int, unit string) string {
	return fmt.Sprintf("%.*f%s (%.*f–%.*f)", decimals, s.median, unit, decimals, s.low, decimals, s.high)
}

func wall(u usage) float64 { return u.wall.Seconds() }
func cpu(u usage) float64  { return u.cpu.Seconds() }
func peak(u usage) float64 { return float64(u.peak) / 1e6 } // MB

func each(us []usage, of func(usage) float64) (values []float64) {
	for _, u := range us {
		values = append(values, of(u))
	}
	return values
}

// ratios are between runs of the same round.
func ratios(us, floor []usage, of func(usage) float64) spread {
	var values []float64
	for i := range us {
		values = append(values, of(us[i])/of(floor[i]))
	}
	return spreadOf(values)
}
