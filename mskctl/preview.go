package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// previewCmd previews a stack and writes a report.
type previewCmd struct {
	stackArg
	Dir    string `default:"preview" help:"Folder for the report."`
	Title  string `default:"Preview" help:"Heading of the summary."`
	Commit string `                  help:"Commit that the summary names." env:"COMMIT"`
}

// Help returns the details of mskctl preview --help.
func (previewCmd) Help() string {
	return `Writes summary.md, for people, and preview.json, as Pulumi reports it, into the folder, and prints the summary.
Loss of data or of protection is at its top. Fails if the preview fails; the summary then says why.

Example: mskctl preview prod`
}

// Run previews the stack.
func (c *previewCmd) Run(s *session) error {
	report, err := s.preview(c.Stack, c.Title, c.Commit, deployedConfigured)
	if err != nil {
		return err
	}
	if err := report.write(s.path(c.Dir)); err != nil {
		return err
	}
	if err := s.publish(report.summary.markdown()); err != nil {
		return err
	}
	return report.failed()
}

// report is a preview that was run, whether it succeeded or not.
type report struct {
	*preview
	summary summary
	raw     []byte
	exit    int
}

// preview runs `pulumi preview` with the flags. Its error means that nothing is known; a preview that Pulumi refused is
// a report whose exit code isn't 0.
func (s *session) preview(stack, title, commit string, sides [2]string, flags ...string) (*report, error) {
	cmd := s.cli(stack, append([]string{"preview", "--json"}, flags...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("running pulumi: %w", err)
	}
	r := &report{raw: stdout.Bytes()}
	if exit != nil {
		r.exit = exit.ExitCode()
	}
	r.preview, err = decodePreview(r.raw, r.exit == 0)
	if err != nil {
		return nil, fmt.Errorf("previewing stack %s: %w %s", stack, err, plainError(stderr.String()))
	}
	var reasons []string
	if r.exit != 0 {
		reasons = r.errors()
		if said := plainError(stderr.String()); said != "" {
			reasons = append([]string{said}, reasons...)
		}
	}
	r.summary = summarize(title, stack, commit, sides, r.preview, reasons)
	if r.summary.Notes, err = s.notes(stack); err != nil {
		return nil, err
	}
	r.summary.Failed = r.exit != 0
	return r, nil
}

// failed returns an error without text if the preview failed: the summary has said why.
func (r *report) failed() error {
	if r.exit != 0 {
		return &exitError{1, errors.New("")}
	}
	return nil
}

// write writes the report into a folder.
func (r *report) write(dir string) error {
	return writeFiles(dir, map[string]string{"preview.json": string(r.raw), "summary.md": r.summary.markdown()})
}

// writeFiles writes the files into the folder, which it creates if needed.
func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// reportCmd prints a stack's outputs.
type reportCmd struct{ stackArg }

// Help returns the details of mskctl report --help.
func (reportCmd) Help() string { return "Example: mskctl report prod" }

// Run prints the outputs as a Markdown table.
func (c *reportCmd) Run(s *session) error {
	outputs, err := s.outputs(c.Stack)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Outputs of %s\n\n| output | value |\n| --- | --- |\n", code(c.Stack))
	for _, o := range outputs {
		fmt.Fprintf(&b, "| %s | %s |\n", code(o.name), code(o.value))
	}
	return s.publish(b.String())
}
