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

// client returns the JSON of the client quant with the settings.
func client(settings string) string { return `{"quant":{` + settings + `}}` }

// clientNamed returns the JSON of one client with the name and good lists.
func clientNamed(name string) string { return `{"` + name + `":{"reads":["a."],"groups":["g"]}}` }

// runsOn returns the JSON of a client that runs on this.
func runsOn(what string) string { return client(`"writes":["a."],"runsOn":` + what) }

// podIdentity returns the JSON of a client that runs on pods with the settings.
func podIdentity(settings string) string { return runsOn(`{"podIdentity":{` + settings + `}}`) }

// furtherVPC returns the JSON of a further VPC with the settings and a client's group.
func furtherVPC(settings string) string {
	return `[{` + settings + `,"clientSecurityGroupIds":["sg-11111111"]}]`
}

const furtherSubnets = `"subnetIds":["subnet-11111111","subnet-22222222"]`

// irsa is the JSON of a service account.
const irsa = `{"providerArn":"` + OIDCProvider + `","namespace":"n","serviceAccount":"s"}`

// Bad breaks every rule: each limit just passed, wrong types, look-alike characters and injections.
var Bad = []BadCase{
	{"region missing", "aws:region", Unset, "", "name of a region"},
	{"region empty", "aws:region", "", "", "name of a region"},
	{"region is a zone", "aws:region", "ap-south-1a", "", "name of a region"},
	{"region in capitals", "aws:region", "AP-SOUTH-1", "", "name of a region"},
	{"region with a newline", "aws:region", "ap-south-1\n", "", `"ap-south-1\n"`},
	{"other provider setting", "aws:profile", "builder", "", "only aws:region is read"},
	{"default tags given to the provider", "aws:defaultTags", `{"tags":{"a":"b"}}`, "", "has no effect"},

	{"cluster name missing", "clusterName", Unset, "", "1 to 64 letters"},
	{"cluster name empty", "clusterName", "", "", "1 to 64 letters"},
	{"cluster name of 65", "clusterName", strings.Repeat("a", 65), "", "1 to 64 letters"},
	{"cluster name too long for its role", "clusterName", strings.Repeat("a", 44), "", "at most 43 characters"},
	{"cluster name begins with a hyphen", "clusterName", "-a", "", "must start with a letter or digit"},
	{"cluster name of a security group's id", "clusterName", "sg-md", "", "must not begin with sg-"},
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

	{"client block of all", "clientCidrs", `["0.0.0.0/0"]`, "", "every address"},
	{"client block of all IPv6", "clientCidrs", `["10.0.0.0/8","::/0"]`, "", "every address"},
	{"client block without a length", "clientCidrs", `["10.0.0.1"]`, "", "CIDR block"},
	{"client block with host bits", "clientCidrs", `["10.1.2.3/8"]`, "", "write 10.0.0.0/8"},
	{"client block twice", "clientCidrs", `["10.0.0.0/8","10.0.0.0/8"]`, "", "listed twice"},
	{"59 client blocks", "clientCidrs", ListOf(59, "10.0.%d.0/24"), "", "at most 58"},

	{
		"further VPC without subnets",
		"furtherVpcs",
		furtherVPC(`"vpcId":"vpc-11111111"`),
		"furtherVpcs.subnetIds",
		"at least 2",
	},
	{
		"further VPC is the first", "furtherVpcs", furtherVPC(`"vpcId":"vpc-0a1b2c3d4e5f60718",` + furtherSubnets),
		"furtherVpcs.vpcId", "is vpcId already",
	},
	{
		"further VPC without clients", "furtherVpcs", `[{"vpcId":"vpc-11111111",` + furtherSubnets + `}]`,
		"furtherVpcs.clientSecurityGroupIds", "nothing in this VPC could reach the brokers",
	},
	{
		"further VPC with an unknown field", "furtherVpcs", furtherVPC(`"id":"vpc-11111111"`),
		"furtherVpcs.id", "unknown setting; there are vpcId, subnetIds, clientSecurityGroupIds",
	},
	{"further VPC by its id", "furtherVpcs", `["vpc-11111111"]`, "", "must be a map with some of vpcId"},
	{"further VPCs null", "furtherVpcs", `null`, "", "must be a map"},
	{"5 further VPCs", "furtherVpcs", "[" + strings.Repeat("{},", 4) + "{}]", "", "at most 4"},
	{
		"further VPC twice", "furtherVpcs",
		`[{"vpcId":"vpc-11111111",` + furtherSubnets + `,"clientSecurityGroupIds":["sg-11111111"]},` +
			`{"vpcId":"vpc-11111111",` + furtherSubnets + `,"clientSecurityGroupIds":["sg-11111111"]}]`,
		"furtherVpcs[1].vpcId", "is furtherVpcs[0].vpcId already",
	},

	{"cluster policy of another service", "clusterPolicyServices", `["lambda"]`, "", "one of firehose, replicator"},
	{"cluster policy of all", "clusterPolicyServices", `["*"]`, "", "one of firehose, replicator"},
	{"cluster policy twice", "clusterPolicyServices", `["firehose","firehose"]`, "", "listed twice"},
	{"cluster policy as text", "clusterPolicyServices", `firehose`, "", "a list of strings"},
	{"observers as text", "observers", "yes", "", "true or false"},

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
	{"key by alias", "logKmsKeyArn", "arn:aws:kms:ap-south-1:111122223333:alias/logs", "", "an alias is not accepted"},
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
	{"role of a short account", "assumeRoleArn", "arn:aws:iam::11112222333:role/MSK-Builder", "", "the ARN of a role"},
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
	{"subscription", "alarmTopicArn", AlarmTopic + ":1234abcd-12ab-34cd-56ef-1234567890ab", "", "ARN of an SNS topic"},
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

	{"clients: list", "clients", `["quant"]`, "", "map from each name"},
	{"clients: text", "clients", `quant`, "", "map from each name"},
	{"clients: empty", "clients", ``, "", "map from each name"},
	{"clients: null", "clients", `null`, "", "map from each name"},
	{"clients: one a list", "clients", `{"quant":["a."]}`, "clients.quant", "must be a map with some of writes, reads"},
	{"clients: one null", "clients", `{"quant":null}`, "clients.quant", "must be a map"},
	{
		"clients: field misspelt", "clients",
		client(`"reads":["a."],"group":["g"]`),
		"clients.quant.group", "unknown setting",
	},
	{
		"clients: field in capitals", "clients",
		client(`"Reads":["a."],"groups":["g"]`),
		"clients.quant.Reads", "unknown setting",
	},
	{
		"clients: list null", "clients",
		client(`"reads":["a."],"groups":null`),
		"clients.quant.groups", "contains an empty value",
	},
	{
		"clients: entry null", "clients",
		client(`"reads":[null],"groups":["g"]`),
		"clients.quant.reads", "contains an empty value",
	},
	{
		"clients: entry a number", "clients",
		client(`"reads":["a."],"groups":[7]`),
		"clients.quant.groups", "quote numbers",
	},
	{"clients: list a string", "clients", client(`"writes":"a."`), "clients.quant.writes", "list of strings"},
	{"clients: no groups", "clients", client(`"reads":["a."]`), "clients.quant.groups", "at least one consumer group"},
	{"clients: no prefixes", "clients", client(`"reads":[],"groups":["g"]`), "clients.quant.reads", "or remove groups"},
	{
		"clients: writer without prefixes to read", "clients",
		client(`"writes":["a."],"groups":["g"]`),
		"clients.quant.reads", "or remove groups",
	},
	{"clients: nothing", "clients", client(``), "clients.quant", "must write or read something"},
	{
		"clients: only a role", "clients",
		client(`"runsOn":{"ecs":true}`),
		"clients.quant", "must write or read something",
	},
	{
		"clients: all topics", "clients",
		client(`"reads":["*"],"groups":["g"]`),
		"clients.quant.reads", "without a wildcard",
	},
	{"clients: internal topics", "clients", client(`"writes":["__"]`), "clients.quant.writes", "internal topics"},
	{
		"clients: internal topics of MSK Connect", "clients",
		client(`"reads":["__amazon_msk_connect_"],"groups":["g"]`),
		"clients.quant.reads", "internal topics",
	},
	{
		"clients: group with a variable", "clients",
		client(`"reads":["a."],"groups":["${aws:username}"]`),
		"clients.quant.groups", "exact name",
	},
	{
		"clients: group twice", "clients",
		client(`"reads":["a."],"groups":["g","g"]`),
		"clients.quant.groups", "listed twice",
	},
	{"clients: prefix twice", "clients", client(`"writes":["a.","a."]`), "clients.quant.writes", "listed twice"},

	{"clients: name empty", "clients", clientNamed(""), "", "1 to 40 small letters"},
	{"clients: name of 41", "clients", clientNamed(strings.Repeat("q", 41)), "", "1 to 40 small letters"},
	{"clients: name with a space", "clients", clientNamed("quant live"), "", "1 to 40 small letters"},
	{"clients: name with a dot", "clients", clientNamed("quant.live"), "", "1 to 40 small letters"},
	{"clients: name with colons", "clients", clientNamed("a::b"), "", "1 to 40 small letters"},
	{"clients: name with a star", "clients", clientNamed("*"), "", "1 to 40 small letters"},
	{"clients: name in capitals", "clients", clientNamed("Quant"), "", "1 to 40 small letters"},
	{"clients: name with a leading hyphen", "clients", clientNamed("-quant"), "", "start with a letter or digit"},
	{"clients: name with a Cyrillic a", "clients", clientNamed("quаnt"), "", "1 to 40 small letters"},
	{"clients: name of the collectors", "clients", clientNamed("collector"), "", "is reserved by the program"},
	{"clients: name of the producers' policy", "clients", clientNamed("producer"), "", "is reserved by the program"},
	{"clients: name of the shared consumers", "clients", clientNamed("consumer"), "", "is reserved by the program"},
	{"clients: name of the operators", "clients", clientNamed("operator"), "", "is reserved by the program"},
	{"clients: name of the observers", "clients", clientNamed("observer"), "", "is reserved by the program"},
	{
		"clients: name too long for its role", "clients",
		`{"` + strings.Repeat("q", 33) + `":{"writes":["a."],"runsOn":{"ecs":true}}}`, "", "must be shorter by 1",
	},
	{
		"clients: group of two", "clients",
		`{"a":{"reads":["a."],"groups":["g"]},"b":{"reads":["b."],"groups":["g"]}}`,
		"clients.b.groups", "already in clients.a.groups",
	},
	{
		"clients: group of the shared list", "clients",
		`{"a":{"reads":["a."],"groups":["team-quant"]}}`, "clients.a.groups", "already in consumerGroupNames",
	},

	{"runs on: a word", "clients", runsOn(`"ecs"`), "clients.quant.runsOn", "must be a map with some of ec2, ecs"},
	{"runs on: null", "clients", runsOn(`null`), "clients.quant.runsOn", "must be a map"},
	{"runs on: nothing", "clients", runsOn(`{}`), "clients.quant.runsOn", "name at least one of ec2, ecs, podIdentity"},
	{
		"runs on: unknown", "clients",
		runsOn(`{"fargate":true}`),
		"clients.quant.runsOn.fargate", "unknown setting; there are ec2",
	},
	{"runs on: not ECS", "clients", runsOn(`{"ecs":false}`), "clients.quant.runsOn.ecs", "must be true, or left out"},
	{
		"runs on: not EC2, but ECS", "clients",
		runsOn(`{"ec2":false,"ecs":true}`),
		"clients.quant.runsOn.ec2", "must be true, or left out",
	},
	{
		"runs on: Lambda as text", "clients",
		runsOn(`{"lambda":"true"}`),
		"clients.quant.runsOn.lambda", "must be true, or left out",
	},
	{
		"runs on: MSK Connect null", "clients",
		runsOn(`{"mskConnect":null}`),
		"clients.quant.runsOn.mskConnect", "contains an empty value",
	},
	{"runs on: ECS a map", "clients", runsOn(`{"ecs":{}}`), "clients.quant.runsOn.ecs", "must be true, or left out"},

	{
		"pods: true", "clients",
		runsOn(`{"podIdentity":true}`),
		"clients.quant.runsOn.podIdentity", "must be a map with some of cluster",
	},
	{
		"pods: none", "clients",
		runsOn(`{"podIdentity":[]}`),
		"clients.quant.runsOn.podIdentity", "at least one service account",
	},
	{"pods: null", "clients", runsOn(`{"podIdentity":null}`), "clients.quant.runsOn.podIdentity", "must be a map"},
	{
		"pods: cluster missing", "clients",
		podIdentity(`"namespace":"n","serviceAccount":"s"`),
		"clients.quant.runsOn.podIdentity.cluster", "name of an EKS cluster",
	},
	{
		"pods: cluster by ARN", "clients",
		podIdentity(`"cluster":"arn:aws:eks:ap-south-1:123456789012:cluster/c","namespace":"n","serviceAccount":"s"`),
		"clients.quant.runsOn.podIdentity.cluster", "not its ARN",
	},
	{
		"pods: any cluster", "clients",
		podIdentity(`"cluster":"*","namespace":"n","serviceAccount":"s"`),
		"clients.quant.runsOn.podIdentity.cluster", "name of an EKS cluster",
	},
	{
		"pods: namespace missing", "clients",
		podIdentity(`"cluster":"c","serviceAccount":"s"`),
		"clients.quant.runsOn.podIdentity.namespace", "Kubernetes namespace",
	},
	{
		"pods: any namespace", "clients",
		podIdentity(`"cluster":"c","namespace":"*","serviceAccount":"s"`),
		"clients.quant.runsOn.podIdentity.namespace", "without a wildcard",
	},
	{
		"pods: namespace a number", "clients",
		podIdentity(`"cluster":"c","namespace":7,"serviceAccount":"s"`),
		"clients.quant.runsOn.podIdentity.namespace", "quote numbers",
	},
	{
		"pods: service account in capitals", "clients",
		podIdentity(`"cluster":"c","namespace":"n","serviceAccount":"S"`),
		"clients.quant.runsOn.podIdentity.serviceAccount", "Kubernetes service account",
	},
	{
		"pods: service account with a variable", "clients",
		podIdentity(`"cluster":"c","namespace":"n","serviceAccount":"${aws:x}"`),
		"clients.quant.runsOn.podIdentity.serviceAccount", "without a wildcard",
	},
	{
		"pods: service account null", "clients",
		podIdentity(`"cluster":"c","namespace":"n","serviceAccount":null`),
		"clients.quant.runsOn.podIdentity.serviceAccount", "contains an empty value",
	},
	{
		"pods: field misspelt", "clients",
		podIdentity(`"cluster":"c","namespace":"n","serviceaccount":"s"`),
		"clients.quant.runsOn.podIdentity.serviceaccount", "unknown setting; there are cluster, namespace, serviceAccount",
	},
	{
		"pods: the second of two", "clients",
		runsOn(`{"podIdentity":[{"cluster":"c","namespace":"n","serviceAccount":"s"},` +
			`{"cluster":"c","namespace":"n"}]}`),
		"clients.quant.runsOn.podIdentity[1].serviceAccount", "Kubernetes service account",
	},
	{
		"pods: service account twice", "clients",
		runsOn(`{"podIdentity":[{"cluster":"c","namespace":"n","serviceAccount":"s"},` +
			`{"cluster":"c","namespace":"n","serviceAccount":"s"}]}`),
		"clients.quant.runsOn.podIdentity[1]", "already in clients.quant.runsOn.podIdentity[0]",
	},
	{
		"pods: service account of two clients", "clients",
		`{"a":{"writes":["a."],"runsOn":{"podIdentity":{"cluster":"c","namespace":"n","serviceAccount":"s"}}},` +
			`"b":{"writes":["b."],"runsOn":{"podIdentity":{"cluster":"c","namespace":"n","serviceAccount":"s"}}}}`,
		"clients.b.runsOn.podIdentity", "already in clients.a.runsOn.podIdentity",
	},

	{
		"IRSA: no provider", "clients",
		runsOn(`{"irsa":{"namespace":"n","serviceAccount":"s"}}`),
		"clients.quant.runsOn.irsa.providerArn", "OpenID Connect provider",
	},
	{"IRSA: none", "clients", runsOn(`{"irsa":[]}`), "clients.quant.runsOn.irsa", "at least one service account"},
	{
		"IRSA: issuer for provider", "clients",
		runsOn(`{"irsa":{"providerArn":"https://oidc.eks.ap-south-1.amazonaws.com/id/A","namespace":"n",` +
			`"serviceAccount":"s"}}`),
		"clients.quant.runsOn.irsa.providerArn", "OpenID Connect provider",
	},
	{
		"IRSA: any service account", "clients",
		runsOn(`{"irsa":{"providerArn":"` + OIDCProvider + `","namespace":"n","serviceAccount":"*"}}`),
		"clients.quant.runsOn.irsa.serviceAccount", "without a wildcard",
	},
	{
		"IRSA: service account of two clients", "clients",
		`{"a":{"writes":["a."],"runsOn":{"irsa":` + irsa + `}},"b":{"writes":["b."],"runsOn":{"irsa":` + irsa + `}}}`,
		"clients.b.runsOn.irsa", "already in clients.a.runsOn.irsa",
	},

	{
		"account: a string", "clients",
		runsOn(`{"account":"210987654321"}`),
		"clients.quant.runsOn.account", "must be a map with some of id",
	},
	{
		"account: id missing", "clients",
		runsOn(`{"account":{"externalId":"ab"}}`),
		"clients.quant.runsOn.account.id", "12 digits",
	},
	{
		"account: id a number", "clients",
		runsOn(`{"account":{"id":210987654321,"externalId":"ab"}}`),
		"clients.quant.runsOn.account.id", "quote numbers",
	},
	{
		"account: everyone in it", "clients",
		runsOn(`{"account":{"id":"210987654321"}}`),
		"clients.quant.runsOn.account", "everything in the account could assume the role",
	},
	{
		"account: external id of one character", "clients",
		runsOn(`{"account":{"id":"210987654321","externalId":"a"}}`),
		"clients.quant.runsOn.account.externalId", "2 to 1000",
	},
	{
		"account: external id with a star", "clients",
		runsOn(`{"account":{"id":"210987654321","externalId":"md-*"}}`),
		"clients.quant.runsOn.account.externalId", "2 to 1000",
	},
	{
		"account: role by name", "clients",
		runsOn(`{"account":{"id":"210987654321","roleArns":["reader"]}}`),
		"clients.quant.runsOn.account.roleArns", "the ARN of a role",
	},
	{
		"account: role of a third account", "clients",
		runsOn(`{"account":{"id":"210987654321","roleArns":["arn:aws:iam::111122223333:role/r"]}}`),
		"clients.quant.runsOn.account.roleArns", "a role of account 210987654321",
	},
	{
		"account: all roles", "clients",
		runsOn(`{"account":{"id":"210987654321","roleArns":["arn:aws:iam::210987654321:role/*"]}}`),
		"clients.quant.runsOn.account.roleArns", "the ARN of a role",
	},
	{
		"account: role twice", "clients",
		runsOn(`{"account":{"id":"210987654321",` +
			`"roleArns":["arn:aws:iam::210987654321:role/r","arn:aws:iam::210987654321:role/r"]}}`),
		"clients.quant.runsOn.account.roleArns", "listed twice",
	},

	{
		"policies: without a role", "clients",
		client(`"writes":["a."],"policyArns":["arn:aws:iam::aws:policy/ReadOnlyAccess"]`),
		"clients.quant.policyArns", "there is no role",
	},
	{
		"policies: by name", "clients",
		client(`"writes":["a."],"runsOn":{"ecs":true},"policyArns":["ReadOnlyAccess"]`),
		"clients.quant.policyArns", "ARN of a managed policy",
	},
	{
		"policies: twice", "clients",
		client(`"writes":["a."],"runsOn":{"ecs":true},` +
			`"policyArns":["arn:aws:iam::aws:policy/A","arn:aws:iam::aws:policy/A"]`),
		"clients.quant.policyArns", "listed twice",
	},
	{
		"policies: 9 of a writer", "clients",
		client(`"writes":["a."],"runsOn":{"ecs":true},"policyArns":` + ListOf(9, "arn:aws:iam::aws:policy/P%d")),
		"clients.quant.policyArns", "at most 8",
	},
	{
		"policies: 7 of a function", "clients",
		client(`"reads":["a."],"groups":["g"],"runsOn":{"lambda":true},"policyArns":` +
			ListOf(7, "arn:aws:iam::aws:policy/P%d")),
		"clients.quant.policyArns", "at most 6",
	},
}
