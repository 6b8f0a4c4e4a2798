package config

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := Parse(project.Name, configtest.Valid())
	require.NoError(t, err)
	want := Default()
	want.Region, want.ClusterName, want.VPCID = "ap-south-1", "crypto-stream", "vpc-0a1b2c3d4e5f60718"
	want.SubnetIDs = []string{"subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"}
	want.ProducerTopicPrefixes, want.ConsumerTopicPrefixes = []string{"exchg.", "trades."}, []string{"exchg."}
	want.ConsumerGroupNames = []string{"team-quant", "team-research"}
	assert.Equal(t, want, cfg)
	assert.Equal(t, []string{"0.0.0.0/0"}, cfg.CollectorEgressCIDRs)
	assert.Equal(t, 14, cfg.LogRetentionDays)
	assert.True(t, cfg.Protect)
	assert.True(t, cfg.VerifyNetwork)
	assert.Empty(t, cfg.Warnings())
}

func TestConfigAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, key, value string }{
		{"region of China", "aws:region", "cn-north-1"},
		{"region of the US government", "aws:region", "us-gov-west-1"},
		{"region of the European sovereign cloud", "aws:region", "eusc-de-east-1"},
		{"cluster name of one character", "clusterName", "7"},
		{"cluster name that just fits a role's", "clusterName", strings.Repeat("a", 43)},
		{"old ids", "vpcId", "vpc-0a1b2c3d"},
		{"many subnets", "subnetIds", configtest.ListOf(6, "subnet-0000000%d")},
		{"prefix of 249", "producerTopicPrefixes", `["` + strings.Repeat("a", 249) + `"]`},
		{"prefix with one leading underscore", "producerTopicPrefixes", `["_a"]`},
		{"prefix within a prefix", "producerTopicPrefixes", `["exchg.","exchg.binance."]`},
		{"group with a slash, a dollar and a colon", "consumerGroupNames", `["a/b$c:d","x$"]`},
		{"group of 255", "consumerGroupNames", `["` + strings.Repeat("g", 255) + `"]`},
		{"58 client groups", "clientSecurityGroupIds", configtest.ListOf(58, "sg-000000%02x")},
		{"56 client groups", "clientSecurityGroupIds", configtest.ListOf(56, "sg-000000%02x")},
		{"58 client blocks", "clientCidrs", configtest.ListOf(58, "10.0.%d.0/24")},
		{
			"4 further VPCs", "furtherVpcs",
			`[` + further("1") + `,` + further("2") + `,` + further("3") + `,` + further("4") + `]`,
		},
		{"both services", "clusterPolicyServices", `["replicator","firehose"]`},
		{"observers", "observers", "true"},
		{"no egress besides the brokers", "collectorEgressCidrs", `[]`},
		{"IPv4 and IPv6", "collectorEgressCidrs", `["203.0.113.0/24","2001:db8::/32","::/0"]`},
		{
			"59 CIDRs each of IPv4 and IPv6", "collectorEgressCidrs",
			strings.Replace(configtest.ListOf(59, "10.0.%d.0/24")+
				configtest.ListOf(59, "2001:db8:1%02x::/48"), "][", ",", 1),
		},
		{"retention for ever", "logRetentionDays", "0"},
		{"longest retention", "logRetentionDays", "3653"},
		{"key", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
		{
			"multi-region key", "logKmsKeyArn",
			"arn:aws:kms:ap-south-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
		},
		{"no key", "logKmsKeyArn", ""},
		{"48 tags", "tags", configtest.TagsOf(48)},
		{"longest tag", "tags", `{"` + strings.Repeat("é", 128) + `":"` + strings.Repeat("é", 256) + `"}`},
		{"tag's characters", "tags", `{"cost center":"a b_.:/=+-@1","empty":""}`},
		{"scope of 256", "accessScope", strings.Repeat("s", 256)},
		{"boundary by ARN", "permissionsBoundary", "arn:aws:iam::111122223333:policy/platform/Boundary"},
		{"boundary that AWS manages", "permissionsBoundary", "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"},
		{"boundary by name", "permissionsBoundary", strings.Repeat("b", 128)},
		{"no boundary", "permissionsBoundary", "none"},
		{"assumed role", "assumeRoleArn", "arn:aws:iam::111122223333:role/ci/MSK-Builder"},
		{"accounts", "allowedAccountIds", `["111122223333","000000000000"]`},
		{"protection off", "protect", "false"},
		{"network unverified", "verifyNetwork", "false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(project.Name, configtest.With(map[string]string{c.key: c.value}))
			assert.NoError(t, err)
		})
	}
}

