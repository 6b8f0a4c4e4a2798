package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// script runs one of scripts/ as a workflow does, in the stack's folder, with environment variables ("A=b") of its own.
// It returns all that the script prints, and its exit code.
func (s *stack) script(t *testing.T, env []string, name string, args ...string) (string, int) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("scripts", name))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env = s.Dir, append(s.Env, env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// runs is a script that has to succeed.
func (s *stack) runs(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, code := s.script(t, env, name, args...)
	require.Zero(t, code, "%s\n%s", name, out)
	return out
}

// read returns what a script wrote.
func (s *stack) read(t *testing.T, path ...string) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(append([]string{s.Dir}, path...)...))
	require.NoError(t, err)
	return string(doc)
}

// onGitHub is what a run of the workflow "plan" finds in its environment, with changes.
func onGitHub(changes ...string) []string {
	return append([]string{
		"GITHUB_REPOSITORY=acme/streams", "GITHUB_SHA=" + strings.Repeat("a1", 20), "GITHUB_RUN_ID=42",
		"GITHUB_WORKFLOW_REF=acme/streams/.github/workflows/plan.yml@refs/heads/main", "GITHUB_STEP_SUMMARY=",
	}, changes...)
}

func TestPipelineAppliesThePlan(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.runs(t, onGitHub(), "plan", stacktest.Name)
	assert.Empty(t, s.Changes(), "planning changes nothing")
	summary := s.read(t, "plan", "summary.md")
	assert.Contains(t, summary, "### Plan of `test` at `a1a1a1a1a1a1`")
	assert.Contains(t, summary, "| **create** | `cluster` | `msk/serverlessCluster` |")
	assert.NotContains(t, summary, "CAUTION", "nothing is lost by a first deployment")

	s.runs(t, onGitHub(), "apply", stacktest.Name, "plan", "42")
	s.OK(t, "preview", "--expect-no-changes")
	assert.Contains(t, s.runs(t, nil, "report", stacktest.Name), "| `region` | `ap-south-1` |")

	s.Set(t, map[string]string{"logRetentionDays": "30"})
	s.runs(t, onGitHub(), "plan", stacktest.Name)
	assert.Contains(t, s.read(t, "plan", "summary.md"), "| **update** | `broker-logs` | `cloudwatch/logGroup` | `retentionInDays` `14` → `30` |")
	s.AWS.ResetCalls()
	s.runs(t, onGitHub(), "apply", stacktest.Name, "plan", "42")
	assert.Equal(t, []string{"update aws:cloudwatch/logGroup:LogGroup broker-logs"}, s.Changes(), "that, and no more")

	out, code := s.script(t, onGitHub(), "apply", stacktest.Name, "plan", "42")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "the plan is stale", "a plan is applied once")
}

func TestPipelineRefusesForeignAndStalePlans(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.runs(t, onGitHub(), "plan", stacktest.Name)
	refuses := func(why string, env []string, args ...string) {
		t.Helper()
		out, code := s.script(t, env, "apply", args...)
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, "refused: the plan"+why)
		assert.Empty(t, s.Changes())
	}
	refuses("'s repository is 'acme/streams'", onGitHub("GITHUB_REPOSITORY=mallory/streams"), stacktest.Name, "plan", "42")
	refuses("'s commit is", onGitHub("GITHUB_SHA="+strings.Repeat("b2", 20)), stacktest.Name, "plan", "42")
	refuses("'s run is '42'", onGitHub(), stacktest.Name, "plan", "43")

	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi.other.yaml"), []byte("config: {}\n"), 0o644))
	s.runs(t, nil, "../bin/pulumi", "stack", "init", "other")
	refuses("'s stack is 'test'", onGitHub(), "other", "plan", "42")

	s.runs(t, onGitHub("GITHUB_WORKFLOW_REF=acme/streams/.github/workflows/test.yml@refs/pull/7/merge"), "plan", stacktest.Name)
	refuses("'s workflow is '.github/workflows/test.yml'", onGitHub(), stacktest.Name, "plan", "42")

	s.runs(t, onGitHub(), "plan", stacktest.Name)
	s.OK(t, "refresh", "--yes")
	refuses(" is stale", onGitHub(), stacktest.Name, "plan", "42")

	out, code := s.script(t, onGitHub(), "apply", stacktest.Name, "nowhere", "42")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "no plan in nowhere")
}

