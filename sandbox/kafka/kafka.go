// Package kafka serves a Kafka that lets clients in and refuses their requests as Amazon MSK Serverless does: kfake,
// which is Kafka in memory, behind TLS, SASL, IAM policies and the quotas of a serverless cluster.
//
// It copies:
//   - TLS, and the SASL mechanisms AWS_MSK_IAM and OAUTHBEARER (with the token of AWS's signers). Each signature is
//     computed anew from the secret key and compared.
//   - sessions: they end with the token or the credentials, are renewed on the same connection, and can't change
//     their principal.
//   - IAM: each request is allowed or refused by the policies of its principal at that moment, topic by topic and
//     group by group, under the permissions boundary. No action implies another.
//   - the quotas on partitions, on how fast they are created and deleted, on topic requests, on connections, and on
//     the sizes of messages and fetches; the topic settings that can be set.
//   - refusals: transactions, and requests that a client of MSK Serverless has no IAM action for, such as those for
//     ACLs and client quotas. The latter aren't offered, and end the connection if they are sent all the same.
//
// It doesn't copy:
//   - throughput, and with it the quotas on bytes and requests per second and on consumer groups.
//   - Kafka's version. The version of MSK Serverless isn't documented, so this offers the newest requests that kfake
//     knows, or those of a given version (Config.Versions).
//   - lists of authorized operations in responses: kfake's are passed on.
//   - replication, and what depends on it. What kfake lacks is lacking here (see its documentation).
package kafka

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"msk-serverless/internal/iampolicy"
)

// Authority is what a cluster asks about its clients: AWS's STS and IAM.
type Authority interface {
	// Credentials returns the credentials with the access key id, and reports whether there are any.
	Credentials(accessKeyID string) (Credentials, bool)
	// Allows reports whether the policies of the principal allow the request now.
	Allows(principal string, request iampolicy.Request) bool
}

// Credentials are the temporary credentials of an assumed role.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Principal                                  string // ARN of the role's session
	Expires                                    time.Time
}

// Config describes a cluster.
type Config struct {
	ARN       string
	Authority Authority
	TLS       *tls.Config // with the certificate for Hosts
	// Hosts are the names of the brokers that a client may have signed for. Default: 127.0.0.1 and localhost.
	Hosts []string
	// Ports are the ports to listen on, one for each broker. Default: 3 free ones.
	Ports []int
	// Dir keeps topics, records and groups between runs. Default: in memory.
	Dir string
	// Versions limits the requests that are offered to those of a version of Kafka. Default: kfake's newest.
	Versions *kversion.Versions
	Limits   Limits
	// Now is the clock of sessions and quotas. Default: time.Now.
	Now func() time.Time
	// MaxSession is the longest session before a client has to authenticate again. Default: as long as the
	// credentials or the token.
	MaxSession time.Duration
	// Observe is called with every decision.
	Observe func(Decision)
	// Log prints what ends a connection. Default: nothing.
	Log *log.Logger
	// Options are further options for kfake.
	Options []kfake.Opt
}

// Decision is an IAM decision about a request.
type Decision struct {
	Principal string
	Request   string // kind and version, such as "Produce v9"
	Action    string
	Resource  string
	Allowed   bool
}

// Cluster is a running cluster.
type Cluster struct {
	*kfake.Cluster
	config Config
	region string
	limits *quotas

	closing   sync.Once
	listeners []*listener
}

// Start starts a cluster on loopback.
func Start(config Config) (*Cluster, error) {
	if len(config.Hosts) == 0 {
		config.Hosts = []string{"127.0.0.1", "localhost"}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	region, err := regionOf(config.ARN)
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, region: region}
	c.limits = newQuotas(config.Limits, config.Now)
	options := []kfake.Opt{
		kfake.ClusterID(config.ARN[strings.LastIndex(config.ARN, "/")+1:]),
		kfake.DefaultNumPartitions(1), // Kafka's own default; that of MSK Serverless isn't documented
		kfake.ListenFn(c.listen),
	}
	if len(config.Ports) > 0 {
		options = append(options, kfake.Ports(config.Ports...))
	}
	if config.Dir != "" {
		options = append(options, kfake.DataDir(config.Dir))
	}
	if config.Versions != nil {
		options = append(options, kfake.MaxVersions(config.Versions))
	}
	c.Cluster, err = kfake.NewCluster(append(options, config.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("kfake: %w", err)
	}
	for _, l := range c.listeners {
		go l.serve()
	}
	return c, nil
}

// Close ends all connections and the cluster.
func (c *Cluster) Close() {
	c.closing.Do(func() {
		for _, l := range c.listeners {
			_ = l.Close()
		}
		c.Cluster.Close()
	})
}

// listen returns the listener that kfake accepts the connections of one broker from.
func (c *Cluster) listen(network, address string) (net.Listener, error) {
	tcp, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	l := newListener(c, tcp)
	c.listeners = append(c.listeners, l)
	return l, nil
}

func (c *Cluster) logf(format string, args ...any) {
	if c.config.Log != nil {
		c.config.Log.Printf(format, args...)
	}
}
