package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/cfn"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/stacktest"
)

// recordedStack is a deployment for the stack of the recording, which moves from one VPC to another.
func recordedStack(t *testing.T) cfn.Deployed {
	t.Helper()
	return deploy(t, mumbai, "msk-prod", with(map[string]string{"VpcIds": "vpc-0a1b2c3d4e5f60718,vpc-11111111"}))
}

// Each call of a preview is allowed to the preview role, each call of a deployment to the deploy role, and no change
// to the preview role.
func TestRecordedCallsAreAllowed(t *testing.T) {
	t.Parallel()
	d := recordedStack(t)
	allowed := map[string]int{}
	calls := map[string]int{}
	for _, c := range recorded(t) {
		role := "DeployRole"
		switch c.Phase {
		case "init": // by hand, with an administrator's credentials
			continue
		case "preview":
			role = "PreviewRole"
		}
		calls[role]++
		ok := true
		for _, need := range c.needs(t, d) {
			ok = assert.Equal(t, iampolicy.Allowed, iampolicy.Decide(d.Policies(role), need),
				"%s: %s: %s on %s, %v %v", role, c, need.Action, need.Resource, need.Context, need.Lists) && ok
		}
		if ok {
			allowed[role]++
		}
	}
	for role, what := range map[string]string{"PreviewRole": "preview", "DeployRole": "deployment"} {
		require.NotZero(t, calls[role])
		stacktest.Evidence(t, "recorded calls of a "+what+" on state and key, allowed to its role",
			fmt.Sprintf("%d of %d", allowed[role], calls[role]))
	}
}

// Each action on the state and its key that a role is granted was called. The recording has no other calls yet.
func TestGrantedActionsAreCalled(t *testing.T) {
	t.Parallel()
	d := recordedStack(t)
	called := map[string]map[string]bool{"PreviewRole": {}, "DeployRole": {}}
	for _, c := range recorded(t) {
		for _, need := range c.needs(t, d) {
			called["DeployRole"][need.Action] = true
			if c.Phase == "preview" {
				called["PreviewRole"][need.Action] = true
			}
		}
	}
	granted := 0
	for role := range called {
		for _, action := range grants(d.Policies(role)) {
			if strings.HasPrefix(action, "s3:") || strings.HasPrefix(action, "kms:") {
				granted++
				assert.True(t, called[role][action], "%s: %s was not called", role, action)
			}
		}
	}
	require.NotZero(t, granted)
}

// grants returns the actions that policies allow, sorted.
func grants(policies []iampolicy.Policy) []string {
	actions := map[string]bool{}
	for _, p := range policies {
		for _, rule := range p.Statement {
			if rule.Effect == "Allow" {
				for _, action := range rule.Action {
					actions[action] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(actions))
}
