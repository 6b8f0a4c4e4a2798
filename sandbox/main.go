// Sandbox runs a command in the sandbox: `go run ./sandbox pulumi up --stack sandbox`. The command finds a provider
// with an embedded AWS in place of the real one, and a state backend in a folder. Nothing leaves the machine.
//
// The sandbox is in .sandbox/aws.json beside Pulumi.yaml, Pulumi's state in .sandbox/state; delete the folder to start
// afresh. SANDBOX_VPCS='vpc-…:subnet-…,subnet-…;vpc-…:…' adds VPCs, and SANDBOX_LATENCY=50ms makes every call take
// that long.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"msk-serverless/internal/project"
	"msk-serverless/sandbox/aws"
)

const usage = `usage: go run ./sandbox <command> [args]

Runs the command with Pulumi in the sandbox, an embedded AWS, for example:

    go run ./sandbox pulumi up --stack sandbox

Two commands are its own:

    go run ./sandbox kafka                          serve the deployed cluster's Kafka on loopback
    go run ./sandbox credentials <role or client>   print credentials for it
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
	}
	os.Exit(code)
}

// run runs the command and returns its exit code.
func run(args []string) (int, error) {
	root, err := project.FindRoot()
	if err != nil {
		return 1, err
	}
	dir := filepath.Join(root, ".sandbox")
	state := filepath.Join(dir, "state")
	if err := os.MkdirAll(state, 0o755); err != nil {
		return 1, err
	}
	opts, err := vpcs(os.Getenv("SANDBOX_VPCS"))
	if err != nil {
		return 2, err
	}
	sandbox, err := aws.Open(filepath.Join(dir, "aws.json"), opts...)
	if err != nil {
		return 1, err
	}
	if s := os.Getenv("SANDBOX_LATENCY"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 2, fmt.Errorf("SANDBOX_LATENCY: %w", err)
		}
		sandbox.Latency(func(aws.Call) time.Duration { return d })
	}
	if own := commands[args[0]]; own != nil {
		return runOwn(own, folder(dir), sandbox, args[1:])
	}
	attach, stop, err := sandbox.Serve()
	if err != nil {
		return 1, err
	}
	defer stop()
	endpoint, stopAPI, err := sandbox.ServeAPI()
	if err != nil {
		return 1, err
	}
	defer stopAPI()
	bin := filepath.Join(root, "bin")
	env := append(project.Environ(os.Environ(), bin, state, attach), aws.SDKEnv(endpoint)...)
	// exec.Command looks for the command itself on this process's PATH.
	if err := os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return 1, err
	}
	return pass(args, env)
}

// vpcs parses SANDBOX_VPCS, 'vpc-…:subnet-…,subnet-…;…'.
func vpcs(s string) ([]aws.Option, error) {
	var opts []aws.Option
	for v := range strings.SplitSeq(s, ";") {
		id, subnets, ok := strings.Cut(strings.TrimSpace(v), ":")
		if id == "" && !ok {
			continue
		}
		if !strings.HasPrefix(id, "vpc-") || !ok {
			return nil, fmt.Errorf("SANDBOX_VPCS: %q is not vpc-…:subnet-…,subnet-…", v)
		}
		opts = append(opts, aws.WithVPC(id, strings.Split(subnets, ",")...))
	}
	return opts, nil
}

// pass runs the command with this process's standard streams, passes on the signals that only this process gets, and
// returns the command's exit code. If a signal ended it, that is 128 and the signal's number, as in shells.
func pass(args, env []string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			// A terminal sends Ctrl-C to all processes in the foreground. Passed on, it would reach the command twice,
			// and at the second Pulumi stops at once.
			if s != syscall.SIGINT || !foreground() {
				_ = cmd.Process.Signal(s)
			}
		case err := <-done:
			if err == nil {
				return 0, nil
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				return 1, err
			}
			if st, ok := exit.Sys().(syscall.WaitStatus); ok && st.Signaled() {
				return 128 + int(st.Signal()), nil
			}
			return exit.ExitCode(), nil
		}
	}
}
