package stacktest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShortURN(t *testing.T) {
	t.Parallel()
	const stack = "urn:pulumi:test::msk-serverless::"
	for urn, want := range map[string]string{
		stack + "aws:iam/policy:Policy::producer": "iam/policy producer",
		stack + "aws:ec2/x:X::to-::/0":            "ec2/x to-::/0",
		stack + "pulumi:providers:aws::aws":       "pulumi:providers:aws aws",
	} {
		assert.Equal(t, want, ShortURN(urn))
	}
}
