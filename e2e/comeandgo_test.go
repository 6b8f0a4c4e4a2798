package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
)

// optional is a setting that is switched on and off again.
type optional struct {
	what string
	set  map[string]string
}

func optionals() []optional {
	client := func(kind, member string) optional {
		return optional{"client: " + kind, map[string]string{"clients": `{"extra":` + member + `}`}}
	}
	runsOn := func(kind, value string) optional {
		return client(kind, `{"reads":["exchg."],"groups":["extra"],"writes":["extra."],"runsOn":{"`+kind+`":`+value+`}}`)
	}
	alarmed := func(what, key, value string) optional {
		return optional{what, map[string]string{"alarmTopicArn": onCall, key: value}}
	}
	return []optional{
		client("no role", `{"reads":["exchg."],"groups":["extra"]}`),
		runsOn("ec2", "true"),
		runsOn("ecs", "true"),
		runsOn("podIdentity", `{"cluster":"md-prod","namespace":"streams","serviceAccount":"extra"}`),
		runsOn("irsa", `{"providerArn":"`+configtest.OIDCProvider+`","namespace":"streams","serviceAccount":"extra"}`),
		runsOn("lambda", "true"),
		runsOn("mskConnect", "true"),
		runsOn("account", `{"id":"210987654321","externalId":"md-partner"}`),
		{"furtherVpcs", map[string]string{"furtherVpcs": compact.JSON([]map[string]any{
			{"vpcId": otherVPC, "subnetIds": []string{otherSubnetA, otherSubnetB}},
		}), "clientCidrs": `["10.20.0.0/16"]`}},
		{"clientCidrs", map[string]string{"clientCidrs": `["10.20.0.0/16","2001:db8:1::/48"]`}},
		{"clusterPolicyServices", map[string]string{"clusterPolicyServices": `["firehose","replicator"]`}},
		{"observers", map[string]string{"observers": "true"}},
		{"dashboard", map[string]string{"dashboard": "always"}},
		alarmed("alarms", "topicEvents", "none"),
		alarmed("alarms per group", "lagAlarms", "perGroup"),
		alarmed("feeds", "feeds", `{"binance-spot":2,"okx-perp":5}`),
		alarmed("topicEvents", "topicEvents", "all"),
	}
}

// Each optional setting is switched on and off in a deployed stack. After either, a refresh finds nothing, and a second
// deployment changes nothing. A stack that is destroyed while it is on leaves nothing.
func TestOptionalSettingsComeAndGo(t *testing.T) {
	t.Parallel()
	rows := part(optionals(), 12)
	var passed, run atomic.Int32
	t.Run("rows", func(t *testing.T) {
		for i, o := range rows {
			t.Run(o.what, func(t *testing.T) {
				t.Parallel()
				run.Add(1)
				comesAndGoes(t, fmt.Sprintf("optional-%02d", i), o.set)
				if !t.Failed() {
					passed.Add(1)
				}
			})
		}
	})
	t.Logf("%d of %d", passed.Load(), run.Load())
	if stacktest.Thorough() {
		stacktest.Evidence(t, "optional settings switched on and off, with nothing left to change and nothing left over",
			fmt.Sprintf("%d of %d", passed.Load(), len(rows)))
	}
}

func comesAndGoes(t *testing.T, cluster string, set map[string]string) {
	t.Helper()
	attach, sandbox := attachTo(t)
	s := newProject(t, configtest.With(map[string]string{"clusterName": cluster, "protect": "false"}), attach)
	s.OK(t, "stack", "init")
	s.Up(t)
	before := s.OK(t, "stack", "--show-urns")
	unset := map[string]string{}
	for key := range set {
		unset[key] = configtest.Unset
	}
	settled := func() {
		s.OK(t, "preview", "--refresh", "--expect-no-changes")
		s.OK(t, "up", "--yes", "--skip-preview", "--expect-no-changes")
	}
	s.Set(t, set)
	s.Up(t)
	settled()
	s.Set(t, unset)
	s.Up(t)
	settled()
	assert.Equal(t, resources(before), resources(s.OK(t, "stack", "--show-urns")))
	s.Set(t, set)
	s.Up(t)
	s.OK(t, "destroy", "--yes", "--skip-preview")
	if sandbox != nil {
		assert.Empty(t, sandbox.Changed())
		return
	}
	assert.Empty(t, listed(t, cluster))
}

// resources returns the URNs in what `pulumi stack --show-urns` prints, sorted.
func resources(out string) (urns []string) {
	for word := range strings.FieldsSeq(out) {
		if strings.HasPrefix(word, "urn:pulumi:") {
			urns = append(urns, word)
		}
	}
	slices.Sort(urns)
	return urns
}

// listed returns the lines of AWS's lists that contain the cluster's name. It asks with the AWS CLI.
func listed(t *testing.T, cluster string) (found []string) {
	t.Helper()
	for _, list := range []string{
		"kafka list-clusters-v2", "ec2 describe-security-groups", "logs describe-log-groups", "iam list-roles",
		"iam list-policies --scope Local", "iam list-instance-profiles", "cloudwatch describe-alarms",
		"cloudwatch list-dashboards", "events list-rules",
	} {
		out, err := exec.CommandContext(t.Context(), "aws", strings.Fields(list+" --output json")...).Output()
		require.NoError(t, err, list)
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, cluster+`"`) || strings.Contains(line, cluster+"-") ||
				strings.Contains(line, cluster+"/") {
				found = append(found, list+": "+strings.TrimSpace(line))
			}
		}
	}
	return found
}
