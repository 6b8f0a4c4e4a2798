package main

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/msk"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"msk-serverless/internal/compact"
	"msk-serverless/internal/config"
)

// access holds the clients with their policies and roles, and the policies of the people who run the platform.
type access struct {
	Clients   []client      // in the order of Config.Clients
	Operators []*iam.Policy // several if the names don't fit into one
	Observers *iam.Policy   // nil unless it is configured
}

// client is a client of the configuration with what was declared for it.
type client struct {
	config.Client
	Policy  *iam.Policy
	Role    *iam.Role            // nil if it has no role
	Profile *iam.InstanceProfile // nil unless it runs on EC2
}

// newAccess declares each client's policy and, unless the policy is attached to roles made elsewhere, its role with
// exactly the policies that it needs. It also declares the policies of the platform's operators.
func newAccess(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	cluster *msk.ServerlessCluster,
	logs *cloudwatch.LogGroup,
) (access, error) {
	shared, err := newSharedPolicies(ctx, cfg, provider, acct, cluster, logs)
	if err != nil {
		return access{}, err
	}
	var a access
	for _, c := range cfg.Clients() {
		declared := client{Client: c}
		declared.Policy, err = newPolicy(ctx, cfg, provider, clientPolicy(c), cluster.Arn)
		if err == nil && c.RoleName != "" {
			err = declared.newRole(ctx, cfg, provider, acct, shared)
		}
		if err != nil {
			return access{}, err
		}
		a.Clients = append(a.Clients, declared)
	}
	for _, p := range operatorPolicies(cfg, longestARN(cfg, acct)) {
		policy, err := newPolicy(ctx, cfg, provider, p, cluster.Arn)
		if err != nil {
			return access{}, err
		}
		a.Operators = append(a.Operators, policy)
	}
	if cfg.Observers {
		a.Observers, err = newPolicy(ctx, cfg, provider, observerPolicy(), cluster.Arn)
	}
	return a, err
}

// sharedPolicy is a policy of every role whose client needs it.
type sharedPolicy struct {
	policy
	needs    func(config.Client) bool
	arn      pulumi.StringOutput
	declared *iam.Policy
}

// newSharedPolicies declares the policies that clients' roles have beside their own, as far as a client needs them.
func newSharedPolicies(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	cluster *msk.ServerlessCluster,
	logs *cloudwatch.LogGroup,
) ([]sharedPolicy, error) {
	var shared []sharedPolicy
	for _, p := range []sharedPolicy{
		{policy: controlPlanePolicy(cfg.Region), needs: config.Client.LooksUp, arn: cluster.Arn},
		{policy: logsPolicy(), needs: config.Client.Logs, arn: logs.Arn},
		{policy: lambdaPolicy(cfg.Region, acct), needs: config.Client.OnLambda, arn: cluster.Arn},
		{policy: mskConnectPolicy(), needs: config.Client.OnMSKConnect, arn: cluster.Arn},
	} {
		if !slices.ContainsFunc(cfg.Clients(), func(c config.Client) bool { return c.RoleName != "" && p.needs(c) }) {
			continue
		}
		var err error
		if p.declared, err = newPolicy(ctx, cfg, provider, p.policy, p.arn); err != nil {
			return nil, err
		}
		shared = append(shared, p)
	}
	return shared, nil
}

// newPolicy declares a managed policy for the cluster or log group with the ARN.
func newPolicy(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider, p policy, arn pulumi.StringOutput,
) (*iam.Policy, error) {
	opts := []pulumi.ResourceOption{pulumi.Provider(provider)}
	resource := p.name
	if p.resource != "" {
		resource = p.resource
		opts = append(opts,
			pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String(p.name)}}),
			// A description can't be changed: one that was made for one of consumerTeams stays.
			pulumi.IgnoreChanges([]string{"description"}))
	}
	return iam.NewPolicy(ctx, resource, &iam.PolicyArgs{
		Name:        pulumi.String(iamName(cfg, p.name)),
		Description: pulumi.String(p.description),
		Policy:      arn.ApplyT(func(arn string) string { return compact.JSON(p.document(arn)) }).(pulumi.StringOutput),
	}, opts...)
}

