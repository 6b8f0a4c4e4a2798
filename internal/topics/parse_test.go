package topics

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write writes the files, by name, into a new folder and returns the path of the first.
func write(t *testing.T, name, content string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, file := range append([]string{name, content}, more...) {
		if i%2 == 0 {
			content := append([]string{name, content}, more...)[i+1]
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644))
		}
	}
	return filepath.Join(dir, name)
}

const example = `
defaults:
  pattern: exchg.{exchange}.{market}.{stream}.{symbol}
  partitions: 2
  settings: {retention.ms: 3d, max.message.bytes: 2MiB}
feeds:
  binance:
    exchange: binance
    market: spot
    streams:
      trades:
      deltas: {partitions: 3, settings: {retention.ms: 12h}}
    symbols: [BTCUSDT, 1e3, NO]
    symbolsFile: symbols.txt
    settings: {compression.type: zstd}
  others:
    pattern: exchg.binance.spot.{stream}.others
    streams: {trades: {}}
    partitions: 25
topics:
  exchg.reference: {partitions: 1, settings: {cleanup.policy: "delete, compact", retention.ms: unlimited}}
ignore: ["*-changelog"]
`

func TestLoad(t *testing.T) {
	t.Parallel()
	c, warnings, err := Load("", write(t, "prod.yaml", example, "symbols.txt", "# two\nETHUSDT\n\n  SOLUSDT # new\n"), nil)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	var names []string
	topics := map[string]Topic{}
	for _, topic := range c.Topics() {
		names = append(names, topic.Name)
		topics[topic.Name] = topic
	}
	assert.Equal(t, []string{
		"exchg.binance.spot.trades.BTCUSDT", "exchg.binance.spot.trades.1e3", "exchg.binance.spot.trades.NO",
		"exchg.binance.spot.trades.ETHUSDT", "exchg.binance.spot.trades.SOLUSDT",
		"exchg.binance.spot.deltas.BTCUSDT", "exchg.binance.spot.deltas.1e3", "exchg.binance.spot.deltas.NO",
		"exchg.binance.spot.deltas.ETHUSDT", "exchg.binance.spot.deltas.SOLUSDT",
		"exchg.binance.spot.trades.others", "exchg.reference",
	}, names)
	for name, want := range map[string]Topic{
		"exchg.binance.spot.trades.NO": {"", 2, map[string]string{
			"retention.ms": "259200000", "max.message.bytes": "2097152", "compression.type": "zstd",
		}},
		"exchg.binance.spot.deltas.NO": {"", 3, map[string]string{
			"retention.ms": "43200000", "max.message.bytes": "2097152", "compression.type": "zstd",
		}},
		"exchg.binance.spot.trades.others": {"", 25, map[string]string{
			"retention.ms": "259200000", "max.message.bytes": "2097152",
		}},
		"exchg.reference": {"", 1, map[string]string{
			"cleanup.policy": "compact,delete", "retention.ms": "-1", "max.message.bytes": "2097152",
		}},
	} {
		want.Name = name
		assert.Equal(t, want, topics[name])
	}
	assert.True(t, c.ignores("app-store-changelog"))
	assert.True(t, c.ignores("__consumer_offsets"))
	assert.False(t, c.ignores("exchg.x"))
}

