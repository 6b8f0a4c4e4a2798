package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	collectorRole = "collector"
	consumerRole  = "consumer"
	operatorRole  = "operator"
)

// clientEnvCmd prints the settings that a client of a deployed stack needs.
type clientEnvCmd struct {
	stackArg
	Role   string `required:"" xor:"who" enum:"collector,consumer,operator" placeholder:"ROLE" help:"One of ${enum}."`
	Client string `required:"" xor:"who" placeholder:"NAME" help:"One of the stack's clients."`
	Format string `enum:"env,properties,json,user-data" default:"env" help:"One of ${enum}."`
	Local  bool   `help:"Point the client at the Kafka that go run ./sandbox kafka serves."`
}

// Help returns the details of mskctl client-env --help.
func (clientEnvCmd) Help() string {
	return `Prints the settings to standard output, for one of the stack's clients or for a role: collector, consumer (what
all consumers share) or operator (the brokers alone, for Kafka's tools).

  env         a file for a shell, for systemd's EnvironmentFile= and for docker's --env-file
  properties  Java client properties, for aws-msk-iam-auth
  json        all settings, and what the client has to be launched with
  user-data   a cloud-init document that writes the first two to /etc/msk/client.env and
              /etc/msk/client.properties

Example:

  mskctl client-env prod --client quant --format properties > client.properties`
}

// Run prints the settings, or nothing if anything is wrong.
func (c clientEnvCmd) Run(s *session) error {
	doc, err := s.pulumi(c.Stack, "stack", "output", "--json")
	if err != nil {
		return fmt.Errorf("stack %s: can't read the outputs: %w", c.Stack, err)
	}
	var outputs clientOutputs
	if err := json.Unmarshal(doc, &outputs); err != nil {
		return fmt.Errorf("stack %s: can't read the outputs: %w", c.Stack, err)
	}
	settings, err := newClientSettings(c.Stack, c.Role, c.Client, outputs)
	if err != nil {
		return fmt.Errorf("stack %s: %w", c.Stack, err)
	}
	if c.Local {
		if err := settings.useLocal(outputs.ClusterARN); err != nil {
			return fmt.Errorf("stack %s: %w", c.Stack, err)
		}
	}
	text, err := settings.format(c.Format)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.stdout, text)
	return err
}

// clientOutputs holds the stack's outputs that clients need.
type clientOutputs struct {
	Region                       string                    `json:"region"`
	BootstrapBrokers             string                    `json:"bootstrapBrokersSaslIam"`
	ClusterARN                   string                    `json:"clusterArn"`
	CollectorSecurityGroupID     string                    `json:"collectorSecurityGroupId"`
	CollectorInstanceProfileName string                    `json:"collectorInstanceProfileName"`
	BrokerLogGroupName           string                    `json:"brokerLogGroupName"`
	ConsumerSecurityGroupID      string                    `json:"consumerSecurityGroupId"`
	ConsumerPolicyARN            string                    `json:"consumerPolicyArn"`
	OperatorPolicyARNs           []string                  `json:"operatorPolicyArns"`
	ProducerTopicPrefixes        []string                  `json:"producerTopicPrefixes"`
	ConsumerTopicPrefixes        []string                  `json:"consumerTopicPrefixes"`
	ConsumerGroupNames           []string                  `json:"consumerGroupNames"`
	Clients                      map[string]deployedClient `json:"clients"`
	ClientPolicyARNs             map[string]string         `json:"clientPolicyArns"`
	ClientRoleARNs               map[string]string         `json:"clientRoleArns"`
	ClientInstanceProfileNames   map[string]string         `json:"clientInstanceProfileNames"`
}

// deployedClient is one of the stack's clients as it is deployed.
type deployedClient struct {
	Writes          []string `json:"writes"`
	Reads           []string `json:"reads"`
	Groups          []string `json:"groups"`
	RunsOn          []string `json:"runsOn"`
	SecurityGroupID string   `json:"securityGroupId"`
}

// clientSettings holds what one client needs. Its fields are in the order of their JSON names.
type clientSettings struct {
	Acks              string       `json:"acks,omitempty"`
	BootstrapServers  []string     `json:"bootstrapServers"`
	CAFile            string       `json:"caFile,omitempty"`
	Client            string       `json:"client,omitempty"`
	ClusterName       string       `json:"-"` // only the environment file has it, beside the log group
	CompressionType   string       `json:"compressionType,omitempty"`
	EnableIdempotence bool         `json:"enableIdempotence,omitempty"`
	Groups            []string     `json:"groups,omitempty"`
	Launch            clientLaunch `json:"launch"`
	LingerMS          int          `json:"lingerMs,omitempty"`
	ReadTopicPrefixes []string     `json:"readTopicPrefixes,omitempty"` // of a client that writes, too
	Region            string       `json:"region"`
	Role              string       `json:"role,omitempty"`
	SASLMechanism     string       `json:"saslMechanism"`
	SecurityProtocol  string       `json:"securityProtocol"`
	Stack             string       `json:"stack"`
	TopicPrefixes     []string     `json:"topicPrefixes,omitempty"` // what it writes, or reads if it writes nothing
}