// further returns the JSON of a further VPC.
func further(digit string) string {
	return strings.ReplaceAll(`{"vpcId":"vpc-0000000#","subnetIds":["subnet-000000a#","subnet-000000b#"],`+
		`"clientSecurityGroupIds":["sg-0000000#"]}`, "#", digit)
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range configtest.Bad {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(project.Name, c.Config())
			require.Error(t, err)
			assert.Contains(t, err.Error(), "* "+c.Problem()+": ", "the error names the key")
			assert.Contains(t, err.Error(), c.Want)
			for line := range strings.Lines(err.Error()) {
				assert.LessOrEqual(t, strings.Count(line, "* "+c.Problem()), 1, "one line for each problem")
			}
			_, again := Parse(project.Name, c.Config())
			assert.Equal(t, err.Error(), again.Error(), "the same problems in the same order")
		})
	}
}

func TestConfigReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	changes := map[string]string{
		"aws:region": "mumbai", "clusterName": "-", "vpcId": "default", "subnetIds": `["subnet-1"]`, "tags": "x",
		"producerTopicPrefixes": `["*","_"]`, "logRetentionDays": "15", "protectt": "false",
	}
	_, err := Parse(project.Name, configtest.With(changes))
	require.Error(t, err)
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		assert.Contains(t, err.Error(), "* "+key+": ")
	}
	assert.Contains(t, err.Error(), "nothing was changed")
	_, again := Parse(project.Name, configtest.With(changes))
	assert.Equal(t, err.Error(), again.Error(), "the same Problems in the same order")
}

func TestConfigWarnsOfGroupsWithoutLag(t *testing.T) {
	t.Parallel()
	cfg, err := Parse(project.Name,
		configtest.With(map[string]string{"consumerGroupNames": `["team:quant","team-research"]`}))
	require.NoError(t, err)
	require.Len(t, cfg.Warnings(), 1)
	assert.Contains(t, cfg.Warnings()[0], `consumerGroupNames: "team:quant"`)
}

func TestConfigWarnsOfRegionsWithoutServerless(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]int{"ap-south-1": 0, "eu-west-3": 0, "eu-south-1": 1, "cn-north-1": 1} {
		cfg, err := Parse(project.Name, configtest.With(map[string]string{"aws:region": region}))
		require.NoError(t, err)
		require.Len(t, cfg.Warnings(), want, region)
		if want > 0 {
			assert.Contains(t, cfg.Warnings()[0], `aws:region: "`+region+`"`)
		}
	}
}

func TestConfigLeavesPulumisNamespace(t *testing.T) {
	t.Parallel()
	_, err := Parse(project.Name, configtest.With(map[string]string{"pulumi:disable-default-providers": `["*"]`}))
	assert.NoError(t, err)
}

// An adopted role keeps its name, so the cluster's name may be longer than a new role's name would allow.
func TestAdoptedClusterNameMayBeLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("c", 64)
	_, err := Parse(project.Name, configtest.With(map[string]string{"clusterName": long}))
	assert.ErrorContains(t, err, `the role "`)
	_, err = Parse(project.Name, configtest.With(map[string]string{"clusterName": long, "adopted": "true"}))
	assert.NoError(t, err)
	_, err = Parse(project.Name, configtest.With(map[string]string{"clusterName": long + "c", "adopted": "true"}))
	assert.ErrorContains(t, err, "1 to 64")
}

func TestAlarmSettingsAccepted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value string }{
		{"alarmTopicArn", ""},
		{"alarmTopicArn", configtest.AlarmTopic},
		{"alarmTopicArn", "arn:aws:sns:ap-south-1:999988887777:" + strings.Repeat("t", 256)},
		{"maxConsumerLag", "1"},
		{"maxConsumerLagSeconds", "1"},
		{"quotaAlarmPercent", "1"},
		{"quotaAlarmPercent", "99"},
		{"silenceMinutes", "0"},
		{"silenceMinutes", "180"},
		{"lagAlarms", "perGroup"},
		{"topicEvents", "all"},
		{"topicEvents", "none"},
		{"dashboard", "always"},
		{"dashboard", "never"},
		{"feeds", `{"binance-spot":1,"okx.perp_2":1440}`},
		{"feeds", `{"` + strings.Repeat("f", 64) + `":2}`},
	} {
		_, err := Parse(project.Name, configtest.With(map[string]string{c.key: c.value}))
		assert.NoError(t, err, "%s: %s", c.key, c.value)
	}
}
