package kafka

import (
	"hash/crc32"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// judged is a kind of request in one version, about topics or groups, and the actions that it needs. "x" stands for
// each topic or group in them.
type judged struct {
	kind    string
	version int16
	request func(c *testCluster, names ...string) kmsg.Request
	needs   []string
	single  bool // about one topic or group
}

var judgedRequests = []judged{
	{kind: "Produce", version: 3, request: produce(-1), needs: writes},
	{kind: "Produce", version: 9, request: produce(-1), needs: writes},
	{kind: "Produce by id", version: 13, request: produce(-1), needs: writes},
	{kind: "Produce idempotently", version: 9, request: produce(1), needs: slices.Concat(writes, idempotently)},
	{
		kind: "InitProducerID", version: 4, single: true, needs: []string{"WriteDataIdempotently"},
		request: func(*testCluster, ...string) kmsg.Request { return kmsg.NewPtrInitProducerIDRequest() },
	},
	{kind: "Fetch", version: 4, request: fetch, needs: reads},
	{kind: "Fetch", version: 12, request: fetch, needs: reads},
	{kind: "Fetch by id", version: 16, request: fetch, needs: reads},
	{kind: "ListOffsets", version: 1, request: listOffsets, needs: []string{"DescribeTopic topic/x"}},
	{kind: "ListOffsets", version: 7, request: listOffsets, needs: []string{"DescribeTopic topic/x"}},
	{kind: "OffsetForLeaderEpoch", version: 4, request: leaderEpoch, needs: []string{"DescribeTopic topic/x"}},
	{kind: "Metadata", version: 0, request: metadata, needs: []string{"DescribeTopic topic/x"}},
	{kind: "Metadata", version: 9, request: metadata, needs: []string{"DescribeTopic topic/x"}},
	{kind: "DescribeTopicPartitions", request: describePartitions, needs: []string{"DescribeTopic topic/x"}},
	{
		kind: "DescribeCluster", single: true, needs: []string{"DescribeCluster"},
		request: func(*testCluster, ...string) kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() },
	},

	{kind: "FindCoordinator", version: 3, single: true, request: findCoordinator, needs: describesGroup},
	{kind: "FindCoordinator", version: 4, request: findCoordinator, needs: describesGroup},
	{kind: "FindCoordinator of a transaction", version: 3, single: true, request: findTransaction, needs: describesTx},
	{kind: "FindCoordinator of a transaction", version: 4, request: findTransaction, needs: describesTx},
	{kind: "JoinGroup", version: 5, single: true, request: joinGroup, needs: membership},
	{
		kind: "SyncGroup", version: 3, single: true, needs: membership,
		request: func(_ *testCluster, names ...string) kmsg.Request {
			r := kmsg.NewPtrSyncGroupRequest()
			r.Group, r.MemberID = names[0], "m"
			return r
		},
	},
	{
		kind: "Heartbeat", version: 3, single: true, needs: membership,
		request: func(_ *testCluster, names ...string) kmsg.Request {
			r := kmsg.NewPtrHeartbeatRequest()
			r.Group, r.MemberID = names[0], "m"
			return r
		},
	},
	{
		kind: "LeaveGroup", version: 4, single: true, needs: membership,
		request: func(_ *testCluster, names ...string) kmsg.Request {
			r := kmsg.NewPtrLeaveGroupRequest()
			r.Group = names[0]
			return r
		},
	},
	{
		kind: "ConsumerGroupHeartbeat", single: true, request: consumerHeartbeat,
		needs: slices.Concat([]string{"DescribeTopic topic/x"}, membership),
	},
	{kind: "OffsetCommit", version: 2, single: true, request: offsetCommit, needs: offsetCommitNeeds},
	{kind: "OffsetCommit", version: 8, single: true, request: offsetCommit, needs: offsetCommitNeeds},
	{
		kind: "OffsetFetch", version: 5, single: true, request: offsetFetch,
		needs: []string{"DescribeGroup group/x", "DescribeTopic topic/x"},
	},
	{
		kind: "OffsetFetch", version: 8, single: true, request: offsetFetch,
		needs: []string{"DescribeGroup group/x", "DescribeTopic topic/x"},
	},
	{
		kind: "OffsetDelete", single: true, request: offsetDelete,
		needs: []string{"DeleteGroup group/x", "DescribeGroup group/x", "ReadData topic/x", "DescribeTopic topic/x"},
	},
	{
		kind: "DescribeGroups", version: 5, needs: []string{"DescribeGroup group/x"},
		request: func(_ *testCluster, names ...string) kmsg.Request {
			r := kmsg.NewPtrDescribeGroupsRequest()
			r.Groups = names
			return r
		},
	},
	{
		kind: "ConsumerGroupDescribe", needs: []string{"DescribeGroup group/x"},
		request: func(_ *testCluster, names ...string) kmsg.Request {
			r := kmsg.NewPtrConsumerGroupDescribeRequest()
			r.Groups = names
			return r
		},
	},
	{
		kind: "DeleteGroups", version: 2, needs: []string{"DeleteGroup group/x", "DescribeGroup group/x"},
		request: func(_ *testCluster, names ...string) kmsg.Request {
			r := kmsg.NewPtrDeleteGroupsRequest()
			r.Groups = names
			return r
		},
	},

	{kind: "CreateTopics", version: 2, request: createTopics, needs: []string{"CreateTopic topic/x"}},
	{kind: "CreateTopics", version: 7, request: createTopics, needs: []string{"CreateTopic topic/x"}},
	{
		kind: "CreatePartitions", version: 2, request: createPartitions,
		needs: []string{"AlterTopic topic/x", "DescribeTopic topic/x"},
	},
	{kind: "DeleteTopics", version: 3, request: deleteTopics, needs: deletes},
	{kind: "DeleteTopics", version: 6, request: deleteTopics, needs: deletes},
	{kind: "DeleteRecords", version: 2, request: deleteRecords, needs: deletes},
	{
		kind: "DescribeConfigs", version: 4, request: describeConfigs,
		needs: []string{"DescribeTopicDynamicConfiguration topic/x"},
	},
	{kind: "AlterConfigs", version: 2, request: alterConfigs, needs: []string{
		"AlterTopicDynamicConfiguration topic/x", "DescribeTopicDynamicConfiguration topic/x",
	}},
	{kind: "IncrementalAlterConfigs", version: 1, request: incrementalAlterConfigs, needs: []string{
		"AlterTopicDynamicConfiguration topic/x", "DescribeTopicDynamicConfiguration topic/x",
	}},
}