// Outside GitHub a plan is bound to the commit, too, and is made of committed files.
func TestPipelineRefusesUncommittedFiles(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		cmd.Dir = s.Dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	local := []string{"GITHUB_REPOSITORY=", "GITHUB_SHA=", "GITHUB_RUN_ID=", "GITHUB_WORKFLOW_REF="}
	git("init", "-q")
	git("add", "Pulumi.yaml", "Pulumi."+stacktest.Name+".yaml")
	git("commit", "-q", "-m", "x")
	s.Set(t, map[string]string{"logRetentionDays": "30"})
	s.runs(t, local, "plan", stacktest.Name)
	out, code := s.script(t, local, "apply", stacktest.Name, "plan")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "files here differ from the commit")
	assert.Empty(t, s.Changes())

	git("commit", "-q", "-a", "-m", "x")
	s.runs(t, local, "plan", stacktest.Name)
	s.runs(t, local, "apply", stacktest.Name, "plan")
	s.OK(t, "preview", "--expect-no-changes")
}

// What the plan doesn't hold doesn't happen, wherever it comes from.
func TestPipelineRefusesMoreThanThePlan(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.AWS.ResetCalls()
	s.Set(t, map[string]string{"logRetentionDays": "30"})
	s.runs(t, onGitHub(), "plan", stacktest.Name)
	s.Set(t, map[string]string{"consumerGroupNames": `["team-quant","team-late"]`})
	out, code := s.script(t, onGitHub(), "apply", stacktest.Name, "plan", "42")
	assert.NotZero(t, code)
	assert.Contains(t, out, "violates plan")
	assert.Empty(t, s.Changes(), "not even what is planned")
}

func TestPreviewSummaries(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	summary := func(wantCode int, flags ...string) string {
		t.Helper()
		out, code := s.script(t, nil, "preview", append([]string{stacktest.Name, "preview"}, flags...)...)
		require.Equal(t, wantCode == 0, code == 0, out)
		return s.read(t, "preview", "summary.md")
	}
	created := summary(0)
	assert.Contains(t, created, "### Preview of `test`\n")
	assert.Contains(t, created, "| **create** | `collector` | `iam/role` |  |")
	assert.NotContains(t, created, "`pulumi:pulumi` |  |\n| **create** | `test", "the stack itself is no resource")
	assert.NotContains(t, created, "CAUTION")
	s.Up(t)
	assert.Contains(t, summary(0), "No changes.")

	s.Set(t, map[string]string{"consumerGroupNames": `["team-quant"]`})
	updated := summary(0)
	assert.Contains(t, updated, "| **update** | `consumer` | `iam/policy` | `policy` |")
	assert.NotContains(t, updated, "**create**")
	assert.NotContains(t, updated, "CAUTION")

	s.Set(t, map[string]string{"clusterName": "renamed"})
	protected := summary(1)
	assert.Contains(t, protected, "**Pulumi stopped:**")
	assert.Contains(t, protected, "marked for protection")
	s.Set(t, map[string]string{"clusterName": "crypto-stream", "protect": "false"})
	assert.Contains(t, summary(0), "PROTECTION OFF: nothing would keep Pulumi from deleting or replacing `broker-logs`, `brokers`, `cluster` any more.")

	s.Up(t)
	s.Set(t, map[string]string{"clusterName": "renamed"})
	replaced := summary(0)
	assert.Contains(t, replaced, "> [!CAUTION]\n> **DATA LOSS: this would replace the cluster.")
	assert.Contains(t, replaced, "| **replace** | `cluster` | `msk/serverlessCluster` | `clusterName` `crypto-stream` → `renamed`")
	assert.Contains(t, replaced, "`role` `crypto-stream-ap-south-1-collector` → `renamed-ap-south-1-collector`")
	assert.Contains(t, replaced, "`policyArn` `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-producer` → known later")
	assert.NotContains(t, replaced, "`dashboardBody` `", "what is long goes unquoted")
	assert.Equal(t, 1, strings.Count(replaced, "`msk/serverlessCluster`"), "one line tells a replacement")

	s.Set(t, map[string]string{"clusterName": "crypto-stream", "subnetIds": "[]"})
	invalid := summary(1)
	assert.Contains(t, invalid, "the configuration has errors")
	assert.Contains(t, invalid, "subnetIds")
	s.Set(t, map[string]string{"clusterName": configtest.Unset})
	assert.Contains(t, summary(1), "clusterName", "what the CLI itself refuses, too")
}

