package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"msk-serverless/internal/iampolicy"
)

// findRole finds the collectors' instance profile and role. A profile or role proves itself by Terraform's output or by
// a policy that lets it write to this cluster.
func (m *importer) findRole() {
	var writers, all []candidate
	for _, p := range m.tf.profiles {
		c := candidate{p.id, p.address}
		all = append(all, c)
		if m.writes(p.role) {
			writers = append(writers, c)
		}
	}
	const output = "collector_instance_profile_name"
	if _, ok := m.decided(entryProfile, output); ok || len(writers) > 0 || len(all) == 0 {
		m.choose(entryProfile, output, writers)
	} else {
		m.ask(entryProfile, all)
	}
	m.choose(entryRole, "", m.roleCandidates())
	if _, ok := m.decided(entryRole, ""); !ok && m.ids[entryRole] == "" && m.ids[entryProfile] != "" {
		m.refuse("%s can't be recognised: Terraform's state doesn't name the role of the instance profile %s: %s",
			entryRole, m.ids[entryProfile], remedy(entryRole))
	}
	m.ids[entryExclusive] = cmp.Or(m.file.written(entryExclusive), m.ids[entryRole])
}

// roleCandidates returns the role of the collectors' profile, or without a profile the roles that write to the cluster.
func (m *importer) roleCandidates() []candidate {
	for _, p := range m.tf.profiles {
		if p.id == m.ids[entryProfile] && p.id != "" && p.role != "" {
			return []candidate{{p.role, p.address}}
		}
	}
	var out []candidate
	for _, r := range m.tf.roles {
		if m.writes(r.name) {
			out = append(out, candidate{r.name, r.address})
		}
	}
	return out
}

// writes reports whether a policy of the role allows writing to topics of this cluster, as far as the state shows.
func (m *importer) writes(role string) bool {
	for _, arn := range m.tf.attached(role) {
		if p, ok := m.tf.policy(arn); ok && m.allowsWriting(p.document) {
			return true
		}
	}
	return slices.ContainsFunc(m.tf.inline, func(p tfInlinePolicy) bool {
		return p.role == role && m.allowsWriting(p.document)
	})
}

func (m *importer) allowsWriting(document string) bool {
	actions, ok := allowedActions(document)
	writes := ok && slices.ContainsFunc(actions, func(action string) bool {
		return strings.EqualFold(action, "kafka-cluster:WriteData") || strings.EqualFold(action, "kafka-cluster:*")
	})
	return writes && !m.namesOtherCluster(document)
}

// namesOtherCluster reports whether the document names another cluster of the state and not this one.
func (m *importer) namesOtherCluster(document string) bool {
	if m.namesCluster(document, m.cluster) {
		return false
	}
	return slices.ContainsFunc(m.tf.clusters, func(c tfCluster) bool { return m.namesCluster(document, c) })
}

func (m *importer) namesCluster(document string, c tfCluster) bool {
	_, nameAndUUID, _ := strings.Cut(c.id, ":cluster/")
	return strings.Contains(document, "/"+nameAndUUID)
}

// findPolicies finds the managed policies and their attachments to the collectors' role.
func (m *importer) findPolicies() {
	attached := m.tf.attached(m.ids[entryRole])
	for _, entry := range policyEntries {
		m.choose(entry.key(), entry.output, m.policyCandidates(entry, attached))
		if arn := m.ids[entry.key()]; entry.attachment != "" && slices.Contains(attached, arn) {
			m.ids["iam/rolePolicyAttachment "+entry.attachment] = m.ids[entryRole] + "/" + arn
		}
	}
}

// policyCandidates returns the policies that may be the entry's: those that are attached to the collectors' role, or if
// there are none, those that name this cluster.
func (m *importer) policyCandidates(entry policyEntry, attached []string) []candidate {
	var onRole, ofCluster []candidate
	for _, p := range m.tf.policies {
		actions, ok := allowedActions(p.document)
		has := func(action string) bool { return strings.EqualFold(action, entry.action) }
		foreign := func(action string) bool { return !strings.HasPrefix(strings.ToLower(action), entry.prefix) }
		if !ok || !slices.ContainsFunc(actions, has) || slices.ContainsFunc(actions, foreign) ||
			m.namesOtherCluster(p.document) {
			continue
		}
		c := candidate{p.id, p.address}
		switch {
		case entry.attachment != "" && slices.Contains(attached, p.id):
			onRole = append(onRole, c)
		case m.namesCluster(p.document, m.cluster):
			ofCluster = append(ofCluster, c)
		}
	}
	if len(onRole) > 0 {
		return onRole
	}
	return ofCluster
}

// allowedActions returns the actions that a policy document allows, and reports whether it lists all of them.
func allowedActions(document string) (actions []string, ok bool) {
	type statement struct {
		Effect            string
		Action, NotAction iampolicy.Strings
	}
	var one struct{ Statement statement }
	var many struct{ Statement []statement }
	if json.Unmarshal([]byte(document), &one) == nil {
		many.Statement = []statement{one.Statement}
	} else if json.Unmarshal([]byte(document), &many) != nil {
		return nil, false
	}
	for _, s := range many.Statement {
		if s.Effect == "Allow" && len(s.NotAction) > 0 {
			return nil, false
		}
		if s.Effect == "Allow" {
			actions = append(actions, s.Action...)
		}
	}
	return actions, true
}
