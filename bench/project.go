//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"msk-serverless/sandbox/aws"
)

// project is a folder that Pulumi runs in, with a state backend and an AWS of its own. Its stack is the sandbox's.
type project struct {
	dir, state string
	env        []string
	cloud      *aws.Sandbox
	close      func()
}

// newProject has the CLI run a program, which the runtime's option names, with the sandbox stack's configuration, changed
// as settings say; without the option, it is the checkout itself.
func (b *bench) newProject(option string, settings map[string]any, env ...string) (*project, error) {
	own, err := os.MkdirTemp(b.dir, "project")
	if err != nil {
		return nil, err
	}
	p := &project{dir: own, state: filepath.Join(own, "state"), cloud: aws.New()}
	if option == "" {
		p.dir = b.root
	} else if err := b.writeProject(own, option, settings); err != nil {
		return nil, err
	}
	if err := os.Mkdir(p.state, 0o755); err != nil {
		return nil, err
	}
	attach, stop, err := p.cloud.Serve()
	if err != nil {
		return nil, err
	}
	p.close = stop
	p.env = append(environ(), append(env,
		"PULUMI_HOME="+filepath.Join(b.dir, "home"),
		"PULUMI_BACKEND_URL=file://"+p.state,
		"PULUMI_CONFIG_PASSPHRASE=",
		"PULUMI_DEBUG_PROVIDERS="+attach,
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"PULUMI_SKIP_UPDATE_CHECK=true",
	)...)
	_, err = measure(p.pulumi("stack", "init"), false)
	return p, err
}

// binary is the option for a program that measureBuilds built.
func (b *bench) binary(name string) string { return "binary: " + b.built(name) }

// writeProject writes the checkout's project and its sandbox stack into a folder.
func (b *bench) writeProject(dir, option string, settings map[string]any) error {
	file, err := os.ReadFile(filepath.Join(b.root, "Pulumi.yaml"))
	if err != nil {
		return err
	}
	changed := bytes.Replace(file, []byte("buildTarget: bin/msk-serverless"), []byte(option), 1)
	if bytes.Equal(file, changed) {
		return errors.New("no buildTarget in Pulumi.yaml to replace")
	}
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), changed, 0o644); err != nil {
		return err
	}
	if file, err = os.ReadFile(filepath.Join(b.root, "Pulumi.sandbox.yaml")); err != nil {
		return err
	}
	var stack struct {
		Config         map[string]any
		EncryptionSalt string `yaml:"encryptionsalt"`
	}
	if err := yaml.Unmarshal(file, &stack); err != nil {
		return err
	}
	for key, value := range settings {
		stack.Config["msk-serverless:"+key] = value
	}
	if file, err = yaml.Marshal(map[string]any{"config": stack.Config, "encryptionsalt": stack.EncryptionSalt}); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Pulumi.sandbox.yaml"), file, 0o644)
}

// environ is ours, without what would lead Pulumi elsewhere.
func environ() (env []string) {
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PULUMI_") && !strings.HasPrefix(kv, "AWS_") {
			env = append(env, kv)
		}
	}
	return env
}

// pulumi is the CLI with the arguments, on the project's stack.
func (p *project) pulumi(args ...string) *exec.Cmd {
	cmd := exec.Command("pulumi", append(args, "--stack=sandbox", "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

// up deploys the project; what the preview costs is measured on its own.
func (p *project) up() (usage, error) {
	return measure(p.pulumi("up", "--yes", "--skip-preview"), false)
}

func (p *project) preview() *exec.Cmd { return p.pulumi("preview") }

// resource is one of a stack's state.
type resource struct {
	URN                  string
	Type                 string
	Provider             string
	Parent               string
	Inputs               map[string]any
	Dependencies         []string
	PropertyDependencies map[string][]string
}

// export is the stack's state, and its size in bytes.
func (p *project) export() (resources []resource, size int, err error) {
	doc, err := p.pulumi("stack", "export").Output()
	orphansCPU()
	if err != nil {
		return nil, 0, err
	}
	var state struct {
		Deployment struct{ Resources []resource }
	}
	err = json.Unmarshal(doc, &state)
	return state.Deployment.Resources, len(doc), err
}

// teams are n consumer teams of a topic prefix and a consumer group each.
func teams(n int) map[string]any {
	all := map[string]any{}
	for i := range n {
		name := fmt.Sprintf("team-%03d", i)
		all[name] = map[string]any{"topicPrefixes": []string{name + "."}, "groupNames": []string{name}}
	}
	return map[string]any{"consumerTeams": all}
}

// prefixes are n topic prefixes to produce to and to consume.
func prefixes(n int) map[string]any {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("exchange-%02d.", i))
	}
	return map[string]any{"producerTopicPrefixes": all, "consumerTopicPrefixes": all}
}
