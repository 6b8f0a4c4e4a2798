package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// denials are the error codes of requests without a permission, by the type of the resource.
var denials = map[string]int16{
	"topic":            kerr.TopicAuthorizationFailed.Code,
	"group":            kerr.GroupAuthorizationFailed.Code,
	"cluster":          kerr.ClusterAuthorizationFailed.Code,
	"transactional-id": kerr.TransactionalIDAuthorizationFailed.Code,
}

func denied(codes []int16) (n int) {
	for _, code := range codes {
		for _, d := range denials {
			if code == d {
				n++
			}
		}
	}
	return n
}

// grants returns the grants of actions on x, with further names in its place.
func grants(needs []string, names ...string) []grant {
	all := []grant{allow([]string{"Connect"})}
	for _, need := range needs {
		action, on, _ := strings.Cut(need, " ")
		if on == "" {
			all = append(all, allow([]string{action}))
			continue
		}
		kind, _, _ := strings.Cut(on, "/")
		for _, name := range names {
			all = append(all, allow([]string{action}, kind+"/"+name))
		}
	}
	return all
}

// oneBroker is a cluster of one broker without quotas on rates, which leads and coordinates everything.
func oneBroker(t *testing.T) *testCluster {
	t.Helper()
	return start(t, func(c *Config) {
		c.Limits.NoRates = true
		c.Options = append(c.Options, kfake.NumBrokers(1))
	})
}

// Each request is allowed with exactly the actions it needs, refused without any one of them, and refused in part if
// it is about something else too.
func TestRequests(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	for i, j := range judgedRequests {
		t.Run(fmt.Sprintf("%s v%d", j.kind, j.version), func(t *testing.T) {
			topics := 0
			send := func(needs []string, granted string, asked ...string) []int16 {
				topics++
				x := fmt.Sprintf("t%d-%d", i, topics)
				var names []string
				for _, name := range asked {
					names = append(names, strings.Replace(name, "x", x, 1))
					if j.kind != "CreateTopics" {
						require.NoError(t, c.CreateTopic(names[len(names)-1], 1, nil))
					}
				}
				role := fmt.Sprintf("r%d-%d", i, topics)
				c.grant(t, role, grants(needs, strings.Replace(granted, "x", x, 1))...)
				req := j.request(c, names...)
				req.SetVersion(j.version)
				return codesOf(c.raw(t, role).ask(req))
			}
			assert.Zero(t, denied(send(j.needs, "x", "x")), "allowed")
			for k, need := range j.needs {
				less := slices.Delete(slices.Clone(j.needs), k, k+1)
				kind := "cluster"
				if _, on, ok := strings.Cut(need, " "); ok {
					kind, _, _ = strings.Cut(on, "/")
				}
				assert.Contains(t, send(less, "x", "x"), denials[kind], "without %s", need)
			}
			if !j.single {
				both := send(j.needs, "x", "x", "y-x")
				assert.Equal(t, 1, denied(both), "of two, one is refused: %v", both)
				assert.Greater(t, len(both), 1, "both are answered")
			}
		})
	}
}

// Every kind that is handled is in the table, or tested by name.
func TestRequestsAreComplete(t *testing.T) {
	t.Parallel()
	tested := map[kmsg.Key]bool{
		kmsg.ListGroups: true, kmsg.GetTelemetrySubscriptions: true, kmsg.PushTelemetry: true,
		kmsg.AddPartitionsToTxn: true, kmsg.AddOffsetsToTxn: true, kmsg.EndTxn: true, kmsg.TxnOffsetCommit: true,
	}
	for _, j := range judgedRequests {
		if key, ok := keyOf(j.kind); ok {
			tested[key] = true
		}
	}
	for key := range kinds {
		assert.True(t, tested[key], key.Name())
	}
}

func keyOf(kind string) (kmsg.Key, bool) {
	name, _, _ := strings.Cut(kind, " ")
	for key := range kinds {
		if key.Name() == name {
			return key, true
		}
	}
	return 0, false
}

