package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// command returns a command of bin/, in the project's folder, with settings added to the environment.
func (d *demo) command(settings []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(d.ctx, filepath.Join(d.root, "bin", name), args...)
	cmd.Dir = d.root
	cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true")
	cmd.Env = append(cmd.Env, settings...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopIn
	return cmd
}

// show runs a command and shows its output.
func (d *demo) show(settings []string, name string, args ...string) error {
	fmt.Printf("$ %s %s\n", name, strings.Join(args, " "))
	cmd := d.command(settings, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// tool runs a command, and returns what it printed if it fails.
func (d *demo) tool(settings []string, name string, args ...string) error {
	out, err := d.command(settings, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// output runs a command and returns what it printed.
func (d *demo) output(name string, args ...string) (string, error) {
	cmd := d.command(nil, name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

// process is a program that runs beside the demo.
type process struct {
	name     string
	cmd      *exec.Cmd
	ops      string // address of its metrics
	out, err *tail
	done     chan struct{}
}

// start starts a program that runs until the demo ends.
func (d *demo) start(name string, settings []string, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: d.command(settings, program, args...), done: make(chan struct{})}
	p.out, p.err = newTail(), newTail()
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo, which ends them in order
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	d.running = append(d.running, p)
	return p, nil
}

// startOps starts a collector that serves its metrics on a free port.
func (d *demo) startOps(name string, settings []string, args ...string) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	p, err := d.start(name, settings, "collector", append(args, "-listen", address)...)
	if err == nil {
		p.ops = address
	}
	return p, err
}

// stopIn is how long a program may take to end after SIGTERM.
const stopIn = 20 * time.Second

// stopAll ends what was started, the last first, and says how each ended.
func (d *demo) stopAll() {
	if len(d.running) == 0 {
		return
	}
	d.say("Stop everything")
	for _, p := range slices.Backward(d.running) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(stopIn):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		fmt.Printf("  %-14s %s\n", p.name, p.cmd.ProcessState)
	}
}

// line waits for a line of standard output that contains s.
func (p *process) line(s string) (string, error) { return p.await(p.out, s) }

// errorLine waits for a line of standard error that contains s.
func (p *process) errorLine(s string) (string, error) { return p.await(p.err, s) }

func (p *process) await(t *tail, s string) (string, error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if line := t.find(s); line != "" {
			return line, nil
		}
		select {
		case <-p.done:
			return "", fmt.Errorf("%s has ended: %s", p.name, p.errors())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("%s didn't print %q within 30 seconds: %s", p.name, s, p.errors())
}

// errors returns the last lines of standard error.
func (p *process) errors() string { return p.err.String() }

// tail keeps the last lines that were written.
type tail struct {
	mu    sync.Mutex
	lines []string
	pipe  io.Writer
}

const keep = 50

func newTail() *tail {
	t := &tail{}
	r, w := io.Pipe()
	t.pipe = w
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			t.mu.Lock()
			t.lines = append(t.lines[max(0, len(t.lines)-keep):], lines.Text())
			t.mu.Unlock()
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	return t
}

func (t *tail) Write(p []byte) (int, error) { return t.pipe.Write(p) }

// find returns the last line that contains s.
func (t *tail) find(s string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range slices.Backward(t.lines) {
		if strings.Contains(line, s) {
			return line
		}
	}
	return ""
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
