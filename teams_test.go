package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTeamsAccepted(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]string{
		"beside shared lists": {"consumerTeams": consumerTeams},
		"alone":               {"consumerTeams": consumerTeams, "consumerTopicPrefixes": unset, "consumerGroupNames": unset},
		"beside empty lists":  {"consumerTeams": consumerTeams, "consumerTopicPrefixes": "[]", "consumerGroupNames": "[]"},
		"none":                {"consumerTeams": "{}"},
		"longest name":        {"consumerTeams": `{"` + strings.Repeat("q", 40) + `":{"topicPrefixes":["a."],"groupNames":["g"]}}`},
		"shortest name":       {"consumerTeams": `{"7":{"topicPrefixes":["a."],"groupNames":["g"]}}`},
		"same prefix twice over": {
			"consumerTeams": `{"a":{"topicPrefixes":["exchg."],"groupNames":["g"]},"b":{"topicPrefixes":["exchg."],"groupNames":["h"]}}`,
		},
	} {
		_, err := parseConfig(project, with(changes))
		assert.NoError(t, err, name)
	}

	cfg, err := parseConfig(project, with(map[string]string{"consumerTeams": consumerTeams}))
	require.NoError(t, err)
	assert.Equal(t, Team{[]string{"exchg.okx.", "ref."}, []string{"research"}}, cfg.ConsumerTeams["research"])
}

func TestTeamsRefused(t *testing.T) {
	t.Parallel()
	// team is the JSON of one team named so, with good lists.
	team := func(name string) string { return `{"` + name + `":{"topicPrefixes":["a."],"groupNames":["g"]}}` }
	for _, c := range []struct{ name, teams, key, want string }{
		{"list", `["quant"]`, "consumerTeams", "map from each team's name"},
		{"text", `quant`, "consumerTeams", "map from each team's name"},
		{"empty", ``, "consumerTeams", "map from each team's name"},
		{"null", `null`, "consumerTeams", "map from each team's name"},
		{"team a list", `{"quant":["a."]}`, "consumerTeams.quant", "topicPrefixes and groupNames"},
		{"team null", `{"quant":null}`, "consumerTeams.quant", "topicPrefixes and groupNames"},
		{"field misspelt", `{"quant":{"topicPrefixes":["a."],"groups":["g"]}}`, "consumerTeams.quant.groups", "no such setting"},
		{"field in other letters", `{"quant":{"topicprefixes":["a."],"groupNames":["g"]}}`, "consumerTeams.quant.topicprefixes", "no such setting"},
		{"list null", `{"quant":{"topicPrefixes":["a."],"groupNames":null}}`, "consumerTeams.quant.groupNames", "an empty value"},
		{"entry null", `{"quant":{"topicPrefixes":[null],"groupNames":["g"]}}`, "consumerTeams.quant.topicPrefixes", "an empty value"},
		{"entry a number", `{"quant":{"topicPrefixes":["a."],"groupNames":[7]}}`, "consumerTeams.quant.groupNames", "quote numbers"},
		{"list a string", `{"quant":{"topicPrefixes":"a.","groupNames":["g"]}}`, "consumerTeams.quant.topicPrefixes", "list of strings"},
		{"no groups", `{"quant":{"topicPrefixes":["a."]}}`, "consumerTeams.quant.groupNames", "1 or more consumer groups"},
		{"no prefixes", `{"quant":{"topicPrefixes":[],"groupNames":["g"]}}`, "consumerTeams.quant.topicPrefixes", "1 or more topic prefixes"},
		{"nothing", `{"quant":{}}`, "consumerTeams.quant.groupNames", "1 or more consumer groups"},
		{"all topics", `{"quant":{"topicPrefixes":["*"],"groupNames":["g"]}}`, "consumerTeams.quant.topicPrefixes", "no wildcard"},
		{"internal topics", `{"quant":{"topicPrefixes":["__"],"groupNames":["g"]}}`, "consumerTeams.quant.topicPrefixes", "internal topics"},
		{"group with a variable", `{"quant":{"topicPrefixes":["a."],"groupNames":["${aws:username}"]}}`, "consumerTeams.quant.groupNames", "exact name"},
		{"group twice", `{"quant":{"topicPrefixes":["a."],"groupNames":["g","g"]}}`, "consumerTeams.quant.groupNames", "listed twice"},

		{"name empty", team(""), "consumerTeams", "1 to 40 letters"},
		{"name of 41", team(strings.Repeat("q", 41)), "consumerTeams", "1 to 40 letters"},
		{"name with a space", team("quant live"), "consumerTeams", "1 to 40 letters"},
		{"name with a dot", team("quant.live"), "consumerTeams", "1 to 40 letters"},
		{"name with colons", team("a::b"), "consumerTeams", "1 to 40 letters"},
		{"name with a leading hyphen", team("-quant"), "consumerTeams", "no hyphen"},
		{"name with a Cyrillic a", team("quаnt"), "consumerTeams", "1 to 40 letters"},
		{
			"names that differ by case", `{"Quant":{"topicPrefixes":["a."],"groupNames":["g"]},"quant":{"topicPrefixes":["a."],"groupNames":["h"]}}`,
			"consumerTeams", "rename it or Quant",
		},
		{
			"group of two teams", `{"a":{"topicPrefixes":["a."],"groupNames":["g"]},"b":{"topicPrefixes":["b."],"groupNames":["g"]}}`,
			"consumerTeams.b.groupNames", "consumerTeams.a.groupNames has this group too",
		},
		{
			"group of the shared list", `{"a":{"topicPrefixes":["a."],"groupNames":["team-quant"]}}`,
			"consumerTeams.a.groupNames", "consumerGroupNames has this group too",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseConfig(project, with(map[string]string{"consumerTeams": c.teams}))
			require.Error(t, err)
			assert.Contains(t, err.Error(), "* "+c.key+": ")
			assert.Contains(t, err.Error(), c.want)
			_, again := parseConfig(project, with(map[string]string{"consumerTeams": c.teams}))
			assert.Equal(t, err.Error(), again.Error(), "the same problems in the same order")
		})
	}
}

