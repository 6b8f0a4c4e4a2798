// Sandbox runs a command with an embedded AWS behind it: `go run ./sandbox pulumi up --stack sandbox`. Nothing leaves the
// machine: the provider is a stand-in, the state backend a directory.
//
// The AWS lives in .sandbox/aws.json beside Pulumi.yaml, Pulumi's state in .sandbox/state; delete the directory to start
// afresh. SANDBOX_VPCS='vpc-…:subnet-…,subnet-…;vpc-…:…' adds VPCs to it, SANDBOX_LATENCY=50ms makes every call take that
// long.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"msk-serverless/sandbox/aws"
)

const usage = `usage: go run ./sandbox <command> [args]

Runs the command with an embedded AWS behind Pulumi, for example:

    go run ./sandbox pulumi up --stack sandbox
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
	root, err := findRoot()
	if err != nil {
		return 1, err
	}
	dir := filepath.Join(root, ".sandbox")
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o755); err != nil {
		return 1, err
	}
	worlds, err := vpcs(os.Getenv("SANDBOX_VPCS"))
	if err != nil {
		return 2, err
	}
	cloud, err := aws.Open(filepath.Join(dir, "aws.json"), worlds...)
	if err != nil {
		return 1, err
	}
	if s := os.Getenv("SANDBOX_LATENCY"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 2, fmt.Errorf("SANDBOX_LATENCY: %w", err)
		}
		cloud.Latency(func(aws.Call) time.Duration { return d })
	}
	attach, stop, err := cloud.Serve()
	if err != nil {
		return 1, err
	}
	defer stop()
	endpoint, stopAPI, err := cloud.ServeAPI()
	if err != nil {
		return 1, err
	}
	defer stopAPI()
	env := environ(os.Environ(), root, attach)
	for _, kv := range aws.SDKEnv(endpoint) {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	if err := os.Setenv("PATH", env["PATH"]); err != nil { // where the command itself is looked for
		return 1, err
	}
	return pass(args, env)
}

// findRoot is the directory with Pulumi.yaml, here or above.
func findRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no Pulumi.yaml in %s or above it", wd)
		}
	}
}

// vpcs reads 'vpc-…:subnet-…,subnet-…;…'.
func vpcs(s string) (opts []aws.Option, err error) {
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

// environ is the environment of the command: ours, with Pulumi on the embedded AWS and a local backend, quiet and
// offline, and nothing that would lead it elsewhere (another stack, backend, passphrase or account, a saved plan).
func environ(inherited []string, root, attach string) map[string]string {
	env := map[string]string{}
	for _, kv := range inherited {
		k, v, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(k, "PULUMI_") && !strings.HasPrefix(k, "AWS_") || slices.Contains(kept, k) {
			env[k] = v
		}
	}
	env["PULUMI_DEBUG_PROVIDERS"] = attach
	env["PULUMI_BACKEND_URL"] = "file://" + filepath.ToSlash(filepath.Join(root, ".sandbox", "state"))
	env["PULUMI_CONFIG_PASSPHRASE"] = ""
	env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true" // or every command tries to download the provider
	env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
	env["PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK"] = "true"
	env["PULUMI_OPTION_GENERATE_CODE"] = "false"                  // `pulumi import` would ask for the provider's schema, which the stand-in lacks
	env["PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS"] = "true" // they would pile up
	if !strings.Contains(env["GOFLAGS"], "-buildvcs=") {
		env["GOFLAGS"] = strings.TrimSpace(env["GOFLAGS"] + " -buildvcs=false") // the program is built outside git, too
	}
	env["PATH"] = filepath.Join(root, "bin") + string(os.PathListSeparator) + env["PATH"]
	return env
}

// kept are the PULUMI_ settings that are a matter of taste or of the machine, not of where to deploy to.
var kept = []string{
	"PULUMI_HOME", "PULUMI_DEBUG_COMMANDS", "PULUMI_EXPERIMENTAL", "PULUMI_PARALLEL", "PULUMI_OPTION_NON_INTERACTIVE",
	"PULUMI_OPTION_COLOR", "PULUMI_COLOR",
}

// pass runs the command with our standard streams, hands it the signals that are sent to us alone, and returns its exit
// code (128 and the signal's number if one ended it, as shells do).
func pass(args []string, env map[string]string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
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
			// A terminal's Ctrl-C reaches the command without our help: it goes to all of the foreground's processes. Passed
			// on it would count twice, and Pulumi takes the second as an order to stop at once.
			if s != syscall.SIGINT || !foreground() {
				_ = cmd.Process.Signal(s)
			}
		case err := <-done:
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				return map[bool]int{true: 0, false: 1}[err == nil], err
			}
			if st, ok := exit.Sys().(syscall.WaitStatus); ok && st.Signaled() {
				return 128 + int(st.Signal()), nil
			}
			return exit.ExitCode(), nil
		}
	}
}
