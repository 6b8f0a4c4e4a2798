package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// logsAPI is what heartbeats need of CloudWatch Logs.
type logsAPI interface {
	CreateLogStream(context.Context, *cloudwatchlogs.CreateLogStreamInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.CreateLogStreamOutput, error)
	PutLogEvents(context.Context, *cloudwatchlogs.PutLogEventsInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.PutLogEventsOutput, error)
}

// heartbeat tells CloudWatch each minute how many of a feed's records Kafka has acknowledged, zero included. It writes
// to the log group in CloudWatch's embedded metric format, which the collectors' policy allows.
type heartbeat struct {
	api                     logsAPI
	cluster, feed, logGroup string
	log                     *slog.Logger
	lost                    func()
	messages                atomic.Int64 // since the last heartbeat
}

const heartbeatEvery = time.Minute

// run writes heartbeats until ctx is done, and a last one then.
func (h *heartbeat) run(ctx context.Context) {
	if h.logGroup == "" {
		return
	}
	host, _ := os.Hostname()
	stream := "collector-" + h.feed + "-" + host + "-" + strconv.Itoa(os.Getpid())
	for going := true; going; {
		going = wait(ctx, heartbeatEvery)
		beating, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
		if err := h.beat(beating, stream); err != nil {
			h.lost()
			h.log.Warn("a heartbeat is lost", "logGroup", h.logGroup, "err", err)
		}
		cancel()
	}
}

// beat writes one heartbeat. If it can't, the messages count for the next one.
func (h *heartbeat) beat(ctx context.Context, stream string) error {
	now, messages := time.Now().UnixMilli(), h.messages.Swap(0)
	put := &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: &h.logGroup, LogStreamName: &stream,
		LogEvents: []types.InputLogEvent{{Timestamp: &now, Message: aws.String(h.document(now, messages))}},
	}
	_, err := h.api.PutLogEvents(ctx, put)
	if errors.As(err, new(*types.ResourceNotFoundException)) { // the stream is new
		_, err = h.api.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{
			LogGroupName: &h.logGroup, LogStreamName: &stream,
		})
		if err == nil || errors.As(err, new(*types.ResourceAlreadyExistsException)) {
			_, err = h.api.PutLogEvents(ctx, put)
		}
	}
	if err != nil {
		h.messages.Add(messages)
	}
	return err
}

// document returns a heartbeat (CloudWatch guide, "Specification: Embedded metric format").
func (h *heartbeat) document(now, messages int64) string {
	document, err := json.Marshal(map[string]any{
		"_aws": map[string]any{
			"Timestamp": now,
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace":  "MSKServerless/Feeds",
				"Dimensions": [][]string{{"Cluster", "Feed"}},
				"Metrics":    []any{map[string]any{"Name": "Messages", "Unit": "Count"}},
			}},
		},
		"Cluster": h.cluster, "Feed": h.feed, "Messages": messages,
	})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return string(document)
}
