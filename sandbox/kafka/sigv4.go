package kafka

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signed is a presigned request of kafka-cluster:Connect, as its signer claims it to be.
type signed struct {
	host      string
	brokers   bool       // whether the host must be one of the brokers, and not the regional endpoint
	query     url.Values // without the signature
	signature string

	accessKeyID, region string
	at                  time.Time
	lifetime            time.Duration
}

func (s signed) expires() time.Time { return s.at.Add(s.lifetime) }

const (
	signingService  = "kafka-cluster"
	timeFormat      = "20060102T150405Z"
	longestLifetime = 15 * time.Minute // as AWS's own clients sign
	clockSkew       = 5 * time.Minute  // as far as a client's clock may be ahead (AWS's usual limit)
	emptyPayload    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// newSigned reads the parameters of a presigned request, and refuses those that no signer for MSK writes.
func newSigned(host string, query url.Values) (signed, error) {
	s := signed{host: host, query: query, signature: query.Get("X-Amz-Signature")}
	query.Del("X-Amz-Signature")
	scope := strings.Split(query.Get("X-Amz-Credential"), "/")
	if len(scope) != 5 || scope[3] != signingService || scope[4] != "aws4_request" {
		return s, fmt.Errorf("X-Amz-Credential %q: must be <key id>/<date>/<region>/%s/aws4_request",
			query.Get("X-Amz-Credential"), signingService)
	}
	s.accessKeyID, s.region = scope[0], scope[2]
	var err error
	if s.at, err = time.Parse(timeFormat, query.Get("X-Amz-Date")); err != nil {
		return s, fmt.Errorf("X-Amz-Date: %w", err)
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil {
		return s, fmt.Errorf("X-Amz-Expires: %w", err)
	}
	s.lifetime = time.Duration(seconds) * time.Second
	switch {
	case query.Get("Action") != "kafka-cluster:Connect":
		return s, fmt.Errorf("action %q: must be kafka-cluster:Connect", query.Get("Action"))
	case query.Get("X-Amz-SignedHeaders") != "host":
		return s, errors.New("X-Amz-SignedHeaders: must be host")
	case query.Get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
		return s, errors.New("X-Amz-Algorithm: must be AWS4-HMAC-SHA256")
	case scope[1] != s.at.Format("20060102"):
		return s, errors.New("X-Amz-Credential: not of the day of X-Amz-Date")
	case s.lifetime <= 0 || s.lifetime > longestLifetime:
		return s, fmt.Errorf("X-Amz-Expires: must be 1 to %.0f", longestLifetime.Seconds())
	}
	return s, nil
}

// verify returns the credentials that signed the request, if they exist and signed it for this cluster and this time.
func (c *Cluster) verify(s signed) (Credentials, error) {
	now := c.config.Now()
	credentials, ok := c.config.Authority.Credentials(s.accessKeyID)
	switch {
	case !ok:
		return credentials, fmt.Errorf("no credentials %s", s.accessKeyID)
	case s.query.Get("X-Amz-Security-Token") != credentials.SessionToken:
		return credentials, fmt.Errorf("credentials %s: another session token", s.accessKeyID)
	case !credentials.Expires.After(now):
		return credentials, fmt.Errorf("credentials %s: expired at %s", s.accessKeyID, credentials.Expires)
	case s.region != c.region:
		return credentials, fmt.Errorf("signed for region %s and not %s", s.region, c.region)
	case s.brokers && !slices.Contains(c.config.Hosts, s.host):
		return credentials, fmt.Errorf("signed for host %q and not one of %q", s.host, c.config.Hosts)
	case !s.brokers && !strings.HasPrefix(s.host, "kafka."+c.region+".amazonaws.com"):
		return credentials, fmt.Errorf("signed for host %q and not kafka.%s.amazonaws.com", s.host, c.region)
	case s.at.After(now.Add(clockSkew)):
		return credentials, fmt.Errorf("signed for %s, which is in the future", s.at)
	case now.After(s.expires()):
		return credentials, fmt.Errorf("signature expired at %s", s.expires())
	}
	want, err := s.sign(credentials)
	if err != nil {
		return credentials, err
	}
	if !hmac.Equal([]byte(want), []byte(s.signature)) {
		return credentials, fmt.Errorf("credentials %s: wrong signature", s.accessKeyID)
	}
	return credentials, nil
}

// sign returns the signature that the request has if the credentials signed it.
func (s signed) sign(c Credentials) (string, error) {
	u := url.URL{Scheme: "https", Host: s.host, Path: "/", RawQuery: s.query.Encode()}
	request, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	signer := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	presigned, _, err := v4.NewSigner().PresignHTTP(
		context.Background(), signer, request, emptyPayload, signingService, s.region, s.at)
	if err != nil {
		return "", err
	}
	result, err := url.Parse(presigned)
	if err != nil {
		return "", err
	}
	return result.Query().Get("X-Amz-Signature"), nil
}
