package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// signedParameters are the parameters of a presigned request, in the case in which they are signed.
var signedParameters = []string{
	"Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
	"X-Amz-SignedHeaders", "X-Amz-Signature",
}

// iamVersion is the version of the mechanism AWS_MSK_IAM.
const iamVersion = "2020_10_22"

// readIAM reads the message of AWS_MSK_IAM: a JSON object with the parameters of a presigned request, in lower case,
// the host that it is for, and a version (github.com/aws/aws-msk-iam-auth, README, "Details"). The answer to it is
// JSON too.
func readIAM(message []byte) (signed, []byte, error) {
	var fields map[string]string
	if err := json.Unmarshal(message, &fields); err != nil {
		return signed{}, nil, fmt.Errorf("AWS_MSK_IAM: not JSON: %w", err)
	}
	if fields["version"] != iamVersion {
		return signed{}, nil, errors.New("AWS_MSK_IAM: the version must be " + iamVersion)
	}
	query := url.Values{}
	for _, name := range signedParameters {
		if value, ok := fields[strings.ToLower(name)]; ok {
			query.Set(name, value)
		}
	}
	claim, err := newSigned(fields["host"], query)
	if err != nil {
		return signed{}, nil, fmt.Errorf("AWS_MSK_IAM: %w", err)
	}
	claim.brokers = true
	answer, err := json.Marshal(map[string]string{"version": iamVersion, "request-id": requestID()})
	return claim, answer, err
}