var (
	writes            = []string{"WriteData topic/x", "DescribeTopic topic/x"}
	idempotently      = []string{"WriteDataIdempotently"}
	reads             = []string{"ReadData topic/x", "DescribeTopic topic/x"}
	deletes           = []string{"DeleteTopic topic/x", "DescribeTopic topic/x"}
	describesTx       = []string{"DescribeTransactionalId transactional-id/x"}
	describesGroup    = []string{"DescribeGroup group/x"}
	membership        = []string{"AlterGroup group/x", "DescribeGroup group/x"}
	offsetCommitNeeds = slices.Concat(reads, membership)
)

// id returns the id of a topic, by which newer versions of requests name it.
func id(c *testCluster, name string) [16]byte {
	if info := c.TopicInfo(name); info != nil {
		return info.TopicID
	}
	return [16]byte{}
}

// newBatch returns a batch of one record. The producer is -1 if it isn't idempotent.
func newBatch(producer int64, value []byte) []byte {
	record := kmsg.NewRecord()
	record.Value = value
	record.Length = int32(len(record.AppendTo(nil))) - 1
	b := kmsg.NewRecordBatch()
	b.PartitionLeaderEpoch, b.Magic, b.NumRecords = -1, 2, 1
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = producer, -1, -1
	if producer >= 0 {
		b.ProducerEpoch, b.FirstSequence = 0, 0
	}
	b.Records = record.AppendTo(nil)
	b.Length = int32(len(b.AppendTo(nil))) - 12
	const crcStart = 21
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[crcStart:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

func produce(producer int64) func(*testCluster, ...string) kmsg.Request {
	return func(c *testCluster, names ...string) kmsg.Request {
		r := kmsg.NewPtrProduceRequest()
		r.Acks, r.TimeoutMillis = -1, 1000
		for _, name := range names {
			t := kmsg.NewProduceRequestTopic()
			t.Topic, t.TopicID = name, id(c, name)
			p := kmsg.NewProduceRequestTopicPartition()
			p.Records = newBatch(producer, []byte("v"))
			t.Partitions = append(t.Partitions, p)
			r.Topics = append(r.Topics, t)
		}
		return r
	}
}

func fetch(c *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes = 1 << 20
	for _, name := range names {
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = name, id(c, name)
		p := kmsg.NewFetchRequestTopicPartition()
		p.PartitionMaxBytes, p.CurrentLeaderEpoch = 1<<20, -1
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	return r
}

func listOffsets(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrListOffsetsRequest()
	for _, name := range names {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = name
		t.Partitions = append(t.Partitions, kmsg.NewListOffsetsRequestTopicPartition())
		r.Topics = append(r.Topics, t)
	}
	return r
}

func leaderEpoch(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrOffsetForLeaderEpochRequest()
	for _, name := range names {
		t := kmsg.NewOffsetForLeaderEpochRequestTopic()
		t.Topic = name
		t.Partitions = append(t.Partitions, kmsg.NewOffsetForLeaderEpochRequestTopicPartition())
		r.Topics = append(r.Topics, t)
	}
	return r
}

func metadata(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		r.Topics = append(r.Topics, t)
	}
	return r
}

func describePartitions(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrDescribeTopicPartitionsRequest()
	for _, name := range names {
		r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return r
}

func findCoordinator(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorKey, r.CoordinatorKeys = names[0], names
	return r
}

func findTransaction(c *testCluster, names ...string) kmsg.Request {
	r := findCoordinator(c, names...).(*kmsg.FindCoordinatorRequest)
	r.CoordinatorType = 1
	return r
}

func joinGroup(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Group, r.ProtocolType, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = names[0], "consumer", 10000, 10000
	r.Protocols = append(r.Protocols, kmsg.JoinGroupRequestProtocol{Name: "range"})
	return r
}

func consumerHeartbeat(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.SubscribedTopicNames, r.RebalanceTimeoutMillis = names[0], names, 10000
	r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	return r
}

func offsetCommit(c *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = names[0], -1
	for _, name := range names {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.TopicID = name, id(c, name)
		t.Partitions = append(t.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
		r.Topics = append(r.Topics, t)
	}
	return r
}

func offsetFetch(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = names[0]
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = names[0]
	for _, name := range names {
		r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: []int32{0}})
		g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: []int32{0}})
	}
	r.Groups = append(r.Groups, g)
	return r
}

