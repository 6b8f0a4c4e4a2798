package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

// mskctl runs mskctl as a workflow does, in the stack's folder, with env ("A=b") added to its environment. It returns
// all that it prints, and its exit code.
func (s *stack) mskctl(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	stdout, stderr, code := s.Mskctl(t, env, args...)
	return stdout + stderr, code
}

// runs runs mskctl, which must succeed.
func (s *stack) runs(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, code := s.mskctl(t, env, args...)
	require.Zero(t, code, "mskctl %s\n%s", strings.Join(args, " "), out)
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

// plans makes a plan and returns its digest.
func (s *stack) plans(t *testing.T, env []string, flags ...string) string {
	t.Helper()
	out := s.runs(t, env, append([]string{"plan", stacktest.Name}, flags...)...)
	digest := regexp.MustCompile(`(?m)^digest=([0-9a-f]{64})$`).FindStringSubmatch(out)
	require.NotNil(t, digest, out)
	return digest[1]
}

func TestPipelineAppliesThePlan(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	digest := s.plans(t, onGitHub())
	assert.Empty(t, s.Changes(), "planning changes nothing")
	summary := s.read(t, "plan", "summary.md")
	assert.Contains(t, summary, "### Plan of `test` at `a1a1a1a1a1a1`")
	assert.Contains(t, summary, "| **create** | `cluster` | `msk/serverlessCluster` |")
	assert.NotContains(t, summary, "CAUTION", "nothing is lost by a first deployment")

	out := s.runs(t, onGitHub(), "apply", stacktest.Name, "plan", "42", "--digest", digest, "--check")
	assert.Regexp(t, "plan "+digest+` of stack test would be applied: \d+ create\n`, out)
	assert.Empty(t, s.Changes(), "checking changes nothing")
	s.runs(t, onGitHub(), "apply", stacktest.Name, "plan", "42", "--digest", digest)
	s.OK(t, "preview", "--expect-no-changes")
	assert.Contains(t, s.runs(t, nil, "report", stacktest.Name), "| `region` | `ap-south-1` |")

	s.Set(t, map[string]string{"logRetentionDays": "30"})
	digest = s.plans(t, onGitHub())
	assert.Contains(t, s.read(t, "plan", "summary.md"),
		"| **update** | `broker-logs` | `cloudwatch/logGroup` | `retentionInDays` `14` → `30` |")
	s.AWS.ResetCalls()
	s.runs(t, onGitHub(), "apply", stacktest.Name, "plan", "42", "--digest", digest)
	assert.Equal(t, []string{"update aws:cloudwatch/logGroup:LogGroup broker-logs"}, s.Changes(), "that, and no more")

	out, code := s.mskctl(t, onGitHub(), "apply", stacktest.Name, "plan", "42", "--digest", digest)
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "the plan is stale", "a plan is applied once")
	assert.Contains(t, out, "make a new plan: gh workflow run plan.yml --ref main -f stack=test")
}

func TestPipelineRefusesForeignAndStalePlans(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	digest := s.plans(t, onGitHub())
	refuses := func(why string, env []string, args ...string) {
		t.Helper()
		out, code := s.mskctl(t, env, append([]string{"apply", "--digest", digest}, args...)...)
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, "refused: the plan"+why)
		assert.Empty(t, s.Changes())
	}
	out, code := s.mskctl(t, onGitHub(), "apply", stacktest.Name, "plan", "42")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "refused: no --digest")
	summary := filepath.Join(s.Dir, "plan", "summary.md")
	require.NoError(t, os.WriteFile(summary, []byte("Nothing to see.\n"), 0o644))
	refuses("'s digest is ", onGitHub(), stacktest.Name, "plan", "42")
	digest = s.plans(t, onGitHub())
	refuses(`'s repository is "acme/streams"`, onGitHub("GITHUB_REPOSITORY=mallory/streams"), stacktest.Name, "plan",
		"42")
	refuses("'s commit is", onGitHub("GITHUB_SHA="+strings.Repeat("b2", 20)), stacktest.Name, "plan", "42")
	refuses(`'s run is "42"`, onGitHub(), stacktest.Name, "plan", "43")

	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi.other.yaml"), []byte("config: {}\n"), 0o644))
	initOther := exec.CommandContext(t.Context(), "pulumi", "stack", "init", "other", "--non-interactive")
	initOther.Dir, initOther.Env = s.Dir, s.Env
	require.NoError(t, initOther.Run())
	refuses(`'s stack is "test"`, onGitHub(), "other", "plan", "42")

	digest = s.plans(t, onGitHub("GITHUB_WORKFLOW_REF=acme/streams/.github/workflows/test.yml@refs/pull/7/merge"))
	refuses(`'s workflow is ".github/workflows/test.yml"`, onGitHub(), stacktest.Name, "plan", "42")

	digest = s.plans(t, repairing)
	refuses(`'s workflow is ".github/workflows/repair.yml"`, onGitHub("GITHUB_RUN_ID=43"), stacktest.Name, "plan", "42")

	digest = s.plans(t, onGitHub())
	s.OK(t, "refresh", "--yes")
	refuses(" is stale", onGitHub(), stacktest.Name, "plan", "42")

	out, code = s.mskctl(t, onGitHub(), "apply", stacktest.Name, "nowhere", "42")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "no plan in nowhere")
}

