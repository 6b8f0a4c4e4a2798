package kafka

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// defaultRetention is the default of retention.bytes, which isn't Kafka's (MSK developer guide, "Configuration
// properties for serverless clusters": 250 GiB).
const defaultRetention = 250 << 30

// alterable are the topic settings that can be changed, in the order in which MSK Serverless lists them in its error
// (strimzi/strimzi-kafka-operator pull request 9606).
var alterable = []string{
	"compression.type", "max.message.bytes", "message.timestamp.difference.max.ms", "message.timestamp.type",
	"retention.bytes", "retention.ms",
}

const cleanupPolicy = "cleanup.policy" // can only be set at creation

// refusal is the error for a part of a request. The zero value is no error.
type refusal struct {
	code    int16
	message string
}

func refused(err *kerr.Error, format string, args ...any) refusal {
	return refusal{err.Code, fmt.Sprintf(format, args...)}
}

// checkSetting returns why a topic can't be created with a setting, or can't be given it later. The error for a name
// is MSK Serverless's own for later changes; that for creation isn't documented. Values are checked as Kafka does.
func checkSetting(name string, value *string, creation bool) refusal {
	verb, allowed := "alter", alterable
	if creation {
		verb, allowed = "create a topic with", append([]string{cleanupPolicy}, alterable...)
	}
	if !slices.Contains(allowed, name) {
		return refused(kerr.InvalidConfig, "Amazon MSK Serverless can't %s topic configuration %s. "+
			"Only the following topic configurations are alterable: [%s].", verb, name, strings.Join(allowed, ", "))
	}
	if value != nil && !legal(name, *value) {
		return refused(kerr.InvalidConfig, "Invalid value %s for configuration %s", *value, name)
	}
	return refusal{}
}

// values are the values of settings that are words.
var values = map[string][]string{
	cleanupPolicy:            {"delete", "compact"},
	"compression.type":       {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"},
	"message.timestamp.type": {"CreateTime", "LogAppendTime"},
}

func legal(name, value string) bool {
	if words, ok := values[name]; ok {
		return slices.Contains(words, value)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return false
	case name == "max.message.bytes":
		return n >= 0 && n <= maxMessage
	case name == "message.timestamp.difference.max.ms":
		return n >= 0
	}
	return n >= -1 // retention; -1 is unlimited
}
