package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

const clusterURN = "urn:pulumi:" + stacktest.Name + "::" + project.Name +
	"::aws:msk/serverlessCluster:ServerlessCluster::cluster"

// running is a command that waits for AWS to create the cluster.
type running struct {
	*exec.Cmd
	log string
}

// beginUp starts `up` and returns when AWS has created the cluster but not yet answered; AWS answers when wait
// returns. Calls are made one at a time, so no other call is in progress.
func (s *stack) beginUp(t *testing.T, wait func() time.Duration) running {
	t.Helper()
	began := make(chan struct{})
	s.AWS.Latency(func(c aws.Call) time.Duration {
		if c.Operation != aws.Create || c.Name != "cluster" {
			return 0
		}
		close(began)
		return wait()
	})
	up := running{s.Command(t, "up", "--yes", "--skip-preview", "--parallel=1"), filepath.Join(s.Dir, "up.log")}
	log, err := os.Create(up.log)
	require.NoError(t, err)
	up.Stdout, up.Stderr = log, log
	up.Env = append(up.Environ(), "PULUMI_SKIP_CHECKPOINTS=false") // the state is read while this runs
	// End whatever a killed CLI leaves running.
	up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, up.Start())
	t.Cleanup(func() { _ = syscall.Kill(-up.Process.Pid, syscall.SIGKILL) })
	select {
	case <-began:
	case <-t.Context().Done():
	}
	return up
}

func (r running) output(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile(r.log)
	require.NoError(t, err)
	return string(doc)
}

