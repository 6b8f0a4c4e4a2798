// Package aws is a stand-in for Pulumi's AWS provider (pulumi-aws v6) and the AWS behind it, for trying programs and
// testing them on the real engine without an account.
//
// What it copies: the resources and functions in kinds and functions below, their inputs and outputs, and of AWS what a
// program meets: which change replaces and which updates in place (the ForceNew and Computed flags and the plan
// modifiers of the Terraform provider that pulumi-aws wraps), defaults, names, default tags, ARNs, references between
// objects, limits, conflicts, the texts of errors; faults and delays on request.
//
// What it does not: anything else, which it refuses by name; data planes (no Kafka, no log events, no metrics);
// permissions (all is allowed, a boundary forbids nothing); retries and eventual consistency (a conflict fails at once);
// KMS keys and SNS topics (every well-formed ARN exists, a key in its region); policy versions; filters of look-ups; tags
// that the provider is told to ignore; Pulumi's autonaming configuration; the package's schema, so that an import writes
// no code. A create is all or nothing, where the provider can leave an object without its rules or policies. An update of
// a cluster that FAILED succeeds, and shows what the cluster has. Ids and dates are derived, not random, so that states
// can be compared.
package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const clusterType = "aws:msk/serverlessCluster:ServerlessCluster"

// kinds are the resource types, by token.
var kinds = map[string]*kind{
	clusterType:                           clusterKind,
	"aws:ec2/securityGroup:SecurityGroup": groupKind,
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":             ruleKind(false),
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":               ruleKind(true),
	"aws:cloudwatch/logGroup:LogGroup":                                      logGroupKind,
	"aws:cloudwatch/dashboard:Dashboard":                                    dashboardKind,
	"aws:cloudwatch/metricAlarm:MetricAlarm":                                alarmKind,
	"aws:iam/role:Role":                                                     roleKind,
	"aws:iam/instanceProfile:InstanceProfile":                               profileKind,
	"aws:iam/policy:Policy":                                                 policyKind,
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment":                     attachmentKind,
	"aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": exclusiveKind,
}

// functions are the look-ups, by token.
var functions = map[string]func(*request) (object, error){
	"aws:ec2/getVpc:getVpc":                         getVPC,
	"aws:ec2/getSubnet:getSubnet":                   getSubnet,
	"aws:iam/getPolicy:getPolicy":                   getPolicy,
	"aws:index/getCallerIdentity:getCallerIdentity": getCallerIdentity,
	"aws:index/getPartition:getPartition":           getPartition,
	"aws:index/getRegion:getRegion":                 getRegion,
}

// provider is one configured provider. The engine dials once for each provider resource, so each connection has one.
type provider struct {
	plugin.UnimplementedProvider
	cloud *Cloud

	region    string
	tags      map[string]string // default tags
	tagsKnown bool
	stop      context.Context // done when the engine asks to hurry
	hurry     context.CancelFunc
}

// request is a call as the services see it.
type request struct {
	*provider
	*State
	id  string
	in  object // what is asked for
	old object // what was there, as Pulumi knows it
}

// Serve serves the account's provider on loopback until stop is called. attach is the value that
// PULUMI_DEBUG_PROVIDERS must have for the engine to use it.
func (c *Cloud) Serve() (attach string, stop func(), err error) {
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
			p := &provider{cloud: c, tagsKnown: true}
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

// single is a listener that hands out one connection, and ends with it.
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

func (*provider) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{}, nil
}

func (*provider) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	v := semver.MustParse("6.83.4")
	return plugin.PluginInfo{Version: &v}, nil
}

