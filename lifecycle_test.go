package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/sandbox/aws"
)

// outputShapes are the outputs of a stack with shared lists of consumers and no teams.
var outputShapes = map[string]string{
	"region":                       `ap-south-1`,
	"bootstrapBrokersSaslIam":      `boot-[0-9a-f]+\.c[0-9]+\.kafka-serverless\.ap-south-1\.amazonaws\.com:9098`,
	"clusterArn":                   `arn:aws:kafka:ap-south-1:123456789012:cluster/crypto-stream/[0-9a-f-]{36}-s[0-9]+`,
	"clusterUuid":                  `[0-9a-f-]{36}-s[0-9]+`,
	"brokerSecurityGroupId":        `sg-[0-9a-f]{17}`,
	"collectorSecurityGroupId":     `sg-[0-9a-f]{17}`,
	"consumerSecurityGroupId":      `sg-[0-9a-f]{17}`,
	"collectorInstanceProfileName": `crypto-stream-ap-south-1-collector`,
	"collectorRoleArn":             `arn:aws:iam::123456789012:role/crypto-stream-ap-south-1-collector`,
	"producerPolicyArn":            `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-producer`,
	"consumerPolicyArn":            `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-consumer`,
	"operatorPolicyArn":            `arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-operator`,
	"operatorPolicyArns":           `\[arn:aws:iam::123456789012:policy/crypto-stream-ap-south-1-operator\]`,
	"producerTopicPrefixes":        `\[exchg\. trades\.\]`,
	"consumerTopicPrefixes":        `\[exchg\.\]`,
	"consumerGroupNames":           `\[team-quant team-research\]`,
	"consumerTeams":                `map\[\]`,
	"brokerLogGroupName":           `/aws/msk/crypto-stream/broker`,
	"consumerTeamPolicyArns":       `map\[\]`,
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	s := newStack(t, with(map[string]string{"protect": "false"}))

	steps, refusals := s.plan(t)
	assert.Empty(t, refusals)
	assert.Contains(t, steps, "create msk/serverlessCluster cluster")
	assert.Empty(t, s.changes(), "a preview changes nothing")

	s.up(t)
	outputs := s.outputs(t)
	for name, shape := range outputShapes {
		assert.Regexp(t, regexp.MustCompile("^"+shape+"$"), fmt.Sprint(outputs[name]), name)
	}
	assert.Len(t, outputs, len(outputShapes))

	s.cloud.ResetCalls()
	s.ok(t, "up", "--yes", "--skip-preview", "--expect-no-changes")
	s.ok(t, "preview", "--refresh", "--expect-no-changes")
	assert.Empty(t, s.changes(), "with nothing changed, nothing is")

	s.ok(t, "destroy", "--yes")
	assert.Empty(t, s.cloud.Changed(), "AWS is as it was at the start")
}

// The same program runs inline, where no file tells the CLI of its settings.
func TestLifecycleInline(t *testing.T) {
	t.Parallel()
	project := newStack(t, with(nil))
	env := map[string]string{}
	for _, kv := range project.env {
		if k, v, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "PULUMI_") || k == "PATH" {
			env[k] = v
		}
	}
	ctx := t.Context()
	s, err := auto.UpsertStackInlineSource(ctx, "inline", "msk-serverless", deploy, auto.EnvVars(env), auto.PulumiHome(env["PULUMI_HOME"]))
	require.NoError(t, err)
	for key, value := range with(map[string]string{"protect": "false"}) {
		require.NoError(t, s.SetConfig(ctx, key, auto.ConfigValue{Value: value}))
	}
	preview, err := s.Preview(ctx, optpreview.Diff())
	require.NoError(t, err)
	assert.Empty(t, project.changes())
	up, err := s.Up(ctx)
	require.NoError(t, err)
	assert.Equal(t, preview.ChangeSummary[apitype.OpCreate], (*up.Summary.ResourceChanges)["create"], "what was previewed is done")
	assert.Regexp(t, outputShapes["clusterArn"], up.Outputs["clusterArn"].Value)
	_, err = s.Up(ctx, optup.ExpectNoChanges())
	require.NoError(t, err)
	_, err = s.Destroy(context.WithoutCancel(ctx))
	require.NoError(t, err)
	assert.Empty(t, project.cloud.Changed())
}

// What the environments' own files describe can be deployed.
func TestCommittedStacks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("Pulumi.*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			doc, err := os.ReadFile(file)
			require.NoError(t, err)
			var stack struct {
				Config map[string]any
			}
			require.NoError(t, yaml.Unmarshal(doc, &stack))
			assert.Contains(t, stack.Config["pulumi:disable-default-providers"], "*", "no default provider may slip in")

			vpc, _ := stack.Config["msk-serverless:vpcId"].(string)
			var subnets []string
			for _, id := range stack.Config["msk-serverless:subnetIds"].([]any) {
				subnets = append(subnets, id.(string))
			}
			s := newStack(t, nil, aws.WithVPC(vpc, subnets...))
			if !strings.Contains(string(doc), "encryptionsalt") {
				doc = append(doc, "encryptionsalt: "+salt+"\n"...)
			}
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi."+stackName+".yaml"), doc, 0o644))
			steps, refusals := s.plan(t)
			assert.Empty(t, refusals)
			assert.Contains(t, steps, "create msk/serverlessCluster cluster")
		})
	}
}

