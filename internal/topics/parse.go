package topics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The keys of a catalogue and of its parts. topics/schema.json has the same.
var (
	catalogueKeys = []string{"defaults", "feeds", "topics", "ignore"}
	defaultKeys   = []string{"pattern", "partitions", "settings"}
	feedKeys      = []string{
		"pattern", "exchange", "market", "streams", "symbols", "symbolsFile", "partitions", "settings",
	}
	topicKeys = []string{"partitions", "settings"} // of a stream, too
)

// Load reads the catalogue in a file below dir. Its error is a Problems with every mistake, unless the file can't be
// read. If access isn't nil, each topic must be writable by some client, and warnings name what no client may read.
func Load(dir, file string, access *Access) (c *Catalogue, warnings []string, err error) {
	r := &reader{dir: dir, file: file}
	doc, err := r.read(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	c = r.catalogue(doc)
	c.checkNames(&r.problems)
	if access != nil {
		warnings = access.check(c, &r.problems)
	}
	if err := r.problems.err(); err != nil {
		return nil, nil, err
	}
	return c, warnings, nil
}

func (r *reader) catalogue(doc []byte) *Catalogue {
	c := &Catalogue{File: r.file}
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		r.problems.add(position{r.file, errorLine(err)}, "not YAML: %s", err)
		return c
	}
	if len(root.Content) == 0 {
		r.problems.add(position{r.file, 1}, "the file is empty: declare feeds or topics")
		return c
	}
	top := r.known(root.Content[0], "catalogue", catalogueKeys)
	defaults := options{partitions: 1}
	var pattern word
	if n := top["defaults"]; n != nil {
		fields := r.known(n, "defaults", defaultKeys)
		defaults = defaults.with(r.options(fields, "defaults"))
		if n := fields["pattern"]; n != nil {
			pattern, _ = r.scalar(n, "defaults: pattern")
		}
	}
	if n := top["feeds"]; n != nil {
		for _, f := range r.fields(n, "feeds") {
			c.entries = append(c.entries, r.feed(f, pattern, defaults)...)
		}
	}
	if n := top["topics"]; n != nil {
		for _, f := range r.fields(n, "topics") {
			set := defaults.with(r.options(r.known(f.value, f.key, topicKeys), f.key))
			c.entries = append(c.entries, entry{Topic: set.topic(f.key), at: f.at})
		}
	}
	if n := top["ignore"]; n != nil {
		for _, w := range r.list(n, "ignore") {
			c.ignore = append(c.ignore, glob(w.text))
		}
	}
	return c
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// errorLine returns the line that a YAML error names, or 1.
func errorLine(err error) int {
	line := 1
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscan(m[1], &line)
	}
	return line
}

// options are what defaults, feeds, streams and topics can all set.
type options struct {
	partitions int // 0 if not set
	settings   map[string]string
}

// with returns o with everything that over sets.
func (o options) with(over options) options {
	all := options{o.partitions, map[string]string{}}
	for _, part := range []options{o, over} {
		for name, value := range part.settings {
			all.settings[name] = value
		}
	}
	if over.partitions > 0 {
		all.partitions = over.partitions
	}
	return all
}

func (o options) topic(name string) Topic { return Topic{name, o.partitions, o.settings} }

func (r *reader) options(fields map[string]*yaml.Node, what string) options {
	o := options{settings: map[string]string{}}
	if n := fields["partitions"]; n != nil {
		o.partitions = r.count(n, what+": partitions", MaxPartitions)
	}
	if n := fields["settings"]; n != nil {
		for _, f := range r.fields(n, what+": settings") {
			r.setting(f, what, o.settings)
		}
	}
	return o
}

// setting reads one setting into all.
func (r *reader) setting(f field, what string, all map[string]string) {
	s, ok := findSetting(f.key)
	if !ok {
		r.problems.add(f.at, "%s: %s: can't be set on MSK Serverless; only %s can",
			what, f.key, strings.Join(settingNames(), ", "))
		return
	}
	w, ok := r.scalar(f.value, what+": "+f.key)
	if !ok {
		return
	}
	value, err := s.parse(w.text)
	if err != nil {
		r.problems.add(w.at, "%s: %s: %s: %s", what, f.key, w.text, err)
		return
	}
	all[f.key] = value
}

