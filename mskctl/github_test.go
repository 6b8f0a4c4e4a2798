package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeGitHub answers like GitHub's API and records the requests that change something.
type fakeGitHub struct {
	answers map[string]string // a GET's path → JSON
	store   string            // where downloads of artifacts are redirected to
	refuse  int               // status of every other request, if not 0
	changes []string          // "POST /repos/…/comments {…}"
}

func (g *fakeGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	switch answer, ok := g.answers[r.URL.Path]; {
	case r.Method == http.MethodGet && ok:
		_, _ = io.WriteString(w, answer)
	case strings.HasSuffix(r.URL.Path, "/zip"):
		http.Redirect(w, r, g.store, http.StatusFound)
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
	case g.refuse != 0:
		w.WriteHeader(g.refuse)
		_, _ = io.WriteString(w, `{"message":"refused"}`)
	default:
		g.changes = append(g.changes, r.Method+" "+r.URL.Path+" "+string(body))
		_, _ = io.WriteString(w, `{}`)
	}
}

// mskctl runs mskctl in a folder, against the API.
func (g *fakeGitHub) mskctl(t *testing.T, dir string, env map[string]string, args ...string) (out string, code int) {
	t.Helper()
	server := httptest.NewServer(g)
	defer server.Close()
	all := map[string]string{
		"GITHUB_REPOSITORY": "acme/streams", "GITHUB_SHA": strings.Repeat("a1", 20), "GITHUB_RUN_ID": "42",
		"GITHUB_API_URL": server.URL, "GH_TOKEN": "x",
	}
	for k, v := range env {
		all[k] = v
	}
	var b bytes.Buffer
	s := &session{ctx: t.Context(), stdout: &b, stderr: &b, dir: dir, getenv: func(k string) string { return all[k] }}
	code = run(args, s)
	return b.String(), code
}

func write(t *testing.T, text string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

func TestComment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, "### Preview of `dev`\n", dir, "summaries", "summary-dev", "summary.md")
	write(t, "### Preview of `prod`\n", dir, "summaries", "summary-prod", "summary.md")
	const comments = "/repos/acme/streams/issues/7/comments"
	comment := []string{"ci", "comment", "7", "summaries", "dev", "prod"}

	g := &fakeGitHub{
		answers: map[string]string{comments: `[{"id":1,"user":{"login":"mallory"},"body":"<!-- previews -->"}]`},
	}
	out, code := g.mskctl(t, dir, nil, comment...)
	require.Zero(t, code, out)
	require.Len(t, g.changes, 1)
	assert.Contains(t, g.changes[0], "POST "+comments)
	assert.Contains(t, g.changes[0], "### Preview of `dev`\\n\\n### Preview of `prod`")

	g = &fakeGitHub{
		answers: map[string]string{comments: `[{"id":1,"user":{"login":"github-actions[bot]"},"body":"hello"},
		{"id":2,"user":{"login":"github-actions[bot]"},"body":"<!-- previews -->\nold"}]`},
	}
	out, code = g.mskctl(t, dir, nil, append(comment, "staging")...)
	require.Zero(t, code, out)
	require.Len(t, g.changes, 1)
	assert.Contains(t, g.changes[0], "PATCH /repos/acme/streams/issues/comments/2")
	assert.Contains(t, g.changes[0], "### Preview of `staging`\\n\\n**There is no preview of this stack")

	write(t, "config: {}\n", dir, "Pulumi.prod.yaml")
	g = &fakeGitHub{answers: map[string]string{comments: `[]`}}
	out, code = g.mskctl(t, dir, nil, "ci", "comment", "7", "summaries")
	require.Zero(t, code, out)
	assert.Contains(t, g.changes[0], "### Preview of `prod`")
	assert.NotContains(t, g.changes[0], "### Preview of `dev`", "only stacks that have a file")

	page := filepath.Join(dir, "page.md")
	g = &fakeGitHub{answers: map[string]string{comments: `[]`}, refuse: http.StatusForbidden}
	out, code = g.mskctl(t, dir, map[string]string{"GITHUB_STEP_SUMMARY": page}, comment...)
	assert.Zero(t, code, "a fork's token may not comment")
	assert.Contains(t, out, "the token may not comment")
	doc, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(doc), "### Preview of `dev`")

	g.refuse = http.StatusUnprocessableEntity
	_, code = g.mskctl(t, dir, nil, comment...)
	assert.Equal(t, 1, code)

	write(t, longSummary("dev", 100_000), dir, "summaries", "summary-dev", "summary.md")
	g = &fakeGitHub{answers: map[string]string{comments: `[]`}}
	_, code = g.mskctl(t, dir, nil, comment...)
	require.Zero(t, code)
	var request struct{ Body string }
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(g.changes[0], " ", 3)[2]), &request))
	assert.LessOrEqual(t, len(request.Body), maxComment)
	assert.Contains(t, request.Body, "### Preview of `prod`")
}

