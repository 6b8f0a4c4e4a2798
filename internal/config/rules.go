package config

import (
	"fmt"
	"regexp"
	"slices"
)

// rule is the form that a value must have, and the words that ask for it.
type rule struct {
	form *regexp.Regexp
	want string
}

var (
	regionRule = rule{
		regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`),
		"must be the name of a region, such as ap-south-1",
	}
	// MSK API, CreateClusterV2: clusterName.
	clusterNameRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`),
		"must be 1 to 64 letters, digits and hyphens, and must start with a letter or digit",
	}
	vpcRule           = idRule("vpc", "a VPC")
	subnetRule        = idRule("subnet", "a subnet")
	securityGroupRule = idRule("sg", "a security group")
	// Kafka's legal topic names. None of these characters is special in an IAM resource.
	topicPrefixRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`),
		"must be 1 to 249 of the characters a-z A-Z 0-9 . _ - without a wildcard: " +
			"a prefix covers every topic that begins with it",
	}
	// Kafka accepts any group name. Here it becomes part of an IAM resource, where *, ? and ${ would widen it, and
	// of an alarm's query, where a quote would end the string.
	groupNameRule = rule{
		regexp.MustCompile(`^[!#-&()+.\-/0-9:;<=>@-\[\]-~]{1,255}$`),
		`must be the group's exact name: 1 to 255 ASCII characters without spaces, commas, quotes, \, *, ? or ${`,
	}
	// The client's name is part of its role's and its policy's names. IAM ignores case in names, so there is none here.
	clientNameRule = rule{
		regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`),
		"a client's name must be 1 to 40 small letters, digits and hyphens, and must start with a letter or digit",
	}
	// EKS API, CreateCluster: name.
	eksClusterRule = rule{
		regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`),
		"must be the name of an EKS cluster, not its ARN",
	}
	// Kubernetes documentation, "Object Names and IDs": a namespace is a DNS label, a service account a DNS subdomain.
	namespaceRule = rule{
		regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`),
		"must be the name of a Kubernetes namespace: 1 to 63 small letters, digits and hyphens, without a wildcard",
	}
	serviceAccountRule = rule{
		regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`),
		"must be the name of a Kubernetes service account: 1 to 253 small letters, digits, hyphens and dots, " +
			"without a wildcard",
	}
	oidcProviderRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):oidc-provider/([A-Za-z0-9][A-Za-z0-9._/-]{0,254})$`),
		"must be the ARN of the cluster's OpenID Connect provider in IAM, " +
			"arn:aws:iam::<account>:oidc-provider/oidc.eks.<region>.amazonaws.com/id/<id>",
	}
	// STS API, AssumeRole: ExternalId, which may be longer than anybody needs.
	externalIDRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,1000}$`),
		"must be 2 to 1000 letters, digits and _+=,.@:/-",
	}
	policyARNRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$`),
		"must be the ARN of a managed policy, arn:aws:iam::<account or aws>:policy/<name>",
	}
	// The feed's name is a dimension of its metric, and ends the name of its alarm.
	feedRule = rule{
		regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`),
		"a feed's name must be 1 to 64 of a-z A-Z 0-9 . _ - and must start with a letter or digit",
	}
	accountRule = rule{regexp.MustCompile(`^[0-9]{12}$`), "must be the account's 12 digits, in quotes"}
	// CloudWatch Logs API, AssociateKmsKey: an alias is not accepted.
	kmsKeyRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/` +
			`([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`),
		"must be the ARN of a key, arn:aws:kms:<region>:<account>:key/<id>; an alias is not accepted",
	}
	// Amazon SNS API, CreateTopic: Name. A FIFO topic's name ends in .fifo; messages to it need a group id (Publish:
	// MessageGroupId), and whether an alarm sets one is not documented.
	alarmTopicRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}$`),
		"must be the ARN of an SNS topic that is not FIFO, arn:aws:sns:<region>:<account>:<name>, or unset",
	}
	boundaryRule = rule{
		regexp.MustCompile(
			`^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([A-Za-z0-9_+=,.@-]+/)*)?[A-Za-z0-9_+=,.@-]{1,128}$`,
		),
		"must be a policy's ARN, the name of a policy in the deploying account, or none",
	}
	roleRule = rule{
		regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$`),
		"must be the ARN of a role, arn:aws:iam::<account>:role/<name>, or unset",
	}
	// The characters that every AWS service allows (AWS tagging limits).
	tagRule = rule{
		regexp.MustCompile(`^[\pL\pN\p{Zs}_.:/=+@-]{0,256}$`),
		"the value must be at most 256 letters, digits, spaces and _.:/=+-@",
	}
	tagKeyRule = rule{
		regexp.MustCompile(`^[\pL\pN\p{Zs}_.:/=+@-]{1,128}$`),
		"the key must be 1 to 128 letters, digits, spaces and _.:/=+-@, and must not begin with aws:",
	}
)

func idRule(prefix, what string) rule {
	return rule{
		regexp.MustCompile(`^` + prefix + `-([0-9a-f]{8}|[0-9a-f]{17})$`),
		fmt.Sprintf("must be the id of %s: %s- and 8 or 17 hex digits", what, prefix),
	}
}

// match reports whether value has the rule's form, and adds a problem if not.
func (ps *Problems) match(key, value string, r rule) bool {
	if !r.form.MatchString(value) {
		ps.Add(key, value, "%s", r.want)
		return false
	}
	return true
}

// matchAll applies the rule to each of values, which must be distinct.
func (ps *Problems) matchAll(key string, values []string, r rule) {
	for i, v := range values {
		if ps.match(key, v, r) && slices.Contains(values[:i], v) {
			ps.Add(key, v, "is listed twice; remove one")
		}
	}
}