// Each mistake is reported with its line, together with all others.
func TestLoadReportsMistakes(t *testing.T) {
	t.Parallel()
	feed := "feeds:\n f:\n  pattern: exchg.{stream}.{symbol}\n  streams: {trades: }\n  symbols: [A]\n"
	topic := "topics:\n exchg.a:\n"
	setting := topic + "  settings: "
	long := strings.Repeat("x", 250)
	for doc, want := range map[string]string{
		"":                       ":1: the file is empty",
		"a: [":                   ":1: not YAML",
		"[]":                     ":1: catalogue: must be a map",
		"feed: {}":               ":1: catalogue: unknown key feed; there are defaults, feeds, topics, ignore",
		"feeds: []":              ":1: feeds: must be a map",
		"topics: {}\ntopics: {}": ":2: catalogue: topics is already in line 1",
		"defaults: {symbols: 1}": ":1: defaults: unknown key symbols",
		"ignore: x":              ":1: ignore: must be a list",

		"feeds:\n f:\n":                              ":2: f: no pattern here or under defaults",
		feed + "  symbol: x\n":                       ":6: f: unknown key symbol",
		feed + "  exchange: x\n":                     ":6: f: exchange: the pattern exchg.{stream}.{symbol} has no {exchange",
		feed + "  partitions: 0\n":                   ":6: f: partitions: 0: must be a whole number from 1 to 2400",
		feed + "  partitions: 2401\n":                ":6: f: partitions: 2401: must be",
		feed + "  partitions: [1]\n":                 ":6: f: partitions: must be one value",
		feed + "  symbolsFile: none.txt\n":           "none.txt: no such file",
		feed + "  symbolsFile: empty.txt\n":          "empty.txt: has no symbols",
		feed + "  symbolsFile: bad.txt\n":            `bad.txt:2: f: symbols: "BTC/USDT": a topic's name may have only`,
		feed + "  symbolsFile: a.txt\n":              "a.txt:1: f: symbol A is already at",
		strings.Replace(feed, "[A]", "[A, B, A]", 1): ":5: f: symbol A is already at",
		strings.Replace(feed, "[A]", "[A, ~]", 1):    ":5: f: symbols: must be one value, and not empty",
		strings.Replace(feed, "  symbols: [A]\n", "",
			1): ":2: f: the pattern has {symbol}: add symbols or symbolsFile",
		strings.Replace(feed, "{trades: }", "[trades]", 1): ":4: f: streams: must be a map",
		strings.Replace(feed, "{symbol}", "{name}", 1):     ":3: f: pattern: unknown {name}",
		strings.Replace(feed, "exchg.", "exchg:",
			1): `:3: f: pattern: "exchg:.": a topic's name may have only`,
		strings.Replace(feed, "trades", "tra des",
			1): `:4: f: tra des: "tra des": a topic's name may have only`,
		strings.Replace(feed, "trades: ", "trades: {symbols: [B]}",
			1): ":4: f: trades: unknown key symbols; there are partitions, settings",

		"topics:\n ex chg:\n":                  `:2: topic "ex chg": must consist of`,
		"topics:\n ..:\n":                      `:2: topic "..": must consist of`,
		"topics:\n __x:\n":                     ":2: topic __x: names that begin with __ belong to Kafka",
		"topics:\n " + long + ":\n":            ": has 250 characters, and Kafka allows 249",
		"topics:\n a.b:\n a_b:\n":              ":3: topic a_b: differs from a.b (",
		"topics:\n a_b:\n a.b:\n":              ":3: topic a.b: differs from a_b (",
		feed + "topics:\n exchg.trades.A:\n":   ":7: topic exchg.trades.A: is already declared at ",
		"topics:\n exchg.a:\nignore: [exchg*]": ":2: topic exchg.a: is also under ignore",

		setting + "{segment.bytes: 1}": ":3: exchg.a: segment.bytes: can't be set on MSK Serverless; only cleanup.policy",
		setting + "{retention.ms: 3w}": ":3: exchg.a: retention.ms: 3w:" +
			" must be a whole number of milliseconds, at least 1",
		setting + "{retention.ms: -2}":            ":3: exchg.a: retention.ms: -2: must be",
		setting + "{retention.ms: 200000000000d}": ":3: exchg.a: retention.ms: 200000000000d: must be",
		setting + "{max.message.bytes: 9MiB}": ":3: exchg.a: max.message.bytes: 9MiB:" +
			" must be a whole number of bytes from 1 to 8388608",
		setting + "{max.message.bytes: unlimited}": ":3: exchg.a: max.message.bytes: unlimited: must be",
		setting + "{compression.type: brotli}": ":3: exchg.a: compression.type: brotli:" +
			" must be one of: producer; uncompressed;",
		setting + "{retention.ms: }":                   ":3: exchg.a: retention.ms: must be one value, and not empty",
		setting + "{retention.ms: 1d}\n  settings: {}": ":4: exchg.a: settings is already in line 3",
	} {
		file := write(t, "c.yaml", doc, "empty.txt", "#\n", "bad.txt", "B\nBTC/USDT\n", "a.txt", "A\n")
		_, _, err := Load("", file, nil)
		require.Error(t, err, doc)
		assert.Contains(t, err.Error(), want, doc)
	}
}