// No configuration deletes the cluster and keeps the stack, so this report is written by hand. It has a replacement without
// a reason of its own, too.
func TestPreviewSummaryOfDeletion(t *testing.T) {
	t.Parallel()
	report := `{"steps": [{"op": "delete", "urn": "urn:pulumi:s::p::aws:msk/serverlessCluster:ServerlessCluster::cluster", "oldState": {"protect": true}},
		{"op": "replace", "urn": "urn:pulumi:s::p::aws:iam/policy:Policy::producer", "oldState": {"inputs": {}}, "newState": {"inputs": {}}}]}`
	cmd := exec.CommandContext(t.Context(), "gojq", "-r", "--arg", "stack", "s", "--arg", "title", "Preview", "--arg", "commit", "",
		"--argjson", "code", "0", "--arg", "errors", "", "-f", "scripts/summary.jq")
	cmd.Stdin = strings.NewReader(report)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "**DATA LOSS: this would delete the cluster.")
	assert.Contains(t, string(out), "| **replace** | `producer` | `iam/policy` | follows another replacement |")
}

func TestDrift(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	drift := func(want int) string {
		t.Helper()
		out, code := s.script(t, nil, "drift", stacktest.Name)
		require.Equal(t, want, code, out)
		assert.Empty(t, s.Changes(), "a comparison changes nothing")
		assert.Contains(t, s.read(t, "drift", "code"), string(rune('0'+want%10)))
		return out + s.read(t, "drift", "summary.md")
	}
	assert.NotContains(t, drift(10), "DATA LOSS", "what was never deployed isn't lost")
	s.Up(t)
	s.AWS.ResetCalls()
	assert.Contains(t, drift(0), "No changes.")

	intact := s.AWS.Snapshot()
	s.AWS.Edit(func(a *aws.State) {
		for _, g := range a.SecurityGroups {
			if g.Name == "crypto-stream-brokers" {
				g.Rules = append(g.Rules, &aws.Rule{ID: "sgr-0123456789abcdef0", Protocol: "tcp", From: 9098, To: 9098, CIDR: "0.0.0.0/0"})
			}
		}
	})
	opened := drift(10)
	assert.Contains(t, opened, "### Drift of `test`")
	assert.Contains(t, opened, "| **update** | `brokers` | `ec2/securityGroup` | `ingress` |")
	assert.NotContains(t, opened, "DATA LOSS")

	s.AWS.Edit(func(a *aws.State) {
		*a = *intact
		clear(a.Clusters)
	})
	gone := drift(11)
	assert.Contains(t, gone, "DATA LOSS: the cluster of stack test is gone.")
	assert.Contains(t, gone, "| **create** | `cluster` |")

	s.AWS.Fail(aws.Fault{Kind: aws.Read, Error: aws.Denied})
	assert.Contains(t, drift(1), "AccessDenied")
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.AWS.ResetCalls()
	out, code := s.script(t, nil, "destroy", stacktest.Name, "yes")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "not confirmed")
	assert.Empty(t, s.Changes())
	assert.Contains(t, s.Fails(t, "destroy", "--yes"), "protected", "and the protection is still there")

	s.AWS.Fail(aws.Fault{Kind: aws.Delete, Type: "aws:msk/serverlessCluster:ServerlessCluster", Error: aws.Unavailable})
	out, code = s.script(t, nil, "destroy", stacktest.Name, stacktest.Name)
	require.NotZero(t, code, out)
	assert.Contains(t, out, "unprotecting urn:pulumi:test::msk-serverless::aws:msk/serverlessCluster:ServerlessCluster::cluster")
	assert.NotEmpty(t, s.AWS.Snapshot().Clusters)

	s.AWS.Heal()
	assert.Contains(t, s.runs(t, nil, "destroy", stacktest.Name, stacktest.Name), "stack test is empty")
	assert.Empty(t, s.AWS.Changed(), "AWS is as it was at the start")
	s.runs(t, nil, "destroy", stacktest.Name, stacktest.Name)
}

// bin makes commands that stand in for those of a runner, each a shell script, and returns the PATH that finds them.
func (s *stack) bin(t *testing.T, commands map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range commands {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/usr/bin/env bash\nset -euo pipefail\n"+body+"\n"), 0o755))
	}
	return "PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH")
}

