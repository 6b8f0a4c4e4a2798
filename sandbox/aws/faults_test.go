package aws

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	logs := object{"name": "l"}
	for name, c := range map[string]struct {
		fault Fault
		done  bool
		want  string
	}{
		"before": {Fault{Operation: Create, Error: Throttled}, false, "creating CloudWatch Logs Log Group (l): " +
			"operation error CloudWatch Logs: CreateLogGroup, " +
			httpError400 + "ThrottlingException: Rate exceeded"},
		"after":           {Fault{Type: logGroupToken, After: true, Error: Lost}, true, "request send failed"},
		"by name":         {Fault{Name: "l", Error: Denied}, false, "StatusCode: 403"},
		"of another":      {Fault{Name: "m", Error: Denied}, true, ""},
		"the second":      {Fault{Nth: 2}, true, ""},
		"the first":       {Fault{Nth: 1}, false, "StatusCode: 503"},
		"of another sort": {Fault{Operation: Delete}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, New(), nil)
			e.sandbox.Fail(c.fault)
			_, err := e.tryCreate(logGroupToken, "l", logs)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			_, made := e.sandbox.Snapshot().LogGroups["arn:aws:logs:ap-south-1:123456789012:log-group:l"]
			assert.Equal(t, c.done, made)
			calls := e.sandbox.Calls()
			require.Len(t, calls, 1)
			assert.Equal(t, c.want != "", calls[0].Err != "")
			e.sandbox.Heal()
			e.sandbox.ResetCalls()
			if !c.done {
				e.create(logGroupToken, "l", logs)
				assert.Equal(t, []Call{{Operation: Create, Type: logGroupToken, Name: "l", ID: "l"}}, e.sandbox.Calls())
			}
		})
	}
	t.Run("look-up", func(t *testing.T) {
		t.Parallel()
		e := newEngine(t, New(), nil)
		e.sandbox.Fail(Fault{Operation: LookUp, Error: Throttled})
		_, err := e.Invoke(t.Context(),
			plugin.InvokeRequest{Tok: "aws:ec2/getVpc:getVpc", Args: properties(object{"id": theVPC})})
		require.EqualError(t, err, "reading Vpc ("+theVPC+"): ThrottlingException: Rate exceeded")
	})
}

// httpError400 is how the SDK words an HTTP answer.
const httpError400 = "https response error StatusCode: 400, RequestID: 00000000-0000-0000-0000-000000000000, "

// TestLatency: calls wait side by side, after their work is done; an interrupt ends the wait for a cluster.
func TestLatency(t *testing.T) {
	t.Parallel()
	e := newEngine(t, New(), nil)
	stop, hurry := context.WithCancel(t.Context())
	e.stop, e.hurry = stop, hurry
	arrived := make(chan struct{}, 2)
	e.sandbox.Latency(func(Call) time.Duration { arrived <- struct{}{}; return time.Hour })
	errs := make(chan error, 2)
	go func() { _, err := e.tryCreate(clusterToken, "c", clusterInputs()); errs <- err }()
	go func() { _, err := e.tryCreate(logGroupToken, "l", object{}); errs <- err }()
	<-arrived
	<-arrived // both wait at once
	assert.Len(t, e.sandbox.Snapshot().Clusters, 1)
	require.NoError(t, e.SignalCancellation(t.Context()))
	failed := []error{<-errs, <-errs}
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	require.Len(t, failed, 1)
	require.ErrorContains(t, failed[0], "context canceled")
}
