package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// FurtherVPC holds the settings of one of furtherVpcs.
type FurtherVPC struct {
	VPCID                  string   `json:"vpcId"`
	SubnetIDs              []string `json:"subnetIds"`
	ClientSecurityGroupIDs []string `json:"clientSecurityGroupIds"`
}

// VPC is a VPC in which the cluster has endpoints, with the keys that set it: the stack's own, or one of furtherVpcs.
type VPC struct {
	ID        string
	IDKey     string
	Subnets   List
	ClientSGs List // other security groups that may reach the brokers
}

// maxFurtherVPCs is how many VPCs a cluster can have beside the first (MSK API, CreateClusterV2: vpcConfigs).
const maxFurtherVPCs = 4

// VPCs returns the stack's VPC, and furtherVpcs in their order.
func (c Config) VPCs() []VPC {
	vpcs := []VPC{{
		c.VPCID, "vpcId", List{"subnetIds", c.SubnetIDs}, List{"clientSecurityGroupIds", c.ClientSecurityGroupIDs},
	}}
	for i, v := range c.FurtherVPCs {
		key := indexed("furtherVpcs", i, len(c.FurtherVPCs))
		vpcs = append(vpcs, VPC{
			v.VPCID, key + ".vpcId",
			List{key + ".subnetIds", v.SubnetIDs},
			List{key + ".clientSecurityGroupIds", v.ClientSecurityGroupIDs},
		})
	}
	return vpcs
}

// KafkaPort is the port of SASL/IAM over TLS, the only way into MSK Serverless (MSK guide, "Port information").
const KafkaPort = 9098

// A security group has at most 60 rules for each direction, IPv4 and IPv6 counted apart (Amazon VPC quotas); a rule for
// a security group counts for both. Two of the brokers' inbound rules admit the groups made here, and one admits the
// brokers' group itself if a client runs on Lambda. One of the collectors' outbound rules leads to the brokers.
const (
	maxRules       = 60
	maxEgressCIDRs = maxRules - 1
)

func (c Config) validateNetwork(ps *Problems) {
	if n := len(c.FurtherVPCs); n > maxFurtherVPCs {
		ps.Add("furtherVpcs", fmt.Sprint(n, " VPCs"), "list at most %d: a cluster can have endpoints in 5 VPCs",
			maxFurtherVPCs)
	}
	v4, v6 := validateCIDRs(ps, "clientCidrs", c.ClientCIDRs)
	for _, cidr := range c.ClientCIDRs {
		if strings.HasSuffix(cidr, "/0") {
			ps.Add("clientCidrs", cidr, "would admit every address: list your own networks")
		}
	}
	seen := map[string]string{}
	for i, v := range c.VPCs() {
		ps.match(v.IDKey, v.ID, vpcRule)
		if other, ok := seen[v.ID]; ok {
			ps.Add(v.IDKey, v.ID, "is %s already: list each VPC once", other)
		}
		seen[v.ID] = v.IDKey
		if len(v.Subnets.Names) < 2 {
			ps.Add(v.Subnets.Key, v.Subnets.Names, "list at least 2 subnets, in different Availability Zones")
		}
		ps.matchAll(v.Subnets.Key, v.Subnets.Names, subnetRule)
		ps.matchAll(v.ClientSGs.Key, v.ClientSGs.Names, securityGroupRule)
		c.validateIngress(ps, v, i == 0, max(v4, v6))
	}
	v4, v6 = validateCIDRs(ps, "collectorEgressCidrs", c.CollectorEgressCIDRs)
	if n := max(v4, v6); n > maxEgressCIDRs {
		ps.Add("collectorEgressCidrs", fmt.Sprint(n, " blocks"),
			"list at most %d blocks each of IPv4 and IPv6: a security group may have %d rules", maxEgressCIDRs, maxRules)
	}
}

// validateIngress checks how many rules the brokers' group of the VPC would have, with that many address blocks.
func (c Config) validateIngress(ps *Problems, v VPC, first bool, cidrs int) {
	room, groups := maxRules, len(v.ClientSGs.Names)
	if first {
		room -= 2
	}
	if slices.ContainsFunc(c.Clients(), Client.OnLambda) {
		room--
	}
	switch {
	case groups > room:
		ps.Add(v.ClientSGs.Key, fmt.Sprint(groups, " groups"), "list at most %d: a security group may have %d rules",
			room, maxRules)
	case groups+cidrs > room:
		ps.Add("clientCidrs", fmt.Sprint(cidrs, " blocks"), "list at most %d of IPv4 and of IPv6: a security group may have "+
			"%d rules, and %d groups are in %s", room-groups, maxRules, groups, v.ClientSGs.Key)
	case !first && groups+cidrs == 0:
		ps.Add(v.ClientSGs.Key, v.ClientSGs.Names, "list at least one security group, or set clientCidrs: otherwise nothing "+
			"in this VPC could reach the brokers")
	}
}

// validateCIDRs checks address blocks, and returns how many there are of IPv4 and of IPv6.
func validateCIDRs(ps *Problems, key string, cidrs []string) (v4, v6 int) {
	for i, cidr := range cidrs {
		prefix, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
			ps.Add(key, cidr, "must be an IPv4 or IPv6 CIDR block, such as 203.0.113.0/24")
		case prefix.Addr().Is4In6():
			ps.Add(key, cidr, "is an IPv4 block in IPv6 notation: write it in IPv4 notation")
		case prefix.Masked().String() != cidr:
			ps.Add(key, cidr, "write %s, which is how AWS stores it", prefix.Masked())
		case slices.Contains(cidrs[:i], cidr):
			ps.Add(key, cidr, "is listed twice; remove one")
		case prefix.Addr().Is4():
			v4++
		default:
			v6++
		}
	}
	return v4, v6
}

// ClusterPolicyServices are the services that clusterPolicyServices can name.
var ClusterPolicyServices = []string{"firehose", "replicator"}

func (c Config) validateClusterPolicy(ps *Problems) {
	for i, s := range c.ClusterPolicyServices {
		switch {
		case !slices.Contains(ClusterPolicyServices, s):
			ps.Add("clusterPolicyServices", s, "must be one of %s", strings.Join(ClusterPolicyServices, ", "))
		case slices.Contains(c.ClusterPolicyServices[:i], s):
			ps.Add("clusterPolicyServices", s, "is listed twice; remove one")
		}
	}
}