// Outside GitHub a plan is bound to the commit, too, and is made of committed files.
func TestPipelineRefusesUncommittedFiles(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(
			t.Context(),
			"git",
			append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		cmd.Dir = s.Dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	local := []string{"GITHUB_REPOSITORY=", "GITHUB_SHA=", "GITHUB_RUN_ID=", "GITHUB_WORKFLOW_REF="}
	ignored := "home\nplan\nprogram\nstate\n"
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, ".gitignore"), []byte(ignored), 0o644))
	git("init", "-q")
	git("add", "--all")
	git("commit", "-q", "-m", "x")
	s.Set(t, map[string]string{"logRetentionDays": "30"})
	s.runs(t, local, "plan", stacktest.Name)
	out, code := s.mskctl(t, local, "apply", stacktest.Name, "plan")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "files here differ from the commit")
	assert.Empty(t, s.Changes())

	git("commit", "-q", "-a", "-m", "x")
	s.runs(t, local, "plan", stacktest.Name)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "untracked.go"), nil, 0o644))
	out, code = s.mskctl(t, local, "apply", stacktest.Name, "plan")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "or are not in it", "an untracked file would be compiled, too")
	require.NoError(t, os.Remove(filepath.Join(s.Dir, "untracked.go")))

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
	digest := s.plans(t, onGitHub())
	s.Set(t, map[string]string{"consumerGroupNames": `["team-quant","team-late"]`})
	out, code := s.mskctl(t, onGitHub(), "apply", stacktest.Name, "plan", "42", "--digest", digest)
	assert.NotZero(t, code)
	assert.Contains(t, out, "violates plan")
	assert.Empty(t, s.Changes(), "not even what is planned")
}

// repairing is the environment of a run of the workflow "repair".
var repairing = onGitHub("GITHUB_WORKFLOW_REF=acme/streams/.github/workflows/repair.yml@refs/heads/main")

