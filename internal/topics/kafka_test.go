package topics

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakeCluster is an in-memory cluster that enforces Serverless's quotas as Kafka does: it refuses single topics of a
// request. Its network is virtual, so that it works on the clock of testing/synctest.
type fakeCluster struct {
	*kfake.Cluster
	network kfake.VirtualNetwork

	mu       sync.Mutex
	spent    []spending  // partitions created and deleted
	requests []time.Time // topic-management requests
	refusals []time.Time // requests of which some topic was refused
	before   func(kmsg.Request)
}

func newCluster(t *testing.T, opts ...kfake.Opt) *fakeCluster {
	t.Helper()
	f := &fakeCluster{}
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.Ports(9098), kfake.ListenFn(f.network.Listen)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	f.Cluster = cluster
	cluster.Control(f.judge)
	return f
}

// connect returns a new client, as each run of mskctl has.
func (f *fakeCluster) connect(t *testing.T) *Cluster {
	t.Helper()
	c, err := Connect(kgo.SeedBrokers(f.ListenAddrs()...), kgo.Dialer(f.network.DialContext))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// judge is called with every request before it is answered.
func (f *fakeCluster) judge(req kmsg.Request) (kmsg.Response, error, bool) {
	f.KeepControl()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil {
		f.before(req)
	}
	var asked []Topic
	switch req := req.(type) {
	case *kmsg.CreateTopicsRequest:
		for _, t := range req.Topics {
			if f.TopicInfo(t.Topic) == nil {
				asked = append(asked, Topic{Name: t.Topic, Partitions: int(t.NumPartitions)})
			}
		}
	case *kmsg.CreatePartitionsRequest:
		for _, t := range req.Topics {
			asked = append(asked, Topic{Name: t.Topic, Partitions: int(t.Count) - len(f.PartitionInfos(t.Topic))})
		}
	case *kmsg.DeleteTopicsRequest:
		for _, t := range req.TopicNames {
			asked = append(asked, Topic{Name: t, Partitions: len(f.PartitionInfos(t))})
		}
	case *kmsg.IncrementalAlterConfigsRequest:
	default:
		return nil, nil, false
	}
	now := time.Now()
	f.requests = append(f.requests, now)
	refused := false
	for _, t := range asked {
		if f.inWindow(now)+t.Partitions > windowPartitions {
			f.Fault(kfake.Fault{Topic: t.Name, Err: kerr.ThrottlingQuotaExceeded})
			refused = true
			continue
		}
		f.spent = append(f.spent, spending{now, t.Partitions})
	}
	if refused {
		f.refusals = append(f.refusals, now)
	}
	return nil, nil, false
}

func (f *fakeCluster) inWindow(now time.Time) int {
	sum := 0
	for _, s := range f.spent {
		if now.Sub(s.at) < window {
			sum += s.partitions
		}
	}
	return sum
}

// busiest returns the largest number of times within a window of that length.
func busiest(times []time.Time, length time.Duration) int {
	most := 0
	for i, from := range times {
		n := len(times) - i
		if end := slices.IndexFunc(times[i:], func(t time.Time) bool { return t.Sub(from) >= length }); end >= 0 {
			n = end
		}
		most = max(most, n)
	}
	return most
}
