package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The workflows' commands exist, with the arguments and flags that they are given.
func TestWorkflowsCommandsParse(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	actions, err := filepath.Glob("../.github/actions/*/action.yml")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)run: bin/mskctl (.*)$`)
	values := strings.NewReplacer(`"$RUN"`, "42", `"$PULL_REQUEST"`, "7", `"Preview without`, "Preview",
		` AWS credentials, in the sandbox,"`, "")
	parsed := 0
	for _, file := range append(files, actions...) {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range command.FindAllStringSubmatch(string(doc), -1) {
			parser, err := kong.New(&cli{})
			require.NoError(t, err)
			_, err = parser.Parse(strings.Fields(values.Replace(m[1])))
			assert.NoError(t, err, "%s: %s", file, m[1])
			parsed++
		}
	}
	assert.Greater(t, parsed, 20)
}
