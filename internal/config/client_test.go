package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

func TestClientsAccepted(t *testing.T) {
	t.Parallel()
	pods := `{"a":{"writes":["a."],"runsOn":{"podIdentity":%s}}}`
	for name, changes := range map[string]map[string]string{
		"beside shared lists": {"clients": configtest.Clients},
		"alone": {
			"clients": configtest.Clients, "consumerTopicPrefixes": configtest.Unset,
			"consumerGroupNames": configtest.Unset,
		},
		"beside empty lists": {
			"clients": configtest.Clients, "consumerTopicPrefixes": "[]", "consumerGroupNames": "[]",
		},
		"none":           {"clients": "{}"},
		"longest name":   {"clients": `{"` + strings.Repeat("q", 40) + `":{"reads":["a."],"groups":["g"]}}`},
		"shortest name":  {"clients": `{"7":{"reads":["a."],"groups":["g"]}}`},
		"a writer alone": {"clients": `{"a":{"writes":["a."]}}`, "consumerTopicPrefixes": "[]", "consumerGroupNames": "[]"},
		"longest name of a role": {
			"clients": `{"` + strings.Repeat("q", 32) + `":{"writes":["a."],"runsOn":{"ecs":true}}}`,
		},
		"same prefix twice over": {
			"clients": `{"a":{"reads":["exchg."],"groups":["g"]}, "b":{"reads":["exchg."],"groups":["h"]}}`,
		},
		"one prefix to read and write": {"clients": `{"a":{"reads":["a."],"writes":["a."],"groups":["g"]}}`},
		"a list of one pod": {
			"clients": strings.Replace(pods, "%s", `[{"cluster":"c","namespace":"n","serviceAccount":"s"}]`, 1),
		},
		"one service account of two clusters": {
			"clients": strings.Replace(pods, "%s", `[{"cluster":"c","namespace":"n","serviceAccount":"s"},
				{"cluster":"d","namespace":"n","serviceAccount":"s"}]`, 1),
		},
		"longest names of Kubernetes": {
			"clients": strings.Replace(pods, "%s", `{"cluster":"`+strings.Repeat("c", 100)+`","namespace":"`+
				strings.Repeat("n", 63)+`","serviceAccount":"`+strings.Repeat("s", 253)+`"}`, 1),
		},
		"8 policies of a writer": {
			"clients": `{"a":{"writes":["a."],"runsOn":{"ecs":true},"policyArns":` +
				configtest.ListOf(8, "arn:aws:iam::aws:policy/service-role/P%d") + `}}`,
		},
		"roles that know the external id": {
			"clients": `{"a":{"writes":["a."],"runsOn":{"account":{"id":"210987654321","externalId":"ab",
				"roleArns":["arn:aws:iam::210987654321:role/x/r"]}}}}`,
		},
	} {
		_, err := Parse(project.Name, configtest.With(changes))
		assert.NoError(t, err, name)
	}
}

