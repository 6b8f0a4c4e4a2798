package topics

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// us-east-1 list prices of MSK Serverless, in dollars, and the hours of a month that AWS's own examples use.
const (
	clusterHour   = 0.75
	partitionHour = 0.0015
	hoursAMonth   = 730
)

// Overview returns what the catalogue amounts to, feed by feed, without asking a cluster.
func Overview(c *Catalogue) *Report {
	r := &Report{}
	table := table{head: []string{"feed", "topics", "partitions", "compacted", "a month"}, numbers: 1}
	for _, f := range c.feeds() {
		table.add(f.name, f.topics())
	}
	table.add("sum", c.Topics())
	r.tables = append(r.tables, table)
	all, compacted := partitions(c.Topics())
	clusters := max(1, ceil(all, MaxPartitions), ceil(compacted, MaxCompacted))
	took := duration(pacer{}, time.Time{}, Compare(c, State{}, nil).steps())
	r.facts = [][2]string{
		{"partitions", fmt.Sprintf("%s of %s", number(all), number(MaxPartitions))},
		{"of compacted topics", fmt.Sprintf("%s of %s", number(compacted), number(MaxCompacted))},
		{"creating all takes", short(took)},
		{"costs", fmt.Sprintf("%s a month: %s for partitions and %s for %s; data and storage come on top",
			dollars(float64(all)*partitionHour*hoursAMonth+float64(clusters)*clusterHour*hoursAMonth),
			dollars(float64(all)*partitionHour*hoursAMonth),
			dollars(float64(clusters)*clusterHour*hoursAMonth), plural(clusters, "cluster"))},
		{"clusters needed", number(clusters)},
	}
	r.err = fits(all, compacted)
	return r
}

func (f feed) topics() []Topic {
	var all []Topic
	for _, e := range f.entries {
		all = append(all, e.Topic)
	}
	return all
}

func (t *table) add(name string, topics []Topic) {
	all, compacted := partitions(topics)
	t.rows = append(t.rows, []string{
		name, number(len(topics)), number(all), number(compacted),
		dollars(float64(all) * partitionHour * hoursAMonth),
	})
}

func ceil(n, by int) int { return (n + by - 1) / by }