// Rules that ask AWS, and those of the CLI, refuse with the key's name, and nothing is made.
func TestRefusalsChangeNothing(t *testing.T) {
	t.Parallel()
	oneZone := func(s *aws.State) { s.Subnets["subnet-0a1b2c3d4e5f6071b"].Zone = "a" }
	for _, c := range []struct {
		name   string
		change map[string]string
		world  aws.Option
		want   []string
	}{
		{"one subnet", map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a"]`}, nil, []string{"subnetIds", "2 or more"}},
		{"two subnets in one zone", nil, oneZone, []string{"subnetIds", "Availability Zones", "ap-south-1a"}},
		{"prefix of everything", map[string]string{"producerTopicPrefixes": `["*"]`}, nil, []string{"producerTopicPrefixes", `"*"`}},
		{"no prefixes", map[string]string{"producerTopicPrefixes": `[]`}, nil, []string{"producerTopicPrefixes", "1 or more"}},
		{"retention 15", map[string]string{"logRetentionDays": "15"}, nil, []string{"logRetentionDays", "15"}},
		{"key of another region", map[string]string{"logKmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}, nil, []string{"logKmsKeyArn", "ap-south-1"}},
		{"60 long groups", map[string]string{"consumerGroupNames": listOf(60, strings.Repeat("g", 100)+"%d")}, nil, []string{"consumerGroupNames", "6144"}},
		{"key misspelt", map[string]string{"clusterNam": "x"}, nil, []string{"clusterNam", "did you mean clusterName?"}},
		{"provider's own setting", map[string]string{"aws:profile": "x"}, nil, []string{"aws:profile", "not read"}},
		{"key missing", map[string]string{"vpcId": unset}, nil, []string{"vpcId"}},
		{"wrong type", map[string]string{"subnetIds": "subnet-0a1b2c3d"}, nil, []string{"subnetIds", "array"}},
		{"VPC that isn't there", map[string]string{"vpcId": "vpc-00000000000000000"}, nil, []string{"vpcId", "vpc-00000000000000000", "verifyNetwork"}},
		{"subnet that isn't there", map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a","subnet-00000000"]`}, nil, []string{"subnetIds", "subnet-00000000"}},
		{"subnet of another VPC", map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a","subnet-11111111"]`}, aws.WithVPC("vpc-11111111", "subnet-11111111", "subnet-22222222"), []string{"subnetIds", "subnet-11111111", "this one is in vpc-11111111"}},
		{"no DNS hostnames", nil, func(s *aws.State) { s.VPCs["vpc-0a1b2c3d4e5f60718"].DNSHostnames = false }, []string{"vpcId", "--enable-dns-hostnames"}},
		{"no DNS resolution", nil, func(s *aws.State) { s.VPCs["vpc-0a1b2c3d4e5f60718"].DNSSupport = false }, []string{"vpcId", "--enable-dns-support"}},
		{"boundary that isn't there", map[string]string{"permissionsBoundary": "Boundary"}, nil, []string{"permissionsBoundary", "arn:aws:iam::123456789012:policy/Boundary"}},
		{"another account", map[string]string{"allowedAccountIds": `["111122223333"]`}, nil, []string{"allowedAccountIds", "123456789012"}},
		{
			"several that ask AWS",
			map[string]string{"permissionsBoundary": "Boundary", "vpcId": "vpc-00000000"},
			oneZone,
			[]string{"permissionsBoundary", "* vpcId", "* subnetIds", "Availability Zones"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var world []aws.Option
			if c.world != nil {
				world = append(world, c.world)
			}
			s := newStack(t, with(c.change), world...)
			out := s.fails(t, "up", "--yes", "--skip-preview")
			for _, want := range c.want {
				assert.Contains(t, out, want)
			}
			assert.NotContains(t, out, "rpc error", "what AWS said, and not how it reached us")
			assert.Empty(t, s.changes())
			assert.Empty(t, s.cloud.Changed())
		})
	}
}

// Every bad configuration is refused by the CLI or by the program that it runs, and AWS is not asked to change anything.
func TestBadConfigurationsChangeNothing(t *testing.T) {
	t.Parallel()
	every := 12
	if thorough() {
		every = 1
	}
	var refused atomic.Int64
	t.Run("rows", func(t *testing.T) {
		for i, c := range badConfigs {
			if i%every != 0 {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s := newStack(t, with(map[string]string{c.key: c.value}))
				out := s.fails(t, "up", "--yes", "--skip-preview")
				assert.Contains(t, out, c.key)
				assert.Empty(t, s.changes())
				assert.Empty(t, s.cloud.Changed())
				refused.Add(1)
			})
		}
	})
	evidence(t, "bad configurations refused by the real CLI and engine, with no change to AWS", fmt.Sprintf("%d of %d", refused.Load(), (len(badConfigs)+every-1)/every))
}

func TestServerlessStillHasNoLogging(t *testing.T) {
	t.Parallel()
	for f := range reflect.TypeFor[msk.ServerlessClusterArgs]().Fields() {
		assert.NotRegexp(t, `(?i)log`, f.Name,
			"ServerlessClusterArgs has a logging input now: in msk.go send broker logs to the group of logging.go, and say so in logging.go, "+
				"the README's part on the log group and docs/operations.md")
	}
}