// feed returns the topics of one feed: its pattern with each stream and each symbol.
func (r *reader) feed(f field, pattern word, defaults options) []entry {
	fields := r.known(f.value, f.key, feedKeys)
	set := defaults.with(r.options(fields, f.key))
	if n := fields["pattern"]; n != nil {
		pattern, _ = r.scalar(n, f.key+": pattern")
	}
	if pattern.text == "" {
		r.problems.add(f.at, "%s: no pattern here or under defaults, such as exchg.{exchange}.{market}.{stream}.{symbol}",
			f.key)
		return nil
	}
	streams := r.streams(f.key, fields["streams"])
	values := map[string][]word{
		"exchange": r.one(f.key, "exchange", fields["exchange"]),
		"market":   r.one(f.key, "market", fields["market"]),
		"symbol":   r.symbols(f.key, fields),
	}
	for _, s := range streams {
		values["stream"] = append(values["stream"], s.word)
	}
	if !r.placeholders(f, pattern, values, fields) {
		return nil
	}
	var entries []entry
	orNone := func(words []word) []word {
		if len(words) == 0 {
			return []word{{}}
		}
		return words
	}
	if len(streams) == 0 {
		streams = []stream{{}}
	}
	exchange, market := orNone(values["exchange"])[0], orNone(values["market"])[0]
	for _, s := range streams {
		for _, symbol := range orNone(values["symbol"]) {
			name := strings.NewReplacer(
				"{exchange}", exchange.text, "{market}", market.text, "{stream}", s.text, "{symbol}", symbol.text,
			).Replace(pattern.text)
			at := pattern.at
			if at.file == "" {
				at = f.at
			}
			if symbol.text != "" {
				at = symbol.at
			}
			entries = append(entries, entry{Topic: set.with(s.options).topic(name), feed: f.key, at: at})
		}
	}
	return entries
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// The feed's keys that give a placeholder its values.
var placeholders = map[string][]string{
	"exchange": {"exchange"},
	"market":   {"market"},
	"stream":   {"streams"},
	"symbol":   {"symbols", "symbolsFile"},
}

// placeholders reports whether the pattern can be filled in. It adds a problem for each placeholder without values and
// for each key whose values the pattern doesn't use.
func (r *reader) placeholders(f field, pattern word, values map[string][]word, fields map[string]*yaml.Node) bool {
	literal := word{placeholder.ReplaceAllString(pattern.text, ""), pattern.at}
	fits := literal.text == "" || r.legal(f.key+": pattern", literal)
	var used []string
	for _, m := range placeholder.FindAllStringSubmatch(pattern.text, -1) {
		name := m[1]
		used = append(used, name)
		keys, known := placeholders[name]
		given := slices.ContainsFunc(keys, func(key string) bool { return fields[key] != nil })
		switch {
		case !known:
			r.problems.add(pattern.at, "%s: pattern: unknown {%s}; there are {exchange}, {market}, {stream}, {symbol}",
				f.key, name)
		case !given:
			r.problems.add(f.at, "%s: the pattern has {%s}: add %s", f.key, name, strings.Join(keys, " or "))
		}
		fits = fits && len(values[name]) > 0
	}
	for _, name := range []string{"exchange", "market", "stream", "symbol"} {
		for _, key := range placeholders[name] {
			if fields[key] != nil && !slices.Contains(used, name) {
				r.problems.add(r.at(fields[key]), "%s: %s: the pattern %s has no {%s}: remove one or add the other",
					f.key, key, pattern.text, name)
				fits = false
			}
		}
	}
	return fits
}

// stream is a stream's name with what it sets.
type stream struct {
	word
	options
}

func (r *reader) streams(feed string, n *yaml.Node) []stream {
	if n == nil {
		return nil
	}
	var all []stream
	for _, f := range r.fields(n, feed+": streams") {
		what := feed + ": " + f.key
		if r.legal(what, word{f.key, f.at}) {
			all = append(all, stream{word{f.key, f.at}, r.options(r.known(f.value, what, topicKeys), what)})
		}
	}
	if len(all) == 0 {
		r.problems.add(r.at(n), "%s: streams: must be a map from each stream's name to what it sets, or to nothing", feed)
	}
	return all
}

func (r *reader) one(feed, key string, n *yaml.Node) []word {
	if n == nil {
		return nil
	}
	w, ok := r.scalar(n, feed+": "+key)
	if !ok || !r.legal(feed+": "+key, w) {
		return nil
	}
	return []word{w}
}

// symbols returns the symbols of a feed's list and of its file.
func (r *reader) symbols(feed string, fields map[string]*yaml.Node) []word {
	var all []word
	if n := fields["symbols"]; n != nil {
		all = r.list(n, feed+": symbols")
	}
	if n := fields["symbolsFile"]; n != nil {
		if w, ok := r.scalar(n, feed+": symbolsFile"); ok {
			all = append(all, r.symbolsFile(feed, w)...)
		}
	}
	var symbols []word
	first := map[string]position{}
	for _, w := range all {
		if at, ok := first[w.text]; ok {
			r.problems.add(w.at, "%s: symbol %s is already at %s: remove one", feed, w.text, at)
			continue
		}
		first[w.text] = w.at
		if r.legal(feed+": symbols", w) {
			symbols = append(symbols, w)
		}
	}
	return symbols
}

// read reads a file below the folder. Its error doesn't name the file.
func (r *reader) read(file string) ([]byte, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(r.dir, file)
	}
	doc, err := os.ReadFile(file)
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return nil, pathErr.Err
	}
	return doc, err
}

// symbolsFile returns the lines of a file beside the catalogue, without blank lines and comments, which begin with #.
func (r *reader) symbolsFile(feed string, name word) []word {
	file := filepath.Join(filepath.Dir(r.file), name.text)
	doc, err := r.read(file)
	if err != nil {
		r.problems.add(name.at, "%s: symbolsFile: %s: %s", feed, file, err)
		return nil
	}
	var words []word
	for i, line := range strings.Split(string(doc), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			words = append(words, word{line, position{file, i + 1}})
		}
	}
	if len(words) == 0 {
		r.problems.add(name.at, "%s: symbolsFile: %s: has no symbols", feed, file)
	}
	return words
}