// configKeys are the provider's settings (the SDK's ProviderArgs). Those that say how to reach AWS change nothing here.
var configKeys = strings.Fields(`accessKey allowedAccountIds assumeRole assumeRoleWithWebIdentity customCaBundle
	defaultTags ec2MetadataServiceEndpoint ec2MetadataServiceEndpointMode endpoints forbiddenAccountIds httpProxy
	httpsProxy ignoreTags insecure maxRetries noProxy profile region retryMode s3UsEast1RegionalEndpoint s3UsePathStyle
	secretKey sharedConfigFiles sharedCredentialsFiles skipCredentialsValidation skipMetadataApiCheck
	skipRegionValidation skipRequestingAccountId stsRegion token tokenBucketRateLimiterCapacity useDualstackEndpoint
	useFipsEndpoint`)

func (*provider) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	res := plugin.CheckConfigResponse{Properties: req.News}
	for key := range req.News {
		if k := string(key); !slices.Contains(configKeys, k) && k != "version" && k != "pluginDownloadURL" && !strings.HasPrefix(k, "__") {
			res.Failures = append(res.Failures, plugin.CheckFailure{Property: key, Reason: k + ": unknown provider setting"})
		}
	}
	return res, nil
}

// DiffConfig: another region means another provider, and so other resources (pulumi-aws pull request 4000, since v6.38);
// anything else is taken over in place.
func (*provider) DiffConfig(_ context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	res := plugin.DiffResult{Changes: plugin.DiffNone}
	for _, key := range configKeys {
		k := resource.PropertyKey(key)
		if was, is := req.OldInputs[k], req.NewInputs[k]; !was.DeepEquals(is) {
			res.Changes = plugin.DiffSome
			res.ChangedKeys = append(res.ChangedKeys, k)
			if key == "region" && was.HasValue() && is.HasValue() {
				res.ReplaceKeys = append(res.ReplaceKeys, k)
			}
		}
	}
	return res, nil
}

