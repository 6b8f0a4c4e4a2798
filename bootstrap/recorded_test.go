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

// notRecorded are granted actions that the recording lacks, and why they are granted.
var notRecorded = map[string]string{
	"ec2:CreateVpcEndpoint":        "MSK calls it as the deployer (AWS managed policy AmazonMSKFullAccess)",
	"ec2:DeleteVpcEndpoints":       "the same",
	"ec2:DescribeVpcEndpoints":     "the same",
	"iam:CreateServiceLinkedRole":  "the same, for the account's first cluster",
	"ec2:ModifySecurityGroupRules": "puts back an egress rule that was changed by hand, which the emulator loses instead",
	"kafka:ListTagsForResource":    "the provider's code calls it if the cluster's own answer has no tags",
}

// recordedStack is a deployment for the stack of the recording, which moves from one VPC to another.
func recordedStack(t *testing.T) cfn.Deployed {
	t.Helper()
	return deploy(t, mumbai, "msk-prod", with(map[string]string{
		"VpcIds":                "vpc-0a1b2c3d4e5f60718,vpc-11111111,vpc-22222222",
		"MayWriteClusterPolicy": "true",
		"ClientPolicyArns":      iamARN + "policy/archive",
	}))
}

// Each call of a preview is allowed to the preview role, each call of a deployment to the deploy role, and no change
// to the preview role.
func TestRecordedCallsAreAllowed(t *testing.T) {
	t.Parallel()
	d := recordedStack(t)
	allowed := map[string]int{}
	calls := map[string]int{}
	for _, c := range recorded(t) {
		role := c.role()
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
		stacktest.Evidence(t, "recorded AWS calls of a "+what+", allowed to its role",
			fmt.Sprintf("%d of %d", allowed[role], calls[role]))
	}
}

// Everything that the recording makes has the tag of the stack from its creation on.
func TestRecordedTags(t *testing.T) {
	t.Parallel()
	tagged := 0
	for _, c := range recorded(t) {
		creates := strings.HasPrefix(c.Action, "Create") && c.Action != "CreatePolicyVersion" && c.Action != "CreateTags" ||
			c.Service == "kafka" && c.Action == "POST" && strings.HasSuffix(c.Path, "/clusters")
		if creates {
			assert.Equal(t, "prod", c.tags()["msk-serverless:stack"], "%s", c)
			tagged++
		}
	}
	require.NotZero(t, tagged)
}

// Each action that a role is granted was called, or is explained.
func TestGrantedActionsAreCalled(t *testing.T) {
	t.Parallel()
	d := recordedStack(t)
	called := map[string]map[string]bool{"PreviewRole": {}, "DeployRole": {}}
	for _, c := range recorded(t) {
		for _, need := range c.needs(t, d) {
			called[c.role()][need.Action] = true
		}
	}
	granted, good, reasons, explained := 0, 0, 0, map[string]bool{}
	for role := range called {
		for _, action := range grants(d.Policies(role)) {
			granted++
			_, ok := notRecorded[action]
			if ok {
				reasons++
				explained[action] = true
			}
			if assert.NotEqual(t, ok, called[role][action],
				"%s: %s was called: %t; explained: %t", role, action, called[role][action], ok) {
				good++
			}
		}
	}
	for action := range notRecorded {
		assert.True(t, explained[action], "%s isn't granted", action)
	}
	stacktest.Evidence(t, "actions granted to the pipeline's roles, called in the recording or explained",
		fmt.Sprintf("%d of %d, %d of them explained", good, granted, reasons))
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
