package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tfTestState is a Terraform state that tests change. The base was printed by Terraform, of a stack with names,
// descriptions and paths of its own, and with separate rules.
type tfTestState struct {
	outputs   map[string]any
	resources []map[string]any
	modules   []any
}

// What the base state has.
const (
	testAccount    = "123456789012"
	testBrokers    = "sg-7cf7faef0f7b9cc42"
	testCollectors = "sg-bd240e9b4a28879e3"
	testConsumers  = "sg-5f36e52c2c5c543c0"
	testRole       = "crypto-stream-collector-role"
	testProfile    = "crypto-stream-collector-profile"
	testProducer   = "arn:aws:iam::123456789012:policy/crypto-stream-msk-producer"
	testControl    = "arn:aws:iam::123456789012:policy/market-data/crypto-stream-msk-control"
	testConsumer   = "arn:aws:iam::123456789012:policy/crypto-stream-msk-consumer"
	testCluster    = "arn:aws:kafka:ap-south-1:123456789012:cluster/" +
		"crypto-stream/8826cda3-65ee-41e8-a6a7-8f88e3b03ac5-s1"

	brokersAddress    = "aws_security_group.msk"
	collectorsAddress = "aws_security_group.collectors"
	consumersAddress  = "aws_security_group.consumers"
	roleAddress       = "aws_iam_role.collector"
)

func newTestState(t *testing.T) *tfTestState {
	t.Helper()
	doc, err := os.ReadFile("../e2e/testdata/terraform-state.json")
	require.NoError(t, err)
	var state struct {
		Values struct {
			Outputs map[string]any `json:"outputs"`
			Root    struct {
				Resources []map[string]any `json:"resources"`
			} `json:"root_module"`
		} `json:"values"`
	}
	require.NoError(t, json.Unmarshal(doc, &state))
	return &tfTestState{outputs: state.Values.Outputs, resources: state.Values.Root.Resources}
}

func (s *tfTestState) parse(t *testing.T) *terraform {
	t.Helper()
	doc, err := json.Marshal(map[string]any{"values": map[string]any{
		"outputs":     s.outputs,
		"root_module": map[string]any{"resources": s.resources, "child_modules": s.modules},
	}})
	require.NoError(t, err)
	tf, err := parseTerraform(doc)
	require.NoError(t, err)
	return tf
}

// at returns the values of the object at the address.
func (s *tfTestState) at(address string) map[string]any {
	for _, r := range s.resources {
		if r["address"] == address {
			return r["values"].(map[string]any)
		}
	}
	panic("no " + address)
}

// add adds an object of the type.
func (s *tfTestState) add(typ, name string, values map[string]any) {
	s.resources = append(s.resources, map[string]any{
		"address": typ + "." + name, "mode": "managed", "type": typ, "values": values,
	})
}

// copy adds an object like another one, but with some values changed.
func (s *tfTestState) copy(from, typ, name string, changes map[string]any) {
	values := maps.Clone(s.at(from))
	maps.Copy(values, changes)
	s.add(typ, name, values)
}

// attach attaches the policy to the collectors' role.
func (s *tfTestState) attach(name, policy string) {
	s.add("aws_iam_role_policy_attachment", name, map[string]any{"role": testRole, "policy_arn": policy})
}

// arn returns the values of a policy with the ARN.
func arn(arn string) map[string]any { return map[string]any{"id": arn, "arn": arn} }

// remove removes the objects of the type.
func (s *tfTestState) remove(typ string) {
	s.resources = slices.DeleteFunc(s.resources, func(r map[string]any) bool { return r["type"] == typ })
}

// read turns the object at the address into one that Terraform only reads.
func (s *tfTestState) read(address string) {
	for _, r := range s.resources {
		if r["address"] == address {
			r["mode"], r["address"] = "data", "data."+address
		}
	}
}

// rename gives every object another address.
func (s *tfTestState) rename(change func(address string) string) {
	for _, r := range s.resources {
		r["address"] = change(r["address"].(string))
	}
}

