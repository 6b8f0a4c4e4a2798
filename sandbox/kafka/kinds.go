package kafka

import "github.com/twmb/franz-go/pkg/kmsg"

// kinds are the kinds of request that a client of MSK Serverless may send once it is authenticated, with what judges
// them. Which request needs which operation on what: Kafka documentation, "Protocols in Kafka authorizations"; which
// IAM action equals an operation: MSK developer guide, "Semantics of IAM authorization policy actions and resources".
var kinds = map[kmsg.Key]func(*asker, kmsg.Request) verdict{
	kmsg.Produce:                   on(judgeProduce),
	kmsg.Fetch:                     on(judgeFetch),
	kmsg.ListOffsets:               on(judgeListOffsets),
	kmsg.Metadata:                  on(judgeMetadata),
	kmsg.OffsetCommit:              on(judgeOffsetCommit),
	kmsg.OffsetFetch:               on(judgeOffsetFetch),
	kmsg.FindCoordinator:           on(judgeFindCoordinator),
	kmsg.JoinGroup:                 on(judgeJoinGroup),
	kmsg.Heartbeat:                 on(judgeHeartbeat),
	kmsg.LeaveGroup:                on(judgeLeaveGroup),
	kmsg.SyncGroup:                 on(judgeSyncGroup),
	kmsg.DescribeGroups:            on(judgeDescribeGroups),
	kmsg.ListGroups:                on(judgeListGroups),
	kmsg.CreateTopics:              on(judgeCreateTopics),
	kmsg.DeleteTopics:              on(judgeDeleteTopics),
	kmsg.DeleteRecords:             on(judgeDeleteRecords),
	kmsg.InitProducerID:            on(judgeInitProducerID),
	kmsg.OffsetForLeaderEpoch:      on(judgeOffsetForLeaderEpoch),
	kmsg.AddPartitionsToTxn:        on(judgeAddPartitionsToTxn),
	kmsg.AddOffsetsToTxn:           on(judgeAddOffsetsToTxn),
	kmsg.EndTxn:                    on(judgeEndTxn),
	kmsg.TxnOffsetCommit:           on(judgeTxnOffsetCommit),
	kmsg.DescribeConfigs:           on(judgeDescribeConfigs),
	kmsg.AlterConfigs:              on(judgeAlterConfigs),
	kmsg.CreatePartitions:          on(judgeCreatePartitions),
	kmsg.DeleteGroups:              on(judgeDeleteGroups),
	kmsg.IncrementalAlterConfigs:   on(judgeIncrementalAlterConfigs),
	kmsg.OffsetDelete:              on(judgeOffsetDelete),
	kmsg.DescribeCluster:           on(judgeDescribeCluster),
	kmsg.ConsumerGroupHeartbeat:    on(judgeConsumerGroupHeartbeat),
	kmsg.ConsumerGroupDescribe:     on(judgeConsumerGroupDescribe),
	kmsg.GetTelemetrySubscriptions: pass,
	kmsg.PushTelemetry:             pass,
	kmsg.DescribeTopicPartitions:   on(judgeDescribeTopicPartitions),
}

// on makes a function for requests of the kind R one for any request.
func on[R kmsg.Request](judge func(*asker, R) verdict) func(*asker, kmsg.Request) verdict {
	return func(a *asker, req kmsg.Request) verdict { return judge(a, req.(R)) }
}

// pass allows a request that needs no permission.
func pass(*asker, kmsg.Request) verdict { return verdict{} }

// beforeSession are the kinds that need no session.
var beforeSession = map[kmsg.Key]bool{kmsg.ApiVersions: true, kmsg.SASLHandshake: true, kmsg.SASLAuthenticate: true}

// offered limits the kinds of request that clients are told of to those that are handled.
func offered(*kmsg.ApiVersionsRequest) verdict {
	return verdict{amend: amend(func(resp *kmsg.ApiVersionsResponse) {
		resp.ApiKeys, _ = split(resp.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
			return kinds[kmsg.Key(k.ApiKey)] != nil || beforeSession[kmsg.Key(k.ApiKey)]
		})
	})}
}
