// Package bootstrap tests the CloudFormation template beside it: what it makes, and what its policies allow.
package bootstrap

import (
	"maps"
	"testing"

	"msk-serverless/internal/cfn"
)

var mumbai = cfn.Account{ID: "123456789012", Partition: "aws", Region: "ap-south-1"}

func deploy(t *testing.T, where cfn.Account, name string, parameters map[string]string) cfn.Deployed {
	t.Helper()
	return cfn.Deploy(t, "stack.yaml", where, name, parameters)
}

// with returns the parameters of a stack with changes.
func with(changes map[string]string) map[string]string {
	parameters := map[string]string{
		"Stack": "prod", "Cluster": "crypto-stream", "VpcIds": "vpc-0a1b2c3d4e5f60718",
		"Repository": "acme/market-data", "RepositoryOwnerId": "1001", "RepositoryId": "2002",
	}
	maps.Copy(parameters, changes)
	return parameters
}
