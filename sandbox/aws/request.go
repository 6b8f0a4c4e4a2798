package aws

import (
	"fmt"
	"strings"
)

// request is one call to a service.
type request struct {
	provider *provider
	state    *State
	id       string
	in       object // what is asked for
	old      object // what was there, as Pulumi knows it
}

// tagsOut adds the two outputs for tags: all of them, and all but the provider's default tags, unless the program also
// set those on the resource.
func (r *request) tagsOut(out object, all map[string]string) object {
	own, rest := r.old.dict("tags"), map[string]any{}
	every := map[string]any{}
	for k, v := range all {
		every[k] = v
		if _, ok := own[k]; ok || r.provider.tags[k] != v {
			rest[k] = v
		}
	}
	out["tags"], out["tagsAll"] = rest, every
	return out
}

// arn returns the ARN of something in the account and region. IAM and dashboards have no region.
func (r *request) arn(service, what string) string {
	region := r.provider.region
	if service == "iam" || strings.HasPrefix(what, "dashboard/") {
		region = ""
	}
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", r.provider.partition(), service, region, r.state.Account, what)
}

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// physicalName returns the name of a new object: the given one, or the prefix and 26 digits, as the provider makes it.
func (r *request) physicalName(what string) string {
	if n := r.in.str("name"); n != "" {
		return n
	}
	prefix := r.in.str("namePrefix")
	return prefix + r.state.newID(what+" prefix", prefix, 26)
}
