package iampolicy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
)

func TestActionsTable(t *testing.T) {
	t.Parallel()
	acls := map[string]string{}
	for name, a := range Actions {
		for _, needed := range a.Needs {
			assert.Contains(t, Actions, InService(name, needed))
		}
		if a.On != "" {
			assert.Contains(t, arnForms, a.On)
		}
		if a.ACL != "" {
			assert.Empty(t, acls[a.ACL], "%s stands for one action", a.ACL)
			acls[a.ACL] = name
		}
	}
}

// Each document breaks one rule of the good document.
func TestGrammarRefuses(t *testing.T) {
	t.Parallel()
	const cluster = "arn:aws:kafka:ap-south-1:123456789012:cluster/c/1a2b3c4d-0000-0000-0000-000000000000-s1"
	topics := strings.Replace(cluster, ":cluster/", ":topic/", 1) + "/"
	producer := func(prefixes ...string) string {
		var arns []string
		for _, p := range prefixes {
			arns = append(arns, topics+p+"*")
		}
		return compact.JSON(NewDocument(
			Allow("Connect", []string{"kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"},
				[]string{cluster}),
			Allow("Produce",
				[]string{"kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"}, arns),
		))
	}
	bootstrap := Allow("FindBrokers", []string{"kafka:GetBootstrapBrokers"}, []string{"*"})
	open := compact.JSON(NewDocument(bootstrap))
	bootstrap.Condition = map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": "ap-south-1"}}
	controlPlane := compact.JSON(NewDocument(bootstrap))
	good := producer("exchg.")
	require.Empty(t, CheckGrammar(good))
	require.Empty(t, CheckGrammar(controlPlane))
	for _, c := range []struct{ old, new, want string }{
		{"2012-10-17", "2008-10-17", "version"},
		{`"Statement":[`, `"Id":"x","Statement":[`, "unknown field"},
		{"Produce", "Connect", "twice"},
		{"Produce", "Pro-duce", "not alphanumeric"},
		{`"Effect":"Allow"`, `"Effect":"Deny"`, "effect"},
		{"kafka-cluster:WriteData\"", "kafka-cluster:WriteDate\"", "unknown action"},
		{"kafka-cluster:WriteData\"", "kafka-cluster:*\"", "unknown action"},
		{"kafka-cluster:Connect", "kafka-cluster:AlterCluster", "serverless"},
		{"kafka-cluster:DescribeTopic", "kafka-cluster:DescribeGroup", "the ARN of a group"},
		{`exchg.*`, `*`, "the ARN of a topic"},
		{`exchg.*`, `ex*chg.`, "the ARN of a topic"},
		{`"` + cluster + `"`, `"*"`, "the ARN of a cluster"},
		{`"` + cluster + `"`, `"` + strings.Replace(cluster, "123456789012", "", 1) + `"`, "the ARN of a cluster"},
		{`"` + cluster + `"`, `"` + strings.Replace(cluster, ":kafka:", ":msk:", 1) + `"`, "the ARN of a cluster"},
		{`"Resource":["` + cluster + `"]`, `"Resource":[]`, "no resources"},
		{`"Resource":["` + cluster + `"]`, `"Resource":["` + cluster + `","` + cluster + `"]`, "each once"},
		{`"Resource":["` + cluster + `"]`, `"NotResource":["` + cluster + `"]`, "unknown field"},
	} {
		require.Contains(t, good, c.old)
		bad := strings.Replace(good, c.old, c.new, 1)
		require.True(t, json.Valid([]byte(bad)))
		assert.Contains(t, strings.Join(CheckGrammar(bad), "\n"), c.want, bad)
	}
	scoped := strings.Replace(controlPlane, `"*"`, `"`+cluster+`"`, 1)
	assert.Contains(t, strings.Join(CheckGrammar(scoped), "\n"), "takes * alone")
	assert.Contains(t, strings.Join(CheckGrammar(open), "\n"), "not narrowed")
	var prefixes []string
	for i := range 100 {
		prefixes = append(prefixes, fmt.Sprint("prefix", i))
	}
	large := producer(prefixes...)
	assert.Contains(t, strings.Join(CheckGrammar(large), "\n"), "characters")
}
