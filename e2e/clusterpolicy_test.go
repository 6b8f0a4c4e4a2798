package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
)

// A cluster's policy goes and comes with its cluster.
func TestClusterPolicyIsReplacedWithItsCluster(t *testing.T) {
	t.Parallel()
	attach, _ := attachTo(t)
	s := newProject(t, configtest.With(map[string]string{
		"clusterName": "with-policy", "protect": "false", "clusterPolicyServices": `["firehose"]`,
	}), attach)
	s.OK(t, "stack", "init")
	s.Up(t)
	s.Set(t, map[string]string{"vpcId": otherVPC, "subnetIds": compact.JSON([]string{otherSubnetA, otherSubnetB})})
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.Contains(t, steps, "replace msk/clusterPolicy cluster")
	s.Up(t)
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	s.OK(t, "destroy", "--yes", "--skip-preview")
}
