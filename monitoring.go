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

// newMonitoring declares the dashboard, the alarms and the rule that reports deleted topics. All of them cost money,
// so without settings there are none. Topics are not known here, and groups come and go, so most of them query
// CloudWatch.
//
// CloudWatch and EventBridge overwrite what has the same name. Everything here therefore waits for the cluster, whose
// name is unique: a second stack with the same clusterName fails before it touches what isn't its own.
func newMonitoring(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	cluster *msk.ServerlessCluster,
) (dashboard, error) {
	opts := []pulumi.ResourceOption{pulumi.Provider(provider), pulumi.DependsOn([]pulumi.Resource{cluster})}
	for _, a := range alarms(cfg) {
		if err := newAlarm(ctx, cfg, a, opts); err != nil {
			return dashboard{}, err
		}
	}
	if err := newTopicEvents(ctx, cfg, acct, cluster, opts); err != nil {
		return dashboard{}, err
	}
	if !cfg.HasDashboard() {
		return dashboard{}, nil
	}
	name := dashboardName(cfg)
	_, err := cloudwatch.NewDashboard(ctx, "dashboard", &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(name),
		DashboardBody: pulumi.String(compact.JSON(newDashboardBody(cfg))),
	}, opts...)
	return dashboard{URL: consoleURL(acct.Partition, cfg.Region, name)}, err
}

// newAlarm declares an alarm, which watches either a metric or a query.
func newAlarm(ctx *pulumi.Context, cfg config.Config, a alarm, opts []pulumi.ResourceOption) error {
	topic := pulumi.Array{pulumi.String(cfg.AlarmTopicARN)}
	args := &cloudwatch.MetricAlarmArgs{
		Name:               pulumi.String(shortened(iamName(cfg, a.name), longestAlarmName)),
		AlarmDescription:   pulumi.String(a.description),
		ComparisonOperator: pulumi.String(a.comparison),
		Threshold:          pulumi.Float64(a.threshold),
		EvaluationPeriods:  pulumi.Int(a.periods),
		DatapointsToAlarm:  pulumi.Int(a.breaching),
		TreatMissingData:   pulumi.String(a.missing),
		AlarmActions:       topic,
		OkActions:          topic,
	}
	if a.feed != "" {
		args.Namespace, args.MetricName = pulumi.String(feedNamespace), pulumi.String(feedMetric)
		args.Dimensions = pulumi.StringMap{
			"Cluster": pulumi.String(cfg.ClusterName),
			"Feed":    pulumi.String(a.feed),
		}
		args.Statistic, args.Period = pulumi.String("Sum"), pulumi.Int(period)
	} else {
		args.MetricQueries = cloudwatch.MetricAlarmMetricQueryArray{cloudwatch.MetricAlarmMetricQueryArgs{
			Id:         pulumi.String("q1"),
			Expression: pulumi.String(a.query),
			Label:      pulumi.String(a.name),
			Period:     pulumi.Int(period),
			ReturnData: pulumi.Bool(true),
		}}
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, a.name, args, opts...)
	return err
}

// The longest names that AWS allows (CloudWatch API, PutMetricAlarm: AlarmName; EventBridge API, PutRule: Name).
const (
	longestAlarmName = 255
	longestRuleName  = 64
)

// shortened returns a name that AWS accepts. One that would be too long ends in a digest instead, and has the maximum
// length; a name that isn't shortened is shorter, so the two can't be the same.
func shortened(name string, longest int) string {
	if len(name) < longest {
		return name
	}
	digest := fmt.Sprintf("-%x", sha256.Sum256([]byte(name)))[:1+16]
	return name[:longest-len(digest)] + digest
}
