package main

import (
	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
)

// step is what is recorded together: the settings that change, what somebody does by hand, and a command.
type step struct {
	phase   string
	set     map[string]string
	byHand  func() error
	command []string
	exit    int // exit code that is expected
}

// given is what exists before the stack does.
type given struct {
	network, other, further []string // a VPC and its subnets, each
	groups, furtherGroups   []string // client security groups in the first VPC, and in the further one
	key                     string   // ARN of a KMS key
	archive                 string   // ARN of a policy that a client names
}

// everything returns every optional setting.
func (g given) everything() map[string]string {
	return map[string]string{
		"vpcId": g.network[0], "subnetIds": compact.JSON(g.network[1:]),
		"furtherVpcs": g.furtherVPC(g.furtherGroups[:1]), "clientCidrs": `["10.20.0.0/16","2001:db8:1::/48"]`,
		"protect": "false",
		"tags":    `{"Project":"CryptoData","Env":"prod"}`, "accessScope": "team-x",
		"clientSecurityGroupIds": compact.JSON(g.groups[:1]),
		"collectorEgressCidrs":   `["203.0.113.0/24","2001:db8::/32"]`,
		"clusterPolicyServices":  `["firehose"]`,
		"logKmsKeyArn":           g.key,
		"alarmTopicArn":          "arn:aws:sns:ap-south-1:123456789012:on-call",
		"topicEvents":            "all", "dashboard": "always", "feeds": `{"binance-spot":2,"okx-perp":5}`,
		"clients": g.clients("md-prod"), "observers": "true",
		"allowedAccountIds": `["123456789012"]`,
	}
}

func (g given) furtherVPC(groups []string) string {
	return compact.JSON([]map[string]any{
		{"vpcId": g.further[0], "subnetIds": g.further[1:], "clientSecurityGroupIds": groups},
	})
}

// clients returns a client of each kind; cluster is the EKS cluster of the one with a pod identity.
func (g given) clients(cluster string) string {
	return `{
		"quant": {"reads": ["exchg."], "groups": ["quant-live"]},
		"replayer": {"reads": ["exchg."], "writes": ["replay."], "groups": ["replayer"], "runsOn": {"ec2": true}},
		"okx-collector": {"writes": ["exchg.okx."], "runsOn": {"ecs": true}},
		"normalizer": {"reads": ["exchg."], "writes": ["normalized."], "groups": ["normalizer"], "runsOn":
			{"podIdentity": {"cluster": "` + cluster + `", "namespace": "streams", "serviceAccount": "normalizer"}}},
		"risk": {"reads": ["trades."], "groups": ["risk"], "runsOn": {"irsa":
			{"providerArn": "` + configtest.OIDCProvider + `", "namespace": "risk", "serviceAccount": "engine"}}},
		"alerts": {"reads": ["exchg."], "groups": ["alerts"], "runsOn": {"lambda": true}},
		"archive": {"reads": ["exchg."], "groups": ["connect-archive"], "runsOn": {"mskConnect": true},
			"policyArns": ["` + g.archive + `"]},
		"partner": {"reads": ["exchg.public."], "groups": ["partner"], "runsOn":
			{"account": {"id": "210987654321", "externalId": "md-partner"}}}}`
}

// steps returns the life of a stack after `pulumi stack init`.
func (g given) steps() []step {
	pulumi := func(args ...string) []string {
		return append([]string{"pulumi"}, append(args, "--stack=prod", "--non-interactive", "--color=never")...)
	}
	up := pulumi("up", "--yes", "--skip-preview")
	return []step{
		{phase: "preview", command: pulumi("preview")},
		{phase: "up", command: up},
		{phase: "preview", command: pulumi("preview", "--refresh", "--expect-no-changes")},
		{phase: "preview", command: []string{"mskctl", "drift", "prod"}},
		{phase: "update", set: map[string]string{
			"tags": `{"Env":"production","Team":"md"}`, "accessScope": "team-y",
			"clientSecurityGroupIds": compact.JSON(g.groups), "clientCidrs": `["10.30.0.0/16"]`,
			"furtherVpcs":          g.furtherVPC(g.furtherGroups),
			"collectorEgressCidrs": `["198.51.100.0/24","2001:db8::/32"]`,
			"logRetentionDays":     "0", "logKmsKeyArn": configtest.Unset,
			"maxConsumerLag": "5", "quotaAlarmPercent": "70", "silenceMinutes": "7", "lagAlarms": "perGroup",
			"feeds": `{"binance-spot":3}`, "topicEvents": "deleted", "clusterPolicyServices": `["firehose","replicator"]`,
			"producerTopicPrefixes": `["exchg.","trades.","ref."]`, "consumerTopicPrefixes": `["exchg.","ref."]`,
			"clients": g.clients("md-prod-2"),
		}, command: up},
		{phase: "update", set: map[string]string{
			"logRetentionDays": "30", "logKmsKeyArn": g.key, "clients": "{}", "consumerGroupNames": `["team-quant"]`,
			"permissionsBoundary": "arn:aws:iam::123456789012:policy/MSK-Permission-Boundary",
			"observers":           "false", "clientCidrs": "[]", "clusterPolicyServices": "[]",
			"topicEvents": "none", "dashboard": "never", "feeds": "{}", "lagAlarms": "all",
		}, command: up},
		{phase: "update", set: g.everything(), command: up},
		{phase: "preview", byHand: byHand, command: pulumi("preview", "--refresh")},
		{phase: "repair", command: append(up, "--refresh")},
		{phase: "refresh", command: pulumi("refresh", "--yes", "--skip-preview")},
		{phase: "init", command: pulumi("state", "delete", "--yes", "--target-dependents", clusterURN)},
		{phase: "preview", command: []string{"mskctl", "recover", "prod"}, exit: 10},
		{phase: "recover", command: []string{"mskctl", "recover", "prod", "--yes"}},
		{phase: "repair", byHand: deletePolicy, command: up},
		{phase: "replace", set: map[string]string{
			"vpcId": g.other[0], "subnetIds": compact.JSON(g.other[1:]), "clientSecurityGroupIds": "[]",
		}, command: up},
		{phase: "preview", command: pulumi("destroy", "--preview-only")},
		{phase: "destroy", command: pulumi("destroy", "--yes", "--skip-preview")},
	}
}

// What depends on the cluster goes from the state with it: almost everything.
const clusterURN = "urn:pulumi:prod::msk-serverless::aws:msk/serverlessCluster:ServerlessCluster::cluster"