// unfinished returns the URNs of operations that Pulumi began and whose outcome it doesn't know.
func (s *stack) unfinished(t *testing.T) (urns []string) {
	t.Helper()
	var export struct {
		Deployment struct {
			Pending []struct {
				Type     string
				Resource struct{ URN string }
			} `json:"pending_operations"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.OK(t, "stack", "export")), &export))
	for _, p := range export.Deployment.Pending {
		urns = append(urns, p.Type+" "+p.Resource.URN)
	}
	return urns
}

func onlyKey[V any](t *testing.T, m map[string]V) string {
	t.Helper()
	require.Len(t, m, 1)
	return slices.Collect(maps.Keys(m))[0]
}

// TestCutOff interrupts the first deployment of a protected stack, or lets it fail, while AWS creates the cluster.
func TestCutOff(t *testing.T) {
	t.Parallel()
	d := newStack(t, configtest.With(nil)).undergo(t, "up", nil, "up", "--yes", "--skip-preview")
	for name, test := range map[string]func(*testing.T, *deployment){
		"interrupted":                           interruptedUp,
		"killed, the cluster was made":          func(t *testing.T, d *deployment) { killedUp(t, d, true) },
		"killed, the cluster was not made":      func(t *testing.T, d *deployment) { killedUp(t, d, false) },
		"two at once":                           twoAtOnce,
		"the cluster's creation times out":      clusterTimesOut,
		"the cluster's creation fails for good": clusterFails,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

// interruptedUp shows that an interrupt (Ctrl-C, or a pipeline's cancel) during the cluster's creation ends
// cleanly: Pulumi records the cluster, and the next `up` continues.
func interruptedUp(t *testing.T, d *deployment) {
	s := d.start(t)
	up := s.beginUp(t, func() time.Duration { return time.Hour })
	require.NoError(t, up.Process.Signal(os.Interrupt))
	require.Error(t, up.Wait())
	assert.Contains(t, up.output(t), "(cluster)")
	assert.Empty(t, s.unfinished(t))
	s.AWS.Latency(nil)

	s.run(t, "pulumi up --yes")
	d.done(t, s, false)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}

// killedUp shows that a CLI killed during the cluster's creation leaves a lock and an unfinished operation.
func killedUp(t *testing.T, d *deployment, made bool) {
	s := d.start(t)
	release := make(chan struct{})
	up := s.beginUp(t, func() time.Duration { <-release; return 0 })
	require.NoError(t, up.Process.Kill())
	require.Error(t, up.Wait())
	close(release)
	s.AWS.Latency(nil)
	arn := onlyKey(t, s.AWS.Snapshot().Clusters)
	cluster := []aws.Call{
		{Operation: aws.Create, Type: "aws:msk/serverlessCluster:ServerlessCluster", Name: "cluster", ID: arn},
	}
	if !made {
		s.AWS.Edit(func(sandbox *aws.State) { deleteByHand(sandbox, cluster) })
	}

	assert.Equal(t, []string{"creating " + clusterURN}, s.unfinished(t),
		"the state is readable, and says what was under way")
	assert.Contains(t, s.Fails(t, "up", "--yes"), "the stack is currently locked by 1 lock(s)")
	s.run(t, "pulumi cancel --yes")
	if made {
		out := s.Fails(t, "up", "--yes")
		assert.Contains(t, out, "interrupted while creating")
		assert.Contains(t, out, "ConflictException", "no second cluster")
	}
	if made {
		s.finds(t, cluster)
		s.adopt(t, cluster)
	} else {
		out, code := s.recovers(t)
		assert.Equal(t, 10, code, out)
		assert.Regexp(t, `(?m)^creating +msk/serverlessCluster cluster$`, out)
		s.adopt(t, nil)
	}
	assert.Empty(t, s.unfinished(t))
	s.run(t, "pulumi up --yes")
	assert.Equal(t, arn, onlyKey(t, s.AWS.Snapshot().Clusters))
	d.done(t, s, true)
}

// twoAtOnce shows that a second `up` is refused while one is running, without harm.
func twoAtOnce(t *testing.T, d *deployment) {
	s := d.start(t)
	release := make(chan struct{})
	up := s.beginUp(t, func() time.Duration { <-release; return 0 })
	for _, args := range [][]string{{"up", "--yes"}, {"destroy", "--yes"}, {"refresh", "--yes"}} {
		assert.Contains(t, s.Fails(t, args...), "the stack is currently locked by 1 lock(s)", "%v", args)
	}
	for _, command := range []string{"drift", "recover"} {
		out, code := s.mskctl(t, nil, command, stacktest.Name)
		assert.Equal(t, 12, code, out)
	}
	assert.Contains(t, s.read(t, "drift", "summary.md"), "a deployment is running")
	close(release)
	require.NoError(t, up.Wait(), up.output(t))
	d.done(t, s, false)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}

// clusterTimesOut shows that the next `up` adopts a cluster whose creation exceeded the provider's timeout.
func clusterTimesOut(t *testing.T, d *deployment) {
	s := d.start(t)
	s.AWS.Fail(aws.Fault{Operation: aws.Create, Name: "cluster", Error: aws.ClusterTimeout})
	out := s.Fails(t, d.args...)
	assert.Contains(t, out, aws.ClusterTimeout.Error())
	assert.Contains(t, out, "(cluster)")
	s.AWS.Heal()
	s.run(t, "pulumi up --yes")
	d.done(t, s, false)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}

// clusterFails shows that the provider sees no difference in a cluster that turned FAILED: the next `up` succeeds
// and leaves it. After it is deleted by hand, which protection doesn't prevent, it is created anew.
func clusterFails(t *testing.T, d *deployment) {
	s := d.start(t)
	s.AWS.Fail(aws.Fault{Operation: aws.Create, Name: "cluster", Error: aws.ClusterFailed})
	out := s.Fails(t, d.args...)
	assert.Contains(t, out, aws.ClusterFailed.Error())
	assert.Contains(t, out, "(cluster)")
	s.AWS.Heal()
	arn := onlyKey(t, s.AWS.Snapshot().Clusters)
	assert.Contains(t, out, arn)

	s.OK(t, d.args...)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	assert.Equal(t, "FAILED", s.AWS.Snapshot().Clusters[arn].State, "Pulumi does not see that it is of no use")
	refused := s.Fails(t, "up", "--yes", "--replace", clusterURN)
	assert.Contains(t, refused, "marked for protection")

	s.AWS.Edit(func(sandbox *aws.State) {
		deleteByHand(sandbox, []aws.Call{{Type: "aws:msk/serverlessCluster:ServerlessCluster", ID: arn}})
	})
	s.run(t, "pulumi up --refresh --yes")
	d.done(t, s, true)
}

// others adds what other people have in the account: a role with the consumers' policy, and a workload in the
// consumers' group.
func others(sandbox *aws.State) {
	sandbox.Roles["quant-app"] = &aws.Role{
		Path:        "/",
		ID:          "AROA0000000000000QUANT",
		TrustPolicy: "{}",
		Attached: []string{
			"arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-consumer",
		},
	}
	for id, g := range sandbox.SecurityGroups {
		if strings.HasPrefix(g.Name, "crypto-stream-consumer-") {
			sandbox.Interfaces["eni-0a1b2c3d4e5f60718"] = &aws.Interface{
				Subnet:         "subnet-0a1b2c3d4e5f6071a",
				SecurityGroups: []string{id},
			}
		}
	}
}

// TestOthersAreNotDisturbed shows that changing what teams may read affects nobody who uses the policy or the
// group.
func TestOthersAreNotDisturbed(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	s.Up(t)
	s.AWS.Edit(others)
	before := s.AWS.Snapshot()
	s.Set(
		t,
		map[string]string{
			"consumerTopicPrefixes": `["trades."]`,
			"consumerGroupNames":    `["team-quant","team-new"]`,
		},
	)
	s.AWS.ResetCalls()
	s.OK(t, "up", "--yes")
	changes := s.Changes()
	slices.Sort(changes)
	assert.Equal(t, []string{
		"update aws:iam/policy:Policy consumer", "update aws:iam/policy:Policy operator",
	}, changes)
	after := s.AWS.Snapshot()
	assert.Equal(t, before.Roles, after.Roles)
	assert.Equal(t, before.Interfaces, after.Interfaces)
	assert.Equal(t, before.SecurityGroups, after.SecurityGroups)
	assert.Contains(t, after.Policies["crypto-stream-ap-south-1-consumer"].Document, "topic/crypto-stream/")
	assert.Contains(t, after.Policies["crypto-stream-ap-south-1-consumer"].Document, "/trades.*")
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
}

// TestWhatOthersUseStays shows that AWS refuses to delete what others use: its error names the object, and nothing
// of theirs changes. Once they stop using it, the same command succeeds.
func TestWhatOthersUseStays(t *testing.T) {
	t.Parallel()
	built := newStack(t, configtest.With(map[string]string{"protect": "false"}))
	built.Up(t)
	built.AWS.Edit(others)
	deployed := built.image(t)
	detach := func(sandbox *aws.State) { sandbox.Roles["quant-app"].Attached = nil }
	leave := func(sandbox *aws.State) { delete(sandbox.Interfaces, "eni-0a1b2c3d4e5f60718") }
	for _, c := range []struct {
		name   string
		set    map[string]string
		args   []string
		letGo  []func(*aws.State)
		errors []string
	}{
		{
			"the shared lists are given up",
			map[string]string{
				"consumerTopicPrefixes": configtest.Unset, "consumerGroupNames": configtest.Unset,
				"clients": `{"quant":{"reads":["exchg."],"groups":["team-quant"]}}`,
			},
			[]string{"up", "--yes"},
			[]func(*aws.State){detach},
			[]string{"(consumer)", "policy/crypto-stream-ap-south-1-consumer", "DeleteConflict"},
		},
		{
			"the policy is attached when the stack is destroyed", nil,
			[]string{"destroy", "--yes"},
			[]func(*aws.State){leave, detach},
			[]string{"(consumer)", "policy/crypto-stream-ap-south-1-consumer", "DeleteConflict"},
		},
		{
			"a workload is in the group when the stack is destroyed", nil,
			[]string{"destroy", "--yes"},
			[]func(*aws.State){detach, leave},
			[]string{"(consumer)", "sg-", "DependencyViolation"},
		},
		{
			"the cluster is renamed",
			map[string]string{"clusterName": "other"},
			[]string{"up", "--yes"},
			[]func(*aws.State){leave, detach},
			[]string{"(consumer)", "policy/crypto-stream-ap-south-1-consumer", "DeleteConflict"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := deployed.stack(t)
			s.Set(t, c.set)
			for _, letGo := range c.letGo[:len(c.letGo)-1] {
				s.AWS.Edit(letGo)
			}
			before := s.AWS.Snapshot()
			out := s.Fails(t, c.args...)
			for _, want := range c.errors {
				assert.Contains(t, out, want)
			}
			after := s.AWS.Snapshot()
			assert.Equal(t, before.Roles["quant-app"], after.Roles["quant-app"])
			assert.Equal(t, before.Interfaces, after.Interfaces)

			s.AWS.Edit(c.letGo[len(c.letGo)-1])
			s.OK(t, c.args...)
			end := s.AWS.Snapshot()
			assert.NotContains(t, end.Policies, "crypto-stream-ap-south-1-consumer")
			if c.args[0] == "destroy" {
				assert.Equal(
					t,
					[]string{"roles quant-app"},
					slices.DeleteFunc(s.AWS.Changed(), func(what string) bool {
						return strings.HasPrefix(what, "interfaces ")
					}),
				)
			} else {
				s.OK(t, "preview", "--refresh", "--expect-no-changes")
			}
		})
	}
}
