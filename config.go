package main

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Config is the configuration of one stack. A field's tag is its key: in the project's namespace, unless it names
// another. Pulumi.yaml declares the same keys, with the same types and defaults, to the CLI.
type Config struct {
	Region      string `json:"aws:region"`
	ClusterName string `json:"clusterName"`

	VPCID                  string   `json:"vpcId"`
	SubnetIDs              []string `json:"subnetIds"`
	ClientSecurityGroupIDs []string `json:"clientSecurityGroupIds"`
	CollectorEgressCIDRs   []string `json:"collectorEgressCidrs"`
	VerifyNetwork          bool     `json:"verifyNetwork"`

	ProducerTopicPrefixes []string `json:"producerTopicPrefixes"`
	ConsumerTopicPrefixes []string `json:"consumerTopicPrefixes"`
	ConsumerGroupNames    []string `json:"consumerGroupNames"`

	ConsumerTeams map[string]Team `json:"consumerTeams"`

	LogRetentionDays int    `json:"logRetentionDays"`
	LogKMSKeyARN     string `json:"logKmsKeyArn"`

	AlarmTopicARN         string `json:"alarmTopicArn"`
	MaxConsumerLag        int    `json:"maxConsumerLag"`
	MaxConsumerLagSeconds int    `json:"maxConsumerLagSeconds"`
	QuotaAlarmPercent     int    `json:"quotaAlarmPercent"`
	SilenceMinutes        int    `json:"silenceMinutes"`

	Tags                map[string]string `json:"tags"`
	AccessScope         string            `json:"accessScope"`
	PermissionsBoundary string            `json:"permissionsBoundary"`
	AssumeRoleARN       string            `json:"assumeRoleArn"`
	AllowedAccountIDs   []string          `json:"allowedAccountIds"`
	Protect             bool              `json:"protect"`
	Adopted             bool              `json:"adopted"`
}

// Team is what one team of consumers may read, and the groups it reads in.
type Team struct {
	TopicPrefixes []string `json:"topicPrefixes"`
	GroupNames    []string `json:"groupNames"`
}

// defaultConfig holds the settings that a stack need not make.
func defaultConfig() Config {
	return Config{
		CollectorEgressCIDRs:  []string{"0.0.0.0/0"},
		VerifyNetwork:         true,
		LogRetentionDays:      14,
		MaxConsumerLag:        100_000,
		MaxConsumerLagSeconds: 120,
		QuotaAlarmPercent:     80,
		SilenceMinutes:        5,
		AccessScope:           "team-x",
		PermissionsBoundary:   "MSK-Permission-Boundary",
		Protect:               true,
	}
}

// rule is the form that a value has to have, and the words that ask for it.
type rule struct {
	form *regexp.Regexp
	want string
}

