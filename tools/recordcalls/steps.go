package main

import (
	"fmt"
	"net/url"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
)

// step is what is recorded together: the settings that change, what somebody does by hand, and a command.
type step struct {
	phase   string
	set     map[string]string
	byHand  func() error
	command []string
}

// everything returns every optional setting.
func everything(network, groups []string, key string) map[string]string {
	return map[string]string{
		"vpcId": network[0], "subnetIds": compact.JSON(network[1:]),
		"protect": "false",
		"tags":    `{"Project":"CryptoData","Env":"prod"}`, "accessScope": "team-x",
		"clientSecurityGroupIds": compact.JSON(groups[:1]),
		"collectorEgressCidrs":   `["203.0.113.0/24","2001:db8::/32"]`,
		"logKmsKeyArn":           key,
		"alarmTopicArn":          "arn:aws:sns:ap-south-1:123456789012:on-call",
		"clients":                `{"quant":{"reads":["exchg."],"groups":["quant-live"]}}`,
		"allowedAccountIds":      `["123456789012"]`,
	}
}

const collectorRole = "crypto-stream-ap-south-1-collector"

// steps are the life of a stack after `pulumi stack init`.
func steps(other, groups []string, key string) []step {
	up := []string{"up", "--stack=prod", "--yes", "--skip-preview"}
	preview := []string{"preview", "--stack=prod"}
	return []step{
		{phase: "preview", command: preview},
		{phase: "up", command: up},
		{phase: "preview", command: append(preview, "--refresh", "--expect-no-changes")},
		{phase: "update", set: map[string]string{
			"tags": `{"Env":"production","Team":"md"}`, "accessScope": "team-y",
			"clientSecurityGroupIds": compact.JSON(groups),
			"collectorEgressCidrs":   `["198.51.100.0/24","2001:db8::/32"]`,
			"logRetentionDays":       "0", "logKmsKeyArn": configtest.Unset,
			"maxConsumerLag": "5", "quotaAlarmPercent": "70", "silenceMinutes": "7",
			"producerTopicPrefixes": `["exchg.","trades.","ref."]`, "consumerTopicPrefixes": `["exchg.","ref."]`,
			"clients": `{"quant":{"reads":["exchg.","ref."],"groups":["quant-live","quant-2"]}}`,
		}, command: up},
		{phase: "update", set: map[string]string{
			"logRetentionDays": "30", "logKmsKeyArn": key, "clients": "{}",
			"permissionsBoundary": "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary",
			"consumerGroupNames":  `["team-quant"]`,
		}, command: up},
		{phase: "preview", byHand: byHand, command: append(preview, "--refresh")},
		{phase: "repair", command: append(up, "--refresh")},
		{phase: "refresh", command: []string{"refresh", "--stack=prod", "--yes", "--skip-preview"}},
		{phase: "replace", set: map[string]string{
			"vpcId": other[0], "subnetIds": compact.JSON(other[1:]), "clientSecurityGroupIds": "[]",
		}, command: up},
		{phase: "preview", command: []string{"destroy", "--stack=prod", "--preview-only"}},
		{phase: "destroy", command: []string{"destroy", "--stack=prod", "--yes", "--skip-preview"}},
	}
}

// byHand gives the collectors' role what the program doesn't define, and the brokers another rule.
func byHand() error {
	for _, values := range []url.Values{
		{
			"Action": {"AttachRolePolicy"}, "RoleName": {collectorRole},
			"PolicyArn": {"arn:aws:iam::aws:policy/ReadOnlyAccess"},
		},
		{
			"Action": {"PutRolePolicy"}, "RoleName": {collectorRole}, "PolicyName": {"by-hand"},
			"PolicyDocument": {`{"Version":"2012-10-17",` +
				`"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`},
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
	return err
}
