package aws

import "fmt"

const clusterPolicyToken = "aws:msk/clusterPolicy:ClusterPolicy"

// clusterPolicyType is the resource-based policy of a cluster, of which there is one at most. Putting another one
// requires the former one's version, which only an update has: so moto has it. AWS documents the version as optional
// (MSK API, PutClusterPolicy), and not what it does without. Principals and conditions are not evaluated.
var clusterPolicyType = &resourceType{
	title: "MSK Cluster Policy", service: "Kafka",
	apis: map[Operation]string{
		Create: "PutClusterPolicy", Read: "GetClusterPolicy", Update: "PutClusterPolicy", Delete: "DeleteClusterPolicy",
	},
	props: map[string]prop{
		"clusterArn": {shape: text, required: true, rule: arnRule},
		"policy":     {shape: text, required: true, json: true, rule: isJSON},
	},
	outputs: []string{"currentVersion"},
	create:  createClusterPolicy,
	read:    readClusterPolicy, update: updateClusterPolicy, delete: deleteClusterPolicy,
}

func createClusterPolicy(r *request) (string, error) {
	arn := r.in.str("clusterArn")
	c := r.state.Clusters[arn]
	if c != nil && c.Policy != "" && checkClusterPolicy(r.in.str("policy"), arn) == "" {
		return "", &Error{
			Status: 400, Code: "BadRequestException", Message: "The current version of the policy must be given.",
		}
	}
	return arn, putClusterPolicy(r)
}

// updateClusterPolicy fails for another cluster, as the provider does: it puts the policy there and then reads the
// former cluster's.
func updateClusterPolicy(r *request) error {
	if err := putClusterPolicy(r); err != nil {
		return err
	}
	if r.in.str("clusterArn") != r.id {
		return &Error{Status: 500, Code: "InternalError", Message: "The policy was not found after it was updated."}
	}
	return nil
}

func putClusterPolicy(r *request) error {
	c := r.state.Clusters[r.in.str("clusterArn")]
	if c == nil {
		return &Error{Status: 404, Code: "NotFoundException", Message: "The requested resource doesn't exist."}
	}
	if problem := checkClusterPolicy(r.in.str("policy"), r.in.str("clusterArn")); problem != "" {
		return &Error{Status: 400, Code: "BadRequestException", Message: problem}
	}
	c.Policy = r.in.str("policy")
	return nil
}

// checkClusterPolicy returns what is wrong with a resource-based policy of the cluster: each statement has a principal,
// and is about the cluster or what is in it.
func checkClusterPolicy(doc, arn string) string {
	var p struct {
		Version   string
		Statement []struct {
			Sid, Effect      string
			Principal        any
			Action, Resource oneOrMore
			Condition        map[string]map[string]any
		}
	}
	if strict(doc, &p) != nil || len(p.Statement) == 0 {
		return "The policy is malformed."
	}
	for _, s := range p.Statement {
		if s.Principal == nil || len(s.Action) == 0 || s.Effect != "Allow" && s.Effect != "Deny" {
			return "Each statement needs an effect, a principal and actions."
		}
		for _, resource := range s.Resource {
			if resource != arn {
				return fmt.Sprintf("The resource %s is not this cluster.", resource)
			}
		}
	}
	return ""
}

func readClusterPolicy(r *request) (object, error) {
	c := r.state.Clusters[r.id]
	if c == nil || c.Policy == "" {
		return nil, nil
	}
	return object{"clusterArn": r.id, "policy": c.Policy, "currentVersion": "1"}, nil
}

func deleteClusterPolicy(r *request) error {
	if c := r.state.Clusters[r.id]; c != nil {
		c.Policy = ""
	}
	return nil
}