var (
	regionRule = rule{
		regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`), "write a region's name, such as ap-south-1",
	}
	// MSK API, CreateClusterV2: clusterName.
	clusterNameRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`), "write 1 to 64 letters, digits and hyphens; the first is no hyphen",
	}
	vpcRule           = idRule("vpc", "a VPC")
	subnetRule        = idRule("subnet", "a subnet")
	securityGroupRule = idRule("sg", "a security group")
	// Kafka's legal topic names. No character of these is special in an IAM resource.
	topicPrefixRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`),
		"write 1 to 249 of the characters a-z A-Z 0-9 . _ - and no wildcard: every topic that begins so is meant",
	}
	// Kafka takes any group name; here it becomes part of an IAM resource, where *, ? and ${ would widen it, and of an
	// alarm's query, which quotes would end.
	groupNameRule = rule{
		regexp.MustCompile(`^[!#-&()+.\-/0-9:;<=>@-\[\]-~]{1,255}$`),
		`write 1 to 255 ASCII characters, the group's exact name, without spaces, commas, quotes, \, *, ? or ${`,
	}
	// The name ends the team's policy's, so it has a part of IAM's characters.
	teamRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,39}$`), "write a team's name of 1 to 40 letters, digits and hyphens; the first is no hyphen",
	}
	accountRule = rule{regexp.MustCompile(`^[0-9]{12}$`), "write the account's 12 digits, in quotes"}
	// CloudWatch Logs API, AssociateKmsKey: an alias is not accepted.
	kmsKeyRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`),
		"write the ARN of a key, arn:aws:kms:<region>:<account>:key/<id>; an alias is not accepted",
	}
	// Amazon SNS API, CreateTopic: Name. One that ends in .fifo is a FIFO topic's, which takes no message without a group
	// id (Publish: MessageGroupId), and CloudWatch's documentation knows of none that an alarm would give.
	alarmTopicRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}$`),
		"write the ARN of an SNS topic that is not FIFO, arn:aws:sns:<region>:<account>:<name>, or leave it unset",
	}
	boundaryRule = rule{
		regexp.MustCompile(`^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([A-Za-z0-9_+=,.@-]+/)*)?[A-Za-z0-9_+=,.@-]{1,128}$`),
		"write a policy's ARN, the name of a policy in the deploying account, or none",
	}
	roleRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$`),
		"write the ARN of a role, arn:aws:iam::<account>:role/<name>, or leave it unset",
	}
	// The characters that every service takes (AWS tagging limits).
	tagRule = regexp.MustCompile(`^[\pL\pN\p{Zs}_.:/=+@-]*$`)
)

func idRule(kind, what string) rule {
	return rule{
		regexp.MustCompile(`^` + kind + `-([0-9a-f]{8}|[0-9a-f]{17})$`),
		fmt.Sprintf("write the id of %s, %s- and 8 or 17 hex digits", what, kind),
	}
}

// match reports whether value has the rule's form; if not, that is a problem of key.
func (ps *problems) match(key, value string, r rule) bool {
	if !r.form.MatchString(value) {
		ps.add(key, value, "%s", r.want)
		return false
	}
	return true
}

// matchAll applies the rule to each of values, which must be distinct.
func (ps *problems) matchAll(key string, values []string, r rule) {
	for i, v := range values {
		if ps.match(key, v, r) && slices.Contains(values[:i], v) {
			ps.add(key, v, "listed twice; drop one")
		}
	}
}

// validate applies every rule that needs no look-up.
func (c Config) validate() problems {
	var ps problems
	ps.match("aws:region", c.Region, regionRule)
	c.validateClusterName(&ps)
	c.validateNetwork(&ps)
	validatePrefixes(&ps, "producerTopicPrefixes", c.ProducerTopicPrefixes)
	c.validateConsumers(&ps)
	c.validateLogging(&ps)
	c.validateAlarms(&ps)
	c.validateTags(&ps)
	c.validateIdentity(&ps)
	return ps
}

func (c Config) validateClusterName(ps *problems) {
	// A role's name takes 64 characters (IAM quotas), fewer than any other name that begins with the cluster's. An adopted
	// role has a name of its own.
	longest := c.iamName("collector")
	room := 64 - (len(longest) - len(c.ClusterName))
	if ps.match("clusterName", c.ClusterName, clusterNameRule) && len(c.ClusterName) > room && !c.Adopted {
		ps.add("clusterName", c.ClusterName, "write at most %d characters: IAM's limit for the role %q is 64", room, longest)
	}
}

// A security group takes 60 rules in a direction, for IPv4 and for IPv6 each (Amazon VPC quotas). Two of the brokers'
// inbound rules admit the groups made here; one of the collectors' outbound rules leads to the brokers.
const (
	maxClientGroups = 60 - 2
	maxEgressCIDRs  = 60 - 1
)

