package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
)

const (
	ofCluster = ` FROM SCHEMA("AWS/Kafka", "Cluster Name", Topic) WHERE "Cluster Name" = 'crypto-stream'`
	ofGroups  = ` FROM SCHEMA("AWS/Kafka", "Cluster Name", "Consumer Group", Topic) ` +
		`WHERE "Cluster Name" = 'crypto-stream'`
	highestFirst    = ` ORDER BY MAX() DESC`
	above, notAbove = "GreaterThanThreshold", "LessThanOrEqualToThreshold"
)

// alarmed returns settings with an alarm topic of the deploying account, and the changes.
func alarmed(changes map[string]string) map[string]string {
	settings := map[string]string{"alarmTopicArn": "arn:aws:sns:ap-south-1:123456789012:on-call"}
	maps.Copy(settings, changes)
	return settings
}

// evaluated returns what CloudWatch evaluates of the alarms. It checks their descriptions.
func evaluated(t *testing.T, settings map[string]string) []alarm {
	t.Helper()
	got := alarms(parse(t, settings))
	for i := range got {
		assert.Contains(t, got[i].description, "crypto-stream")
		assert.LessOrEqual(t, len(got[i].description), 1024, "CloudWatch's limit")
		got[i].description = ""
	}
	return got
}

// TestAlarms checks everything that CloudWatch evaluates.
func TestAlarms(t *testing.T) {
	t.Parallel()
	got := evaluated(t, alarmed(map[string]string{
		"maxConsumerLag":        "5000",
		"maxConsumerLagSeconds": "30",
		"quotaAlarmPercent":     "75",
		"silenceMinutes":        "12",
		"feeds":                 `{"okx-perp":5,"binance-spot":2,"deribit":1440}`,
	}))
	over := func(name, query string, threshold float64) alarm {
		return alarm{name, "", query, "", above, threshold, 5, 3, "notBreaching"}
	}
	assert.Equal(t, []alarm{
		over("ingress", `SELECT SUM(BytesInPerSec)`+ofCluster, 150e6),
		over("egress", `SELECT SUM(BytesOutPerSec)`+ofCluster, 300e6),
		over("partition-ingress", `SELECT MAX(BytesInPerSec)`+ofCluster+` GROUP BY Topic`+highestFirst, 3.75e6),
		over("partition-egress", `SELECT MAX(BytesOutPerSec)`+ofCluster+` GROUP BY Topic`+highestFirst, 7.5e6),
		{"silence", "", `SELECT SUM(MessagesInPerSec)` + ofCluster, "", notAbove, 0, 12, 12, "breaching"},
		{"feed-binance-spot", "", "", "binance-spot", notAbove, 0, 2, 2, "breaching"},
		{"feed-deribit", "", "", "deribit", notAbove, 0, 1440, 1440, "breaching"},
		{"feed-okx-perp", "", "", "okx-perp", notAbove, 0, 5, 5, "breaching"},
		over("lag-messages", `SELECT MAX(MaxOffsetLag)`+ofGroups+` GROUP BY "Consumer Group"`+highestFirst, 5000),
		over("lag-seconds", `SELECT MAX(EstimatedMaxTimeLag)`+ofGroups+` GROUP BY "Consumer Group"`+highestFirst, 30),
	}, got)
}

// TestAlarmsOfManyGroups shows that two alarms see the lag of 300 groups.
func TestAlarmsOfManyGroups(t *testing.T) {
	t.Parallel()
	settings := alarmed(map[string]string{"consumerGroupNames": configtest.ListOf(300, "g%d")})
	var lag []string
	for _, a := range alarms(parse(t, settings)) {
		if strings.HasPrefix(a.name, "lag-") {
			lag = append(lag, a.name)
		}
	}
	assert.Equal(t, []string{"lag-messages", "lag-seconds"}, lag)
}

