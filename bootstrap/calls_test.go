package bootstrap

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/cfn"
	"msk-serverless/internal/iampolicy"
)

// call is an AWS call of testdata/calls.jsonl, which tools/recordcalls writes.
type call struct {
	Phase, Service, Action, Path string
	Params                       map[string]any
}

func (c call) String() string { return c.Phase + ": " + c.Service + " " + c.Action + " " + c.name() }

// role returns the role that makes the call.
func (c call) role() string {
	if c.Phase == "preview" {
		return "PreviewRole"
	}
	return "DeployRole"
}

// recorded returns the calls of a stack's life: AWS calls that the code of the real AWS provider, the Pulumi CLI and
// mskctl made in front of an AWS emulator.
func recorded(t *testing.T) []call {
	t.Helper()
	doc, err := os.ReadFile("testdata/calls.jsonl")
	require.NoError(t, err)
	var calls []call
	for line := range strings.Lines(string(doc)) {
		var c call
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		calls = append(calls, c)
	}
	return calls
}

// text returns a parameter, or an empty string.
func (c call) text(key string) string {
	value, _ := c.Params[key].(string)
	return value
}

// list returns the parameters key, key.1, key.2… and key.member.1….
func (c call) list(key string) []string {
	var values []string
	for name, value := range c.Params {
		numbered := regexp.MustCompile(`^` + key + `(\.member)?(\.\d+)?$`).MatchString(name)
		switch value := value.(type) {
		case string:
			if numbered {
				values = append(values, value)
			}
		case []any:
			for _, v := range value {
				if s, ok := v.(string); ok && numbered {
					values = append(values, s)
				}
			}
		}
	}
	return values
}

// tags returns the tags of the request, in the form of any of AWS's protocols.
func (c call) tags() map[string]string {
	tags := map[string]string{}
	keyOf := regexp.MustCompile(`^(.*\bTags?(\.member)?\.\d+)\.Key$`)
	for name, value := range c.Params {
		if m := keyOf.FindStringSubmatch(name); m != nil {
			tags[value.(string)] = fmt.Sprint(c.Params[m[1]+".Value"])
		}
		switch value := value.(type) {
		case map[string]any: // {"key": "value"}
			if name == "tags" || name == "Tags" {
				for k, v := range value {
					tags[k] = v.(string)
				}
			}
		case []any: // [{"Key": "key", "Value": "value"}]
			for _, tag := range value {
				if pair, ok := tag.(map[string]any); ok {
					tags[fmt.Sprint(pair["Key"])] = fmt.Sprint(pair["Value"])
				}
			}
		}
	}
	return tags
}

// name returns what the call is about, for messages.
func (c call) name() string {
	for _, key := range []string{
		"RoleName", "PolicyArn", "PolicyName", "InstanceProfileName", "GroupId", "VpcId", "AlarmName", "logGroupName",
	} {
		if s := c.text(key); s != "" {
			return s
		}
	}
	return c.Path
}

// needs translates the call to what IAM decides: an action on each resource that is involved, with the condition keys
// that AWS sets (Service Authorization Reference). What the recording calls on is the stack's: it has the tag if its
// creation in the recording had it, which TestRecordedTags checks.
func (c call) needs(t *testing.T, d cfn.Deployed) []iampolicy.Request {
	t.Helper()
	switch c.Service {
	case "sts": // GetCallerIdentity needs no permission
		require.Equal(t, "GetCallerIdentity", c.Action)
		return nil
	case "ec2":
		return c.ec2()
	case "iam": // global: its calls are made in us-east-1
		requests := c.iam(d.Out["BoundaryArn"])
		for _, r := range requests {
			r.Context[iampolicy.RequestedRegion] = "us-east-1"
		}
		return requests
	case "events":
		return c.events(t)
	case "tagging":
		return []iampolicy.Request{ask("tag:"+c.Action, "*")}
	case "kafka":
		return c.kafka(t)
	case "logs":
		return c.logs()
	case "monitoring":
		return c.monitoring(t)
	case "s3":
		return c.s3(t, d)
	case "kms":
		return []iampolicy.Request{ask("kms:"+c.Action, d.Attribute("Key", "Arn"))}
	}
	require.FailNow(t, "unknown service", c.Service)
	return nil
}

// tagged adds the request's tags to the condition keys.
func (c call) tagged(r iampolicy.Request) iampolicy.Request {
	tags := c.tags()
	keys := c.list("TagKeys")
	keys = append(keys, c.list("tagKeys")...)
	for key, value := range tags {
		r.Context["aws:requesttag/"+strings.ToLower(key)] = value
		keys = append(keys, key)
	}
	r.Lists = map[string][]string{"aws:tagkeys": keys}
	return r
}

