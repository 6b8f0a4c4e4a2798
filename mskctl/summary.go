package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// summary is what people read of a preview, as Markdown.
type summary struct {
	Title   string // "Preview", "Plan" or "Drift"
	Stack   string
	Commit  string
	Columns [2]string // what the two sides of a change are called
	Dangers []string  // in plain text
	Notes   []string  // in plain text, below the dangers
	Rows    []summaryRow
	Errors  []string
	Failed  bool
	Counts  string
}

type summaryRow struct{ Op, Name, Kind, Changes string }

// The two sides of a change in a preview, and in a comparison with AWS.
var (
	deployedConfigured = [2]string{"deployed", "configured"}
	awsConfigured      = [2]string{"AWS has", "configuration says"}
)

// summarize returns the summary of a preview that ended with the errors.
func summarize(title, stack, commit string, sides [2]string, p *preview, errors []string) summary {
	s := summary{
		Title: title, Stack: stack, Commit: commit, Columns: sides, Dangers: p.dangers(), Rows: p.rows(), Errors: errors,
		Failed: len(errors) > 0,
	}
	if len(s.Commit) > 12 {
		s.Commit = s.Commit[:12]
	}
	var counts []string
	for _, op := range slices.Sorted(maps.Keys(p.ChangeSummary)) {
		counts = append(counts, fmt.Sprintf("%d %s", p.ChangeSummary[op], op))
	}
	s.Counts = strings.Join(counts, ", ")
	return s
}

var summaryTemplate = template.Must(template.New("summary").Funcs(template.FuncMap{"code": code}).Parse(
	`### {{.Title}} of {{code .Stack}}{{if .Commit}} at {{code .Commit}}{{end}}

{{range .Dangers}}> [!CAUTION]
> **{{.}}**

{{end}}{{range .Notes}}> [!WARNING]
> **{{.}}**

{{end}}{{if .Rows}}| | resource | type | what changes: {{index .Columns 0}} → {{index .Columns 1}} |
| --- | --- | --- | --- |
{{range .Rows}}| **{{.Op}}** | {{code .Name}} | {{code .Kind}} | {{.Changes}} |
{{end}}
{{end}}{{if .Failed}}**Stopped, and nothing was changed:**

` + "```text\n{{range .Errors}}{{.}}\n{{end}}```" + `

{{else if not .Rows}}No changes.

{{end}}{{if .Counts}}{{.Counts}}
{{end}}`))

// markdown renders the summary.
func (s summary) markdown() string {
	for i, e := range s.Errors {
		s.Errors[i] = strings.ReplaceAll(e, "```", "'''") // it must not end the fence
	}
	var b strings.Builder
	if err := summaryTemplate.Execute(&b, s); err != nil {
		panic(err) // the template and its data are this file's
	}
	return b.String()
}

// headline returns the summary in a line: what the reader must not miss, and what changes.
func (s summary) headline() string {
	var parts []string
	for _, d := range append(slices.Clone(s.Dangers), s.Notes...) {
		warning, _, _ := strings.Cut(d, ":")
		parts = append(parts, warning)
	}
	changes := strings.Split(s.Counts, ", ")
	changes = slices.DeleteFunc(changes, func(c string) bool { return c == "" || strings.HasSuffix(c, " same") })
	if len(changes) == 0 {
		changes = []string{"no changes"}
	}
	return strings.Join(append(parts, strings.Join(changes, ", ")), "; ")
}

// code returns text as a code span that can stand in a table.
func code(text string) string {
	return "`" + strings.NewReplacer("`", "¦", "|", "¦", "\n", "¦", "\r", "¦").Replace(text) + "`"
}

// dangers returns what the reader must not miss: a lost cluster, a missing one, an end of protection.
func (p *preview) dangers() []string {
	var dangers []string
	verb, created, unprotected := "", false, []string{}
	for _, s := range p.Steps {
		switch {
		case s.losesCluster() && s.replaces():
			verb = "replace"
		case s.losesCluster() && verb == "":
			verb = "delete"
		case s.isCluster() && s.Op == "create":
			created = true
		}
		if s.unprotects() {
			_, name := s.resource()
			unprotected = append(unprotected, code(name))
		}
	}
	if verb != "" {
		dangers = append(
			dangers,
			"DATA LOSS: this would "+verb+" the cluster. All of its topics, records and consumer "+
				"offsets would be lost for good.",
		)
	}
	if created && p.hasResources() {
		dangers = append(
			dangers,
			"DATA LOSS, unless the first deployment broke off: the stack has resources but no cluster, "+
				"and a new one would be empty.",
		)
	}
	if len(unprotected) > 0 {
		slices.Sort(unprotected)
		dangers = append(dangers, "PROTECTION OFF: nothing would keep Pulumi from deleting or replacing "+
			strings.Join(unprotected, ", ")+" any more.")
	}
	return dangers
}

