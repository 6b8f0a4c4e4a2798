package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
	"msk-serverless/sandbox/aws"
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(map[string]string{"protect": "false"}))

	steps, refusals := s.Plan(t)
	assert.Empty(t, refusals)
	assert.Contains(t, steps, "create msk/serverlessCluster cluster")
	assert.Empty(t, s.Changes(), "a preview changes nothing")

	s.Up(t)
	outputs := s.Outputs(t)
	for name, shape := range outputShapes {
		assert.Regexp(t, regexp.MustCompile("^"+shape+"$"), fmt.Sprint(outputs[name]), name)
	}
	assert.Len(t, outputs, len(outputShapes))

	s.AWS.ResetCalls()
	s.OK(t, "up", "--yes", "--skip-preview", "--expect-no-changes")
	s.OK(t, "preview", "--refresh", "--expect-no-changes")
	assert.Empty(t, s.Changes(), "with nothing changed, nothing is")

	s.OK(t, "destroy", "--yes")
	assert.Empty(t, s.AWS.Changed(), "AWS is as it was at the start")
}

// The committed stacks can be deployed.
func TestCommittedStacks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("Pulumi.*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
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
				doc = append(doc, "encryptionsalt: "+stacktest.Salt+"\n"...)
			}
			require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "Pulumi."+stacktest.Name+".yaml"), doc, 0o644))
			steps, refusals := s.Plan(t)
			assert.Empty(t, refusals)
			assert.Contains(t, steps, "create msk/serverlessCluster cluster")
		})
	}
}

// Rules that need AWS, and those of the CLI, name the key, and nothing is created.
func TestRefusalsChangeNothing(t *testing.T) {
	t.Parallel()
	oneZone := func(s *aws.State) { s.Subnets["subnet-0a1b2c3d4e5f6071b"].Zone = "a" }
	for _, c := range []struct {
		name    string
		change  map[string]string
		sandbox aws.Option
		want    []string
	}{
		{
			"one subnet",
			map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a"]`},
			nil,
			[]string{"subnetIds", "at least 2"},
		},
		{"two subnets in one zone", nil, oneZone, []string{"subnetIds", "Availability Zones", "ap-south-1a"}},
		{
			"prefix of everything",
			map[string]string{"producerTopicPrefixes": `["*"]`},
			nil,
			[]string{"producerTopicPrefixes", `"*"`},
		},
		{
			"no prefixes",
			map[string]string{"producerTopicPrefixes": `[]`},
			nil,
			[]string{"producerTopicPrefixes", "at least one"},
		},
		{"retention 15", map[string]string{"logRetentionDays": "15"}, nil, []string{"logRetentionDays", "15"}},
		{
			"key of another region",
			map[string]string{
				"logKmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			},
			nil,
			[]string{"logKmsKeyArn", "ap-south-1"},
		},
		{
			"60 long groups",
			map[string]string{"consumerGroupNames": configtest.ListOf(60, strings.Repeat("g", 100)+"%d")},
			nil,
			[]string{"consumerGroupNames", "6144"},
		},
		{
			"key misspelt",
			map[string]string{"clusterNam": "x"},
			nil,
			[]string{"clusterNam", "did you mean clusterName?"},
		},
		{
			"provider's own setting",
			map[string]string{"aws:profile": "x"},
			nil,
			[]string{"aws:profile", "has no effect"},
		},
		{"key missing", map[string]string{"vpcId": configtest.Unset}, nil, []string{"vpcId"}},
		{"wrong type", map[string]string{"subnetIds": "subnet-0a1b2c3d"}, nil, []string{"subnetIds", "array"}},
		{
			"VPC that isn't there",
			map[string]string{"vpcId": "vpc-00000000000000000"},
			nil,
			[]string{"vpcId", "vpc-00000000000000000", "verifyNetwork"},
		},
		{
			"subnet that isn't there",
			map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a","subnet-00000000"]`},
			nil,
			[]string{"subnetIds", "subnet-00000000"},
		},
		{
			"subnet of another VPC",
			map[string]string{"subnetIds": `["subnet-0a1b2c3d4e5f6071a","subnet-11111111"]`},
			aws.WithVPC("vpc-11111111", "subnet-11111111", "subnet-22222222"),
			[]string{"subnetIds", "subnet-11111111", "and is in vpc-11111111"},
		},
		{
			"no DNS hostnames", nil, func(s *aws.State) { s.VPCs["vpc-0a1b2c3d4e5f60718"].DNSHostnames = false },
			[]string{"vpcId", "--enable-dns-hostnames"},
		},
		{
			"no DNS resolution", nil, func(s *aws.State) { s.VPCs["vpc-0a1b2c3d4e5f60718"].DNSSupport = false },
			[]string{"vpcId", "--enable-dns-support"},
		},
		{
			"boundary that isn't there",
			map[string]string{"permissionsBoundary": "Boundary"},
			nil,
			[]string{"permissionsBoundary", "arn:aws:iam::123456789012:policy/Boundary"},
		},
		{
			"another account",
			map[string]string{"allowedAccountIds": `["111122223333"]`},
			nil,
			[]string{"allowedAccountIds", "123456789012"},
		},
		{
			"several that ask AWS",
			map[string]string{"permissionsBoundary": "Boundary", "vpcId": "vpc-00000000"},
			oneZone,
			[]string{"permissionsBoundary", "* vpcId", "* subnetIds", "Availability Zones"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var opts []aws.Option
			if c.sandbox != nil {
				opts = append(opts, c.sandbox)
			}
			s := newStack(t, configtest.With(c.change), opts...)
			out := s.Fails(t, "up", "--yes", "--skip-preview")
			for _, want := range c.want {
				assert.Contains(t, out, want)
			}
			assert.NotContains(t, out, "rpc error", "what AWS said, and not how it reached us")
			assert.Empty(t, s.Changes())
			assert.Empty(t, s.AWS.Changed())
		})
	}
}

// Every bad configuration is refused by the CLI or the program, without a change to AWS.
func TestBadConfigurationsChangeNothing(t *testing.T) {
	t.Parallel()
	rows := part(configtest.Bad, 30)
	var refused atomic.Int64
	t.Run("rows", func(t *testing.T) {
		for _, c := range rows {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				s := newStack(t, c.Config())
				out := s.Fails(t, "up", "--yes", "--skip-preview")
				assert.Contains(t, out, c.Problem())
				assert.Empty(t, s.Changes())
				assert.Empty(t, s.AWS.Changed())
				refused.Add(1)
			})
		}
	})
	stacktest.Evidence(t, "bad configurations refused by the real CLI and engine, with no change to AWS",
		fmt.Sprintf("%d of %d", refused.Load(), len(rows)))
}
