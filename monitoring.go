package main

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// monitoring is where people look.
type monitoring struct {
	DashboardURL string // empty without a dashboard, and in a partition whose console isn't known
}

// newMonitoring declares the dashboard and the alarms, where a topic is configured to tell; CloudWatch charges for both,
// and an environment that nobody is told of needs neither. Topics aren't known here, and groups come and go, so all of it
// asks CloudWatch by query.
func newMonitoring(ctx *pulumi.Context, cfg Config, acct account, cluster *msk.ServerlessCluster, provider *aws.Provider) (monitoring, error) {
	if cfg.AlarmTopicARN == "" {
		return monitoring{}, nil
	}
	if _, err := cloudwatch.NewDashboard(ctx, "dashboard", &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(cfg.dashboardName()),
		DashboardBody: pulumi.String(compactJSON(cfg.dashboard())),
	}, pulumi.Provider(provider)); err != nil {
		return monitoring{}, err
	}
	for _, a := range cfg.alarms() {
		if err := newAlarm(ctx, cfg, a, cluster, provider); err != nil {
			return monitoring{}, err
		}
	}
	return monitoring{DashboardURL: consoleURL(acct.Partition, cfg.Region, cfg.dashboardName())}, nil
}

func newAlarm(ctx *pulumi.Context, cfg Config, a alarm, cluster *msk.ServerlessCluster, provider *aws.Provider) error {
	tell := pulumi.Array{pulumi.String(cfg.AlarmTopicARN)}
	opts := []pulumi.ResourceOption{pulumi.Provider(provider)}
	if a.missing == "breaching" {
		// Before there is a cluster there is no data.
		opts = append(opts, pulumi.DependsOn([]pulumi.Resource{cluster}))
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, a.name, &cloudwatch.MetricAlarmArgs{
		Name:               pulumi.String(alarmName(cfg.ClusterName, a.name)),
		AlarmDescription:   pulumi.String(a.description),
		ComparisonOperator: pulumi.String(a.comparison),
		Threshold:          pulumi.Float64(a.threshold),
		EvaluationPeriods:  pulumi.Int(a.periods),
		DatapointsToAlarm:  pulumi.Int(a.breaching),
		TreatMissingData:   pulumi.String(a.missing),
		MetricQueries: cloudwatch.MetricAlarmMetricQueryArray{cloudwatch.MetricAlarmMetricQueryArgs{
			Id:         pulumi.String("q1"),
			Expression: pulumi.String(a.query),
			Label:      pulumi.String(a.name),
			Period:     pulumi.Int(period),
			ReturnData: pulumi.Bool(true),
		}},
		AlarmActions: tell,
		OkActions:    tell,
	}, opts...)
	return err
}

// period is that of every query, in seconds. MSK publishes the rates once a minute, a data point for each partition: their
// sum over one minute is the rate; over a longer period it is too high (MSK guide, "Monitor serverless clusters").
const period = 60

// The quotas of a serverless cluster, in bytes per second (MSK guide, "MSK Serverless quota": 200 and 400 MBps).
const (
	ingressQuota = 200e6
	egressQuota  = 400e6
)

// trafficQuery is the Metrics Insights query for a metric that MSK publishes by topic, summed over all of them. A cluster
// has at most 2,400 partitions, so never more topics than the 10,000 metrics that a query takes. No name that
// configuration lets in holds a quote or a backslash.
func (c Config) trafficQuery(metric string) string {
	return fmt.Sprintf(`SELECT SUM(%s) FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) WHERE "Cluster Name" = '%s'`, metric, c.ClusterName)
}

// lagQuery is the Metrics Insights query for a metric that MSK publishes by group and topic. Statistic is MAX or SUM.
func (c Config) lagQuery(statistic, metric string) string {
	return fmt.Sprintf(`SELECT %s(%s) FROM SCHEMA("AWS/Kafka", "Cluster Name", "Consumer Group", Topic) WHERE "Cluster Name" = '%s'`,
		statistic, metric, c.ClusterName)
}

// alarm is a CloudWatch alarm on the one time series of a Metrics Insights query, evaluated each minute.
type alarm struct {
	name        string // of the resource; the physical one begins with the cluster's
	description string
	query       string
	comparison  string
	threshold   float64
	periods     int // minutes that are looked at
	breaching   int // how many of them have to breach
	missing     string
}

// alarms are those of the configuration; none without a topic to tell.
func (c Config) alarms() []alarm {
	if c.AlarmTopicARN == "" {
		return nil
	}
	alarms := []alarm{
		c.quotaAlarm("ingress", "Producers write", "BytesInPerSec", ingressQuota),
		c.quotaAlarm("egress", "Consumers read", "BytesOutPerSec", egressQuota),
	}
	if c.SilenceMinutes > 0 {
		alarms = append(alarms, c.silenceAlarm())
	}
	for _, group := range union(c.groupLists()) {
		// AWS publishes no lag for such a group; warnings says so.
		if strings.Contains(group, ":") {
			continue
		}
		alarms = append(alarms,
			c.lagAlarm("lag-messages", group, "MaxOffsetLag", c.MaxConsumerLag, "messages"),
			c.lagAlarm("lag-seconds", group, "EstimatedMaxTimeLag", c.MaxConsumerLagSeconds, "seconds"))
	}
	return alarms
}

// over is the alarm of a value that may be too high. Three of five minutes: one burst, such as a market's opening, is no
// alarm, and the gaps that rebalances make in the data don't hide what lasts. Missing data is no breach: a group that
// rebalances or has yet to start has no lag, and what nobody writes or reads is near no quota.
func over(name, description, query string, threshold float64) alarm {
	return alarm{
		name: name, description: description, query: query,
		comparison: "GreaterThanThreshold", threshold: threshold, periods: 5, breaching: 3, missing: "notBreaching",
	}
}

