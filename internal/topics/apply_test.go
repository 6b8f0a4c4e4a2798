package topics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/internal/stacktest"
)

// numbered returns a catalogue with so many topics of so many partitions.
func numbered(topics, partitions int) *Catalogue {
	c := &Catalogue{}
	for i := range topics {
		t := Topic{Name: fmt.Sprintf("exchg.x.%04d", i), Partitions: partitions, Settings: map[string]string{}}
		c.entries = append(c.entries, entry{Topic: t, feed: "x"})
	}
	return c
}

// with returns the catalogue with further topics.
func (c *Catalogue) with(topics ...Topic) *Catalogue {
	for _, t := range topics {
		c.entries = append(c.entries, entry{Topic: t})
	}
	return c
}

func apply(t *testing.T, f *fakeCluster, c *Catalogue, remove ...string) error {
	t.Helper()
	return Apply(t.Context(), f.connect(t), c, remove, func(string) {})
}

// requireSame checks that the cluster has what the catalogue declares, and no more topics.
func requireSame(t *testing.T, f *fakeCluster, c *Catalogue) {
	t.Helper()
	state, err := f.connect(t).State(t.Context())
	require.NoError(t, err)
	plan := Compare(c, state, nil)
	require.False(t, plan.Differs(), "%+v", plan)
	require.Equal(t, len(c.entries), plan.Same)
}

// The quotas allow 2,400 partitions in 9 windows, and the last 150 of them right after.
func TestApplyIsAsFastAsTheQuotasAllow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*Catalogue{
		"2,400 topics of one partition":  numbered(2400, 1),
		"48 topics of 50 partitions":     numbered(48, 50),
		"one topic of 2,400 partitions":  (&Catalogue{}).with(Topic{Name: "exchg.all", Partitions: 2400}),
		"a large one among small topics": numbered(40, 50).with(Topic{Name: "exchg.large", Partitions: 400}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newCluster(t)
				planned := duration(pacer{}, time.Now(), Compare(c, State{}, nil).steps())
				start := time.Now()
				require.NoError(t, apply(t, f, c))
				const best = 9 * window
				took := time.Since(start)
				assert.GreaterOrEqual(t, took, best)
				assert.LessOrEqual(t, took, best+best/50, "within 2 %% of the best")
				if len(c.entries) == 2400 {
					stacktest.Evidence(t, "`topics apply` of 2,400 topics: time above the least that AWS's quotas allow",
						fmt.Sprintf("%.1f %%", 100*float64(took-best)/float64(best)))
				}
				assert.InDelta(t, took, planned, float64(best/50), "as the plan says")
				assert.Empty(t, f.refusals)
				assert.LessOrEqual(t, busiest(f.requests, time.Second), 2)
				requireSame(t, f, c)
			})
		})
	}
}

// However often it is killed, a run ends with the catalogue, and the quota's refusals stay rare.
func TestApplyCanBeKilledAtAnyPoint(t *testing.T) {
	t.Parallel()
	for how, topics := range map[string]int{"killed": 2400, "interrupted": 600} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) {
				f, c := newCluster(t), numbered(topics, 1)
				for range 20 {
					ctx, cancel := context.WithCancel(t.Context())
					cluster := f.connect(t)
					end := func() {
						if how == "killed" {
							cluster.Close() // answers get lost
						}
						cancel()
					}
					kill, sent := random.IntN(8), 0
					f.before = func(req kmsg.Request) {
						if _, ok := req.(*kmsg.CreateTopicsRequest); !ok {
							return
						}
						if sent++; sent == kill {
							go end()
						}
					}
					latest := time.Duration(topics) * window / 4800 // so that 20 runs can't get everything done
					timer := time.AfterFunc(time.Duration(random.Int64N(int64(latest))), end)
					require.Error(t, Apply(ctx, cluster, c, nil, func(string) {}))
					timer.Stop()
					cancel()
				}
				synctest.Wait() // until the cluster has answered what the last run that was killed had sent
				f.before = nil
				before := len(f.refusals)
				require.NoError(t, apply(t, f, c))
				requireSame(t, f, c)
				assert.LessOrEqual(t, busiest(f.refusals[before:], window), 3)
				if how == "killed" {
					stacktest.Evidence(t, "`topics apply` killed at 20 random points and run again: topics as declared",
						fmt.Sprintf("%d of %d", topics, topics))
				}
			})
		})
	}
}

func TestApplyByTwoAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, c := newCluster(t), numbered(1000, 1)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { assert.NoError(t, apply(t, f, c)) })
		}
		start := time.Now()
		both.Wait()
		requireSame(t, f, c)
		assert.LessOrEqual(t, busiest(f.refusals, window), 2*3, "three for each")
		assert.Less(t, time.Since(start), 5*window, "1,000 partitions need 3 windows, and each may end in a pause")
		assert.Len(t, f.spent, 1000, "none was created twice")
	})
}

func TestApplyAltersGrowsAndDeletes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newCluster(t)
		require.NoError(t,
			f.CreateTopic("exchg.alter", 1, map[string]string{"retention.ms": "1000", "max.message.bytes": "5"}))
		require.NoError(t, f.CreateTopic("exchg.grow", 2, nil))
		require.NoError(t, f.CreateTopic("exchg.same", 3, map[string]string{"cleanup.policy": "compact"}))
		require.NoError(t, f.CreateTopic("exchg.old.a", 1, nil))
		require.NoError(t, f.CreateTopic("exchg.old.b", 300, nil))
		require.NoError(t, f.CreateTopic("exchg.other", 1, nil))
		c := (&Catalogue{}).with(Topic{"exchg.alter", 2, map[string]string{"retention.ms": "2000"}},
			Topic{"exchg.grow", 9, nil}, Topic{"exchg.same", 3, map[string]string{"cleanup.policy": "compact"}},
			Topic{"exchg.new", 1, map[string]string{"retention.ms": "3000", "compression.type": "zstd"}})
		require.NoError(t, apply(t, f, c, "exchg.old.a", "exchg.old.b"))
		state, err := f.connect(t).State(t.Context())
		require.NoError(t, err)
		plan := Compare(c, state, nil)
		assert.False(t, plan.Changes(), "%+v", plan)
		assert.Equal(t, 4, plan.Same)
		assert.Equal(t, []Topic{{"exchg.other", 1, map[string]string{}}}, plan.Unlisted, "left alone")
		assert.Equal(t, map[string]string{"retention.ms": "2000"}, state["exchg.alter"].Settings,
			"and the rest has its default")
	})
}

// What passes is retried, even if the cluster has done it and answered otherwise.
func TestApplyRetriesWhatPasses(t *testing.T) {
	t.Parallel()
	for _, err := range []*kerr.Error{
		kerr.RequestTimedOut, kerr.NotController, kerr.CoordinatorLoadInProgress, kerr.ThrottlingQuotaExceeded,
		kerr.LeaderNotAvailable,
	} {
		t.Run(err.Message, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, c := newCluster(t), numbered(100, 1)
				for key := range changing {
					f.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: 3})
				}
				f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: err, Count: 2})
				require.NoError(t, f.CreateTopic("exchg.old", 1, nil))
				require.NoError(t, f.CreateTopic("exchg.alter", 1, nil))
				c.with(Topic{"exchg.alter", 5, map[string]string{"retention.ms": "1"}})
				require.NoError(t, apply(t, f, c, "exchg.old"))
				requireSame(t, f, c)
			})
		})
	}
}

// changing holds the requests that change topics.
var changing = map[kmsg.Key]bool{
	kmsg.CreateTopics: true, kmsg.CreatePartitions: true, kmsg.DeleteTopics: true, kmsg.IncrementalAlterConfigs: true,
}

func TestApplyStopsAtWhatDoesNotPass(t *testing.T) {
	t.Parallel()
	for err, want := range map[*kerr.Error]string{
		kerr.InvalidRequest:           "exchg.x.0007: INVALID_REQUEST: .* no more than 2,400 partitions",
		kerr.TopicAuthorizationFailed: "exchg.x.0007: TOPIC_AUTHORIZATION_FAILED: .* a role with the operators' policy",
		kerr.PolicyViolation:          "exchg.x.0007: POLICY_VIOLATION",
	} {
		t.Run(err.Message, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, c := newCluster(t), numbered(60, 1)
				f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "exchg.x.0007", Err: err, Count: -1})
				got := apply(t, f, c)
				require.Error(t, got)
				assert.Regexp(t, want, got.Error())
				assert.Contains(t, got.Error(), "49 of 60 partitions were created or deleted", "what else the request had")
				assert.Len(t, f.requests, 1)
			})
		})
	}
}

func TestApplyGivesUpWithoutProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newCluster(t)
		f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.ThrottlingQuotaExceeded, Count: -1})
		start := time.Now()
		require.ErrorContains(t, apply(t, f, numbered(1, 1)), "no progress for 20m0s: THROTTLING_QUOTA_EXCEEDED")
		assert.InDelta(t, patience, time.Since(start), float64(3*time.Minute))
		assert.LessOrEqual(t, busiest(f.requests, window), 3)
	})
}

func TestApplyWaitsForLeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newCluster(t)
		leaderless := 0
		f.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			if f.TopicInfo("exchg.x.0000") == nil || leaderless == 5 {
				return nil, nil, false
			}
			leaderless++
			resp := req.ResponseKind().(*kmsg.MetadataResponse)
			topic, partition := kmsg.NewMetadataResponseTopic(), kmsg.NewMetadataResponseTopicPartition()
			topic.Topic = kmsg.StringPtr("exchg.x.0000")
			partition.Leader, partition.ErrorCode = -1, kerr.LeaderNotAvailable.Code
			topic.Partitions = append(topic.Partitions, partition)
			resp.Topics = append(resp.Topics, topic)
			broker := kmsg.NewMetadataResponseBroker()
			broker.NodeID, broker.Host, broker.Port = 0, "127.0.0.1", 9098
			resp.Brokers, resp.ControllerID = append(resp.Brokers, broker), 0
			return resp, nil, true
		})
		require.NoError(t, apply(t, f, numbered(1, 1)))
		assert.Equal(t, 5, leaderless)
	})
}

func TestApplyRefusesBeforeItChangesAnything(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		catalogue *Catalogue
		want      string
	}{
		"fewer partitions": {
			numbered(1, 1).with(Topic{"exchg.three", 2, nil}),
			"exchg.three: it has 3 partitions, and the catalogue wants 2",
		},
		"cleanup.policy": {
			numbered(1, 1).with(Topic{"exchg.three", 3, map[string]string{CleanupPolicy: "compact"}}),
			"exchg.three: cleanup.policy is delete, and the catalogue wants compact",
		},
		"collision": {
			numbered(1, 1).with(Topic{"exchg_three", 3, nil}),
			"exchg_three: the cluster has exchg.three, which differs only in . and _",
		},
		"too many": {numbered(2398, 1), "2401 partitions are too many"},
		"compacted": {
			(&Catalogue{}).with(Topic{"exchg.c", 121, map[string]string{CleanupPolicy: "compact"}}),
			"121 partitions of compacted topics are too many",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newCluster(t)
				require.NoError(t, f.CreateTopic("exchg.three", 3, nil))
				require.ErrorContains(t, apply(t, f, test.catalogue), test.want)
				assert.Empty(t, f.requests)
			})
		})
	}
}

func TestDeletable(t *testing.T) {
	t.Parallel()
	state := State{}
	for _, name := range []string{"exchg.a", "exchg.old.a", "exchg.old.b", "exchg.x.0000"} {
		state[name] = Current{Topic: Topic{Name: name}}
	}
	c := numbered(1, 1)
	names, err := Deletable(c, state, []string{"exchg.old.*", "exchg.a", "*.a"})
	require.NoError(t, err)
	assert.Equal(t, []string{"exchg.a", "exchg.old.a", "exchg.old.b"}, names)
	_, err = Deletable(c, state, []string{"exchg.old", "exchg.*"})
	assert.ErrorContains(t, err, "--delete exchg.old: the cluster has no such topic")
	assert.ErrorContains(t, err, "exchg.x.0000 is in the catalogue")
	assert.True(t, slices.IsSorted(names))
}
