package main

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
)

// newTopicEvents declares the EventBridge rule that tells the alarm topic of topics that were deleted, or changed in
// any way. CloudTrail records what clients with IAM credentials do to topics (MSK guide, "Logging").
func newTopicEvents(
	ctx *pulumi.Context,
	cfg config.Config,
	acct account,
	cluster *msk.ServerlessCluster,
	opts []pulumi.ResourceOption,
) error {
	names := topicEventNames(cfg)
	if len(names) == 0 || !acct.owns(cfg.AlarmTopicARN) {
		return nil
	}
	rule, err := cloudwatch.NewEventRule(ctx, "topic-events", &cloudwatch.EventRuleArgs{
		Name:        pulumi.String(shortened(iamName(cfg, "topics"), longestRuleName)),
		Description: pulumi.String("Topics of " + cfg.ClusterName + " that were deleted or changed"),
		EventPattern: cluster.Arn.ApplyT(func(arn string) string {
			return compact.JSON(topicEventPattern(clusterARN(arn), names))
		}).(pulumi.StringOutput),
	}, opts...)
	if err != nil {
		return err
	}
	_, err = cloudwatch.NewEventTarget(ctx, "topic-events", &cloudwatch.EventTargetArgs{
		Rule:     rule.Name,
		TargetId: pulumi.String("alarm-topic"),
		Arn:      pulumi.String(cfg.AlarmTopicARN),
		InputTransformer: cloudwatch.EventTargetInputTransformerArgs{
			InputPaths: pulumi.StringMap{
				"action": pulumi.String("$.detail.eventName"),
				"topic":  pulumi.String("$.detail.requestParameters.resourceARN"),
				"who":    pulumi.String("$.detail.userIdentity.arn"),
				"when":   pulumi.String("$.detail.eventTime"),
				"error":  pulumi.String("$.detail.errorCode"),
			},
			InputTemplate: pulumi.String(`"<action> of <topic> by <who> at <when>. Error, if it failed: <error>. ` +
				`Runbook: docs/operations.md, Topics deleted or changed."`),
		},
	}, opts...)
	return err
}

// topicEventNames returns the Kafka actions that are reported to the alarm topic.
func topicEventNames(cfg config.Config) []string {
	switch {
	case cfg.AlarmTopicARN == "" || cfg.TopicEvents == config.NoTopicEvents:
		return nil
	case cfg.TopicEvents == config.AllTopicEvents:
		return strings.Fields("DeleteTopic CreateTopic AlterTopic AlterTopicDynamicConfiguration")
	}
	return []string{"DeleteTopic"}
}

// eventPattern is an EventBridge event pattern for API calls that CloudTrail recorded.
type eventPattern struct {
	Source     []string    `json:"source"`
	DetailType []string    `json:"detail-type"`
	Detail     eventDetail `json:"detail"`
}

type eventDetail struct {
	EventSource       []string          `json:"eventSource"`
	EventName         []string          `json:"eventName"`
	RequestParameters requestParameters `json:"requestParameters"`
}

type requestParameters struct {
	ResourceARN []prefixMatch `json:"resourceARN"`
}

type prefixMatch struct {
	Prefix string `json:"prefix"`
}

// topicEventPattern matches actions on the topics of one cluster (EventBridge reference, "Amazon MSK events"; MSK
// guide, "Logging": an event's requestParameters).
func topicEventPattern(cluster clusterARN, names []string) eventPattern {
	return eventPattern{
		Source:     []string{"aws.kafka-cluster"},
		DetailType: []string{"AWS API Call via CloudTrail"},
		Detail: eventDetail{
			EventSource: []string{"kafka-cluster.amazonaws.com"},
			EventName:   names,
			RequestParameters: requestParameters{
				ResourceARN: []prefixMatch{{strings.TrimSuffix(cluster.topics(""), "*")}},
			},
		},
	}
}

// owns reports whether an ARN belongs to the account.
func (a account) owns(arn string) bool {
	parts := strings.Split(arn, ":")
	return len(parts) > 4 && parts[4] == a.ID
}

// topicEventWarnings returns a warning if EventBridge can't reach the alarm topic: for one in another account it needs
// a role (EventBridge guide, "Sending events to an AWS service in another account").
func topicEventWarnings(cfg config.Config, acct account) []string {
	if len(topicEventNames(cfg)) == 0 || acct.owns(cfg.AlarmTopicARN) {
		return nil
	}
	return []string{fmt.Sprintf("topicEvents: %q: no change of a topic is reported, because alarmTopicArn is in another "+
		"account; set topicEvents to none, or use a topic of account %s", cfg.TopicEvents, acct.ID)}
}
