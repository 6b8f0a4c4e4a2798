package topics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// passes reports whether a request that failed so may succeed later.
func passes(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.Is(err, errNoAnswer) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// remedies say what to do about errors that don't pass. MSK's quota errors are those of the MSK guide, "MSK Serverless
// quota".
var remedies = []struct {
	err    error
	remedy string
}{
	{kerr.SaslAuthenticationFailed, "check the clock, and that the credentials' role has the operators' policy"},
	{kerr.TopicAuthorizationFailed, "use a role with the operators' policy, and deploy a new topic prefix first"},
	{kerr.ClusterAuthorizationFailed, "use a role with the operators' policy"},
	{kerr.InvalidRequest, "there may be no more than 2,400 partitions, and 120 of compacted topics"},
	{kerr.ThrottlingQuotaExceeded, "something else creates or deletes partitions all the time: find and stop it"},
}

// explain adds to an error what to do about it.
func explain(err error) error {
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return fmt.Errorf("%w: %s", err, r.remedy)
		}
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: run it inside the cluster's VPC, in a security group that the brokers admit", err)
	}
	return err
}
