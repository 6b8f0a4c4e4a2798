package stacktest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShortURN(t *testing.T) {
	t.Parallel()
	const stack = "urn:pulumi:test::msk-serverless::"
	for urn, want := range map[string]string{
		stack + "aws:iam/policy:Policy::producer":                                            "iam/policy producer",
		stack + "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule::collector-to-::/0": "vpc/securityGroupEgressRule collector-to-::/0",
		stack + "pulumi:providers:aws::aws":                                                  "pulumi:providers:aws aws",
	} {
		assert.Equal(t, want, ShortURN(urn))
	}
}
