package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each folder of testdata/clientenv has the outputs of a stack and what client-env prints for them. The file's name is
// the role, or client- and the client's name, and the format.
func TestClientEnvFormats(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/clientenv/*/*")
	require.NoError(t, err)
	tested := 0
	for _, file := range files {
		if filepath.Base(file) == "outputs.json" {
			continue
		}
		tested++
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			client, format, _ := strings.Cut(filepath.Base(file), ".")
			role := client
			name, ok := strings.CutPrefix(client, "client-")
			if ok {
				role = ""
			} else {
				name = ""
			}
			outputs := clientTestOutputs(t, filepath.Base(filepath.Dir(file)))
			settings, err := newClientSettings("test", role, name, outputs)
			require.NoError(t, err)
			got, err := settings.format(format)
			require.NoError(t, err)
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
	assert.Equal(t, 60, tested)
}

func TestClientEnvRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, outputs, role, client string
		change                      func(*clientOutputs)
		want                        string
	}{
		{
			"unknown client", "odd-names", "", "nobody", nil,
			"no client \"nobody\" is deployed; deployed clients: odd, odd2, plain",
		},
		{"no clients", "default", "", "nobody", nil, "no client \"nobody\" is deployed; deployed clients: none"},
		{"only clients", "clients-only", "consumer", "", nil, "share no groups; choose a --client: quant, research"},
		{
			"no brokers", "default", "collector", "", func(o *clientOutputs) { o.BootstrapBrokers = "" },
			"it isn't deployed",
		},
		{"nothing", "default", "consumer", "", func(o *clientOutputs) { *o = clientOutputs{} }, "it isn't deployed"},
		{
			"no prefixes", "default", "collector", "", func(o *clientOutputs) { o.ProducerTopicPrefixes = nil },
			"some of its outputs are missing",
		},
		{
			"no cluster", "default", "collector", "", func(o *clientOutputs) { o.ClusterARN = "" },
			"some of its outputs are missing",
		},
		{
			"no operators' policy", "default", "operator", "", func(o *clientOutputs) { o.OperatorPolicyARNs = nil },
			"some of its outputs are missing",
		},
		{
			"no policy", "clients-only", "", "quant", func(o *clientOutputs) { clear(o.ClientPolicyARNs) },
			"some of its outputs are missing",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			outputs := clientTestOutputs(t, c.outputs)
			if c.change != nil {
				c.change(&outputs)
			}
			_, err := newClientSettings("test", c.role, c.client, outputs)
			assert.ErrorContains(t, err, c.want)
		})
	}
	_, err := (&clientSettings{}).format("yaml")
	assert.ErrorContains(t, err, "must be env, properties, json or user-data")
}

func clientTestOutputs(t *testing.T, folder string) clientOutputs {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata/clientenv", folder, "outputs.json"))
	require.NoError(t, err)
	var outputs clientOutputs
	require.NoError(t, json.Unmarshal(doc, &outputs))
	return outputs
}
