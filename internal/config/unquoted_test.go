package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

func TestUnquotedValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ yaml, want string }{
		{"msk-serverless:accessScope: 007", `accessScope: "007": YAML reads this as 7; write "007", in quotes`},
		{"msk-serverless:accessScope: 1.10", `accessScope: "1.10": YAML reads this as 1.1`},
		{"msk-serverless:accessScope: True", `accessScope: "True": YAML reads this as true`},
		{"msk-serverless:accessScope: 2024-01-01", `accessScope: "2024-01-01": YAML reads this as 2024-01-01 00:00`},
		{"msk-serverless:tags: {Since: 2024-01-01}", `tags.Since: "2024-01-01": YAML reads this as`},
		{"msk-serverless:tags: {1.10: a}", `tags: "1.10": YAML reads this as 1.1`},
		{"msk-serverless:clients: {a: {groups: [2024-01-01]}}", `clients.a.groups: "2024-01-01": YAML reads this as`},
		{"msk-serverless:silenceMinutes: 010", `silenceMinutes: "010": YAML reads this as 8`},
		{"msk-serverless:silenceMinutes: 0x10", `silenceMinutes: "0x10": YAML reads this as 16`},
		{`msk-serverless:accessScope: "007"`, ""},
		{"msk-serverless:accessScope: '2024-01-01'", ""},
		{"msk-serverless:accessScope: 7", ""},
		{"msk-serverless:accessScope: v1.10", ""},
		{"msk-serverless:accessScope:", ""},
		{"msk-serverless:maxConsumerLag: 100_000", ""},
		{"msk-serverless:maxConsumerLag: many", ""},
		{"msk-serverless:protect: True", ""},
		{"msk-serverless:clusterNam: 007", ""},
		{"[", ""},
		{"a: {}", ""},
		{"[]", ""},
	} {
		t.Run(c.yaml, func(t *testing.T) {
			t.Parallel()
			found := unquoted(project.Name, []byte("config:\n  "+c.yaml+"\n"))
			if c.want == "" {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Contains(t, found[0].String(), c.want)
		})
	}
	assert.Empty(t, unquoted(project.Name, nil))
	assert.Empty(t, unquoted(project.Name, []byte("- a")))
}

// TestLoadReadsTheStackFile shows that an unquoted value stops a program that the CLI runs.
func TestLoadReadsTheStackFile(t *testing.T) {
	values := configtest.With(map[string]string{"accessScope": "7"})
	t.Setenv("PULUMI_CONFIG", compact.JSON(values))
	file := filepath.Join(t.TempDir(), "Pulumi.prod.yaml")
	_, err := Load(project.Name, file, nil)
	require.NoError(t, err, "the CLI reads another file")
	require.NoError(t, os.WriteFile(file, []byte("config:\n  msk-serverless:accessScope: 007\n"), 0o644))
	_, err = Load(project.Name, file, nil)
	assert.ErrorContains(t, err, `accessScope: "007": YAML reads this as 7`)
	require.NoError(t, os.WriteFile(file, []byte("config:\n  msk-serverless:accessScope: \"7\"\n"), 0o644))
	_, err = Load(project.Name, file, nil)
	assert.NoError(t, err)
	_, err = Load(project.Name, filepath.Dir(file), nil)
	assert.Error(t, err, "a file that can't be read")
}
