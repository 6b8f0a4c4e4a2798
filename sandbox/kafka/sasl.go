package kafka

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"msk-serverless/internal/iampolicy"
)

// mechanisms are the SASL mechanisms, with what reads the first message of each.
var mechanisms = map[string]func(message []byte) (signed, []byte, error){
	"AWS_MSK_IAM": readIAM,
	"OAUTHBEARER": readToken,
}

var mechanismNames = []string{"AWS_MSK_IAM", "OAUTHBEARER"}

// longestSession is the longest session, however long the credentials are valid. AWS doesn't document its own limit;
// this is the longest that credentials of a role can be valid.
const longestSession = 12 * time.Hour

// shortestSession is the shortest session that is granted. AWS refuses sessions that are "too short" without saying
// how short that is.
const shortestSession = time.Second

// brokerError is an error in the words of MSK's brokers, as users report them (aws/aws-msk-iam-auth issues 104 and 176,
// dpkp/kafka-python issue 2638).
type brokerError string

func (e brokerError) Error() string { return string(e) }

// session is the state of a connection's authentication.
type session struct {
	principal string // ARN; empty before the first authentication
	mechanism string
	expires   time.Time
	chosen    string // mechanism of the handshake that waits for its authentication
}

// check returns why a request other than for authentication isn't handled.
func (s session) check(now time.Time) error {
	switch {
	case s.principal == "" || s.chosen != "":
		return errors.New("not authenticated")
	case now.After(s.expires):
		return errors.New("the session has expired, and the client did not authenticate again")
	}
	return nil
}

// handshake agrees on a mechanism. The response lists the mechanisms, also if all is well, as brokers do.
func (c *conn) handshake(r request, req *kmsg.SASLHandshakeRequest) error {
	resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
	resp.SupportedMechanisms = mechanismNames
	switch {
	case req.Version < 1:
		return errors.New("SaslHandshake v0: use version 1, which Kafka has had since 1.0")
	case !slices.Contains(mechanismNames, req.Mechanism):
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
	case c.session.mechanism != "" && c.session.mechanism != req.Mechanism:
		resp.ErrorCode = kerr.IllegalSaslState.Code // a session keeps its mechanism
	default:
		c.session.chosen = req.Mechanism
	}
	return c.respond(r, resp)
}

// authenticate begins a session or renews it. After a failure the connection is closed.
func (c *conn) authenticate(r request, req *kmsg.SASLAuthenticateRequest) error {
	resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	next, answer, err := c.login(req.SASLAuthBytes)
	var code *kerr.Error
	switch {
	case errors.As(err, &code):
		resp.ErrorCode = code.Code
	case err != nil:
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr(err.Error())
	default:
		c.session = next
		resp.SASLAuthBytes = answer
		resp.SessionLifetimeMillis = next.expires.Sub(c.cluster.config.Now()).Milliseconds()
	}
	if failed := c.respond(r, resp); failed != nil {
		return failed
	}
	return err
}

// login returns the session that the client's message begins, and the answer to the message.
func (c *conn) login(message []byte) (session, []byte, error) {
	was := c.session
	if was.chosen == "" {
		return session{}, nil, kerr.IllegalSaslState
	}
	denied := brokerError("[" + requestID() + "]: Access denied")
	claim, answer, err := mechanisms[was.chosen](message)
	if err != nil {
		c.cluster.logf("%s: %v", c.client.RemoteAddr(), err)
		return session{}, nil, denied
	}
	credentials, err := c.cluster.verify(claim)
	if err != nil {
		c.cluster.logf("%s: %v", c.client.RemoteAddr(), err)
		return session{}, nil, denied
	}
	connect := asker{c.cluster, credentials.Principal, "SaslAuthenticate"}
	if !connect.may("kafka-cluster:Connect", c.cluster.config.ARN) {
		return session{}, nil, denied
	}
	if was.principal != "" && was.principal != credentials.Principal {
		return session{}, nil, brokerError("Cannot change principals during re-authentication from IAM." +
			was.principal + ": IAM." + credentials.Principal)
	}
	expires := c.cluster.expiry(was.chosen, claim, credentials)
	if expires.Sub(c.cluster.config.Now()) < shortestSession {
		return session{}, nil, brokerError("[" + requestID() + "]: Session too short")
	}
	return session{principal: credentials.Principal, mechanism: was.chosen, expires: expires}, answer, nil
}

// expiry returns when a session ends: with the credentials, and with the token if there is one.
func (c *Cluster) expiry(mechanism string, claim signed, credentials Credentials) time.Time {
	now := c.config.Now()
	ends := []time.Time{credentials.Expires, now.Add(longestSession)}
	if mechanism == "OAUTHBEARER" {
		ends = append(ends, claim.expires())
	}
	if c.config.MaxSession > 0 {
		ends = append(ends, now.Add(c.config.MaxSession))
	}
	return slices.MinFunc(ends, time.Time.Compare)
}

// requestID returns a random UUID, with which MSK begins its errors.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// allowed asks the authority, in the cluster's region.
func (c *Cluster) allowed(principal, action, resource string) bool {
	return c.config.Authority.Allows(principal, iampolicy.Request{
		Action:   action,
		Resource: resource,
		Context:  map[string]string{iampolicy.RequestedRegion: c.region},
	})
}
