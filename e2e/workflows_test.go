package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/stacktest"
)

// deploying are the jobs that wait for approval.
var deploying = []string{"apply.yml apply", "destroy.yml destroy", "repair.yml repair"}

func TestWorkflowsPinActions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(t, err)
	composite, err := filepath.Glob(".github/actions/*/action.yml")
	require.NoError(t, err)
	used := regexp.MustCompile(`(?m)\buses:\s*(.*)$`)
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+$`)
	for _, file := range append(files, composite...) {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, use := range used.FindAllStringSubmatch(string(doc), -1) {
			if strings.HasPrefix(use[1], "./") {
				continue
			}
			assert.Regexp(t, pinned, use[1], "%s: an action is pinned by its commit, and says which version that is",
				file)
		}
	}
}

// No job may do more than it has to: the workflow itself grants nothing, and each job what it needs.
func TestWorkflowPermissions(t *testing.T) {
	t.Parallel()
	mayWrite := map[string][]string{
		"preview.yml comment": {"pull-requests"},
		"drift.yml issue":     {"issues"},
	}
	for file, w := range workflows(t) {
		assert.NotNil(t, w.Permissions, file)
		assert.Empty(t, w.Permissions, file)
		for name, j := range w.Jobs {
			id := file + " " + name
			require.NotNil(t, j.Permissions, id)
			deploys := slices.Contains(deploying, id)
			assert.Equal(t, deploys, j.deploys(), "%s: only these jobs get the deploy role", id)
			assert.Equal(t, j.inAWS() && !deploys, j.uses("AWS_PREVIEW_ROLE_ARN"), "%s: others get the role that only reads", id)
			switch {
			case deploys:
				assert.Equal(t, "${{ inputs.stack }}", j.Environment, "%s: in the environment that requires approval", id)
			case j.inAWS():
				assert.Regexp(t, `^\$\{\{ (inputs|matrix)\.stack \}\}-preview$`, j.Environment, id)
			default:
				assert.Empty(t, j.Environment, id)
			}
			var writes []string
			for scope, access := range j.Permissions {
				if access == "write" && scope != "id-token" {
					writes = append(writes, scope)
				}
			}
			assert.Equal(t, mayWrite[id], writes, id)
			assert.Equal(t, j.inAWS(), j.Permissions["id-token"] == "write", "%s: an OIDC token only for jobs in AWS", id)
			assert.True(t, j.Timeout > 0 || j.Uses != "", "%s: a job ends", id)
		}
	}
	assert.NotContains(t, workflows(t)["test.yml"].Jobs["test"].Permissions, "id-token")
}

// Every step's shell is one command of mskctl, make or the sandbox, and gets values by its environment only.
func TestWorkflowsRunSingleCommands(t *testing.T) {
	t.Parallel()
	single := regexp.MustCompile(`^(bin/mskctl|bin/sandbox|make)( [\w./-]+| "[\w ,.-]+"| "?\$[A-Z_]+"?)*$`)
	check := func(id string, steps []step) {
		for _, s := range steps {
			if s.Run != "" {
				assert.Regexp(t, single, s.Run, id)
			}
			if strings.HasPrefix(s.Uses, "actions/checkout@") {
				assert.Equal(t, "false", s.With["persist-credentials"], id)
			}
			assert.NotContains(t, s.With, "aws-access-key-id", "%s: no long-lived keys", id)
		}
	}
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			check(file+" "+name, j.Steps)
		}
		_, target := w.On["pull_request_target"]
		assert.False(t, target, "%s: it would hand secrets to forks", file)
	}
	for name, a := range actions(t) {
		check(name, a.Runs.Steps)
	}
}

// What waits for approval says what it would do, waits in no queue, and does exactly that.
func TestWorkflowsWaitForApproval(t *testing.T) {
	t.Parallel()
	all := workflows(t)
	for _, id := range deploying {
		file, name, _ := strings.Cut(id, " ")
		w := all[file]
		assert.Empty(t, w.Concurrency.Group, "%s: a run that waits would hold the group", file)
		assert.Contains(t, w.RunName, "${{ inputs.stack }}", file)
		for other, j := range w.Jobs {
			assert.Empty(t, j.Concurrency.Group, "%s %s", file, other)
		}
		j := w.Jobs[name]
		before := j.Needs.Value
		assert.Contains(t, j.Name, fmt.Sprintf("${{ needs.%s.outputs.headline }}", before),
			"%s: the reviewer sees what it would do", id)
		require.Contains(t, w.Jobs, before, id)
		assert.NotEmpty(t, w.Jobs[before].Outputs["headline"], id)
		assert.False(t, w.Jobs[before].deploys(), id)
		assert.Equal(t, 35, w.Jobs["build"].With["retention-days"],
			"%s: the programs outlive an approval, which takes up to 30 days", id)
		assert.Equal(t, "vars.PIPELINE == 'on' && github.ref == 'refs/heads/main'", w.Jobs["build"].If, id)
	}
	for file, jobs := range map[string][2]string{"apply.yml": {"plan", "apply"}, "repair.yml": {"look", "repair"}} {
		before, after := all[file].Jobs[jobs[0]], all[file].Jobs[jobs[1]]
		assert.Equal(t, "${{ steps.plan.outputs.digest }}", before.Outputs["digest"], file)
		fetched, applied := after.runs("bin/mskctl ci fetch-plan"), after.runs("bin/mskctl apply")
		require.NotEqual(t, -1, fetched, "%s: main's tip is looked up after the approval", file)
		require.Greater(t, applied, fetched, file)
		assert.Contains(t, after.Steps[applied].Run, `--digest "$DIGEST"`, file)
		assert.Equal(t, fmt.Sprintf("${{ needs.%s.outputs.digest }}", jobs[0]), after.Steps[applied].Env["DIGEST"],
			"%s: the digest from before the approval", file)
	}
	plan := all["plan.yml"].Jobs["plan"]
	upload := plan.Steps[len(plan.Steps)-1]
	assert.Equal(t, "90", upload.With["retention-days"], "a plan outlives an approval")
	assert.Empty(t, upload.If, "a plan that failed is not kept")
}

// Builds for jobs with the deploy role don't start from files that tests or pull requests could have written.
func TestWorkflowsShareNoCacheWithDeployments(t *testing.T) {
	t.Parallel()
	build := workflows(t)["build.yml"]
	setup := build.Jobs["build"].Steps[1]
	assert.Equal(t, "${{ inputs.cache }}", setup.With["cache"])
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			if j.Uses == "./.github/workflows/build.yml" {
				assert.Equal(t, file == "preview.yml", j.With["cache"] == true, "%s %s", file, name)
			}
			for _, s := range j.Steps {
				assert.NotContains(t, s.Uses, "actions/cache", "%s %s", file, name)
				if strings.HasPrefix(s.Uses, "actions/setup-go") {
					assert.Contains(t, []string{"build.yml", "test.yml"}, file, name)
				}
			}
		}
	}
}

// The code of pull requests runs with short credentials, and only if it comes from this repository.
func TestWorkflowsDistrustPullRequests(t *testing.T) {
	t.Parallel()
	w := workflows(t)["preview.yml"]
	j := w.Jobs["preview"]
	for _, condition := range []string{
		"vars.PIPELINE == 'on'", "github.event.pull_request.head.repo.full_name == github.repository",
		"github.event.pull_request.user.login != 'dependabot[bot]'",
	} {
		assert.Contains(t, j.If, condition)
		opposite := strings.Replace(strings.Replace(condition, "==", "≠", 1), "!=", "==", 1)
		assert.Contains(t, w.Jobs["preview-sandbox"].If, strings.Replace(opposite, "≠", "!=", 1))
	}
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				if s.Uses != "./.github/actions/stack" {
					continue
				}
				want := ""
				switch {
				case file == "preview.yml":
					want = "900"
				case j.deploys():
					want = "10800"
				}
				assert.Equal(t, want, s.With["duration"], "%s %s", file, name)
			}
		}
	}
	doc, err := os.ReadFile(".github/actions/stack/action.yml")
	require.NoError(t, err)
	assert.Contains(t, string(doc), `default: "3600"`)
	assert.Contains(t, workflows(t)["test.yml"].On, "merge_group")
}

// Jobs with a role install Pulumi and its provider by checksum, check their variables first, and look up GitHub's
// rules.
func TestWorkflowsInstallByChecksum(t *testing.T) {
	t.Parallel()
	var order []string
	for _, s := range actions(t)["stack"].Runs.Steps {
		order = append(order, s.Uses+s.Run)
		if strings.HasPrefix(s.Run, "bin/mskctl init") {
			assert.Equal(t, "${{ github.token }}", s.Env["GH_TOKEN"])
		}
	}
	want := []string{
		"./.github/actions/programs",
		"ci stack-config",
		"ci variables",
		"ci install",
		"aws-actions/configure",
		"init",
	}
	require.Len(t, order, len(want))
	for i := range want {
		assert.Contains(t, order[i], want[i])
	}
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			if !j.inAWS() {
				continue
			}
			id := file + " " + name
			assert.Equal(t, "${{ vars.PULUMI_BACKEND_URL }}", j.Env["PULUMI_BACKEND_URL"],
				"%s: each environment has its own bucket", id)
			assert.Equal(t, "read", j.Permissions["actions"], "%s: to read the environment's rules", id)
			assert.False(t,
				slices.ContainsFunc(j.Steps, func(s step) bool { return strings.HasPrefix(s.Uses, "pulumi/actions") }),
				id)
		}
	}
}

// The stacks that have a file are the only list of stacks, so a new one needs no change of a workflow.
func TestWorkflowsNameNoStack(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(".github/*/*.yml")
	require.NoError(t, err)
	named := regexp.MustCompile(`\b(dev|prod)\b`)
	matrices := 0
	for _, file := range files {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.NotRegexp(t, named, string(doc), file)
	}
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			if stacks, ok := j.Strategy.Matrix["stack"]; ok {
				matrices++
				assert.Equal(t, "${{ fromJSON(needs.build.outputs.stacks) }}", stacks, "%s %s", file, name)
			}
			if strings.Contains(j.Environment, "inputs.stack") {
				assert.Equal(t, "${{ inputs.stack }}", w.Jobs["build"].With["stack"],
					"%s %s: the job \"build\" refuses a name that has no file", file, name)
			}
		}
	}
	assert.Equal(t, 4, matrices)
}

// Nothing but the tests, and previews in the sandbox, runs before the pipeline is switched on.
func TestWorkflowsWaitForTheSwitch(t *testing.T) {
	t.Parallel()
	for file, w := range workflows(t) {
		if slices.Contains([]string{"test.yml", "build.yml", "preview.yml"}, file) {
			continue
		}
		assert.Contains(t, w.Jobs["build"].If, "vars.PIPELINE == 'on'", file)
		for name, j := range w.Jobs {
			if name == "build" || file == "drift.yml" && name == "issue" {
				continue
			}
			assert.Empty(t, j.If, "%s %s: it is skipped with the job that it needs", file, name)
			assert.NotEmpty(t, j.Needs.Value, "%s %s", file, name)
		}
	}
	assert.Equal(t, concurrency{"drift", false}, workflows(t)["drift.yml"].Concurrency)
}

// Every file that names the version of the CLI or of the provider names the one that go.mod has.
func TestVersionsAgree(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		mod, module, written string
		in                   []string
	}{
		{
			"tools/pulumi/go.mod", "github.com/pulumi/pulumi/pkg/v3", "pulumi-version: %s\n",
			[]string{".github/workflows/preview.yml", ".github/workflows/test.yml"},
		},
		{
			"go.mod", "github.com/pulumi/pulumi-aws/sdk/v6", "plugin install resource aws v%s\n",
			[]string{"README.md", "docs/ci.md"},
		},
		{"go.mod", "github.com/pulumi/pulumi-aws/sdk/v6", `"%s"`, []string{"sandbox/aws/provider.go"}},
	} {
		mod, err := os.ReadFile(v.mod)
		require.NoError(t, err)
		version := regexp.MustCompile(regexp.QuoteMeta(v.module) + ` v([0-9.]+)`).FindStringSubmatch(string(mod))
		require.NotNil(t, version, v.module)
		for _, file := range v.in {
			doc, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Contains(t, string(doc), fmt.Sprintf(v.written, version[1]), file)
		}
	}
}

// Workflows run the program that the job "build" built.
func TestWorkflowsRunWhatWasTested(t *testing.T) {
	t.Parallel()
	s := &stack{&stacktest.Stack{Dir: t.TempDir(), Env: os.Environ()}}
	project, err := os.ReadFile("Pulumi.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi.yaml"), project, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(s.Dir, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "bin", "msk-serverless"), nil, 0o755))
	s.runs(t, nil, "ci", "prebuilt")
	assert.Contains(t, s.read(t, "Pulumi.yaml"), "\n    binary: bin/msk-serverless\n")
	s.runs(t, nil, "ci", "prebuilt") // once more does no harm
}

// Every module gets new versions, but the one whose version is the last that the Go module proxy has whole.
func TestDependabotKnowsEveryModule(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directories []string
		}
	}
	read(t, ".github/dependabot.yml", &config)
	want := []string{}
	for _, file := range ours(t) {
		if filepath.Base(file) == "go.mod" && file != "tools/pulumi-language-go/go.mod" {
			want = append(want, strings.TrimSuffix("/"+filepath.ToSlash(filepath.Dir(file)), "/."))
		}
	}
	for _, u := range config.Updates {
		if u.Ecosystem == "gomod" {
			u.Directories[0] = strings.TrimSuffix(u.Directories[0], "/")
			assert.ElementsMatch(t, want, u.Directories)
		}
	}
}
