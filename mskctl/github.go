package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// appendTo appends the text to the file that the environment variable names, such as GITHUB_OUTPUT. It reports whether
// the variable is set.
func (s *session) appendTo(variable, text string) (bool, error) {
	path := s.getenv(variable)
	if path == "" {
		return false, nil
	}
	if err := appendFile(path, text); err != nil {
		return false, fmt.Errorf("%s: %w", variable, err)
	}
	return true, nil
}

func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// setOutput sets an output of the workflow's step. Outside a workflow, it prints the output.
func (s *session) setOutput(name, value string) error {
	if strings.ContainsAny(value, "\r\n") {
		return fmt.Errorf("the output %s has more than one line: %q", name, value)
	}
	line := name + "=" + value + "\n"
	written, err := s.appendTo("GITHUB_OUTPUT", line)
	if err == nil && !written {
		fmt.Fprint(s.stdout, line)
	}
	return err
}

// maxJobSummary is how much Markdown GitHub shows of a step.
const maxJobSummary = 1 << 20

// publish prints Markdown, and appends it to the page of the workflow's run.
func (s *session) publish(text string) error {
	fmt.Fprint(s.stdout, text)
	_, err := s.appendTo("GITHUB_STEP_SUMMARY", shorten(text, maxJobSummary))
	return err
}
