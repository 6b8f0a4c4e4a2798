package e2e

import "strings"

// clusterARN is the ARN of a cluster. It forms the ARNs inside the cluster by other means than the program does.
type clusterARN string

// topics returns the ARN of every topic that begins with prefix.
func (a clusterARN) topics(prefix string) string { return a.inside("topic", prefix+"*") }

// group returns the ARN of a consumer group.
func (a clusterARN) group(name string) string { return a.inside("group", name) }

func (a clusterARN) inside(kind, name string) string {
	before, after, _ := strings.Cut(string(a), ":cluster/")
	return before + ":" + kind + "/" + after + "/" + name
}
