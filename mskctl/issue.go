package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/google/go-github/v88/github"
)

// issueCmd keeps one issue about a stack's drift.
type issueCmd struct {
	Stack string `arg:"" help:"Stack that was compared."`
	Dir   string `arg:"" help:"Folder with the report of mskctl drift."`
}

// Help returns the details of mskctl ci issue --help.
func (issueCmd) Help() string {
	return `Opens or updates the issue if something drifted or the comparison failed, which it also did if there is no
report, and closes it if nothing drifted. Leaves it alone if a deployment was running. Needs GH_TOKEN.

Example: mskctl ci issue prod drift`
}

// Run opens, updates or closes the issue.
func (c *issueCmd) Run(s *session) error {
	repo, err := s.repository()
	if err != nil {
		return err
	}
	codeDoc, err := os.ReadFile(s.path(c.Dir, "code"))
	if errors.Is(err, fs.ErrNotExist) { // the job ended before it compared anything
		codeDoc, err = []byte("1"), nil
	}
	if err != nil {
		return err
	}
	code := strings.TrimSpace(string(codeDoc))
	if code == strconv.Itoa(locked) {
		fmt.Fprintln(s.stdout, "a deployment was running, and nothing was compared")
		return nil
	}
	titles := map[string]string{
		"0":  "",
		"1":  "The comparison of stack " + c.Stack + " with AWS fails",
		"10": "Drift: stack " + c.Stack,
		"11": "DATA LOSS: the cluster of stack " + c.Stack + " is gone",
	}
	title, ok := titles[code]
	if !ok {
		return fmt.Errorf("%s/code: %q is no exit code of mskctl drift", c.Dir, codeDoc)
	}
	marker := "<!-- drift of " + c.Stack + " -->"
	number, err := repo.findIssue(s, marker)
	if err != nil {
		return err
	}
	if title == "" {
		return repo.closeIssue(s, number)
	}
	text, err := os.ReadFile(s.path(c.Dir, "summary.md"))
	if err != nil {
		text = []byte("The comparison left no summary: see the run.\n")
	}
	todo := "docs/ci.md, \"Drift\""
	if code == strconv.Itoa(lost) {
		todo = fmt.Sprintf("**[the cluster is gone](%s#the-cluster-is-gone)**", s.fileURL("docs/recovery.md"))
	}
	footer := fmt.Sprintf("\n[The run](%s) · what to do: %s\n", s.runURL(), todo)
	body := marker + "\n" + shorten(string(text), maxComment-len(marker)-len(footer)-1) + footer
	request := &github.IssueRequest{Title: &title, Body: &body}
	if number == 0 {
		if _, _, err := repo.client.Issues.Create(s.ctx, repo.owner, repo.name, request); err != nil {
			return err
		}
		fmt.Fprintln(s.stdout, "opened an issue")
		return nil
	}
	if _, _, err := repo.client.Issues.Edit(s.ctx, repo.owner, repo.name, number, request); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "updated #%d\n", number)
	return nil
}

// findIssue returns the number of this tool's open issue whose text begins with the marker, or 0 if there is none.
func (r repository) findIssue(s *session, marker string) (int, error) {
	opts := &github.IssueListByRepoOptions{State: "open", Creator: botName}
	for issue, err := range r.client.Issues.ListByRepoIter(s.ctx, r.owner, r.name, opts) {
		if err != nil {
			return 0, err
		}
		if !issue.IsPullRequest() && strings.HasPrefix(issue.GetBody(), marker) {
			return issue.GetNumber(), nil
		}
	}
	return 0, nil
}

// closeIssue closes the issue, if there is one.
func (r repository) closeIssue(s *session, number int) error {
	if number == 0 {
		return nil
	}
	body, state, reason := "The drift is gone.", "closed", "completed"
	_, _, err := r.client.Issues.CreateComment(s.ctx, r.owner, r.name, number, &github.IssueComment{Body: &body})
	if err != nil {
		return err
	}
	_, _, err = r.client.Issues.Edit(s.ctx, r.owner, r.name, number,
		&github.IssueRequest{State: &state, StateReason: &reason})
	fmt.Fprintf(s.stdout, "closed #%d\n", number)
	return err
}
