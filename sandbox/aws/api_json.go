package aws

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// listClusters lists the region's clusters whose names begin with the filter, with their tags, as MSK does.
func listClusters(r *request, in object) (any, error) {
	list := []any{}
	for _, arn := range slices.Sorted(maps.Keys(r.state.Clusters)) {
		c := r.state.Clusters[arn]
		if !strings.HasPrefix(arn, r.arn("kafka", "cluster/")) || !strings.HasPrefix(c.Name, in.str("clusterNameFilter")) {
			continue
		}
		list = append(list, map[string]any{
			"clusterArn": arn, "clusterName": c.Name, "clusterType": "SERVERLESS", "state": c.State, "tags": c.Tags,
			"creationTime": created, "serverless": map[string]any{"vpcConfigs": vpcConfigs(c)},
		})
	}
	return map[string]any{"clusterInfoList": list}, nil
}

func vpcConfigs(c *Cluster) []any {
	list := []any{}
	for _, v := range c.VPCs {
		list = append(list, map[string]any{"subnetIds": v.Subnets, "securityGroupIds": v.SecurityGroups})
	}
	return list
}

func describeLogGroups(r *request, in object) (any, error) {
	list := []any{}
	for _, arn := range slices.Sorted(maps.Keys(r.state.LogGroups)) {
		name, ok := strings.CutPrefix(arn, r.logGroupARN(""))
		if ok && strings.HasPrefix(name, in.str("logGroupNamePrefix")) {
			list = append(list, map[string]any{"logGroupName": name, "arn": arn + ":*", "logGroupArn": arn})
		}
	}
	return map[string]any{"logGroups": list}, nil
}

func listLogTags(r *request, in object) (any, error) {
	g := r.state.LogGroups[in.str("resourceArn")]
	if g == nil {
		return nil, &Error{
			Status: http.StatusBadRequest, Code: "ResourceNotFoundException",
			Message: "The specified resource does not exist.",
		}
	}
	return map[string]any{"tags": g.Tags}, nil
}

// getResources lists what is tagged in the region. It leaves IAM out, whose roles AWS's own answer lacks too.
func getResources(r *request, in object) (any, error) {
	tagged := map[string]map[string]string{}
	add := func(arn string, tags map[string]string) {
		if strings.Split(arn, ":")[3] == r.provider.region {
			tagged[arn] = tags
		}
	}
	for arn, c := range r.state.Clusters {
		add(arn, c.Tags)
	}
	for arn, g := range r.state.LogGroups {
		add(arn, g.Tags)
	}
	for arn, a := range r.state.Alarms {
		add(arn, a.Tags)
	}
	for arn, e := range r.state.EventRules {
		add(arn, e.Tags)
	}
	for id, g := range r.state.SecurityGroups {
		if g.Region != r.provider.region {
			continue
		}
		add(r.arn("ec2", "security-group/"+id), g.Tags)
		for _, x := range g.Rules {
			add(r.arn("ec2", "security-group-rule/"+x.ID), x.Tags)
		}
	}
	list := []any{}
	for _, arn := range slices.Sorted(maps.Keys(tagged)) {
		if !hasTags(tagged[arn], in.list("TagFilters")) {
			continue
		}
		tags := []any{}
		for _, k := range slices.Sorted(maps.Keys(tagged[arn])) {
			tags = append(tags, map[string]string{"Key": k, "Value": tagged[arn][k]})
		}
		list = append(list, map[string]any{"ResourceARN": arn, "Tags": tags})
	}
	return map[string]any{"ResourceTagMappingList": list, "PaginationToken": ""}, nil
}

// hasTags reports whether an object with the tags passes each filter: a key, and its values.
func hasTags(tags map[string]string, filters []any) bool {
	for _, f := range filters {
		filter := object(f.(map[string]any))
		value, ok := tags[filter.str("Key")]
		if !ok || len(filter.list("Values")) > 0 && !slices.Contains(filter.strs("Values"), value) {
			return false
		}
	}
	return len(tags) > 0
}
