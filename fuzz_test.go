package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/iampolicy"
	"msk-serverless/internal/project"
)

// FuzzPolicies sets two settings of a good configuration to anything. Whatever is accepted makes policies that IAM
// accepts, about this cluster and the configured names alone. internal/config has the faster fuzzer, for the rules.
func FuzzPolicies(f *testing.F) {
	keys := config.Keys(project.Name)
	for _, seed := range configtest.Seeds(keys) {
		f.Add(seed.Key, seed.Value, seed.Key2, seed.Value2)
	}
	f.Fuzz(func(t *testing.T, key byte, value string, key2 byte, value2 string) {
		cfg, err := config.Parse(project.Name, configtest.Fuzzed(keys, key, value, key2, value2))
		if err != nil {
			return
		}
		acct := account{ID: "123456789012", Partition: "aws"}
		switch {
		case strings.HasPrefix(cfg.Region, "cn-"):
			acct.Partition = "aws-cn"
		case strings.HasPrefix(cfg.Region, "us-gov-"):
			acct.Partition = "aws-us-gov"
		}
		var ps config.Problems
		verifyPolicySizes(cfg, acct, &ps)
		if ps.Err() == nil {
			checkPolicies(t, cfg, acct)
		}
	})
}

// clusterPolicies returns the policies of the control plane, the clients and the operators.
func clusterPolicies(cfg config.Config, acct account) []policy {
	policies := []policy{controlPlanePolicy(cfg.Region)}
	for _, c := range cfg.Clients() {
		policies = append(policies, clientPolicy(c))
	}
	return append(policies, operatorPolicies(cfg, longestARN(cfg, acct))...)
}

// checkPolicies checks every policy that the configuration makes, for the cluster with the longest ARN.
func checkPolicies(t *testing.T, cfg config.Config, acct account) {
	t.Helper()
	cluster := longestARN(cfg, acct)
	// Derived here by other means than the program's: the form of an ARN is AWS's, not the code's.
	uuid := string(cluster)[strings.LastIndex(string(cluster), "/")+1:]
	arn := "arn:" + acct.Partition + ":kafka:" + cfg.Region + ":123456789012:"
	inside := "/" + cfg.ClusterName + "/" + uuid
	allowed := map[string]bool{arn + "cluster" + inside: true}
	var prefixes, groups []string
	for _, c := range cfg.Clients() {
		prefixes = slices.Concat(prefixes, c.Writes.Names, c.Reads.Names)
		groups = slices.Concat(groups, c.Groups.Names)
	}
	for _, p := range prefixes {
		require.NotRegexp(t, `^(_$|__)`, p, "Kafka's own topics")
		require.NotContains(t, p, "*")
		allowed[arn+"topic"+inside+"/"+p+"*"] = true
	}
	for _, g := range groups {
		require.NotContains(t, g, "*")
		allowed[arn+"group"+inside+"/"+g] = true
	}

	names := map[string]bool{}
	for _, p := range clusterPolicies(cfg, acct) {
		require.False(t, names[strings.ToLower(p.name)], "two policies of one name: %s", p.name)
		names[strings.ToLower(p.name)] = true
		require.LessOrEqual(t, len(iamName(cfg, p.name)), 128, "IAM's limit for a policy's name")
		for _, s := range statements(t, compact.JSON(p.document(string(cluster)))) {
			for _, r := range s.Resource {
				if r == "*" {
					require.Equal(t, []string{"kafka:GetBootstrapBrokers"}, s.Action)
					require.Equal(t, map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": cfg.Region}},
						s.Condition)
					continue
				}
				require.True(t, allowed[r], "%s: %q is not of this cluster, or not configured", p.name, r)
				require.NotContains(t, r, "?")
				require.NotContains(t, r, "${")
				require.NotContains(t, strings.TrimSuffix(r, "*"), "*")
			}
		}
	}
	group := "arn:" + acct.Partition + ":logs:" + cfg.Region + ":123456789012:log-group:/aws/msk/" +
		cfg.ClusterName + "/broker"
	for _, s := range statements(t, compact.JSON(logsPolicy().document(group))) {
		require.Equal(t, []string{group + ":log-stream:*"}, s.Resource)
	}
}

// statements returns the statements of a policy that IAM would accept.
func statements(t *testing.T, doc string) []iampolicy.Statement {
	t.Helper()
	require.LessOrEqual(t, len(doc), iampolicy.MaxSize, "IAM's limit for a managed policy")
	var p iampolicy.Document
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&p))
	require.Equal(t, "2012-10-17", p.Version)
	require.NotEmpty(t, p.Statement)
	for _, s := range p.Statement {
		require.Equal(t, "Allow", s.Effect)
		require.NotEmpty(t, s.Action)
		require.NotEmpty(t, s.Resource)
		for _, a := range s.Action {
			require.NotContains(t, a, "*")
		}
	}
	return p.Statement
}
