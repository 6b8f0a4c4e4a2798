package topics

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOverview(t *testing.T) {
	t.Parallel()
	file := write(t, "c.yaml", `feeds:
  one: {pattern: "exchg.{stream}.{symbol}", streams: {a: , b: {partitions: 1000}}, symbols: [X, Y]}
topics:
  exchg.c: {partitions: 100, settings: {cleanup.policy: compact}}
`)
	c, _, err := Load("", file, nil)
	require.NoError(t, err)
	r := Overview(c)
	require.NoError(t, r.Err())
	assert.Equal(t, strings.TrimLeft(`
feed     topics  partitions  compacted  a month
one      4       2,002       0          $2,192.19
exchg.c  1       100         100        $109.50
sum      5       2,102       100        $2,301.69

partitions           2,102 of 2,400
of compacted topics  100 of 120
creating all takes   41 min
costs                $2,849.19 a month: $2,301.69 for partitions and $547.50 for 1 cluster; data and storage come on top
clusters needed      1
`, "\n"), r.Text(false))
	md := r.Markdown()
	assert.Contains(t, md, "| one | 4 | 2,002 | 0 | $2,192.19 |\n")
	assert.Contains(t, md, "| --- | ---: | ---: | ---: | ---: |\n")
	assert.Contains(t, md, "* clusters needed: 1\n")

	for want, c := range map[string]*Catalogue{
		"4801 partitions are too many": numbered(4801, 1),
		"241 partitions of compacted topics are too many": (&Catalogue{}).with(
			Topic{"exchg.c", 241, map[string]string{CleanupPolicy: "compact"}},
		),
	} {
		r := Overview(c)
		assert.ErrorContains(t, r.Err(), want)
		assert.Contains(t, r.Markdown(), "> [!CAUTION]\n> "+want)
		assert.Contains(t, r.Text(false), "clusters needed      3\n")
	}
}

func TestPlanReport(t *testing.T) {
	t.Parallel()
	state := State{}
	for _, topic := range []Topic{
		{"exchg.alter", 1, map[string]string{"retention.ms": "1000", "max.message.bytes": "5"}},
		{"exchg.grow", 1, nil},
		{"exchg.shrink", 3, nil},
		{"exchg.same", 1, nil},
		{"exchg.old", 2, nil},
		{"exchg.other", 4, map[string]string{"retention.ms": "-1"}},
		{"ignored", 4, nil},
	} {
		effective := map[string]string{}
		for name, value := range topic.Settings {
			effective[name] = value
		}
		state[topic.Name] = Current{Topic: topic, Effective: effective}
	}
	c := numbered(30, 1).with(Topic{"exchg.alter", 1, map[string]string{"retention.ms": "86400000"}},
		Topic{"exchg.grow", 300, nil}, Topic{"exchg.shrink", 2, nil}, Topic{"exchg.same", 1, nil})
	c.ignore = []glob{"ign*"}
	r := Compare(c, state, []string{"exchg.old"}).Report()
	require.ErrorContains(t, r.Err(), "exchg.shrink: it has 3 partitions")
	text := regexp.MustCompile(` {2,}`).ReplaceAllString(r.Text(false), "  ")
	for _, want := range []string{
		"delete  exchg.old  DATA LOSS: 2 partitions\n",
		"refused  exchg.shrink  it has 3 partitions, and the catalogue wants 2;",
		"create  exchg.x.0000  1 partition\n",
		"create  … and 10 more\n",
		"grow  exchg.grow  partitions 1 → 300: keys move to other partitions\n",
		"alter  exchg.alter  max.message.bytes 5 → 1048588, retention.ms 1s → 1d\n",
		"not declared  exchg.other  4 partitions, retention.ms unlimited: left alone\n",
		"create  30 topics, 30 partitions\n",
		"grow  1 topic, 299 partitions\n",
		"delete  1 topic, 2 partitions\n",
		"as declared  1 topic\n",
		"partitions afterwards  342 of 2,400; of compacted topics 0 of 120\n",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "exchg.x.0029")
	assert.Contains(t, r.Text(true), "exchg.x.0029")
	assert.Contains(t, r.Markdown(), "| create | … and 10 more |  |\n")
}
