// Package fuzz feeds random input to the configuration's parser. It doesn't use testify, which imports net/http: Go
// recompiles everything that a fuzz target imports, and that would take a minute.
package fuzz

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

// FuzzConfig sets two settings of a good configuration to anything. Whatever is accepted holds no name that would
// mean something else in an IAM policy or in a query of CloudWatch.
func FuzzConfig(f *testing.F) {
	for _, seed := range configtest.Seeds(config.Keys(project.Name)) {
		f.Add(seed.Key, seed.Value, seed.Key2, seed.Value2)
	}
	f.Fuzz(func(t *testing.T, key byte, value string, key2 byte, value2 string) {
		values := configtest.Fuzzed(config.Keys(project.Name), key, value, key2, value2)
		cfg, err := config.Parse(project.Name, values)
		if err == nil {
			checkClients(t, cfg.Clients())
			return
		}
		var ps config.Problems
		if !errors.As(err, &ps) {
			t.Fatalf("not a list of problems: %v", err)
		}
		for _, p := range ps {
			if p.Key == "" || p.Want == "" {
				t.Fatalf("a problem without a key or a remedy: %+v", p)
			}
		}
	})
}

var (
	topicPrefix = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
	internal    = regexp.MustCompile(`^(_$|__)`) // Kafka's own topics
	special     = regexp.MustCompile("[*?\"'\\\\, ]|\\$\\{|[^!-~]")
)

func checkClients(t *testing.T, clients []config.Client) {
	t.Helper()
	names, claimed := map[string]bool{}, map[string]bool{}
	for _, client := range clients {
		if names[strings.ToLower(client.Name)] {
			t.Fatalf("two clients named %s", client.Name)
		}
		names[strings.ToLower(client.Name)] = true
		for _, prefix := range slices.Concat(client.Writes.Names, client.Reads.Names) {
			if !topicPrefix.MatchString(prefix) || internal.MatchString(prefix) {
				t.Fatalf("prefix %q", prefix)
			}
		}
		for _, group := range client.Groups.Names {
			if special.MatchString(group) {
				t.Fatalf("group %q", group)
			}
			if claimed[group] {
				t.Fatalf("group %s is in two lists, or twice in one", group)
			}
			claimed[group] = true
		}
	}
}