func TestInit(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	identity := func(arn string) string {
		account := strings.Split(arn, ":")[4]
		return s.bin(t, map[string]string{"aws": `[[ $* == "sts get-caller-identity --output json" ]]; echo '{"Account": "` + account + `", "Arn": "` + arn + `"}'`})
	}
	deploy := identity("arn:aws:sts::123456789012:assumed-role/MSK-Builder/run-42")

	out := s.runs(t, []string{deploy}, "init", stacktest.Name)
	assert.Equal(t, 4, strings.Count(out, "ok  "), out)
	assert.Contains(t, s.read(t, "Pulumi."+stacktest.Name+".yaml"), stacktest.Salt)
	assert.NotContains(t, s.read(t, "Pulumi."+stacktest.Name+".yaml"), "probe", "nothing is left behind")

	for _, c := range []struct {
		name     string
		settings map[string]string
		env      []string
		want     []string
	}{
		{"no backend", nil, []string{deploy, "PULUMI_BACKEND_URL=file:///nowhere"}, []string{"FAILED  state backend", "check PULUMI_BACKEND_URL (file:///nowhere)", "FAILED  stack test"}},
		{"no stack", nil, []string{deploy, "PULUMI_BACKEND_URL=file://" + t.TempDir()}, []string{"ok      state backend", "FAILED  stack test", "pulumi stack init test --secrets-provider="}},
		{"wrong key", nil, []string{deploy, "PULUMI_CONFIG_PASSPHRASE=wrong"}, []string{"FAILED  secrets provider", "incorrect passphrase"}},
		{"no credentials", nil, []string{s.bin(t, map[string]string{"aws": "echo Unable to locate credentials >&2; exit 253"})}, []string{"FAILED  credentials", "Unable to locate credentials"}},
		{"foreign account", map[string]string{"allowedAccountIds": `["210987654321"]`}, []string{deploy}, []string{"FAILED  credentials", "the account would be 123456789012, and allowedAccountIds has 210987654321"}},
		{"foreign account of the role", map[string]string{"allowedAccountIds": `["123456789012"]`, "assumeRoleArn": "arn:aws:iam::210987654321:role/MSK-Builder"}, []string{deploy}, []string{"the account would be 210987654321"}},
		{"role assumed twice", map[string]string{"assumeRoleArn": "arn:aws:iam::123456789012:role/ci/MSK-Builder"}, []string{deploy}, []string{"already those of arn:aws:iam::123456789012:role/ci/MSK-Builder", "remove assumeRoleArn"}},
	} {
		s.Set(t, map[string]string{"allowedAccountIds": configtest.Unset, "assumeRoleArn": configtest.Unset})
		s.Set(t, c.settings)
		out, code := s.script(t, c.env, "init", stacktest.Name)
		assert.Equal(t, 1, code, c.name)
		for _, want := range c.want {
			assert.Contains(t, out, want, c.name)
		}
	}

	for name, role := range map[string]string{
		"another account's": "arn:aws:iam::210987654321:role/MSK-Builder", "a longer name": "arn:aws:iam::123456789012:role/MSK-Builder2",
		"a name like a pattern": "arn:aws:iam::123456789012:role/MSK.Builder",
	} {
		s.Set(t, map[string]string{"assumeRoleArn": role, "allowedAccountIds": configtest.Unset})
		out, code := s.script(t, []string{deploy}, "init", stacktest.Name)
		assert.Zero(t, code, "%s role is another role\n%s", name, out)
	}
}

func TestStackConfig(t *testing.T) {
	t.Parallel()
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	committed := "# Committed.\nencryptionsalt: v1:x\nconfig:\n  msk-serverless:clusterName: crypto-stream\n  msk-serverless:subnetIds: [subnet-1, subnet-2]\n" +
		"  msk-serverless:tags:\n    Env: prod\n"
	file := filepath.Join(s.Dir, "Pulumi.test.yaml")
	require.NoError(t, os.WriteFile(file, []byte(committed), 0o644))

	assert.Contains(t, s.runs(t, []string{"STACK_CONFIG="}, "stack-config", "test"), "serves as committed")
	assert.Equal(t, committed, s.read(t, "Pulumi.test.yaml"))

	for _, secret := range []string{"config: [hidden", "hidden", "config: hidden", "other: hidden"} {
		out, code := s.script(t, []string{"STACK_CONFIG=" + secret}, "stack-config", "test")
		assert.Equal(t, 1, code, secret)
		assert.NotContains(t, out, "hidden")
		assert.Equal(t, committed, s.read(t, "Pulumi.test.yaml"))
	}

	secret := "config:\n  msk-serverless:subnetIds: [subnet-3]\n  msk-serverless:allowedAccountIds: [\"012345678901\"]\n  msk-serverless:tags:\n    Owner: hidden\n  msk-serverless:protect: true\n"
	out := s.runs(t, []string{"STACK_CONFIG=" + secret}, "stack-config", "test")
	assert.Contains(t, out, "msk-serverless:allowedAccountIds")
	assert.NotContains(t, out, "hidden")
	assert.NotContains(t, out, "0123")
	var merged map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(s.read(t, "Pulumi.test.yaml")), &merged))
	assert.Equal(t, map[string]any{"encryptionsalt": "v1:x", "config": map[string]any{
		"msk-serverless:clusterName": "crypto-stream", "msk-serverless:subnetIds": []any{"subnet-3"},
		"msk-serverless:allowedAccountIds": []any{"012345678901"}, "msk-serverless:protect": true,
		"msk-serverless:tags": map[string]any{"Env": "prod", "Owner": "hidden"},
	}}, merged)
}