// ec2 adds ec2:CreateTags to a creation that sets tags: IAM decides it separately.
func (c call) ec2() []iampolicy.Request {
	action := "ec2:" + c.Action
	own := []string{inVPC, ownVPC, resource, "prod"}
	group := ec2ARN + "security-group/" + c.text("GroupId")
	const newGroup, rules = ec2ARN + "security-group/*", ec2ARN + "security-group-rule/*"
	withTags := func(created string, requests ...iampolicy.Request) []iampolicy.Request {
		if len(c.tags()) > 0 {
			requests = append(requests, c.tagged(ask("ec2:CreateTags", created, creating, c.Action, inVPC, ownVPC)))
		}
		return requests
	}
	switch {
	case strings.HasPrefix(c.Action, "Describe"):
		return []iampolicy.Request{ask(action, "*")}
	case c.Action == "CreateSecurityGroup":
		return withTags(newGroup, ask(action, ec2ARN+"vpc/"+c.text("VpcId")), c.tagged(ask(action, newGroup, inVPC, ownVPC)))
	case strings.HasPrefix(c.Action, "AuthorizeSecurityGroup"):
		return withTags(rules, c.tagged(ask(action, group, own...)), c.tagged(ask(action, rules)))
	case c.Action == "ModifySecurityGroupRules":
		return []iampolicy.Request{ask(action, group, own...), ask(action, rules, resource, "prod")}
	case c.Action == "CreateTags" || c.Action == "DeleteTags":
		var requests []iampolicy.Request
		for _, id := range c.list("ResourceId") {
			kind := map[string]string{"sg": "security-group/", "sgr": "security-group-rule/"}[id[:strings.Index(id, "-")]]
			requests = append(requests, c.tagged(ask(action, ec2ARN+kind+id, own...)))
		}
		return requests
	}
	return []iampolicy.Request{ask(action, group, own...)}
}

func (c call) iam(boundary string) []iampolicy.Request {
	action, path := "iam:"+c.Action, c.text("Path")
	if path == "" {
		path = "/"
	}
	role := iamARN + "role/" + c.text("RoleName")
	profile := iamARN + "instance-profile" + path + c.text("InstanceProfileName")
	policy := c.text("PolicyArn")
	if policy == "" {
		policy = iamARN + "policy" + path + c.text("PolicyName")
	}
	switch c.Action {
	case "ListInstanceProfiles", "ListPolicies", "ListRoles":
		return []iampolicy.Request{ask(action, "*")}
	case "CreateRole":
		return []iampolicy.Request{
			c.tagged(ask(action, role, bounded, c.text("PermissionsBoundary"))), c.tagged(ask("iam:TagRole", role)),
		}
	case "PutRolePermissionsBoundary":
		return []iampolicy.Request{ask(action, role, resource, "prod", bounded, c.text("PermissionsBoundary"))}
	case "AttachRolePolicy", "DetachRolePolicy", "DeleteRolePolicy":
		return []iampolicy.Request{ask(action, role, resource, "prod", bounded, boundary, policyIs, policy)}
	case "CreatePolicy":
		return []iampolicy.Request{c.tagged(ask(action, policy)), c.tagged(ask("iam:TagPolicy", policy))}
	case "CreateInstanceProfile":
		return []iampolicy.Request{c.tagged(ask(action, profile)), c.tagged(ask("iam:TagInstanceProfile", profile))}
	case "AddRoleToInstanceProfile":
		return []iampolicy.Request{
			ask(action, profile, resource, "prod"), ask("iam:PassRole", role, resource, "prod", passedTo, "ec2.amazonaws.com"),
		}
	}
	on := role
	switch {
	case strings.Contains(c.Action, "InstanceProfile") && c.text("InstanceProfileName") != "":
		on = profile
	case c.text("RoleName") == "":
		on = policy
	}
	if on == boundary {
		return []iampolicy.Request{ask(action, on)}
	}
	return []iampolicy.Request{c.tagged(ask(action, on, resource, "prod"))}
}

// kafkaPaths are the paths of the MSK API (MSK API reference).
var kafkaPaths = []struct{ method, path, action string }{
	{"POST", `^/api/v2/clusters$`, "CreateClusterV2"},
	{"GET", `^/api/v2/clusters$`, "ListClustersV2"},
	{"GET", `^/api/v2/clusters/[^/]+/.*$`, "DescribeClusterV2"},
	{"GET", `^/v1/clusters/.*/bootstrap-brokers$`, "GetBootstrapBrokers"},
	{"GET", `^/v1/clusters/.*/policy$`, "GetClusterPolicy"},
	{"PUT", `^/v1/clusters/.*/policy$`, "PutClusterPolicy"},
	{"DELETE", `^/v1/clusters/.*/policy$`, "DeleteClusterPolicy"},
	{"GET", `^/v1/clusters/.*$`, "DescribeCluster"},
	{"DELETE", `^/v1/clusters/.*$`, "DeleteCluster"},
	{"GET", `^/v1/tags/.*$`, "ListTagsForResource"},
	{"POST", `^/v1/tags/.*$`, "TagResource"},
	{"DELETE", `^/v1/tags/.*$`, "UntagResource"},
}