func (c Config) validateNetwork(ps *problems) {
	ps.match("vpcId", c.VPCID, vpcRule)
	if len(c.SubnetIDs) < 2 {
		ps.add("subnetIds", c.SubnetIDs, "list 2 or more subnets, in different Availability Zones")
	}
	ps.matchAll("subnetIds", c.SubnetIDs, subnetRule)
	ps.matchAll("clientSecurityGroupIds", c.ClientSecurityGroupIDs, securityGroupRule)
	if n := len(c.ClientSecurityGroupIDs); n > maxClientGroups {
		ps.add("clientSecurityGroupIds", fmt.Sprint(n, " groups"), "list at most %d: a security group has no more rules", maxClientGroups)
	}

	var v4, v6 int
	for i, cidr := range c.CollectorEgressCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
			ps.add("collectorEgressCidrs", cidr, "write an IPv4 or IPv6 CIDR block, such as 203.0.113.0/24")
		case prefix.Addr().Is4In6():
			ps.add("collectorEgressCidrs", cidr, "write the IPv4 block in IPv4's form")
		case prefix.Masked().String() != cidr:
			ps.add("collectorEgressCidrs", cidr, "write %s, as AWS keeps it", prefix.Masked())
		case slices.Contains(c.CollectorEgressCIDRs[:i], cidr):
			ps.add("collectorEgressCidrs", cidr, "listed twice; drop one")
		case prefix.Addr().Is4():
			v4++
		default:
			v6++
		}
	}
	if n := max(v4, v6); n > maxEgressCIDRs {
		ps.add("collectorEgressCidrs", fmt.Sprint(n, " blocks"), "list at most %d of IPv4 and of IPv6: a security group has no more rules", maxEgressCIDRs)
	}
}

func validatePrefixes(ps *problems, key string, prefixes []string) {
	if len(prefixes) == 0 {
		ps.add(key, prefixes, "list 1 or more topic prefixes, such as exchg.")
	}
	ps.matchAll(key, prefixes, topicPrefixRule)
	for _, p := range prefixes {
		if p == "_" || strings.HasPrefix(p, "__") {
			ps.add(key, p, "choose another: this reaches Kafka's internal topics, such as __consumer_offsets")
		}
	}
}

func validateGroups(ps *problems, key string, groups []string) {
	if len(groups) == 0 {
		ps.add(key, groups, "list 1 or more consumer groups, such as team-quant")
	}
	ps.matchAll(key, groups, groupNameRule)
	for _, g := range groups {
		if strings.Contains(g, "${") {
			ps.add(key, g, "%s", groupNameRule.want)
		}
	}
}

// validateConsumers checks the shared lists, which may both be empty where there are teams, and the teams.
func (c Config) validateConsumers(ps *problems) {
	switch {
	case c.sharesConsumers():
		validatePrefixes(ps, "consumerTopicPrefixes", c.ConsumerTopicPrefixes)
		validateGroups(ps, "consumerGroupNames", c.ConsumerGroupNames)
	case len(c.ConsumerTeams) == 0:
		ps.add("consumerTopicPrefixes", c.ConsumerTopicPrefixes, "list 1 or more topic prefixes, such as exchg., or name teams in consumerTeams")
		ps.add("consumerGroupNames", c.ConsumerGroupNames, "list 1 or more consumer groups, such as team-quant, or name teams in consumerTeams")
	}
	seen := map[string]string{}
	for _, name := range c.teamNames() {
		ps.match("consumerTeams", name, teamRule)
		if other, ok := seen[strings.ToLower(name)]; ok {
			ps.add("consumerTeams", name, "rename it or %s: IAM takes names that differ only by case for one", other)
		}
		seen[strings.ToLower(name)] = name
		prefixes, groups := c.teamLists(name)
		validatePrefixes(ps, prefixes.key, prefixes.names)
		validateGroups(ps, groups.key, groups.names)
	}
	c.validateClaims(ps)
}

