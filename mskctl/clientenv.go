package main

import (
	"encoding/json"
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
	Role   string `required:"" enum:"collector,consumer,operator" placeholder:"ROLE" help:"One of ${enum}."`
	Team   string `placeholder:"TEAM" help:"Team of consumers with its own lists in consumerTeams."`
	Format string `enum:"env,properties,json,user-data" default:"env" help:"One of ${enum}."`
	Local  bool   `help:"Point the client at the Kafka that go run ./sandbox kafka serves."`
}

// Help returns the details of mskctl client-env --help.
func (clientEnvCmd) Help() string {
	return `Prints the settings to standard output. A consumer gets the topic prefixes and groups of its team, or those
that all consumers share if no team is given. An operator gets the brokers alone, for Kafka's tools.

  env         a file for a shell, for systemd's EnvironmentFile= and for docker's --env-file
  properties  Java client properties, for aws-msk-iam-auth
  json        all settings, and what the client has to be launched with
  user-data   a cloud-init document that writes the first two to /etc/msk/client.env and
              /etc/msk/client.properties

Example:

  mskctl client-env prod --role consumer --team quant --format properties > client.properties`
}

// Run prints the settings, or nothing if anything is wrong.
func (c clientEnvCmd) Run(s *session) error {
	if c.Role != consumerRole && c.Team != "" {
		return &exitError{2, fmt.Errorf("--team is for consumers: leave it out for a role of %s", c.Role)}
	}
	doc, err := s.pulumi(c.Stack, "stack", "output", "--json")
	if err != nil {
		return fmt.Errorf("stack %s: can't read the outputs: %w", c.Stack, err)
	}
	var outputs clientOutputs
	if err := json.Unmarshal(doc, &outputs); err != nil {
		return fmt.Errorf("stack %s: can't read the outputs: %w", c.Stack, err)
	}
	settings, err := newClientSettings(c.Stack, c.Role, c.Team, outputs)
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
	Region                       string                     `json:"region"`
	BootstrapBrokers             string                     `json:"bootstrapBrokersSaslIam"`
	ClusterARN                   string                     `json:"clusterArn"`
	CollectorSecurityGroupID     string                     `json:"collectorSecurityGroupId"`
	CollectorInstanceProfileName string                     `json:"collectorInstanceProfileName"`
	BrokerLogGroupName           string                     `json:"brokerLogGroupName"`
	ConsumerSecurityGroupID      string                     `json:"consumerSecurityGroupId"`
	ConsumerPolicyARN            string                     `json:"consumerPolicyArn"`
	ConsumerTeamPolicyARNs       map[string]string          `json:"consumerTeamPolicyArns"`
	OperatorPolicyARNs           []string                   `json:"operatorPolicyArns"`
	ProducerTopicPrefixes        []string                   `json:"producerTopicPrefixes"`
	ConsumerTopicPrefixes        []string                   `json:"consumerTopicPrefixes"`
	ConsumerGroupNames           []string                   `json:"consumerGroupNames"`
	ConsumerTeams                map[string]clientTeamLists `json:"consumerTeams"`
}

type clientTeamLists struct {
	TopicPrefixes []string `json:"topicPrefixes"`
	GroupNames    []string `json:"groupNames"`
}

// clientSettings holds what one client needs. Its fields are in the order of their JSON names.
type clientSettings struct {
	Acks              string       `json:"acks,omitempty"`
	BootstrapServers  []string     `json:"bootstrapServers"`
	CAFile            string       `json:"caFile,omitempty"`
	CompressionType   string       `json:"compressionType,omitempty"`
	EnableIdempotence bool         `json:"enableIdempotence,omitempty"`
	Groups            []string     `json:"groups,omitempty"`
	Launch            clientLaunch `json:"launch"`
	LingerMS          int          `json:"lingerMs,omitempty"`
	Region            string       `json:"region"`
	Role              string       `json:"role"`
	SASLMechanism     string       `json:"saslMechanism"`
	SecurityProtocol  string       `json:"securityProtocol"`
	Stack             string       `json:"stack"`
	Team              string       `json:"team,omitempty"`
	TopicPrefixes     []string     `json:"topicPrefixes,omitempty"`
}

