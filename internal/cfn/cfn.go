// Package cfn evaluates CloudFormation templates in tests: what a template would make, with which policies. It knows as
// much of CloudFormation as bootstrap/stack.yaml uses, and fails the test at anything else.
package cfn

import (
	"fmt"
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

// Template is a CloudFormation template whose functions are in their long form: {"Fn::Sub": …} for !Sub ….
type Template struct {
	Parameters map[string]map[string]any `yaml:"Parameters"`
	Conditions map[string]any            `yaml:"Conditions"`
	Resources  map[string]map[string]any `yaml:"Resources"`
	Outputs    map[string]map[string]any `yaml:"Outputs"`
}

// Read reads a template.
func Read(t testing.TB, file string) Template {
	t.Helper()
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal(doc, &node))
	longForm(t, node.Content[0])
	var tmpl Template
	require.NoError(t, node.Decode(&tmpl))
	return tmpl
}

// longForm rewrites CloudFormation's YAML tags.
func longForm(t testing.TB, node *yaml.Node) {
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

// Account is where a template is deployed to.
type Account struct{ ID, Partition, Region string }

// Deployed is a template with its functions evaluated: what CloudFormation would make. It fails the test at anything
// that it doesn't know.
type Deployed struct {
	t testing.TB
	Account
	Template
	Name       string         // of the CloudFormation stack
	parameters map[string]any // text, or a list
	Made       map[string]map[string]any
	Out        map[string]string
}

// Deploy deploys the template as the CloudFormation stack.
func Deploy(t testing.TB, file string, where Account, name string, parameters map[string]string) Deployed {
	t.Helper()
	d := Deployed{
		t: t, Account: where, Template: Read(t, file), Name: name, parameters: map[string]any{},
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

func (d Deployed) applies(o map[string]any) bool {
	condition, ok := o["Condition"].(string)
	return !ok || d.condition(condition)
}

func (d Deployed) condition(name string) bool {
	require.Contains(d.t, d.Conditions, name)
	return d.value(d.Conditions[name]).(bool)
}

// value evaluates the functions in v.
func (d Deployed) value(v any) any {
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

func (d Deployed) call(function string, args any) any {
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
		return d.Attribute(list[0].(string), list[1].(string))
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

func (d Deployed) sub(args any) string {
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
			return d.Attribute(resource, attribute)
		}
		return d.ref(name).(string)
	})
}

// ref returns the value of a parameter or pseudo parameter, or what Ref of a resource returns.
func (d Deployed) ref(name string) any {
	switch name {
	case "AWS::Partition":
		return d.Partition
	case "AWS::AccountId":
		return d.ID
	case "AWS::Region":
		return d.Region
	}
	if value, ok := d.parameters[name]; ok {
		return value
	}
	switch d.Resources[name]["Type"] {
	case "AWS::KMS::Key":
		return "00000000-0000-0000-0000-00000000000" + strconv.Itoa(len(d.Name)%10)
	case "AWS::S3::Bucket":
		return strings.ToLower(d.Name + "-" + name + "-1a2b3c4d5e6f")
	case "AWS::IAM::Role":
		return d.Property(name, "RoleName")
	case "AWS::IAM::ManagedPolicy", "AWS::IAM::OIDCProvider", "AWS::SNS::Topic":
		return d.Attribute(name, "Arn")
	}
	require.FailNow(d.t, "unknown reference", name)
	return nil
}

// Attribute returns what GetAtt returns.
func (d Deployed) Attribute(name, attribute string) string {
	require.Equal(d.t, "Arn", attribute)
	iam := "arn:" + d.Partition + ":iam::" + d.ID + ":"
	regional := func(service string) string {
		return "arn:" + d.Partition + ":" + service + ":" + d.Region + ":" + d.ID + ":"
	}
	switch d.Resources[name]["Type"] {
	case "AWS::KMS::Key":
		return regional("kms") + "key/" + d.ref(name).(string)
	case "AWS::S3::Bucket":
		return "arn:" + d.Partition + ":s3:::" + d.ref(name).(string)
	case "AWS::IAM::Role":
		return iam + "role" + d.Property(name, "Path") + d.Property(name, "RoleName")
	case "AWS::IAM::ManagedPolicy":
		if path := d.Property(name, "Path"); path != "" {
			return iam + "policy" + path + d.Name + "-" + name + "-1A2B3C4D5E6F"
		}
		return iam + "policy/" + d.Property(name, "ManagedPolicyName")
	case "AWS::IAM::OIDCProvider":
		return iam + "oidc-provider/" + strings.TrimPrefix(d.Property(name, "Url"), "https://")
	case "AWS::SNS::Topic":
		return regional("sns") + d.Name + "-" + name
	case "AWS::Events::Rule":
		return regional("events") + "rule/" + d.Name + "-" + name
	}
	require.FailNow(d.t, "unknown attribute", name)
	return ""
}

// Property returns a property of a resource that doesn't depend on others, or an empty string.
func (d Deployed) Property(resource, key string) string {
	properties, _ := d.Resources[resource]["Properties"].(map[string]any)
	if _, ok := properties[key]; !ok {
		return ""
	}
	return d.value(properties[key]).(string)
}

// Document returns a policy document of a resource that was made.
func (d Deployed) Document(resource, key string) string {
	require.Contains(d.t, d.Made, resource)
	require.Contains(d.t, d.Made[resource], key)
	return compact.JSON(d.Made[resource][key])
}

// Policies returns the policies of a role: attached, attached by what is attached, and its own.
func (d Deployed) Policies(role string) []iampolicy.Policy {
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
		arn := d.Attribute(logical, "Arn")
		attached := arns[arn]
		if roles, ok := made["Roles"].([]any); ok {
			for _, name := range roles {
				attached = attached || name == d.Property(role, "RoleName")
			}
		}
		if attached {
			documents = append(documents, d.Document(logical, "PolicyDocument"))
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