func TestLoadReportsAllMistakesInOrder(t *testing.T) {
	t.Parallel()
	_, _, err := Load("", write(t, "c.yaml", `feeds:
  f: {pattern: "x.{stream}", streams: {a b: , c: {partitions: none}}}
topics:
  x.c: {settings: {retention.ms: soon, segment.ms: 1}}
extra: 1
`), nil)
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 7, "%s", err)
	for i, want := range []string{
		":2: f: a b", ":2: f: c: partitions", ":4: x.c: retention.ms", ":4: x.c: segment.ms", ":4: topic x.c", ":5:",
	} {
		assert.Contains(t, lines[i+1], want)
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	file := write(t, "c.yaml", `feeds:
  f: {pattern: "exchg.{stream}.{symbol}", streams: {a: , b: }, symbols: [X, Y]}
topics:
  trades.x:
  other.x:
`)
	_, warnings, err := Load(
		"",
		file,
		&Access{
			Writable: []string{"exchg.", "trades.", "other."},
			Readable: []string{"exchg.a.", "other."},
			Source:   "Pulumi.prod.yaml",
		},
	)
	require.NoError(t, err)
	require.Len(t, warnings, 2)
	assert.Contains(t, warnings[0], "c.yaml:2: topic exchg.b.X and 1 more of feed f: no client may read it: "+
		"Pulumi.prod.yaml lets clients read exchg.a., other.")
	assert.Contains(t, warnings[1], "c.yaml:4: topic trades.x: no client may read it")

	_, _, err = Load("", file, &Access{Writable: []string{"trades."}, ReadsUnknown: true, Source: "KAFKA_TOPIC_PREFIXES"})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "c.yaml:2: topic exchg.a.X and 3 more of feed f: no client may write it; "+
		"KAFKA_TOPIC_PREFIXES has the prefixes trades.")
	assert.Contains(t, err.Error(), "c.yaml:5: topic other.x: no client may write it")
}

// What is shown of a setting can be written into a catalogue.
func TestSettingsAreShownAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, s := range settings {
		values := append([]string{s.standard}, s.choices...)
		if s.units != nil {
			values = append(values, "1", "1000", "1024", "60000", "90000", "3600000", "8388608")
		}
		if s.unlimited {
			values = append(values, "-1")
		}
		for _, value := range values {
			parsed, err := s.parse(s.show(value))
			require.NoError(t, err, "%s: %s", s.name, value)
			assert.Equal(t, value, parsed, s.name)
		}
	}
	for _, want := range [][3]string{
		{"retention.ms", "259200000", "3d"},
		{"retention.ms", "90000", "90s"},
		{"retention.ms", "-1", "unlimited"},
		{"retention.bytes", "268435456000", "250GiB"},
		{"max.message.bytes", "1048588", "1048588"},
		{"compression.type", "zstd", "zstd"},
	} {
		assert.Equal(t, want[2], showSetting(want[0], want[1]))
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		glob  glob
		topic string
		want  bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "axb", false},
		{"a.*", "a.b.c", true},
		{"a.*", "a", false},
		{"*.c", "a.b.c", true},
		{"a*c", "abd", false},
		{"*", "", true},
		{"a.*.c*", "a.b.cd", true},
		{"a*b*", "acbb", true},
		{"", "a", false},
		{"a**", "a", true},
	} {
		assert.Equal(t, test.want, test.glob.match(test.topic), "%s %s", test.glob, test.topic)
	}
}
