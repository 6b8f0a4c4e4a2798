package project

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEnviron(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inherited []string
		want      map[string]string
		gone      []string
	}{
		"bare": {
			[]string{"PATH=/usr/bin"},
			map[string]string{
				"PATH": "/repo/bin:/usr/bin", "PULUMI_DEBUG_PROVIDERS": "aws:1234", "PULUMI_CONFIG_PASSPHRASE": "",
				"PULUMI_BACKEND_URL": "file:///repo/.sandbox/state", "GOFLAGS": "-buildvcs=false",
				"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true", "PULUMI_SKIP_UPDATE_CHECK": "true",
				"PULUMI_OPTION_GENERATE_CODE": "false",
			},
			nil,
		},
		"of a Pulumi user with an AWS account": {
			[]string{
				"PATH=/usr/bin", "HOME=/root", "PULUMI_HOME=/p", "PULUMI_ACCESS_TOKEN=pul-1",
				"PULUMI_BACKEND_URL=s3://x",
				"PULUMI_STACK=prod", "PULUMI_CONFIG_PASSPHRASE_FILE=/x", "AWS_PROFILE=prod", "AWS_REGION=eu-west-1",
			},
			map[string]string{
				"HOME": "/root", "PULUMI_HOME": "/p", "PULUMI_BACKEND_URL": "file:///repo/.sandbox/state",
			},
			[]string{
				"PULUMI_ACCESS_TOKEN", "PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE_FILE", "AWS_PROFILE", "AWS_REGION",
			},
		},
		"with Go flags":     {[]string{"GOFLAGS=-mod=mod"}, map[string]string{"GOFLAGS": "-mod=mod -buildvcs=false"}, nil},
		"with the flag set": {[]string{"GOFLAGS=-buildvcs=true"}, map[string]string{"GOFLAGS": "-buildvcs=true"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			for _, kv := range Environ(c.inherited, "/repo/bin", "/repo/.sandbox/state", "aws:1234") {
				k, v, _ := strings.Cut(kv, "=")
				got[k] = v
			}
			for k, v := range c.want {
				assert.Equal(t, v, got[k], k)
			}
			for _, k := range c.gone {
				assert.NotContains(t, got, k)
			}
		})
	}
}
