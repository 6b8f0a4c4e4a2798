package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

// parse returns the valid configuration with the changes.
func parse(t *testing.T, changes map[string]string) config.Config {
	t.Helper()
	cfg, err := config.Parse(project.Name, configtest.With(changes))
	require.NoError(t, err)
	return cfg
}

func TestDashboardIsValid(t *testing.T) {
	t.Parallel()
	for _, cluster := range []string{"7", "crypto-stream", strings.Repeat("a", 43)} {
		cfg := parse(t, map[string]string{"clusterName": cluster})
		assert.Empty(t, dashboardProblems(t, compact.JSON(newDashboardBody(cfg))), cluster)
		assert.Regexp(t, `^`+cluster+`-ap-south-1$`, dashboardName(cfg))
		assert.Regexp(t, `^[A-Za-z0-9_-]{1,255}$`, dashboardName(cfg), "what PutDashboard takes")
	}
}

func TestDashboardCheckerRefuses(t *testing.T) {
	t.Parallel()
	valid := compact.JSON(newDashboardBody(parse(t, nil)))
	for _, c := range []struct{ name, old, with, want string }{
		{"unknown key", `"start":"-PT3H"`, `"begin":"-PT3H"`, "dashboard: unknown begin"},
		{"start", `"-PT3H"`, `"3h"`, "start"},
		{"periodOverride", `"inherit"`, `"obey"`, "periodOverride"},
		{"type", `"type":"metric"`, `"type":"graph"`, "widget 0: type"},
		{"beyond the grid", `"width":12`, `"width":25`, "widget 0: place"},
		{"overlap", `"x":12,"y":0`, `"x":11,"y":0`, "widget 0 and widget 1 overlap"},
		{"no region", `"region":"ap-south-1",`, ``, "widget 0: no region"},
		{"unknown property", `"title"`, `"name"`, "widget 0: unknown name"},
		{"view", `"timeSeries"`, `"line"`, "widget 0: view"},
		{"period", `"period":60`, `"period":61`, "widget 0: period"},
		{"axis", `"showUnits"`, `"units"`, "widget 0: unknown units"},
		{"annotation", `"value":200000000`, `"values":200000000`, "widget 0: unknown values"},
		{"id", `"id":"q1"`, `"id":"Q1"`, "widget 0: id"},
		{"second query", `"id":"e2","expression":"SEARCH(`, `"id":"e1","expression":"SELECT(`, "widget 6: id"},
		{"unknown metric", `"label":"all topics"`, `"labels":"all topics"`, "widget 0: unknown labels"},
	} {
		broken := strings.Replace(valid, c.old, c.with, 1)
		require.NotEqual(t, valid, broken, c.name)
		assert.Contains(t, strings.Join(dashboardProblems(t, broken), "\n"), c.want, c.name)
	}
}

// dashboardProblems returns what CloudWatch's "Dashboard Body Structure and Syntax" forbids in a dashboard of
// metric widgets with expressions.
func dashboardProblems(t *testing.T, body string) (problems []string) {
	t.Helper()
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	keys := func(what string, has map[string]any, known ...string) {
		for _, k := range slices.Sorted(maps.Keys(has)) {
			if !slices.Contains(known, k) {
				add("%s: unknown %s", what, k)
			}
		}
	}
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	keys("dashboard", doc, "start", "end", "periodOverride", "widgets", "variables")
	if start, ok := doc["start"].(string); ok && !regexp.MustCompile(`^-P(T\d+[MH]|\d+[DWM])$`).MatchString(start) {
		add("start: %s", start)
	}
	if p, ok := doc["periodOverride"]; ok && p != "auto" && p != "inherit" {
		add("periodOverride: %v", p)
	}
	widgets := doc["widgets"].([]any)
	if len(widgets) == 0 || len(widgets) > 500 {
		add("%d widgets", len(widgets))
	}
	taken := map[[2]int]string{}
	for i, w := range widgets {
		w, what := w.(map[string]any), fmt.Sprint("widget ", i)
		keys(what, w, "type", "x", "y", "width", "height", "properties")
		if w["type"] != "metric" {
			add("%s: type %v", what, w["type"])
		}
		x, y, width, height := int(
			w["x"].(float64),
		), int(
			w["y"].(float64),
		), int(
			w["width"].(float64),
		), int(
			w["height"].(float64),
		)
		if x < 0 || y < 0 || width < 1 || x+width > 24 || height < 1 || height > 1000 {
			add("%s: place %d,%d %dx%d", what, x, y, width, height)
		}
		for cx := x; cx < x+width; cx++ {
			for cy := y; cy < y+height; cy++ {
				if other, ok := taken[[2]int{cx, cy}]; ok {
					add("%s and %s overlap", other, what)
				}
				taken[[2]int{cx, cy}] = what
			}
		}
		graphProblems(what, w["properties"].(map[string]any), keys, add)
	}
	return problems
}

