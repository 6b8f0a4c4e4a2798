package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-github/v88/github"
)

// commentCmd keeps one comment on a pull request.
type commentCmd struct {
	PullRequest int      `arg:"" help:"Number of the pull request."`
	Dir         string   `arg:"" help:"Folder with a folder summary-<stack> for each stack, which holds its summary.md."`
	Stacks      []string `arg:"" optional:"" help:"Stacks that must be in the comment; by default all that have a file."`
}

// Help returns the details of mskctl ci comment --help.
func (commentCmd) Help() string {
	return `Updates the comment that this command made before, or makes it. A stack without a summary is named as missing.
Long summaries are shortened, warnings first. If the token may not comment, as on pull requests from forks and from
Dependabot, the text goes to the job's page. Needs GH_TOKEN.

Example: mskctl ci comment 7 summaries`
}

const (
	previewsMarker = "<!-- previews -->"
	// maxComment is how many characters GitHub accepts in a comment or an issue.
	maxComment = 65_536
)

// Run makes or updates the comment.
func (c *commentCmd) Run(s *session) error {
	repo, err := s.repository()
	if err != nil {
		return err
	}
	stacks := c.Stacks
	if len(stacks) == 0 {
		if stacks, err = s.stacks(); err != nil {
			return err
		}
	}
	summaries := make([]string, len(stacks))
	for i, stack := range stacks {
		doc, err := os.ReadFile(s.path(c.Dir, "summary-"+stack, "summary.md"))
		if err != nil {
			doc = fmt.Appendf(nil, "### Preview of %s\n\n**There is no preview of this stack: its job failed or was "+
				"cancelled.** [The run](%s)\n", code(stack), s.runURL())
		}
		summaries[i] = string(doc)
	}
	const footer = "\nThese previews are for reading; what is applied is planned on `main`.\n"
	text := joinSummaries(summaries, maxComment-len(previewsMarker)-len(footer)-2) + footer
	err = repo.comment(s, c.PullRequest, previewsMarker+"\n"+text)
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response.StatusCode == http.StatusForbidden {
		fmt.Fprintln(s.stdout, "the token may not comment; the summaries are on the job's page")
		return s.publish(text)
	}
	return err
}

// comment updates this tool's comment on the pull request, or makes it.
func (r repository) comment(s *session, pullRequest int, body string) error {
	comment := &github.IssueComment{Body: &body}
	for c, err := range r.client.Issues.ListCommentsIter(s.ctx, r.owner, r.name, pullRequest, nil) {
		if err != nil {
			return err
		}
		if c.GetUser().GetLogin() == botName && strings.HasPrefix(c.GetBody(), previewsMarker) {
			_, _, err := r.client.Issues.EditComment(s.ctx, r.owner, r.name, c.GetID(), comment)
			return err
		}
	}
	_, _, err := r.client.Issues.CreateComment(s.ctx, r.owner, r.name, pullRequest, comment)
	return err
}

// joinSummaries joins Markdown summaries into at most limit bytes, which are never fewer than GitHub's characters. Each
// gets an equal share of the room, plus what shorter ones leave.
func joinSummaries(summaries []string, limit int) string {
	const between = "\n"
	room := limit - len(between)*len(summaries)
	parts := make([]string, len(summaries))
	done := make([]bool, len(summaries))
	for left := len(summaries); left > 0; {
		share, fitted := room/left, false
		for i, text := range summaries {
			if !done[i] && len(text) <= share {
				parts[i], done[i], fitted = text, true, true
				room -= len(text)
				left--
			}
		}
		if fitted {
			continue
		}
		for i, text := range summaries {
			if !done[i] {
				parts[i], done[i] = shorten(text, share), true
				left--
			}
		}
	}
	return strings.Join(parts, between)
}

// shorten cuts a summary to at most limit bytes at the end of a line, closes an open code fence, and says that text is
// missing. Summaries have their heading and warnings first.
func shorten(text string, limit int) string {
	const note = "\n…\n\nThe rest is in the run's artifacts.\n"
	const fence = "```\n"
	if len(text) <= limit {
		return text
	}
	var kept strings.Builder
	open := false
	for line := range strings.Lines(text) {
		if kept.Len()+len(line)+len(fence)+len(note) > limit {
			break
		}
		kept.WriteString(line)
		if strings.HasPrefix(line, "```") {
			open = !open
		}
	}
	if open {
		kept.WriteString(fence)
	}
	return kept.String() + note
}