// gh stands in for GitHub's CLI: it keeps what it is asked in gh.log, one request a line with its input, and answers a GET
// with the file answer.json.
const gh = `input=; [[ $* != *--input* ]] || input=$(gojq -c .)
echo "$*${input:+ $input}" >>gh.log
[[ $* != *--method* || -z ${GH_REFUSES:-} ]] || { echo "gh: $GH_REFUSES" >&2; exit 1; }
[[ $* == *--method* || $1 != api ]] || cat answer.json`

// asks runs a script with gh at hand, whose answer is the JSON, and returns the requests it makes.
func (s *stack) asks(t *testing.T, answer string, env []string, name string, args ...string) (requests []string, out string, code int) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "answer.json"), []byte(answer), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "gh.log"), nil, 0o644))
	out, code = s.script(t, append(onGitHub(s.bin(t, map[string]string{"gh": gh})), env...), name, args...)
	return strings.Split(strings.TrimSpace(s.read(t, "gh.log")), "\n"), out, code
}

func TestComment(t *testing.T) {
	t.Parallel()
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	for _, stack := range []string{"dev", "prod"} {
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir, stack+".md"), []byte("### Preview of `"+stack+"`\n"), 0o644))
	}
	const text = "<!-- previews -->\\n### Preview of `dev`\\n### Preview of `prod`"
	requests, out, code := s.asks(t, `[{"id": 1, "user": {"login": "mallory"}, "body": "<!-- previews -->"}]`, nil, "comment", "7", "dev.md", "prod.md")
	require.Zero(t, code, out)
	require.Len(t, requests, 2)
	assert.Contains(t, requests[1], "--method POST repos/acme/streams/issues/7/comments")
	assert.Contains(t, requests[1], text)

	requests, _, _ = s.asks(t, `[{"id": 1, "user": {"login": "github-actions[bot]"}, "body": "hello"}][{"id": 2, "user": {"login": "github-iampolicy.Actions[bot]"}, "body": "<!-- previews -->\nold"}]`,
		nil, "comment", "7", "dev.md", "prod.md")
	require.Len(t, requests, 2)
	assert.Contains(t, requests[1], "--method PATCH repos/acme/streams/issues/comments/2")
	assert.Contains(t, requests[1], text)

	page := filepath.Join(s.Dir, "page.md")
	_, out, code = s.asks(t, `[]`, []string{"GH_REFUSES=Resource not accessible by integration (HTTP 403)", "GITHUB_STEP_SUMMARY=" + page}, "comment", "7", "dev.md")
	assert.Zero(t, code, "a fork's pull request is none the worse for it")
	assert.Contains(t, out, "the token may not comment")
	assert.Contains(t, s.read(t, "page.md"), "### Preview of `dev`")
	_, out, code = s.asks(t, `[]`, []string{"GH_REFUSES=Server Error (HTTP 502)"}, "comment", "7", "dev.md")
	assert.Equal(t, 1, code, out)

	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "long.md"), []byte(strings.Repeat("x", 100_000)), 0o644))
	requests, _, _ = s.asks(t, `[]`, nil, "comment", "7", "long.md")
	assert.Less(t, len(requests[1]), 65_536, "GitHub takes no more")
	assert.Contains(t, requests[1], "The rest is in the run's artifacts.")
}