func dollars(d float64) string {
	cents := int(d*100 + 0.5)
	return fmt.Sprintf("$%s.%02d", number(cents/100), cents%100)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// Report returns what the plan changes.
func (p *Plan) Report() *Report {
	r := &Report{err: p.Err()}
	for _, t := range p.Delete {
		r.changes = append(r.changes, change{"delete", t.Name, "DATA LOSS: " + plural(t.Partitions, "partition")})
	}
	for _, refusal := range p.Refused {
		r.changes = append(r.changes, change{"refused", refusal.Topic, refusal.Why})
	}
	for _, t := range p.Create {
		r.changes = append(r.changes, change{"create", t.Name, t.describe()})
	}
	for _, g := range p.Grow {
		r.changes = append(r.changes, change{
			"grow", g.Name, fmt.Sprintf("partitions %d → %d: keys move to other partitions", g.From, g.Partitions),
		})
	}
	for _, a := range p.Alter {
		var all []string
		for _, s := range a.Settings {
			from, to := showSetting(s.Name, s.From), showSetting(s.Name, s.target())
			all = append(all, fmt.Sprintf("%s %s → %s", s.Name, from, to))
		}
		r.changes = append(r.changes, change{"alter", a.Name, strings.Join(all, ", ")})
	}
	for _, t := range p.Unlisted {
		r.changes = append(r.changes, change{"not declared", t.Name, t.describe() + ": left alone"})
	}
	r.facts = p.facts()
	return r
}

// facts counts the topics by what happens to them.
func (p *Plan) facts() [][2]string {
	var facts [][2]string
	count := func(what string, topics, partitions int) {
		if topics > 0 {
			facts = append(facts, [2]string{what, plural(topics, "topic") + ", " + plural(partitions, "partition")})
		}
	}
	steps := p.steps()
	grown := 0
	for _, g := range p.Grow {
		grown += g.Partitions - g.From
	}
	count("create", len(p.Create), sum(p.Create))
	count("grow", len(p.Grow), grown)
	count("delete", len(p.Delete), sum(p.Delete))
	count("not declared", len(p.Unlisted), sum(p.Unlisted))
	for _, f := range []struct {
		what   string
		topics int
	}{{"alter", len(p.Alter)}, {"refused", len(p.Refused)}, {"as declared", p.Same}} {
		if f.topics > 0 {
			facts = append(facts, [2]string{f.what, plural(f.topics, "topic")})
		}
	}
	facts = append(facts, [2]string{"partitions afterwards", fmt.Sprintf("%s of %s; of compacted topics %s of %s",
		number(p.partitions), number(MaxPartitions), number(p.compacted), number(MaxCompacted))})
	if len(steps) > 0 {
		facts = append(facts, [2]string{"takes", short(duration(pacer{}, time.Time{}, steps))})
	}
	return facts
}

func sum(topics []Topic) int {
	all, _ := partitions(topics)
	return all
}

// describe returns a topic's partitions and settings.
func (t Topic) describe() string {
	parts := []string{plural(t.Partitions, "partition")}
	for _, s := range settings {
		if value, ok := t.Settings[s.name]; ok {
			parts = append(parts, s.name+" "+s.show(value))
		}
	}
	return strings.Join(parts, ", ")
}

// Report is something to print, as text or as Markdown.
type Report struct {
	Title    string
	Warnings []string
	tables   []table
	changes  []change
	facts    [][2]string // a name and a value
	err      error
}

// Err returns an error if the catalogue can't be applied.
func (r *Report) Err() error { return r.err }

type table struct {
	head    []string
	rows    [][]string
	numbers int // the first column with numbers
}

// change is one line about a topic.
type change struct{ action, topic, what string }

// manyChanges is how many changes of one kind are printed one by one. Pull-request comments have little room.
const manyChanges = 20

// lines returns the changes, those of one kind shortened if there are too many.
func (r *Report) lines(most int) []change {
	var lines []change
	counts := map[string]int{}
	for i, c := range r.changes {
		counts[c.action]++
		long := most > 0 && c.action != "delete" && c.action != "refused"
		if !long || counts[c.action] <= most {
			lines = append(lines, c)
			continue
		}
		if i+1 == len(r.changes) || r.changes[i+1].action != c.action {
			lines = append(lines, change{c.action, fmt.Sprintf("… and %s more", number(counts[c.action]-most)), ""})
		}
	}
	return lines
}

// Text returns the report for a terminal; all prints every change.
func (r *Report) Text(all bool) string {
	var b strings.Builder
	if r.Title != "" {
		b.WriteString(r.Title + "\n\n")
	}
	for _, w := range r.Warnings {
		b.WriteString("warning: " + w + "\n")
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, t := range r.tables {
		for _, row := range slices.Concat([][]string{t.head}, t.rows) {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		fmt.Fprintln(w)
	}
	most := manyChanges
	if all {
		most = 0
	}
	for _, c := range r.lines(most) {
		fmt.Fprintln(w, strings.TrimRight(strings.Join([]string{c.action, c.topic, c.what}, "\t"), "\t"))
	}
	if len(r.changes) > 0 {
		fmt.Fprintln(w)
	}
	for _, f := range r.facts {
		fmt.Fprintln(w, f[0]+"\t"+f[1])
	}
	w.Flush()
	return b.String()
}

// Markdown returns the report for a pull request's comment.
func (r *Report) Markdown() string {
	var b strings.Builder
	if r.Title != "" {
		b.WriteString("### " + r.Title + "\n\n")
	}
	if r.err != nil {
		b.WriteString("> [!CAUTION]\n> " + strings.ReplaceAll(r.err.Error(), "\n", "\n> ") + "\n\n")
	}
	for _, w := range r.Warnings {
		b.WriteString("> [!WARNING]\n> " + w + "\n\n")
	}
	for _, t := range r.tables {
		markdownRow(&b, t.head...)
		rule := slices.Repeat([]string{"---"}, len(t.head))
		for i := t.numbers; i < len(rule); i++ {
			rule[i] = "---:"
		}
		markdownRow(&b, rule...)
		for _, row := range t.rows {
			markdownRow(&b, row...)
		}
		b.WriteString("\n")
	}
	if len(r.changes) > 0 {
		markdownRow(&b, "change", "topic", "what")
		markdownRow(&b, "---", "---", "---")
		for _, c := range r.lines(manyChanges) {
			markdownRow(&b, c.action, c.topic, c.what)
		}
		b.WriteString("\n")
	}
	for _, f := range r.facts {
		b.WriteString("* " + f[0] + ": " + f[1] + "\n")
	}
	return b.String()
}

func markdownRow(b *strings.Builder, cells ...string) {
	for i := range cells {
		cells[i] = strings.NewReplacer("|", `\|`, "_", `\_`, "\n", " ").Replace(cells[i])
	}
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}
