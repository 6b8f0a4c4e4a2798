package main

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// fakeLogs takes the place of CloudWatch Logs.
type fakeLogs struct {
	mu     sync.Mutex
	fail   error
	stream map[string]bool
	events []types.InputLogEvent
	groups map[string]bool
}

func (f *fakeLogs) CreateLogStream(_ context.Context, in *cloudwatchlogs.CreateLogStreamInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream == nil {
		f.stream, f.groups = map[string]bool{}, map[string]bool{}
	}
	f.stream[*in.LogStreamName], f.groups[*in.LogGroupName] = true, true
	return nil, f.fail
}

func (f *fakeLogs) PutLogEvents(_ context.Context, in *cloudwatchlogs.PutLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.PutLogEventsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	if !f.stream[*in.LogStreamName] {
		return nil, &types.ResourceNotFoundException{}
	}
	f.events = append(f.events, in.LogEvents...)
	return nil, nil
}
