package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/config/configtest"
)

// Alarms through the engine: made, unchanged by a second deployment, changed in place, gone with their group or
// topic.
func TestAlarmsLifecycle(t *testing.T) {
	t.Parallel()
	s := newStack(
		t,
		configtest.With(
			map[string]string{"alarmTopicArn": onCall, "lagAlarms": "perGroup", "consumerGroupNames": `["a","b"]`},
		),
	)
	s.Up(t)
	assert.Equal(t,
		"https://console.aws.amazon.com/cloudwatch/home?region=ap-south-1#dashboards:name=crypto-stream-ap-south-1",
		s.Outputs(t)["dashboardUrl"])
	s.OK(t, "preview", "--refresh", "--expect-no-changes")

	s.Set(t, map[string]string{"consumerGroupNames": `["b","a"]`, "maxConsumerLag": "7"})
	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.Equal(t,
		[]string{"update cloudwatch/metricAlarm lag-messages-a", "update cloudwatch/metricAlarm lag-messages-b"}, steps)

	s.Set(t, map[string]string{"consumerGroupNames": `["a"]`, "maxConsumerLag": configtest.Unset})
	steps, refusals = s.Plan(t)
	assert.Empty(t, refusals)
	assert.Equal(t, []string{
		"delete cloudwatch/metricAlarm lag-messages-b",
		"delete cloudwatch/metricAlarm lag-seconds-b",
		"update iam/policy consumer",
		"update iam/policy operator",
	}, steps)

	s.Set(t, map[string]string{"consumerGroupNames": `["a","b"]`, "alarmTopicArn": configtest.Unset})
	s.Up(t)
	steps, _ = s.Plan(t)
	assert.Empty(t, steps)
}
