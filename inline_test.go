package main

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
)

// The same program runs inline, where no file tells the CLI of its settings.
func TestLifecycleInline(t *testing.T) {
	t.Parallel()
	stack := stacktest.New(t, configtest.With(nil))
	env := map[string]string{}
	for _, kv := range stack.Env {
		if k, v, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "PULUMI_") || k == "PATH" {
			env[k] = v
		}
	}
	ctx := t.Context()
	s, err := auto.UpsertStackInlineSource(ctx, "inline", "msk-serverless", deploy, auto.EnvVars(env),
		auto.PulumiHome(env["PULUMI_HOME"]))
	require.NoError(t, err)
	for key, value := range configtest.With(map[string]string{"protect": "false"}) {
		require.NoError(t, s.SetConfig(ctx, key, auto.ConfigValue{Value: value}))
	}
	preview, err := s.Preview(ctx, optpreview.Diff())
	require.NoError(t, err)
	assert.Empty(t, stack.Changes())
	up, err := s.Up(ctx)
	require.NoError(t, err)
	assert.Equal(t, preview.ChangeSummary[apitype.OpCreate], (*up.Summary.ResourceChanges)["create"],
		"what was previewed is done")
	assert.Regexp(t, `^arn:aws:kafka:ap-south-1:123456789012:cluster/crypto-stream/[0-9a-f-]{36}-s[0-9]+$`,
		up.Outputs["clusterArn"].Value)
	_, err = s.Up(ctx, optup.ExpectNoChanges())
	require.NoError(t, err)
	_, err = s.Destroy(context.WithoutCancel(ctx))
	require.NoError(t, err)
	assert.Empty(t, stack.AWS.Changed())
}

func TestServerlessStillHasNoLogging(t *testing.T) {
	t.Parallel()
	for f := range reflect.TypeFor[msk.ServerlessClusterArgs]().Fields() {
		assert.NotRegexp(
			t,
			`(?i)log`,
			f.Name,
			"ServerlessClusterArgs has a logging input now: in msk.go send broker logs to the group of logging.go, "+
				"and say so in logging.go, "+
				"the README's part on the log group and docs/operations.md",
		)
	}
}
