package main

import (
	"fmt"
	"testing"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// `make bench` runs these and writes their medians down; for benchstat: go test -run '^$' -bench . -count 10 .
// >new.txt

var teamCounts = []int{1, 10, 50, 200}

// withTeams returns the valid configuration with n teams, each with a topic prefix and a consumer group.
func withTeams(n int) map[string]string {
	teams := map[string]config.Team{}
	for i := range n {
		name := fmt.Sprintf("team-%03d", i)
		teams[name] = config.Team{TopicPrefixes: []string{name + "."}, GroupNames: []string{name}}
	}
	return configtest.With(map[string]string{"consumerTeams": compact.JSON(teams)})
}

func BenchmarkConfig(b *testing.B) {
	for _, n := range teamCounts {
		b.Run(fmt.Sprint("teams=", n), func(b *testing.B) {
			values := withTeams(n)
			b.ReportAllocs()
			for b.Loop() {
				_, err := config.Parse(project.Name, values)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkPolicies(b *testing.B) {
	for _, n := range teamCounts {
		b.Run(fmt.Sprint("teams=", n), func(b *testing.B) {
			cfg, err := config.Parse(project.Name, withTeams(n))
			require.NoError(b, err)
			acct := account{ID: "123456789012", Partition: "aws"}
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range clusterPolicies(cfg, acct) {
					size(p.document(string(longestARN(cfg, acct))))
				}
			}
		})
	}
}

// BenchmarkProgram measures the whole program, with mocks for the engine.
func BenchmarkProgram(b *testing.B) {
	for _, n := range teamCounts {
		b.Run(fmt.Sprint("teams=", n), func(b *testing.B) {
			config := withTeams(n)
			b.ReportAllocs()
			for b.Loop() {
				m := &mocks{resources: map[string]pulumi.MockResourceArgs{}}
				err := pulumi.RunErr(
					deploy,
					pulumi.WithMocks(project.Name, "test", m),
					func(info *pulumi.RunInfo) { info.Config = config },
				)
				require.NoError(b, err)
			}
		})
	}
}