// A request for everything is answered with what the client may see.
func TestListings(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	for _, name := range []string{"x", "y"} {
		require.NoError(t, c.CreateTopic(name, 1, nil))
	}
	member := allow([]string{"AlterGroup", "DescribeGroup"}, "group/*")
	c.grant(t, "all", allow([]string{"Connect"}), member, allow([]string{"DescribeTopic", "ReadData"}, "topic/*"))
	c.grant(t, "x", allow([]string{"Connect"}), allow([]string{"DescribeGroup"}, "group/x"),
		allow([]string{"DescribeTopic"}, "topic/x"))
	c.grant(t, "lister", allow([]string{"Connect", "DescribeCluster"}))
	for _, group := range []string{"x", "y"} {
		req := offsetCommit(c, group, "x", "y")
		req.(*kmsg.OffsetCommitRequest).Topics = req.(*kmsg.OffsetCommitRequest).Topics[1:]
		req.SetVersion(8)
		require.Equal(t, []int16{0, 0}, codesOf(c.raw(t, "all").ask(req)))
	}
	ctx := patience(t)
	admin := func(role string) *kadm.Client { return kadm.NewClient(c.client(t, role)) }

	for role, want := range map[string][]string{"all": {"x", "y"}, "x": {"x"}, "lister": {}} {
		topics, err := admin(role).ListTopics(ctx)
		require.NoError(t, err)
		assert.Equal(t, want, topics.Names(), role)
		for _, name := range topics.Names() {
			assert.NoError(t, topics[name].Err)
		}
	}
	for role, want := range map[string][]string{"all": {"x", "y"}, "x": {"x"}, "lister": {"x", "y"}} {
		groups, err := admin(role).ListGroups(ctx)
		require.NoError(t, err)
		assert.Equal(t, want, groups.Groups(), role)
	}
	for _, version := range []int16{5, 8} {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Version, req.Group = version, "x"
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group = "x"
		req.Groups = append(req.Groups, group)
		resp := c.raw(t, "x").ask(req).(*kmsg.OffsetFetchResponse)
		var topics []string
		for _, topic := range resp.Topics {
			topics = append(topics, topic.Topic)
		}
		for _, g := range resp.Groups {
			for _, topic := range g.Topics {
				topics = append(topics, topic.Topic)
			}
		}
		assert.Equal(t, []string{"x"}, topics, "OffsetFetch v%d", version)
	}
	joined := consumerHeartbeat(c, "x", "y")
	require.Zero(t, denied(codesOf(c.raw(t, "all").ask(joined))))
	for role, code := range map[string]int16{"all": 0, "x": denials["topic"]} {
		req := kmsg.NewPtrConsumerGroupDescribeRequest()
		req.Groups = []string{"x"}
		described := c.raw(t, role).ask(req).(*kmsg.ConsumerGroupDescribeResponse).Groups[0]
		assert.Equal(t, code, described.ErrorCode, role)
		assert.Equal(t, code == 0, len(described.Members) > 0, role)
	}
	resp := c.raw(t, "x").ask(kmsg.NewPtrDescribeTopicPartitionsRequest()).(*kmsg.DescribeTopicPartitionsResponse)
	require.Len(t, resp.Topics, 1)
	assert.Equal(t, "x", *resp.Topics[0].Topic)
}

// Whatever the policies say, MSK Serverless has no transactions.
func TestTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	everything := []string{
		"AlterGroup", "AlterTransactionalId", "Connect", "DescribeGroup", "DescribeTopic", "DescribeTransactionalId",
		"ReadData", "WriteData", "WriteDataIdempotently",
	}
	c.grant(t, "r", allow(everything, "topic/*", "group/*", "transactional-id/*"), allow(everything))
	require.NoError(t, c.CreateTopic("x", 1, nil))
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID = kmsg.StringPtr("tx")
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "x", Partitions: []int32{0}}}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{
		Topic: "x", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{}},
	}}
	write := produce(1)(c, "x").(*kmsg.ProduceRequest)
	write.Version, write.TransactionID = 9, kmsg.StringPtr("tx")
	for _, req := range []kmsg.Request{
		init, add, commit, write, kmsg.NewPtrAddOffsetsToTxnRequest(), kmsg.NewPtrEndTxnRequest(),
	} {
		assert.Contains(t, codesOf(c.raw(t, "r").ask(req)), denials["transactional-id"], kmsg.NameForKey(req.Key()))
	}
}

