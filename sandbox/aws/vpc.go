package aws

import (
	"errors"
	"fmt"
)

func getVPC(r *request) (object, error) {
	id := r.in.str("id")
	v := r.state.VPCs[id]
	if v == nil {
		return nil, errors.New("no matching EC2 VPC found")
	}
	return object{
		"id": id, "arn": r.arn("ec2", "vpc/"+id), "cidrBlock": v.CIDR, "cidrBlockAssociations": []any{}, "default": false,
		"dhcpOptionsId": "dopt-0a1b2c3d", "enableDnsHostnames": v.DNSHostnames, "enableDnsSupport": v.DNSSupport,
		"enableNetworkAddressUsageMetrics": false, "instanceTenancy": "default", "ipv6AssociationId": "",
		"ipv6CidrBlock": "", "mainRouteTableId": "rtb-0a1b2c3d4e5f60718", "ownerId": r.state.Account, "state": "available",
		"tags": map[string]any{},
	}, nil
}

func getSubnet(r *request) (object, error) {
	id := r.in.str("id")
	s := r.state.Subnets[id]
	if s == nil {
		return nil, errors.New("no matching EC2 Subnet found")
	}
	return object{
		"id": id, "arn": r.arn("ec2", "subnet/"+id), "vpcId": s.VPC, "availabilityZone": r.provider.region + s.Zone,
		"availabilityZoneId": r.provider.region + "-az" + fmt.Sprint(s.Zone[0]-'a'+1), "cidrBlock": s.CIDR,
		"assignIpv6AddressOnCreation": false, "availableIpAddressCount": 251.0, "customerOwnedIpv4Pool": "",
		"defaultForAz": false, "enableDns64": false, "enableLniAtDeviceIndex": 0.0,
		"enableResourceNameDnsARecordOnLaunch": false, "enableResourceNameDnsAaaaRecordOnLaunch": false,
		"ipv6CidrBlock": "", "ipv6CidrBlockAssociationId": "", "ipv6Native": false, "mapCustomerOwnedIpOnLaunch": false,
		"mapPublicIpOnLaunch": false, "outpostArn": "", "ownerId": r.state.Account,
		"privateDnsHostnameTypeOnLaunch": "ip-name", "state": "available", "tags": map[string]any{},
	}, nil
}

// VPC is a network.
type VPC struct {
	CIDR         string `json:"cidr"`
	DNSHostnames bool   `json:"dnsHostnames"`
	DNSSupport   bool   `json:"dnsSupport"`
}

// Subnet is part of a VPC in one zone: the zone's name is the region's followed by the letter.
type Subnet struct {
	VPC  string `json:"vpc"`
	Zone string `json:"zone"`
	CIDR string `json:"cidr"`
}

// Interface is a network interface of a workload, such as an EC2 instance.
type Interface struct {
	Subnet         string   `json:"subnet"`
	SecurityGroups []string `json:"securityGroups"`
}

// WithVPC adds a VPC with DNS on, and its subnets, in zones a, b, c and so on.
func WithVPC(id string, subnets ...string) Option {
	return func(s *State) {
		if s.VPCs[id] == nil {
			s.VPCs[id] = &VPC{CIDR: "10.0.0.0/16", DNSHostnames: true, DNSSupport: true}
		}
		for i, sub := range subnets {
			if s.Subnets[sub] == nil {
				s.Subnets[sub] = &Subnet{VPC: id, Zone: string(rune('a' + i%26)), CIDR: fmt.Sprintf("10.0.%d.0/24", i)}
			}
		}
	}
}