func TestAlarmsPerGroup(t *testing.T) {
	t.Parallel()
	got := evaluated(t, alarmed(map[string]string{
		"lagAlarms":          "perGroup",
		"consumerGroupNames": `["a","b:c"]`,
		"clients":            `{"quant":{"reads":["exchg."],"groups":["q/1"]}}`,
	}))
	of := func(name, metric, group string, threshold float64) alarm {
		query := `SELECT MAX(` + metric + `)` + ofGroups + ` AND "Consumer Group" = '` + group + `'`
		return alarm{name + group, "", query, "", above, threshold, 5, 3, "notBreaching"}
	}
	assert.Equal(t, []alarm{
		of("lag-messages-", "MaxOffsetLag", "a", 100_000),
		of("lag-seconds-", "EstimatedMaxTimeLag", "a", 120),
		of("lag-messages-", "MaxOffsetLag", "q/1", 100_000),
		of("lag-seconds-", "EstimatedMaxTimeLag", "q/1", 120),
	}, got[len(got)-4:])
}

func TestAlarmDescriptionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	runbook := string(text)
	said := map[string]string{}
	settings := []map[string]string{nil, {"lagAlarms": "perGroup"}, {"feeds": `{"okx":3}`}}
	for _, changes := range settings {
		for _, a := range alarms(parse(t, alarmed(changes))) {
			said[a.name] = a.description
			section := regexp.MustCompile(`docs/operations\.md, "(.+)"`).FindStringSubmatch(a.description)
			require.NotNil(t, section, a.name)
			assert.True(t, strings.Contains(runbook, "\n### "+section[1]+"\n"), "%s: no section %s", a.name, section[1])
		}
	}
	for name, want := range map[string]string{
		"ingress":                   "Producers write more than 160 MB/s, 80 % of the 200 MB/s",
		"egress":                    "Consumers read more than 320 MB/s, 80 % of the 400 MB/s",
		"partition-ingress":         "is written at more than 4 MB/s, 80 % of the 5 MB/s",
		"partition-egress":          "is read at more than 8 MB/s, 80 % of the 10 MB/s",
		"silence":                   "for 5 minutes",
		"feed-okx":                  "The feed okx of crypto-stream delivered nothing for 3 minutes",
		"lag-messages":              "describe-alarm-contributors --alarm-name crypto-stream-ap-south-1-lag-messages",
		"lag-messages-team-quant":   "Consumer group team-quant is more than 100000 messages behind",
		"lag-seconds-team-research": "Consumer group team-research is more than 120 seconds behind",
	} {
		assert.Contains(t, said[name], want)
	}
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
	assert.Empty(t, names(map[string]string{"silenceMinutes": "30", "quotaAlarmPercent": "50", "feeds": `{"a":1}`}))
	assert.Equal(t, []string{
		"egress", "ingress", "lag-messages", "lag-seconds", "partition-egress", "partition-ingress",
	}, names(alarmed(map[string]string{"silenceMinutes": "0"})))
	assert.Equal(t,
		names(alarmed(map[string]string{"lagAlarms": "perGroup", "consumerGroupNames": `["a","b"]`})),
		names(alarmed(map[string]string{"lagAlarms": "perGroup", "consumerGroupNames": `["b","a"]`})))
}

// TestShortenedNames shows that no two names are shortened to the same one.
func TestShortenedNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		want int
	}{
		{"silence", len("md-silence")},
		{"lag-messages-" + strings.Repeat("g", 238), 254},
		{"lag-messages-" + strings.Repeat("g", 239), 255},
		{"lag-messages-" + strings.Repeat("g", 255), 255},
	} {
		name := shortened("md-"+c.what, longestAlarmName)
		assert.Len(t, name, c.want)
		assert.True(t, strings.HasPrefix(name, "md-"+c.what[:7]))
	}
	long := "md-lag-messages-" + strings.Repeat("g", 254)
	short := shortened(long, longestAlarmName)
	assert.NotEqual(t, short, shortened(long+"b", longestAlarmName), "they differ only in the end")
	assert.NotEqual(t, short, shortened(short, longestAlarmName), "one is named like the other's short form")

	seen := map[string]bool{}
	for _, a := range alarms(parse(t, alarmed(map[string]string{
		"lagAlarms":          "perGroup",
		"consumerGroupNames": `["x","messages-x","seconds-x","lag-messages-x"]`,
		"feeds":              `{"x":1,"feed-x":1}`,
	}))) {
		assert.False(t, seen[a.name], a.name)
		seen[a.name] = true
	}
}

func TestAlarmWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes map[string]string
		want    string
	}{
		{"few groups", alarmed(nil), ""},
		{"100 groups", alarmed(map[string]string{"consumerGroupNames": configtest.ListOf(100, "g%d")}), ""},
		{
			"more groups than an alarm reports",
			alarmed(map[string]string{"consumerGroupNames": configtest.ListOf(101, "g%d")}),
			"lagAlarms: 101 groups are configured, and an alarm reports at most 100",
		},
		{
			"200 alarms, 98 groups with two each and four of the cluster",
			alarmed(map[string]string{
				"lagAlarms": "perGroup", "consumerGroupNames": configtest.ListOf(98, "g%d"), "silenceMinutes": "0",
			}),
			"",
		},
		{
			"201 alarms",
			alarmed(map[string]string{
				"lagAlarms": "perGroup", "consumerGroupNames": configtest.ListOf(98, "g%d"), "feeds": `{"a":1}`,
			}),
			"alarmTopicArn: the stack has 201 alarms",
		},
		{"feeds without alarms", map[string]string{"feeds": `{"a":1}`}, "feeds: there are no alarms without alarmTopicArn"},
		{"many groups without alarms", map[string]string{"consumerGroupNames": configtest.ListOf(101, "g%d")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			warnings := alarmWarnings(parse(t, c.changes))
			if c.want == "" {
				assert.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0], c.want)
		})
	}
}

func TestProgramAlarms(t *testing.T) {
	t.Parallel()
	m := register(t, alarmed(map[string]string{"feeds": `{"okx":3}`}))
	var got []string
	for name, r := range m.resources {
		if !strings.HasPrefix(name, "cloudwatch/") || strings.HasPrefix(name, "cloudwatch/logGroup ") {
			continue
		}
		got = append(got, strings.TrimPrefix(name, "cloudwatch/"))
		assert.Contains(t, r.RegisterRPC.GetProvider(), "::pulumi:providers:aws::aws-ap-south-1::", name)
		assert.Condition(t, func() bool {
			return slices.ContainsFunc(r.RegisterRPC.GetDependencies(), func(urn string) bool {
				return strings.HasSuffix(urn, "::cluster")
			})
		}, "%s: another stack's may have the name", name)
	}
	assert.ElementsMatch(t, []string{
		"dashboard dashboard", "eventRule topic-events", "eventTarget topic-events",
		"metricAlarm egress", "metricAlarm ingress", "metricAlarm partition-egress", "metricAlarm partition-ingress",
		"metricAlarm silence", "metricAlarm feed-okx", "metricAlarm lag-messages", "metricAlarm lag-seconds",
	}, got)
	topic := []any{"arn:aws:sns:ap-south-1:123456789012:on-call"}
	for _, c := range []struct {
		alarm, path string
		want        any
	}{
		{"silence", "name", "crypto-stream-ap-south-1-silence"},
		{"silence", "alarmActions", topic},
		{"silence", "okActions", topic},
		{"silence", "insufficientDataActions", nil},
		{"silence", "comparisonOperator", "LessThanOrEqualToThreshold"},
		{"silence", "threshold", 0.0},
		{"silence", "evaluationPeriods", 5.0},
		{"silence", "datapointsToAlarm", 5.0},
		{"silence", "treatMissingData", "breaching"},
		{"silence", "metricQueries[0].expression", `SELECT SUM(MessagesInPerSec)` + ofCluster},
		{"silence", "metricQueries[0].period", 60.0},
		{"silence", "metricQueries[0].returnData", true},
		{"silence", "metricQueries[0].id", "q1"},
		{"silence", "metricName", nil},
		{"feed-okx", "name", "crypto-stream-ap-south-1-feed-okx"},
		{"feed-okx", "namespace", "MSKServerless/Feeds"},
		{"feed-okx", "metricName", "Messages"},
		{"feed-okx", "dimensions", map[string]any{"Cluster": "crypto-stream", "Feed": "okx"}},
		{"feed-okx", "statistic", "Sum"},
		{"feed-okx", "period", 60.0},
		{"feed-okx", "evaluationPeriods", 3.0},
		{"feed-okx", "datapointsToAlarm", 3.0},
		{"feed-okx", "treatMissingData", "breaching"},
		{"feed-okx", "alarmActions", topic},
		{"feed-okx", "metricQueries", nil},
	} {
		assert.Equal(t, c.want, m.in(t, "cloudwatch/metricAlarm "+c.alarm, c.path), "%s %s", c.alarm, c.path)
	}
}