// A policy that is changed holds for the next request of a connection that exists.
func TestChangedPolicyHoldsAtOnce(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	require.NoError(t, c.CreateTopic("x", 1, nil))
	all := []grant{allow([]string{"Connect"}), allow([]string{"DescribeTopic", "ReadData", "WriteData"}, "topic/x")}
	c.grant(t, "r", all...)
	conn := c.raw(t, "r")
	ask := func(req kmsg.Request, version int16) []int16 {
		req.SetVersion(version)
		return codesOf(conn.ask(req))
	}
	assert.Zero(t, denied(ask(produce(-1)(c, "x"), 9)))
	first := fetch(c, "x").(*kmsg.FetchRequest)
	first.SessionEpoch = 0 // asks for a session
	first.Version = 12
	answer := conn.ask(first).(*kmsg.FetchResponse)
	assert.Zero(t, denied(codesOf(answer)))
	assert.Zero(t, answer.SessionID, "a session would let later requests leave topics out")
	for i := range all {
		c.grant(t, "r", slices.Delete(slices.Clone(all), i, i+1)...)
		assert.Equal(t, 1, denied(ask(produce(-1)(c, "x"), 9)))
		assert.Equal(t, 1, denied(ask(fetch(c, "x"), 12)))
		c.grant(t, "r", all...)
		assert.Zero(t, denied(ask(fetch(c, "x"), 12)))
	}
}

// A cluster of an older version offers its requests, whichever version the client asks in.
func TestVersions(t *testing.T) {
	t.Parallel()
	c := start(t, func(config *Config) { config.Versions = kversion.V2_8_0() })
	c.grant(t, "r", allow([]string{"Connect"}), allow([]string{"CreateTopic"}, "topic/*"))
	_, err := kadm.NewClient(c.client(t, "r")).CreateTopic(patience(t), 1, -1, nil, "x")
	require.NoError(t, err)
	for version := range int16(6) {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = version, "test", "1"
		resp, err := c.dial(t).try(req)
		require.NoError(t, err)
		offers := map[int16]int16{}
		for _, k := range resp.(*kmsg.ApiVersionsResponse).ApiKeys {
			offers[k.ApiKey] = k.MaxVersion
		}
		assert.Equal(t, int16(3), offers[int16(kmsg.ApiVersions)])
		assert.NotContains(t, offers, int16(kmsg.ConsumerGroupHeartbeat))
	}
}

// What isn't offered ends the connection, and so does a refused request that expects no answer.
func TestClosesConnections(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	c.grant(t, "r", allow([]string{"Connect"}))
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.Version, versions.ClientSoftwareName, versions.ClientSoftwareVersion = 3, "test", "1"
	resp := c.dial(t).ask(versions).(*kmsg.ApiVersionsResponse)
	assert.Len(t, resp.ApiKeys, len(kinds)+len(beforeSession))

	unanswered := produce(-1)(c, "x").(*kmsg.ProduceRequest)
	unanswered.Version, unanswered.Acks = 9, 0
	for _, req := range []kmsg.Request{
		kmsg.NewPtrDescribeACLsRequest(), kmsg.NewPtrDescribeClientQuotasRequest(), kmsg.NewPtrShareFetchRequest(),
		unanswered,
	} {
		_, err := c.raw(t, "r").try(req)
		assert.Error(t, err, kmsg.NameForKey(req.Key()))
	}
	_, err := c.dial(t).try(kmsg.NewPtrMetadataRequest())
	assert.Error(t, err, "not authenticated")
}

// The settings that CreateTopics answers with are shown to those who may see them.
func TestCreateTopicsHidesSettings(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	create := []grant{allow([]string{"Connect"}), allow([]string{"CreateTopic"}, "topic/*")}
	c.grant(t, "blind", create...)
	c.grant(t, "seeing", append(create, allow([]string{"DescribeTopicDynamicConfiguration"}, "topic/*"))...)
	for role, partitions := range map[string]int32{"blind": -1, "seeing": 1} {
		req := createTopics(c, role)
		req.SetVersion(7)
		resp := c.raw(t, role).ask(req).(*kmsg.CreateTopicsResponse)
		assert.Equal(t, partitions, resp.Topics[0].NumPartitions, role)
	}
}

// Observers see each needed action once, and whether it is allowed.
func TestObserve(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	c.grant(t, "r", allow([]string{"Connect"}), allow([]string{"DescribeTopic"}, "topic/x"))
	req := listOffsets(c, "x", "y")
	req.SetVersion(7)
	c.raw(t, "r").ask(req)
	var seen []string
	for _, d := range c.seen {
		if d.Request == "ListOffsets v7" && strings.HasSuffix(d.Principal, "/r/test") {
			seen = append(seen, fmt.Sprint(d.Action, " ", d.Resource[strings.LastIndex(d.Resource, "/")+1:], " ", d.Allowed))
		}
	}
	assert.Equal(t, []string{
		"kafka-cluster:DescribeTopic x true", "kafka-cluster:Connect 1a2b3c4d-0000-0000-0000-000000000000-s1 true",
		"kafka-cluster:DescribeTopic y false", "kafka-cluster:Connect 1a2b3c4d-0000-0000-0000-000000000000-s1 true",
	}, seen)
}
