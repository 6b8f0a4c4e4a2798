//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/sandbox/aws"
)

// deployment is the sandbox stack of one program, with a state backend and a sandbox that nothing else uses.
type deployment struct {
	dir     string // the project folder
	env     []string
	sandbox *aws.Sandbox
	stop    func()
}

// prebuilt returns a deployment of a program that was built into b.dir. settings change the sandbox stack's, env is
// added to the environment.
func (b *bench) prebuilt(program string, settings map[string]any, env ...string) (*deployment, error) {
	dir, err := os.MkdirTemp(b.dir, program)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(b.root, "Pulumi.yaml"))
	if err != nil {
		return nil, err
	}
	text, err = project.Prebuilt(text, filepath.Join(b.dir, program))
	if err != nil {
		return nil, err
	}
	return b.deploy(dir, text, settings, env...)
}

// deploy writes the project into dir, which may hold a program, and deploys it.
func (b *bench) deploy(dir string, pulumiYAML []byte, settings map[string]any, env ...string) (*deployment, error) {
	stack, err := b.stackFile(settings)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{"Pulumi.yaml": pulumiYAML, "Pulumi.sandbox.yaml": stack} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return nil, err
		}
	}
	d, err := b.attach(dir, env...)
	if err != nil {
		return nil, err
	}
	_, err = measure(d.pulumi("up", "--yes", "--skip-preview"))
	return d, err
}

// attach returns a deployment of the project in dir with a stack that isn't deployed yet.
func (b *bench) attach(dir string, env ...string) (*deployment, error) {
	state, err := os.MkdirTemp(b.dir, "state")
	if err != nil {
		return nil, err
	}
	d := &deployment{dir: dir, sandbox: aws.New()}
	attach, stop, err := d.sandbox.Serve()
	if err != nil {
		return nil, err
	}
	d.stop = stop
	d.env = append(project.Environ(os.Environ(), filepath.Join(b.root, "bin"), state, attach), env...)
	d.env = append(d.env, "PULUMI_HOME="+filepath.Join(b.dir, "home"))
	_, err = measure(d.pulumi("stack", "init"))
	return d, err
}

// stackFile returns the file of the sandbox stack with changed settings.
func (b *bench) stackFile(settings map[string]any) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.root, "Pulumi.sandbox.yaml"))
	if err != nil {
		return nil, err
	}
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	config, ok := file["config"].(map[string]any)
	if !ok {
		return nil, errors.New("config in Pulumi.sandbox.yaml must be a map")
	}
	for key, value := range settings {
		config[project.Name+":"+key] = value
	}
	return yaml.Marshal(file)
}

// clients returns the settings of n clients of mixed kinds.
func clients(n int) map[string]any {
	var all map[string]any
	if err := json.Unmarshal([]byte(configtest.MixedClients(n)), &all); err != nil {
		panic(err)
	}
	return map[string]any{"clients": all}
}

// pulumi returns the CLI's command with the arguments, on the stack.
func (d *deployment) pulumi(args ...string) *exec.Cmd {
	cmd := exec.Command("pulumi", append(args, "--stack=sandbox", "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = d.dir, d.env
	return cmd
}

func (d *deployment) preview() *exec.Cmd { return d.pulumi("preview") }

func (d *deployment) unchangedUp() *exec.Cmd {
	return d.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
}

// resource is one of the resources in a stack's state.
type resource struct {
	URN          string
	Type         string
	Dependencies []string
}

// resources returns what is in the stack's state.
func (d *deployment) resources() ([]resource, error) {
	text, err := d.pulumi("stack", "export").Output()
	if err != nil {
		return nil, err
	}
	var state struct {
		Deployment struct{ Resources []resource }
	}
	err = json.NewDecoder(bytes.NewReader(text)).Decode(&state)
	return state.Deployment.Resources, err
}
