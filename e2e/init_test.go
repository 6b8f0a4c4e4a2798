package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/stacktest"
)

// callerIdentity returns an environment in which AWS says that the credentials belong to the principal.
func callerIdentity(t *testing.T, arn string) []string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn><Account>%s</Account>`+
			`<UserId>x</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`, arn, strings.Split(arn, ":")[4])
	}))
	t.Cleanup(server.Close)
	return []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x"}
}

func TestInit(t *testing.T) {
	t.Parallel()
	s := newStack(t, configtest.With(nil))
	deploy := callerIdentity(t, "arn:aws:sts::123456789012:assumed-role/MSK-Builder/run-42")

	out := s.runs(t, deploy, "init", stacktest.Name)
	assert.Equal(t, 4, strings.Count(out, "ok  "), out)
	file := s.read(t, "Pulumi."+stacktest.Name+".yaml")
	assert.Contains(t, file, stacktest.Salt)
	assert.NotContains(t, file, "probe", "nothing is left behind")

	const builder = "arn:aws:iam::123456789012:role/ci/MSK-Builder"
	for _, c := range []struct {
		name     string
		settings map[string]string
		env      []string
		want     []string
	}{
		{
			"no backend", nil, append(deploy, "PULUMI_BACKEND_URL=file:///nowhere"),
			[]string{"FAILED  state backend", "set PULUMI_BACKEND_URL to the template's output", "FAILED  stack test"},
		},
		{
			"no stack", nil, append(deploy, "PULUMI_BACKEND_URL=file://"+t.TempDir()),
			[]string{"ok      state backend", "FAILED  stack test", "pulumi stack init test --secrets-provider="},
		},
		{
			"wrong key", nil, append(deploy, "PULUMI_CONFIG_PASSPHRASE=wrong"),
			[]string{"FAILED  secrets provider", "incorrect passphrase"},
		},
		{
			"no credentials", nil,
			[]string{"AWS_EC2_METADATA_DISABLED=true", "HOME=/nowhere"},
			[]string{"FAILED  credentials", "get credentials for AWS"},
		},
		{
			"foreign account",
			map[string]string{"allowedAccountIds": `["210987654321"]`},
			deploy,
			[]string{"FAILED  credentials", "the account would be 123456789012, and allowedAccountIds has 210987654321"},
		},
		{
			"foreign account of the role",
			map[string]string{
				"allowedAccountIds": `["123456789012"]`, "assumeRoleArn": "arn:aws:iam::210987654321:role/MSK-Builder",
			},
			deploy,
			[]string{"the account would be 210987654321"},
		},
		{
			"role assumed twice",
			map[string]string{"assumeRoleArn": builder},
			deploy,
			[]string{"already those of " + builder, "remove assumeRoleArn"},
		},
	} {
		s.Set(t, map[string]string{"allowedAccountIds": configtest.Unset, "assumeRoleArn": configtest.Unset})
		s.Set(t, c.settings)
		out, code := s.mskctl(t, c.env, "init", stacktest.Name)
		assert.Equal(t, 1, code, c.name)
		for _, want := range c.want {
			assert.Contains(t, out, want, c.name)
		}
	}

	for name, role := range map[string]string{
		"another account's":     "arn:aws:iam::210987654321:role/MSK-Builder",
		"a longer name":         "arn:aws:iam::123456789012:role/MSK-Builder2",
		"a name like a pattern": "arn:aws:iam::123456789012:role/MSK.Builder",
	} {
		s.Set(t, map[string]string{"assumeRoleArn": role, "allowedAccountIds": configtest.Unset})
		out, code := s.mskctl(t, deploy, "init", stacktest.Name)
		assert.Zero(t, code, "%s role is another role\n%s", name, out)
	}
}
