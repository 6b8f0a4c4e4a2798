package topics

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newCluster(t)
		for _, stream := range []string{"trades", "deltas"} {
			for _, symbol := range []string{"BTC", "ETH", "NO", "1e3", "X.USD"} {
				settings := map[string]string{"retention.ms": "86400000"}
				partitions := int32(1)
				if symbol == "NO" && stream == "deltas" {
					settings["compression.type"] = "zstd"
					partitions = 7
				}
				require.NoError(t, f.CreateTopic("exchg.binance.spot."+stream+"."+symbol, partitions, settings))
			}
		}
		require.NoError(t, f.CreateTopic("exchg.binance.spot-2.trades.BTC", 1, nil))
		require.NoError(t, f.CreateTopic("exchg.binance.futures.trades.BTC", 1, map[string]string{"retention.ms": "-1"}))
		require.NoError(t,
			f.CreateTopic("exchg.binance.futures.deltas.BTC", 1, map[string]string{"retention.bytes": "268435456000"}))
		require.NoError(t,
			f.CreateTopic("reference", 3, map[string]string{"cleanup.policy": "delete,compact", "segment.ms": "1"}))
		require.NoError(t, f.CreateTopic("a..b.c.d", 1, nil))
		require.NoError(t, f.CreateTopic("__internal", 1, nil))

		state, err := f.connect(t).State(t.Context())
		require.NoError(t, err)
		doc, err := Export(state)
		require.NoError(t, err)
		c, _, err := Load("", write(t, "c.yaml", string(doc)), nil)
		require.NoError(t, err, "%s", doc)
		plan := Compare(c, state, nil)
		assert.False(t, plan.Differs(), "%+v\n%s", plan, doc)
		assert.Equal(t, 15, plan.Same)
		assert.Contains(t, string(doc), `symbols: ["1e3", BTC, ETH, X.USD]`)
		assert.NotContains(t, string(doc), "__internal")
		assert.Equal(t, 1, strings.Count(string(doc), "futures:"), "one feed for both streams:\n%s", doc)
	})
}

func TestExportOfAnEmptyCluster(t *testing.T) {
	t.Parallel()
	doc, err := Export(State{})
	require.NoError(t, err)
	c, _, err := Load("", write(t, "c.yaml", string(doc)), nil)
	require.NoError(t, err)
	assert.Empty(t, c.Topics())
}
