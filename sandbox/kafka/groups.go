package kafka

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var groupDenied = kerr.GroupAuthorizationFailed.Code

// judgeFindCoordinator needs DescribeGroup on each group, or DescribeTransactionalId on each transactional id.
func judgeFindCoordinator(a *asker, req *kmsg.FindCoordinatorRequest) verdict {
	const groups, transactions = 0, 1
	code := groupDenied
	may := func(key string) bool { return a.mayGroup("DescribeGroup", key) }
	if req.CoordinatorType == transactions {
		code = kerr.TransactionalIDAuthorizationFailed.Code
		may = func(key string) bool {
			return a.may("kafka-cluster:DescribeTransactionalId", a.cluster.resource("transactional-id", key))
		}
	} else if req.CoordinatorType != groups {
		code = kerr.InvalidRequest.Code // share groups
		may = func(string) bool { return false }
	}
	if req.Version < 4 {
		if may(req.CoordinatorKey) {
			return verdict{}
		}
		return verdict{refuse: true, amend: amend(func(resp *kmsg.FindCoordinatorResponse) {
			resp.ErrorCode, resp.NodeID, resp.Port = code, -1, -1
		})}
	}
	kept, refused := split(req.CoordinatorKeys, may)
	req.CoordinatorKeys = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.FindCoordinatorResponse) {
		for _, key := range refused {
			rc := kmsg.NewFindCoordinatorResponseCoordinator()
			rc.Key, rc.ErrorCode, rc.NodeID, rc.Port = key, code, -1, -1
			resp.Coordinators = append(resp.Coordinators, rc)
		}
	}))
}

// The members of a group need AlterGroup on it.

func judgeJoinGroup(a *asker, req *kmsg.JoinGroupRequest) verdict {
	return member(a, req.Group, func(resp *kmsg.JoinGroupResponse) { resp.ErrorCode = groupDenied })
}

func judgeHeartbeat(a *asker, req *kmsg.HeartbeatRequest) verdict {
	return member(a, req.Group, func(resp *kmsg.HeartbeatResponse) { resp.ErrorCode = groupDenied })
}

func judgeLeaveGroup(a *asker, req *kmsg.LeaveGroupRequest) verdict {
	return member(a, req.Group, func(resp *kmsg.LeaveGroupResponse) { resp.ErrorCode = groupDenied })
}

func judgeSyncGroup(a *asker, req *kmsg.SyncGroupRequest) verdict {
	return member(a, req.Group, func(resp *kmsg.SyncGroupResponse) { resp.ErrorCode = groupDenied })
}

func member[R kmsg.Response](a *asker, group string, refuse func(R)) verdict {
	if a.mayGroup("AlterGroup", group) {
		return verdict{}
	}
	return verdict{refuse: true, amend: amend(refuse)}
}

// judgeConsumerGroupHeartbeat needs AlterGroup on the group and DescribeTopic on each topic that the client names
// (Kafka 4.0, KafkaApis.handleConsumerGroupHeartbeat). Whether MSK Serverless has this protocol isn't documented.
func judgeConsumerGroupHeartbeat(a *asker, req *kmsg.ConsumerGroupHeartbeatRequest) verdict {
	code := int16(0)
	if !a.mayGroup("AlterGroup", req.Group) {
		code = groupDenied
	}
	for _, name := range req.SubscribedTopicNames {
		if code == 0 && !a.mayTopic("DescribeTopic", name) {
			code = kerr.TopicAuthorizationFailed.Code
		}
	}
	if code == 0 {
		return verdict{}
	}
	return verdict{refuse: true, amend: amend(func(resp *kmsg.ConsumerGroupHeartbeatResponse) { resp.ErrorCode = code })}
}

// judgeDescribeGroups needs DescribeGroup on each group.
func judgeDescribeGroups(a *asker, req *kmsg.DescribeGroupsRequest) verdict {
	kept, refused := split(req.Groups, func(group string) bool { return a.mayGroup("DescribeGroup", group) })
	req.Groups = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.DescribeGroupsResponse) {
		for _, group := range refused {
			rg := kmsg.NewDescribeGroupsResponseGroup()
			rg.Group, rg.ErrorCode = group, groupDenied
			resp.Groups = append(resp.Groups, rg)
		}
	}))
}

// judgeConsumerGroupDescribe needs DescribeGroup on each group, and DescribeTopic on each topic that its members have.
func judgeConsumerGroupDescribe(a *asker, req *kmsg.ConsumerGroupDescribeRequest) verdict {
	kept, refused := split(req.Groups, func(group string) bool { return a.mayGroup("DescribeGroup", group) })
	req.Groups = kept
	return verdict{refuse: len(kept) == 0, changed: len(refused) > 0, amend: amend(
		func(resp *kmsg.ConsumerGroupDescribeResponse) {
			for i, g := range resp.Groups {
				if !slices.ContainsFunc(g.Members, func(m kmsg.ConsumerGroupDescribeResponseGroupMember) bool {
					return slices.ContainsFunc(m.SubscribedTopics, func(topic string) bool {
						return !a.sees("DescribeTopic", "topic", topic)
					})
				}) {
					continue
				}
				resp.Groups[i].ErrorCode, resp.Groups[i].Members = kerr.TopicAuthorizationFailed.Code, nil
			}
			for _, group := range refused {
				rg := kmsg.NewConsumerGroupDescribeResponseGroup()
				rg.Group, rg.ErrorCode = group, groupDenied
				resp.Groups = append(resp.Groups, rg)
			}
		},
	)}
}

// judgeListGroups answers with all groups if the client has DescribeCluster, and otherwise with those that it may
// describe, as brokers do.
func judgeListGroups(a *asker, _ *kmsg.ListGroupsRequest) verdict {
	if a.decide("kafka-cluster:DescribeCluster", a.cluster.config.ARN, false) {
		return verdict{}
	}
	return verdict{amend: amend(func(resp *kmsg.ListGroupsResponse) {
		resp.Groups, _ = split(resp.Groups, func(g kmsg.ListGroupsResponseGroup) bool {
			return a.sees("DescribeGroup", "group", g.Group)
		})
	})}
}

// judgeDeleteGroups needs DeleteGroup on each group.
func judgeDeleteGroups(a *asker, req *kmsg.DeleteGroupsRequest) verdict {
	kept, refused := split(req.Groups, func(group string) bool { return a.mayGroup("DeleteGroup", group) })
	req.Groups = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.DeleteGroupsResponse) {
		for _, group := range refused {
			rg := kmsg.NewDeleteGroupsResponseGroup()
			rg.Group, rg.ErrorCode = group, groupDenied
			resp.Groups = append(resp.Groups, rg)
		}
	}))
}
