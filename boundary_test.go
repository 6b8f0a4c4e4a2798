package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/cfn"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
)

// templateBoundary returns the permissions boundary that the bootstrap template makes for the cluster.
func templateBoundary(t *testing.T, cluster string) []iampolicy.Policy {
	t.Helper()
	where := cfn.Account{ID: "123456789012", Partition: "aws", Region: "ap-south-1"}
	d := cfn.Deploy(t, "bootstrap/stack.yaml", where, "msk-test", map[string]string{
		"Stack": "test", "Cluster": cluster, "VpcIds": "vpc-0a1b2c3d4e5f60718",
		"Repository": "acme/market-data", "RepositoryOwnerId": "1", "RepositoryId": "2",
	})
	p, err := iampolicy.Parse(d.Document("Boundary", "PolicyDocument"))
	require.NoError(t, err)
	return []iampolicy.Policy{p}
}

// boundedPolicies returns the policies attached to roles that have the boundary, by name.
func (m *mocks) boundedPolicies(t *testing.T) map[string]iampolicy.Policy {
	t.Helper()
	bounded := map[string]bool{}
	for key, r := range m.resources {
		if strings.HasPrefix(key, "iam/role ") && r.Inputs["permissionsBoundary"].IsString() {
			bounded[m.in(t, key, "name").(string)] = true
		}
	}
	policies := map[string]iampolicy.Policy{}
	for key, r := range m.resources {
		if !strings.HasPrefix(key, "iam/rolePolicyAttachment ") || !bounded[r.Inputs["role"].StringValue()] {
			continue
		}
		name, ours := strings.CutPrefix(r.Inputs["policyArn"].StringValue(), "arn:of:aws:iam/policy:Policy:")
		if !ours {
			continue // one of a client's policyArns, which a boundary of the owner's choice has to allow
		}
		if _, ok := m.resources["iam/policy "+name]; !ok {
			require.Fail(t, "no such policy", name)
		}
		p, err := iampolicy.Parse(m.in(t, "iam/policy "+name, "policy").(string))
		require.NoError(t, err)
		policies[name] = p
	}
	return policies
}

// The boundary that the bootstrap template makes covers what the program grants to the roles that it makes, and no
// more actions than that, on no other cluster.
func TestBoundaryCoversWhatTheProgramGrants(t *testing.T) {
	t.Parallel()
	boundary := templateBoundary(t, "crypto-stream")
	decide := func(action, resource string) iampolicy.Decision {
		return iampolicy.Decide(boundary, iampolicy.Request{
			Action: action, Resource: resource, Context: map[string]string{iampolicy.RequestedRegion: "ap-south-1"},
		})
	}
	granted := map[string]bool{}
	m := register(t, map[string]string{"clients": configtest.Clients})
	policies := m.boundedPolicies(t)
	require.NotEmpty(t, policies)
	for name, p := range policies {
		for _, rule := range p.Statement {
			for _, action := range rule.Action {
				granted[action] = true
				for _, resource := range rule.Resource {
					assert.Equal(t, iampolicy.Allowed, decide(action, strings.TrimSuffix(resource, "*")+"x"),
						"%s: %s on %s", name, action, resource)
					other := strings.NewReplacer("/crypto-stream/", "/crypto-stream-dev/").Replace(resource)
					if other != resource {
						assert.NotEqual(t, iampolicy.Allowed, decide(action, other), "%s: %s on %s", name, action, other)
					}
				}
			}
		}
	}
	for _, action := range []string{
		"iam:CreateUser", "iam:PassRole", "sts:AssumeRole", "s3:GetObject", "kms:Decrypt", "ec2:RunInstances",
		"kafka:DeleteCluster", "kafka-cluster:AlterCluster", "kafka-cluster:DeleteTopic", "logs:DeleteLogGroup",
	} {
		assert.False(t, granted[action])
		assert.NotEqual(t, iampolicy.Allowed, decide(action, "*"), action)
	}
}
