package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const project = "msk-serverless"

// validConfig is the least that a stack sets, by full key, as the CLI hands it over.
func validConfig() map[string]string {
	return map[string]string{
		"aws:region":                           "ap-south-1",
		"msk-serverless:clusterName":           "crypto-stream",
		"msk-serverless:vpcId":                 "vpc-0a1b2c3d4e5f60718",
		"msk-serverless:subnetIds":             `["subnet-0a1b2c3d4e5f6071a","subnet-0a1b2c3d4e5f6071b"]`,
		"msk-serverless:producerTopicPrefixes": `["exchg.","trades."]`,
		"msk-serverless:consumerTopicPrefixes": `["exchg."]`,
		"msk-serverless:consumerGroupNames":    `["team-quant","team-research"]`,
	}
}

// unset stands for a key that the stack does not set.
const unset = "\x00"

// with is the valid configuration with the settings changed, by their keys as Config spells them.
func with(changes map[string]string) map[string]string {
	values := validConfig()
	for key, value := range changes {
		full := key
		if !strings.Contains(key, ":") {
			full = project + ":" + key
		}
		if values[full] = value; value == unset {
			delete(values, full)
		}
	}
	return values
}

// listOf is a JSON list of n strings, each from its place.
func listOf(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(format, i)
	}
	return compactJSON(items)
}

func tagsOf(n int) string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint("tag", i)] = "v"
	}
	return compactJSON(tags)
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := parseConfig(project, validConfig())
	require.NoError(t, err)
	want := defaultConfig()
	want.Region, want.ClusterName, want.VPCID = "ap-south-1", "crypto-stream", "vpc-0a1b2c3d4e5f60718"
	want.SubnetIDs = []string{"subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"}
	want.ProducerTopicPrefixes, want.ConsumerTopicPrefixes = []string{"exchg.", "trades."}, []string{"exchg."}
	want.ConsumerGroupNames = []string{"team-quant", "team-research"}
	assert.Equal(t, want, cfg)
	assert.Equal(t, []string{"0.0.0.0/0"}, cfg.CollectorEgressCIDRs)
	assert.Equal(t, 14, cfg.LogRetentionDays)
	assert.True(t, cfg.Protect)
	assert.True(t, cfg.VerifyNetwork)
	assert.Empty(t, cfg.warnings())
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
		{"many subnets", "subnetIds", listOf(6, "subnet-0000000%d")},
		{"prefix of 249", "producerTopicPrefixes", `["` + strings.Repeat("a", 249) + `"]`},
		{"prefix with one leading underscore", "producerTopicPrefixes", `["_a"]`},
		{"prefix within a prefix", "producerTopicPrefixes", `["exchg.","exchg.binance."]`},
		{"group with a slash, a dollar and a colon", "consumerGroupNames", `["a/b$c:d","x$"]`},
		{"group of 255", "consumerGroupNames", `["` + strings.Repeat("g", 255) + `"]`},
		{"58 client groups", "clientSecurityGroupIds", listOf(58, "sg-000000%02x")},
		{"no egress besides the brokers", "collectorEgressCidrs", `[]`},
		{"IPv4 and IPv6", "collectorEgressCidrs", `["203.0.113.0/24","2001:db8::/32","::/0"]`},
		{
			"59 CIDRs each of IPv4 and IPv6", "collectorEgressCidrs",
			strings.Replace(listOf(59, "10.0.%d.0/24")+listOf(59, "2001:db8:1%02x::/48"), "][", ",", 1),
		},
		{"retention for ever", "logRetentionDays", "0"},
		{"longest retention", "logRetentionDays", "3653"},
		{"key", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
		{"multi-region key", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"},
		{"no key", "logKmsKeyArn", ""},
		{"49 tags", "tags", tagsOf(49)},
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
			_, err := parseConfig(project, with(map[string]string{c.key: c.value}))
			assert.NoError(t, err)
		})
	}
}

// badConfig is a configuration that is refused without asking AWS, and what its error says besides the key.
type badConfig struct{ name, key, value, want string }

