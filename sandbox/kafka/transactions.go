package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Transactions are refused, whatever the policies say: IAM authorizes the brokers' WriteTxnMarkers from Kafka 3.8 on
// only, and the version of MSK Serverless isn't documented. With which error it refuses them isn't either; this is the
// error of a principal without the permission.
func refuseTransaction(a *asker, id string) int16 {
	a.may("kafka-cluster:AlterTransactionalId", a.cluster.resource("transactional-id", id))
	return kerr.TransactionalIDAuthorizationFailed.Code
}

func judgeAddPartitionsToTxn(a *asker, req *kmsg.AddPartitionsToTxnRequest) verdict {
	code := refuseTransaction(a, req.TransactionalID)
	return verdict{refuse: true, amend: amend(func(resp *kmsg.AddPartitionsToTxnResponse) {
		resp.ErrorCode = code // since version 4
		for _, t := range req.Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})}
}

func judgeAddOffsetsToTxn(a *asker, req *kmsg.AddOffsetsToTxnRequest) verdict {
	code := refuseTransaction(a, req.TransactionalID)
	return verdict{refuse: true, amend: amend(func(resp *kmsg.AddOffsetsToTxnResponse) { resp.ErrorCode = code })}
}

func judgeEndTxn(a *asker, req *kmsg.EndTxnRequest) verdict {
	code := refuseTransaction(a, req.TransactionalID)
	return verdict{refuse: true, amend: amend(func(resp *kmsg.EndTxnResponse) { resp.ErrorCode = code })}
}

func judgeTxnOffsetCommit(a *asker, req *kmsg.TxnOffsetCommitRequest) verdict {
	code := refuseTransaction(a, req.TransactionalID)
	return verdict{refuse: true, amend: amend(func(resp *kmsg.TxnOffsetCommitResponse) {
		for _, t := range req.Topics {
			rt := kmsg.NewTxnOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})}
}
