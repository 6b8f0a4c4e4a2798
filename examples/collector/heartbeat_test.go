package main

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeLogs takes the place of CloudWatch Logs.
type fakeLogs struct {
	mu     sync.Mutex
	fail   error
	stream map[string]bool
	events []types.InputLogEvent
	groups map[string]bool
}

func (f *fakeLogs) CreateLogStream(
	_ context.Context,
	in *cloudwatchlogs.CreateLogStreamInput,
	_ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream == nil {
		f.stream, f.groups = map[string]bool{}, map[string]bool{}
	}
	f.stream[*in.LogStreamName], f.groups[*in.LogGroupName] = true, true
	return nil, f.fail
}

func (f *fakeLogs) PutLogEvents(
	_ context.Context,
	in *cloudwatchlogs.PutLogEventsInput,
	_ ...func(*cloudwatchlogs.Options),
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

// Each minute has a heartbeat, also without a message. One that can't be written doesn't end the collector, and its
// messages are in the next.
func TestHeartbeats(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		p := w.start([]string{"produce", "-symbols", "BTCUSDT", "-streams", "trades"})
		w.publish(50 * time.Second)
		time.Sleep(3 * time.Minute)
		w.logs.mu.Lock()
		w.logs.fail = errTest
		w.logs.mu.Unlock()
		w.publish(2 * time.Minute)
		w.logs.mu.Lock()
		w.logs.fail = nil
		w.logs.mu.Unlock()
		time.Sleep(2 * time.Minute)
		p.running(t)
		assert.EqualValues(t, 2, p.metric(t, "heartbeats_lost_total"))
		acknowledged := p.metric(t, "acknowledged_total")
		require.Zero(t, p.terminate())

		assert.Equal(t, map[string]bool{"/aws/msk/crypto/broker": true}, w.logs.groups)
		sum, zeros := 0.0, 0
		for _, event := range w.logs.events {
			var beat struct {
				AWS           any `json:"_aws"`
				Cluster, Feed string
				Messages      float64
			}
			require.NoError(t, json.Unmarshal([]byte(*event.Message), &beat))
			assert.Equal(t, "crypto", beat.Cluster)
			assert.Equal(t, "binance-spot", beat.Feed)
			assert.Equal(t, map[string]any{
				"Timestamp": float64(*event.Timestamp),
				"CloudWatchMetrics": []any{map[string]any{
					"Namespace": "MSKServerless/Feeds", "Dimensions": []any{[]any{"Cluster", "Feed"}},
					"Metrics": []any{map[string]any{"Name": "Messages", "Unit": "Count"}},
				}},
			}, beat.AWS)
			if sum += beat.Messages; beat.Messages == 0 {
				zeros++
			}
		}
		assert.Equal(t, acknowledged, sum)
		assert.Greater(t, zeros, 2)
	})
}