// validateClaims finds groups that two lists hold: Kafka shares a topic's partitions out among a group's members, so each
// team would miss what the other gets.
func (c Config) validateClaims(ps *problems) {
	claimed := map[string]string{}
	for _, l := range c.groupLists() {
		for _, g := range l.names {
			if other, ok := claimed[g]; ok && other != l.key {
				ps.add(l.key, g, "choose another: %s has this group too, and each would take partitions from the other", other)
				continue
			}
			claimed[g] = l.key
		}
	}
}

// logRetentions are the days that CloudWatch Logs takes (PutRetentionPolicy); 0 stands for ever.
var logRetentions = []int{
	0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

func (c Config) validateLogging(ps *problems) {
	if !slices.Contains(logRetentions, c.LogRetentionDays) {
		ps.add("logRetentionDays", c.LogRetentionDays, "write one of %s, or 0 for ever", strings.Trim(fmt.Sprint(logRetentions[1:]), "[]"))
	}
	if c.LogKMSKeyARN == "" || !ps.match("logKmsKeyArn", c.LogKMSKeyARN, kmsKeyRule) {
		return
	}
	if region := kmsKeyRule.form.FindStringSubmatch(c.LogKMSKeyARN)[1]; region != c.Region {
		ps.add("logKmsKeyArn", c.LogKMSKeyARN, "name a key of %s, the log group's region; this one is in %s", c.Region, region)
	}
}

func (c Config) validateAlarms(ps *problems) {
	if c.AlarmTopicARN != "" && ps.match("alarmTopicArn", c.AlarmTopicARN, alarmTopicRule) {
		if region := alarmTopicRule.form.FindStringSubmatch(c.AlarmTopicARN)[1]; region != c.Region {
			ps.add("alarmTopicArn", c.AlarmTopicARN, "name a topic of %s, the alarms' region; this one is in %s", c.Region, region)
		}
	}
	if c.MaxConsumerLag < 1 {
		ps.add("maxConsumerLag", c.MaxConsumerLag, "write how many messages a group may be behind in a partition, 1 or more")
	}
	if c.MaxConsumerLagSeconds < 1 {
		ps.add("maxConsumerLagSeconds", c.MaxConsumerLagSeconds, "write how many seconds a group may be behind, 1 or more")
	}
	if c.QuotaAlarmPercent < 1 || c.QuotaAlarmPercent > 99 {
		ps.add("quotaAlarmPercent", c.QuotaAlarmPercent, "write 1 to 99: traffic is throttled at its quota, and never above it")
	}
	// An alarm on a Metrics Insights query looks back 3 hours (CloudWatch guide, "Metrics Insights quotas").
	if c.SilenceMinutes < 0 || c.SilenceMinutes > 180 {
		ps.add("silenceMinutes", c.SilenceMinutes, "write 1 to 180 minutes, as far back as CloudWatch looks, or 0 for no such alarm")
	}
}

// A resource takes 50 tags (AWS tagging limits); AccessScope is one of them.
const (
	accessScope = "AccessScope"
	maxTags     = 50 - 1
)

func (c Config) validateTags(ps *problems) {
	if n := len(c.Tags); n > maxTags {
		ps.add("tags", fmt.Sprint(n, " tags"), "set at most %d, beside %s", maxTags, accessScope)
	}
	seen := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
		tag, folded := map[string]string{k: c.Tags[k]}, strings.ToLower(k)
		if k == "" || utf8.RuneCountInString(k) > 128 || !tagRule.MatchString(k) || strings.HasPrefix(folded, "aws:") {
			ps.add("tags", tag, "write a key of 1 to 128 letters, digits, spaces and _.:/=+-@ that does not begin with aws:")
		}
		if strings.EqualFold(k, accessScope) {
			ps.add("tags", tag, "set accessScope instead, which this tag is made from")
		}
		if other, ok := seen[folded]; ok {
			ps.add("tags", tag, "drop it or %s: IAM takes keys that differ only by case for one", other)
		}
		seen[folded] = k
		validateTagValue(ps, "tags", tag, c.Tags[k])
	}
	if c.AccessScope == "" {
		ps.add("accessScope", c.AccessScope, "write the scope that your organisation's policies match")
	}
	validateTagValue(ps, "accessScope", c.AccessScope, c.AccessScope)
}