// newRole declares the client's role with its policies, and the profile that gives it to instances if it runs on any.
// The role waits for its policies, and so for the cluster: if a protected cluster refuses its new name, clients keep
// their roles. If everything gets a new name, Pulumi takes each policy off the role before it deletes the policy; if
// the role were replaced at the same time, it wouldn't wait for that.
func (c *client) newRole(
	ctx *pulumi.Context,
	cfg config.Config,
	provider *aws.Provider,
	acct account,
	shared []sharedPolicy,
) error {
	args := &iam.RoleArgs{
		Name:             pulumi.String(iamName(cfg, c.RoleName)),
		Description:      pulumi.String("Client " + c.Name + " of MSK Serverless"),
		AssumeRolePolicy: pulumi.String(compact.JSON(trustPolicy(c.RunsOn, cfg.Region, acct))),
		// One empty inline policy declares that the role has none: a policy put in by hand shows as drift and is
		// removed.
		InlinePolicies: iam.RoleInlinePolicyArray{iam.RoleInlinePolicyArgs{}},
		// Without this, a policy attached by hand would keep the stack from being destroyed.
		ForceDetachPolicies: pulumi.Bool(true),
	}
	if c.Name == config.Collectors {
		args.Description = pulumi.String("Collectors that produce to MSK Serverless")
	}
	if acct.Boundary != "" {
		args.PermissionsBoundary = pulumi.String(acct.Boundary)
	}
	policies := []pulumi.Resource{c.Policy}
	for _, p := range shared {
		if p.needs(c.Client) {
			policies = append(policies, p.declared)
		}
	}
	var err error
	c.Role, err = iam.NewRole(ctx, c.RoleName, args, pulumi.Provider(provider), pulumi.DependsOn(policies))
	if err != nil {
		return err
	}
	if c.RunsOn.EC2 {
		c.Profile, err = iam.NewInstanceProfile(ctx, c.RoleName, &iam.InstanceProfileArgs{
			Name: pulumi.String(iamName(cfg, c.RoleName)),
			Role: c.Role.Name,
		}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
	}
	return c.attachExclusively(ctx, provider, shared)
}

// attachment is a policy of a role. Its name ends the resource's name.
type attachment struct {
	name string
	arn  pulumi.StringInput
}

// attachExclusively gives the role its own policy, the shared ones that it needs, those that are configured and no
// other: one attached by hand shows as drift and is removed. It also declares each attachment, because the exclusive
// list detaches nothing when it is destroyed, and IAM doesn't delete a policy that is attached.
func (c *client) attachExclusively(ctx *pulumi.Context, provider *aws.Provider, shared []sharedPolicy) error {
	policies := []attachment{{clientPolicy(c.Client).attachment, c.Policy.Arn}}
	for _, p := range shared {
		if p.needs(c.Client) {
			policies = append(policies, attachment{p.attachment, p.declared.Arn})
		}
	}
	for _, arn := range c.PolicyARNs.Names {
		_, accountAndName, _ := strings.Cut(arn, ":iam::")
		policies = append(policies, attachment{accountAndName, pulumi.String(arn)})
	}
	slices.SortFunc(policies, func(a, b attachment) int { return strings.Compare(a.name, b.name) })

	var arns pulumi.StringArray
	var attachments []pulumi.Resource
	for _, p := range policies {
		attached, err := iam.NewRolePolicyAttachment(ctx, c.RoleName+"-"+p.name, &iam.RolePolicyAttachmentArgs{
			Role:      c.Role.Name,
			PolicyArn: p.arn,
		}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		arns, attachments = append(arns, p.arn), append(attachments, attached)
	}
	_, err := iam.NewRolePolicyAttachmentsExclusive(ctx, c.RoleName, &iam.RolePolicyAttachmentsExclusiveArgs{
		RoleName:   c.Role.Name,
		PolicyArns: arns,
	}, pulumi.Provider(provider), pulumi.DependsOn(attachments))
	return err
}

// iamName returns the physical name of a role, policy or instance profile, and of what CloudWatch and EventBridge
// hold. IAM is global to the account, so the name contains the region: the same cluster name in two regions must not
// collide.
func iamName(cfg config.Config, what string) string {
	return cfg.ClusterName + "-" + cfg.Region + "-" + what
}
