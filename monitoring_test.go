package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	keys(
		what,
		p,
		"accountId",
		"annotations",
		"legend",
		"liveData",
		"metrics",
		"period",
		"region",
		"setPeriodToTimeRange",
		"singleValueFullPrecision",
		"sparkline",
		"stacked",
		"stat",
		"table",
		"timezone",
		"title",
		"trend",
		"view",
		"yAxis",
	)
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
				fmt.Sprintf(
					search,
					"ProduceMessageConversionsPerSec",
				),
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

// TestAlarms checks everything that CloudWatch evaluates.
func TestAlarms(t *testing.T) {
	t.Parallel()
	cfg := parse(t, map[string]string{
		"alarmTopicArn":         configtest.AlarmTopic,
		"maxConsumerLag":        "5000",
		"maxConsumerLagSeconds": "30",
		"quotaAlarmPercent":     "75",
		"silenceMinutes":        "12",
		"consumerGroupNames":    `["a","b:c"]`,
		"consumerTeams":         `{"quant":{"topicPrefixes":["exchg."],"groupNames":["q/1"]}}`,
	})
	const (
		byTopic = ` FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) WHERE "Cluster Name" = 'crypto-stream'`
		byGroup = ` FROM SCHEMA("AWS/Kafka", "Cluster Name", "Consumer Group", Topic) ` +
			`WHERE "Cluster Name" = 'crypto-stream'` +
			` AND "Consumer Group" = `
		above, notAbove = "GreaterThanThreshold", "LessThanOrEqualToThreshold"
	)
	want := []alarm{
		{"ingress", "", `SELECT SUM(BytesInPerSec)` + byTopic, above, 150e6, 5, 3, "notBreaching"},
		{"egress", "", `SELECT SUM(BytesOutPerSec)` + byTopic, above, 300e6, 5, 3, "notBreaching"},
		{"silence", "", `SELECT SUM(MessagesInPerSec)` + byTopic, notAbove, 0, 12, 12, "breaching"},
		{"lag-messages-a", "", `SELECT MAX(MaxOffsetLag)` + byGroup + `'a'`, above, 5000, 5, 3, "notBreaching"},
		{"lag-seconds-a", "", `SELECT MAX(EstimatedMaxTimeLag)` + byGroup + `'a'`, above, 30, 5, 3, "notBreaching"},
		{"lag-messages-q/1", "", `SELECT MAX(MaxOffsetLag)` + byGroup + `'q/1'`, above, 5000, 5, 3, "notBreaching"},
		{
			"lag-seconds-q/1",
			"",
			`SELECT MAX(EstimatedMaxTimeLag)` + byGroup + `'q/1'`,
			above,
			30,
			5,
			3,
			"notBreaching",
		},
	}
	got := alarms(cfg)
	for i := range got {
		assert.Contains(t, got[i].description, "crypto-stream")
		assert.Contains(t, got[i].description, "First ")
		assert.LessOrEqual(t, len(got[i].description), 1024, "CloudWatch's limit")
		got[i].description = ""
	}
	assert.Equal(t, want, got)
	assert.Contains(t, strings.Join(cfg.Warnings(), "\n"), `"b:c": AWS publishes no lag`)
}

func TestAlarmDescriptionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	runbook := string(text)
	said := map[string]string{}
	for _, a := range alarms(parse(t, map[string]string{"alarmTopicArn": configtest.AlarmTopic})) {
		said[a.name] = a.description
		section := regexp.MustCompile(`docs/operations\.md, "(.+)"`).FindStringSubmatch(a.description)
		require.NotNil(t, section, a.name)
		assert.True(t, strings.Contains(runbook, "\n### "+section[1]+"\n"), "%s: no section %s", a.name, section[1])
	}
	assert.Contains(t, said["ingress"], "Producers write more than 160 MB/s, 80 % of the 200 MB/s")
	assert.Contains(t, said["egress"], "Consumers read more than 320 MB/s, 80 % of the 400 MB/s")
	assert.Contains(t, said["silence"], "for 5 minutes")
	assert.Contains(
		t,
		said["lag-messages-team-quant"],
		"Consumer group team-quant is more than 100000 messages behind",
	)
	assert.Contains(
		t,
		said["lag-seconds-team-research"],
		"Consumer group team-research is more than 120 seconds behind",
	)
}

func TestAlarmsOnlyIfAskedFor(t *testing.T) {
	t.Parallel()
	names := func(changes map[string]string) (names []string) {
		for _, a := range alarms(parse(t, changes)) {
			names = append(names, a.name)
		}
		slices.Sort(names)
		return names
	}
	assert.Empty(t, names(nil))
	assert.Empty(t, names(map[string]string{"silenceMinutes": "30", "quotaAlarmPercent": "50"}))
	assert.Equal(t, []string{
		"egress",
		"ingress",
		"lag-messages-team-quant",
		"lag-messages-team-research",
		"lag-seconds-team-quant",
		"lag-seconds-team-research",
	}, names(map[string]string{"alarmTopicArn": configtest.AlarmTopic, "silenceMinutes": "0"}))
	assert.Equal(t,
		names(map[string]string{"alarmTopicArn": configtest.AlarmTopic, "consumerGroupNames": `["a","b"]`}),
		names(map[string]string{"alarmTopicArn": configtest.AlarmTopic, "consumerGroupNames": `["b","a"]`}))
}

