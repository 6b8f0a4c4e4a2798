package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxMessage is the largest message in bytes (MSK developer guide, "MSK Serverless quota": 8 MiB).
const maxMessage = 8 << 20

// judgeProduce needs WriteData on each topic, and WriteDataIdempotently on the cluster for idempotent records. Brokers
// since Kafka 2.8 don't ask for the latter here; the MSK developer guide requires it. A message over 8 MiB is an
// INVALID_REQUEST, as the guide's quotas say. Transactions are refused.
func judgeProduce(a *asker, req *kmsg.ProduceRequest) verdict {
	var kept, refused []kmsg.ProduceRequestTopic
	codes := map[*kmsg.ProduceRequestTopicPartition]int16{}
	for _, t := range req.Topics {
		allowed, denied := t, t
		allowed.Partitions, denied.Partitions = nil, nil
		code := codeOfProduce(a, req, t)
		for i := range t.Partitions {
			switch p := &t.Partitions[i]; {
			case code != 0:
				codes[p] = code
			case len(p.Records) > maxMessage:
				codes[p] = kerr.InvalidRequest.Code
			}
			if codes[&t.Partitions[i]] == 0 {
				allowed.Partitions = append(allowed.Partitions, t.Partitions[i])
			}
		}
		if len(allowed.Partitions) > 0 {
			kept = append(kept, allowed)
		}
		if len(allowed.Partitions) < len(t.Partitions) {
			refused = append(refused, t)
		}
	}
	if len(refused) > 0 && req.Acks == 0 {
		return verdict{close: true} // as brokers do
	}
	req.Topics = kept
	return partly(len(kept), len(refused), amend(func(resp *kmsg.ProduceResponse) {
		for _, t := range refused {
			for i := range t.Partitions {
				if code := codes[&t.Partitions[i]]; code != 0 {
					addProduceError(resp, t, t.Partitions[i].Partition, code)
				}
			}
		}
	}))
}

// codeOfProduce returns the error code for all records of a topic, or 0.
func codeOfProduce(a *asker, req *kmsg.ProduceRequest, t kmsg.ProduceRequestTopic) int16 {
	name := a.topic(t.Topic, t.TopicID)
	switch {
	case req.TransactionID != nil:
		return kerr.TransactionalIDAuthorizationFailed.Code
	case name == "":
		return 0
	case !a.mayTopic("WriteData", name):
		return kerr.TopicAuthorizationFailed.Code
	case idempotent(t) && !a.mayCluster("WriteDataIdempotently"):
		return kerr.ClusterAuthorizationFailed.Code
	}
	return 0
}

func idempotent(t kmsg.ProduceRequestTopic) bool {
	for _, p := range t.Partitions {
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(p.Records); err == nil && batch.ProducerID >= 0 {
			return true
		}
	}
	return false
}

// addProduceError adds a partition to a response, which may have other partitions of the topic.
func addProduceError(resp *kmsg.ProduceResponse, t kmsg.ProduceRequestTopic, partition int32, code int16) {
	p := kmsg.NewProduceResponseTopicPartition()
	p.Partition, p.ErrorCode = partition, code
	for i, rt := range resp.Topics {
		if rt.Topic == t.Topic && rt.TopicID == t.TopicID {
			resp.Topics[i].Partitions = append(rt.Partitions, p)
			return
		}
	}
	rt := kmsg.NewProduceResponseTopic()
	rt.Topic, rt.TopicID, rt.Partitions = t.Topic, t.TopicID, []kmsg.ProduceResponseTopicPartition{p}
	resp.Topics = append(resp.Topics, rt)
}

// judgeInitProducerID needs WriteDataIdempotently. A transactional id is refused.
func judgeInitProducerID(a *asker, req *kmsg.InitProducerIDRequest) verdict {
	code := int16(0)
	switch {
	case req.TransactionalID != nil:
		code = refuseTransaction(a, *req.TransactionalID)
	case !a.mayCluster("WriteDataIdempotently"):
		code = kerr.ClusterAuthorizationFailed.Code
	}
	if code == 0 {
		return verdict{}
	}
	return verdict{refuse: true, amend: amend(func(resp *kmsg.InitProducerIDResponse) {
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = code, -1, -1
	})}
}
