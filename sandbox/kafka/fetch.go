package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFetch is the most that a client may ask for in one fetch, in bytes (MSK developer guide, "MSK Serverless quota":
// 55 MB, which is Kafka's own default for brokers if it means mebibytes).
const maxFetch = 55 << 20

// judgeFetch needs ReadData on each topic. The guide requires AlterGroup besides, on a group that a fetch doesn't
// name, so that isn't asked for here: joining the group asks for it. A fetch of more than 55 MB is an INVALID_REQUEST,
// as the guide's quotas say.
//
// Fetch sessions aren't offered, so that each request names all of its topics and a changed policy holds at once.
func judgeFetch(a *asker, req *kmsg.FetchRequest) verdict {
	if req.MaxBytes > maxFetch {
		return refuseFetch(req.Topics, kerr.InvalidRequest.Code)
	}
	const newSession, noSession = 0, -1
	unsessioned := req.Version >= 7 && req.SessionID == 0 && req.SessionEpoch == newSession
	if unsessioned {
		req.SessionEpoch = noSession
	}
	kept, refused := split(req.Topics, func(t kmsg.FetchRequestTopic) bool {
		name := a.topic(t.Topic, t.TopicID)
		return name == "" || a.mayTopic("ReadData", name)
	})
	if len(refused) == 0 {
		return verdict{changed: unsessioned}
	}
	req.Topics, req.MaxWaitMillis = kept, 0 // an error is answered at once
	return partly(len(kept), len(refused), amend(func(resp *kmsg.FetchResponse) {
		addFetchErrors(resp, refused, kerr.TopicAuthorizationFailed.Code)
	}))
}

func refuseFetch(topics []kmsg.FetchRequestTopic, code int16) verdict {
	return verdict{refuse: true, amend: amend(func(resp *kmsg.FetchResponse) {
		resp.ErrorCode = code // since version 7
		if resp.Version < 7 {
			addFetchErrors(resp, topics, code)
		}
	})}
}

func addFetchErrors(resp *kmsg.FetchResponse, topics []kmsg.FetchRequestTopic, code int16) {
	for _, t := range topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.HighWatermark = p.Partition, code, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
}