func TestIssue(t *testing.T) {
	t.Parallel()
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	found := func(code string) {
		require.NoError(t, os.MkdirAll(filepath.Join(s.Dir, "drift"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "drift", "code"), []byte(code+"\n"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "drift", "summary.md"), []byte("what drifted\n"), 0o644))
	}
	const open = `[{"number": 4, "body": "see <!-- drift of prod -->"}, {"number": 5, "body": "<!-- drift of dev -->"}, {"number": 6, "body": "<!-- drift of prod -->", "pull_request": {}}, {"number": 7, "body": "<!-- drift of prod -->\n…"}, {"number": 8, "body": null}]`
	for _, c := range []struct {
		code, issues string
		want         []string
	}{
		{"0", `[]`, nil},
		{"0", open, []string{"--method POST repos/acme/streams/issues/7/comments", "--method PATCH repos/acme/streams/issues/7 -f state=closed"}},
		{"10", `[]`, []string{"--method POST repos/acme/streams/issues --input - {\"body\":\"<!-- drift of prod -->\\nwhat drifted"}},
		{"10", open, []string{"--method PATCH repos/acme/streams/issues/7 --input - {\"body\":\"<!-- drift of prod -->\\nwhat drifted"}},
		{"11", open, []string{"\"title\":\"DATA LOSS: the cluster of stack prod is gone\""}},
	} {
		found(c.code)
		requests, out, code := s.asks(t, c.issues, nil, "issue", "prod", "drift")
		require.Zero(t, code, out)
		require.Len(t, requests, 1+len(c.want), "%v", requests)
		for i, want := range c.want {
			assert.Contains(t, requests[1+i], want)
		}
	}
	found("1")
	requests, _, code := s.asks(t, open, nil, "issue", "prod", "drift")
	assert.Zero(t, code)
	assert.Equal(t, []string{""}, requests, "a comparison that failed says nothing about drift")
}

func TestFetchPlan(t *testing.T) {
	t.Parallel()
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	run := func(changes map[string]any) string {
		r := map[string]any{
			"repository": map[string]any{"full_name": "acme/streams"}, "head_repository": map[string]any{"full_name": "acme/streams"},
			"path": ".github/workflows/plan.yml", "head_branch": "main", "head_sha": strings.Repeat("a1", 20), "conclusion": "success", "event": "push",
		}
		for k, v := range changes {
			r[k] = v
		}
		doc, err := json.Marshal(r)
		require.NoError(t, err)
		return string(doc)
	}
	requests, out, code := s.asks(t, run(nil), nil, "fetch-plan", "prod", "42", "plan")
	require.Zero(t, code, out)
	assert.Equal(t, []string{"api repos/acme/streams/actions/runs/42", "run download 42 --repo acme/streams --name plan-prod --dir plan"}, requests)

	for why, c := range map[string]map[string]any{
		"its repository is mallory/streams, not acme/streams":        {"repository": map[string]any{"full_name": "mallory/streams"}},
		"its source repository is mallory/streams, not acme/streams": {"head_repository": map[string]any{"full_name": "mallory/streams"}},
		"its workflow is .github/workflows/test.yml":                 {"path": ".github/workflows/test.yml@refs/heads/main"},
		"its branch is feature, not main":                            {"head_branch": "feature"},
		"its commit is b2":                                           {"head_sha": strings.Repeat("b2", 20)},
		"its conclusion is failure, not success":                     {"conclusion": "failure"},
		"its conclusion is null, not success":                        {"conclusion": nil},
		"it was triggered by pull_request":                           {"event": "pull_request"},
	} {
		requests, out, code := s.asks(t, run(c), nil, "fetch-plan", "prod", "42", "plan")
		assert.Equal(t, 1, code)
		assert.Contains(t, out, why)
		assert.Len(t, requests, 1, "nothing is downloaded")
	}
	_, out, code = s.asks(t, run(nil), nil, "fetch-plan", "prod", "42/../43", "plan")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "is not the number of a run")
}

func TestScriptsExplainThemselves(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("scripts/*")
	require.NoError(t, err)
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	for _, path := range scripts {
		name := filepath.Base(path)
		if strings.Contains(name, ".") {
			continue // what scripts read
		}
		assert.Regexp(t, `^usage: .*scripts/`+name+`\b`, s.runs(t, nil, name, "--help"), "its first line is its use")
		doc, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Contains(t, string(doc), "set -euo pipefail", name)
		if strings.Contains(string(doc), `on_stack "$1"`) {
			out, code := s.script(t, nil, name, "nowhere", "--role", "collector")
			assert.NotZero(t, code, name)
			assert.NotContains(t, out, "unbound", name)
		}
	}
}