// The workflow "repair" applies the plan that it made, which also undoes what was changed by hand.
func TestPipelineRepairs(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.AWS.ResetCalls()
	s.AWS.Edit(func(a *aws.State) {
		for _, g := range a.SecurityGroups {
			if strings.HasPrefix(g.Name, "crypto-stream-brokers-") {
				g.Rules = append(g.Rules,
					&aws.Rule{ID: "sgr-0123456789abcdef0", Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"})
			}
		}
	})
	out := s.runs(t, repairing, "plan", stacktest.Name)
	assert.Contains(t, out, "headline=no changes\n", "the state knows nothing of it")
	digest := s.plans(t, repairing, "--refresh")
	assert.Contains(t, s.read(t, "plan", "summary.md"), "| **update** | `brokers` | `ec2/securityGroup` | `ingress` |")
	assert.Empty(t, s.Changes())
	s.runs(t, repairing, "apply", stacktest.Name, "plan", "42", "--digest", digest)
	assert.Equal(t, []string{"update aws:ec2/securityGroup:SecurityGroup brokers"}, s.Changes(), "that, and no more")

	s.AWS.Edit(func(a *aws.State) { clear(a.Clusters) })
	digest = s.plans(t, repairing, "--refresh")
	assert.Contains(t, s.read(t, "plan", "metadata.json"),
		`"headline": "DATA LOSS, unless the first deployment broke off; 1 create`)
	s.runs(t, repairing, "apply", stacktest.Name, "plan", "42", "--digest", digest)
	assert.NotEmpty(t, s.AWS.Snapshot().Clusters, "a lost cluster is made anew")
	s.OK(t, "preview", "--refresh", "--expect-no-changes")

	s.AWS.ResetCalls()
	assert.Contains(t, s.runs(t, nil, "cancel", stacktest.Name), "stack test is not locked")
	assert.Empty(t, s.Changes())
}

// A state can name an address to download a plugin from. Nothing is downloaded, and so nothing of it is run.
func TestStatesBringNoPlugins(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	digest := s.plans(t, onGitHub())
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.OK(t, "stack", "export")), &doc))
	deployment := doc["deployment"].(map[string]any)
	const urn, id = "urn:pulumi:test::msk-serverless::", "7d2a4b8e-0000-4000-8000-000000000000"
	inputs := map[string]any{
		"version": "1.0.0", "pluginDownloadURL": server.URL, "__internal": map[string]any{"pluginDownloadURL": server.URL},
	}
	deployment["resources"] = append(deployment["resources"].([]any),
		map[string]any{
			"urn": urn + "pulumi:providers:foreign::p", "type": "pulumi:providers:foreign", "custom": true, "id": id,
			"inputs": inputs, "outputs": inputs,
		},
		map[string]any{
			"urn": urn + "foreign:index:Thing::thing", "type": "foreign:index:Thing", "custom": true, "id": "x",
			"provider": urn + "pulumi:providers:foreign::p::" + id,
		})
	edited, err := json.Marshal(doc)
	require.NoError(t, err)
	file := filepath.Join(s.Dir, "edited.json")
	require.NoError(t, os.WriteFile(file, edited, 0o644))
	s.OK(t, "stack", "import", "--file="+file)
	s.AWS.ResetCalls()

	// As on a machine where nobody has switched the download off.
	const unset = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="
	for _, args := range [][]string{
		{"preview", stacktest.Name},
		{"plan", stacktest.Name},
		{"plan", stacktest.Name, "--refresh"},
		{"apply", stacktest.Name, "plan", "42", "--digest", digest},
		{"drift", stacktest.Name},
		{"destroy", stacktest.Name, stacktest.Name},
	} {
		out, code := s.mskctl(t, onGitHub(unset), args...)
		assert.NotZero(t, code, "%s\n%s", args, out)
	}
	assert.Zero(t, requests.Load(), "nothing was asked for")
	assert.Empty(t, s.Changes())

	cmd := s.Command(t, "preview")
	cmd.Env = append(cmd.Env, unset)
	_ = cmd.Run()
	assert.NotZero(t, requests.Load(), "Pulumi alone would have downloaded it")
}

func TestPreviewSummaries(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	summary := func(wantCode int) string {
		t.Helper()
		out, code := s.mskctl(t, nil, "preview", stacktest.Name)
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
	assert.Contains(t, protected, "**Stopped, and nothing was changed:**")
	assert.NotContains(t, protected, "error occurred")
	assert.Contains(t, protected, "broker-logs (cloudwatch/logGroup) is protected, and this would replace it.\n"+
		"cluster (msk/serverlessCluster) is protected, and this would replace it.\n"+
		"Take the change back; or, if the data may go, set protect to false, deploy that, "+
		"and deploy this change afterwards.\n```",
		"protection is named last")
	s.Set(t, map[string]string{"clusterName": "crypto-stream", "protect": "false"})
	assert.Contains(
		t,
		summary(0),
		"PROTECTION OFF: nothing would keep Pulumi from deleting or replacing `broker-logs`, `brokers`, `cluster` any more.",
	)

	s.Up(t)
	s.Set(t, map[string]string{"clusterName": "renamed"})
	replaced := summary(0)
	assert.Contains(t, replaced, "> [!CAUTION]\n> **DATA LOSS: this would replace the cluster.")
	assert.Contains(t, replaced,
		"| **replace** | `cluster` | `msk/serverlessCluster` | `clusterName` `crypto-stream` → `renamed`")
	assert.Contains(t, replaced, "`role` `crypto-stream-ap-south-1-collector` → `renamed-ap-south-1-collector`")
	assert.Contains(t, replaced,
		"| **replace** | `collector-producer` | `iam/rolePolicyAttachment` | follows another replacement |")
	assert.NotContains(t, replaced, "`dashboardBody` `", "what is long goes unquoted")
	assert.Equal(t, 1, strings.Count(replaced, "`msk/serverlessCluster`"), "one line tells a replacement")

	s.Set(t, map[string]string{"clusterName": "crypto-stream", "subnetIds": "[]"})
	invalid := summary(1)
	assert.Contains(t, invalid, "```text\nthe configuration has errors, and nothing was changed:\n  * subnetIds: []: ")
	assert.Contains(t, invalid, "subnetIds")
	s.Set(t, map[string]string{"clusterName": configtest.Unset, "subnetIds": "none"})
	assert.Contains(t, summary(1), "subnetIds", "what the CLI itself refuses, too")
}
