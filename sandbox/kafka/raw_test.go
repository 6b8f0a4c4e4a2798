package kafka

import (
	"crypto/tls"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"
)

// rawConn is a client's connection that sends single requests, and nothing that isn't asked for.
type rawConn struct {
	net.Conn
	t *testing.T
}

// dial connects to a broker without authenticating.
func (c *testCluster) dial(t *testing.T) rawConn {
	t.Helper()
	conn, err := tls.Dial("tcp", c.ListenAddrs()[0], &tls.Config{RootCAs: c.roots})
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { _ = conn.Close() })
	return rawConn{conn, t}
}

// raw connects as a role.
func (c *testCluster) raw(t *testing.T, role string) rawConn {
	t.Helper()
	conn := c.dial(t)
	resp := conn.login("AWS_MSK_IAM", c.iamMessage(t, role))
	require.Zero(t, resp.ErrorCode, "%s: %v", role, resp.ErrorMessage)
	return conn
}

// iamMessage returns the message of AWS_MSK_IAM that franz-go signs.
func (c *testCluster) iamMessage(t *testing.T, role string) []byte {
	t.Helper()
	return c.iamMessageFor(t, role, c.ListenAddrs()[0])
}

func (c *testCluster) iamMessageFor(t *testing.T, role, address string) []byte {
	t.Helper()
	credentials, _ := c.Credentials(role)
	_, message, err := kaws.Auth{
		AccessKey: credentials.AccessKeyID, SecretKey: credentials.SecretAccessKey,
		SessionToken: credentials.SessionToken,
	}.AsManagedStreamingIAMMechanism().Authenticate(t.Context(), address)
	require.NoError(t, err)
	return message
}

func (c rawConn) handshake(mechanism string) *kmsg.SASLHandshakeResponse {
	c.t.Helper()
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Version, req.Mechanism = 1, mechanism
	return c.ask(req).(*kmsg.SASLHandshakeResponse)
}

func (c rawConn) login(mechanism string, message []byte) *kmsg.SASLAuthenticateResponse {
	c.t.Helper()
	require.Zero(c.t, c.handshake(mechanism).ErrorCode)
	req := kmsg.NewPtrSASLAuthenticateRequest()
	req.Version, req.SASLAuthBytes = 2, message
	return c.ask(req).(*kmsg.SASLAuthenticateResponse)
}

// ask sends a request and returns its response.
func (c rawConn) ask(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	resp, err := c.try(req)
	require.NoError(c.t, err)
	return resp
}

// try sends a request, and returns an error if the connection is closed instead of an answer.
func (c rawConn) try(req kmsg.Request) (kmsg.Response, error) {
	r := request{Request: req, correlation: 7}
	if _, err := c.Write(r.encode()); err != nil {
		return nil, err
	}
	frame, err := readFrame(c)
	if err != nil {
		return nil, err
	}
	return r.decode(frame)
}

// codesOf returns every error code of a response, in order.
func codesOf(resp kmsg.Response) []int16 {
	var codes []int16
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if name := v.Type().Field(i).Name; name == "ErrorCode" {
					codes = append(codes, int16(v.Field(i).Int()))
				} else if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		}
	}
	walk(reflect.ValueOf(resp))
	return codes
}