// badConfigs holds every rule, each limit just passed, wrong types, look-alikes and injections.
var badConfigs = []badConfig{
	{"region missing", "aws:region", unset, "region's name"},
	{"region empty", "aws:region", "", "region's name"},
	{"region is a zone", "aws:region", "ap-south-1a", "region's name"},
	{"region in capitals", "aws:region", "AP-SOUTH-1", "region's name"},
	{"region with a newline", "aws:region", "ap-south-1\n", `"ap-south-1\n"`},
	{"other provider setting", "aws:profile", "builder", "not read"},
	{"default tags given to the provider", "aws:defaultTags", `{"tags":{"a":"b"}}`, "not read"},

	{"cluster name missing", "clusterName", unset, "1 to 64 letters"},
	{"cluster name empty", "clusterName", "", "1 to 64 letters"},
	{"cluster name of 65", "clusterName", strings.Repeat("a", 65), "1 to 64 letters"},
	{"cluster name too long for its role", "clusterName", strings.Repeat("a", 44), "at most 43 characters"},
	{"cluster name begins with a hyphen", "clusterName", "-a", "the first is no hyphen"},
	{"cluster name with a space", "clusterName", "crypto stream", "1 to 64 letters"},
	{"cluster name with an underscore", "clusterName", "crypto_stream", "1 to 64 letters"},
	{"cluster name with a slash and a star", "clusterName", "x/*", `"x/*"`},
	{"cluster name with a policy variable", "clusterName", "${aws:username}", "1 to 64 letters"},
	{"cluster name with a Cyrillic o", "clusterName", "crypto-strеam", "1 to 64 letters"},
	{"cluster name with a newline", "clusterName", "crypto\nstream", `"crypto\nstream"`},

	{"VPC missing", "vpcId", unset, "the id of a VPC"},
	{"VPC empty", "vpcId", "", "the id of a VPC"},
	{"VPC of 9 digits", "vpcId", "vpc-0a1b2c3d4", "8 or 17 hex digits"},
	{"VPC of 16 digits", "vpcId", "vpc-0a1b2c3d4e5f6071", "8 or 17 hex digits"},
	{"VPC of 18 digits", "vpcId", "vpc-0a1b2c3d4e5f607181", "8 or 17 hex digits"},
	{"VPC in capitals", "vpcId", "VPC-0A1B2C3D", "the id of a VPC"},
	{"VPC is a subnet", "vpcId", "subnet-0a1b2c3d", "the id of a VPC"},
	{"VPC with letters beyond f", "vpcId", "vpc-0abcdefg", "hex digits"},

	{"subnets missing", "subnetIds", unset, "2 or more subnets"},
	{"no subnet", "subnetIds", `[]`, "2 or more subnets"},
	{"one subnet", "subnetIds", `["subnet-0a1b2c3d"]`, "2 or more subnets"},
	{"subnets as text", "subnetIds", `subnet-0a1b2c3d`, "a list of strings"},
	{"subnets as numbers", "subnetIds", `[1,2]`, "a list of strings"},
	{"subnet null", "subnetIds", `["subnet-0a1b2c3d",null]`, "empty value"},
	{"subnet empty", "subnetIds", `["subnet-0a1b2c3d",""]`, "the id of a subnet"},
	{"subnet twice", "subnetIds", `["subnet-0a1b2c3d","subnet-0a1b2c3d"]`, "listed twice"},
	{"subnet is a VPC", "subnetIds", `["subnet-0a1b2c3d","vpc-0a1b2c3d"]`, `"vpc-0a1b2c3d"`},

	{"producers missing", "producerTopicPrefixes", unset, "1 or more topic prefixes"},
	{"no producer", "producerTopicPrefixes", `[]`, "1 or more topic prefixes"},
	{"producer empty", "producerTopicPrefixes", `[""]`, "1 to 249"},
	{"producer of everything", "producerTopicPrefixes", `["*"]`, "no wildcard"},
	{"producer with a star", "producerTopicPrefixes", `["exchg.*"]`, `"exchg.*"`},
	{"producer with a question mark", "producerTopicPrefixes", `["exchg?"]`, "no wildcard"},
	{"producer with a variable", "producerTopicPrefixes", `["${aws:username}"]`, "1 to 249"},
	{"producer with a slash", "producerTopicPrefixes", `["x/*"]`, "1 to 249"},
	{"producer with colons", "producerTopicPrefixes", `["exchg.binance.spot::trade"]`, "1 to 249"},
	{"producer of 250", "producerTopicPrefixes", `["` + strings.Repeat("a", 250) + `"]`, "1 to 249"},
	{"producer twice", "producerTopicPrefixes", `["exchg.","exchg."]`, "listed twice"},
	{"producer of all internal topics", "producerTopicPrefixes", `["_"]`, "internal topics"},
	{"producer of an internal topic", "producerTopicPrefixes", `["__consumer_offsets"]`, "internal topics"},
	{"producer with a full-width dot", "producerTopicPrefixes", `["exchg．"]`, "1 to 249"},
	{"producer with a newline", "producerTopicPrefixes", `["exchg.\n"]`, `"exchg.\n"`},
	{"producers as a map", "producerTopicPrefixes", `{"exchg.":true}`, "a list of strings"},
	{"producers cut off", "producerTopicPrefixes", `["exchg."`, "a list of strings"},
	{"producers twice over", "producerTopicPrefixes", `["exchg."]["trades."]`, "a list of strings"},

	{"consumer of everything", "consumerTopicPrefixes", `["*"]`, "no wildcard"},
	{"consumer of internal topics", "consumerTopicPrefixes", `["__"]`, "internal topics"},
	{"consumer of 250", "consumerTopicPrefixes", `["` + strings.Repeat("a", 250) + `"]`, "1 to 249"},
	{"consumer twice", "consumerTopicPrefixes", `["exchg.","trades.","exchg."]`, "listed twice"},

	{"group empty", "consumerGroupNames", `[""]`, "exact name"},
	{"group of 256", "consumerGroupNames", `["` + strings.Repeat("g", 256) + `"]`, "1 to 255"},
	{"group with a star", "consumerGroupNames", `["team-*"]`, `"team-*"`},
	{"group with a question mark", "consumerGroupNames", `["team-?"]`, "exact name"},
	{"group with a variable", "consumerGroupNames", `["${aws:username}"]`, "exact name"},
	{"group with a variable after a dollar", "consumerGroupNames", `["a$${aws:username}"]`, "exact name"},
	{"group with a space", "consumerGroupNames", `["team quant"]`, "without spaces"},
	{"group with a comma", "consumerGroupNames", `["team,quant"]`, "without spaces, commas"},
	{"group with a quote", "consumerGroupNames", `["team\"quant"]`, "exact name"},
	{"group with a newline", "consumerGroupNames", `["team-quant\n"]`, `"team-quant\n"`},
	{"group with a Cyrillic a", "consumerGroupNames", `["teаm-quant"]`, "ASCII"},
	{"group with a zero-width space", "consumerGroupNames", `["team-quant\u200b"]`, "ASCII"},
	{"group twice", "consumerGroupNames", `["team-quant","team-quant"]`, "listed twice"},

	{"59 client groups", "clientSecurityGroupIds", listOf(59, "sg-000000%02x"), "at most 58"},
	{"client group is a name", "clientSecurityGroupIds", `["default"]`, "the id of a security group"},
	{"client group twice", "clientSecurityGroupIds", `["sg-0a1b2c3d","sg-0a1b2c3d"]`, "listed twice"},

	{"egress without a length", "collectorEgressCidrs", `["10.0.0.1"]`, "CIDR block"},
	{"egress with host bits", "collectorEgressCidrs", `["10.1.2.3/8"]`, "write 10.0.0.0/8"},
	{"egress too long", "collectorEgressCidrs", `["10.0.0.0/33"]`, "CIDR block"},
	{"egress in capitals", "collectorEgressCidrs", `["2001:DB8::/32"]`, "write 2001:db8::/32"},
	{"egress of IPv4 in IPv6", "collectorEgressCidrs", `["::ffff:10.0.0.0/104"]`, "IPv4's form"},
	{"egress twice", "collectorEgressCidrs", `["10.0.0.0/8","10.0.0.0/8"]`, "listed twice"},
	{"60 egress blocks", "collectorEgressCidrs", listOf(60, "10.0.%d.0/24"), "at most 59"},

	{"retention 15", "logRetentionDays", "15", "14 30"},
	{"retention negative", "logRetentionDays", "-1", "or 0 for ever"},
	{"retention beyond the longest", "logRetentionDays", "3654", "3653"},
	{"retention a fraction", "logRetentionDays", "14.5", "a whole number"},
	{"retention as text", "logRetentionDays", "two weeks", "a whole number"},
	{"retention empty", "logRetentionDays", "", "a whole number"},

	{"key of another region", "logKmsKeyArn", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "a key of ap-south-1"},
	{"key by alias", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:alias/logs", "an alias is not accepted"},
	{"key by id", "logKmsKeyArn", "1234abcd-12ab-34cd-56ef-1234567890ab", "the ARN of a key"},
	{"key of all", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:key/*", "the ARN of a key"},

	{"50 tags", "tags", tagsOf(50), "at most 49"},
	{"tag of AWS", "tags", `{"aws:owner":"a"}`, "does not begin with aws:"},
	{"tag of AWS in capitals", "tags", `{"AWS:owner":"a"}`, "does not begin with aws:"},
	{"tag AccessScope", "tags", `{"AccessScope":"a"}`, "set accessScope instead"},
	{"tag AccessScope in small letters", "tags", `{"accessscope":"a"}`, "set accessScope instead"},
	{"tags that differ by case", "tags", `{"Env":"a","env":"b"}`, "differ only by case"},
	{"tag key empty", "tags", `{"":"a"}`, "1 to 128"},
	{"tag key of 129", "tags", `{"` + strings.Repeat("k", 129) + `":"a"}`, "1 to 128"},
	{"tag key with a star", "tags", `{"a*":"a"}`, "1 to 128"},
	{"tag value of 257", "tags", `{"a":"` + strings.Repeat("v", 257) + `"}`, "at most 256"},
	{"tag value with a newline", "tags", `{"a":"b\nc"}`, "at most 256"},
	{"tag value a number", "tags", `{"a":1}`, "quote numbers"},
	{"tag value null", "tags", `{"a":null}`, "empty value"},
	{"tags as a list", "tags", `["a"]`, "a map of strings"},

	{"scope empty", "accessScope", "", "your organisation's policies"},
	{"scope of 257", "accessScope", strings.Repeat("s", 257), "at most 256"},
	{"scope with a star", "accessScope", "team-*", "at most 256"},

	{"boundary empty", "permissionsBoundary", "", "or none"},
	{"boundary of 129", "permissionsBoundary", strings.Repeat("b", 129), "or none"},
	{"boundary is a role", "permissionsBoundary", "arn:aws:iam::111122223333:role/Boundary", "a policy's ARN"},
	{"boundary with a path and no account", "permissionsBoundary", "platform/Boundary", "a policy's ARN"},
	{"boundary of all", "permissionsBoundary", "arn:aws:iam::111122223333:policy/*", "a policy's ARN"},

	{"role by name", "assumeRoleArn", "MSK-Builder", "the ARN of a role"},
	{"role of a short account", "assumeRoleArn", "arn:aws:iam::11112222333:role/MSK-Builder", "the ARN of a role"},
	{"role is a user", "assumeRoleArn", "arn:aws:iam::111122223333:user/builder", "the ARN of a role"},

	{"account of 11 digits", "allowedAccountIds", `["11112222333"]`, "12 digits"},
	{"account a number", "allowedAccountIds", `[111122223333]`, "quote numbers"},
	{"account with hyphens", "allowedAccountIds", `["1111-2222-3333"]`, "12 digits"},
	{"account twice", "allowedAccountIds", `["111122223333","111122223333"]`, "listed twice"},

	{"protect as text", "protect", "yes", "true or false"},
	{"protect in capitals", "protect", "True", "true or false"},
	{"protect empty", "protect", "", "true or false"},
	{"verification as a number", "verifyNetwork", "1", "true or false"},

	{"key misspelt", "clusterNam", "crypto-stream", "did you mean clusterName?"},
	{"key in other letters", "VpcID", "vpc-0a1b2c3d", "did you mean vpcId?"},
	{"key of the Terraform stack", "pb_arn", "x", "no such setting"},
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range badConfigs {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseConfig(project, with(map[string]string{c.key: c.value}))
			require.Error(t, err)
			assert.Contains(t, err.Error(), "* "+c.key+": ", "the error names the key")
			assert.Contains(t, err.Error(), c.want)
			for line := range strings.Lines(err.Error()) {
				assert.LessOrEqual(t, strings.Count(line, "* "+c.key), 1, "a line a problem")
			}
		})
	}
}

func TestConfigReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	changes := map[string]string{
		"aws:region": "mumbai", "clusterName": "-", "vpcId": "default", "subnetIds": `["subnet-1"]`, "tags": "x",
		"producerTopicPrefixes": `["*","_"]`, "logRetentionDays": "15", "protectt": "false",
	}
	_, err := parseConfig(project, with(changes))
	require.Error(t, err)
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		assert.Contains(t, err.Error(), "* "+key+": ")
	}
	assert.Contains(t, err.Error(), "nothing was changed")
	_, again := parseConfig(project, with(changes))
	assert.Equal(t, err.Error(), again.Error(), "the same problems in the same order")
}

func TestConfigWarnsOfGroupsWithoutLag(t *testing.T) {
	t.Parallel()
	cfg, err := parseConfig(project, with(map[string]string{"consumerGroupNames": `["team:quant","team-research"]`}))
	require.NoError(t, err)
	require.Len(t, cfg.warnings(), 1)
	assert.Contains(t, cfg.warnings()[0], `consumerGroupNames: "team:quant"`)
}

func TestConfigIgnoresOtherNamespaces(t *testing.T) {
	t.Parallel()
	_, err := parseConfig(project, with(map[string]string{"pulumi:disable-default-providers": `["*"]`, "other:key": "x"}))
	assert.NoError(t, err)
}

func TestPolicySizes(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws-us-gov"}
	for _, c := range []struct{ name, key, value, want string }{
		{"60 long groups", "consumerGroupNames", listOf(60, strings.Repeat("g", 100)+"%d"), "60 entries"},
		{"40 long consumer prefixes", "consumerTopicPrefixes", listOf(40, strings.Repeat("p", 100)+"%d"), "40 entries"},
		{"40 long producer prefixes", "producerTopicPrefixes", listOf(40, strings.Repeat("p", 100)+"%d"), "IAM takes 6144"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := parseConfig(project, with(map[string]string{c.key: c.value}))
			require.NoError(t, err)
			var ps problems
			cfg.verifyPolicySizes(&ps, acct)
			require.Error(t, ps.err())
			assert.Contains(t, ps.Error(), c.key+": ")
			assert.Contains(t, ps.Error(), c.want)
		})
	}
}

// A list may grow until its policy has IAM's very last character, and no further.
func TestPolicySizeLimitIsExact(t *testing.T) {
	t.Parallel()
	acct := account{ID: "123456789012", Partition: "aws"}
	check := func(extra int) (size int, err error) {
		prefixes := []string{strings.Repeat("z", extra)}
		for i := range 50 {
			prefixes = append(prefixes, fmt.Sprintf("p%03d.", i))
		}
		cfg, err := parseConfig(project, with(map[string]string{"producerTopicPrefixes": compactJSON(prefixes)}))
		require.NoError(t, err)
		const longest = clusterARN("arn:aws:kafka:ap-south-1:123456789012:cluster/crypto-stream/00000000-0000-0000-0000-000000000000-s999")
		size = len(compactJSON(producerPolicy(longest, prefixes)))
		var ps problems
		cfg.verifyPolicySizes(&ps, acct)
		return size, ps.err()
	}
	size, err := check(1)
	require.NoError(t, err)
	room := maxPolicySize - size
	require.Less(t, room, 248, "the case is near the limit")
	_, err = check(1 + room)
	assert.NoError(t, err)
	_, err = check(1 + room + 1)
	assert.ErrorContains(t, err, "about 1 characters")
}