// inline returns a rule as a group lists it.
func inline(protocol string, from, to int, peers map[string]any) map[string]any {
	r := map[string]any{"protocol": protocol, "from_port": from, "to_port": to, "self": false, "description": ""}
	maps.Copy(r, peers)
	return r
}

// admit adds an inline rule to the brokers' group.
func (s *tfTestState) admit(protocol string, from, to int, peers map[string]any) {
	group := s.at(brokersAddress)
	ingress, _ := group["ingress"].([]any)
	group["ingress"] = append(slices.Clone(ingress), inline(protocol, from, to, peers))
}

// onlyInline states all rules inside their groups.
func (s *tfTestState) onlyInline() {
	s.remove("aws_vpc_security_group_ingress_rule")
	s.remove("aws_vpc_security_group_egress_rule")
}

// onlyClassic states all rules as aws_security_group_rule, with the lists of the groups as they are before the first
// refresh.
func (s *tfTestState) onlyClassic() {
	s.onlyInline()
	rule := func(name, group, typ, protocol string, port int, peers map[string]any) {
		values := map[string]any{
			"id": "sgrule-" + name, "security_group_id": group, "type": typ, "protocol": protocol,
			"from_port": port, "to_port": port, "self": false, "cidr_blocks": nil,
		}
		maps.Copy(values, peers)
		s.add("aws_security_group_rule", name, values)
	}
	rule("collectors", testBrokers, "ingress", "tcp", 9098, map[string]any{"source_security_group_id": testCollectors})
	rule("consumers", testBrokers, "ingress", "tcp", 9098, map[string]any{"source_security_group_id": testConsumers})
	rule("out", testCollectors, "egress", "-1", 0, map[string]any{"cidr_blocks": []any{"0.0.0.0/0"}})
	for _, address := range []string{brokersAddress, collectorsAddress, consumersAddress} {
		s.at(address)["ingress"], s.at(address)["egress"] = []any{}, []any{}
	}
}

// original turns the state into that of the newest version of the original stack: names from a file, every object with
// a count, the collectors' egress inside their group, and lists as they are before the first refresh.
func (s *tfTestState) original() {
	for _, r := range s.resources {
		if r["address"] == "aws_vpc_security_group_egress_rule.collectors_all" {
			r["type"], r["mode"] = "none", "data"
		}
	}
	s.at(brokersAddress)["ingress"], s.at(brokersAddress)["egress"] = []any{}, []any{}
	s.at(collectorsAddress)["name"], s.at(consumersAddress)["name"] = "ec2-collectors", "msk-consumers"
	s.at("aws_iam_policy.producer")["name"] = "market-data-write"
	s.rename(func(address string) string { return address + "[0]" })
}

// withCluster adds a second stack, with another cluster, to the state.
func (s *tfTestState) withCluster(t *testing.T) {
	t.Helper()
	other := newTestState(t)
	doc, err := json.Marshal(other.resources)
	require.NoError(t, err)
	text := string(doc)
	for _, r := range [][2]string{
		{"8826cda3", "99999999"},
		{"crypto-stream", "other-stream"},
		{testBrokers, "sg-0000000b"},
		{testCollectors, "sg-0000000c"},
		{testConsumers, "sg-0000000d"},
		{"sgr-", "sgr-9"},
	} {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	require.NoError(t, json.Unmarshal([]byte(text), &other.resources))
	other.rename(func(address string) string { return "module.other." + address })
	s.resources = append(s.resources, other.resources...)
}

// rulesInAWS returns the rules that AWS has if the state is true, with made-up ids for those that have none in it.
func rulesInAWS(tf *terraform) []rule {
	var rules []rule
	for _, r := range tf.rules {
		i := slices.IndexFunc(rules, func(have rule) bool {
			return have.group == r.group && have.egress == r.egress && have.ports == r.ports && have.peer == r.peer
		})
		if i < 0 {
			rules = append(rules, r.rule)
		} else if r.id != "" {
			rules[i].id = r.id
		}
	}
	for i := range rules {
		if rules[i].id == "" {
			rules[i].id = fmt.Sprintf("sgr-%s-%s-%s", rules[i].group, rules[i].ports.protocol, rules[i].peer.value)
		}
	}
	return rules
}
