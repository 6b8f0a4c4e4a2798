package kafka

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/internal/iampolicy"
)

// verdict says what becomes of a request.
type verdict struct {
	refuse  bool                // answer it without kfake, with an empty response that amend fills
	changed bool                // the request was changed before kfake gets it
	amend   func(kmsg.Response) // changes the response before the client gets it
	close   bool                // end the connection instead, because the client expects no response
}

// asker asks what the principal of a request may do.
type asker struct {
	cluster   *Cluster
	principal string
	request   string
}

// may reports whether the principal may do the action on the resource, and has the actions that the MSK developer
// guide requires besides ("Semantics of IAM authorization policy actions and resources"), as far as they are about the
// cluster or the same resource.
func (a *asker) may(action, resource string) bool {
	about := iampolicy.Actions[action]
	allowed := a.decide(action, resource, true)
	for _, other := range about.Needs {
		other = iampolicy.InService(action, other)
		switch iampolicy.Actions[other].On {
		case "cluster":
			allowed = a.decide(other, a.cluster.config.ARN, true) && allowed
		case about.On:
			allowed = a.decide(other, resource, true) && allowed
		}
	}
	return allowed
}

// decide asks for one action, and lets Config.Observe know if the request fails without it.
func (a *asker) decide(action, resource string, needed bool) bool {
	allowed := a.cluster.allowed(a.principal, action, resource)
	if observe := a.cluster.config.Observe; observe != nil && needed {
		observe(Decision{a.principal, a.request, action, resource, allowed})
	}
	return allowed
}

// mayTopic reports whether the principal may do the action, such as WriteData, on the topic.
func (a *asker) mayTopic(action, name string) bool {
	return a.may("kafka-cluster:"+action, a.cluster.resource("topic", name))
}

// mayGroup reports whether the principal may do the action on the group.
func (a *asker) mayGroup(action, name string) bool {
	return a.may("kafka-cluster:"+action, a.cluster.resource("group", name))
}

// mayCluster reports whether the principal may do the action on the cluster.
func (a *asker) mayCluster(action string) bool {
	return a.may("kafka-cluster:"+action, a.cluster.config.ARN)
}

// sees reports whether the principal may do the action on the topic or group, for what a response shows. A request
// doesn't fail without it.
func (a *asker) sees(action, kind, name string) bool {
	return a.decide("kafka-cluster:Connect", a.cluster.config.ARN, false) &&
		a.decide("kafka-cluster:"+action, a.cluster.resource(kind, name), false)
}

// topic returns the name of a topic that a request names or, in newer versions, identifies. It is empty for an id that
// no topic has, which kfake answers.
func (a *asker) topic(name string, id [16]byte) string {
	if name != "" || id == [16]byte{} {
		return name
	}
	if info := a.cluster.TopicIDInfo(id); info != nil {
		return info.Topic
	}
	return ""
}

// resource returns the ARN of a topic, group or transactional id of the cluster (MSK developer guide, "Authorization
// policy resources").
func (c *Cluster) resource(kind, name string) string {
	return strings.Replace(c.config.ARN, ":cluster/", ":"+kind+"/", 1) + "/" + name
}

// regionOf returns the region of a cluster's ARN.
func regionOf(arn string) (string, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "kafka" || !strings.HasPrefix(parts[5], "cluster/") || len(arn) < 36 {
		return "", fmt.Errorf("%q: must be the ARN of a cluster", arn)
	}
	return parts[3], nil
}

// split divides a list into what is allowed and what isn't.
func split[T any](all []T, allowed func(T) bool) (kept, refused []T) {
	for _, v := range all {
		if allowed(v) {
			kept = append(kept, v)
		} else {
			refused = append(refused, v)
		}
	}
	return kept, refused
}

// amend returns a function that changes a response of the kind R.
func amend[R kmsg.Response](change func(R)) func(kmsg.Response) {
	return func(resp kmsg.Response) { change(resp.(R)) }
}

// partly returns the verdict on a request of which some parts were refused: kfake answers the rest, if there is any,
// and add adds the refused parts to its response.
func partly(kept, refused int, add func(kmsg.Response)) verdict {
	if refused == 0 {
		return verdict{}
	}
	return verdict{refuse: kept == 0, changed: true, amend: add}
}