// What could not be read is not held against the rules as well.
func TestTeamsUnreadAreReportedOnce(t *testing.T) {
	t.Parallel()
	for _, teams := range []string{
		`{"quant":null}`, `{"quant":["a."]}`, `{"quant":{"topicPrefixes":["a."],"groupNames":"g"}}`,
		`{"quant":{"topicPrefixes":[7],"groupNames":["g"]}}`,
	} {
		_, err := parseConfig(project, with(map[string]string{"consumerTeams": teams}))
		var ps problems
		require.ErrorAs(t, err, &ps)
		assert.Len(t, ps, 1, "%s: %s", teams, ps)
	}
}

// The shared lists are a pair: one alone is a mistake, and both may only be left out for teams.
func TestSharedConsumersArePairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		changes map[string]string
		keys    []string
	}{
		{map[string]string{"consumerTopicPrefixes": "[]"}, []string{"consumerTopicPrefixes"}},
		{map[string]string{"consumerGroupNames": unset}, []string{"consumerGroupNames"}},
		{map[string]string{"consumerTopicPrefixes": "[]", "consumerTeams": consumerTeams}, []string{"consumerTopicPrefixes"}},
		{map[string]string{"consumerGroupNames": "[]", "consumerTeams": consumerTeams}, []string{"consumerGroupNames"}},
		{map[string]string{"consumerTopicPrefixes": "[]", "consumerGroupNames": "[]"}, []string{"consumerTopicPrefixes", "consumerGroupNames"}},
		{
			map[string]string{"consumerTopicPrefixes": unset, "consumerGroupNames": unset, "consumerTeams": "{}"},
			[]string{"consumerTopicPrefixes", "consumerGroupNames"},
		},
	} {
		_, err := parseConfig(project, with(c.changes))
		var ps problems
		require.ErrorAs(t, err, &ps, "%v", c.changes)
		var keys []string
		for _, p := range ps {
			keys = append(keys, p.Key)
		}
		assert.Equal(t, c.keys, keys, "%v", c.changes)
	}
}