// No two groups give alarms of the same name.
func TestAlarmNames(t *testing.T) {
	t.Parallel()
	md := config.Config{ClusterName: "md", Region: "ap-south-1"}
	for _, c := range []struct {
		what string
		want int
	}{
		{"silence", len("md-ap-south-1-silence")},
		{"lag-messages-" + strings.Repeat("g", 227), 254},
		{"lag-messages-" + strings.Repeat("g", 228), 255},
		{"lag-messages-" + strings.Repeat("g", 255), 255},
	} {
		name := alarmName(md, c.what)
		assert.Len(t, name, c.want)
		assert.True(t, strings.HasPrefix(name, "md-ap-south-1-"+c.what[:7]))
		assert.Equal(t, name, alarmName(md, c.what))
	}
	long := strings.Repeat("g", 254)
	assert.NotEqual(
		t,
		alarmName(md, "lag-messages-"+long+"a"),
		alarmName(md, "lag-messages-"+long+"b"),
		"they differ only in the end",
	)
	short := alarmName(md, "lag-messages-"+long)
	assert.NotEqual(
		t,
		short,
		alarmName(md, strings.TrimPrefix(short, "md-ap-south-1-")),
		"one is named like the other's short form",
	)

	seen := map[string]bool{}
	groups := `["x","messages-x","seconds-x","lag-messages-x"]`
	settings := map[string]string{"alarmTopicArn": configtest.AlarmTopic, "consumerGroupNames": groups}
	for _, a := range alarms(parse(t, settings)) {
		assert.False(t, seen[a.name], a.name)
		seen[a.name] = true
	}
}

// 99 groups have 198 alarms, and the cluster has three, or two without the silence alarm.
func TestConfigWarnsOfTooManyAlarms(t *testing.T) {
	t.Parallel()
	settings := map[string]string{
		"alarmTopicArn":      configtest.AlarmTopic,
		"consumerGroupNames": configtest.ListOf(99, "g%d"),
		"silenceMinutes":     "0",
	}
	assert.Empty(t, alarmWarnings(parse(t, settings)))
	settings["silenceMinutes"] = "1"
	require.Len(t, alarmWarnings(parse(t, settings)), 1)
	assert.Contains(t, alarmWarnings(parse(t, settings))[0], "alarmTopicArn: the stack has 201 alarms")
}

func TestProgramAlarms(t *testing.T) {
	t.Parallel()
	m := register(
		t,
		map[string]string{"alarmTopicArn": configtest.AlarmTopic, "consumerGroupNames": `["team-quant"]`},
	)
	alarms := []string{"egress", "ingress", "lag-messages-team-quant", "lag-seconds-team-quant", "silence"}
	var got []string
	for name, r := range m.resources {
		name, ok := strings.CutPrefix(name, "cloudwatch/metricAlarm ")
		if !ok {
			continue
		}
		got = append(got, name)
		assert.Contains(t, r.RegisterRPC.GetProvider(), "::pulumi:providers:aws::aws::", name)
		if name == "silence" {
			require.Len(t, r.RegisterRPC.GetDependencies(), 1)
			assert.Regexp(
				t,
				"::cluster$",
				r.RegisterRPC.GetDependencies()[0],
				"it would tell of silence before there is a cluster",
			)
		} else {
			assert.Empty(t, r.RegisterRPC.GetDependencies(), "%s has no need to wait for the cluster", name)
		}
	}
	slices.Sort(got)
	assert.Equal(t, alarms, got)
	for _, c := range []struct {
		path string
		want any
	}{
		{"name", "crypto-stream-ap-south-1-silence"},
		{"alarmActions", []any{configtest.AlarmTopic}},
		{"okActions", []any{configtest.AlarmTopic}},
		{"insufficientDataActions", nil},
		{"comparisonOperator", "LessThanOrEqualToThreshold"},
		{"threshold", 0.0},
		{"evaluationPeriods", 5.0},
		{"datapointsToAlarm", 5.0},
		{"treatMissingData", "breaching"},
		{
			"metricQueries[0].expression",
			`SELECT SUM(MessagesInPerSec) FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) ` +
				`WHERE "Cluster Name" = 'crypto-stream'`,
		},
		{"metricQueries[0].period", 60.0},
		{"metricQueries[0].returnData", true},
		{"metricQueries[0].id", "q1"},
	} {
		assert.Equal(t, c.want, m.in(t, "cloudwatch/metricAlarm silence", c.path), c.path)
	}
	assert.Equal(t, "crypto-stream-ap-south-1", m.in(t, "cloudwatch/dashboard dashboard", "dashboardName"))
	assert.JSONEq(
		t,
		compact.JSON(newDashboardBody(parse(t, nil))),
		m.in(t, "cloudwatch/dashboard dashboard", "dashboardBody").(string),
	)
}