// hasResources reports whether the stack has resources already, besides Pulumi's own.
func (p *preview) hasResources() bool {
	return slices.ContainsFunc(p.Steps, func(s step) bool {
		kind, _ := s.resource()
		return s.OldState != nil && !strings.HasPrefix(kind, "pulumi:")
	})
}

// rows returns one row for each resource that changes, deletions and replacements first.
func (p *preview) rows() []summaryRow {
	byURN := map[string]step{}
	for _, s := range p.changes() {
		seen, ok := byURN[s.URN]
		if s.replaces() {
			s.Op = "replace" // a replacement is up to three steps
		}
		if !ok || s.replaces() && !seen.replaces() {
			byURN[s.URN] = s
		}
	}
	rank := map[string]int{"delete": -2, "replace": -1, "create": 1} // others are 0
	steps := slices.Collect(maps.Values(byURN))
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(rank[a.Op]-rank[b.Op], strings.Compare(a.URN, b.URN))
	})
	var rows []summaryRow
	for _, s := range steps {
		kind, name := s.resource()
		rows = append(rows, summaryRow{s.Op, name, kind, s.whatChanges()})
	}
	return rows
}

// whatChanges returns the properties that the step changes, with both values if they are short.
func (s step) whatChanges() string {
	if s.Op == "delete" || s.Op == "create" {
		return ""
	}
	properties := slices.Concat(s.DiffReasons, s.ReplaceReasons)
	slices.Sort(properties)
	properties = slices.Compact(properties)
	if len(properties) > 1 { // tagsAll follows from other properties, or from the provider's tags
		properties = slices.DeleteFunc(properties, func(p string) bool { return p == "tagsAll" })
	}
	if len(properties) == 0 && s.replaces() {
		return "follows another replacement"
	}
	var changes []string
	for _, key := range properties {
		was, short1 := s.OldState.value(key)
		is, short2 := s.NewState.value(key)
		change := code(key)
		if short1 && short2 {
			change += " " + was + " → " + is
		} else if rules := s.rulesThatChange(key); rules != "" {
			change += " " + rules
		}
		changes = append(changes, change)
	}
	return strings.Join(changes, ", ")
}

// rulesThatChange returns the descriptions of the rules that the step adds to a property, or removes from it.
func (s step) rulesThatChange(key string) string {
	was, is := s.OldState.descriptions(key), s.NewState.descriptions(key)
	var changes []string
	for _, d := range is {
		if !slices.Contains(was, d) {
			changes = append(changes, "+ "+d)
		}
	}
	for _, d := range was {
		if !slices.Contains(is, d) {
			changes = append(changes, "− "+d)
		}
	}
	return strings.Join(changes, ", ")
}

// descriptions returns the descriptions of the elements of a property, as code spans.
func (r *resourceState) descriptions(key string) (texts []string) {
	if r == nil {
		return nil
	}
	elements, _ := r.Inputs[key].([]any)
	for _, e := range elements {
		fields, _ := e.(map[string]any)
		if d, ok := fields["description"].(string); ok && d != unknown {
			texts = append(texts, code(d))
		}
	}
	return texts
}

// unknown is how a preview writes a value that isn't known yet (the engine's plugin.UnknownStringValue).
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

// value returns a property's value as Markdown, and whether it is short enough for a table.
func (r *resourceState) value(key string) (text string, short bool) {
	if r == nil {
		return "", false
	}
	switch v := r.Inputs[key].(type) {
	case string:
		if v == unknown {
			return "known later", true
		}
		return code(v), len(v) <= 80
	case bool, float64, json.Number:
		return code(fmt.Sprint(v)), true
	}
	return "", false
}