// clientLaunch names what a client is launched with.
type clientLaunch struct {
	InstanceProfileName string   `json:"instanceProfileName,omitempty"`
	LogGroupName        string   `json:"logGroupName,omitempty"`
	PolicyARN           string   `json:"policyArn,omitempty"`
	PolicyARNs          []string `json:"policyArns,omitempty"`
	RoleARN             string   `json:"roleArn,omitempty"`
	SecurityGroupID     string   `json:"securityGroupId"`
}

// newClientSettings returns the settings of one of the stack's clients or, if client is empty, of the role.
func newClientSettings(stack, role, client string, outputs clientOutputs) (clientSettings, error) {
	if outputs.BootstrapBrokers == "" {
		return clientSettings{}, errors.New("it isn't deployed, or its output bootstrapBrokersSaslIam is empty: " +
			"deploy it, or allow the deploying credentials kafka:GetBootstrapBrokers and run `pulumi up --refresh`")
	}
	settings := clientSettings{
		BootstrapServers: strings.Split(outputs.BootstrapBrokers, ","),
		Client:           client,
		ClusterName:      clusterName(outputs.ClusterARN),
		Region:           outputs.Region,
		Role:             role,
		SASLMechanism:    "AWS_MSK_IAM",
		SecurityProtocol: "SASL_SSL",
		Stack:            stack,
	}
	var err error
	switch {
	case client != "":
		err = settings.addClient(client, outputs)
	case role == collectorRole:
		settings.addCollector(outputs)
	case role == operatorRole:
		settings.Launch = clientLaunch{
			PolicyARNs:      outputs.OperatorPolicyARNs,
			SecurityGroupID: outputs.ConsumerSecurityGroupID,
		}
	default:
		err = settings.addSharedConsumer(outputs)
	}
	if err != nil {
		return clientSettings{}, err
	}
	return settings, settings.check()
}

// clusterName returns the name in a cluster's ARN, arn:<partition>:kafka:<region>:<account>:cluster/<name>/<uuid>.
func clusterName(arn string) string {
	_, path, _ := strings.Cut(arn, ":cluster/")
	name, _, _ := strings.Cut(path, "/")
	return name
}

// addWrites adds the settings of a client that writes.
func (c *clientSettings) addWrites(prefixes []string) {
	c.Acks, c.EnableIdempotence, c.CompressionType, c.LingerMS = "all", true, "zstd", 10
	c.TopicPrefixes = prefixes
}

// writes reports whether the client writes.
func (c *clientSettings) writes() bool { return c.Acks != "" }

func (c *clientSettings) addCollector(outputs clientOutputs) {
	c.addWrites(outputs.ProducerTopicPrefixes)
	c.Launch = clientLaunch{
		InstanceProfileName: outputs.CollectorInstanceProfileName,
		LogGroupName:        outputs.BrokerLogGroupName,
		SecurityGroupID:     outputs.CollectorSecurityGroupID,
	}
}

func (c *clientSettings) addSharedConsumer(outputs clientOutputs) error {
	if len(outputs.ConsumerGroupNames) == 0 {
		return fmt.Errorf("its consumers share no groups; choose a --client: %s", deployedClients(outputs))
	}
	c.TopicPrefixes, c.Groups = outputs.ConsumerTopicPrefixes, outputs.ConsumerGroupNames
	c.Launch = clientLaunch{PolicyARN: outputs.ConsumerPolicyARN, SecurityGroupID: outputs.ConsumerSecurityGroupID}
	return nil
}

func (c *clientSettings) addClient(name string, outputs clientOutputs) error {
	client, ok := outputs.Clients[name]
	if !ok {
		return fmt.Errorf("no client %q is deployed; deployed clients: %s", name, deployedClients(outputs))
	}
	c.TopicPrefixes, c.Groups = client.Reads, client.Groups
	c.Launch = clientLaunch{
		InstanceProfileName: outputs.ClientInstanceProfileNames[name],
		PolicyARN:           outputs.ClientPolicyARNs[name],
		RoleARN:             outputs.ClientRoleARNs[name],
		SecurityGroupID:     client.SecurityGroupID,
	}
	if len(client.Writes) > 0 {
		c.addWrites(client.Writes)
		c.ReadTopicPrefixes = client.Reads
	}
	if c.Launch.RoleARN != "" && (len(client.Writes) > 0 || slices.Contains(client.RunsOn, "lambda")) {
		c.Launch.LogGroupName = outputs.BrokerLogGroupName
	}
	return nil
}

func deployedClients(outputs clientOutputs) string {
	names := slices.Sorted(maps.Keys(outputs.Clients))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// check returns an error if an output that the client needs is missing, as some are if an older version deployed the
// stack.
func (c *clientSettings) check() error {
	missing := c.Region == "" || c.Launch.SecurityGroupID == "" || c.Launch.LogGroupName != "" && c.ClusterName == ""
	switch {
	case c.Client != "":
		missing = missing || c.Launch.PolicyARN == "" || len(c.TopicPrefixes) == 0
	case c.Role == collectorRole:
		missing = missing || c.Launch.InstanceProfileName == "" || c.Launch.LogGroupName == "" || len(c.TopicPrefixes) == 0
	case c.Role == consumerRole:
		missing = missing || c.Launch.PolicyARN == "" || len(c.TopicPrefixes) == 0 || len(c.Groups) == 0
	default:
		missing = missing || len(c.Launch.PolicyARNs) == 0
	}
	if missing {
		return fmt.Errorf("some of its outputs are missing: deploy it with this version first")
	}
	return nil
}