// clientLaunch names what a client is launched with.
type clientLaunch struct {
	InstanceProfileName string   `json:"instanceProfileName,omitempty"`
	LogGroupName        string   `json:"logGroupName,omitempty"`
	PolicyARN           string   `json:"policyArn,omitempty"`
	PolicyARNs          []string `json:"policyArns,omitempty"`
	SecurityGroupID     string   `json:"securityGroupId"`
}

// newClientSettings returns the settings of a collector, of an operator, of a team's consumer, or of a shared consumer
// if team is empty.
func newClientSettings(stack, role, team string, outputs clientOutputs) (clientSettings, error) {
	if outputs.BootstrapBrokers == "" {
		return clientSettings{}, fmt.Errorf("it isn't deployed, or its output bootstrapBrokersSaslIam is empty")
	}
	settings := clientSettings{
		BootstrapServers: strings.Split(outputs.BootstrapBrokers, ","),
		Region:           outputs.Region,
		Role:             role,
		SASLMechanism:    "AWS_MSK_IAM",
		SecurityProtocol: "SASL_SSL",
		Stack:            stack,
		Team:             team,
	}
	var err error
	switch {
	case role == collectorRole:
		settings.addCollector(outputs)
	case role == operatorRole:
		settings.Launch = clientLaunch{
			PolicyARNs:      outputs.OperatorPolicyARNs,
			SecurityGroupID: outputs.ConsumerSecurityGroupID,
		}
	case team == "":
		err = settings.addSharedConsumer(outputs)
	default:
		err = settings.addTeam(team, outputs)
	}
	if err != nil {
		return clientSettings{}, err
	}
	return settings, settings.check()
}

func (c *clientSettings) addCollector(outputs clientOutputs) {
	c.Acks, c.EnableIdempotence, c.CompressionType, c.LingerMS = "all", true, "zstd", 10
	c.TopicPrefixes = outputs.ProducerTopicPrefixes
	c.Launch = clientLaunch{
		InstanceProfileName: outputs.CollectorInstanceProfileName,
		LogGroupName:        outputs.BrokerLogGroupName,
		SecurityGroupID:     outputs.CollectorSecurityGroupID,
	}
}

func (c *clientSettings) addSharedConsumer(outputs clientOutputs) error {
	if len(outputs.ConsumerGroupNames) == 0 {
		return fmt.Errorf("its consumers share no groups; choose a --team: %s", deployedTeams(outputs))
	}
	c.TopicPrefixes, c.Groups = outputs.ConsumerTopicPrefixes, outputs.ConsumerGroupNames
	c.Launch = clientLaunch{PolicyARN: outputs.ConsumerPolicyARN, SecurityGroupID: outputs.ConsumerSecurityGroupID}
	return nil
}

func (c *clientSettings) addTeam(team string, outputs clientOutputs) error {
	lists, ok := outputs.ConsumerTeams[team]
	if !ok {
		return fmt.Errorf("no team %s is deployed; there are: %s", team, deployedTeams(outputs))
	}
	c.TopicPrefixes, c.Groups = lists.TopicPrefixes, lists.GroupNames
	c.Launch = clientLaunch{
		PolicyARN:       outputs.ConsumerTeamPolicyARNs[team],
		SecurityGroupID: outputs.ConsumerSecurityGroupID,
	}
	return nil
}

func deployedTeams(outputs clientOutputs) string {
	names := slices.Sorted(maps.Keys(outputs.ConsumerTeams))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// check returns an error if an output that the client needs is missing, as some are if an older version deployed the
// stack.
func (c *clientSettings) check() error {
	missing := c.Region == "" || c.Launch.SecurityGroupID == ""
	switch c.Role {
	case collectorRole:
		missing = missing || c.Launch.InstanceProfileName == "" || c.Launch.LogGroupName == "" || len(c.TopicPrefixes) == 0
	case consumerRole:
		missing = missing || c.Launch.PolicyARN == "" || len(c.TopicPrefixes) == 0 || len(c.Groups) == 0
	default:
		missing = missing || len(c.Launch.PolicyARNs) == 0
	}
	if missing {
		return fmt.Errorf("some of its outputs are missing: deploy it with this version first")
	}
	return nil
}
