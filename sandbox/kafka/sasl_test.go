package kafka

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	iam    = "AWS_MSK_IAM"
	bearer = "OAUTHBEARER"
)

// token returns the token that AWS's signers make of a presigned URL, and lets change alter the request before it is
// signed.
func (c *testCluster) token(t *testing.T, role string, at time.Time, change func(*http.Request)) string {
	t.Helper()
	return c.regionalToken(t, role, "ap-south-1", at, change)
}

func (c *testCluster) regionalToken(
	t *testing.T, role, region string, at time.Time, change func(*http.Request),
) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "https://kafka.ap-south-1.amazonaws.com/", nil)
	require.NoError(t, err)
	query := url.Values{"Action": {"kafka-cluster:Connect"}, "X-Amz-Expires": {"900"}}
	request.URL.RawQuery = query.Encode()
	if change != nil {
		change(request)
	}
	keys, _ := c.Credentials(role)
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), aws.Credentials{
		AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
	}, request, emptyPayload, signingService, region, at)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString([]byte(signed + "&User-Agent=test"))
}

func bearerMessage(token string) []byte { return []byte("n,,\x01auth=Bearer " + token + "\x01\x01") }

func TestHandshake(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	for mechanism, code := range map[string]int16{
		iam: 0, bearer: 0, "PLAIN": kerr.UnsupportedSaslMechanism.Code, "": kerr.UnsupportedSaslMechanism.Code,
	} {
		resp := c.dial(t).handshake(mechanism)
		assert.Equal(t, code, resp.ErrorCode, mechanism)
		assert.Equal(t, []string{iam, bearer}, resp.SupportedMechanisms, "listed in any case")
	}
	old := kmsg.NewPtrSASLHandshakeRequest()
	old.Mechanism = iam
	_, err := c.dial(t).try(old)
	require.Error(t, err)
	resp := c.dial(t).ask(kmsg.NewPtrSASLAuthenticateRequest())
	assert.Equal(t, []int16{kerr.IllegalSaslState.Code}, codesOf(resp), "without a handshake")
}

// Both mechanisms let a role in that may connect, until its session ends.
func TestLogin(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	c.grant(t, "r", allow([]string{"Connect"}))
	c.grant(t, "nobody", allow([]string{"DescribeCluster"}))
	now := c.now()

	first := c.dial(t).login(iam, c.iamMessage(t, "r"))
	assert.Zero(t, first.ErrorCode)
	assert.InDelta(t, (12 * time.Hour).Milliseconds(), first.SessionLifetimeMillis, 1000)
	var answer map[string]string
	require.NoError(t, json.Unmarshal(first.SASLAuthBytes, &answer))
	assert.Equal(t, "2020_10_22", answer["version"])
	assert.NotEmpty(t, answer["request-id"])

	second := c.dial(t).login(bearer, bearerMessage(c.token(t, "r", now, nil)))
	assert.Zero(t, second.ErrorCode)
	assert.Empty(t, second.SASLAuthBytes)
	assert.InDelta(t, (15 * time.Minute).Milliseconds(), second.SessionLifetimeMillis, 1000)

	for _, resp := range []*kmsg.SASLAuthenticateResponse{
		c.dial(t).login(iam, c.iamMessage(t, "nobody")),
		c.dial(t).login(bearer, bearerMessage(c.token(t, "nobody", now, nil))),
		c.dial(t).login(iam, c.iamMessage(t, "unknown")),
	} {
		assert.Equal(t, kerr.SaslAuthenticationFailed.Code, resp.ErrorCode)
		assert.Regexp(t, `^\[[0-9a-f-]{36}\]: Access denied$`, *resp.ErrorMessage)
	}
	c.later(15*time.Minute + time.Second)
	_, err := c.dial(t).try(kmsg.NewPtrMetadataRequest())
	assert.Error(t, err)
}