func offsetDelete(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrOffsetDeleteRequest()
	r.Group = names[0]
	for _, name := range names {
		t := kmsg.NewOffsetDeleteRequestTopic()
		t.Topic = name
		t.Partitions = append(t.Partitions, kmsg.NewOffsetDeleteRequestTopicPartition())
		r.Topics = append(r.Topics, t)
	}
	return r
}

func createTopics(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrCreateTopicsRequest()
	r.TimeoutMillis = 1000
	for _, name := range names {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, 1
		r.Topics = append(r.Topics, t)
	}
	return r
}

func createPartitions(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrCreatePartitionsRequest()
	for _, name := range names {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = name, 3
		r.Topics = append(r.Topics, t)
	}
	return r
}

func deleteTopics(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrDeleteTopicsRequest()
	for _, name := range names {
		r.TopicNames = append(r.TopicNames, name)
		r.Topics = append(r.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	return r
}

func deleteRecords(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrDeleteRecordsRequest()
	for _, name := range names {
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = name
		t.Partitions = append(t.Partitions, kmsg.NewDeleteRecordsRequestTopicPartition())
		r.Topics = append(r.Topics, t)
	}
	return r
}

func describeConfigs(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		r.Resources = append(r.Resources, kmsg.DescribeConfigsRequestResource{
			ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name,
		})
	}
	return r
}

func alterConfigs(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrAlterConfigsRequest()
	for _, name := range names {
		r.Resources = append(r.Resources, kmsg.AlterConfigsRequestResource{
			ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name,
			Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: kmsg.StringPtr("1")}},
		})
	}
	return r
}

func incrementalAlterConfigs(_ *testCluster, names ...string) kmsg.Request {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for _, name := range names {
		r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsRequestResource{
			ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name,
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{
				{Name: "retention.ms", Value: kmsg.StringPtr("1")},
			},
		})
	}
	return r
}