func TestProgramDashboard(t *testing.T) {
	t.Parallel()
	const dashboard = "cloudwatch/dashboard dashboard"
	for _, c := range []struct {
		setting string
		topic   bool
		want    bool
	}{
		{"withAlarms", true, true},
		{"withAlarms", false, false},
		{"always", true, true},
		{"always", false, true},
		{"never", true, false},
		{"never", false, false},
	} {
		settings := map[string]string{"dashboard": c.setting}
		if c.topic {
			settings = alarmed(settings)
		}
		m := register(t, settings)
		_, got := m.resources[dashboard]
		assert.Equal(t, c.want, got, "%s, alarms: %v", c.setting, c.topic)
		if got {
			assert.Equal(t, "crypto-stream-ap-south-1", m.in(t, dashboard, "dashboardName"))
			want := compact.JSON(newDashboardBody(parse(t, nil)))
			assert.JSONEq(t, want, m.in(t, dashboard, "dashboardBody").(string))
		}
	}
}

func TestProgramTopicEvents(t *testing.T) {
	t.Parallel()
	const rule, target = "cloudwatch/eventRule topic-events", "cloudwatch/eventTarget topic-events"
	for setting, names := range map[string]string{
		"deleted": `"DeleteTopic"`,
		"all":     `"DeleteTopic","CreateTopic","AlterTopic","AlterTopicDynamicConfiguration"`,
	} {
		m := register(t, alarmed(map[string]string{"topicEvents": setting}))
		assert.Equal(t, "crypto-stream-ap-south-1-topics", m.in(t, rule, "name"))
		assert.JSONEq(t, `{
			"source": ["aws.kafka-cluster"],
			"detail-type": ["AWS API Call via CloudTrail"],
			"detail": {
				"eventSource": ["kafka-cluster.amazonaws.com"],
				"eventName": [`+names+`],
				"requestParameters": {"resourceARN": [{"prefix":
					"arn:aws:kafka:ap-south-1:123456789012:topic/crypto-stream/1a2b3c4d-0000-0000-0000-000000000000-s1/"}]}
			}
		}`, m.in(t, rule, "eventPattern").(string), setting)
		assert.Equal(t, "arn:aws:sns:ap-south-1:123456789012:on-call", m.in(t, target, "arn"))
		assert.Equal(t, "crypto-stream-ap-south-1-topics", m.in(t, target, "rule"))
		assert.Equal(t, "$.detail.requestParameters.resourceARN", m.in(t, target, "inputTransformer.inputPaths.topic"))
		assert.Contains(t, m.in(t, target, "inputTransformer.inputTemplate"), "<action> of <topic> by <who> at <when>")
	}
	for name, settings := range map[string]map[string]string{
		"not wanted":            alarmed(map[string]string{"topicEvents": "none"}),
		"no topic":              {"topicEvents": "all"},
		"topic of someone else": {"alarmTopicArn": configtest.AlarmTopic},
	} {
		assert.NotContains(t, register(t, settings).resources, rule, name)
	}
	acct := account{ID: "123456789012", Partition: "aws"}
	warnings := topicEventWarnings(parse(t, map[string]string{"alarmTopicArn": configtest.AlarmTopic}), acct)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "is in another account")
	assert.Empty(t, topicEventWarnings(parse(t, alarmed(nil)), acct))
	assert.Empty(t, topicEventWarnings(parse(t, nil), acct))
}