func TestTeamsWarnOfGroupsWithoutLag(t *testing.T) {
	t.Parallel()
	cfg, err := parseConfig(project, with(map[string]string{"consumerTeams": `{"quant":{"topicPrefixes":["a."],"groupNames":["a:b"]}}`}))
	require.NoError(t, err)
	require.Len(t, cfg.warnings(), 1)
	assert.Contains(t, cfg.warnings()[0], `consumerTeams.quant.groupNames: "a:b"`)
}

func TestTeamsPolicySizes(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws"}
	names := func(n int, format string) []string {
		var list []string
		require.NoError(t, json.Unmarshal([]byte(listOf(n, format)), &list))
		return list
	}
	good := Team{[]string{"a."}, []string{"g"}}
	for _, c := range []struct {
		name  string
		teams map[string]Team
		want  []string // keys, and the policy that is too large
	}{
		{"fits", map[string]Team{"a": good}, nil},
		{
			"one team's groups",
			map[string]Team{"a": good, "b": {[]string{"b."}, names(60, strings.Repeat("g", 100)+"%d")}},
			[]string{"consumerTeams.b.groupNames consumer-b"},
		},
		{
			"one team's prefixes",
			map[string]Team{"a": good, "b": {names(60, strings.Repeat("p", 100)+"%02d."), []string{"h"}}},
			[]string{"consumerTeams.b.topicPrefixes consumer-b"},
		},
		{
			"two teams",
			map[string]Team{
				"a": {[]string{"a."}, names(60, strings.Repeat("g", 90)+"%d")}, "b": {[]string{"b."}, names(60, strings.Repeat("h", 100)+"%d")},
			},
			[]string{"consumerTeams.a.groupNames consumer-a", "consumerTeams.b.groupNames consumer-b"},
		},
		{
			"prefixes that others cover", map[string]Team{"a": {append(names(40, "exchg.%d."), "exchg."), []string{"g"}}}, nil,
		},
		{
			"more of them than the team's own policy takes",
			map[string]Team{"a": {append(names(60, "exchg.%d."), "exchg."), []string{"g"}}},
			[]string{"consumerTeams.a.topicPrefixes consumer-a"},
		},
	} {
		cfg, err := parseConfig(project, validConfig())
		require.NoError(t, err)
		cfg.ConsumerTeams = c.teams
		require.Empty(t, cfg.validate())
		var ps problems
		cfg.verifyPolicySizes(&ps, acct)
		var got []string
		for _, p := range ps {
			_, rest, _ := strings.Cut(p.Want, "the policy ")
			policy, _, _ := strings.Cut(rest, " ")
			got = append(got, p.Key+" "+policy)
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

func TestOperatorPolicyDocument(t *testing.T) {
	t.Parallel()
	const cluster = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b-s1")
	docs := operatorPolicies([]string{"trades.", "exchg.okx.", "exchg.", "trades.", "exchg"}, []string{"b", "a", "b"}, cluster)
	require.Len(t, docs, 1)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Connect","Effect":"Allow","Action":["kafka-cluster:Connect","kafka-cluster:DescribeCluster"],
		 "Resource":["arn:aws:kafka:ap-south-1:123456789012:cluster/md/1a2b-s1"]},
		{"Sid":"ManageTopics","Effect":"Allow","Action":["kafka-cluster:AlterTopic","kafka-cluster:AlterTopicDynamicConfiguration",
		  "kafka-cluster:CreateTopic","kafka-cluster:DeleteTopic","kafka-cluster:DescribeTopic","kafka-cluster:DescribeTopicDynamicConfiguration"],
		 "Resource":["arn:aws:kafka:ap-south-1:123456789012:topic/md/1a2b-s1/exchg*",
		             "arn:aws:kafka:ap-south-1:123456789012:topic/md/1a2b-s1/trades.*"]},
		{"Sid":"ManageGroups","Effect":"Allow","Action":["kafka-cluster:DeleteGroup","kafka-cluster:DescribeGroup"],
		 "Resource":["arn:aws:kafka:ap-south-1:123456789012:group/md/1a2b-s1/a",
		             "arn:aws:kafka:ap-south-1:123456789012:group/md/1a2b-s1/b"]}]}`, compactJSON(docs[0](cluster)))
}

func TestWidestPrefixes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefixes, want []string }{
		{nil, nil},
		{[]string{"b", "a"}, []string{"a", "b"}},
		{[]string{"a", "a"}, []string{"a"}},
		{[]string{"a.b.c", "a.b", "a.c", "a.b.d"}, []string{"a.b", "a.c"}},
		{[]string{"a", "a-", "a.b", "A", "a.b.c", "b"}, []string{"A", "a", "b"}},
		{[]string{"exchg.", "exchg"}, []string{"exchg"}},
	} {
		assert.Equal(t, c.want, widest(c.prefixes))
	}
}

func TestProgramRegistersTeams(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		changes := map[string]string{"consumerTeams": consumerTeams}
		want := []string{
			"iam/policy collector-logs", "iam/policy consumer", "iam/policy consumer-quant", "iam/policy consumer-research",
			"iam/policy control-plane", "iam/policy operator", "iam/policy producer",
		}
		if !shared {
			changes["consumerTopicPrefixes"], changes["consumerGroupNames"] = "[]", "[]"
			want = slices.DeleteFunc(want, func(name string) bool { return name == "iam/policy consumer" })
		}
		m := register(t, changes)
		got := slices.DeleteFunc(slices.Sorted(maps.Keys(m.resources)), func(name string) bool { return !strings.HasPrefix(name, "iam/policy ") })
		assert.Equal(t, want, got)
		for _, name := range got {
			_, short, _ := strings.Cut(name, " ")
			assert.Equal(t, fmt.Sprintf("crypto-stream-ap-south-1-%s", short), m.in(t, name, "name"))
		}
	}
}

// With the real CLI, which knows the keys' types and defaults from Pulumi.yaml: teams alone, and what it takes to add one.
func TestTeamsDeployed(t *testing.T) {
	t.Parallel()
	s := newStack(t, with(map[string]string{"consumerTopicPrefixes": unset, "consumerGroupNames": unset}))
	refusal := s.fails(t, "up", "--yes", "--skip-preview")
	assert.Contains(t, refusal, "consumerTopicPrefixes: ")
	assert.Contains(t, refusal, "consumerGroupNames: ")
	assert.Empty(t, s.changes())

	s.set(t, map[string]string{"consumerTeams": `{"quant":{"topicPrefixes":["exchg.binance."],"groupNames":["quant-live"]}}`})
	s.up(t)
	outputs := s.outputs(t)
	assert.NotContains(t, outputs, "consumerPolicyArn")
	assert.Equal(t, map[string]any{"quant": "arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-consumer-quant"}, outputs["consumerTeamPolicyArns"])
	assert.NotContains(t, s.cloud.Snapshot().Policies, "crypto-stream-ap-south-1-consumer")

	s.set(t, map[string]string{"consumerTeams": `{
		"quant":{"topicPrefixes":["exchg.binance."],"groupNames":["quant-live"]},
		"research":{"topicPrefixes":["exchg.okx."],"groupNames":["research"]}}`})
	steps, refusals := s.plan(t)
	assert.Empty(t, refusals)
	assert.Equal(t, []string{"create iam/policy consumer-research", "update iam/policy operator"}, steps)
}