func TestIssue(t *testing.T) {
	t.Parallel()
	const issues, open = "/repos/acme/streams/issues", `[{"number":4,"body":"see <!-- drift of prod -->"},
		{"number":5,"body":"<!-- drift of dev -->"},{"number":6,"body":"<!-- drift of prod -->","pull_request":{}},
		{"number":7,"body":"<!-- drift of prod -->\n…"},{"number":8,"body":null}]`
	const marked = `"body":"<!-- drift of prod -->\nwhat drifted`
	for _, c := range []struct {
		name, code, issues string
		want               []string
	}{
		{"nothing drifted", "0", `[]`, nil},
		{"the drift is gone", "0", open, []string{"POST " + issues + "/7/comments", "PATCH " + issues + "/7"}},
		{"first drift", "10", `[]`, []string{"POST " + issues + " "}},
		{"drift goes on", "10", open, []string{"PATCH " + issues + "/7"}},
		{"data loss", "11", open, []string{`"title":"DATA LOSS: the cluster of stack prod is gone"`}},
		{"failed", "1", `[]`, []string{`"title":"The comparison of stack prod with AWS fails"`}},
		{"a deployment was running", "12", open, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, c.code+"\n", dir, "drift", "code")
			write(t, "what drifted\n", dir, "drift", "summary.md")
			g := &fakeGitHub{answers: map[string]string{issues: c.issues}}
			out, code := g.mskctl(t, dir, nil, "ci", "issue", "prod", "drift")
			require.Zero(t, code, out)
			require.Len(t, g.changes, len(c.want))
			for i, want := range c.want {
				assert.Contains(t, g.changes[i], want)
			}
			if len(c.want) > 0 && c.code != "0" {
				assert.Contains(t, g.changes[0], marked)
				runbook := "https://github.com/acme/streams/blob/HEAD/docs/recovery.md#the-cluster-is-gone"
				assert.Equal(t, c.code == "11", strings.Contains(g.changes[0], runbook))
			}
		})
	}
	// The job of the comparison ended before it began, so there is no report.
	g := &fakeGitHub{answers: map[string]string{issues: `[]`}}
	out, code := g.mskctl(t, t.TempDir(), nil, "ci", "issue", "prod", "drift")
	require.Zero(t, code, out)
	require.Len(t, g.changes, 1)
	assert.Contains(t, g.changes[0], `"title":"The comparison of stack prod with AWS fails"`)
	assert.Contains(t, g.changes[0], "left no summary")
	for _, bad := range []string{"", "2", "x"} {
		dir := t.TempDir()
		write(t, bad, dir, "drift", "code")
		_, code := (&fakeGitHub{}).mskctl(t, dir, nil, "ci", "issue", "prod", "drift")
		assert.Equal(t, 1, code, "code %q", bad)
	}
}

// zipped returns a ZIP archive of the files.
func zipped(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range files {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, "{}")
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.String()
}

const mainRef = "/repos/acme/streams/git/ref/heads/main"

// tip returns GitHub's answer about a branch whose commit is 20 times the text.
func tip(text string) string { return `{"object":{"sha":"` + strings.Repeat(text, 20) + `"}}` }

// A repair's plan is applied by the run that made it.
func TestFetchPlanOfTheSameRun(t *testing.T) {
	t.Parallel()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, zipped(t, planFiles...))
	}))
	defer store.Close()
	const runs = "/repos/acme/streams/actions/runs/42"
	run := `{"repository":{"full_name":"acme/streams"},"head_repository":{"full_name":"acme/streams"},"head_branch":"main",
		"path":".github/workflows/%s.yml","event":"workflow_dispatch","head_sha":"` + strings.Repeat("a1", 20) + `"}`
	g := &fakeGitHub{
		answers: map[string]string{
			runs: fmt.Sprintf(run, "repair"), mainRef: tip("a1"),
			runs + "/artifacts": `{"artifacts":[{"id":2,"name":"plan-prod"}]}`,
		},
		store: store.URL,
	}
	out, code := g.mskctl(t, t.TempDir(), nil, "ci", "fetch-plan", "prod", "42", "plan")
	assert.Zero(t, code, out)

	g.answers[runs] = fmt.Sprintf(run, "plan")
	out, code = g.mskctl(t, t.TempDir(), nil, "ci", "fetch-plan", "prod", "42", "plan")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, `the plan's workflow is ".github/workflows/plan.yml", not ".github/workflows/repair.yml"`)

	g.answers[runs], g.answers[mainRef] = fmt.Sprintf(run, "repair"), tip("b2")
	out, code = g.mskctl(t, t.TempDir(), nil, "ci", "fetch-plan", "prod", "42", "plan")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "gh workflow run repair.yml --ref main -f stack=prod -f action=deploy")
}

