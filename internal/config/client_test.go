package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

func TestTeamsAccepted(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]string{
		"beside shared lists": {"consumerTeams": configtest.Teams},
		"alone": {
			"consumerTeams": configtest.Teams, "consumerTopicPrefixes": configtest.Unset,
			"consumerGroupNames": configtest.Unset,
		},
		"beside empty lists": {
			"consumerTeams": configtest.Teams, "consumerTopicPrefixes": "[]", "consumerGroupNames": "[]",
		},
		"none": {"consumerTeams": "{}"},
		"longest name": {
			"consumerTeams": `{"` + strings.Repeat("q", 40) + `":{"topicPrefixes":["a."],"groupNames":["g"]}}`,
		},
		"shortest name": {"consumerTeams": `{"7":{"topicPrefixes":["a."],"groupNames":["g"]}}`},
		"same prefix twice over": {
			"consumerTeams": `{"a":{"topicPrefixes":["exchg."],"groupNames":["g"]},
				 "b":{"topicPrefixes":["exchg."],"groupNames":["h"]}}`,
		},
	} {
		_, err := Parse(project.Name, configtest.With(changes))
		assert.NoError(t, err, name)
	}

	cfg, err := Parse(project.Name, configtest.With(map[string]string{"consumerTeams": configtest.Teams}))
	require.NoError(t, err)
	assert.Equal(t, Team{[]string{"exchg.okx.", "ref."}, []string{"research"}}, cfg.ConsumerTeams["research"])
}

// A value that can't be read is reported once, and not for breaking the rules as well.
func TestTeamsUnreadAreReportedOnce(t *testing.T) {
	t.Parallel()
	for _, teams := range []string{
		`{"quant":null}`, `{"quant":["a."]}`, `{"quant":{"topicPrefixes":["a."],"groupNames":"g"}}`,
		`{"quant":{"topicPrefixes":[7],"groupNames":["g"]}}`,
	} {
		_, err := Parse(project.Name, configtest.With(map[string]string{"consumerTeams": teams}))
		var ps Problems
		require.ErrorAs(t, err, &ps)
		assert.Len(t, ps, 1, "%s: %s", teams, ps)
	}
}

// The shared lists belong together: one alone is an error, and both may be empty only if there are teams.
func TestSharedConsumersArePairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		changes map[string]string
		keys    []string
	}{
		{map[string]string{"consumerTopicPrefixes": "[]"}, []string{"consumerTopicPrefixes"}},
		{map[string]string{"consumerGroupNames": configtest.Unset}, []string{"consumerGroupNames"}},
		{
			map[string]string{"consumerTopicPrefixes": "[]", "consumerTeams": configtest.Teams},
			[]string{"consumerTopicPrefixes"},
		},
		{
			map[string]string{"consumerGroupNames": "[]", "consumerTeams": configtest.Teams},
			[]string{"consumerGroupNames"},
		},
		{
			map[string]string{"consumerTopicPrefixes": "[]", "consumerGroupNames": "[]"},
			[]string{"consumerTopicPrefixes", "consumerGroupNames"},
		},
		{
			map[string]string{
				"consumerTopicPrefixes": configtest.Unset, "consumerGroupNames": configtest.Unset,
				"consumerTeams": "{}",
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

func TestTeamsWarnOfGroupsWithoutLag(t *testing.T) {
	t.Parallel()
	cfg, err := Parse(
		project.Name,
		configtest.With(
			map[string]string{"consumerTeams": `{"quant":{"topicPrefixes":["a."],"groupNames":["a:b"]}}`},
		),
	)
	require.NoError(t, err)
	require.Len(t, cfg.Warnings(), 1)
	assert.Contains(t, cfg.Warnings()[0], `consumerTeams.quant.groupNames: "a:b"`)
}