// graphProblems checks the properties of a metric widget.
func graphProblems(
	what string,
	p map[string]any,
	keys func(string, map[string]any, ...string),
	add func(string, ...any),
) {
	keys(what, p, "accountId", "annotations", "legend", "liveData", "metrics", "period", "region",
		"setPeriodToTimeRange", "singleValueFullPrecision", "sparkline", "stacked", "stat", "table", "timezone",
		"title", "trend", "view", "yAxis")
	if region, _ := p["region"].(string); region == "" {
		add("%s: no region", what)
	}
	if view, ok := p["view"]; ok &&
		!slices.Contains([]any{"timeSeries", "singleValue", "gauge", "bar", "pie", "table"}, view) {
		add("%s: view %v", what, view)
	}
	period := func(v any) {
		if n, ok := v.(float64); !ok || n < 60 || int(n)%60 != 0 {
			add("%s: period %v", what, v)
		}
	}
	period(p["period"])
	if y, ok := p["yAxis"].(map[string]any); ok {
		keys(what, y, "left", "right")
		keys(what, y["left"].(map[string]any), "label", "min", "max", "showUnits")
	}
	if a, ok := p["annotations"].(map[string]any); ok {
		keys(what, a, "horizontal", "vertical", "alarms")
		for _, line := range a["horizontal"].([]any) {
			keys(what, line.(map[string]any), "color", "fill", "label", "value", "visible", "yAxis")
		}
	}
	ids, selects := map[string]bool{}, 0
	metrics := p["metrics"].([]any)
	if len(metrics) == 0 || len(metrics) > 500 {
		add("%s: %d metrics", what, len(metrics))
	}
	for _, m := range metrics {
		m := m.([]any)[0].(map[string]any)
		keys(what, m, "color", "expression", "id", "label", "period", "region", "stat", "visible", "yAxis")
		period(m["period"])
		id := m["id"].(string)
		if ids[id] || !regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`).MatchString(id) {
			add("%s: id %s", what, id)
		}
		ids[id] = true
		text := m["expression"].(string)
		if strings.HasPrefix(text, "SELECT") {
			selects++
		}
		if len(text) > 1024 {
			add("%s: expression of %d characters", what, len(text))
		}
	}
	if selects > 1 {
		add("%s: %d Metrics Insights queries, a graph takes one", what, selects)
	}
}

// TestDashboardShows checks every graph's title, unit, lines and quota.
func TestDashboardShows(t *testing.T) {
	t.Parallel()
	const (
		byTopic = ` FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) WHERE "Cluster Name" = 'crypto-stream'`
		byGroup = ` FROM SCHEMA("AWS/Kafka", "Cluster Name", "Consumer Group", Topic) ` +
			`WHERE "Cluster Name" = 'crypto-stream'` +
			` GROUP BY "Consumer Group" ORDER BY MAX() DESC LIMIT 100`
		search = `SEARCH('{AWS/Kafka,"Cluster Name",Topic} MetricName="%s" "Cluster Name"="crypto-stream"', 'Sum', 60)`
	)
	type shown struct {
		title, unit string
		lines       []string
		quota       float64
	}
	want := []shown{
		{"Bytes in", "bytes/s", []string{`SELECT SUM(BytesInPerSec)` + byTopic}, 200e6},
		{"Bytes out", "bytes/s", []string{`SELECT SUM(BytesOutPerSec)` + byTopic}, 400e6},
		{"Messages in, by topic (the 100 busiest)", "messages/s", []string{
			`SELECT SUM(MessagesInPerSec)` + byTopic + ` GROUP BY Topic ORDER BY SUM() DESC LIMIT 100`,
		}, 0},
		{"Lag in the slowest partition, by group", "messages", []string{`SELECT MAX(MaxOffsetLag)` + byGroup}, 0},
		{"Lag over all partitions, by group", "messages", []string{`SELECT SUM(SumOffsetLag)` + byGroup}, 0},
		{"Estimated time lag, by group", "seconds", []string{`SELECT MAX(EstimatedMaxTimeLag)` + byGroup}, 0},
		{
			"Message format conversions, by topic",
			"conversions/s",
			[]string{
				fmt.Sprintf(search, "ProduceMessageConversionsPerSec"),
				fmt.Sprintf(search, "FetchMessageConversionsPerSec"),
			},
			0,
		},
	}
	body := newDashboardBody(parse(t, nil))
	assert.Equal(t, "inherit", body.PeriodOverride)
	var got []shown
	for _, w := range body.Widgets {
		g := w.Properties
		s := shown{title: g.Title, unit: g.YAxis.Left.Label}
		for _, m := range g.Metrics {
			s.lines = append(s.lines, m[0].Expression)
			assert.Equal(t, 60, m[0].Period, g.Title)
		}
		if g.Annotations != nil {
			s.quota = g.Annotations.Horizontal[0].Value
		}
		got = append(got, s)
	}
	assert.Equal(t, want, got)
}

func TestConsoleURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ partition, region, want string }{
		{"aws", "ap-south-1", "https://console.aws.amazon.com/cloudwatch/home?region=ap-south-1#dashboards:name=md-x"},
		{"aws-cn", "cn-north-1", "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1#dashboards:name=md-x"},
		{
			"aws-us-gov", "us-gov-west-1",
			"https://console.amazonaws-us-gov.com/cloudwatch/home?region=us-gov-west-1#dashboards:name=md-x",
		},
		{"aws-eusc", "eusc-de-east-1", ""},
	} {
		assert.Equal(t, c.want, consoleURL(c.partition, c.region, "md-x"), c.partition)
	}
}
