package main

import (
	"crypto/sha256"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
)

// dashboard is the dashboard that was declared.
type dashboard struct {
	URL string // empty if there is none, and in a partition whose console address AWS doesn't document
}

// newMonitoring declares the dashboard and the alarms. Both cost money, so they are created only if there is a
// topic to notify. Topics are not known here, and groups come and go, so all of them query CloudWatch.
func newMonitoring(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	cluster *msk.ServerlessCluster,
) (dashboard, error) {
	if cfg.AlarmTopicARN == "" {
		return dashboard{}, nil
	}
	name := dashboardName(cfg)
	_, err := cloudwatch.NewDashboard(ctx, "dashboard", &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(name),
		DashboardBody: pulumi.String(compact.JSON(newDashboardBody(cfg))),
	}, pulumi.Provider(provider))
	if err != nil {
		return dashboard{}, err
	}
	for _, a := range alarms(cfg) {
		if err := newAlarm(ctx, cfg, provider, a, cluster); err != nil {
			return dashboard{}, err
		}
	}
	return dashboard{URL: consoleURL(acct.Partition, cfg.Region, name)}, nil
}

func newAlarm(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	a alarm,
	cluster *msk.ServerlessCluster,
) error {
	topic := pulumi.Array{pulumi.String(cfg.AlarmTopicARN)}
	opts := []pulumi.ResourceOption{pulumi.Provider(provider)}
	if a.missing == "breaching" {
		// Without a cluster there is no data, and the alarm would go off.
		opts = append(opts, pulumi.DependsOn([]pulumi.Resource{cluster}))
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, a.name, &cloudwatch.MetricAlarmArgs{
		Name:               pulumi.String(alarmName(cfg, a.name)),
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
		AlarmActions: topic,
		OkActions:    topic,
	}, opts...)
	return err
}

// period is the period of every query, in seconds. MSK publishes rates once a minute, one data point per partition,
// so their sum over one minute is the rate, and over a longer period a multiple of it (MSK guide, "Monitor
// serverless clusters").
const period = 60

// The quotas of a serverless cluster, in bytes per second (MSK guide, "MSK Serverless quota": 200 and 400 MBps).
const (
	ingressQuota = 200e6
	egressQuota  = 400e6
)

// trafficQuery returns the Metrics Insights query for a metric that MSK publishes by topic, summed over all topics.
// A cluster has at most 2,400 partitions, so never more topics than the 10,000 metrics that a query can read. No
// configured name can contain a quote or a backslash.
func trafficQuery(cfg config.Config, metric string) string {
	return fmt.Sprintf(`SELECT SUM(%s) FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) WHERE "Cluster Name" = '%s'`,
		metric, cfg.ClusterName)
}

// lagQuery returns the Metrics Insights query for a metric that MSK publishes by group and topic. The statistic is
// MAX or SUM.
func lagQuery(cfg config.Config, statistic, metric string) string {
	return fmt.Sprintf(
		`SELECT %s(%s) FROM SCHEMA("AWS/Kafka", "Cluster Name", "Consumer Group", Topic) WHERE "Cluster Name" = '%s'`,
		statistic,
		metric,
		cfg.ClusterName,
	)
}

// alarm is a CloudWatch alarm on the one time series of a Metrics Insights query, evaluated each minute.
type alarm struct {
	name        string // of the resource; the physical name begins with the cluster's and the region
	description string
	query       string
	comparison  string
	threshold   float64
	periods     int // minutes that are evaluated
	breaching   int // how many of them must breach
	missing     string
}

// alarms returns the configured alarms, or none if there is no topic to notify.
func alarms(cfg config.Config) []alarm {
	if cfg.AlarmTopicARN == "" {
		return nil
	}
	all := []alarm{
		quotaAlarm(cfg, "ingress", "Producers write", "BytesInPerSec", ingressQuota),
		quotaAlarm(cfg, "egress", "Consumers read", "BytesOutPerSec", egressQuota),
	}
	if cfg.SilenceMinutes > 0 {
		all = append(all, silenceAlarm(cfg))
	}
	for _, c := range cfg.Clients() {
		for _, group := range c.Groups.Names {
			if !config.HasLag(group) {
				continue
			}
			all = append(all,
				lagAlarm(cfg, "lag-messages", group, "MaxOffsetLag", cfg.MaxConsumerLag, "messages"),
				lagAlarm(cfg, "lag-seconds", group, "EstimatedMaxTimeLag", cfg.MaxConsumerLagSeconds, "seconds"))
		}
	}
	return all
}

// alarmWarnings returns a warning if there are more alarms than AWS allows (CloudWatch guide, "Metrics Insights
// quotas").
func alarmWarnings(cfg config.Config) []string {
	n := len(alarms(cfg))
	if n <= 200 {
		return nil
	}
	return []string{
		fmt.Sprintf("alarmTopicArn: the stack has %d alarms on Metrics Insights queries, and AWS allows 200 in a "+
			"region unless it raises the quota", n),
	}
}

