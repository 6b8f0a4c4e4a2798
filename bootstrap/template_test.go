// Package bootstrap tests the CloudFormation template beside it: what it makes, and what its policies allow.
package bootstrap

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/iampolicy"
)

// template is a CloudFormation template whose functions are in their long form: {"Fn::Sub": …} for !Sub ….
type template struct {
	Parameters map[string]map[string]any `yaml:"Parameters"`
	Conditions map[string]any            `yaml:"Conditions"`
	Resources  map[string]map[string]any `yaml:"Resources"`
	Outputs    map[string]map[string]any `yaml:"Outputs"`
}

func readTemplate(t *testing.T) template {
	t.Helper()
	doc, err := os.ReadFile("stack.yaml")
	require.NoError(t, err)
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal(doc, &node))
	longForm(t, node.Content[0])
	var tmpl template
	require.NoError(t, node.Decode(&tmpl))
	return tmpl
}

// longForm rewrites CloudFormation's YAML tags.
func longForm(t *testing.T, node *yaml.Node) {
	t.Helper()
	for _, child := range node.Content {
		longForm(t, child)
	}
	function, ok := strings.CutPrefix(node.Tag, "!")
	if !ok || strings.HasPrefix(function, "!") {
		return
	}
	value := *node
	value.Tag = map[yaml.Kind]string{
		yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map",
	}[node.Kind]
	key := "Fn::" + function
	switch function {
	case "Ref", "Condition":
		key = function
	case "GetAtt":
		resource, attribute, ok := strings.Cut(value.Value, ".")
		require.True(t, ok, value.Value)
		value = yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Value: resource}, {Kind: yaml.ScalarNode, Value: attribute},
		}}
	}
	*node = yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: key}, &value}}
}

// account is where a template is deployed to.
type account struct{ id, partition, region string }

var mumbai = account{"123456789012", "aws", "ap-south-1"}

// deployed is a template with its functions evaluated: what CloudFormation would make. It fails the test at anything
// that it doesn't know.
type deployed struct {
	t *testing.T
	account
	template
	name       string         // of the CloudFormation stack
	parameters map[string]any // text, or a list
	Made       map[string]map[string]any
	Out        map[string]string
}

// deploy deploys the template as the CloudFormation stack.
func deploy(t *testing.T, where account, name string, parameters map[string]string) deployed {
	t.Helper()
	d := deployed{
		t: t, account: where, template: readTemplate(t), name: name, parameters: map[string]any{},
		Made: map[string]map[string]any{}, Out: map[string]string{},
	}
	for key := range parameters {
		require.Contains(t, d.Parameters, key)
	}
	for key, p := range d.Parameters {
		value, given := parameters[key]
		if !given {
			require.Contains(t, p, "Default", "%s is required", key)
			value = fmt.Sprint(p["Default"])
		}
		if pattern, ok := p["AllowedPattern"].(string); ok {
			require.Regexp(t, "^(?:"+pattern+")$", value, key)
		}
		d.parameters[key] = value
		if p["Type"] == "CommaDelimitedList" {
			d.parameters[key] = split(value, ",")
		}
	}
	for logical, r := range d.Resources {
		if d.applies(r) {
			d.Made[logical], _ = d.value(r["Properties"]).(map[string]any)
		}
	}
	for key, o := range d.Outputs {
		if d.applies(o) {
			d.Out[key] = d.value(o["Value"]).(string)
		}
	}
	return d
}

func (d deployed) applies(o map[string]any) bool {
	condition, ok := o["Condition"].(string)
	return !ok || d.condition(condition)
}

func (d deployed) condition(name string) bool {
	require.Contains(d.t, d.Conditions, name)
	return d.value(d.Conditions[name]).(bool)
}

// value evaluates the functions in v.
func (d deployed) value(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = d.value(v[i])
		}
		return list
	case map[string]any:
		for key, args := range v {
			if len(v) == 1 && (key == "Ref" || key == "Condition" || strings.HasPrefix(key, "Fn::")) {
				return d.call(key, args)
			}
		}
		object := map[string]any{}
		for key := range v {
			object[key] = d.value(v[key])
		}
		return object
	}
	return v
}

func (d deployed) call(function string, args any) any {
	if function == "Ref" {
		return d.ref(args.(string))
	}
	if function == "Condition" {
		if name, ok := args.(string); ok {
			return d.condition(name)
		}
		return map[string]any{"Condition": d.value(args)} // of a policy's statement
	}
	if function == "Fn::Sub" {
		return d.sub(args)
	}
	list := args.([]any)
	if function == "Fn::If" {
		if d.condition(list[0].(string)) {
			return d.value(list[1])
		}
		return d.value(list[2])
	}
	list = d.value(list).([]any)
	switch function {
	case "Fn::GetAtt":
		return d.attribute(list[0].(string), list[1].(string))
	case "Fn::Equals":
		return list[0] == list[1]
	case "Fn::Not":
		return !list[0].(bool)
	case "Fn::And":
		return list[0].(bool) && list[1].(bool)
	case "Fn::Join":
		var parts []string
		for _, part := range list[1].([]any) {
			parts = append(parts, part.(string))
		}
		return strings.Join(parts, list[0].(string))
	case "Fn::Split":
		return split(list[1].(string), list[0].(string))
	case "Fn::Select":
		i, err := strconv.Atoi(fmt.Sprint(list[0]))
		require.NoError(d.t, err)
		return list[1].([]any)[i]
	}
	require.FailNow(d.t, "unknown function", function)
	return nil
}

