package main

import (
	"fmt"

	"msk-serverless/internal/config"
)

// dashboardName returns the physical name of the dashboard, which contains the region because dashboards are global
// to an account.
func dashboardName(cfg config.Config) string { return cfg.ClusterName + "-" + cfg.Region }

// consoleURL returns the dashboard's address, or an empty string in a partition whose console address AWS doesn't
// document.
func consoleURL(partition, region, dashboard string) string {
	host, ok := map[string]string{
		"aws":        "console.aws.amazon.com",
		"aws-cn":     "console.amazonaws.cn",
		"aws-us-gov": "console.amazonaws-us-gov.com",
	}[partition]
	if !ok {
		return ""
	}
	return fmt.Sprintf("https://%s/cloudwatch/home?region=%s#dashboards:name=%s", host, region, dashboard)
}

// dashboardBody is a CloudWatch dashboard (CloudWatch API, "Dashboard Body Structure and Syntax").
type dashboardBody struct {
	Start          string   `json:"start"`
	PeriodOverride string   `json:"periodOverride"`
	Widgets        []widget `json:"widgets"`
}

// widget is a graph, placed on a grid of 24 columns.
type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties graph  `json:"properties"`
}

type graph struct {
	Title       string          `json:"title"`
	View        string          `json:"view"`
	Region      string          `json:"region"`
	Period      int             `json:"period"`
	Metrics     [][1]expression `json:"metrics"`
	YAxis       yAxis           `json:"yAxis"`
	Annotations *annotations    `json:"annotations,omitempty"`
}

type expression struct {
	ID         string `json:"id"`
	Expression string `json:"expression"`
	Label      string `json:"label,omitempty"` // without a label, CloudWatch shows the topic or group
	Period     int    `json:"period"`
}

type yAxis struct {
	Left axis `json:"left"`
}

type axis struct {
	Label     string `json:"label"`
	Min       int    `json:"min"`
	ShowUnits bool   `json:"showUnits"`
}

type annotations struct {
	Horizontal []line `json:"horizontal"`
}

type line struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

// newDashboardBody returns the dashboard: traffic against the quotas, the busiest topics, the slowest groups,
// conversions. A graph can have only one Metrics Insights query, so a graph with two lines uses searches instead.
// The period is fixed whatever time range is shown, because any other would multiply the rates.
func newDashboardBody(cfg config.Config) dashboardBody {
	const height = 6
	rows := [][]graph{
		{
			quotaGraph(cfg, "Bytes in", "BytesInPerSec", ingressQuota),
			quotaGraph(cfg, "Bytes out", "BytesOutPerSec", egressQuota),
		},
		{newGraph(cfg, "Messages in, by topic (the 100 busiest)", "messages/s",
			query("", trafficQuery(cfg, "SUM", "MessagesInPerSec")+` GROUP BY Topic ORDER BY SUM() DESC LIMIT 100`))},
		{
			lagGraph(cfg, "Lag in the slowest partition, by group", "messages", "MAX", "MaxOffsetLag"),
			lagGraph(cfg, "Lag over all partitions, by group", "messages", "SUM", "SumOffsetLag"),
			lagGraph(cfg, "Estimated time lag, by group", "seconds", "MAX", "EstimatedMaxTimeLag"),
		},
		{
			newGraph(cfg, "Message format conversions, by topic", "conversions/s",
				search(cfg, "e1", "ProduceMessageConversionsPerSec"),
				search(cfg, "e2", "FetchMessageConversionsPerSec")),
		},
	}
	var widgets []widget
	for i, row := range rows {
		width := 24 / len(row)
		for j, g := range row {
			widgets = append(widgets,
				widget{Type: "metric", X: j * width, Y: i * height, Width: width, Height: height, Properties: g})
		}
	}
	return dashboardBody{Start: "-PT3H", PeriodOverride: "inherit", Widgets: widgets}
}

func newGraph(cfg config.Config, title, unit string, lines ...[1]expression) graph {
	return graph{
		Title:   title,
		View:    "timeSeries",
		Region:  cfg.Region,
		Period:  period,
		Metrics: lines,
		YAxis:   yAxis{axis{Label: unit}},
	}
}

func quotaGraph(cfg config.Config, title, metric string, quota float64) graph {
	g := newGraph(cfg, title, "bytes/s", query("all topics", trafficQuery(cfg, "SUM", metric)))
	g.Annotations = &annotations{[]line{{fmt.Sprintf("quota: %g MB/s", quota/1e6), quota}}}
	return g
}

func lagGraph(cfg config.Config, title, unit, statistic, metric string) graph {
	return newGraph(cfg, title, unit,
		query("", by(`"Consumer Group"`, lagQuery(cfg, statistic, metric))+" LIMIT 100"))
}

func query(label, text string) [1]expression {
	return [1]expression{{ID: "q1", Expression: text, Label: label, Period: period}}
}

// search returns an expression that finds a metric of every topic.
func search(cfg config.Config, id, metric string) [1]expression {
	return [1]expression{{ID: id, Period: period, Expression: fmt.Sprintf(
		`SEARCH('{AWS/Kafka,"Cluster Name",Topic} MetricName="%s" "Cluster Name"="%s"', 'Sum', %d)`,
		metric,
		cfg.ClusterName,
		period,
	)}}
}