// Each change to a message that would be accepted makes it one that isn't.
func TestLoginRefusesForgeries(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	c.grant(t, "r", allow([]string{"Connect"}))
	c.grant(t, "other", allow([]string{"Connect"}))
	now := c.now()
	refused := func(what, mechanism string, message []byte) {
		resp := c.dial(t).login(mechanism, message)
		assert.Equal(t, kerr.SaslAuthenticationFailed.Code, resp.ErrorCode, what)
	}
	for field, value := range map[string]string{
		"x-amz-signature": strings.Repeat("0", 64), "x-amz-security-token": "token of other", "host": "example.com",
		"x-amz-expires": "301", "action": "kafka-cluster:Read", "version": "2020_10_23", "x-amz-algorithm": "AWS4",
		"x-amz-signedheaders": "host;x", "x-amz-date": now.UTC().Add(-time.Minute).Format(timeFormat),
		"x-amz-credential": "other/" + now.UTC().Format("20060102") + "/ap-south-1/kafka-cluster/aws4_request",
	} {
		var fields map[string]string
		require.NoError(t, json.Unmarshal(c.iamMessage(t, "r"), &fields))
		require.NotEqual(t, value, fields[field], field)
		for _, v := range []string{value, ""} {
			fields[field] = v
			message, err := json.Marshal(fields)
			require.NoError(t, err)
			refused(field+"="+v, iam, message)
		}
	}
	refused("not JSON", iam, []byte("x"))
	refused("another host", iam, c.iamMessageFor(t, "r", "example.com:9098"))
	for what, message := range map[string][]byte{
		"no header":    []byte("auth=Bearer x"),
		"no token":     []byte("n,,\x01host=x\x01\x01"),
		"not base64":   bearerMessage("*"),
		"not signed":   bearerMessage(base64.RawURLEncoding.EncodeToString([]byte("https://kafka.x/?Action=x"))),
		"future":       bearerMessage(c.token(t, "r", now.Add(time.Hour), nil)),
		"expired":      bearerMessage(c.token(t, "r", now.Add(-16*time.Minute), nil)),
		"unknown key":  bearerMessage(c.token(t, "unknown", now, nil)),
		"other host":   bearerMessage(c.token(t, "r", now, func(r *http.Request) { r.Host, r.URL.Host = "x.com", "x.com" })),
		"other action": bearerMessage(c.token(t, "r", now, func(r *http.Request) { setQuery(r, "Action", "kafka:Connect") })),
		"other region": bearerMessage(c.regionalToken(t, "r", "us-east-1", now, nil)),
		"too long":     bearerMessage(c.token(t, "r", now, func(r *http.Request) { setQuery(r, "X-Amz-Expires", "3600") })),
	} {
		refused(what, bearer, message)
	}
	token := bearerMessage(c.token(t, "r", now, nil))
	for i := range token {
		if at := token[i]; i > len("n,,\x01auth=Bearer ") && i < len(token)-40 && i%7 == 0 && at >= 'a' && at < 'z' {
			forged := bytes.Clone(token)
			forged[i]++
			refused("one letter changed", bearer, forged)
		}
	}
	message := c.iamMessage(t, "r")
	c.later(4 * time.Minute)
	assert.Zero(t, c.dial(t).login(iam, message).ErrorCode, "valid for 5 minutes")
	c.later(61 * time.Second)
	refused("expired", iam, message)
}

func setQuery(r *http.Request, key, value string) {
	query := r.URL.Query()
	query.Set(key, value)
	r.URL.RawQuery = query.Encode()
}

// A connection authenticates again with the same principal and mechanism, or it ends.
func TestReauthentication(t *testing.T) {
	t.Parallel()
	c := start(t, func(config *Config) { config.MaxSession = time.Minute })
	c.grant(t, "r", allow([]string{"Connect"}))
	c.grant(t, "other", allow([]string{"Connect"}))
	works := func(conn rawConn) bool {
		_, err := conn.try(kmsg.NewPtrMetadataRequest())
		return err == nil
	}
	conn := c.raw(t, "r")
	c.later(50 * time.Second)
	assert.Zero(t, conn.login(iam, c.iamMessage(t, "r")).ErrorCode)
	c.later(50 * time.Second)
	assert.True(t, works(conn), "the session was renewed")
	assert.Equal(t, kerr.IllegalSaslState.Code, conn.handshake(bearer).ErrorCode, "another mechanism")
	assert.True(t, works(conn))
	c.later(20 * time.Second)
	assert.False(t, works(conn), "the session has expired")

	conn = c.raw(t, "r")
	resp := conn.login(iam, c.iamMessage(t, "other"))
	assert.Equal(t, kerr.SaslAuthenticationFailed.Code, resp.ErrorCode)
	assert.Equal(t, "Cannot change principals during re-authentication from "+
		"IAM.arn:aws:sts::123456789012:assumed-role/r/test: IAM.arn:aws:sts::123456789012:assumed-role/other/test",
		*resp.ErrorMessage)
	assert.False(t, works(conn))

	conn = c.raw(t, "r")
	require.Zero(t, conn.handshake(iam).ErrorCode)
	assert.False(t, works(conn), "a handshake is followed by its authentication")
}

// A session that would end at once isn't granted, nor one for credentials that have expired.
func TestSessionTooShort(t *testing.T) {
	t.Parallel()
	c := oneBroker(t)
	c.grant(t, "r", allow([]string{"Connect"}))
	c.expires = c.now().Add(500 * time.Millisecond)
	resp := c.dial(t).login(iam, c.iamMessage(t, "r"))
	assert.Regexp(t, `^\[[0-9a-f-]{36}\]: Session too short$`, *resp.ErrorMessage)
	c.expires = c.now()
	resp = c.dial(t).login(iam, c.iamMessage(t, "r"))
	assert.Regexp(t, `Access denied$`, *resp.ErrorMessage)
}
