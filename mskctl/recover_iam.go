package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// iamNames finds objects of IAM by their names. Lists of IAM have no tags, so each object that is found is asked for
// its own.
type iamNames struct {
	client *iam.Client
	lists  map[string][]object // by kind, without tags
	denied []string            // names of objects whose tags the credentials may not read
}

// find returns the objects of a kind whose names are wanted. A denial to read an object's tags is an error, unless the
// name may be denied: then the object is left out and its name is kept in denied.
func (n *iamNames) find(
	ctx context.Context,
	kind string,
	wanted, mayBeDenied func(name string) bool,
) ([]object, error) {
	list, err := n.list(ctx, kind)
	if err != nil {
		return nil, err
	}
	var found []object
	for _, o := range list {
		name := o.arn[strings.LastIndex(o.arn, "/")+1:]
		if !wanted(name) {
			continue
		}
		o.tags, err = n.tags(ctx, kind, o.id)
		var answer smithy.APIError
		switch {
		case err == nil:
			found = append(found, o)
		case errors.As(err, &answer) && answer.ErrorCode() == "NoSuchEntity": // deleted since
		case errors.As(err, &answer) && answer.ErrorCode() == "AccessDenied" && mayBeDenied != nil && mayBeDenied(name):
			if !slices.Contains(n.denied, name) {
				n.denied = append(n.denied, name)
			}
		default:
			return nil, err
		}
	}
	return found, nil
}

// tags returns an object's tags.
func (n *iamNames) tags(ctx context.Context, kind, id string) (map[string]string, error) {
	var tags []iamtypes.Tag
	switch kind {
	case "iam/role":
		out, err := n.client.GetRole(ctx, &iam.GetRoleInput{RoleName: &id})
		if err != nil {
			return nil, err
		}
		tags = out.Role.Tags
	case "iam/policy":
		out, err := n.client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &id})
		if err != nil {
			return nil, err
		}
		tags = out.Policy.Tags
	case "iam/instanceProfile":
		out, err := n.client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: &id})
		if err != nil {
			return nil, err
		}
		tags = out.InstanceProfile.Tags
	}
	byKey := map[string]string{}
	for _, t := range tags {
		byKey[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return byKey, nil
}

// list returns all objects of a kind, which it asks for once.
func (n *iamNames) list(ctx context.Context, kind string) ([]object, error) {
	if all, ok := n.lists[kind]; ok {
		return all, nil
	}
	var all []object
	add := func(id, arn *string) { all = append(all, object{id: aws.ToString(id), arn: aws.ToString(arn)}) }
	switch kind {
	case "iam/role":
		pages := iam.NewListRolesPaginator(n.client, &iam.ListRolesInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, r := range page.Roles {
				add(r.RoleName, r.Arn)
			}
		}
	case "iam/policy":
		pages := iam.NewListPoliciesPaginator(n.client, &iam.ListPoliciesInput{Scope: "Local"})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range page.Policies {
				add(p.Arn, p.Arn)
			}
		}
	case "iam/instanceProfile":
		pages := iam.NewListInstanceProfilesPaginator(n.client, &iam.ListInstanceProfilesInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range page.InstanceProfiles {
				add(p.InstanceProfileName, p.Arn)
			}
		}
	}
	n.lists[kind] = all
	return all, nil
}
