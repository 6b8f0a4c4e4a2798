package e2e

import (
	"fmt"

	"msk-serverless/internal/iampolicy"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicNamer returns the name of a topic that a request names or, in newer versions, identifies by id.
type topicNamer func(name string, id [16]byte) string

// acl is a Kafka ACL that a request needs: an operation on a resource. The cluster has no name.
type acl struct{ op, on, name string }

// aclsOf maps each kind of request to the ACLs it needs, from the Kafka documentation ("Authorization and ACLs",
// table "Operations and Resources on Protocols", 4.1). A kind that isn't here was never looked up. If the table
// allows alternatives, this is the narrower ACL: Create on the topic, not on the cluster.
var aclsOf = map[kmsg.Key]func(kmsg.Request, topicNamer) []acl{
	kmsg.ApiVersions:               nothing,
	kmsg.GetTelemetrySubscriptions: nothing,
	kmsg.PushTelemetry:             nothing,

	kmsg.Produce: func(r kmsg.Request, topic topicNamer) (need []acl) {
		req := r.(*kmsg.ProduceRequest)
		for _, t := range req.Topics {
			need = append(need, acl{"WRITE", "TOPIC", topic(t.Topic, t.TopicID)})
			for _, p := range t.Partitions {
				var batch kmsg.RecordBatch
				if err := batch.ReadFrom(p.Records); err == nil && batch.ProducerID >= 0 {
					need = append(need, acl{"IDEMPOTENT_WRITE", "CLUSTER", ""})
				}
			}
		}
		if req.TransactionID != nil {
			need = append(need, acl{"WRITE", "TRANSACTIONAL_ID", *req.TransactionID})
		}
		return need
	},
	kmsg.Fetch: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.FetchRequest).Topics,
			func(t kmsg.FetchRequestTopic) acl { return acl{"READ", "TOPIC", topic(t.Topic, t.TopicID)} },
		)
	},
	kmsg.ListOffsets: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.ListOffsetsRequest).Topics,
			func(t kmsg.ListOffsetsRequestTopic) acl { return acl{"DESCRIBE", "TOPIC", t.Topic} },
		)
	},
	kmsg.OffsetForLeaderEpoch: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.OffsetForLeaderEpochRequest).Topics,
			func(t kmsg.OffsetForLeaderEpochRequestTopic) acl {
				return acl{"DESCRIBE", "TOPIC", t.Topic}
			},
		)
	},
	kmsg.Metadata: func(r kmsg.Request, topic topicNamer) (need []acl) {
		req := r.(*kmsg.MetadataRequest)
		for _, t := range req.Topics { // none at all, or any that the client may describe, takes no more
			name := topic(orEmpty(t.Topic), t.TopicID)
			need = append(need, acl{"DESCRIBE", "TOPIC", name})
			if req.AllowAutoTopicCreation {
				need = append(need, acl{"CREATE", "TOPIC", name})
			}
		}
		return need
	},
	kmsg.InitProducerID: func(r kmsg.Request, topic topicNamer) []acl {
		if id := r.(*kmsg.InitProducerIDRequest).TransactionalID; id != nil {
			return []acl{{"WRITE", "TRANSACTIONAL_ID", *id}}
		}
		return []acl{{"IDEMPOTENT_WRITE", "CLUSTER", ""}}
	},

	kmsg.FindCoordinator: func(r kmsg.Request, topic topicNamer) []acl {
		req := r.(*kmsg.FindCoordinatorRequest)
		on := map[int8]string{0: "GROUP", 1: "TRANSACTIONAL_ID"}[req.CoordinatorType]
		keys := req.CoordinatorKeys // since version 4
		if len(keys) == 0 {
			keys = []string{req.CoordinatorKey}
		}
		return forEach(keys, func(key string) acl { return acl{"DESCRIBE", on, key} })
	},
	kmsg.JoinGroup: func(r kmsg.Request, _ topicNamer) []acl {
		return []acl{{"READ", "GROUP", r.(*kmsg.JoinGroupRequest).Group}}
	},
	kmsg.SyncGroup: func(r kmsg.Request, _ topicNamer) []acl {
		return []acl{{"READ", "GROUP", r.(*kmsg.SyncGroupRequest).Group}}
	},
	kmsg.Heartbeat: func(r kmsg.Request, _ topicNamer) []acl {
		return []acl{{"READ", "GROUP", r.(*kmsg.HeartbeatRequest).Group}}
	},
	kmsg.LeaveGroup: func(r kmsg.Request, _ topicNamer) []acl {
		return []acl{{"READ", "GROUP", r.(*kmsg.LeaveGroupRequest).Group}}
	},
	kmsg.OffsetCommit: func(r kmsg.Request, topic topicNamer) []acl {
		req := r.(*kmsg.OffsetCommitRequest)
		return append(
			forEach(
				req.Topics,
				func(t kmsg.OffsetCommitRequestTopic) acl { return acl{"READ", "TOPIC", topic(t.Topic, t.TopicID)} },
			),
			acl{"READ", "GROUP", req.Group},
		)
	},
	kmsg.OffsetFetch: func(r kmsg.Request, topic topicNamer) (need []acl) {
		req := r.(*kmsg.OffsetFetchRequest)
		if len(req.Groups) == 0 {
			need = append(need, acl{"DESCRIBE", "GROUP", req.Group})
		}
		for _, t := range req.Topics {
			need = append(need, acl{"DESCRIBE", "TOPIC", t.Topic})
		}
		for _, g := range req.Groups { // since version 8
			need = append(need, acl{"DESCRIBE", "GROUP", g.Group})
			for _, t := range g.Topics {
				need = append(need, acl{"DESCRIBE", "TOPIC", topic(t.Topic, t.TopicID)})
			}
		}
		return need
	},
	kmsg.DescribeGroups: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.DescribeGroupsRequest).Groups,
			func(g string) acl { return acl{"DESCRIBE", "GROUP", g} },
		)
	},
	kmsg.DeleteGroups: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.DeleteGroupsRequest).Groups,
			func(g string) acl { return acl{"DELETE", "GROUP", g} },
		)
	},
	kmsg.ListGroups:      func(kmsg.Request, topicNamer) []acl { return []acl{{"DESCRIBE", "CLUSTER", ""}} },
	kmsg.DescribeCluster: func(kmsg.Request, topicNamer) []acl { return []acl{{"DESCRIBE", "CLUSTER", ""}} },

	kmsg.CreateTopics: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.CreateTopicsRequest).Topics,
			func(t kmsg.CreateTopicsRequestTopic) acl { return acl{"CREATE", "TOPIC", t.Topic} },
		)
	},
	kmsg.CreatePartitions: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.CreatePartitionsRequest).Topics,
			func(t kmsg.CreatePartitionsRequestTopic) acl { return acl{"ALTER", "TOPIC", t.Topic} },
		)
	},
	kmsg.DeleteTopics: func(r kmsg.Request, topic topicNamer) []acl {
		req := r.(*kmsg.DeleteTopicsRequest)
		need := forEach(req.TopicNames, func(name string) acl { return acl{"DELETE", "TOPIC", name} })
		return append(need, forEach(req.Topics, func(t kmsg.DeleteTopicsRequestTopic) acl {
			return acl{"DELETE", "TOPIC", topic(orEmpty(t.Topic), t.TopicID)}
		})...)
	},
	kmsg.DescribeConfigs: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(r.(*kmsg.DescribeConfigsRequest).Resources, func(c kmsg.DescribeConfigsRequestResource) acl {
			return configACL("DESCRIBE_CONFIGS", c.ResourceType, c.ResourceName)
		})
	},
	kmsg.AlterConfigs: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(r.(*kmsg.AlterConfigsRequest).Resources, func(c kmsg.AlterConfigsRequestResource) acl {
			return configACL("ALTER_CONFIGS", c.ResourceType, c.ResourceName)
		})
	},
	kmsg.IncrementalAlterConfigs: func(r kmsg.Request, topic topicNamer) []acl {
		return forEach(
			r.(*kmsg.IncrementalAlterConfigsRequest).Resources,
			func(c kmsg.IncrementalAlterConfigsRequestResource) acl {
				return configACL("ALTER_CONFIGS", c.ResourceType, c.ResourceName)
			},
		)
	},

	kmsg.AddPartitionsToTxn: func(r kmsg.Request, topic topicNamer) (need []acl) {
		req := r.(*kmsg.AddPartitionsToTxnRequest)
		need = append(need, acl{"WRITE", "TRANSACTIONAL_ID", req.TransactionalID})
		for _, t := range req.Topics {
			need = append(need, acl{"WRITE", "TOPIC", t.Topic})
		}
		return need
	},
	kmsg.EndTxn: func(r kmsg.Request, topic topicNamer) []acl {
		return []acl{{"WRITE", "TRANSACTIONAL_ID", r.(*kmsg.EndTxnRequest).TransactionalID}}
	},
}

