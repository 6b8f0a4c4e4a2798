package main

import (
	"fmt"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

var clientCounts = []int{1, 10, 50, 200}

// withClients returns the valid configuration with n clients of mixed kinds.
func withClients(n int) map[string]string {
	return configtest.With(map[string]string{"clients": configtest.MixedClients(n)})
}

func BenchmarkConfig(b *testing.B) {
	for _, n := range clientCounts {
		b.Run(fmt.Sprint("clients=", n), func(b *testing.B) {
			values := withClients(n)
			b.ReportAllocs()
			for b.Loop() {
				_, err := config.Parse(project.Name, values)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkPolicies(b *testing.B) {
	for _, n := range clientCounts {
		b.Run(fmt.Sprint("clients=", n), func(b *testing.B) {
			cfg, err := config.Parse(project.Name, withClients(n))
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
	for _, n := range clientCounts {
		b.Run(fmt.Sprint("clients=", n), func(b *testing.B) {
			config := withClients(n)
			b.ReportAllocs()
			for b.Loop() {
				m := &mocks{resources: map[string]pulumi.MockResourceArgs{}}
				err := pulumi.RunErr(deploy, pulumi.WithMocks(project.Name, "test", m),
					func(info *pulumi.RunInfo) { info.Config = config })
				require.NoError(b, err)
			}
		})
	}
}
