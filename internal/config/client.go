package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ClientSettings holds the settings of one of clients.
type ClientSettings struct {
	Writes     []string `json:"writes"`
	Reads      []string `json:"reads"`
	Groups     []string `json:"groups"`
	RunsOn     *RunsOn  `json:"runsOn"`
	PolicyARNs []string `json:"policyArns"`
}

// List is a configured list and the key that sets it. The zero List stands for a list that a client doesn't have.
type List struct {
	Key   string
	Names []string
}

// Client is a user of the cluster: what it writes, what it reads, the consumer groups it joins, and what it runs on.
// The collectors, the shared consumers and each of clients are one Client.
type Client struct {
	Name       string // unique among the clients
	Key        string // of its settings; empty for the collectors and the shared consumers
	PolicyName string // the end of its policy's name
	RoleName   string // the end of its role's name; empty if it has no role
	Writes     List   // prefixes of the topics it creates and writes
	Reads      List   // prefixes of the topics it reads
	Groups     List   // exact names of its consumer groups
	PolicyARNs List   // further managed policies of its role
	RunsOn     RunsOn // what may assume its role
}

// The clients that every stack can have beside those in clients.
const (
	Collectors      = "collector"
	SharedConsumers = "consumer"
)

// reservedNames are the names that the program uses itself.
var reservedNames = []string{Collectors, SharedConsumers, "producer", "operator", "observer"}

// Clients returns the collectors, the shared consumers if there are any, and those in clients in the order of their
// names.
func (c Config) Clients() []Client {
	clients := []Client{{
		Name:       Collectors,
		PolicyName: "producer",
		RoleName:   "collector",
		Writes:     List{"producerTopicPrefixes", c.ProducerTopicPrefixes},
		RunsOn:     RunsOn{EC2: true},
	}}
	if len(c.ConsumerTopicPrefixes)+len(c.ConsumerGroupNames) > 0 {
		clients = append(clients, Client{
			Name:       SharedConsumers,
			PolicyName: "consumer",
			Reads:      List{"consumerTopicPrefixes", c.ConsumerTopicPrefixes},
			Groups:     List{"consumerGroupNames", c.ConsumerGroupNames},
		})
	}
	for _, name := range slices.Sorted(maps.Keys(c.ClientSettings)) {
		clients = append(clients, newClient(name, c.ClientSettings[name]))
	}
	return clients
}

func newClient(name string, s ClientSettings) Client {
	key := "clients." + name
	client := Client{
		Name: name,
		Key:  key,
		// The name that its policy had as one of consumerTeams: a policy can't be renamed, and can't be replaced while
		// it is attached to other people's roles.
		PolicyName: "consumer-" + name,
		Writes:     List{key + ".writes", s.Writes},
		Reads:      List{key + ".reads", s.Reads},
		Groups:     List{key + ".groups", s.Groups},
		PolicyARNs: List{key + ".policyArns", s.PolicyARNs},
	}
	if s.RunsOn != nil {
		client.RoleName, client.RunsOn = "client-"+name, *s.RunsOn
	}
	return client
}

// LooksUp reports whether the client's role may find the brokers through AWS's API. The event source of a Lambda
// function does (Lambda guide, "Configuring Lambda permissions for Amazon MSK event source mappings"); the collectors
// may, for those that don't use the stack's outputs. Others are given the bootstrap string.
func (client Client) LooksUp() bool { return client.Name == Collectors || client.OnLambda() }

// Logs reports whether the client's role may write to the platform's log group: that of a client that writes, and of
// a Lambda function, which needs a log group.
func (client Client) Logs() bool { return len(client.Writes.Names) > 0 || client.OnLambda() }

// OnLambda reports whether the client's role is that of Lambda functions.
func (client Client) OnLambda() bool { return bool(client.RunsOn.Lambda) }

// OnMSKConnect reports whether the client's role is that of connectors.
func (client Client) OnMSKConnect() bool { return bool(client.RunsOn.MSKConnect) }

// validateClients checks each client, and that no group and no service account belongs to two of them.
func (c Config) validateClients(ps *Problems) {
	clients := c.Clients()
	if len(clients) == 1 {
		const orClients = ", or configure clients"
		ps.Add("consumerTopicPrefixes", c.ConsumerTopicPrefixes, wantPrefixes+orClients)
		ps.Add("consumerGroupNames", c.ConsumerGroupNames, wantGroups+orClients)
	}
	claimed, pods := map[string]string{}, map[string]string{}
	for _, client := range clients {
		if client.Key != "" {
			c.validateConfigured(ps, client)
		}
		client.validateLists(ps)
		client.claim(ps, claimed)
		client.RunsOn.claim(ps, client.Key+".runsOn", pods)
	}
}

