package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// preview is what `pulumi preview --json` reports.
type preview struct {
	Steps         []step         `json:"steps"`
	Diagnostics   []diagnostic   `json:"diagnostics"`
	ChangeSummary map[string]int `json:"changeSummary"`
}

type step struct {
	Op             string         `json:"op"`
	URN            string         `json:"urn"`
	OldState       *resourceState `json:"oldState"`
	NewState       *resourceState `json:"newState"`
	DiffReasons    []string       `json:"diffReasons"`
	ReplaceReasons []string       `json:"replaceReasons"`
}

type resourceState struct {
	Inputs  map[string]any `json:"inputs"`
	Protect bool           `json:"protect"`
}

type diagnostic struct {
	Message  string `json:"message"`
	Severity string `json:"severity"`
}

// decodePreview reads the output of a preview, which must be exactly one JSON object. A preview that succeeded must
// also have steps: there is at least one, for the stack itself.
func decodePreview(out []byte, succeeded bool) (*preview, error) {
	var p preview
	d := json.NewDecoder(bytes.NewReader(out))
	err := d.Decode(&p)
	if errors.Is(err, io.EOF) && !succeeded {
		return &p, nil // Pulumi failed before the preview and said why on stderr
	}
	if err != nil {
		return nil, fmt.Errorf("the preview's output is not JSON (%w): %s", err, head(out))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the preview's output is more than one JSON object: %s", head(out))
	}
	if succeeded && len(p.Steps) == 0 {
		return nil, fmt.Errorf("the preview's output has no steps: %s", head(out))
	}
	return &p, nil
}

func head(out []byte) string {
	if len(out) > 200 {
		out = out[:200]
	}
	return fmt.Sprintf("%q", out)
}

// changes returns the steps that change something.
func (p *preview) changes() []step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s step) bool {
		return s.Op == "same" || s.Op == "read" || s.Op == "refresh"
	})
}

var protection = regexp.MustCompile(`unable to (\w+) resource "([^"]+)"\s+(?:as part of replacing "[^"]+"\s+)?` +
	`as it is currently marked for protection`)

// errors returns what kept Pulumi from going on, in plain words, the protection of resources last: it is what the
// reader has to decide about.
func (p *preview) errors() []string {
	var others, protections []string
	for _, d := range p.Diagnostics {
		text := plainError(d.Message)
		refused := protection.FindStringSubmatch(text)
		switch {
		case d.Severity != "error" || text == "":
		case refused != nil:
			kind, name := step{URN: refused[2]}.resource()
			protections = append(protections,
				fmt.Sprintf("%s (%s) is protected, and this would %s it.", name, kind, refused[1]))
		default:
			others = append(others, text)
		}
	}
	if len(protections) > 0 {
		slices.Sort(protections) // Pulumi's order differs between runs
		protections = append(
			protections,
			"Take the change back; or, if the data may go, set protect to false, deploy that, "+
				"and deploy this change afterwards.",
		)
	}
	return append(others, protections...)
}

var wrapping = regexp.MustCompile(
	`(?m)^\s*(error: )?(an unhandled error occurred: program failed: *|\d+ errors? occurred:|` +
		`preview failed|update failed|program exited with non-zero exit code: \d+)\s*$\n?`,
)

// plainError returns an error message of Pulumi without what the engine and the SDK wrap around it.
func plainError(text string) string {
	text = strings.ReplaceAll(text, "\r", "")
	text = wrapping.ReplaceAllString(text, "")
	text = strings.TrimPrefix(strings.TrimSpace(text), "* ")
	return strings.TrimSpace(strings.TrimPrefix(text, "error: "))
}

func (s step) replaces() bool { return strings.Contains(s.Op, "replace") }

// resource returns the type and name in the step's URN: "iam/policy" and "producer".
func (s step) resource() (kind, name string) {
	parts := strings.SplitN(s.URN, "::", 4)
	if len(parts) < 4 {
		return "", s.URN
	}
	kind = strings.TrimPrefix(parts[2], "aws:")
	if i := strings.LastIndex(kind, ":"); i >= 0 {
		kind = kind[:i]
	}
	return kind, parts[3]
}

func (s step) isCluster() bool { return strings.Contains(s.URN, "::"+clusterType+"::") }

// losesCluster reports whether the step deletes the cluster and its data.
func (s step) losesCluster() bool { return s.isCluster() && (s.replaces() || s.Op == "delete") }

// unprotects reports whether the step ends a resource's protection and keeps the resource.
func (s step) unprotects() bool {
	return s.OldState != nil && s.OldState.Protect && (s.NewState == nil || !s.NewState.Protect) &&
		s.Op != "delete" && !s.replaces()
}
