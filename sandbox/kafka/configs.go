package kafka

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Requests about settings. Those of brokers and of everything else but topics need actions that don't apply to
// serverless clusters, so they are refused.

// configs returns why a client may not do the action on a resource's settings.
func (a *asker) configs(action string, kind kmsg.ConfigResourceType, name string) refusal {
	if kind != kmsg.ConfigResourceTypeTopic {
		return refusal{code: kerr.ClusterAuthorizationFailed.Code}
	}
	if !a.mayTopic(action, name) {
		return topicDenied
	}
	return refusal{}
}

// showDefaults shows the default that MSK Serverless has in place of kfake's.
func showDefaults(resp *kmsg.DescribeConfigsResponse) {
	for _, r := range resp.Resources {
		for i, setting := range r.Configs {
			if setting.Name == "retention.bytes" && setting.Source == kmsg.ConfigSourceDefaultConfig {
				r.Configs[i].Value = kmsg.StringPtr(strconv.Itoa(defaultRetention))
			}
		}
	}
}

// judgeDescribeConfigs needs DescribeTopicDynamicConfiguration on each topic.
func judgeDescribeConfigs(a *asker, req *kmsg.DescribeConfigsRequest) verdict {
	var codes []int16
	kept, denied := split(req.Resources, func(r kmsg.DescribeConfigsRequestResource) bool {
		refusal := a.configs("DescribeTopicDynamicConfiguration", r.ResourceType, r.ResourceName)
		if refusal.code != 0 {
			codes = append(codes, refusal.code)
		}
		return refusal.code == 0
	})
	req.Resources = kept
	change := func(resp *kmsg.DescribeConfigsResponse) {
		showDefaults(resp)
		for i, r := range denied {
			rr := kmsg.NewDescribeConfigsResponseResource()
			rr.ResourceType, rr.ResourceName, rr.ErrorCode = r.ResourceType, r.ResourceName, codes[i]
			resp.Resources = append(resp.Resources, rr)
		}
	}
	return verdict{refuse: len(kept) == 0, changed: len(denied) > 0, amend: amend(change)}
}

// judgeAlterConfigs needs AlterTopicDynamicConfiguration on each topic.
func judgeAlterConfigs(a *asker, req *kmsg.AlterConfigsRequest) verdict {
	var refusals []refusal
	kept, denied := split(req.Resources, func(r kmsg.AlterConfigsRequestResource) bool {
		why := a.configs("AlterTopicDynamicConfiguration", r.ResourceType, r.ResourceName)
		for _, setting := range r.Configs {
			if why.code == 0 {
				why = checkSetting(setting.Name, setting.Value, false)
			}
		}
		if why.code != 0 {
			refusals = append(refusals, why)
		}
		return why.code == 0
	})
	req.Resources = kept
	return partly(len(kept), len(denied), amend(func(resp *kmsg.AlterConfigsResponse) {
		for i, r := range denied {
			rr := kmsg.NewAlterConfigsResponseResource()
			rr.ResourceType, rr.ResourceName = r.ResourceType, r.ResourceName
			rr.ErrorCode, rr.ErrorMessage = refusals[i].code, textOf(refusals[i])
			resp.Resources = append(resp.Resources, rr)
		}
	}))
}

// judgeIncrementalAlterConfigs needs AlterTopicDynamicConfiguration on each topic.
func judgeIncrementalAlterConfigs(a *asker, req *kmsg.IncrementalAlterConfigsRequest) verdict {
	var refusals []refusal
	kept, denied := split(req.Resources, func(r kmsg.IncrementalAlterConfigsRequestResource) bool {
		why := a.configs("AlterTopicDynamicConfiguration", r.ResourceType, r.ResourceName)
		for _, setting := range r.Configs {
			if why.code == 0 {
				why = checkSetting(setting.Name, setting.Value, false)
			}
		}
		if why.code != 0 {
			refusals = append(refusals, why)
		}
		return why.code == 0
	})
	req.Resources = kept
	return partly(len(kept), len(denied), amend(func(resp *kmsg.IncrementalAlterConfigsResponse) {
		for i, r := range denied {
			rr := kmsg.NewIncrementalAlterConfigsResponseResource()
			rr.ResourceType, rr.ResourceName = r.ResourceType, r.ResourceName
			rr.ErrorCode, rr.ErrorMessage = refusals[i].code, textOf(refusals[i])
			resp.Resources = append(resp.Resources, rr)
		}
	}))
}