// over returns an alarm on a value that is too high in three of five minutes: a single burst, such as the opening
// of a market, is no alarm, and the gaps that rebalances leave in the data don't hide a lasting one. Missing data
// doesn't breach: a group that rebalances or hasn't started has no lag, and traffic that doesn't exist is near no
// quota.
func over(name, description, query string, threshold float64) alarm {
	return alarm{
		name: name, description: description, query: query,
		comparison: "GreaterThanThreshold", threshold: threshold, periods: 5, breaching: 3, missing: "notBreaching",
	}
}

func quotaAlarm(cfg config.Config, name, who, metric string, quota float64) alarm {
	threshold := quota * float64(cfg.QuotaAlarmPercent) / 100
	description := fmt.Sprintf("%s more than %g MB/s, %d %% of the %g MB/s that %s may have; beyond it MSK throttles "+
		"clients. First look on the dashboard for the topics that grew. "+
		`Runbook: docs/operations.md, "Alarm: ingress, egress".`,
		who, threshold/1e6, cfg.QuotaAlarmPercent, quota/1e6, cfg.ClusterName)
	return over(name, description, trafficQuery(cfg, metric), threshold)
}

func lagAlarm(cfg config.Config, kind, group, metric string, limit int, unit string) alarm {
	description := fmt.Sprintf("Consumer group %s is more than %d %s behind in a partition of %s. "+
		"First check that all of its members run. Runbook: docs/operations.md, \"Alarm: lag\".",
		group, limit, unit, cfg.ClusterName)
	query := lagQuery(cfg, "MAX", metric) + fmt.Sprintf(` AND "Consumer Group" = '%s'`, group)
	return over(kind+"-"+group, description, query, float64(limit))
}

// silenceAlarm returns the alarm that goes off if nothing is written to any topic. Every minute must be silent, and a
// minute without data counts as silent: MSK stops publishing the metric of a topic that nobody writes to.
func silenceAlarm(cfg config.Config) alarm {
	return alarm{
		name: "silence",
		description: fmt.Sprintf(
			"Nothing was written to %s for %d minutes. First check that the collectors run, and what they log. "+
				"Runbook: docs/operations.md, \"Alarm: silence\".",
			cfg.ClusterName,
			cfg.SilenceMinutes,
		),
		query:      trafficQuery(cfg, "MessagesInPerSec"),
		comparison: "LessThanOrEqualToThreshold",
		threshold:  0,
		periods:    cfg.SilenceMinutes,
		breaching:  cfg.SilenceMinutes,
		missing:    "breaching",
	}
}

// alarmName returns the physical name of an alarm, which begins with what the deploy role is limited to. A name that
// CloudWatch would refuse as too long ends in a digest instead, and has the maximum length; a name that isn't
// shortened is shorter, so the two can't be the same.
func alarmName(cfg config.Config, what string) string {
	const longest = 255 // CloudWatch API, PutMetricAlarm: AlarmName
	name := iamName(cfg, what)
	if len(name) < longest {
		return name
	}
	digest := fmt.Sprintf("-%x", sha256.Sum256([]byte(name)))[:1+16]
	return name[:longest-len(digest)] + digest
}

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
			query("", trafficQuery(cfg, "MessagesInPerSec")+` GROUP BY Topic ORDER BY SUM() DESC LIMIT 100`))},
		{
			lagGraph(cfg, "Lag in the slowest partition, by group", "messages", "MAX", "MaxOffsetLag"),
			lagGraph(cfg, "Lag over all partitions, by group", "messages", "SUM", "SumOffsetLag"),
			lagGraph(cfg, "Estimated time lag, by group", "seconds", "MAX", "EstimatedMaxTimeLag"),
		},
		{
			newGraph(
				cfg,
				"Message format conversions, by topic",
				"conversions/s",
				search(
					cfg,
					"e1",
					"ProduceMessageConversionsPerSec",
				),
				search(cfg, "e2", "FetchMessageConversionsPerSec"),
			),
		},
	}
	var widgets []widget
	for i, row := range rows {
		width := 24 / len(row)
		for j, g := range row {
			widgets = append(
				widgets,
				widget{Type: "metric", X: j * width, Y: i * height, Width: width, Height: height, Properties: g},
			)
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
	g := newGraph(cfg, title, "bytes/s", query("all topics", trafficQuery(cfg, metric)))
	g.Annotations = &annotations{[]line{{fmt.Sprintf("quota: %g MB/s", quota/1e6), quota}}}
	return g
}

func lagGraph(cfg config.Config, title, unit, statistic, metric string) graph {
	return newGraph(cfg, title, unit,
		query("", lagQuery(cfg, statistic, metric)+` GROUP BY "Consumer Group" ORDER BY MAX() DESC LIMIT 100`))
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
