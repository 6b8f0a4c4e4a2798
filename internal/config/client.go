package config

import (
	"maps"
	"slices"
	"strings"
)

// Team holds the settings of one of consumerTeams.
type Team struct {
	TopicPrefixes []string `json:"topicPrefixes"`
	GroupNames    []string `json:"groupNames"`
}

// List is a configured list and the key that sets it. The zero List stands for a list that a client doesn't have.
type List struct {
	Key   string
	Names []string
}

// Client is a user of the cluster: what it writes, what it reads, and the consumer groups it joins. The collectors,
// the shared consumers and each team are one Client.
type Client struct {
	Name   string // unique among the clients, and the end of its policy's name
	Team   string // the team's name in consumerTeams; empty for the collectors and the shared consumers
	Writes List   // prefixes of the topics it creates and writes
	Reads  List   // prefixes of the topics it reads
	Groups List   // exact names of its consumer groups
}

// The clients that every stack can have beside its teams.
const (
	Collectors      = "producer"
	SharedConsumers = "consumer"
)

// Clients returns the collectors, the shared consumers if there are any, and the teams in the order of their names.
func (c Config) Clients() []Client {
	clients := []Client{{
		Name:   Collectors,
		Writes: List{"producerTopicPrefixes", c.ProducerTopicPrefixes},
	}}
	if len(c.ConsumerTopicPrefixes)+len(c.ConsumerGroupNames) > 0 {
		clients = append(clients, Client{
			Name:   SharedConsumers,
			Reads:  List{"consumerTopicPrefixes", c.ConsumerTopicPrefixes},
			Groups: List{"consumerGroupNames", c.ConsumerGroupNames},
		})
	}
	for _, name := range slices.Sorted(maps.Keys(c.ConsumerTeams)) {
		key, team := "consumerTeams."+name, c.ConsumerTeams[name]
		clients = append(clients, Client{
			Name:   "consumer-" + name,
			Team:   name,
			Reads:  List{key + ".topicPrefixes", team.TopicPrefixes},
			Groups: List{key + ".groupNames", team.GroupNames},
		})
	}
	return clients
}

// validateClients checks the lists of each client, the teams' names, and that no group belongs to two clients.
func (c Config) validateClients(ps *Problems) {
	clients := c.Clients()
	if len(clients) == 1 {
		const orTeams = ", or configure teams in consumerTeams"
		ps.Add("consumerTopicPrefixes", c.ConsumerTopicPrefixes, wantPrefixes+orTeams)
		ps.Add("consumerGroupNames", c.ConsumerGroupNames, wantGroups+orTeams)
	}
	teams, claimed := map[string]string{}, map[string]string{}
	for _, client := range clients {
		if client.Name != Collectors && client.Name != SharedConsumers {
			ps.match("consumerTeams", client.Team, teamRule)
			folded := strings.ToLower(client.Team)
			if other, ok := teams[folded]; ok {
				ps.Add(
					"consumerTeams",
					client.Team,
					"must differ from %s by more than case: IAM ignores case in names",
					other,
				)
			}
			teams[folded] = client.Team
		}
		client.validate(ps)
		client.claim(ps, claimed)
	}
}

func (client Client) validate(ps *Problems) {
	for _, prefixes := range []List{client.Writes, client.Reads} {
		if prefixes.Key != "" {
			prefixes.validateAsPrefixes(ps)
		}
	}
	if client.Groups.Key != "" {
		client.Groups.validateAsGroups(ps)
	}
}

// claim adds the client's groups to claimed, which maps each group to the key that lists it. A group of two clients
// is a problem: Kafka divides a topic's partitions among the members of a group, so each client would miss records.
func (client Client) claim(ps *Problems, claimed map[string]string) {
	for _, group := range client.Groups.Names {
		other, ok := claimed[group]
		if ok && other != client.Groups.Key {
			ps.Add(
				client.Groups.Key,
				group,
				"already in %s, and a group can serve only one client: choose another name",
				other,
			)
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
			ps.Add(
				l.Key,
				p,
				"would cover Kafka's internal topics, such as __consumer_offsets: choose another prefix",
			)
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
