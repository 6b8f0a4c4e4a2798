package main

import (
	"encoding/json"
	"fmt"
	"os"

	"msk-serverless/internal/config"
	"msk-serverless/internal/project"
)

// importFileCmd fills the ids of what a Terraform stack made into an import file.
type importFileCmd struct {
	stackArg
	Terraform string   `arg:"" name:"terraform.json" help:"What terraform show -json prints of the state."`
	Import    string   `arg:"" name:"import.json"    help:"What pulumi preview --import-file writes."`
	Create    []string `placeholder:"ENTRY" sep:"none" help:"Entry without an object in AWS; can be repeated."`
}

// Help returns the details of mskctl import-file --help.
func (importFileCmd) Help() string {
	return `Prints the filled file to standard output, for pulumi import --file, and what becomes of everything else to
standard error. An entry without an object in AWS is left out, and the next pulumi up creates it. An id that
import.json has already stays: write one in if several objects come into question. If none does, name the entry with
--create, by type and name, such as --create 'ec2/securityGroup consumer'.

The ids of security group rules, and rules made by hand, are looked up in AWS, which requires
ec2:DescribeSecurityGroupRules. If anything can't be decided or looked up, no file is printed.

Example:

  terraform show -json > terraform.json
  pulumi preview --stack prod --import-file import.json
  mskctl import-file prod terraform.json import.json > filled.json
  pulumi import --stack prod --file filled.json --generate-code=false`
}

// Run prints the filled file, or nothing if anything is wrong.
func (c importFileCmd) Run(s *session) error {
	cfg, err := s.stackConfig(c.Stack)
	if err != nil {
		return err
	}
	state, err := readParsed(s, c.Terraform, parseTerraform)
	if err != nil {
		return err
	}
	file, err := readParsed(s, c.Import, parseImportFile)
	if err != nil {
		return err
	}
	m := &importer{cfg: cfg, tf: state, file: file, create: c.Create, finder: awsRules{cfg}}
	fmt.Fprintf(s.stderr, "looking up the rules of the security groups in %s\n", cfg.Region)
	if err := m.fill(s.ctx); err != nil {
		return fmt.Errorf("stack %s: %w", c.Stack, err)
	}
	if err := m.print(s.stderr); err != nil {
		return err
	}
	text, err := file.encode()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.stdout, text)
	return err
}

func readParsed[T any](s *session, name string, parse func([]byte) (T, error)) (parsed T, err error) {
	doc, err := os.ReadFile(s.absolute(name))
	if err != nil {
		return parsed, err
	}
	if parsed, err = parse(doc); err != nil {
		return parsed, fmt.Errorf("%s: %w", name, err)
	}
	return parsed, nil
}

// stackConfig returns the configuration of the stack, with the defaults of what it doesn't set.
func (s *session) stackConfig(stack string) (config.Config, error) {
	doc, err := s.pulumi(stack, "config", "--json", "--show-secrets")
	if err != nil {
		return config.Config{}, fmt.Errorf("stack %s: can't read its configuration: %w", stack, err)
	}
	var settings map[string]struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(doc, &settings); err != nil {
		return config.Config{}, fmt.Errorf("stack %s: can't read its configuration: %w", stack, err)
	}
	values := map[string]string{}
	for key, setting := range settings {
		values[key] = setting.Value
	}
	cfg, err := config.Parse(project.Name, values)
	if err != nil {
		return cfg, fmt.Errorf("stack %s: %w", stack, err)
	}
	return cfg, nil
}
