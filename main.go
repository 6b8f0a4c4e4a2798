// Command msk-serverless is the Pulumi program of a Kafka platform for market data on Amazon MSK Serverless: the
// cluster, the security groups around it, a log group, and least-privilege IAM for the collectors that produce and
// everything that consumes.
package main

import (
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/config"
)

func main() {
	pulumi.Run(deploy)
}

// deploy declares the platform of one environment, from its configuration to its outputs.
func deploy(ctx *pulumi.Context) error {
	stackFile := filepath.Join(ctx.RootDirectory(), "Pulumi."+ctx.Stack()+".yaml")
	cfg, err := config.Load(ctx.Project(), stackFile, ctx.GetConfig)
	if err != nil {
		return err
	}
	if err := setLifecycle(ctx, cfg); err != nil {
		return err
	}
	provider, err := newProvider(ctx, cfg)
	if err != nil {
		return err
	}
	account, err := preflight(ctx, cfg, provider)
	if err != nil {
		return err
	}
	network, err := newNetwork(ctx, cfg, provider)
	if err != nil {
		return err
	}
	cluster, err := newCluster(ctx, cfg, provider, network)
	if err != nil {
		return err
	}
	logs, err := newLogging(ctx, cfg, provider, cluster)
	if err != nil {
		return err
	}
	if err := newClusterPolicy(ctx, cfg, provider, cluster); err != nil {
		return err
	}
	access, err := newAccess(ctx, cfg, provider, account, cluster, logs)
	if err != nil {
		return err
	}
	dashboard, err := newMonitoring(ctx, cfg, provider, account, cluster)
	if err != nil {
		return err
	}
	export(ctx, cfg, network, logs, cluster, access, dashboard)
	return nil
}
