package topics

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// CleanupPolicy is the one setting that Serverless accepts only when a topic is created.
const CleanupPolicy = "cleanup.policy"

// setting is a topic setting that MSK Serverless lets be set. A number has a range and units; a word has choices.
type setting struct {
	name      string
	standard  string   // what Serverless sets if nobody does
	choices   []string // for words
	min, max  int64    // for numbers
	unlimited bool     // -1 is allowed
	units     []unit   // for numbers
}

// unit is a multiple of a setting's own unit, which is milliseconds or bytes.
type unit struct {
	suffix string
	factor int64
}

var (
	times = []unit{{"ms", 1}, {"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1000}}
	sizes = []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
)

// settings lists what can be set, with the defaults and limits of the MSK guide, "Configuration properties for MSK
// Serverless clusters". The choices, and the minimums, are Kafka's (documentation, "Topic Configs").
var settings = []setting{
	{name: CleanupPolicy, standard: "delete", choices: []string{"delete", "compact", "compact,delete"}},
	{
		name: "compression.type", standard: "producer",
		choices: []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"},
	},
	{name: "max.message.bytes", standard: "1048588", min: 1, max: 8 << 20, units: sizes},
	{
		name: "message.timestamp.difference.max.ms", standard: strconv.FormatInt(math.MaxInt64, 10),
		min: 0, max: math.MaxInt64, units: times,
	},
	{name: "message.timestamp.type", standard: "CreateTime", choices: []string{"CreateTime", "LogAppendTime"}},
	{
		name: "retention.bytes", standard: strconv.FormatInt(250<<30, 10),
		min: 1, max: math.MaxInt64, unlimited: true, units: sizes,
	},
	{
		name: "retention.ms", standard: strconv.FormatInt(7*86_400_000, 10),
		min: 1, max: math.MaxInt64, unlimited: true, units: times,
	},
}

func settingNames() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

// findSetting returns the setting of that name, or false if Serverless doesn't let it be set.
func findSetting(name string) (setting, bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return settings[i], true
}

const unlimitedWord = "unlimited"

// parse returns text, as a catalogue has it, in Kafka's notation.
func (s setting) parse(text string) (string, error) {
	if s.choices != nil {
		value := sortedList(text)
		if !slices.Contains(s.choices, value) {
			return "", fmt.Errorf("must be one of: %s", strings.Join(s.choices, "; "))
		}
		return value, nil
	}
	if s.unlimited && (text == unlimitedWord || text == "-1") {
		return "-1", nil
	}
	n, ok := s.number(text)
	if !ok || n < s.min || n > s.max {
		return "", fmt.Errorf("must be %s", s.want())
	}
	return strconv.FormatInt(n, 10), nil
}

// number reads a whole number with or without a unit.
func (s setting) number(text string) (int64, bool) {
	factor := int64(1)
	for _, u := range s.units {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			text, factor = digits, u.factor
			break
		}
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/factor {
		return 0, false
	}
	return int64(n) * factor, true
}

// want describes a number's range.
func (s setting) want() string {
	want := fmt.Sprintf("a whole number of bytes, at least %d, or one with a unit: KiB, MiB, GiB", s.min)
	if s.max < math.MaxInt64 {
		want = fmt.Sprintf("a whole number of bytes from %d to %d, or one with a unit: KiB, MiB", s.min, s.max)
	}
	if strings.HasSuffix(s.name, ".ms") {
		want = fmt.Sprintf("a whole number of milliseconds, at least %d, or one with a unit: ms, s, m, h, d", s.min)
	}
	if s.unlimited {
		want += "; or " + unlimitedWord
	}
	return want
}

// show returns a value in Kafka's notation as a catalogue would have it: in the largest unit that divides it.
func (s setting) show(value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || s.units == nil {
		return value
	}
	if n < 0 {
		return unlimitedWord
	}
	for _, u := range s.units {
		if n > 0 && n%u.factor == 0 && u.factor > 1 {
			return strconv.FormatInt(n/u.factor, 10) + u.suffix
		}
	}
	return value
}

// sortedList returns a comma-separated list in order and without spaces: brokers may list cleanup policies either way.
func sortedList(text string) string {
	words := strings.Split(text, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

// showSetting returns the value of a setting as a catalogue would have it.
func showSetting(name, value string) string {
	s, _ := findSetting(name)
	return s.show(value)
}
