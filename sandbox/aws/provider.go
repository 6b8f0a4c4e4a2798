// Package aws is an embedded AWS behind a copy of Pulumi's AWS provider (pulumi-aws v6), for trying and testing
// programs on the real engine without an account.
//
// What it copies: the resources and look-ups in resourceTypes and functions below, their inputs and outputs, and what a
// program notices of AWS: which change replaces and which updates in place (the ForceNew and Computed flags and the
// plan modifiers of the Terraform provider that pulumi-aws wraps), defaults, names, default tags, ARNs, references
// between objects, limits, conflicts, the texts of errors; faults and delays on request. ServeAPI answers look-ups of
// an AWS SDK.
//
// What it does not: anything else, which it refuses by name; data planes (no Kafka, no log events, no metrics);
// permissions (all is allowed, a boundary forbids nothing); retries and eventual consistency (a conflict fails at
// once); KMS keys and SNS topics (every well-formed ARN exists, a key in its region); policy versions; filters of
// look-ups; tags that the provider is told to ignore; Pulumi's autonaming configuration; the package's schema, so that
// an import writes no code. A create is all or nothing, where the provider can leave an object without its rules or
// policies. An update of a cluster that FAILED succeeds, and shows what the cluster has. Ids and dates are derived, not
// random, so that states can be compared.
package aws

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/grpc"
)

// provider is one configured provider. The engine dials once for each provider resource, so each connection has one.
type provider struct {
	plugin.UnimplementedProvider
	sandbox *Sandbox

	region    string
	tags      map[string]string // default tags
	tagsKnown bool
	stop      context.Context // done when the engine asks to hurry
	hurry     context.CancelFunc
}

// Serve serves the account's provider on loopback until stop is called. attach is the value that
// PULUMI_DEBUG_PROVIDERS must have for the engine to use it.
func (b *Sandbox) Serve() (attach string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var mu sync.Mutex
	var servers []*grpc.Server
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p := &provider{sandbox: b, tagsKnown: true}
			p.stop, p.hurry = context.WithCancel(context.Background())
			s := grpc.NewServer(grpc.MaxRecvMsgSize(400 << 20))
			pulumirpc.RegisterResourceProviderServer(s, plugin.NewProviderServer(p))
			mu.Lock()
			servers = append(servers, s)
			mu.Unlock()
			go func() { _ = s.Serve(newSingle(conn)) }()
		}
	}()
	return fmt.Sprintf("aws:%d", l.Addr().(*net.TCPAddr).Port), func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, s := range servers {
			s.Stop()
		}
	}, nil
}

// single is a listener that returns one connection from Accept, and ends with it.
type single struct {
	net.Conn
	taken, closed chan struct{}
	once          sync.Once
}

func newSingle(c net.Conn) *single {
	s := &single{Conn: c, taken: make(chan struct{}, 1), closed: make(chan struct{})}
	s.taken <- struct{}{}
	return s
}

func (s *single) Accept() (net.Conn, error) {
	select {
	case <-s.taken:
		return s, nil
	case <-s.closed:
		return nil, io.EOF
	}
}

func (s *single) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

func (s *single) Addr() net.Addr { return s.LocalAddr() }

func (*provider) Attach(string) error { return nil }

func (*provider) Close() error { return nil }

func (p *provider) SignalCancellation(context.Context) error {
	p.hurry()
	return nil
}

func (*provider) Handshake(
	context.Context,
	plugin.ProviderHandshakeRequest,
) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{}, nil
}

func (*provider) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	v := semver.MustParse("6.83.4")
	return plugin.PluginInfo{Version: &v}, nil
}

func (p *provider) partition() string {
	switch {
	case strings.HasPrefix(p.region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(p.region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (p *provider) dnsSuffix() string {
	if p.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func findType(typ string) (*resourceType, error) {
	if k, ok := resourceTypes[typ]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("the sandbox has no resource type %s", typ)
}