// validateConfigured checks what only one of clients can get wrong.
func (c Config) validateConfigured(ps *Problems, client Client) {
	if ps.match("clients", client.Name, clientNameRule) && slices.Contains(reservedNames, client.Name) {
		ps.Add("clients", client.Name, "is reserved by the program: choose another name")
	}
	c.validateName(ps, client, "policy", client.PolicyName, maxPolicyName)
	if len(client.Writes.Names)+len(client.Reads.Names)+len(client.Groups.Names) == 0 {
		ps.Add(client.Key, nil, "must write or read something: list topic prefixes in writes, or in reads with groups")
	}
	if client.RoleName == "" {
		if len(client.PolicyARNs.Names) > 0 {
			ps.Add(client.PolicyARNs.Key, client.PolicyARNs.Names,
				"there is no role to attach them to: set runsOn, or attach them to the role of your own")
		}
		return
	}
	client.RunsOn.validate(ps, client.Key+".runsOn")
	client.validatePolicyARNs(ps)
	c.validateName(ps, client, "role", client.RoleName, maxRoleName)
}

// validateName checks the length of a name that ends with the client's.
func (c Config) validateName(ps *Problems, client Client, kind, end string, most int) {
	name := c.ClusterName + "-" + c.Region + "-" + end
	if over := len(name) - most; over > 0 {
		ps.Add("clients", client.Name, "must be shorter by %d: the %s %q may have %d characters (IAM quotas)",
			over, kind, name, most)
	}
}

// MaxPolicies is how many managed policies a role may have (IAM quotas).
const MaxPolicies = 10

func (client Client) validatePolicyARNs(ps *Problems) {
	ps.matchAll(client.PolicyARNs.Key, client.PolicyARNs.Names, policyARNRule)
	room := MaxPolicies - 1 // its own
	for _, has := range []func(Client) bool{Client.LooksUp, Client.Logs, Client.OnLambda, Client.OnMSKConnect} {
		if has(client) {
			room--
		}
	}
	if n := len(client.PolicyARNs.Names); n > room {
		ps.Add(client.PolicyARNs.Key, fmt.Sprint(n, " policies"),
			"list at most %d: a role may have %d managed policies, and the others are made here", room, MaxPolicies)
	}
}

func (client Client) validateLists(ps *Problems) {
	optional := client.Key != ""
	for _, prefixes := range []List{client.Writes, client.Reads} {
		if prefixes.Key != "" && (len(prefixes.Names) > 0 || !optional) {
			prefixes.validateAsPrefixes(ps)
		}
	}
	reads, joins := len(client.Reads.Names) > 0, len(client.Groups.Names) > 0
	if client.Groups.Key == "" || optional && !reads && !joins {
		return
	}
	if optional && !reads {
		ps.Add(client.Reads.Key, client.Reads.Names, wantPrefixes+", or remove groups")
	}
	client.Groups.validateAsGroups(ps)
}

// claim adds the client's groups to claimed, which maps each group to the key that lists it. A group of two clients
// is a problem: Kafka divides a topic's partitions among the members of a group, so each client would miss records.
func (client Client) claim(ps *Problems, claimed map[string]string) {
	for _, group := range client.Groups.Names {
		other, ok := claimed[group]
		if ok && other != client.Groups.Key {
			ps.Add(client.Groups.Key, group,
				"already in %s, and a group can serve only one client: choose another name", other)
			continue
		}
		claimed[group] = client.Groups.Key
	}
}

const (
	wantPrefixes = "list at least one topic prefix, such as exchg."
	wantGroups   = "list at least one consumer group, such as team-quant"
)

func (l List) validateAsPrefixes(ps *Problems) {
	if len(l.Names) == 0 {
		ps.Add(l.Key, l.Names, wantPrefixes)
	}
	ps.matchAll(l.Key, l.Names, topicPrefixRule)
	for _, p := range l.Names {
		if p == "_" || strings.HasPrefix(p, "__") {
			ps.Add(l.Key, p, "would cover Kafka's internal topics, such as __consumer_offsets: choose another prefix")
		}
	}
}

func (l List) validateAsGroups(ps *Problems) {
	if len(l.Names) == 0 {
		ps.Add(l.Key, l.Names, wantGroups)
	}
	ps.matchAll(l.Key, l.Names, groupNameRule)
	for _, g := range l.Names {
		if strings.Contains(g, "${") && groupNameRule.form.MatchString(g) {
			ps.Add(l.Key, g, "%s", groupNameRule.want)
		}
	}
}
