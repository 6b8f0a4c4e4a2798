package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// configKeys are the provider's settings (the SDK's ProviderArgs). Those about the connection to AWS have no effect.
var configKeys = strings.Fields(`accessKey allowedAccountIds assumeRole assumeRoleWithWebIdentity customCaBundle
	defaultTags ec2MetadataServiceEndpoint ec2MetadataServiceEndpointMode endpoints forbiddenAccountIds httpProxy
	httpsProxy ignoreTags insecure maxRetries noProxy profile region retryMode s3UsEast1RegionalEndpoint s3UsePathStyle
	secretKey sharedConfigFiles sharedCredentialsFiles skipCredentialsValidation skipMetadataApiCheck
	skipRegionValidation skipRequestingAccountId stsRegion token tokenBucketRateLimiterCapacity useDualstackEndpoint
	useFipsEndpoint`)

func (*provider) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	res := plugin.CheckConfigResponse{Properties: req.News}
	for key := range req.News {
		if k := string(key); !slices.Contains(configKeys, k) && k != "version" && k != "pluginDownloadURL" &&
			!strings.HasPrefix(k, "__") {
			res.Failures = append(res.Failures,
				plugin.CheckFailure{Property: key, Reason: k + ": unknown provider setting"})
		}
	}
	return res, nil
}

// DiffConfig: another region means another provider, and so other resources (pulumi-aws pull request 4000, since
// v6.38); anything else is taken over in place.
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
		if s := config.str(string(k)); strings.HasPrefix(s, "[") ||
			strings.HasPrefix(s, "{") { // nested values come as JSON
			var nested any
			if json.Unmarshal([]byte(s), &nested) == nil {
				config[string(k)] = nested
			}
		}
	}
	p.region = config.str("region")
	if known := !req.Inputs["region"].ContainsUnknowns(); known &&
		!regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`).MatchString(p.region) {
		return plugin.ConfigureResponse{}, fmt.Errorf("invalid AWS Region: %s", p.region)
	}
	p.tags = config.object("defaultTags").dict("tags")
	var account string
	if err := p.sandbox.with(func(s *State) error { account = s.Account; return nil }); err != nil {
		return plugin.ConfigureResponse{}, err
	}
	allowed := config.strs("allowedAccountIds")
	if len(allowed) > 0 && !slices.Contains(allowed, account) ||
		slices.Contains(config.strs("forbiddenAccountIds"), account) {
		return plugin.ConfigureResponse{}, fmt.Errorf("AWS account ID not allowed: %s", account)
	}
	return plugin.ConfigureResponse{}, nil
}

// tagsAll returns a resource's tags and the provider's default tags. The resource's take precedence.
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
