// Recordcalls deploys a stack with every optional setting, updates all of it, refreshes, repairs, replaces and destroys
// it, and writes down the AWS calls of each step: bootstrap/testdata/calls.jsonl, against which the policies of
// bootstrap/stack.yaml are tested. Run it again after a change of what the program makes.
//
// It needs an AWS emulator that appends each call that it answers to a file, as a line of JSON with the fields service,
// action, path and params; the code of the real AWS provider in front of it, attached by PULUMI_DEBUG_PROVIDERS; and
// AWS_ENDPOINT_URL and credentials that lead to the emulator. Seed two VPCs with two subnets each, in different zones:
//
//	make tools && go build -o bin/msk-serverless .
//	go run ./tools/recordcalls -raw FILE \
//	  -network vpc-…,subnet-…,subnet-… -other vpc-…,subnet-…,subnet-… >bootstrap/testdata/calls.jsonl
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
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
	flag.Parse()
	if err := record(*raw, strings.Split(*network, ","), strings.Split(*other, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "recordcalls:", err)
		os.Exit(1)
	}
}

// recorder is a stack in a project folder of its own.
type recorder struct {
	dir, raw string
	env      []string
	settings map[string]string
	names    names
}

func record(raw string, network, other []string) error {
	if len(network) < 3 || len(other) < 3 {
		return fmt.Errorf("-network and -other: list a VPC and its subnets")
	}
	r, err := newRecorder(raw)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	key, err := makeKey()
	if err != nil {
		return err
	}
	groups, err := makeGroups(network[0], "client-a", "client-b")
	if err != nil {
		return err
	}
	r.set(everything(network, groups, key))
	if err := r.step("init", "stack", "init", "prod",
		"--secrets-provider=awskms:///"+key+"?region=ap-south-1"); err != nil {
		return err
	}
	for _, step := range steps(other, groups, key) {
		r.set(step.set)
		if step.byHand != nil {
			if err := step.byHand(); err != nil {
				return err
			}
		}
		if err := r.step(step.phase, step.command...); err != nil {
			return fmt.Errorf("%s: %w", step.phase, err)
		}
	}
	return nil
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
	env := append(
		os.Environ(),
		"PULUMI_BACKEND_URL=s3://state?region=ap-south-1",
		"PULUMI_HOME="+filepath.Join(dir, "home"),
		"PATH="+filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
	)
	return &recorder{dir: dir, raw: raw, env: env, settings: configtest.Valid(), names: names{}}, nil
}

func (r *recorder) set(changes map[string]string) { configtest.Change(r.settings, changes) }

// step runs the CLI with the settings, and writes the calls that it made.
func (r *recorder) step(phase string, command ...string) error {
	if err := r.writeSettings(); err != nil {
		return err
	}
	before, err := os.Stat(r.raw)
	if err != nil {
		return err
	}
	cmd := exec.Command("pulumi", append(command, "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = r.dir, r.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pulumi %s: %w\n%s", strings.Join(command, " "), err, out)
	}
	file, err := os.Open(r.raw)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(before.Size(), io.SeekStart); err != nil {
		return err
	}
	return r.names.write(os.Stdout, file, phase)
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
	values := map[string]any{"pulumi:disable-default-providers": []string{"*"}}
	for key, value := range maps.All(r.settings) {
		values[key] = value
		if strings.HasPrefix(key, project.Name) && json.Valid([]byte(value)) {
			values[key] = json.RawMessage(value)
		}
	}
	stack["config"] = values
	doc, err := json.Marshal(stack)
	if err != nil {
		return err
	}
	return os.WriteFile(file, bytes.TrimSpace(doc), 0o644)
}
