package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// driftCmd compares AWS with a stack.
type driftCmd struct {
	stackArg
	Dir string `default:"drift" help:"Folder for the report."`
}

// Help returns the details of mskctl drift --help.
func (driftCmd) Help() string {
	return `Compares AWS with the stack's state and program and changes neither. Writes summary.md, preview.json and the
exit code, in the file code, into the folder:

   0  nothing drifted
   1  the comparison failed
  10  something drifted: it was changed by hand, or committed and not deployed
  11  DATA LOSS: the cluster is gone, whatever else may be wrong

Example: mskctl drift prod`
}

const (
	drifted = 10
	lost    = 11
)

// Run compares, and returns an exitError unless nothing drifted.
func (c *driftCmd) Run(s *session) error {
	dir := s.path(c.Dir)
	if err := writeFiles(dir, map[string]string{"code": "1\n"}); err != nil {
		return err
	}
	gone, clusterErr := s.clusterIsGone(c.Stack)
	r, err := s.preview(c.Stack, "Drift", "", awsConfigured, "--refresh", "--expect-no-changes")
	if err != nil {
		r = &report{preview: &preview{}, exit: 1}
		r.summary = summarize("Drift", c.Stack, "", awsConfigured, r.preview, []string{err.Error()})
	}
	code, said := driftCode(r, gone)
	if code != lost && clusterErr != nil {
		code, said = 1, fmt.Sprintf("the comparison failed: looking for the cluster: %s", clusterErr)
		r.summary.Errors, r.summary.Failed = append(r.summary.Errors, said), true
	}
	switch {
	case code == lost:
		said = fmt.Sprintf(
			"DATA LOSS: the cluster of stack %s is gone. Read docs/recovery.md, \"The cluster is gone\", before "+
				"you run `pulumi up`: it would create an empty one.",
			c.Stack,
		)
		r.summary.Dangers = []string{said}
	case code == drifted:
		r.summary.Errors, r.summary.Failed = nil, false // Pulumi calls changes an error here
		said = fmt.Sprintf("stack %s has drifted", c.Stack)
	}
	text := r.summary.markdown()
	if err := s.publish(text); err != nil {
		return err
	}
	files := map[string]string{"code": strconv.Itoa(code) + "\n", "summary.md": text, "preview.json": string(r.raw)}
	if err := writeFiles(dir, files); err != nil {
		return err
	}
	if code == 0 {
		return nil
	}
	return &exitError{code, errors.New(said)}
}

// driftCode returns the exit code for a comparison, and what to say about it. Pulumi's own exit code doesn't tell
// changes from errors.
func driftCode(r *report, clusterGone bool) (code int, said string) {
	failed := slices.ContainsFunc(r.Diagnostics, func(d diagnostic) bool { return d.Severity == "error" })
	switch {
	case clusterGone:
		return lost, ""
	case r.exit == 0:
		return 0, ""
	case failed || len(r.changes()) == 0:
		return 1, "the comparison failed"
	}
	return drifted, ""
}

// clusterIsGone reports whether the stack had a cluster that AWS doesn't have any more. It asks AWS about the cluster
// alone and without running the program, so that nothing else that is wrong can hide the loss.
func (s *session) clusterIsGone(stack string) (bool, error) {
	st, err := s.export(stack)
	if err != nil {
		return false, err
	}
	cluster, hadCluster := "", false
	for _, r := range st.Deployment.Resources {
		if r.Type == clusterType {
			cluster = r.URN
		}
		if r.Type == stackType && r.Outputs["clusterArn"] != nil {
			hadCluster = true
		}
	}
	if cluster == "" {
		return hadCluster, nil // a refresh has dropped it from the state
	}
	out, err := s.pulumi(stack, "refresh", "--preview-only", "--json", "--target="+cluster)
	if err != nil {
		return false, err
	}
	var refresh preview
	if err := json.Unmarshal(out, &refresh); err != nil {
		return false, fmt.Errorf("reading Pulumi's report on the cluster: %w: %s", err, head(out))
	}
	return slices.ContainsFunc(refresh.Steps, func(st step) bool { return st.isCluster() && st.Op == "delete" }), nil
}
