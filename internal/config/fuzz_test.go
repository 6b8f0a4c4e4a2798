package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

// FuzzConfig sets two settings of a good configuration to anything. Whatever is accepted holds no name that would
// mean something else in an IAM policy or in a query of CloudWatch.
func FuzzConfig(f *testing.F) {
	for _, seed := range configtest.Seeds(Keys(project.Name)) {
		f.Add(seed.Key, seed.Value, seed.Key2, seed.Value2)
	}
	f.Fuzz(func(t *testing.T, key byte, value string, key2 byte, value2 string) {
		values := configtest.Fuzzed(Keys(project.Name), key, value, key2, value2)
		cfg, err := Parse(project.Name, values)
		if err != nil {
			var ps Problems
			require.ErrorAs(t, err, &ps)
			for _, p := range ps {
				require.NotEmpty(t, p.Key)
				require.NotEmpty(t, p.Want)
			}
			return
		}
		checkClients(t, cfg.Clients())
	})
}

func checkClients(t *testing.T, clients []Client) {
	t.Helper()
	names, claimed := map[string]bool{}, map[string]bool{}
	for _, client := range clients {
		require.False(t, names[strings.ToLower(client.Name)], "two clients named %s", client.Name)
		names[strings.ToLower(client.Name)] = true
		for _, prefix := range slices.Concat(client.Writes.Names, client.Reads.Names) {
			require.Regexp(t, `^[a-zA-Z0-9._-]+$`, prefix)
			require.NotRegexp(t, `^(_$|__)`, prefix, "Kafka's internal topics")
		}
		for _, group := range client.Groups.Names {
			require.NotRegexp(t, "[*?\"'\\\\, ]|\\$\\{|[^!-~]", group)
			require.False(t, claimed[group], "%s is in two lists, or twice in one", group)
			claimed[group] = true
		}
	}
}
