package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzConfig sets two settings of a good configuration to anything. Whatever is accepted makes policies that IAM takes,
// about this cluster and the configured names alone.
func FuzzConfig(f *testing.F) {
	keys := configKeys(project)
	index := func(key string) (byte, bool) {
		i := slices.Index(keys, key)
		if i < 0 {
			i = slices.Index(keys, project+":"+key)
		}
		return byte(i), i >= 0
	}
	add := func(key, value, key2, value2 string) {
		a, ok := index(key)
		b, ok2 := index(key2)
		if ok && ok2 && value != unset {
			f.Add(a, value, b, value2)
		}
	}
	for _, c := range badConfigs {
		add(c.key, c.value, "clusterName", "crypto-stream")
	}
	teams := `{"quant":{"topicPrefixes":["exchg.","trades."],"groupNames":["q1","q:2"]},"ops":{"topicPrefixes":["x"],"groupNames":["o"]}}`
	add("consumerTeams", teams, "consumerTopicPrefixes", "[]")
	add("consumerTeams", teams, "aws:region", "us-gov-west-1")
	add("producerTopicPrefixes", `["a","a-","a.b","Z_9"]`, "aws:region", "cn-north-1")
	add("consumerGroupNames", `["a/b$c:d","x$","{y}"]`, "clusterName", "7")
	add("producerTopicPrefixes", listOf(45, strings.Repeat("p", 20)+"%d"), "consumerGroupNames", listOf(40, strings.Repeat("g", 30)+"%d"))
	add("consumerTopicPrefixes", listOf(200, "p%d."), "consumerGroupNames", listOf(45, "g%d"))

	f.Fuzz(func(t *testing.T, key byte, value string, key2 byte, value2 string) {
		values := validConfig()
		values[keys[int(key)%len(keys)]] = value
		values[keys[int(key2)%len(keys)]] = value2
		cfg, err := parseConfig(project, values)
		if err != nil {
			var ps problems
			require.ErrorAs(t, err, &ps)
			for _, p := range ps {
				require.NotEmpty(t, p.Key)
				require.NotEmpty(t, p.Want)
			}
			return
		}
		acct := account{ID: "123456789012", Partition: "aws"}
		switch {
		case strings.HasPrefix(cfg.Region, "cn-"):
			acct.Partition = "aws-cn"
		case strings.HasPrefix(cfg.Region, "us-gov-"):
			acct.Partition = "aws-us-gov"
		}
		var ps problems
		if cfg.verifyPolicySizes(&ps, acct); ps.err() != nil {
			return
		}
		checkPolicies(t, cfg, acct)
	})
}

// checkPolicies checks every policy that the configuration makes, for the cluster with the longest ARN.
func checkPolicies(t *testing.T, cfg Config, acct account) {
	t.Helper()
	cluster := cfg.longestARN(acct)
	// Derived here by other means than the program's: the form of an ARN is AWS's, not the code's.
	uuid := string(cluster)[strings.LastIndex(string(cluster), "/")+1:]
	arn := "arn:" + acct.Partition + ":kafka:" + cfg.Region + ":123456789012:"
	inside := "/" + cfg.ClusterName + "/" + uuid
	allowed := map[string]bool{arn + "cluster" + inside: true}
	prefixes, groups := slices.Concat(cfg.ProducerTopicPrefixes, cfg.ConsumerTopicPrefixes), slices.Clone(cfg.ConsumerGroupNames)
	for _, team := range cfg.ConsumerTeams {
		prefixes, groups = append(prefixes, team.TopicPrefixes...), append(groups, team.GroupNames...)
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
	for _, g := range cfg.grants(cluster) {
		require.False(t, names[strings.ToLower(g.name)], "two policies of one name: %s", g.name)
		names[strings.ToLower(g.name)] = true
		require.LessOrEqual(t, len(cfg.iamName(g.name)), 128, "IAM's limit for a policy's name")
		for _, s := range statements(t, compactJSON(g.doc(cluster))) {
			for _, r := range s.Resource {
				if r == "*" {
					require.Equal(t, []string{"kafka:GetBootstrapBrokers"}, s.Action)
					require.Equal(t, map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": cfg.Region}}, s.Condition)
					continue
				}
				require.True(t, allowed[r], "%s: %q is not of this cluster, or not configured", g.name, r)
				require.NotContains(t, r, "?")
				require.NotContains(t, r, "${")
				require.NotContains(t, strings.TrimSuffix(r, "*"), "*")
			}
		}
	}
	group := "arn:" + acct.Partition + ":logs:" + cfg.Region + ":123456789012:log-group:/aws/msk/" + cfg.ClusterName + "/broker"
	for _, s := range statements(t, compactJSON(logsPolicy(group))) {
		require.Equal(t, []string{group + ":log-stream:*"}, s.Resource)
	}
}

// statements are those of a policy that IAM would take.
func statements(t *testing.T, doc string) []statement {
	t.Helper()
	require.LessOrEqual(t, len(doc), 6144, "IAM's limit for a managed policy")
	var p document
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
