package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Cluster is a Kafka cluster with topics to administer.
type Cluster struct {
	client *kgo.Client
	admin  *kadm.Client
}

// Connect returns the cluster that the options lead to. It calls no broker. Requests aren't repeated behind its back,
// since each one counts against a quota, and what it says of topics is never older than a second.
func Connect(opts ...kgo.Opt) (*Cluster, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ClientID("mskctl"), kgo.RequestRetries(0), kgo.MetadataMinAge(time.Second),
	}, opts...)...)
	if err != nil {
		return nil, err
	}
	return &Cluster{client, kadm.NewClient(client)}, nil
}

// Close closes all connections.
func (c *Cluster) Close() { c.client.Close() }

// describeAtOnce is how many topics are described in one request, which keeps answers to about a megabyte.
const describeAtOnce = 500

// State reads the topics of the cluster that the credentials may describe, with their settings.
func (c *Cluster) State(ctx context.Context) (State, error) {
	listed, err := c.admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	state := State{}
	for name, t := range listed {
		if t.IsInternal || strings.HasPrefix(name, "__") {
			continue
		}
		if t.Err != nil {
			return nil, fmt.Errorf("topic %s: %w", name, t.Err)
		}
		current := Current{Topic: Topic{Name: name, Partitions: len(t.Partitions)}}
		for _, p := range t.Partitions {
			if p.Leader < 0 || p.Err != nil {
				current.Leaderless++
			}
		}
		state[name] = current
	}
	for names := range slices.Chunk(slices.Sorted(maps.Keys(state)), describeAtOnce) {
		if err := c.describe(ctx, names, state); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// describe adds the settings of the topics to state, and removes those that have been deleted meanwhile.
func (c *Cluster) describe(ctx context.Context, names []string, state State) error {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, name
		resource.ConfigNames = settingNames()
		req.Resources = append(req.Resources, resource)
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	answered := map[string]bool{}
	for _, resource := range resp.Resources {
		answered[resource.ResourceName] = true
		current := state[resource.ResourceName]
		switch err := brokerError(resource.ErrorCode, resource.ErrorMessage); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			delete(state, resource.ResourceName)
			continue
		case kerr.IsRetriable(err):
			return fmt.Errorf("topic %s: %w", resource.ResourceName, err)
		case err != nil:
			current.Unreadable = err
		default:
			current.Settings, current.Effective = map[string]string{}, map[string]string{}
			for _, config := range resource.Configs {
				current.add(config)
			}
		}
		state[resource.ResourceName] = current
	}
	for _, name := range names {
		if !answered[name] {
			return fmt.Errorf("topic %s: the cluster didn't answer for its settings", name)
		}
	}
	return nil
}

func (t *Current) add(config kmsg.DescribeConfigsResponseResourceConfig) {
	if _, ok := findSetting(config.Name); !ok || config.Value == nil {
		return
	}
	value := *config.Value
	if config.Name == CleanupPolicy {
		value = sortedList(value)
	}
	t.Effective[config.Name] = value
	if config.Source == kmsg.ConfigSourceDynamicTopicConfig {
		t.Settings[config.Name] = value
	}
}

// requestTime is how long the cluster may work on one request.
const requestTime = 30 * time.Second

// send makes the steps, which are of one kind, in one request. It returns an error for each step that failed, and one
// if nothing is known about any of them.
func (c *Cluster) send(ctx context.Context, steps []step) (map[string]error, error) {
	switch steps[0].kind {
	case creating:
		return c.create(ctx, steps)
	case growing:
		return c.grow(ctx, steps)
	case altering:
		return c.alter(ctx, steps)
	}
	return c.remove(ctx, steps)
}

func (c *Cluster) create(ctx context.Context, steps []step) (map[string]error, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(requestTime.Milliseconds())
	for _, s := range steps {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions = s.topic.Name, int32(s.topic.Partitions)
		t.ReplicationFactor = -1 // the cluster's default: Serverless decides
		for _, name := range slices.Sorted(maps.Keys(s.topic.Settings)) {
			config := kmsg.NewCreateTopicsRequestTopicConfig()
			config.Name, config.Value = name, kmsg.StringPtr(s.topic.Settings[name])
			t.Configs = append(t.Configs, config)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	results := answers{}
	for _, t := range resp.Topics {
		results[t.Topic] = brokerError(t.ErrorCode, t.ErrorMessage)
	}
	return results.all(steps), nil
}

func (c *Cluster) grow(ctx context.Context, steps []step) (map[string]error, error) {
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = int32(requestTime.Milliseconds())
	for _, s := range steps {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = s.topic.Name, int32(s.topic.Partitions)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	results := answers{}
	for _, t := range resp.Topics {
		results[t.Topic] = brokerError(t.ErrorCode, t.ErrorMessage)
	}
	return results.all(steps), nil
}

func (c *Cluster) alter(ctx context.Context, steps []step) (map[string]error, error) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for _, s := range steps {
		resource := kmsg.NewIncrementalAlterConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, s.topic.Name
		for _, change := range s.settings {
			config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			config.Name, config.Op = change.Name, kmsg.IncrementalAlterConfigOpDelete
			if change.To != "" {
				config.Op, config.Value = kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(change.To)
			}
			resource.Configs = append(resource.Configs, config)
		}
		req.Resources = append(req.Resources, resource)
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	results := answers{}
	for _, resource := range resp.Resources {
		results[resource.ResourceName] = brokerError(resource.ErrorCode, resource.ErrorMessage)
	}
	return results.all(steps), nil
}

func (c *Cluster) remove(ctx context.Context, steps []step) (map[string]error, error) {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = int32(requestTime.Milliseconds())
	for _, s := range steps {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = kmsg.StringPtr(s.topic.Name)
		req.Topics = append(req.Topics, t)
		req.TopicNames = append(req.TopicNames, s.topic.Name) // for clusters before Kafka 2.8
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	results := answers{}
	for _, t := range resp.Topics {
		if t.Topic != nil {
			results[*t.Topic] = brokerError(t.ErrorCode, t.ErrorMessage)
		}
	}
	return results.all(steps), nil
}

// answers are a request's results by topic.
type answers map[string]error

var errNoAnswer = errors.New("the cluster didn't answer for it")

// all returns the answers for the steps, with an error for each topic that the cluster left out.
func (a answers) all(steps []step) map[string]error {
	for _, s := range steps {
		if _, ok := a[s.topic.Name]; !ok {
			a[s.topic.Name] = errNoAnswer
		}
	}
	return a
}

// brokerError returns the error of a code with the broker's own words, or nil.
func brokerError(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil || message == nil || *message == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, *message)
}
