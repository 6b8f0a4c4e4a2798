package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A stack's environment must give its role to approved runs of main alone.
func TestEnvironmentMustBeReviewed(t *testing.T) {
	t.Parallel()
	const path = "/repos/acme/streams/environments/prod"
	const onlyMain = `{"branch_policies":[{"name":"main","type":"branch"}]}`
	const unreviewed = "config:\n  pipeline:unreviewed: private repository without GitHub Enterprise\n"
	team := map[string]any{"type": "Team"}
	protectedOnly := map[string]any{"protected_branches": true}
	for _, c := range []struct {
		name, file string
		change     map[string]any
		branches   string
		want       string // what init says about the environment
	}{
		{name: "as it should be", want: "ok reviewed, from main only"},
		{name: "no environment", change: map[string]any{"name": nil}, want: "there is no such environment"},
		{name: "no rules", change: map[string]any{"protection_rules": []any{}}, want: "no required reviewers"},
		{name: "nobody reviews", change: map[string]any{"protection_rules": []any{
			map[string]any{"type": "required_reviewers", "prevent_self_review": true, "reviewers": []any{}},
		}}, want: "no required reviewers"},
		{name: "only a timer", change: map[string]any{"protection_rules": []any{
			map[string]any{"type": "wait_timer", "wait_timer": 30},
		}}, want: "no required reviewers"},
		{name: "self-review", change: map[string]any{"protection_rules": []any{
			map[string]any{"type": "required_reviewers", "prevent_self_review": false, "reviewers": []any{team}},
		}}, want: `the person who starts a deployment may approve it`},
		{name: "bypass", change: map[string]any{"can_admins_bypass": true}, want: "administrators may bypass"},
		{name: "bypass unknown", change: map[string]any{"can_admins_bypass": nil}, want: "administrators may bypass"},
		{name: "all branches", change: map[string]any{"deployment_branch_policy": nil}, want: "which branches may deploy"},
		{
			name: "protected branches", change: map[string]any{"deployment_branch_policy": protectedOnly},
			want: "which branches may deploy",
		},
		{
			name: "another branch", branches: `{"branch_policies":[{"name":"main"},{"name":"release/*","type":"branch"}]}`,
			want: `it admits the branch "release/*"`,
		},
		{name: "a tag", branches: `{"branch_policies":[{"name":"main","type":"tag"}]}`, want: `it admits the tag "main"`},
		{
			name: "opted out", file: unreviewed, change: map[string]any{"protection_rules": []any{}, "can_admins_bypass": true},
			want: "ok NOT REVIEWED, pipeline:unreviewed: private repository without",
		},
		{
			name: "opted out, from anywhere", file: unreviewed, change: map[string]any{"deployment_branch_policy": nil},
			want: "which branches may deploy",
		},
		{name: "opted out, no reason", file: "config:\n  pipeline:unreviewed: true\n", want: "write the reason as text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]any{
				"name": "prod", "can_admins_bypass": false,
				"deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true},
				"protection_rules": []any{map[string]any{
					"type": "required_reviewers", "prevent_self_review": true, "reviewers": []any{team},
				}},
			}
			for k, v := range c.change {
				env[k] = v
			}
			doc, err := json.Marshal(env)
			require.NoError(t, err)
			if c.branches == "" {
				c.branches = onlyMain
			}
			if c.file == "" {
				c.file = "config: {}\n"
			}
			g := &fakeGitHub{answers: map[string]string{path + "/deployment-branch-policies": c.branches}}
			if env["name"] != nil {
				g.answers[path] = string(doc)
			}
			dir := t.TempDir()
			write(t, c.file, dir, "Pulumi.prod.yaml")
			server := httptest.NewServer(g)
			defer server.Close()
			vars := map[string]string{"GITHUB_REPOSITORY": "acme/streams", "GITHUB_API_URL": server.URL, "GH_TOKEN": "x"}
			s := &session{ctx: t.Context(), dir: dir, getenv: func(k string) string { return vars[k] }}
			found, err := (&initCmd{stackArg{"prod"}}).checkEnvironment(s)
			want, ok := strings.CutPrefix(c.want, "ok ")
			if !ok {
				assert.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			assert.Contains(t, found, want)
		})
	}
}

func TestInitPrintsSubjectsAndCodeownersErrors(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	dir := t.TempDir()
	write(t, "config: {}\n", dir, "Pulumi.prod.yaml")
	g := &fakeGitHub{answers: map[string]string{
		"/repos/acme/streams": `{"id":22,"owner":{"id":11}}`,
		"/repos/acme/streams/codeowners/errors": `{"errors":[{"line":3,"kind":"Unknown owner",
			"source":"* @your-organization/platform\n","path":".github/CODEOWNERS"}]}`,
	}}
	out, _ := g.mskctl(t, dir, nil, "init", "prod")
	assert.Contains(t, out, "FAILED  GitHub's environment prod\n        | there is no such environment\n")
	assert.Contains(t, out,
		"prod-preview: repo:acme/streams:environment:prod-preview or repo:acme@11/streams@22:environment:prod-preview")
	assert.Contains(t, out, "prod: repo:acme/streams:environment:prod or repo:acme@11/streams@22:environment:prod\n")
	assert.Contains(t, out,
		"FAILED  CODEOWNERS\n        | .github/CODEOWNERS:3: Unknown owner: * @your-organization/platform\n")

	out, _ = g.mskctl(t, dir, map[string]string{"GITHUB_REPOSITORY_OWNER_ID": "1", "GITHUB_REPOSITORY_ID": "2"}, "init",
		"prod")
	assert.Contains(t, out, "repo:acme@1/streams@2:environment:prod", "a workflow knows the ids")
	out, _ = g.mskctl(t, dir, map[string]string{"GH_TOKEN": ""}, "init", "prod")
	assert.Equal(t, 3, strings.Count(out, "set GITHUB_REPOSITORY=<owner>/<name> and GH_TOKEN"), out)
}