func (c call) kafka(t *testing.T) []iampolicy.Request {
	t.Helper()
	method, _, _ := strings.Cut(c.Action, " ")
	cluster := kafkaARN + "cluster/crypto-stream" + uuid
	for _, p := range kafkaPaths {
		if p.method != method || !regexp.MustCompile(p.path).MatchString(c.Path) {
			continue
		}
		switch p.action {
		case "CreateClusterV2":
			cluster = kafkaARN + "cluster/" + c.text("clusterName") + uuid
			return []iampolicy.Request{
				c.tagged(ask("kafka:CreateClusterV2", cluster)), c.tagged(ask("kafka:TagResource", cluster)),
			}
		case "GetBootstrapBrokers", "ListClustersV2":
			return []iampolicy.Request{ask("kafka:"+p.action, "*")}
		}
		require.Contains(t, c.Path, ":cluster/crypto-stream/")
		return []iampolicy.Request{c.tagged(ask("kafka:"+p.action, cluster, resource, "prod"))}
	}
	require.FailNow(t, "unknown path", "%s %s", method, c.Path)
	return nil
}

func (c call) logs() []iampolicy.Request {
	action := "logs:" + c.Action
	group := c.text("resourceArn")
	if name := c.text("logGroupName"); name != "" {
		group = logsARN + name
	}
	switch c.Action {
	case "DescribeLogGroups":
		return []iampolicy.Request{ask(action, "*")}
	case "CreateLogGroup":
		return []iampolicy.Request{c.tagged(ask(action, group)), c.tagged(ask("logs:TagResource", group))}
	}
	return []iampolicy.Request{c.tagged(ask(action, group, resource, "prod"))}
}

func (c call) events(t *testing.T) []iampolicy.Request {
	t.Helper()
	rule := c.text("ResourceARN")
	for _, key := range []string{"Name", "Rule"} {
		if name := c.text(key); name != "" {
			rule = eventRule + name
		}
	}
	require.NotEmpty(t, rule, c)
	requests := []iampolicy.Request{c.tagged(ask("events:"+c.Action, rule))}
	if c.Action == "PutRule" && len(c.tags()) > 0 {
		requests = append(requests, c.tagged(ask("events:TagResource", rule)))
	}
	return requests
}

func (c call) monitoring(t *testing.T) []iampolicy.Request {
	t.Helper()
	action := "cloudwatch:" + c.Action
	var on []string
	switch {
	case c.Action == "DescribeAlarms":
		return []iampolicy.Request{ask(action, "*")}
	case strings.Contains(c.Action, "Dashboard"):
		for _, name := range append(c.list("DashboardName"), c.list("DashboardNames")...) {
			on = append(on, dashboard+name)
		}
	case c.text("ResourceARN") != "":
		on = []string{c.text("ResourceARN")}
	default:
		for _, name := range append(c.list("AlarmName"), c.list("AlarmNames")...) {
			on = append(on, alarmARN+name)
		}
	}
	require.NotEmpty(t, on, c)
	var requests []iampolicy.Request
	for _, arn := range on {
		requests = append(requests, c.tagged(ask(action, arn)))
		if c.Action == "PutMetricAlarm" && len(c.tags()) > 0 {
			requests = append(requests, c.tagged(ask("cloudwatch:TagResource", arn)))
		}
	}
	return requests
}

// s3 adds the use of the key, because the bucket is encrypted with it. The emulator's bucket isn't.
func (c call) s3(t *testing.T, d cfn.Deployed) []iampolicy.Request {
	t.Helper()
	method, _, _ := strings.Cut(c.Action, " ")
	bucket, key := d.Attribute("StateBucket", "Arn"), d.Attribute("Key", "Arn")
	_, object, _ := strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	switch {
	case object == "" && method == "GET":
		return []iampolicy.Request{ask("s3:ListBucket", bucket)}
	case method == "GET" || method == "HEAD":
		return []iampolicy.Request{ask("s3:GetObject", bucket+"/"+object), ask("kms:Decrypt", key)}
	case method == "PUT":
		return []iampolicy.Request{ask("s3:PutObject", bucket+"/"+object), ask("kms:GenerateDataKey", key)}
	case method == "DELETE":
		return []iampolicy.Request{ask("s3:DeleteObject", bucket+"/"+object)}
	}
	require.FailNow(t, "unknown call", "%s", c)
	return nil
}
