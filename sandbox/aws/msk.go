package aws

import (
	"fmt"
	"slices"
	"strings"
)

const clusterToken = "aws:msk/serverlessCluster:ServerlessCluster"

// Cluster is an MSK Serverless cluster.
type Cluster struct {
	Name      string            `json:"name"`
	State     string            `json:"state"` // ACTIVE or FAILED
	Bootstrap string            `json:"bootstrap"`
	VPCs      []VPCConfig       `json:"vpcs"`
	IAM       bool              `json:"iam"`              // SASL/IAM, the only authentication there is
	Policy    string            `json:"policy,omitempty"` // the resource-based policy
	Tags      map[string]string `json:"tags,omitempty"`
}

// VPCConfig is the cluster's place in one VPC.
type VPCConfig struct {
	Subnets        []string `json:"subnets"`
	SecurityGroups []string `json:"securityGroups,omitempty"`
}

// Of a cluster only the tags can be changed: all else replaces it, and with it its data.
var clusterType = &resourceType{
	title: "MSK Serverless Cluster", service: "Kafka", name: "clusterName", maxName: 64,
	apis: map[Operation]string{
		Create: "CreateClusterV2",
		Read:   "DescribeClusterV2",
		Update: "TagResource",
		Delete: "DeleteCluster",
	},
	props: tagged(map[string]prop{
		"clusterName":          {shape: text, replaces: true, rule: length(1, 64)},
		"clientAuthentication": object1("sasl", object1("iam", object1("enabled", prop{shape: flag}))),
		"vpcConfigs": {shape: list, required: true, replaces: true, of: &prop{shape: block, fields: map[string]prop{
			"subnetIds": {shape: set, required: true}, "securityGroupIds": {shape: set, rule: atMost(5)},
		}}},
	}),
	outputs: []string{"arn", "clusterUuid", "bootstrapBrokersSaslIam"},
	create:  createCluster, read: readCluster,
	update: func(r *request) error {
		c := r.state.Clusters[r.id]
		if c == nil {
			return &Error{Status: 404, Code: "NotFoundException", Message: "The requested resource doesn't exist."}
		}
		c.Tags = r.in.dict("tagsAll")
		return nil
	},
	delete: func(r *request) error { delete(r.state.Clusters, r.id); return nil },
}

func createCluster(r *request) (string, error) {
	bad := func(format string, args ...any) error {
		return &Error{Status: 400, Code: "BadRequestException", Message: fmt.Sprintf(format, args...)}
	}
	name := r.in.str("clusterName")
	if problem := match(`[a-zA-Z0-9][a-zA-Z0-9-]{0,63}`, "letters, digits and hyphens")(name); problem != "" {
		return "", bad("The cluster name %s", problem)
	}
	for arn, c := range r.state.Clusters {
		if c.Name == name && strings.HasPrefix(arn, r.arn("kafka", "cluster/")) {
			return "", &Error{
				Status:  409,
				Code:    "ConflictException",
				Message: "A resource with this name already exists.",
			}
		}
	}
	c := &Cluster{Name: name, State: "ACTIVE", Tags: r.in.dict("tagsAll")}
	c.IAM = r.in.object("clientAuthentication").object("sasl").object("iam").flag("enabled")
	if !c.IAM {
		return "", bad("Serverless clusters need SASL/IAM client authentication.")
	}
	if n := len(r.in.list("vpcConfigs")); n < 1 || n > 5 {
		return "", bad("A serverless cluster has 1 to 5 VPC configurations.")
	}
	for _, v := range r.in.list("vpcConfigs") {
		conf, problem := r.vpcConfig(v.(map[string]any))
		if problem != "" {
			return "", bad("%s", problem)
		}
		c.VPCs = append(c.VPCs, conf)
	}
	id := r.state.newID("cluster", r.provider.region+"/"+name, 40)
	uuid := fmt.Sprintf("%s-%s-%s-%s-%s-s1", id[:8], id[8:12], id[12:16], id[16:20], id[20:32])
	arn := r.arn("kafka", "cluster/"+name+"/"+uuid)
	c.Bootstrap = fmt.Sprintf("boot-%s.c2.kafka-serverless.%s.%s:9098", id[32:], r.provider.region,
		r.provider.dnsSuffix())
	r.state.Clusters[arn] = c
	return arn, nil
}

// vpcConfig: at least two subnets, in different zones of one VPC with DNS on, and groups of that VPC.
func (r *request) vpcConfig(in object) (conf VPCConfig, problem string) {
	conf = VPCConfig{Subnets: in.strs("subnetIds"), SecurityGroups: in.strs("securityGroupIds")}
	slices.Sort(conf.Subnets)
	slices.Sort(conf.SecurityGroups)
	vpcs, zones := map[string]bool{}, map[string]bool{}
	for _, id := range conf.Subnets {
		s := r.state.Subnets[id]
		if s == nil {
			return conf, fmt.Sprintf("The subnet ID '%s' does not exist", id)
		}
		vpcs[s.VPC], zones[s.Zone] = true, true
	}
	if len(vpcs) > 1 {
		return conf, "All subnets of a VPC configuration must be in the same VPC."
	}
	if len(zones) < 2 {
		return conf, "The subnets must be in at least two different Availability Zones."
	}
	for id := range vpcs {
		if v := r.state.VPCs[id]; v == nil || !v.DNSHostnames || !v.DNSSupport {
			return conf, fmt.Sprintf("The VPC %s must have DNS hostnames and DNS resolution on.", id)
		}
	}
	for _, id := range conf.SecurityGroups {
		if g := r.state.SecurityGroups[id]; g == nil || g.Region != r.provider.region {
			return conf, fmt.Sprintf("The security group '%s' does not exist", id)
		} else if !vpcs[g.VPC] {
			return conf, fmt.Sprintf("The security group '%s' is not in the VPC of the subnets.", id)
		}
	}
	return conf, ""
}

func readCluster(r *request) (object, error) {
	c := r.state.Clusters[r.id]
	if c == nil {
		return nil, nil
	}
	var vpcs []any
	for _, v := range c.VPCs {
		vpcs = append(vpcs, map[string]any{"subnetIds": anys(v.Subnets), "securityGroupIds": anys(v.SecurityGroups)})
	}
	return r.tagsOut(object{
		"arn": r.id, "clusterName": c.Name, "clusterUuid": r.id[strings.LastIndex(r.id, "/")+1:],
		"bootstrapBrokersSaslIam": c.Bootstrap, "vpcConfigs": vpcs,
		"clientAuthentication": map[string]any{"sasl": map[string]any{"iam": map[string]any{"enabled": c.IAM}}},
	}, c.Tags), nil
}
