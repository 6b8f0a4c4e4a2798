package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// judgeOffsetCommit needs AlterGroup on the group and ReadData on each topic.
func judgeOffsetCommit(a *asker, req *kmsg.OffsetCommitRequest) verdict {
	code := kerr.TopicAuthorizationFailed.Code
	var kept, refused []kmsg.OffsetCommitRequestTopic
	if a.mayGroup("AlterGroup", req.Group) {
		kept, refused = split(req.Topics, func(t kmsg.OffsetCommitRequestTopic) bool {
			name := a.topic(t.Topic, t.TopicID)
			return name == "" || a.mayTopic("ReadData", name)
		})
	} else {
		code, refused = kerr.GroupAuthorizationFailed.Code, req.Topics
	}
	req.Topics = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.OffsetCommitResponse) {
		for _, t := range refused {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	}))
}

// judgeOffsetFetch needs DescribeGroup on each group and DescribeTopic on each topic. A request for all topics of a
// group is answered with those that the client may describe.
func judgeOffsetFetch(a *asker, req *kmsg.OffsetFetchRequest) verdict {
	if req.Version < 8 {
		return judgeOffsetFetchOfOne(a, req)
	}
	kept, refused := split(req.Groups, func(g kmsg.OffsetFetchRequestGroup) bool {
		return a.mayGroup("DescribeGroup", g.Group)
	})
	hidden := map[string][]kmsg.OffsetFetchRequestGroupTopic{}
	changed, all := len(refused) > 0, false
	for i, g := range kept {
		if g.Topics == nil {
			all = true
			continue
		}
		topics, denied := split(g.Topics, func(t kmsg.OffsetFetchRequestGroupTopic) bool {
			name := a.topic(t.Topic, t.TopicID)
			return name == "" || a.mayTopic("DescribeTopic", name)
		})
		if len(denied) > 0 {
			// A list that isn't nil, even if it is empty: nil would ask for all topics.
			kept[i].Topics, hidden[g.Group] = append([]kmsg.OffsetFetchRequestGroupTopic{}, topics...), denied
			changed = true
		}
	}
	if !changed && !all {
		return verdict{}
	}
	req.Groups = kept
	return verdict{refuse: len(kept) == 0, changed: changed, amend: amend(func(resp *kmsg.OffsetFetchResponse) {
		for i, g := range resp.Groups {
			resp.Groups[i].Topics, _ = split(g.Topics, func(t kmsg.OffsetFetchResponseGroupTopic) bool {
				name := a.topic(t.Topic, t.TopicID)
				return name == "" || a.sees("DescribeTopic", "topic", name)
			})
			for _, t := range hidden[g.Group] {
				resp.Groups[i].Topics = append(resp.Groups[i].Topics, refusedOffsets(t))
			}
		}
		for _, g := range refused {
			rg := kmsg.NewOffsetFetchResponseGroup()
			rg.Group, rg.ErrorCode = g.Group, kerr.GroupAuthorizationFailed.Code
			resp.Groups = append(resp.Groups, rg)
		}
	})}
}

func refusedOffsets(t kmsg.OffsetFetchRequestGroupTopic) kmsg.OffsetFetchResponseGroupTopic {
	rt := kmsg.NewOffsetFetchResponseGroupTopic()
	rt.Topic, rt.TopicID = t.Topic, t.TopicID
	for _, p := range t.Partitions {
		rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
		rp.Partition, rp.Offset, rp.ErrorCode = p, -1, kerr.TopicAuthorizationFailed.Code
		rt.Partitions = append(rt.Partitions, rp)
	}
	return rt
}

// judgeOffsetFetchOfOne judges requests before version 8, which are about one group.
func judgeOffsetFetchOfOne(a *asker, req *kmsg.OffsetFetchRequest) verdict {
	refused, code := req.Topics, kerr.GroupAuthorizationFailed.Code
	if a.mayGroup("DescribeGroup", req.Group) {
		if req.Topics == nil {
			return verdict{amend: amend(func(resp *kmsg.OffsetFetchResponse) {
				resp.Topics, _ = split(resp.Topics, func(t kmsg.OffsetFetchResponseTopic) bool {
					return a.sees("DescribeTopic", "topic", t.Topic)
				})
			})}
		}
		code = kerr.TopicAuthorizationFailed.Code
		var kept []kmsg.OffsetFetchRequestTopic
		kept, refused = split(req.Topics, func(t kmsg.OffsetFetchRequestTopic) bool {
			return a.mayTopic("DescribeTopic", t.Topic)
		})
		if len(refused) == 0 {
			return verdict{}
		}
		req.Topics = kept
	} else {
		req.Topics = nil
	}
	return verdict{refuse: len(req.Topics) == 0, changed: true, amend: amend(func(resp *kmsg.OffsetFetchResponse) {
		if code == kerr.GroupAuthorizationFailed.Code {
			resp.ErrorCode = code // since version 2
		}
		for _, t := range refused {
			rt := kmsg.NewOffsetFetchResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetFetchResponseTopicPartition()
				rp.Partition, rp.Offset, rp.ErrorCode = p, -1, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})}
}

// judgeOffsetDelete needs DeleteGroup on the group and ReadData on each topic.
func judgeOffsetDelete(a *asker, req *kmsg.OffsetDeleteRequest) verdict {
	if !a.mayGroup("DeleteGroup", req.Group) {
		return verdict{refuse: true, amend: amend(func(resp *kmsg.OffsetDeleteResponse) {
			resp.ErrorCode = kerr.GroupAuthorizationFailed.Code
		})}
	}
	kept, refused := split(req.Topics, func(t kmsg.OffsetDeleteRequestTopic) bool {
		return a.mayTopic("ReadData", t.Topic)
	})
	req.Topics = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.OffsetDeleteResponse) {
		for _, t := range refused {
			rt := kmsg.NewOffsetDeleteResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetDeleteResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	}))
}
