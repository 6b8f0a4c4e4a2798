// Recordcalls deploys a stack with every optional setting, updates all of it, refreshes, repairs, replaces and destroys
// it, and writes down the AWS calls of each step: bootstrap/testdata/calls.jsonl, against which the policies of
// bootstrap/stack.yaml are tested. Run it again after a change of what the program makes.
//
// It needs an AWS emulator that appends each call that it answers to a file, as a line of JSON with the fields service,
// action, path and params; the code of the real AWS provider in front of it, attached by PULUMI_DEBUG_PROVIDERS; and
// AWS_ENDPOINT_URL and credentials that lead to the emulator. Seed three VPCs with two subnets each, in different
// zones:
//
//	make tools && go build -o bin/msk-serverless . && go build -o bin/mskctl ./mskctl
//	go run ./tools/recordcalls -raw FILE -network vpc-…,subnet-…,subnet-… \
//	  -other vpc-…,subnet-…,subnet-… -further vpc-…,subnet-…,subnet-… >bootstrap/testdata/calls.jsonl
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

func main() {
	raw := flag.String("raw", "", "file to which the emulator appends calls")
	network := flag.String("network", "", "VPC and two subnets, separated by commas")
	other := flag.String("other", "", "VPC and subnets to move to")
	further := flag.String("further", "", "VPC and subnets that the brokers are in besides")
	flag.Parse()
	if err := record(*raw, given{
		network: strings.Split(*network, ","), other: strings.Split(*other, ","), further: strings.Split(*further, ","),
	}); err != nil {
		fmt.Fprintln(os.Stderr, "recordcalls:", err)
		os.Exit(1)
	}
}

// recorder is a stack in a project folder of its own.
type recorder struct {
	dir, raw string
	env      []string
	settings map[string]string
	recording
}

func record(raw string, g given) error {
	for _, vpc := range [][]string{g.network, g.other, g.further} {
		if len(vpc) < 3 {
			return fmt.Errorf("-network, -other and -further: list a VPC and its subnets")
		}
	}
	r, err := newRecorder(raw)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	if err := g.make(); err != nil {
		return err
	}
	r.set(g.everything())
	if err := r.step(step{phase: "init", command: []string{
		"pulumi", "stack", "init", "prod", "--non-interactive",
		"--secrets-provider=awskms:///" + g.key + "?region=ap-south-1",
	}}); err != nil {
		return err
	}
	for _, step := range g.steps() {
		if err := r.step(step); err != nil {
			return fmt.Errorf("%s: %w", step.phase, err)
		}
	}
	return nil
}

// make makes what the stack refers to.
func (g *given) make() error {
	var err error
	if g.key, err = makeKey(); err != nil {
		return err
	}
	if g.archive, err = makePolicy("archive"); err != nil {
		return err
	}
	if g.groups, err = makeGroups(g.network[0], "client-a", "client-b"); err != nil {
		return err
	}
	g.furtherGroups, err = makeGroups(g.further[0], "client-c", "client-d")
	return err
}

// newRecorder prepares a project folder that runs bin/msk-serverless, and a bucket for its state.
func newRecorder(raw string) (*recorder, error) {
	root, err := project.FindRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "recordcalls")
	if err != nil {
		return nil, err
	}
	pulumiYAML, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return nil, err
	}
	prebuilt, err := project.Prebuilt(pulumiYAML, filepath.Join(root, "bin", project.Name))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), prebuilt, 0o644); err != nil {
		return nil, err
	}
	if err := makeBucket("state"); err != nil {
		return nil, err
	}
	path := filepath.Join(root, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	if err := os.Setenv("PATH", path); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "PULUMI_BACKEND_URL=s3://state?region=ap-south-1",
		"PULUMI_HOME="+filepath.Join(dir, "home"))
	return &recorder{
		dir: dir, raw: raw, env: env, settings: configtest.Valid(),
		recording: recording{names: map[string]string{}, seen: map[string]bool{}},
	}, nil
}

func (r *recorder) set(changes map[string]string) { configtest.Change(r.settings, changes) }

// step changes the settings, runs the command, and writes the calls that it made.
func (r *recorder) step(s step) error {
	r.set(s.set)
	if err := r.writeSettings(); err != nil {
		return err
	}
	if s.byHand != nil {
		if err := s.byHand(); err != nil {
			return err
		}
	}
	before, err := os.Stat(r.raw)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, s.phase+":", strings.Join(s.command, " "))
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != s.exit {
		return fmt.Errorf("%s: exit code %d, %v\n%s", strings.Join(s.command, " "), code, err, out)
	}
	file, err := os.Open(r.raw)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(before.Size(), io.SeekStart); err != nil {
		return err
	}
	return r.write(os.Stdout, file, s.phase)
}

// writeSettings writes the stack's file, and keeps the lines that the CLI added.
func (r *recorder) writeSettings() error {
	file := filepath.Join(r.dir, "Pulumi.prod.yaml")
	stack := map[string]any{}
	if doc, err := os.ReadFile(file); err == nil {
		if stack, err = decodeYAML(doc); err != nil {
			return err
		}
	}
	stack["config"] = configtest.Section(r.settings)
	doc, err := json.Marshal(stack)
	if err != nil {
		return err
	}
	return os.WriteFile(file, bytes.TrimSpace(doc), 0o644)
}
