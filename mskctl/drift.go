package main

import (
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
  12  a deployment is running, and nothing was compared

A lock older than three hours counts as left behind by a killed command: the stack is compared, and the summary
names it.

Example: mskctl drift prod`
}

// Exit codes; main.go describes them. drifted also says that something is to be recovered, or that topics differ.
const (
	drifted = 10
	lost    = 11
	locked  = 12
)

// Run compares, and returns an exitError unless nothing drifted.
func (c *driftCmd) Run(s *session) error {
	if err := writeFiles(s.path(c.Dir), map[string]string{"code": "1\n"}); err != nil {
		return err
	}
	found := s.compare(c.Stack)
	text := found.report.summary.markdown()
	err := writeFiles(s.path(c.Dir), map[string]string{
		"code": strconv.Itoa(found.code) + "\n", "summary.md": text, "preview.json": string(found.report.raw),
	})
	err = errors.Join(err, s.publish(text))
	if err != nil || found.code == 0 {
		return err
	}
	return &exitError{found.code, errors.New(found.said)}
}

// comparison is the outcome of a comparison with AWS.
type comparison struct {
	code   int
	said   string
	report *report
}

// compare compares AWS with the stack's state and program, unless a deployment runs.
func (s *session) compare(stack string) comparison {
	old, lockErr := s.underway(stack)
	if isLocked(lockErr) {
		return failedComparison(stack, lockErr)
	}
	gone, clusterErr := s.clusterIsGone(stack)
	r, err := s.preview(stack, "Drift", "", awsConfigured, "--refresh", "--expect-no-changes")
	if err != nil {
		r = failedComparison(stack, err).report
	}
	if _, err := s.underway(stack); isLocked(err) { // what was seen may be half a deployment
		return failedComparison(stack, err)
	}
	code, said := driftCode(r, gone)
	if clusterErr != nil {
		clusterErr = fmt.Errorf("looking for the cluster: %w", clusterErr)
	}
	if err := errors.Join(clusterErr, lockErr); err != nil && code != lost {
		code, said = 1, fmt.Sprintf("the comparison failed: %s", err)
		r.summary.Errors, r.summary.Failed = append(r.summary.Errors, said), true
	}
	switch code {
	case lost:
		said = fmt.Sprintf("DATA LOSS: the cluster of stack %s is gone. Read docs/recovery.md, \"The cluster is gone\", "+
			"before you run `pulumi up`: it would create an empty one.", stack)
		r.summary.Dangers = []string{said}
	case drifted:
		r.summary.Errors, r.summary.Failed = nil, false // Pulumi calls changes an error here
		said = fmt.Sprintf("stack %s has drifted", stack)
	}
	if old != nil {
		stale := fmt.Sprintf("LOCKED by %s, too long ago for a deployment. If that command was killed, remove its lock: "+
			"`mskctl cancel %s`", old, stack)
		r.summary.Dangers = append(r.summary.Dangers, stale)
		if code == 0 {
			code, said = 1, stale
		}
	}
	return comparison{code, said, r}
}

// underway returns an error if a deployment runs, and a lock that is too old to belong to one.
func (s *session) underway(stack string) (stale *lock, err error) {
	locks, err := s.locks(stack)
	if errors.Is(err, errNoLocks) {
		fmt.Fprintf(s.stderr, "can't tell whether a deployment runs: %s\n", err)
		return nil, nil
	}
	if err != nil || len(locks) == 0 {
		return nil, err
	}
	if newest := locks[0]; newest.stale() {
		return &newest, nil
	}
	return nil, &exitError{locked, fmt.Errorf("a deployment is running: %s. Nothing was compared", locks[0])}
}

// isLocked reports whether the error says that another command holds the stack's lock.
func isLocked(err error) bool {
	var exit *exitError
	return errors.As(err, &exit) && exit.code == locked
}

// failedComparison returns the outcome if nothing was compared.
func failedComparison(stack string, err error) comparison {
	r := &report{preview: &preview{}, exit: 1}
	r.summary = summarize("Drift", stack, "", awsConfigured, r.preview, []string{err.Error()})
	code := 1
	if isLocked(err) {
		code = locked
	}
	return comparison{code, err.Error(), r}
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
	refresh, err := decodePreview(out, true)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(refresh.Steps, func(st step) bool { return st.isCluster() && st.Op == "delete" }), nil
}
