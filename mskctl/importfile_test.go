package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
)

// fakeRules is AWS with these rules.
type fakeRules struct {
	rules []rule
	err   error
}

func (f *fakeRules) findRules(_ context.Context, groups []string) ([]rule, error) {
	var found []rule
	for _, r := range f.rules {
		if slices.Contains(groups, r.group) {
			found = append(found, r)
		}
	}
	return found, f.err
}

// importTest is one run of import-file.
type importTest struct {
	state *tfTestState
	cfg   config.Config
	ids   map[string]string // written into the import file by hand
	args  []string          // of --create
	aws   func(*fakeRules)
	gone  string // entry that the import file doesn't have
}

func newImportTest(t *testing.T) *importTest {
	t.Helper()
	cfg := config.Default()
	cfg.Region, cfg.ClusterName, cfg.Adopted = "ap-south-1", "crypto-stream", true
	cfg.VPCID = "vpc-0a1b2c3d4e5f60718"
	cfg.SubnetIDs = []string{"subnet-0a1b2c3d4e5f6071b", "subnet-0a1b2c3d4e5f6071a"}
	return &importTest{state: newTestState(t), cfg: cfg, ids: map[string]string{}, aws: func(*fakeRules) {}}
}

// run returns the ids of the filled file by entry, and the report or the error.
func (c *importTest) run(t *testing.T) (ids map[string]string, report string, err error) {
	t.Helper()
	doc, err := os.ReadFile("testdata/importfile/import.json")
	require.NoError(t, err)
	file, err := parseImportFile(doc)
	require.NoError(t, err)
	for key, id := range c.ids {
		require.NotNil(t, file.entry(key), key)
		file.entry(key).id = id
	}
	file.entries = slices.DeleteFunc(file.entries, func(e *importEntry) bool { return e.key != "" && e.key == c.gone })
	tf := c.state.parse(t)
	fake := &fakeRules{rules: rulesInAWS(tf)}
	c.aws(fake)
	m := &importer{cfg: c.cfg, tf: tf, file: file, create: c.args, finder: fake}
	if err := m.fill(t.Context()); err != nil {
		return nil, "", err
	}
	var b strings.Builder
	require.NoError(t, m.print(&b))
	text, err := file.encode()
	require.NoError(t, err)
	assert.NotContains(t, text, placeholder)
	filled, err := parseImportFile([]byte(text))
	require.NoError(t, err)
	ids = map[string]string{}
	for _, e := range filled.entries {
		if e.key != "" {
			ids[e.key] = e.id
		}
	}
	c.loses(t, m, ids, b.String())
	return ids, b.String(), nil
}

// loses checks that whatever reaches the brokers today keeps its access or is reported to lose it, and the same of the
// policies of the collectors' role.
func (c *importTest) loses(t *testing.T, m *importer, ids map[string]string, report string) {
	t.Helper()
	lineWith := func(parts ...string) bool {
		for line := range strings.Lines(report) {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return true
			}
		}
		return false
	}
	admitted := slices.Concat([]string{ids[entryCollector], ids[entryConsumer]}, c.cfg.ClientSecurityGroupIDs,
		c.cfg.ClientCIDRs)
	onLambda := slices.ContainsFunc(c.cfg.Clients(), config.Client.OnLambda)
	for _, r := range m.finder.(*fakeRules).rules {
		if r.group != testBrokers || r.egress {
			continue
		}
		r = m.ownGroup(r)
		kept := slices.Contains(admitted, r.peer.value) || r.peer.kind == peerSelf && onLambda
		if kept && r.ports.reachKafka() {
			assert.True(t, lineWith("  "+r.peer.String()+", ", ": kept"), "%v\n%s", r, report)
		} else {
			assert.True(t, lineWith("  "+r.peer.String()+", "+r.ports.String(), "GOES"), "%v\n%s", r, report)
		}
	}
	for _, arn := range m.tf.attached(ids[entryRole]) {
		assert.True(t, lineWith(arn, "imported as") || lineWith(arn, "DETACHED"), "%s\n%s", arn, report)
	}
	for _, p := range m.tf.inline {
		if p.role == ids[entryRole] {
			assert.True(t, lineWith("inline policy "+p.name, "DELETED"), "%s\n%s", p.name, report)
		}
	}
}