func TestVariables(t *testing.T) {
	t.Parallel()
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"repo:acme@11/streams@22:environment:prod"}`))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer x" || r.URL.Query().Get("audience") != "sts.amazonaws.com" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write([]byte(`{"value":"e30.` + claims + `.c2ln"}`))
	}))
	defer server.Close()
	good := map[string]string{
		"PULUMI_BACKEND_URL": "s3://acme-state?region=ap-south-1", "AWS_REGION": "ap-south-1",
		"ROLE":                         "arn:aws:iam::123456789012:role/x",
		"ACTIONS_ID_TOKEN_REQUEST_URL": server.URL + "/?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
	}
	dir := t.TempDir()
	write(t, "secretsprovider: awskms://alias/x\nconfig: {}\n", dir, "Pulumi.prod.yaml")
	write(t, "config:\n  a:secretsprovider: x\n", dir, "Pulumi.dev.yaml")
	for _, c := range []struct{ name, stack, key, value, want string }{
		{"all there", "prod", "", "", ""},
		{"no backend", "prod", "PULUMI_BACKEND_URL", "", "output StateBucketUrl"},
		{"a backend without region", "prod", "PULUMI_BACKEND_URL", "s3://acme-state", "output StateBucketUrl"},
		{"no region", "prod", "AWS_REGION", "", "variable AWS_REGION is not set"},
		{"no role", "prod", "ROLE", "", "AWS_DEPLOY_ROLE_ARN of the environment prod to the output DeployRoleArn"},
		{"no token", "prod", "ACTIONS_ID_TOKEN_REQUEST_URL", "", "id-token: write"},
		{"no secrets provider", "dev", "", "", "Pulumi.dev.yaml has no secretsprovider"},
		{"no stack", "x/../prod", "", "", `no stack "x/../prod"`},
	} {
		env := map[string]string{}
		for k, v := range good {
			env[k] = v
		}
		if c.key != "" {
			env[c.key] = c.value
		}
		out, code := (&fakeGitHub{}).mskctl(t, dir, env, "ci", "variables", c.stack)
		assert.Equal(t, c.want == "", code == 0, "%s: %s", c.name, out)
		assert.Contains(t, out, c.want, c.name)
		if code == 0 {
			assert.Contains(t, out, "subject of this job's token: repo:acme@11/streams@22:environment:prod\n")
		}
	}
}

func TestCheckBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	const backend = "s3://acme-state?region=ap-south-1"
	const address = "acme-state.s3.ap-south-1.amazonaws.com/.pulumi/meta.yaml"
	for _, c := range []struct {
		name    string
		backend string
		headers map[string]string
		status  int
		want    string
	}{
		{"as it should be", backend, nil, 200, "versioned, encrypted with arn:key"},
		{"not versioned", backend, map[string]string{"X-Amz-Version-Id": ""}, 200, "not versioned"},
		{"versioning suspended", backend, map[string]string{"X-Amz-Version-Id": "null"}, 200, "not versioned"},
		{"S3's own key", backend, map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}, 200, "not encrypted"},
		{"denied", backend, nil, 403, "403 Forbidden"},
		{"a folder", "file:///x", nil, 200, "skipped"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, address, r.Header.Get("X-Host")+r.URL.Path)
			assert.Contains(t, r.Header.Get("Authorization"), "/ap-south-1/s3/aws4_request")
			w.Header().Set("X-Amz-Version-Id", "v1")
			w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms")
			w.Header().Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "arn:key")
			for k, v := range c.headers {
				w.Header().Set(k, v)
			}
			w.WriteHeader(c.status)
		}))
		s := &session{ctx: t.Context(), getenv: os.Getenv, http: &http.Client{Transport: redirect{parse(t, server.URL)}}}
		found, err := s.checkBucket(c.backend)
		server.Close()
		if err != nil {
			found = err.Error()
		}
		assert.Contains(t, found, c.want, c.name)
	}
}

func TestSummariesSayThatNobodyReviews(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, "config:\n  pipeline:unreviewed: for development\n", dir, "Pulumi.dev.yaml")
	write(t, "config: {}\n", dir, "Pulumi.prod.yaml")
	s := &session{dir: dir}
	notes, err := s.notes("prod")
	require.NoError(t, err)
	assert.Empty(t, notes)
	notes, err = s.notes("dev")
	require.NoError(t, err)
	text := summary{
		Title:   "Plan",
		Stack:   "dev",
		Dangers: []string{"DATA LOSS: all"},
		Notes:   notes,
		Counts:  "1 replace, 3 same",
	}
	assert.Contains(
		t,
		text.markdown(),
		"> [!WARNING]\n> **NOT REVIEWED: this stack is deployed without approval (pipeline:unreviewed: for development)**",
	)
	assert.Equal(t, "DATA LOSS; NOT REVIEWED; 1 replace", text.headline())
	assert.Equal(t, "no changes", summary{Counts: "26 same"}.headline())
	assert.Equal(t, "PROTECTION OFF; 2 create, 1 update",
		summary{Dangers: []string{"PROTECTION OFF: nothing"}, Counts: "2 create, 1 same, 1 update"}.headline())

	_, err = s.notes("none")
	assert.Error(t, err)
}