func split(s, separator string) []any {
	var list []any
	for part := range strings.SplitSeq(s, separator) {
		list = append(list, part)
	}
	return list
}

var variable = regexp.MustCompile(`\$\{([^}]+)\}`)

func (d deployed) sub(args any) string {
	own := map[string]any{}
	text, ok := args.(string)
	if !ok {
		text = args.([]any)[0].(string)
		own = d.value(args.([]any)[1]).(map[string]any)
	}
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		require.False(d.t, strings.HasPrefix(name, "!"), "a literal: %s", match)
		if value, ok := own[name]; ok {
			return value.(string)
		}
		if resource, attribute, ok := strings.Cut(name, "."); ok {
			return d.attribute(resource, attribute)
		}
		return d.ref(name).(string)
	})
}

// ref returns the value of a parameter or pseudo parameter, or what Ref of a resource returns.
func (d deployed) ref(name string) any {
	switch name {
	case "AWS::Partition":
		return d.partition
	case "AWS::AccountId":
		return d.id
	case "AWS::Region":
		return d.region
	}
	if value, ok := d.parameters[name]; ok {
		return value
	}
	switch d.Resources[name]["Type"] {
	case "AWS::KMS::Key":
		return "00000000-0000-0000-0000-00000000000" + strconv.Itoa(len(d.name)%10)
	case "AWS::S3::Bucket":
		return strings.ToLower(d.name + "-" + name + "-1a2b3c4d5e6f")
	case "AWS::IAM::Role":
		return d.property(name, "RoleName")
	case "AWS::IAM::ManagedPolicy", "AWS::IAM::OIDCProvider", "AWS::SNS::Topic":
		return d.attribute(name, "Arn")
	}
	require.FailNow(d.t, "unknown reference", name)
	return nil
}

// attribute returns what GetAtt returns.
func (d deployed) attribute(name, attribute string) string {
	require.Equal(d.t, "Arn", attribute)
	iam := "arn:" + d.partition + ":iam::" + d.id + ":"
	regional := func(service string) string {
		return "arn:" + d.partition + ":" + service + ":" + d.region + ":" + d.id + ":"
	}
	switch d.Resources[name]["Type"] {
	case "AWS::KMS::Key":
		return regional("kms") + "key/" + d.ref(name).(string)
	case "AWS::S3::Bucket":
		return "arn:" + d.partition + ":s3:::" + d.ref(name).(string)
	case "AWS::IAM::Role":
		return iam + "role" + d.property(name, "Path") + d.property(name, "RoleName")
	case "AWS::IAM::ManagedPolicy":
		if path := d.property(name, "Path"); path != "" {
			return iam + "policy" + path + d.name + "-" + name + "-1A2B3C4D5E6F"
		}
		return iam + "policy/" + d.property(name, "ManagedPolicyName")
	case "AWS::IAM::OIDCProvider":
		return iam + "oidc-provider/" + strings.TrimPrefix(d.property(name, "Url"), "https://")
	case "AWS::SNS::Topic":
		return regional("sns") + d.name + "-" + name
	case "AWS::Events::Rule":
		return regional("events") + "rule/" + d.name + "-" + name
	}
	require.FailNow(d.t, "unknown attribute", name)
	return ""
}

// property returns a property of a resource that doesn't depend on others, or an empty string.
func (d deployed) property(resource, key string) string {
	properties, _ := d.Resources[resource]["Properties"].(map[string]any)
	if _, ok := properties[key]; !ok {
		return ""
	}
	return d.value(properties[key]).(string)
}

// document returns a policy document of a resource that was made.
func (d deployed) document(resource, key string) string {
	require.Contains(d.t, d.Made, resource)
	require.Contains(d.t, d.Made[resource], key)
	return compact.JSON(d.Made[resource][key])
}

// policies returns the policies of a role: attached, attached by what is attached, and its own.
func (d deployed) policies(role string) []iampolicy.Policy {
	require.Contains(d.t, d.Made, role)
	arns := map[any]bool{}
	for _, arn := range d.Made[role]["ManagedPolicyArns"].([]any) {
		arns[arn] = true
	}
	var documents []string
	for logical, made := range d.Made {
		if d.Resources[logical]["Type"] != "AWS::IAM::ManagedPolicy" {
			continue
		}
		arn := d.attribute(logical, "Arn")
		attached := arns[arn]
		if roles, ok := made["Roles"].([]any); ok {
			for _, name := range roles {
				attached = attached || name == d.property(role, "RoleName")
			}
		}
		if attached {
			documents = append(documents, d.document(logical, "PolicyDocument"))
			delete(arns, arn)
		}
	}
	require.Empty(d.t, arns, "attached, and not made here")
	if own, ok := d.Made[role]["Policies"].([]any); ok {
		for _, p := range own {
			documents = append(documents, compact.JSON(p.(map[string]any)["PolicyDocument"]))
		}
	}
	var policies []iampolicy.Policy
	for _, doc := range documents {
		p, err := iampolicy.Parse(doc)
		require.NoError(d.t, err)
		policies = append(policies, p)
	}
	return policies
}

// with returns the parameters of a stack with changes.
func with(changes map[string]string) map[string]string {
	parameters := map[string]string{
		"Stack": "prod", "Cluster": "crypto-stream", "VpcIds": "vpc-0a1b2c3d4e5f60718",
		"Repository": "acme/market-data", "RepositoryOwnerId": "1001", "RepositoryId": "2002",
	}
	maps.Copy(parameters, changes)
	return parameters
}
