package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// stacksCmd lists the stacks that the workflows deploy.
type stacksCmd struct {
	Only string `arg:"" optional:"" help:"The one stack to list; empty or \"all\" for all."`
}

// Help returns the details of mskctl ci stacks --help.
func (stacksCmd) Help() string {
	return `Sets the workflow's output "stacks" to a JSON array of the stacks that have a committed Pulumi.<stack>.yaml,
without sandbox. This is the only list of stacks that the workflows have. Fails for a stack that isn't in it.

Example: mskctl ci stacks prod`
}

// previewSuffix ends the name of the GitHub environment whose role may only read: <stack>-preview.
const previewSuffix = "-preview"

// Run sets the output.
func (c *stacksCmd) Run(s *session) error {
	stacks, err := s.stacks()
	if err != nil {
		return err
	}
	if c.Only != "" && c.Only != "all" {
		if !slices.Contains(stacks, c.Only) {
			return fmt.Errorf("no stack %q: the stacks are %s", c.Only, strings.Join(stacks, ", "))
		}
		stacks = []string{c.Only}
	}
	doc, err := json.Marshal(stacks)
	if err != nil {
		return err
	}
	return s.setOutput("stacks", string(doc))
}

// stacks returns the stacks that the workflows deploy, in the order of their names.
func (s *session) stacks() ([]string, error) {
	files, err := filepath.Glob(s.path("Pulumi.*.yaml"))
	if err != nil {
		return nil, err
	}
	stacks := []string{}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		switch {
		case name == "sandbox":
			continue
		case !stackName.MatchString(name):
			return nil, fmt.Errorf("%s: %q can't be a stack's name: use letters, digits, hyphens, dots and underscores",
				filepath.Base(file), name)
		case name == "all" || strings.HasSuffix(name, previewSuffix):
			// The environment of a stack x-preview would also be the preview environment of stack x, which every branch may
			// use.
			return nil, fmt.Errorf("%s: the pipeline can't deploy a stack named %q: choose a name that isn't \"all\" and "+
				"doesn't end in %s", filepath.Base(file), name, previewSuffix)
		}
		stacks = append(stacks, name)
	}
	if len(stacks) == 0 {
		return nil, fmt.Errorf("no stack to deploy: there is no Pulumi.<stack>.yaml in %s besides the sandbox's", s.dir)
	}
	slices.Sort(stacks)
	return stacks, nil
}