func (p *provider) Configure(_ context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	config := object{}
	for k, v := range req.Inputs {
		if v.ContainsUnknowns() {
			p.tagsKnown = p.tagsKnown && k != "defaultTags"
			continue
		}
		config[string(k)] = v.Mappable()
		if s := config.str(string(k)); strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") { // nested values come as JSON
			var nested any
			if json.Unmarshal([]byte(s), &nested) == nil {
				config[string(k)] = nested
			}
		}
	}
	p.region = config.str("region")
	if known := !req.Inputs["region"].ContainsUnknowns(); known && !regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`).MatchString(p.region) {
		return plugin.ConfigureResponse{}, fmt.Errorf("invalid AWS Region: %s", p.region)
	}
	p.tags = config.object("defaultTags").dict("tags")
	var account string
	if err := p.cloud.with(func(s *State) error { account = s.Account; return nil }); err != nil {
		return plugin.ConfigureResponse{}, err
	}
	allowed := config.strs("allowedAccountIds")
	if len(allowed) > 0 && !slices.Contains(allowed, account) || slices.Contains(config.strs("forbiddenAccountIds"), account) {
		return plugin.ConfigureResponse{}, fmt.Errorf("AWS account ID not allowed: %s", account)
	}
	return plugin.ConfigureResponse{}, nil
}

// tagsAll are a resource's tags and the provider's default ones; on the same key the resource's wins.
func (p *provider) tagsAll(tags resource.PropertyValue) resource.PropertyValue {
	if !p.tagsKnown || tags.ContainsUnknowns() {
		return resource.MakeComputed(resource.NewStringProperty(""))
	}
	all := resource.PropertyMap{}
	for k, v := range p.tags {
		all[resource.PropertyKey(k)] = resource.NewStringProperty(v)
	}
	if tags.IsObject() {
		maps.Copy(all, tags.ObjectValue())
	}
	return resource.NewObjectProperty(all)
}

// tagsOut are the two tag outputs: all tags, and those without the provider's default ones unless the program gave them
// to the resource as well.
func (r *request) tagsOut(out object, all map[string]string) object {
	own, rest := r.old.dict("tags"), map[string]any{}
	every := map[string]any{}
	for k, v := range all {
		every[k] = v
		if _, ok := own[k]; ok || r.tags[k] != v {
			rest[k] = v
		}
	}
	out["tags"], out["tagsAll"] = rest, every
	return out
}

func (p *provider) partition() string {
	for prefix, partition := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov"} {
		if strings.HasPrefix(p.region, prefix) {
			return partition
		}
	}
	return "aws"
}

func (p *provider) dnsSuffix() string {
	if p.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// arn is the ARN of something in the account and region; IAM and dashboards have no region.
func (r *request) arn(service, what string) string {
	region := r.region
	if service == "iam" || strings.HasPrefix(what, "dashboard/") {
		region = ""
	}
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", r.partition(), service, region, r.Account, what)
}

func lookKind(typ string) (*kind, error) {
	if k, ok := kinds[typ]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("the embedded AWS has no resource type %s", typ)
}

func (p *provider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	k, err := lookKind(string(req.Type))
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	return p.checkInputs(k, req), nil
}

func (p *provider) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResult, error) {
	k, err := lookKind(string(req.Type))
	if err != nil {
		return plugin.DiffResult{}, err
	}
	return k.diff(req.OldOutputs, req.NewInputs), nil
}

// wrap words an error as the provider does: what it was doing, the operation, and AWS's answer.
func (k *kind) wrap(kind Kind, label string, err error) error {
	var e *Error
	var half *partial
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if errors.As(err, &half) {
		return fmt.Errorf("waiting for %s (%s) create: %w", k.title, label, err)
	}
	doing := map[Kind]string{Create: "creating", Read: "reading", Update: "updating", Delete: "deleting"}[kind]
	api := ""
	if k.service == "EC2" { // its errors have no types of their own in the SDK
		api = "api error "
	}
	return fmt.Errorf("%s %s (%s): operation error %s: %s, https response error StatusCode: %d, RequestID: 00000000-0000-0000-0000-000000000000, %s%w",
		doing, k.title, label, k.service, k.ops[kind], e.Status, api, err)
}

func (p *provider) Create(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	k, err := lookKind(string(req.Type))
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if req.Preview {
		return plugin.CreateResponse{Properties: k.planned(req.Properties)}, nil
	}
	call := Call{Kind: Create, Type: string(req.Type), Name: req.Name}
	in := plain(req.Properties)
	delete(in, "__defaults")
	var out object
	err = p.cloud.do(p.stop, &call, func(s *State) error {
		r := &request{provider: p, State: s, in: in, old: in}
		id, err := k.create(r)
		if err != nil {
			return err
		}
		r.id, call.ID = id, id
		out, err = k.read(r)
		return err
	})
	label := call.ID
	if label == "" {
		label = in.str(k.name) + in.str("namePrefix") + in.str("roleName")
	}
	if err = k.wrap(Create, label, err); err != nil {
		return plugin.CreateResponse{}, initFailed(err, call.ID, in)
	}
	return plugin.CreateResponse{ID: resource.ID(call.ID), Properties: properties(k.settle(out, in)), Status: resource.StatusOK}, nil
}

// initFailed tells the engine of an object that exists though its creation failed. Of such a one the provider knows the
// id and what was asked for, nothing that AWS made up.
func initFailed(err error, id string, in object) error {
	var half *partial
	if !errors.As(err, &half) {
		return err
	}
	props, merr := plugin.MarshalProperties(properties(in), plugin.MarshalOptions{})
	if merr != nil {
		return merr
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, err.Error()),
		&pulumirpc.ErrorResourceInitFailed{Id: id, Properties: props, Reasons: []string{err.Error()}})
}

func (p *provider) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	k, err := lookKind(string(req.Type))
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	call := Call{Kind: Read, Type: string(req.Type), Name: req.Name, ID: string(req.ID)}
	old := plain(req.State)
	var out object
	err = p.cloud.do(p.stop, &call, func(s *State) error {
		out, err = k.read(&request{provider: p, State: s, id: call.ID, old: old})
		return err
	})
	if err != nil || out == nil {
		return plugin.ReadResponse{}, k.wrap(Read, call.ID, err)
	}
	out = k.settle(out, old)
	return plugin.ReadResponse{Status: resource.StatusOK, ReadResult: plugin.ReadResult{
		ID: req.ID, Outputs: properties(out), Inputs: k.inputs(out, req.Inputs),
	}}, nil
}

func (p *provider) Update(_ context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	k, err := lookKind(string(req.Type))
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if req.Preview {
		return plugin.UpdateResponse{Properties: k.revised(req.OldOutputs, req.NewInputs)}, nil
	}
	call := Call{Kind: Update, Type: string(req.Type), Name: req.Name, ID: string(req.ID)}
	in, old := plain(req.NewInputs), plain(req.OldOutputs)
	delete(in, "__defaults")
	asked := maps.Clone(in)
	for name, pr := range k.props { // what is left alone keeps the form it has
		if pr.computed && !asked.has(name) {
			asked[name] = old[name]
		}
	}
	var out object
	err = p.cloud.do(p.stop, &call, func(s *State) error {
		r := &request{provider: p, State: s, id: call.ID, in: in, old: old}
		if err := k.update(r); err != nil {
			return err
		}
		r.old = asked
		out, err = k.read(r)
		return err
	})
	if err = k.wrap(Update, call.ID, err); err != nil {
		return plugin.UpdateResponse{}, err
	}
	return plugin.UpdateResponse{Properties: properties(k.settle(out, asked)), Status: resource.StatusOK}, nil
}

func (p *provider) Delete(_ context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	k, err := lookKind(string(req.Type))
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	call := Call{Kind: Delete, Type: string(req.Type), Name: req.Name, ID: string(req.ID)}
	err = p.cloud.do(p.stop, &call, func(s *State) error {
		return k.delete(&request{provider: p, State: s, id: call.ID, old: plain(req.Outputs)})
	})
	return plugin.DeleteResponse{Status: resource.StatusOK}, k.wrap(Delete, call.ID, err)
}

func (p *provider) Invoke(_ context.Context, req plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	f, ok := functions[string(req.Tok)]
	if !ok {
		return plugin.InvokeResponse{}, fmt.Errorf("the embedded AWS has no function %s", req.Tok)
	}
	in := plain(req.Args)
	call := Call{Kind: LookUp, Type: string(req.Tok), ID: in.str("id") + in.str("arn") + in.str("name")}
	var out object
	err := p.cloud.do(p.stop, &call, func(s *State) (err error) {
		out, err = f(&request{provider: p, State: s, in: in})
		return err
	})
	if err != nil {
		_, name, _ := strings.Cut(string(req.Tok), ":get")
		return plugin.InvokeResponse{}, fmt.Errorf("reading %s (%s): %w", name, call.ID, err)
	}
	return plugin.InvokeResponse{Properties: properties(out)}, nil
}

func getCallerIdentity(r *request) (object, error) {
	return object{
		"id": r.Account, "accountId": r.Account, "userId": "AROA00000000000DEPLOY:pulumi",
		"arn": fmt.Sprintf("arn:%s:sts::%s:assumed-role/deploy/pulumi", r.partition(), r.Account),
	}, nil
}

func getPartition(r *request) (object, error) {
	reverse := strings.Split(r.dnsSuffix(), ".")
	slices.Reverse(reverse)
	return object{
		"id": r.partition(), "partition": r.partition(), "dnsSuffix": r.dnsSuffix(),
		"reverseDnsPrefix": strings.Join(reverse, "."),
	}, nil
}

func getRegion(r *request) (object, error) {
	name := r.in.str("name")
	if name == "" {
		name = r.region
	}
	return object{"id": name, "name": name, "description": name, "endpoint": fmt.Sprintf("ec2.%s.%s", name, r.dnsSuffix())}, nil
}
