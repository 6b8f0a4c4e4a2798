package kafka

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// readToken reads the message of OAUTHBEARER (RFC 7628, section 3.1). The token of AWS's signers is a presigned URL in
// URL-safe base64, with a User-Agent that isn't signed (github.com/aws/aws-msk-iam-sasl-signer-go).
//
// If the token is refused, Kafka's own server answers with a JSON document and waits for another message. Clients of
// MSK report an error in the first answer instead, so that is what they get here.
func readToken(message []byte) (signed, []byte, error) {
	header, fields, ok := strings.Cut(string(message), "\x01")
	if !ok || !strings.HasPrefix(header, "n,") {
		return signed{}, nil, errors.New("OAUTHBEARER: no GS2 header")
	}
	for field := range strings.SplitSeq(fields, "\x01") {
		scheme, token, _ := strings.Cut(strings.TrimPrefix(field, "auth="), " ")
		if strings.HasPrefix(field, "auth=") && strings.EqualFold(scheme, "Bearer") {
			return parseToken(token)
		}
	}
	return signed{}, nil, errors.New("OAUTHBEARER: no bearer token")
}

func parseToken(token string) (signed, []byte, error) {
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return signed{}, nil, fmt.Errorf("OAUTHBEARER: the token is not base64: %w", err)
	}
	u, err := url.Parse(string(decoded))
	if err != nil {
		return signed{}, nil, fmt.Errorf("OAUTHBEARER: the token is not a URL: %w", err)
	}
	query := u.Query()
	query.Del("User-Agent")
	claim, err := newSigned(u.Host, query)
	if err != nil {
		return signed{}, nil, fmt.Errorf("OAUTHBEARER: %w", err)
	}
	return claim, nil, nil
}
