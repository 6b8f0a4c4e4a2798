package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecodePreview(t *testing.T) {
	t.Parallel()
	const good = `{"steps":[{"op":"same","urn":"urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"}]}`
	for _, c := range []struct {
		name, out string
		succeeded bool
		want      string // part of the error; "" for none
	}{
		{"a report", good + "\n", true, ""},
		{"a line before it", "Warning\n" + good, true, "not JSON"},
		{"a line after it", good + "\nDone.", true, "more than one JSON object"},
		{"two reports", good + good, true, "more than one JSON object"},
		{"streamed events", `{"sequence":0,"timestamp":1}` + "\n" + `{"sequence":1}`, true, "more than one JSON object"},
		{"one streamed event", `{"sequence":0,"timestamp":1}`, true, "no steps"},
		{"no steps", `{"steps":[]}`, true, "no steps"},
		{"nothing", "", true, "not JSON"},
		{"null", "null", true, "no steps"},
		{"a list", "[]", true, "not JSON"},
		{"cut off", good[:20], true, "not JSON"},
		{"cut off after a failure", good[:20], false, "not JSON"},
		{"nothing after a failure", "", false, ""},
		{"no steps after a failure", `{"diagnostics":[]}`, false, ""},
	} {
		_, err := decodePreview([]byte(c.out), c.succeeded)
		if c.want == "" {
			assert.NoError(t, err, c.name)
		} else {
			assert.ErrorContains(t, err, c.want, c.name)
		}
	}
}

func TestPlainError(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"error: no stack named 'x' found\n": "no stack named 'x' found",
		"error: an unhandled error occurred: program failed: \n1 error occurred:\n" +
			"\t* the configuration has errors:\n  * a: b\n\n": //
		"the configuration has errors:\n  * a: b",
		"error: preview failed\n": "",
		"":                        "",
	} {
		assert.Equal(t, want, plainError(said))
	}
}

const (
	clusterURN = "urn:pulumi:s::p::aws:msk/serverlessCluster:ServerlessCluster::cluster"
	policyURN  = "urn:pulumi:s::p::aws:iam/policy:Policy::producer"
)

// markdownOf returns the summary of a preview that Pulumi reported so.
func markdownOf(t *testing.T, report string, errors ...string) string {
	t.Helper()
	p, err := decodePreview([]byte(report), true)
	require.NoError(t, err)
	return summarize("Preview", "s", "", deployedConfigured, p, errors).markdown()
}

// No configuration deletes the cluster and keeps the stack, so this report is written by hand. It also has a
// replacement without a reason.
func TestSummaryOfDeletion(t *testing.T) {
	t.Parallel()
	text := markdownOf(t, `{"steps": [
		{"op": "delete", "urn": "`+clusterURN+`", "oldState": {"protect": true}},
		{"op": "replace", "urn": "`+policyURN+`", "oldState": {"inputs": {}}, "newState": {"inputs": {}}}]}`)
	assert.Contains(t, text, "> [!CAUTION]\n> **DATA LOSS: this would delete the cluster.")
	assert.Contains(t, text, "| **replace** | `producer` | `iam/policy` | follows another replacement |")
	assert.NotContains(t, text, "PROTECTION OFF")
}

// The table names the rules that a security group gets and loses.
func TestSummaryOfRules(t *testing.T) {
	t.Parallel()
	group := func(rules string) string { return `{"inputs": {"ingress": [` + rules + `]}}` }
	const kept = `{"description": "from collectors", "fromPort": 9098}`
	const urn = "urn:pulumi:s::p::aws:ec2/securityGroup:SecurityGroup::brokers"
	text := markdownOf(t, `{"steps": [{"op": "update", "urn": "`+urn+`", "diffReasons": ["ingress"],
		"oldState": `+group(kept+`,{"description": "from networks"}`)+`,
		"newState": `+group(kept+`,{"description": "from Lambda"}`)+`}]}`)
	assert.Contains(t, text, "| `ec2/securityGroup` | `ingress` + `from Lambda`, − `from networks` |")
}

func TestSummaryOfAMissingCluster(t *testing.T) {
	t.Parallel()
	text := markdownOf(t, `{"steps": [
		{"op": "create", "urn": "`+clusterURN+`"},
		{"op": "same", "urn": "`+policyURN+`", "oldState": {}, "newState": {}}]}`)
	assert.Contains(t, text, "DATA LOSS, unless the first deployment broke off")
}

// Whatever is in a value or an error, the table and the fence stay whole.
func TestSummaryIsWhole(t *testing.T) {
	t.Parallel()
	text := markdownOf(t, `{"steps": [{"op": "update", "urn": "`+policyURN+`", "diffReasons": ["policy"],
		"oldState": {"inputs": {"policy": "a|b\n`+"`"+`"}}, "newState": {"inputs": {"policy": 7}}}]}`, "x\n```\n# y")
	assert.Contains(t, text, "| **update** | `producer` | `iam/policy` | `policy` `a¦b¦¦` → `7` |")
	assert.Contains(t, text, "x\n'''\n# y")
}
