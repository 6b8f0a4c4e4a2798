package main

import (
	"fmt"
	"net/url"
)

const (
	collectorRole = "crypto-stream-ap-south-1-collector"
	collectorCIDR = "203.0.113.0/24" // of collectorEgressCidrs
)

// byHand gives the collectors' role what the program doesn't define, and the brokers another rule; and describes a rule
// of the collectors otherwise.
func byHand() error {
	own, err := makePolicy("by-hand")
	if err != nil {
		return err
	}
	for _, values := range []url.Values{
		{"Action": {"AttachRolePolicy"}, "RoleName": {collectorRole}, "PolicyArn": {own}},
		{
			"Action": {"PutRolePolicy"}, "RoleName": {collectorRole}, "PolicyName": {"by-hand"},
			"PolicyDocument": {readObjects},
		},
		{
			"Action": {"UpdateAssumeRolePolicy"}, "RoleName": {collectorRole},
			"PolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":` +
				`"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
		},
		{"Action": {"UpdateRole"}, "RoleName": {collectorRole}, "Description": {"by hand"}, "MaxSessionDuration": {"7200"}},
		{"Action": {"DeleteRolePermissionsBoundary"}, "RoleName": {collectorRole}},
	} {
		values.Set("Version", "2010-05-08")
		if _, err := query("iam", values); err != nil {
			return err
		}
	}
	group, err := query("ec2", url.Values{
		"Action": {"DescribeSecurityGroups"}, "Version": {"2016-11-15"},
		"Filter.1.Name": {"group-name"}, "Filter.1.Value.1": {"crypto-stream-brokers*"},
	})
	if err != nil {
		return err
	}
	id := groupID.FindString(group)
	if id == "" {
		return fmt.Errorf("no brokers' group in %s", group)
	}
	_, err = query("ec2", url.Values{
		"Action": {"AuthorizeSecurityGroupIngress"}, "Version": {"2016-11-15"}, "GroupId": {id},
		"IpPermissions.1.IpProtocol": {"tcp"}, "IpPermissions.1.FromPort": {"22"}, "IpPermissions.1.ToPort": {"22"},
		"IpPermissions.1.IpRanges.1.CidrIp": {"10.0.0.0/8"},
	})
	if err != nil {
		return err
	}
	rule, err := findRule(collectorCIDR)
	if err != nil {
		return err
	}
	const changed = "SecurityGroupRule.1.SecurityGroupRule"
	_, err = query("ec2", url.Values{
		"Action": {"ModifySecurityGroupRules"}, "Version": {"2016-11-15"}, "GroupId": {rule.Group},
		changed + "Id": {rule.ID}, changed + ".CidrIpv4": {collectorCIDR}, changed + ".Description": {"by hand"},
		changed + ".IpProtocol": {"-1"}, changed + ".FromPort": {"-1"}, changed + ".ToPort": {"-1"},
	})
	return err
}