func TestFetchPlan(t *testing.T) {
	t.Parallel()
	other := map[string]any{"full_name": "m/s"}
	plan := []string{"plan.json", "metadata.json", "summary.md"}
	const runs = "/repos/acme/streams/actions/runs/43"
	const one = `{"artifacts":[{"id":1,"name":"plan-dev"},{"id":2,"name":"plan-prod"}]}`
	for _, c := range []struct {
		name      string
		change    map[string]any
		artifacts string
		archive   []string
		want      string // part of the error; "" for none
	}{
		{"good", nil, one, plan, ""},
		{"failed for another stack", map[string]any{"conclusion": "failure"}, one, plan, ""},
		{"still planning another stack", map[string]any{"conclusion": nil}, one, plan, ""},
		{"repository", map[string]any{"repository": other}, one, nil, `plan's repository is "m/s"`},
		{"fork", map[string]any{"head_repository": other}, one, nil, `source repository is "m/s"`},
		{"workflow", map[string]any{"path": ".github/workflows/test.yml@main"}, one, nil, `is ".github/workflows/test.yml"`},
		{"branch", map[string]any{"head_branch": "feature"}, one, nil, `plan's branch is "feature", not "main"`},
		{"commit", map[string]any{"head_sha": strings.Repeat("b2", 20)}, one, nil, "it was made of b2b2"},
		{"remedy", map[string]any{"head_sha": "b2"}, one, nil, "gh workflow run plan.yml --ref main -f stack=prod"},
		{"event", map[string]any{"event": "pull_request"}, one, nil, "triggered by pull_request"},
		{"no artifact", nil, `{"artifacts":[{"id":1,"name":"plan-dev"}]}`, nil, "has 0 artifacts named plan-prod"},
		{
			"two artifacts", nil, `{"artifacts":[{"id":2,"name":"plan-prod"},{"id":3,"name":"plan-prod"}]}`, nil,
			"has 2 artifacts",
		},
		{"foreign file", nil, one, []string{"plan.json", "../Pulumi.yaml"}, "a file that no plan has"},
		{"no plan", nil, one, []string{"summary.md"}, "no plan in plan"},
		{"repair's plan", map[string]any{"path": repairWorkflow}, one, nil, `not ".github/workflows/plan.yml"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run := map[string]any{
				"repository":      map[string]any{"full_name": "acme/streams"},
				"head_repository": map[string]any{"full_name": "acme/streams"},
				"path":            ".github/workflows/plan.yml@refs/heads/main", "head_branch": "main",
				"head_sha": strings.Repeat("a1", 20), "conclusion": "success", "event": "push",
			}
			for k, v := range c.change {
				run[k] = v
			}
			doc, err := json.Marshal(run)
			require.NoError(t, err)
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, zipped(t, c.archive...))
			}))
			defer store.Close()
			g := &fakeGitHub{
				answers: map[string]string{runs: string(doc), runs + "/artifacts": c.artifacts, mainRef: tip("a1")},
				store:   store.URL,
			}
			dir := t.TempDir()
			out, code := g.mskctl(t, dir, nil, "ci", "fetch-plan", "prod", "43", "plan")
			if c.want != "" {
				assert.Equal(t, 1, code)
				assert.Contains(t, out, c.want)
				return
			}
			require.Zero(t, code, out)
			assert.FileExists(t, filepath.Join(dir, "plan", "metadata.json"))
			digest, err := planDigest(filepath.Join(dir, "plan"))
			require.NoError(t, err)
			assert.Contains(t, out, "{}digest="+digest+"\nheadline=\n", "the summary and the outputs")

			g.answers[mainRef] = tip("c3")
			out, code = g.mskctl(t, dir, nil, "ci", "fetch-plan", "prod", "43", "plan")
			assert.Equal(t, 1, code, "main has moved on since")
			assert.Contains(t, out, "the plan is stale: it was made of a1a1")

			g.answers[mainRef] = tip("a1")
			out, code = g.mskctl(t, dir, map[string]string{"GITHUB_SHA": "b2"}, "ci", "fetch-plan", "prod", "43", "plan")
			assert.Equal(t, 1, code)
			assert.Contains(t, out, "this run has b2 checked out, and main is at a1a1")

			delete(g.answers, mainRef)
			out, code = g.mskctl(t, dir, nil, "ci", "fetch-plan", "prod", "43", "plan")
			assert.Equal(t, 1, code, "what can't be looked up is an error")
			assert.Contains(t, out, "looking up the tip of main")
		})
	}
	out, code := (&fakeGitHub{}).mskctl(t, t.TempDir(), nil, "ci", "fetch-plan", "prod", "42/../43", "plan")
	assert.Equal(t, 2, code, out)
}
