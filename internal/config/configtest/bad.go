package configtest

import "strings"

// BadCase is a configuration that is refused without asking AWS.
type BadCase struct {
	Name    string
	Setting string // the setting that is set to Value
	Value   string
	Key     string // the key that the error names, if it isn't Setting
	Want    string // part of the error
}

// Problem returns the key that the error names.
func (c BadCase) Problem() string {
	if c.Key != "" {
		return c.Key
	}
	return c.Setting
}

// Config returns the valid configuration with the case's setting.
func (c BadCase) Config() map[string]string { return With(map[string]string{c.Setting: c.Value}) }

// teamNamed returns the JSON of one team with the name and good lists.
func teamNamed(name string) string {
	return `{"` + name + `":{"topicPrefixes":["a."],"groupNames":["g"]}}`
}

// Bad breaks every rule: each limit just passed, wrong types, look-alike characters and injections.
var Bad = []BadCase{
	{"region missing", "aws:region", Unset, "", "name of a region"},
	{"region empty", "aws:region", "", "", "name of a region"},
	{"region is a zone", "aws:region", "ap-south-1a", "", "name of a region"},
	{"region in capitals", "aws:region", "AP-SOUTH-1", "", "name of a region"},
	{"region with a newline", "aws:region", "ap-south-1\n", "", `"ap-south-1\n"`},
	{"other provider setting", "aws:profile", "builder", "", "has no effect"},
	{"default tags given to the provider", "aws:defaultTags", `{"tags":{"a":"b"}}`, "", "has no effect"},

	{"cluster name missing", "clusterName", Unset, "", "1 to 64 letters"},
	{"cluster name empty", "clusterName", "", "", "1 to 64 letters"},
	{"cluster name of 65", "clusterName", strings.Repeat("a", 65), "", "1 to 64 letters"},
	{"cluster name too long for its role", "clusterName", strings.Repeat("a", 44), "", "at most 43 characters"},
	{"cluster name begins with a hyphen", "clusterName", "-a", "", "must start with a letter or digit"},
	{"cluster name with a space", "clusterName", "crypto stream", "", "1 to 64 letters"},
	{"cluster name with an underscore", "clusterName", "crypto_stream", "", "1 to 64 letters"},
	{"cluster name with a slash and a star", "clusterName", "x/*", "", `"x/*"`},
	{"cluster name with a policy variable", "clusterName", "${aws:username}", "", "1 to 64 letters"},
	{"cluster name with a Cyrillic o", "clusterName", "crypto-strеam", "", "1 to 64 letters"},
	{"cluster name with a newline", "clusterName", "crypto\nstream", "", `"crypto\nstream"`},

	{"VPC missing", "vpcId", Unset, "", "the id of a VPC"},
	{"VPC empty", "vpcId", "", "", "the id of a VPC"},
	{"VPC of 9 digits", "vpcId", "vpc-0a1b2c3d4", "", "8 or 17 hex digits"},
	{"VPC of 16 digits", "vpcId", "vpc-0a1b2c3d4e5f6071", "", "8 or 17 hex digits"},
	{"VPC of 18 digits", "vpcId", "vpc-0a1b2c3d4e5f607181", "", "8 or 17 hex digits"},
	{"VPC in capitals", "vpcId", "VPC-0A1B2C3D", "", "the id of a VPC"},
	{"VPC is a subnet", "vpcId", "subnet-0a1b2c3d", "", "the id of a VPC"},
	{"VPC with letters beyond f", "vpcId", "vpc-0abcdefg", "", "hex digits"},

	{"subnets missing", "subnetIds", Unset, "", "at least 2 subnets"},
	{"no subnet", "subnetIds", `[]`, "", "at least 2 subnets"},
	{"one subnet", "subnetIds", `["subnet-0a1b2c3d"]`, "", "at least 2 subnets"},
	{"subnets as text", "subnetIds", `subnet-0a1b2c3d`, "", "a list of strings"},
	{"subnets as numbers", "subnetIds", `[1,2]`, "", "a list of strings"},
	{"subnet null", "subnetIds", `["subnet-0a1b2c3d",null]`, "", "contains an empty value"},
	{"subnet empty", "subnetIds", `["subnet-0a1b2c3d",""]`, "", "the id of a subnet"},
	{"subnet twice", "subnetIds", `["subnet-0a1b2c3d","subnet-0a1b2c3d"]`, "", "listed twice"},
	{"subnet is a VPC", "subnetIds", `["subnet-0a1b2c3d","vpc-0a1b2c3d"]`, "", `"vpc-0a1b2c3d"`},

	{"producers missing", "producerTopicPrefixes", Unset, "", "at least one topic prefix"},
	{"no producer", "producerTopicPrefixes", `[]`, "", "at least one topic prefix"},
	{"producer empty", "producerTopicPrefixes", `[""]`, "", "1 to 249"},
	{"producer of everything", "producerTopicPrefixes", `["*"]`, "", "without a wildcard"},
	{"producer with a star", "producerTopicPrefixes", `["exchg.*"]`, "", `"exchg.*"`},
	{"producer with a question mark", "producerTopicPrefixes", `["exchg?"]`, "", "without a wildcard"},
	{"producer with a variable", "producerTopicPrefixes", `["${aws:username}"]`, "", "1 to 249"},
	{"producer with a slash", "producerTopicPrefixes", `["x/*"]`, "", "1 to 249"},
	{"producer with colons", "producerTopicPrefixes", `["exchg.binance.spot::trade"]`, "", "1 to 249"},
	{"producer of 250", "producerTopicPrefixes", `["` + strings.Repeat("a", 250) + `"]`, "", "1 to 249"},
	{"producer twice", "producerTopicPrefixes", `["exchg.","exchg."]`, "", "listed twice"},
	{"producer of all internal topics", "producerTopicPrefixes", `["_"]`, "", "internal topics"},
	{"producer of an internal topic", "producerTopicPrefixes", `["__consumer_offsets"]`, "", "internal topics"},
	{"producer with a full-width dot", "producerTopicPrefixes", `["exchg．"]`, "", "1 to 249"},
	{"producer with a newline", "producerTopicPrefixes", `["exchg.\n"]`, "", `"exchg.\n"`},
	{"producers as a map", "producerTopicPrefixes", `{"exchg.":true}`, "", "a list of strings"},
	{"producers cut off", "producerTopicPrefixes", `["exchg."`, "", "a list of strings"},
	{"producers twice over", "producerTopicPrefixes", `["exchg."]["trades."]`, "", "a list of strings"},

	{"consumer of everything", "consumerTopicPrefixes", `["*"]`, "", "without a wildcard"},
	{"consumer of internal topics", "consumerTopicPrefixes", `["__"]`, "", "internal topics"},
	{"consumer of 250", "consumerTopicPrefixes", `["` + strings.Repeat("a", 250) + `"]`, "", "1 to 249"},
	{"consumer twice", "consumerTopicPrefixes", `["exchg.","trades.","exchg."]`, "", "listed twice"},

	{"group empty", "consumerGroupNames", `[""]`, "", "exact name"},
	{"group of 256", "consumerGroupNames", `["` + strings.Repeat("g", 256) + `"]`, "", "1 to 255"},
	{"group with a star", "consumerGroupNames", `["team-*"]`, "", `"team-*"`},
	{"group with a question mark", "consumerGroupNames", `["team-?"]`, "", "exact name"},
	{"group with a variable", "consumerGroupNames", `["${aws:username}"]`, "", "exact name"},
	{"group with a variable after a dollar", "consumerGroupNames", `["a$${aws:username}"]`, "", "exact name"},
	{"group with a space", "consumerGroupNames", `["team quant"]`, "", "without spaces"},
	{"group with a comma", "consumerGroupNames", `["team,quant"]`, "", "without spaces, commas"},
	{"group with a quote", "consumerGroupNames", `["team\"quant"]`, "", "exact name"},
	{"group with a newline", "consumerGroupNames", `["team-quant\n"]`, "", `"team-quant\n"`},
	{"group with a Cyrillic a", "consumerGroupNames", `["teаm-quant"]`, "", "ASCII"},
	{"group with a zero-width space", "consumerGroupNames", `["team-quant\u200b"]`, "", "ASCII"},
	{"group twice", "consumerGroupNames", `["team-quant","team-quant"]`, "", "listed twice"},

	{"59 client groups", "clientSecurityGroupIds", ListOf(59, "sg-000000%02x"), "", "at most 58"},
	{"client group is a name", "clientSecurityGroupIds", `["default"]`, "", "the id of a security group"},
	{"client group twice", "clientSecurityGroupIds", `["sg-0a1b2c3d","sg-0a1b2c3d"]`, "", "listed twice"},

	{"egress without a length", "collectorEgressCidrs", `["10.0.0.1"]`, "", "CIDR block"},
	{"egress with host bits", "collectorEgressCidrs", `["10.1.2.3/8"]`, "", "write 10.0.0.0/8"},
	{"egress too long", "collectorEgressCidrs", `["10.0.0.0/33"]`, "", "CIDR block"},
	{"egress in capitals", "collectorEgressCidrs", `["2001:DB8::/32"]`, "", "write 2001:db8::/32"},
	{"egress of IPv4 in IPv6", "collectorEgressCidrs", `["::ffff:10.0.0.0/104"]`, "", "IPv4 notation"},
	{"egress twice", "collectorEgressCidrs", `["10.0.0.0/8","10.0.0.0/8"]`, "", "listed twice"},
	{"60 egress blocks", "collectorEgressCidrs", ListOf(60, "10.0.%d.0/24"), "", "at most 59"},
	{"60 egress blocks of IPv6", "collectorEgressCidrs", ListOf(60, "2001:db8:1%02x::/48"), "", "at most 59"},

	{"retention 15", "logRetentionDays", "15", "", "14 30"},
	{"retention negative", "logRetentionDays", "-1", "", "or 0 for ever"},
	{"retention beyond the longest", "logRetentionDays", "3654", "", "3653"},
	{"retention a fraction", "logRetentionDays", "14.5", "", "a whole number"},
	{"retention as text", "logRetentionDays", "two weeks", "", "a whole number"},
	{"retention empty", "logRetentionDays", "", "", "a whole number"},

	{
		"key of another region", "logKmsKeyArn",
		"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"", "must be in ap-south-1",
	},
	{
		"key by alias", "logKmsKeyArn",
		"arn:aws:kms:ap-south-1:111122223333:alias/logs",
		"", "an alias is not accepted",
	},
	{"key by id", "logKmsKeyArn", "1234abcd-12ab-34cd-56ef-1234567890ab", "", "the ARN of a key"},
	{"key of all", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:key/*", "", "the ARN of a key"},

	{"49 tags", "tags", TagsOf(49), "", "at most 48"},
	{"tag of AWS", "tags", `{"aws:owner":"a"}`, "", "must not begin with aws:"},
	{"tag of AWS in capitals", "tags", `{"AWS:owner":"a"}`, "", "must not begin with aws:"},
	{"tag AccessScope", "tags", `{"AccessScope":"a"}`, "", "set accessScope instead"},
	{"tag AccessScope in small letters", "tags", `{"accessscope":"a"}`, "", "set accessScope instead"},
	{"tag of the stack", "tags", `{"msk-serverless:stack":"prod"}`, "", "remove it"},
	{"tag of the stack in capitals", "tags", `{"MSK-Serverless:Stack":"prod"}`, "", "remove it"},
	{"tags that differ by case", "tags", `{"Env":"a","env":"b"}`, "", "by more than case"},
	{"tag key empty", "tags", `{"":"a"}`, "", "1 to 128"},
	{"tag key of 129", "tags", `{"` + strings.Repeat("k", 129) + `":"a"}`, "", "1 to 128"},
	{"tag key with a star", "tags", `{"a*":"a"}`, "", "1 to 128"},
	{"tag value of 257", "tags", `{"a":"` + strings.Repeat("v", 257) + `"}`, "", "at most 256"},
	{"tag value with a newline", "tags", `{"a":"b\nc"}`, "", "at most 256"},
	{"tag value a number", "tags", `{"a":1}`, "", "quote numbers"},
	{"tag value null", "tags", `{"a":null}`, "", "contains an empty value"},
	{"tags as a list", "tags", `["a"]`, "", "a map of strings"},

	{"scope of 257", "accessScope", strings.Repeat("s", 257), "", "at most 256"},
	{"scope with a star", "accessScope", "team-*", "", "at most 256"},

	{"boundary empty", "permissionsBoundary", "", "", "or none"},
	{"boundary of 129", "permissionsBoundary", strings.Repeat("b", 129), "", "or none"},
	{"boundary is a role", "permissionsBoundary", "arn:aws:iam::111122223333:role/Boundary", "", "a policy's ARN"},
	{"boundary with a path and no account", "permissionsBoundary", "platform/Boundary", "", "a policy's ARN"},
	{"boundary of all", "permissionsBoundary", "arn:aws:iam::111122223333:policy/*", "", "a policy's ARN"},

	{"role by name", "assumeRoleArn", "MSK-Builder", "", "the ARN of a role"},
	{
		"role of a short account", "assumeRoleArn",
		"arn:aws:iam::11112222333:role/MSK-Builder",
		"", "the ARN of a role",
	},
	{"role is a user", "assumeRoleArn", "arn:aws:iam::111122223333:user/builder", "", "the ARN of a role"},

	{"account of 11 digits", "allowedAccountIds", `["11112222333"]`, "", "12 digits"},
	{"account a number", "allowedAccountIds", `[111122223333]`, "", "quote numbers"},
	{"account with hyphens", "allowedAccountIds", `["1111-2222-3333"]`, "", "12 digits"},
	{"account twice", "allowedAccountIds", `["111122223333","111122223333"]`, "", "listed twice"},

	{"protect as text", "protect", "yes", "", "true or false"},
	{"protect in capitals", "protect", "True", "", "true or false"},
	{"protect empty", "protect", "", "", "true or false"},
	{"verification as a number", "verifyNetwork", "1", "", "true or false"},

	{"key misspelt", "clusterNam", "crypto-stream", "", "did you mean clusterName?"},
	{"key in other letters", "VpcID", "vpc-0a1b2c3d", "", "did you mean vpcId?"},
	{"namespace misspelt", "msk-severless:protect", "false", "", "did you mean msk-serverless:protect?"},
	{"namespace of another project", "kafka:alarmTopicArn", AlarmTopic, "", "did you mean msk-serverless:alarmTopicArn?"},
	{"namespace and key misspelt", "msk-severless:protct", "false", "", "did you mean protect?"},
	{"namespace unknown", "other:key", "x", "", "nothing reads this namespace"},
	{"key of the Terraform stack", "pb_arn", "x", "", "unknown setting"},

	{"no ARN", "alarmTopicArn", "on-call", "", "ARN of an SNS topic"},
	{"other service", "alarmTopicArn", "arn:aws:sqs:ap-south-1:111122223333:on-call", "", "ARN of an SNS topic"},
	{"FIFO topic", "alarmTopicArn", AlarmTopic + ".fifo", "", "not FIFO"},
	{
		"subscription", "alarmTopicArn",
		AlarmTopic + ":1234abcd-12ab-34cd-56ef-1234567890ab",
		"", "ARN of an SNS topic",
	},
	{"other region", "alarmTopicArn", "arn:aws:sns:us-east-1:111122223333:on-call", "", "is in us-east-1"},
	{
		"name too long", "alarmTopicArn",
		"arn:aws:sns:ap-south-1:111122223333:" + strings.Repeat("t", 257),
		"", "ARN of an SNS topic",
	},
	{"no lag at all", "maxConsumerLag", "0", "", "1 or more"},
	{"lag no number", "maxConsumerLag", "many", "", "whole number"},
	{"no time lag at all", "maxConsumerLagSeconds", "0", "", "1 or more"},
	{"nothing of the quota", "quotaAlarmPercent", "0", "", "1 to 99"},
	{"all of the quota", "quotaAlarmPercent", "100", "", "1 to 99"},
	{"percentage with a fraction", "quotaAlarmPercent", "79.5", "", "whole number"},
	{"negative silence", "silenceMinutes", "-1", "", "1 to 180"},
	{"longer than CloudWatch looks back", "silenceMinutes", "181", "", "1 to 180"},
	{"lag alarms of neither kind", "lagAlarms", "pergroup", "", "one of all, perGroup"},
	{"lag alarms empty", "lagAlarms", "", "", "one of all, perGroup"},
	{"topic events of no kind", "topicEvents", "created", "", "one of deleted, all, none"},
	{"dashboard as a boolean", "dashboard", "true", "", "one of withAlarms, always, never"},
	{"feeds as a list", "feeds", `["binance-spot"]`, "", "a map from names to whole numbers"},
	{"feed without minutes", "feeds", `{"binance-spot":null}`, "", "contains an empty value"},
	{"feed with text", "feeds", `{"binance-spot":"2"}`, "", "a map from names to whole numbers"},
	{"feed with a fraction", "feeds", `{"binance-spot":2.5}`, "", "a map from names to whole numbers"},
	{"feed of no minutes", "feeds", `{"binance-spot":0}`, "feeds.binance-spot", "1 to 1440"},
	{"feed of more than a day", "feeds", `{"binance-spot":1441}`, "feeds.binance-spot", "1 to 1440"},
	{"feed's name with a slash", "feeds", `{"binance/spot":2}`, "", "1 to 64 of"},
	{"feed's name empty", "feeds", `{"":2}`, "", "1 to 64 of"},
	{"feed's name of 65", "feeds", `{"` + strings.Repeat("f", 65) + `":2}`, "", "1 to 64 of"},
	{"group that would end a query's string", "consumerGroupNames", `["a' OR 'b"]`, "", "quotes"},
	{"group with an apostrophe", "consumerGroupNames", `["team's"]`, "", "quotes"},

	{"teams: list", "consumerTeams", `["quant"]`, "", "map from each team's name"},
	{"teams: text", "consumerTeams", `quant`, "", "map from each team's name"},
	{"teams: empty", "consumerTeams", ``, "", "map from each team's name"},
	{"teams: null", "consumerTeams", `null`, "", "map from each team's name"},
	{
		"teams: team a list", "consumerTeams",
		`{"quant":["a."]}`,
		"consumerTeams.quant", "topicPrefixes and groupNames",
	},
	{"teams: team null", "consumerTeams", `{"quant":null}`, "consumerTeams.quant", "topicPrefixes and groupNames"},
	{
		"teams: field misspelt", "consumerTeams",
		`{"quant":{"topicPrefixes":["a."],"groups":["g"]}}`,
		"consumerTeams.quant.groups", "unknown setting",
	},
	{
		"teams: field in other letters", "consumerTeams",
		`{"quant":{"topicprefixes":["a."],"groupNames":["g"]}}`,
		"consumerTeams.quant.topicprefixes", "unknown setting",
	},
	{
		"teams: list null", "consumerTeams",
		`{"quant":{"topicPrefixes":["a."],"groupNames":null}}`,
		"consumerTeams.quant.groupNames", "contains an empty value",
	},
	{
		"teams: entry null", "consumerTeams",
		`{"quant":{"topicPrefixes":[null],"groupNames":["g"]}}`,
		"consumerTeams.quant.topicPrefixes", "contains an empty value",
	},
	{
		"teams: entry a number", "consumerTeams",
		`{"quant":{"topicPrefixes":["a."],"groupNames":[7]}}`,
		"consumerTeams.quant.groupNames", "quote numbers",
	},
	{
		"teams: list a string", "consumerTeams",
		`{"quant":{"topicPrefixes":"a.","groupNames":["g"]}}`,
		"consumerTeams.quant.topicPrefixes", "list of strings",
	},
	{
		"teams: no groups", "consumerTeams",
		`{"quant":{"topicPrefixes":["a."]}}`,
		"consumerTeams.quant.groupNames", "at least one consumer group",
	},
	{
		"teams: no prefixes", "consumerTeams",
		`{"quant":{"topicPrefixes":[],"groupNames":["g"]}}`,
		"consumerTeams.quant.topicPrefixes", "at least one topic prefix",
	},
	{
		"teams: nothing", "consumerTeams",
		`{"quant":{}}`,
		"consumerTeams.quant.groupNames", "at least one consumer group",
	},
	{
		"teams: all topics", "consumerTeams",
		`{"quant":{"topicPrefixes":["*"],"groupNames":["g"]}}`,
		"consumerTeams.quant.topicPrefixes", "without a wildcard",
	},
	{
		"teams: internal topics", "consumerTeams",
		`{"quant":{"topicPrefixes":["__"],"groupNames":["g"]}}`,
		"consumerTeams.quant.topicPrefixes", "internal topics",
	},
	{
		"teams: group with a variable", "consumerTeams",
		`{"quant":{"topicPrefixes":["a."],"groupNames":["${aws:username}"]}}`,
		"consumerTeams.quant.groupNames", "exact name",
	},
	{
		"teams: group twice", "consumerTeams",
		`{"quant":{"topicPrefixes":["a."],"groupNames":["g","g"]}}`,
		"consumerTeams.quant.groupNames", "listed twice",
	},

	{"teams: name empty", "consumerTeams", teamNamed(""), "", "1 to 40 letters"},
	{"teams: name of 41", "consumerTeams", teamNamed(strings.Repeat("q", 41)), "", "1 to 40 letters"},
	{"teams: name with a space", "consumerTeams", teamNamed("quant live"), "", "1 to 40 letters"},
	{"teams: name with a dot", "consumerTeams", teamNamed("quant.live"), "", "1 to 40 letters"},
	{"teams: name with colons", "consumerTeams", teamNamed("a::b"), "", "1 to 40 letters"},
	{
		"teams: name with a leading hyphen", "consumerTeams",
		teamNamed("-quant"),
		"", "start with a letter or digit",
	},
	{"teams: name with a Cyrillic a", "consumerTeams", teamNamed("quаnt"), "", "1 to 40 letters"},
	{
		"teams: names that differ by case", "consumerTeams",
		`{"Quant":{"topicPrefixes":["a."],"groupNames":["g"]},"quant":{"topicPrefixes":["a."],"groupNames":["h"]}}`,
		"", "must differ from Quant",
	},
	{
		"teams: group of two teams", "consumerTeams",
		`{"a":{"topicPrefixes":["a."],"groupNames":["g"]},"b":{"topicPrefixes":["b."],"groupNames":["g"]}}`,
		"consumerTeams.b.groupNames", "already in consumerTeams.a.groupNames",
	},
	{
		"teams: group of the shared list", "consumerTeams",
		`{"a":{"topicPrefixes":["a."],"groupNames":["team-quant"]}}`,
		"consumerTeams.a.groupNames", "already in consumerGroupNames",
	},
}
