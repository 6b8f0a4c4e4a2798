package kafka

import (
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Requests that create, grow and delete topics. Errors beyond the quotas are those of the MSK developer guide, "MSK
// Serverless quota": THROUGHPUT_QUOTA_EXCEEDED for partitions that come or go too fast, INVALID_REQUEST for too many.
// The guide doesn't say how topic requests beyond two a second are answered, nor how long responses tell a client to
// wait: here, THROUGHPUT_QUOTA_EXCEEDED, and not at all.

var (
	topicDenied    = refusal{code: kerr.TopicAuthorizationFailed.Code}
	tooManyChanges = refused(kerr.ThrottlingQuotaExceeded, "More than %d partitions were created or deleted in %s.",
		maxChangedPartitions, changedPartitionsIn)
	tooManyRequests = refused(kerr.ThrottlingQuotaExceeded, "More than %d topic requests in a second.", maxTopicRequests)
)

// judgeCreateTopics needs CreateTopic on each topic. The response tells the settings to those who may see them.
func judgeCreateTopics(a *asker, req *kmsg.CreateTopicsRequest) verdict {
	count := a.newCount()
	refusals := map[string]refusal{}
	for _, t := range req.Topics {
		switch {
		case !a.mayTopic("CreateTopic", t.Topic):
			refusals[t.Topic] = topicDenied
		case !count.inTime:
			refusals[t.Topic] = tooManyRequests
		case a.cluster.TopicInfo(t.Topic) == nil: // kfake refuses those that exist
			refusals[t.Topic] = count.create(t)
		}
	}
	kept, denied := split(req.Topics, func(t kmsg.CreateTopicsRequestTopic) bool {
		return refusals[t.Topic].code == 0
	})
	req.Topics = kept
	return verdict{refuse: len(kept) == 0, changed: len(denied) > 0, amend: amend(func(resp *kmsg.CreateTopicsResponse) {
		for i, t := range resp.Topics {
			if t.ErrorCode == 0 && !req.ValidateOnly {
				a.cluster.limits.change(len(a.cluster.PartitionInfos(t.Topic)))
			}
			if !a.sees("DescribeTopicDynamicConfiguration", "topic", t.Topic) {
				hideSettings(&resp.Topics[i])
			}
		}
		for _, t := range denied {
			rt := kmsg.NewCreateTopicsResponseTopic()
			rt.Topic, rt.ErrorCode = t.Topic, refusals[t.Topic].code
			rt.ErrorMessage = textOf(refusals[t.Topic])
			resp.Topics = append(resp.Topics, rt)
		}
	})}
}

func hideSettings(t *kmsg.CreateTopicsResponseTopic) {
	t.ConfigErrorCode = kerr.TopicAuthorizationFailed.Code
	t.Configs, t.NumPartitions, t.ReplicationFactor = nil, -1, -1
}

// judgeCreatePartitions needs AlterTopic on each topic.
func judgeCreatePartitions(a *asker, req *kmsg.CreatePartitionsRequest) verdict {
	count := a.newCount()
	refusals, before := map[string]refusal{}, map[string]int{}
	for _, t := range req.Topics {
		before[t.Topic] = len(a.cluster.PartitionInfos(t.Topic))
		switch {
		case !a.mayTopic("AlterTopic", t.Topic):
			refusals[t.Topic] = topicDenied
		case !count.inTime:
			refusals[t.Topic] = tooManyRequests
		default:
			refusals[t.Topic] = count.add(int(t.Count)-before[t.Topic], a.cluster.compacted(t.Topic))
		}
	}
	kept, denied := split(req.Topics, func(t kmsg.CreatePartitionsRequestTopic) bool {
		return refusals[t.Topic].code == 0
	})
	req.Topics = kept
	return verdict{refuse: len(kept) == 0, changed: len(denied) > 0, amend: amend(
		func(resp *kmsg.CreatePartitionsResponse) {
			for _, t := range resp.Topics {
				if t.ErrorCode == 0 && !req.ValidateOnly {
					a.cluster.limits.change(len(a.cluster.PartitionInfos(t.Topic)) - before[t.Topic])
				}
			}
			for _, t := range denied {
				rt := kmsg.NewCreatePartitionsResponseTopic()
				rt.Topic, rt.ErrorCode = t.Topic, refusals[t.Topic].code
				rt.ErrorMessage = textOf(refusals[t.Topic])
				resp.Topics = append(resp.Topics, rt)
			}
		},
	)}
}

// judgeDeleteTopics needs DeleteTopic on each topic.
func judgeDeleteTopics(a *asker, req *kmsg.DeleteTopicsRequest) verdict {
	count := a.newCount()
	for _, name := range req.TopicNames { // before version 6
		req.Topics = append(req.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	refusals, partitions := map[int]refusal{}, map[string]int{}
	var kept []kmsg.DeleteTopicsRequestTopic
	for i, t := range req.Topics {
		name := a.topic(orEmpty(t.Topic), t.TopicID)
		n := len(a.cluster.PartitionInfos(name))
		partitions[name] = n
		switch {
		case name == "":
		case !a.mayTopic("DeleteTopic", name):
			refusals[i] = topicDenied
		case !count.inTime:
			refusals[i] = tooManyRequests
		case !count.fits(n):
			refusals[i] = tooManyChanges
		}
		if refusals[i].code == 0 {
			kept = append(kept, t)
		}
	}
	asked := req.Topics
	req.Topics, req.TopicNames = kept, nil
	if req.Version < 6 {
		for _, t := range kept {
			req.TopicNames = append(req.TopicNames, *t.Topic)
		}
	}
	ids := a.cluster.names(asked)
	return verdict{refuse: len(kept) == 0, changed: true, amend: amend(func(resp *kmsg.DeleteTopicsResponse) {
		for _, t := range resp.Topics {
			if name := orEmpty(t.Topic); t.ErrorCode == 0 {
				if name == "" {
					name = ids[t.TopicID]
				}
				a.cluster.limits.change(partitions[name])
			}
		}
		for i, t := range asked {
			if r := refusals[i]; r.code != 0 {
				rt := kmsg.NewDeleteTopicsResponseTopic()
				rt.Topic, rt.TopicID, rt.ErrorCode, rt.ErrorMessage = t.Topic, t.TopicID, r.code, textOf(r)
				resp.Topics = append(resp.Topics, rt)
			}
		}
	})}
}

// names returns the names of topics that are identified by their ids.
func (c *Cluster) names(topics []kmsg.DeleteTopicsRequestTopic) map[[16]byte]string {
	names := map[[16]byte]string{}
	for _, t := range topics {
		if info := c.TopicIDInfo(t.TopicID); info != nil {
			names[t.TopicID] = info.Topic
		}
	}
	return names
}

// judgeDeleteRecords needs DeleteTopic on each topic: it is DELETE on the topic in Kafka.
func judgeDeleteRecords(a *asker, req *kmsg.DeleteRecordsRequest) verdict {
	kept, denied := split(req.Topics, func(t kmsg.DeleteRecordsRequestTopic) bool {
		return a.mayTopic("DeleteTopic", t.Topic)
	})
	req.Topics = kept
	return partly(len(kept), len(denied), amend(func(resp *kmsg.DeleteRecordsResponse) {
		for _, t := range denied {
			rt := kmsg.NewDeleteRecordsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewDeleteRecordsResponseTopicPartition()
				rp.Partition, rp.LowWatermark, rp.ErrorCode = p.Partition, -1, topicDenied.code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	}))
}

// count adds up what one request would change.
type count struct {
	*quotas
	inTime                         bool // whether it is within the quota on requests
	changed, partitions, compacted int
}

func (a *asker) newCount() *count {
	c := &count{quotas: a.cluster.limits, inTime: a.cluster.limits.request()}
	c.partitions, c.compacted = a.cluster.countPartitions()
	return c
}

// create returns why a topic can't be created, or counts it.
func (c *count) create(t kmsg.CreateTopicsRequestTopic) refusal {
	compacted := false
	for _, setting := range t.Configs {
		if r := checkSetting(setting.Name, setting.Value, true); r.code != 0 {
			return r
		}
		compacted = compacted || setting.Name == cleanupPolicy && orEmpty(setting.Value) == "compact"
	}
	n := int(t.NumPartitions)
	switch {
	case len(t.ReplicaAssignment) > 0:
		n = len(t.ReplicaAssignment)
	case n < 0:
		n = 1
	}
	return c.add(n, compacted)
}

// add returns why n partitions can't be added, or counts them.
func (c *count) add(n int, compacted bool) refusal {
	switch {
	case n < 0: // kfake refuses it
		return refusal{}
	case c.partitions+n > maxPartitions:
		return refused(kerr.InvalidRequest, "The cluster would have %d partitions, and at most %d are allowed.",
			c.partitions+n, maxPartitions)
	case compacted && c.compacted+n > maxCompacted:
		return refused(kerr.InvalidRequest, "The cluster would have %d compacted partitions, and at most %d are allowed.",
			c.compacted+n, maxCompacted)
	case !c.fits(n):
		return tooManyChanges
	}
	c.partitions += n
	if compacted {
		c.compacted += n
	}
	return refusal{}
}

// fits reports whether n more partitions can be created or deleted now, and counts them if so.
func (c *count) fits(n int) bool {
	if !c.room(c.changed + n) {
		return false
	}
	c.changed += n
	return true
}

// countPartitions returns how many partitions the cluster has, and how many of them are compacted.
func (c *Cluster) countPartitions() (all, compacted int) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 1
	resp, err := c.ask(req)
	if err != nil {
		c.logf("counting partitions: %v", err)
		return maxPartitions, maxCompacted
	}
	for _, t := range resp.(*kmsg.MetadataResponse).Topics {
		all += len(t.Partitions)
		if c.compacted(orEmpty(t.Topic)) {
			compacted += len(t.Partitions)
		}
	}
	return all, compacted
}

func (c *Cluster) compacted(topic string) bool {
	info := c.TopicInfo(topic)
	return info != nil && strings.Contains(orEmpty(info.Configs[cleanupPolicy]), "compact")
}

// ask sends kfake a request of our own.
func (c *Cluster) ask(req kmsg.Request) (kmsg.Response, error) {
	ours, kfakes := net.Pipe()
	defer ours.Close()
	l := c.listeners[0]
	select {
	case l.pipes <- fromClient{kfakes, l.Addr()}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	r := request{Request: req}
	if _, err := ours.Write(r.encode()); err != nil {
		return nil, err
	}
	frame, err := readFrame(ours)
	if err != nil {
		return nil, err
	}
	return r.decode(frame)
}

func textOf(r refusal) *string {
	if r.message == "" {
		return nil
	}
	return &r.message
}