func (c Config) quotaAlarm(name, who, metric string, quota float64) alarm {
	threshold := quota * float64(c.QuotaAlarmPercent) / 100
	return over(name, fmt.Sprintf("%s more than %g MB/s, %d %% of the %g MB/s that %s may have; beyond it MSK throttles clients. "+
		"First look on the dashboard for the topics that grew. Runbook: docs/operations.md, \"Alarm: ingress, egress\".",
		who, threshold/1e6, c.QuotaAlarmPercent, quota/1e6, c.ClusterName), c.trafficQuery(metric), threshold)
}

func (c Config) lagAlarm(kind, group, metric string, limit int, unit string) alarm {
	return over(kind+"-"+group, fmt.Sprintf("Consumer group %s is more than %d %s behind in a partition of %s. "+
		"First check that all of its members run. Runbook: docs/operations.md, \"Alarm: lag\".", group, limit, unit, c.ClusterName),
		c.lagQuery("MAX", metric)+fmt.Sprintf(` AND "Consumer Group" = '%s'`, group), float64(limit))
}

// silenceAlarm tells that nothing was written to any topic. Every one of the minutes has to be silent, and a minute
// without data is: a topic that nobody writes to ceases to have the metric.
func (c Config) silenceAlarm() alarm {
	return alarm{
		name: "silence",
		description: fmt.Sprintf("Nothing was written to %s for %d minutes. First check that the collectors run, and what they log. "+
			"Runbook: docs/operations.md, \"Alarm: silence\".", c.ClusterName, c.SilenceMinutes),
		query:      c.trafficQuery("MessagesInPerSec"),
		comparison: "LessThanOrEqualToThreshold", threshold: 0,
		periods: c.SilenceMinutes, breaching: c.SilenceMinutes, missing: "breaching",
	}
}

// alarmName is the physical name of an alarm. One that CloudWatch would find too long ends in a digest instead, and is
// exactly as long as a name may be; a name that isn't shortened is shorter, so the two can't meet.
func alarmName(cluster, what string) string {
	const longest = 255 // CloudWatch API, PutMetricAlarm: AlarmName
	name := cluster + "-" + what
	if len(name) < longest {
		return name
	}
	digest := fmt.Sprintf("-%x", sha256.Sum256([]byte(name)))[:1+16]
	return name[:longest-len(digest)] + digest
}

// dashboardName holds the region because dashboards are global to an account.
func (c Config) dashboardName() string { return c.ClusterName + "-" + c.Region }

// consoleURL is the dashboard's address, or empty in a partition whose console's address AWS's guides don't give.
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

// widget is one graph, placed on a grid of 24 columns.
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
	Label      string `json:"label,omitempty"` // without one, CloudWatch writes the topic or group
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

// dashboard shows the whole cluster: traffic against its quotas, the busiest topics, the slowest groups, conversions. A
// graph of CloudWatch's takes one Metrics Insights query, so what has two lines of its own searches instead. The period
// is obeyed whatever time range is shown: any other would multiply the rates.
func (c Config) dashboard() dashboardBody {
	const height = 6
	rows := [][]graph{
		{
			c.quotaGraph("Bytes in", "BytesInPerSec", ingressQuota),
			c.quotaGraph("Bytes out", "BytesOutPerSec", egressQuota),
		},
		{c.graph("Messages in, by topic (the 100 busiest)", "messages/s",
			query("", c.trafficQuery("MessagesInPerSec")+` GROUP BY Topic ORDER BY SUM() DESC LIMIT 100`))},
		{
			c.lagGraph("Lag in the slowest partition, by group", "messages", "MAX", "MaxOffsetLag"),
			c.lagGraph("Lag over all partitions, by group", "messages", "SUM", "SumOffsetLag"),
			c.lagGraph("Estimated time lag, by group", "seconds", "MAX", "EstimatedMaxTimeLag"),
		},
		{c.graph("Message format conversions, by topic", "conversions/s",
			c.search("e1", "ProduceMessageConversionsPerSec"), c.search("e2", "FetchMessageConversionsPerSec"))},
	}
	var widgets []widget
	for i, row := range rows {
		width := 24 / len(row)
		for j, g := range row {
			widgets = append(widgets, widget{Type: "metric", X: j * width, Y: i * height, Width: width, Height: height, Properties: g})
		}
	}
	return dashboardBody{Start: "-PT3H", PeriodOverride: "inherit", Widgets: widgets}
}

func (c Config) graph(title, unit string, lines ...[1]expression) graph {
	return graph{
		Title: title, View: "timeSeries", Region: c.Region, Period: period, Metrics: lines, YAxis: yAxis{axis{Label: unit}},
	}
}

func (c Config) quotaGraph(title, metric string, quota float64) graph {
	g := c.graph(title, "bytes/s", query("all topics", c.trafficQuery(metric)))
	g.Annotations = &annotations{[]line{{fmt.Sprintf("quota: %g MB/s", quota/1e6), quota}}}
	return g
}

func (c Config) lagGraph(title, unit, statistic, metric string) graph {
	return c.graph(title, unit, query("", c.lagQuery(statistic, metric)+` GROUP BY "Consumer Group" ORDER BY MAX() DESC LIMIT 100`))
}

func query(label, text string) [1]expression {
	return [1]expression{{ID: "q1", Expression: text, Label: label, Period: period}}
}

// search finds a metric of every topic.
func (c Config) search(id, metric string) [1]expression {
	return [1]expression{{ID: id, Period: period, Expression: fmt.Sprintf(
		`SEARCH('{AWS/Kafka,"Cluster Name",Topic} MetricName="%s" "Cluster Name"="%s"', 'Sum', %d)`, metric, c.ClusterName, period)}}
}
