package bootstrap

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"msk-serverless/internal/cfn"
	"msk-serverless/internal/iampolicy"
)

// call is an AWS call of testdata/calls.jsonl, which tools/recordcalls writes.
type call struct {
	Phase, Service, Action, Path string
}

func (c call) String() string { return c.Phase + ": " + c.Service + " " + c.Action }

// recorded returns the calls of a stack's life on its state and key: those that the real Pulumi CLI made in front of an
// AWS emulator. What the program makes was in the sandbox.
func recorded(t *testing.T) []call {
	t.Helper()
	doc, err := os.ReadFile("testdata/calls.jsonl")
	require.NoError(t, err)
	var calls []call
	for line := range strings.Lines(string(doc)) {
		var c call
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		calls = append(calls, c)
	}
	return calls
}

// needs translates the call to what IAM decides: an action on each resource that is involved, with the condition keys
// that AWS sets (Service Authorization Reference).
func (c call) needs(t *testing.T, d cfn.Deployed) []iampolicy.Request {
	t.Helper()
	switch c.Service {
	case "s3":
		return c.s3(t, d)
	case "kms":
		return []iampolicy.Request{ask("kms:"+c.Action, d.Attribute("Key", "Arn"))}
	}
	require.FailNow(t, "unknown service", c.Service)
	return nil
}

// s3 knows that the bucket is encrypted with the key, which the emulator's isn't.
func (c call) s3(t *testing.T, d cfn.Deployed) []iampolicy.Request {
	t.Helper()
	method, _, _ := strings.Cut(c.Action, " ")
	bucket, key := d.Attribute("StateBucket", "Arn"), d.Attribute("Key", "Arn")
	_, object, _ := strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	switch {
	case object == "" && method == "GET":
		return []iampolicy.Request{ask("s3:ListBucket", bucket)}
	case method == "GET" || method == "HEAD":
		return []iampolicy.Request{ask("s3:GetObject", bucket+"/"+object), ask("kms:Decrypt", key)}
	case method == "PUT":
		return []iampolicy.Request{ask("s3:PutObject", bucket+"/"+object), ask("kms:GenerateDataKey", key)}
	case method == "DELETE":
		return []iampolicy.Request{ask("s3:DeleteObject", bucket+"/"+object)}
	}
	require.FailNow(t, "unknown call", "%s", c)
	return nil
}
