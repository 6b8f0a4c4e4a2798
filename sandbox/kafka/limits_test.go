package kafka

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// administrator is a connection of a role that may do everything with topics.
func administrator(t *testing.T, c *testCluster) rawConn {
	t.Helper()
	c.grant(t, "admin", allow([]string{"Connect", "WriteDataIdempotently"}), allow([]string{
		"AlterTopic", "AlterTopicDynamicConfiguration", "CreateTopic", "DeleteTopic", "DescribeTopic",
		"DescribeTopicDynamicConfiguration", "ReadData", "WriteData",
	}, "topic/*"))
	return c.raw(t, "admin")
}

// create asks for a topic and returns the error code.
func (c rawConn) create(name string, partitions int32, settings ...string) int16 {
	c.t.Helper()
	req := createTopics(nil, name).(*kmsg.CreateTopicsRequest)
	req.Version, req.Topics[0].NumPartitions = 7, partitions
	for i := 0; i < len(settings); i += 2 {
		req.Topics[0].Configs = append(req.Topics[0].Configs, kmsg.CreateTopicsRequestTopicConfig{
			Name: settings[i], Value: kmsg.StringPtr(settings[i+1]),
		})
	}
	return c.ask(req).(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode
}

func (c rawConn) grow(name string, to int32) int16 {
	c.t.Helper()
	req := createPartitions(nil, name).(*kmsg.CreatePartitionsRequest)
	req.Version, req.Topics[0].Count = 3, to
	return c.ask(req).(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode
}

func (c rawConn) delete(version int16, names ...string) []int16 {
	c.t.Helper()
	req := deleteTopics(nil, names...)
	req.SetVersion(version)
	return codesOf(c.ask(req))
}

const (
	ok       = int16(0)
	tooFast  = int16(89)
	tooMany  = int16(42)
	badValue = int16(40)
)

// Partitions come and go at most 250 at a time, whether topics are created, grown or deleted.
func TestRateOfPartitions(t *testing.T) {
	t.Parallel()
	c := start(t, func(config *Config) { config.Options = append(config.Options, kfake.NumBrokers(1)) })
	admin := administrator(t, c)
	next := func() { c.later(time.Second) } // for the quota on requests
	require.Equal(t, kerr.ThrottlingQuotaExceeded.Code, tooFast)

	assert.Equal(t, tooFast, admin.create("a", 251))
	next()
	assert.Equal(t, ok, admin.create("a", 200))
	assert.Equal(t, kerr.TopicAlreadyExists.Code, admin.create("a", 200), "no partition was created")
	next()
	assert.Equal(t, tooFast, admin.create("b", 51))
	assert.Equal(t, ok, admin.create("b", 40))
	next()
	assert.Equal(t, tooFast, admin.grow("b", 51))
	assert.Equal(t, ok, admin.grow("b", 45))
	next()
	assert.Equal(t, []int16{tooFast}, admin.delete(6, "b"))
	assert.Equal(t, ok, admin.create("c", 5))
	next()
	assert.Equal(t, tooFast, admin.create("d", 1))

	c.later(5*time.Minute - 4*time.Second - time.Millisecond) // just before a's 200 are forgotten
	assert.Equal(t, tooFast, admin.create("d", 200))
	c.later(time.Millisecond)
	assert.Equal(t, ok, admin.create("d", 200))
	c.later(time.Minute)
	assert.Equal(t, []int16{ok}, admin.delete(3, "b"))
	next()
	assert.Equal(t, tooFast, admin.create("e", 6), "45 were deleted and 200 created")
	assert.Equal(t, ok, admin.create("e", 5))
	c.later(5 * time.Minute)
	assert.Equal(t, []int16{ok, tooFast}, admin.delete(6, "a", "d"), "each topic is judged by itself")
}

func TestRateOfTopicRequests(t *testing.T) {
	t.Parallel()
	c := start(t, func(config *Config) { config.Options = append(config.Options, kfake.NumBrokers(1)) })
	admin := administrator(t, c)
	assert.Equal(t, ok, admin.create("a", 1))
	assert.Equal(t, ok, admin.create("b", 1))
	for range 3 {
		assert.Equal(t, tooFast, admin.create("c", 1))
		assert.Equal(t, tooFast, admin.grow("a", 2))
		assert.Equal(t, []int16{tooFast}, admin.delete(6, "a"))
	}
	c.later(time.Second)
	assert.Equal(t, []int16{ok}, admin.delete(6, "a"))
}

// A cluster has at most 2,400 partitions, of which 120 are compacted.
func TestNumberOfPartitions(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	admin := administrator(t, c)
	require.Equal(t, kerr.InvalidRequest.Code, tooMany)
	assert.Equal(t, ok, admin.create("compacted", 100, "cleanup.policy", "compact"))
	assert.Equal(t, tooMany, admin.create("more", 21, "cleanup.policy", "compact"))
	compacted := []kmsg.CreateTopicsRequestTopicConfig{{Name: "cleanup.policy", Value: kmsg.StringPtr("compact")}}
	both := createTopics(c, "c1", "c2").(*kmsg.CreateTopicsRequest)
	both.Version = 2
	for i := range both.Topics {
		both.Topics[i].NumPartitions, both.Topics[i].Configs = 11, compacted
	}
	assert.Equal(t, []int16{ok, tooMany}, codesOf(admin.ask(both)), "one after the other")
	assert.Equal(t, []int16{ok}, admin.delete(6, "c1"))
	assert.Equal(t, tooMany, admin.grow("compacted", 121))
	assert.Equal(t, ok, admin.grow("compacted", 120))
	several := createTopics(c, "m1", "m2").(*kmsg.CreateTopicsRequest)
	several.Version, several.Topics[0].NumPartitions, several.Topics[1].NumPartitions = 2, 2280, 1
	assert.Equal(t, []int16{ok, tooMany}, codesOf(admin.ask(several)), "one after the other")
	assert.Equal(t, []int16{ok}, admin.delete(6, "m1"))
	assert.Equal(t, ok, admin.create("a", 2270))
	assert.Equal(t, tooMany, admin.create("b", 11))
	assert.Equal(t, tooMany, admin.grow("a", 2281))
	assert.Equal(t, ok, admin.create("b", 10))
	assert.Equal(t, tooMany, admin.create("c", -1))
	assert.Equal(t, []int16{ok}, admin.delete(6, "b"))
	assert.Equal(t, ok, admin.create("c", -1), "the default is one partition")
}

// A request that only validates is judged and changes no count.
func TestValidateOnly(t *testing.T) {
	t.Parallel()
	c := start(t, func(config *Config) { config.Options = append(config.Options, kfake.NumBrokers(1)) })
	admin := administrator(t, c)
	for _, partitions := range []int32{200, 200, 251} {
		req := createTopics(c, "a").(*kmsg.CreateTopicsRequest)
		req.Version, req.ValidateOnly, req.Topics[0].NumPartitions = 7, true, partitions
		codes := codesOf(admin.ask(req))
		assert.Equal(t, partitions > maxChangedPartitions, codes[0] == tooFast, codes)
		c.later(time.Second)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	admin := administrator(t, c)
	require.Equal(t, kerr.InvalidConfig.Code, badValue)
	for i, s := range []struct {
		name, value   string
		create, alter int16
	}{
		{name: "retention.ms", value: "-1"},
		{name: "retention.ms", value: "-2", create: badValue, alter: badValue},
		{name: "retention.bytes", value: "1000"},
		{name: "max.message.bytes", value: "8388608"},
		{name: "max.message.bytes", value: "8388609", create: badValue, alter: badValue},
		{name: "max.message.bytes", value: "x", create: badValue, alter: badValue},
		{name: "compression.type", value: "zstd"},
		{name: "compression.type", value: "zip", create: badValue, alter: badValue},
		{name: "message.timestamp.type", value: "LogAppendTime"},
		{name: "message.timestamp.difference.max.ms", value: "-1", create: badValue, alter: badValue},
		{name: "cleanup.policy", value: "compact", alter: badValue},
		{name: "cleanup.policy", value: "keep", create: badValue, alter: badValue},
		{name: "segment.bytes", value: "1048576", create: badValue, alter: badValue},
		{name: "min.insync.replicas", value: "2", create: badValue, alter: badValue},
	} {
		topic := fmt.Sprint("t", i)
		assert.Equal(t, s.create, admin.create(topic, 1, s.name, s.value), "create with %s=%s", s.name, s.value)
		if s.create != 0 {
			require.Equal(t, ok, admin.create(topic, 1))
		}
		whole := alterConfigs(c, topic).(*kmsg.AlterConfigsRequest)
		whole.Resources[0].Configs[0].Name, whole.Resources[0].Configs[0].Value = s.name, &s.value
		single := incrementalAlterConfigs(c, topic).(*kmsg.IncrementalAlterConfigsRequest)
		single.Resources[0].Configs[0].Name, single.Resources[0].Configs[0].Value = s.name, &s.value
		for _, req := range []kmsg.Request{whole, single} {
			req.SetVersion(1)
			assert.Equal(t, []int16{s.alter}, codesOf(admin.ask(req)), "alter %s=%s", s.name, s.value)
		}
	}
	single := incrementalAlterConfigs(c, "t0").(*kmsg.IncrementalAlterConfigsRequest)
	single.Version, single.Resources[0].Configs[0].Name = 1, "segment.bytes"
	resp := admin.ask(single).(*kmsg.IncrementalAlterConfigsResponse)
	assert.Contains(t, *resp.Resources[0].ErrorMessage, "can't alter topic configuration segment.bytes")

	broker := describeConfigs(c, "0").(*kmsg.DescribeConfigsRequest)
	broker.Resources[0].ResourceType = kmsg.ConfigResourceTypeBroker
	assert.Equal(t, []int16{denials["cluster"]}, codesOf(admin.ask(broker)))
	topic := describeConfigs(c, "t2").(*kmsg.DescribeConfigsRequest)
	topic.Version, topic.Resources[0].ResourceName = 4, "t0"
	for _, setting := range admin.ask(topic).(*kmsg.DescribeConfigsResponse).Resources[0].Configs {
		if setting.Name == "retention.bytes" {
			assert.Equal(t, "268435456000", *setting.Value)
		}
	}
}

// Sizes of messages and fetches.
func TestSizes(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	admin := administrator(t, c)
	require.Equal(t, ok, admin.create("a", 2, "max.message.bytes", "8388608"))
	write := func(sizes ...int) []int16 {
		req := produce(-1)(c, "a").(*kmsg.ProduceRequest)
		req.Version = 9
		req.Topics[0].Partitions = nil
		for i, size := range sizes {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = int32(i), newBatch(-1, make([]byte, size))
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		}
		return codesOf(admin.ask(req))
	}
	assert.Equal(t, []int16{ok}, write(8<<20-1000))
	assert.Equal(t, []int16{tooMany}, write(8<<20))
	assert.Equal(t, []int16{ok, tooMany}, write(1, 8<<20), "the other partition's message is written")

	for version, refused := range map[int16][]int16{4: {ok, tooMany}, 12: {tooMany}} {
		req := fetch(c, "a").(*kmsg.FetchRequest)
		req.Version, req.MaxBytes = version, 55<<20
		assert.Equal(t, []int16{ok, ok}, codesOf(admin.ask(req)))
		req.MaxBytes++
		assert.Equal(t, refused, codesOf(admin.ask(req)))
	}
	_, err := admin.Write([]byte{0x7f, 0xff, 0xff, 0xff})
	require.NoError(t, err)
	_, err = readFrame(admin)
	assert.Error(t, err, "a request of 2 GiB")
}

// Connections over the quotas are closed.
func TestConnections(t *testing.T) {
	t.Parallel()
	c := start(t, func(config *Config) { config.Options = append(config.Options, kfake.NumBrokers(1)) })
	c.grant(t, "r", allow([]string{"Connect"}))
	for range maxNewConnections {
		require.True(t, c.limits.connect())
	}
	refused, err := net.Dial("tcp", c.ListenAddrs()[0])
	require.NoError(t, err)
	_, err = readFrame(refused)
	require.Error(t, err)
	c.later(time.Second)
	conn := c.raw(t, "r")
	for range maxConnections - maxNewConnections - 1 {
		c.later(100 * time.Millisecond)
		require.True(t, c.limits.connect())
	}
	assert.False(t, c.limits.connect())
	_ = conn.Close()
	require.Eventually(t, c.limits.connect, 5*time.Second, time.Millisecond)
}