// Only an adopted cluster can have a name so long that a client's policy doesn't fit.
func TestPolicyNameFits(t *testing.T) {
	t.Parallel()
	for characters, want := range map[int]string{
		39: "", 40: "must be shorter by 1: the policy",
	} {
		_, err := Parse(project.Name, configtest.With(map[string]string{
			"adopted": "true", "clusterName": strings.Repeat("c", 64), "aws:region": "ap-southeast-1",
			"clients": `{"` + strings.Repeat("q", characters) + `":{"reads":["a."],"groups":["g"]}}`,
		}))
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
}

func TestClientsRead(t *testing.T) {
	t.Parallel()
	cfg, err := Parse(project.Name, configtest.With(map[string]string{"clients": configtest.Clients}))
	require.NoError(t, err)
	clients := map[string]Client{}
	for _, client := range cfg.Clients() {
		clients[client.Name] = client
	}
	assert.Equal(t, Client{
		Name: "research", Key: "clients.research", PolicyName: "consumer-research",
		Writes:     List{Key: "clients.research.writes"},
		Reads:      List{"clients.research.reads", []string{"exchg.okx.", "ref."}},
		Groups:     List{"clients.research.groups", []string{"research"}},
		PolicyARNs: List{Key: "clients.research.policyArns"},
	}, clients["research"])
	assert.Equal(t, Client{
		Name: "archive", Key: "clients.archive", PolicyName: "consumer-archive", RoleName: "client-archive",
		Writes:     List{Key: "clients.archive.writes"},
		Reads:      List{"clients.archive.reads", []string{"exchg."}},
		Groups:     List{"clients.archive.groups", []string{"connect-archive"}},
		PolicyARNs: List{"clients.archive.policyArns", []string{"arn:aws:iam::aws:policy/AmazonS3FullAccess"}},
		RunsOn:     RunsOn{MSKConnect: true},
	}, clients["archive"])
	assert.Equal(t, RunsOn{EC2: true, IRSA: []IRSA{
		{configtest.OIDCProvider, "risk", "engine"}, {configtest.OIDCProvider, "risk", "replay"},
	}}, clients["risk"].RunsOn)
	assert.Equal(t, []string{"ec2", "irsa"}, clients["risk"].RunsOn.Kinds())
	assert.Equal(t, []PodIdentity{{"md-prod", "streams", "normalizer"}}, clients["normalizer"].RunsOn.PodIdentity)
	assert.Equal(t, &OtherAccount{ID: "210987654321", ExternalID: "md-partner"}, clients["partner"].RunsOn.Account)

	looksUp, logs := []string{}, []string{}
	for _, client := range cfg.Clients() {
		if client.LooksUp() {
			looksUp = append(looksUp, client.Name)
		}
		if client.RoleName != "" && client.Logs() {
			logs = append(logs, client.Name)
		}
	}
	assert.Equal(t, []string{"collector", "alerts"}, looksUp)
	assert.Equal(t, []string{"collector", "alerts", "normalizer", "okx-collector", "replayer"}, logs)
}

// A value that can't be read is reported once, and not for breaking the rules as well.
func TestClientsUnreadAreReportedOnce(t *testing.T) {
	t.Parallel()
	for _, clients := range []string{
		`{"quant":null}`, `{"quant":["a."]}`, `{"quant":{"reads":["a."],"groups":"g"}}`,
		`{"quant":{"reads":[7],"groups":["g"]}}`, `{"quant":{"writes":["a."],"runsOn":{"ecs":false}}}`,
		`{"quant":{"writes":["a."],"runsOn":{"podIdentity":7}}}`, `{"quant":{"write":["a."]}}`,
		`{"quant":{"writes":["a."],"runsOn":{"podIdentity":[{"cluster":"c","namespace":"n","serviceAccount":7}]}}}`,
	} {
		_, err := Parse(project.Name, configtest.With(map[string]string{"clients": clients}))
		var ps Problems
		require.ErrorAs(t, err, &ps)
		assert.Len(t, ps, 1, "%s: %s", clients, ps)
	}
}

// What one client gets wrong hides nothing of another.
func TestClientsReportEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := Parse(project.Name, configtest.With(map[string]string{"clients": `{
		"A":{"writes":["a."]}, "b":{"writs":["a."]}, "c":{"reads":["*"],"groups":["g"],"runsOn":{}},
		"d":{"writes":["d."],"runsOn":{"podIdentity":{"cluster":"*"},"account":{"id":"1"}}}}`}))
	var ps Problems
	require.ErrorAs(t, err, &ps)
	var keys []string
	for _, p := range ps {
		keys = append(keys, p.Key)
	}
	assert.ElementsMatch(t, []string{
		"clients", "clients.b.writs", "clients.c.reads", "clients.c.runsOn",
		"clients.d.runsOn.podIdentity.cluster", "clients.d.runsOn.podIdentity.namespace",
		"clients.d.runsOn.podIdentity.serviceAccount", "clients.d.runsOn.account.id", "clients.d.runsOn.account",
	}, keys)
}

// The shared lists belong together: one alone is an error, and both may be empty only if there are clients.
func TestSharedConsumersArePairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		changes map[string]string
		keys    []string
	}{
		{map[string]string{"consumerTopicPrefixes": "[]"}, []string{"consumerTopicPrefixes"}},
		{map[string]string{"consumerGroupNames": configtest.Unset}, []string{"consumerGroupNames"}},
		{
			map[string]string{"consumerTopicPrefixes": "[]", "clients": configtest.Readers},
			[]string{"consumerTopicPrefixes"},
		},
		{map[string]string{"consumerGroupNames": "[]", "clients": configtest.Readers}, []string{"consumerGroupNames"}},
		{
			map[string]string{"consumerTopicPrefixes": "[]", "consumerGroupNames": "[]"},
			[]string{"consumerTopicPrefixes", "consumerGroupNames"},
		},
		{
			map[string]string{
				"consumerTopicPrefixes": configtest.Unset, "consumerGroupNames": configtest.Unset,
				"clients": "{}",
			},
			[]string{"consumerTopicPrefixes", "consumerGroupNames"},
		},
	} {
		_, err := Parse(project.Name, configtest.With(c.changes))
		var ps Problems
		require.ErrorAs(t, err, &ps, "%v", c.changes)
		var keys []string
		for _, p := range ps {
			keys = append(keys, p.Key)
		}
		assert.Equal(t, c.keys, keys, "%v", c.changes)
	}
}

func TestClientsWarnOfGroupsWithoutLag(t *testing.T) {
	t.Parallel()
	cfg, err := Parse(
		project.Name,
		configtest.With(
			map[string]string{"clients": `{"quant":{"reads":["a."],"groups":["a:b"]}}`},
		),
	)
	require.NoError(t, err)
	require.Len(t, cfg.Warnings(), 1)
	assert.Contains(t, cfg.Warnings()[0], `clients.quant.groups: "a:b"`)
}