func nothing(kmsg.Request, topicNamer) []acl { return nil }

func forEach[T any](of []T, f func(T) acl) (need []acl) {
	for _, v := range of {
		need = append(need, f(v))
	}
	return need
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func configACL(op string, kind kmsg.ConfigResourceType, name string) acl {
	if kind == kmsg.ConfigResourceTypeTopic {
		return acl{op, "TOPIC", name}
	}
	return acl{op, "CLUSTER", ""}
}

// need is an action on a resource, and the request that requires it.
type need struct{ action, resource, request string }

func (n need) String() string {
	return fmt.Sprintf("%s needs %s on %s", n.request, n.action, n.resource)
}

// needs translates a request's ACLs into IAM actions on the cluster's resources. It adds the actions that IAM
// requires beside each, on the same resource and on the cluster, because IAM grants nothing implicitly.
func (a clusterARN) needs(request string, acls []acl) (all []need, err error) {
	all = append(all, need{"kafka-cluster:Connect", string(a), request})
	for _, c := range acls {
		name, ok := actionFor(c)
		if !ok {
			return nil, fmt.Errorf("%s needs the ACL %s %s, for which MSK has no action", request, c.op, c.on)
		}
		resource := string(a)
		if on := iampolicy.Actions[name].On; on != "cluster" {
			resource = a.inside(on, c.name)
		}
		all = append(all, need{name, resource, request})
		for _, other := range iampolicy.Actions[name].Needs {
			other = iampolicy.InService(name, other)
			switch iampolicy.Actions[other].On {
			case "cluster":
				all = append(all, need{other, string(a), request})
			case iampolicy.Actions[name].On:
				all = append(all, need{other, resource, request})
			}
		}
	}
	return all, nil
}

func actionFor(c acl) (string, bool) {
	for name, a := range iampolicy.Actions {
		if a.ACL == c.op+" "+c.on {
			return name, true
		}
	}
	return "", false
}
