package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	"google.golang.org/grpc/codes"
)

func (p *provider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	t, err := findType(string(req.Type))
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	return p.checkInputs(t, req), nil
}

func (p *provider) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResult, error) {
	t, err := findType(string(req.Type))
	if err != nil {
		return plugin.DiffResult{}, err
	}
	return t.diff(req.OldOutputs, req.NewInputs), nil
}

// explain words an error as the provider does: what it was doing, the operation, and AWS's answer.
func (t *resourceType) explain(operation Operation, label string, err error) error {
	var e *Error
	var half *partial
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if errors.As(err, &half) {
		return fmt.Errorf("waiting for %s (%s) create: %w", t.title, label, err)
	}
	doing := map[Operation]string{Create: "creating", Read: "reading", Update: "updating", Delete: "deleting"}[operation]
	api := ""
	if t.service == "EC2" { // its errors have no types of their own in the SDK
		api = "api error "
	}
	return fmt.Errorf(
		"%s %s (%s): operation error %s: %s, https response error StatusCode: %d, "+
			"RequestID: 00000000-0000-0000-0000-000000000000, %s%w",
		doing,
		t.title,
		label,
		t.service,
		t.apis[operation],
		e.Status,
		api,
		err,
	)
}

func (p *provider) Create(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	t, err := findType(string(req.Type))
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if req.Preview {
		return plugin.CreateResponse{Properties: t.planned(req.Properties)}, nil
	}
	call := Call{Operation: Create, Type: string(req.Type), Name: req.Name}
	in := plain(req.Properties)
	delete(in, "__defaults")
	var out object
	id, err := p.sandbox.do(p.stop, call, func(s *State) (string, error) {
		r := &request{provider: p, state: s, in: in, old: in}
		id, err := t.create(r)
		if err != nil {
			return "", err
		}
		r.id = id
		out, err = t.read(r)
		return id, err
	})
	label := id
	if label == "" {
		label = in.str(t.name) + in.str("namePrefix") + in.str("roleName")
	}
	if err = t.explain(Create, label, err); err != nil {
		return plugin.CreateResponse{}, initFailed(err, id, in)
	}
	return plugin.CreateResponse{
		ID:         resource.ID(id),
		Properties: properties(t.settle(out, in)),
		Status:     resource.StatusOK,
	}, nil
}

// initFailed reports to the engine an object that exists although its creation failed. The provider knows its id and
// inputs, and nothing that AWS generated.
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
	t, err := findType(string(req.Type))
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	call := Call{Operation: Read, Type: string(req.Type), Name: req.Name, ID: string(req.ID)}
	old := plain(req.State)
	var out object
	_, err = p.sandbox.do(p.stop, call, func(s *State) (string, error) {
		out, err = t.read(&request{provider: p, state: s, id: call.ID, old: old})
		return call.ID, err
	})
	if err != nil || out == nil {
		return plugin.ReadResponse{}, t.explain(Read, call.ID, err)
	}
	out = t.settle(out, old)
	return plugin.ReadResponse{Status: resource.StatusOK, ReadResult: plugin.ReadResult{
		ID: req.ID, Outputs: properties(out), Inputs: t.inputs(out, req.Inputs),
	}}, nil
}

func (p *provider) Update(_ context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	t, err := findType(string(req.Type))
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if req.Preview {
		return plugin.UpdateResponse{Properties: t.revised(req.OldOutputs, req.NewInputs)}, nil
	}
	call := Call{Operation: Update, Type: string(req.Type), Name: req.Name, ID: string(req.ID)}
	in, old := plain(req.NewInputs), plain(req.OldOutputs)
	delete(in, "__defaults")
	asked := maps.Clone(in)
	for name, pr := range t.props { // properties that the program leaves out keep their form
		if pr.computed && !asked.has(name) {
			asked[name] = old[name]
		}
	}
	var out object
	_, err = p.sandbox.do(p.stop, call, func(s *State) (string, error) {
		r := &request{provider: p, state: s, id: call.ID, in: in, old: old}
		if err := t.update(r); err != nil {
			return call.ID, err
		}
		r.old = asked
		out, err = t.read(r)
		return call.ID, err
	})
	if err = t.explain(Update, call.ID, err); err != nil {
		return plugin.UpdateResponse{}, err
	}
	return plugin.UpdateResponse{Properties: properties(t.settle(out, asked)), Status: resource.StatusOK}, nil
}

func (p *provider) Delete(_ context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	t, err := findType(string(req.Type))
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	call := Call{Operation: Delete, Type: string(req.Type), Name: req.Name, ID: string(req.ID)}
	_, err = p.sandbox.do(p.stop, call, func(s *State) (string, error) {
		return call.ID, t.delete(&request{provider: p, state: s, id: call.ID, old: plain(req.Outputs)})
	})
	return plugin.DeleteResponse{Status: resource.StatusOK}, t.explain(Delete, call.ID, err)
}

func (p *provider) Invoke(_ context.Context, req plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	f, ok := functions[string(req.Tok)]
	if !ok {
		return plugin.InvokeResponse{}, fmt.Errorf("the sandbox has no function %s", req.Tok)
	}
	in := plain(req.Args)
	call := Call{Operation: LookUp, Type: string(req.Tok), ID: in.str("id") + in.str("arn") + in.str("name")}
	var out object
	_, err := p.sandbox.do(p.stop, call, func(s *State) (id string, err error) {
		out, err = f(&request{provider: p, state: s, in: in})
		return call.ID, err
	})
	if err != nil {
		_, name, _ := strings.Cut(string(req.Tok), ":get")
		return plugin.InvokeResponse{}, fmt.Errorf("reading %s (%s): %w", name, call.ID, err)
	}
	return plugin.InvokeResponse{Properties: properties(out)}, nil
}
