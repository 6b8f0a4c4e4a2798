package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// judgeMetadata needs DescribeTopic on each topic that is named. A request for all topics is answered with those that
// the client may describe. Topics aren't created by asking for them: whether MSK Serverless does that isn't
// documented.
func judgeMetadata(a *asker, req *kmsg.MetadataRequest) verdict {
	if all := req.Topics == nil || req.Version == 0 && len(req.Topics) == 0; all {
		return verdict{amend: amend(func(resp *kmsg.MetadataResponse) {
			resp.Topics, _ = split(resp.Topics, func(t kmsg.MetadataResponseTopic) bool {
				return t.Topic != nil && a.sees("DescribeTopic", "topic", *t.Topic)
			})
		})}
	}
	kept, refused := split(req.Topics, func(t kmsg.MetadataRequestTopic) bool {
		name := a.topic(orEmpty(t.Topic), t.TopicID)
		return name == "" || a.mayTopic("DescribeTopic", name)
	})
	if len(refused) == 0 {
		return verdict{}
	}
	// Without topics kfake still answers with the brokers.
	req.Topics = append([]kmsg.MetadataRequestTopic{}, kept...)
	return verdict{
		refuse:  req.Version == 0 && len(kept) == 0, // in version 0, no topic means all
		changed: true,
		amend:   amend(func(resp *kmsg.MetadataResponse) { addMetadataErrors(resp, refused) }),
	}
}

// addMetadataErrors doesn't tell the name of a topic that was asked for by its id.
func addMetadataErrors(resp *kmsg.MetadataResponse, refused []kmsg.MetadataRequestTopic) {
	for _, t := range refused {
		rt := kmsg.NewMetadataResponseTopic()
		rt.Topic, rt.TopicID, rt.ErrorCode = t.Topic, t.TopicID, kerr.TopicAuthorizationFailed.Code
		if orEmpty(t.Topic) == "" {
			rt.ErrorCode = kerr.UnknownTopicID.Code
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

// judgeDescribeTopicPartitions needs DescribeTopic, as judgeMetadata does.
func judgeDescribeTopicPartitions(a *asker, req *kmsg.DescribeTopicPartitionsRequest) verdict {
	if len(req.Topics) == 0 {
		return verdict{amend: amend(func(resp *kmsg.DescribeTopicPartitionsResponse) {
			resp.Topics, _ = split(resp.Topics, func(t kmsg.DescribeTopicPartitionsResponseTopic) bool {
				return t.Topic != nil && a.sees("DescribeTopic", "topic", *t.Topic)
			})
		})}
	}
	kept, refused := split(req.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool {
		return a.mayTopic("DescribeTopic", t.Topic)
	})
	req.Topics = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.DescribeTopicPartitionsResponse) {
		for _, t := range refused {
			rt := kmsg.NewDescribeTopicPartitionsResponseTopic()
			rt.Topic, rt.ErrorCode = &t.Topic, kerr.TopicAuthorizationFailed.Code
			resp.Topics = append(resp.Topics, rt)
		}
	}))
}

// judgeDescribeCluster needs DescribeCluster, as Kafka's documentation says; its code answers without.
func judgeDescribeCluster(a *asker, req *kmsg.DescribeClusterRequest) verdict {
	if a.mayCluster("DescribeCluster") {
		return verdict{}
	}
	return verdict{refuse: true, amend: amend(func(resp *kmsg.DescribeClusterResponse) {
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
	})}
}

// judgeListOffsets needs DescribeTopic on each topic.
func judgeListOffsets(a *asker, req *kmsg.ListOffsetsRequest) verdict {
	kept, refused := split(req.Topics, func(t kmsg.ListOffsetsRequestTopic) bool {
		return a.mayTopic("DescribeTopic", t.Topic)
	})
	req.Topics = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.ListOffsetsResponse) {
		for _, t := range refused {
			rt := kmsg.NewListOffsetsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewListOffsetsResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	}))
}

// judgeOffsetForLeaderEpoch needs DescribeTopic on each topic.
func judgeOffsetForLeaderEpoch(a *asker, req *kmsg.OffsetForLeaderEpochRequest) verdict {
	kept, refused := split(req.Topics, func(t kmsg.OffsetForLeaderEpochRequestTopic) bool {
		return a.mayTopic("DescribeTopic", t.Topic)
	})
	req.Topics = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.OffsetForLeaderEpochResponse) {
		for _, t := range refused {
			rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	}))
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
