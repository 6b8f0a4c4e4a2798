package aws

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What AWS's HTTP APIs answer beyond what mskctl's own tests ask them.
func TestAPI(t *testing.T) {
	t.Parallel()
	sandbox := New()
	sandbox.Fail(Fault{Type: "iam:ListRoles", Error: Denied})
	sandbox.Fail(Fault{Type: "logs:DescribeLogGroups", Error: Denied})
	endpoint, stop, err := sandbox.ServeAPI()
	require.NoError(t, err)
	t.Cleanup(stop)
	const query = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, service, target, body string
		status                      int
		want                        string
	}{
		{"unsigned", "", "", "Action=ListRoles", 403, "not signed"},
		{"another action", "iam", "", "Action=DeleteRole", 501, "the sandbox doesn't serve iam:DeleteRole"},
		{"another target", "logs", "Logs_20140328.DeleteLogGroup", "{}", 501, "the sandbox doesn't serve logs:DeleteLogGroup"},
		{"another service", "sqs", "", "Action=ListRoles", 501, "the sandbox doesn't serve sqs:ListRoles"},
		{"a body that isn't JSON", "logs", "Logs_20140328.DescribeLogGroups", "<", 400, "invalid character"},
		{"denied in XML", "iam", "", "Action=ListRoles", 403, "<ErrorResponse><Error><Code>AccessDenied</Code>"},
		{"denied in JSON", "logs", "Logs_20140328.DescribeLogGroups", "{}", 403, `"__type":"AccessDenied"`},
		{
			"no such role", "iam", "", "Action=GetRole&RoleName=x", 404,
			"<Code>NoSuchEntity</Code><Message>The role with name x cannot be found.",
		},
		{"nothing there", "ec2", "", "Action=DescribeSecurityGroups", 200, "<securityGroupInfo></"},
		{
			"a filter that the sandbox lacks", "ec2", "", "Action=DescribeSecurityGroups&Filter.1.Name=owner", 400,
			"<Code>InvalidParameterValue</Code>",
		},
		{"a policy", "iam", "", "Action=ListPolicies", 200, "<PolicyName>MSK-Permission-Boundary</PolicyName>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", query)
			req.Header.Set("X-Amz-Target", c.target)
			if c.service != "" {
				req.Header.Set("Authorization", "Credential=x/20260101/ap-south-1/"+c.service+"/aws4_request")
			}
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, c.status, res.StatusCode, string(body))
			assert.Contains(t, string(body), c.want)
		})
	}
}