const egressEntry = "vpc/securityGroupEgressRule collector-to-0.0.0.0/0"

// baseIDs are the ids of what the base state has.
func baseIDs() map[string]string {
	return map[string]string{
		entryCluster:               testCluster,
		entryBrokers:               testBrokers,
		entryCollector:             testCollectors,
		entryConsumer:              testConsumers,
		entryLogs:                  "/aws/msk/crypto-stream/broker",
		entryRole:                  testRole,
		entryProfile:               testProfile,
		entryExclusive:             testRole,
		"iam/policy producer":      testProducer,
		"iam/policy control-plane": testControl,
		"iam/policy consumer":      testConsumer,
		"iam/rolePolicyAttachment collector-producer":      testRole + "/" + testProducer,
		"iam/rolePolicyAttachment collector-control-plane": testRole + "/" + testControl,
		egressEntry: "sgr-ab967c801f5bc969a",
	}
}

// inlineEgress is the made-up id of the collectors' rule to everywhere if the state doesn't have it.
const inlineEgress = "sgr-" + testCollectors + "--1-0.0.0.0/0"

// group returns an inline rule's sources.
func group(ids ...any) map[string]any { return map[string]any{"security_groups": ids} }

// An id that was written by hand stays, whatever Terraform says.
func TestImportFileKeepsIDs(t *testing.T) {
	t.Parallel()
	for key := range baseIDs() {
		if key == entryCluster || key == entryBrokers {
			continue // another one is refused
		}
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			test := newImportTest(t)
			test.ids[key] = "by-hand"
			if key == entryCollector { // whose members would lose access
				test.cfg.ClientSecurityGroupIDs = []string{testCollectors}
			}
			ids, _, err := test.run(t)
			require.NoError(t, err)
			assert.Equal(t, "by-hand", ids[key])
		})
	}
}

func TestParseTerraform(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		``:                      "unexpected end",
		`[]`:                    "cannot unmarshal",
		`{}`:                    "no values.root_module",
		`{"planned_values":{}}`: "without a plan",
		`{"values":{"root_module":{"resources":[{"address":"a.b","mode":"managed","type":"aws_msk_serverless_cluster",
			"values":{"arn":"x"}}]}}}`: `a.b: arn "x"`,
		`{"values":{"root_module":{"resources":[{"address":"a.b","mode":"managed","type":"aws_security_group",
			"values":{"ingress":7}}]}}}`: "a.b: json",
	} {
		_, err := parseTerraform([]byte(doc))
		assert.ErrorContains(t, err, want, doc)
	}
}

func TestParseImportFile(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		``:                                      "unexpected end",
		`{}`:                                    "resources can't be read",
		`{"resources":[{"type":"x","id":"i"}]}`: "resource 1: needs a type",
		`{"resources":[{"type":"aws:iam/role:Role","id":""}]}`: "resource 1: needs a type",
		`{"resources":[{"type":"aws:iam/role:Role","id":7}]}`:  "resource 1: json",
	} {
		_, err := parseImportFile([]byte(doc))
		assert.ErrorContains(t, err, want, doc)
	}

	doc := `{"nameTable":{"a":"<b>"},"resources":[{"type":"pulumi:providers:aws","name":"aws","inputs":{"x":1}},` +
		`{"type":"aws:iam/role:Role","name":"collectorRole","logicalName":"collector","id":"<PLACEHOLDER>"},` +
		`{"type":"aws:iam/role:Role","name":"other","id":"<PLACEHOLDER>"}]}`
	file, err := parseImportFile([]byte(doc))
	require.NoError(t, err)
	file.entry(entryRole).id, file.entry("iam/role other").id = "a&b", ""
	text, err := file.encode()
	require.NoError(t, err)
	assert.Contains(t, text, `"a&b"`)
	var top map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &top))
	assert.Equal(t, map[string]any{"a": "<b>"}, top["nameTable"])
	assert.Len(t, top["resources"], 2, "the provider and the role with an id")
}