func validateTagValue(ps *problems, key string, shown any, value string) {
	if utf8.RuneCountInString(value) > 256 || !tagRule.MatchString(value) {
		ps.add(key, shown, "write a value of at most 256 letters, digits, spaces and _.:/=+-@")
	}
}

// noBoundary is the value of permissionsBoundary that stands for none.
const noBoundary = "none"

func (c Config) validateIdentity(ps *problems) {
	ps.match("permissionsBoundary", c.PermissionsBoundary, boundaryRule)
	if c.AssumeRoleARN != "" {
		ps.match("assumeRoleArn", c.AssumeRoleARN, roleRule)
	}
	ps.matchAll("allowedAccountIds", c.AllowedAccountIDs, accountRule)
}

// warnings tells what is legal but has a price.
func (c Config) warnings() []string {
	var ws []string
	for _, l := range c.groupLists() {
		for _, g := range l.names {
			if strings.Contains(g, ":") {
				ws = append(ws, fmt.Sprintf("%s: %q holds a colon, and for such a group AWS publishes no lag metrics; "+
					"choose a name without one to see its lag and be alarmed of it", l.key, g))
			}
		}
	}
	// CloudWatch guide, "Metrics Insights quotas".
	if n := len(c.alarms()); n > 200 {
		ws = append(ws, fmt.Sprintf("alarmTopicArn: these are %d alarms, and a region has 200 on Metrics Insights queries unless "+
			"AWS raises the quota", n))
	}
	return ws
}

// sharesConsumers reports whether there are lists, and so a policy, that all consumers share.
func (c Config) sharesConsumers() bool {
	return len(c.ConsumerTopicPrefixes)+len(c.ConsumerGroupNames) > 0
}

func (c Config) teamNames() []string { return slices.Sorted(maps.Keys(c.ConsumerTeams)) }

// list is configured names and the key that they are set by.
type list struct {
	key   string
	names []string
}

// sharedLists are what every consumer may read, and in which groups.
func (c Config) sharedLists() (prefixes, groups list) {
	return list{"consumerTopicPrefixes", c.ConsumerTopicPrefixes}, list{"consumerGroupNames", c.ConsumerGroupNames}
}

// teamLists are what the team may read, and in which groups.
func (c Config) teamLists(name string) (prefixes, groups list) {
	key, team := "consumerTeams."+name, c.ConsumerTeams[name]
	return list{key + ".topicPrefixes", team.TopicPrefixes}, list{key + ".groupNames", team.GroupNames}
}

// prefixLists are all lists of topic prefixes, and groupLists of consumer groups, in an order that is always the same.
func (c Config) prefixLists() []list {
	shared, _ := c.sharedLists()
	lists := []list{{"producerTopicPrefixes", c.ProducerTopicPrefixes}, shared}
	for _, name := range c.teamNames() {
		prefixes, _ := c.teamLists(name)
		lists = append(lists, prefixes)
	}
	return lists
}

func (c Config) groupLists() []list {
	_, shared := c.sharedLists()
	lists := []list{shared}
	for _, name := range c.teamNames() {
		_, groups := c.teamLists(name)
		lists = append(lists, groups)
	}
	return lists
}

// union is every name in the lists.
func union(lists []list) []string {
	var names []string
	for _, l := range lists {
		names = append(names, l.names...)
	}
	return names
}

// iamName is the physical name of a role, policy or instance profile. IAM is global to the account, so the name holds
// the region: the same cluster name in two regions must not collide.
func (c Config) iamName(what string) string {
	return c.ClusterName + "-" + c.Region + "-" + what
}
