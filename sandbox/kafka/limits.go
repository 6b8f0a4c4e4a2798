package kafka

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The quotas of a cluster (MSK developer guide, "MSK Serverless quota").
const (
	maxPartitions        = 2400
	maxCompacted         = 120
	maxChangedPartitions = 250 // created and deleted within changedPartitionsIn
	changedPartitionsIn  = 5 * time.Minute
	maxTopicRequests     = 2 // within a second
	maxConnections       = 3000
	maxNewConnections    = 100 // within a second
)

// Limits says which quotas apply.
type Limits struct {
	// NoRates lifts the quotas on how often and how fast: partitions created and deleted in five minutes, topic
	// requests in a second, new connections in a second.
	NoRates bool
}

// quotas counts what the quotas are about.
type quotas struct {
	limits Limits
	now    func() time.Time

	topics   sync.Mutex // held while a request that changes topics is judged and answered
	changed  window
	requests window

	mu          sync.Mutex
	connections int
	accepted    window
}

func newQuotas(limits Limits, now func() time.Time) *quotas { return &quotas{limits: limits, now: now} }

// lock keeps requests that change topics from being handled at the same time, and returns what ends that.
func (q *quotas) lock(req kmsg.Request) (unlock func()) {
	switch req.(type) {
	case *kmsg.CreateTopicsRequest, *kmsg.DeleteTopicsRequest, *kmsg.CreatePartitionsRequest:
		q.topics.Lock()
		return q.topics.Unlock
	}
	return func() {}
}

// request counts a request that changes topics, and reports whether it is within the quota.
func (q *quotas) request() bool {
	if q.limits.NoRates {
		return true
	}
	q.requests.forget(q.now().Add(-time.Second))
	if q.requests.sum >= maxTopicRequests {
		return false
	}
	q.requests.add(q.now(), 1)
	return true
}

// room reports whether n more partitions can be created or deleted now.
func (q *quotas) room(n int) bool {
	q.changed.forget(q.now().Add(-changedPartitionsIn))
	return q.limits.NoRates || q.changed.sum+n <= maxChangedPartitions
}

// change counts partitions that were created or deleted.
func (q *quotas) change(n int) { q.changed.add(q.now(), n) }

// connect counts a connection, and reports whether it is within the quotas. disconnect follows if it is.
func (q *quotas) connect() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.accepted.forget(q.now().Add(-time.Second))
	if q.connections >= maxConnections || !q.limits.NoRates && q.accepted.sum >= maxNewConnections {
		return false
	}
	q.connections++
	q.accepted.add(q.now(), 1)
	return true
}

func (q *quotas) disconnect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.connections--
}

// window counts events until they are forgotten.
type window struct {
	events []event
	sum    int
}

type event struct {
	at time.Time
	n  int
}

func (w *window) add(at time.Time, n int) {
	w.events = append(w.events, event{at, n})
	w.sum += n
}

// forget forgets the events up to a time.
func (w *window) forget(until time.Time) {
	for len(w.events) > 0 && !w.events[0].at.After(until) {
		w.sum -= w.events[0].n
		w.events = w.events[1:]
	}
}
