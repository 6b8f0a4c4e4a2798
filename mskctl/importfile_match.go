package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"msk-serverless/internal/config"
)

// importer finds the ids of what a Terraform stack made.
type importer struct {
	cfg      config.Config
	tf       *terraform
	file     *importFile
	create   []string // keys of entries that get no id
	finder   ruleFinder
	cluster  tfCluster
	rules    []rule // those of the brokers', collectors' and consumers' groups in AWS
	ids      map[string]string
	problems []string
}

// candidate is an object that an entry may stand for.
type candidate struct{ id, address string }

func (m *importer) refuse(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// fill writes an id into each entry of the file whose object Terraform made, and removes the id of the others. If it
// returns an error, the file must not be used; the error lists every problem.
func (m *importer) fill(ctx context.Context) error {
	m.ids = map[string]string{}
	if m.checkFile(); len(m.problems) == 0 && m.findCluster() {
		if err := m.findGroups(ctx); err != nil {
			return err
		}
		m.findRole()
		m.findLogGroup()
		m.findPolicies()
		m.findEgress()
		m.checkDistinct()
	}
	if len(m.problems) > 0 {
		return errors.New("nothing was printed:\n  * " + strings.Join(m.problems, "\n  * "))
	}
	for _, e := range m.file.entries {
		if e.id != placeholder {
			continue
		}
		e.id = m.ids[e.key]
		if slices.Contains(m.create, e.key) {
			e.id = ""
		}
	}
	return nil
}

// checkFile refuses a file that the first import of a stack can't have come from.
func (m *importer) checkFile() {
	if !m.cfg.Adopted {
		m.refuse("adopted isn't true, and without it the program would replace what you adopt: " +
			"run `pulumi config set adopted true`")
	}
	for _, key := range []string{
		entryCluster, entryBrokers, entryCollector, entryConsumer, entryLogs, entryRole, entryProfile, entryExclusive,
	} {
		if m.file.entry(key) == nil {
			m.refuse("the import file has no %s, as if it were imported already: start over with `pulumi stack rm "+
				"<stack> --force --preserve-config`, `pulumi stack init` and `pulumi preview --import-file`", key)
		}
	}
	for _, key := range m.create {
		switch {
		case key == entryCluster || key == entryBrokers:
			m.refuse("--create %q: a new one would replace the cluster", key)
		case m.file.entry(key) == nil:
			m.refuse("--create %q: the import file has no such entry; name it by type and name, such as %q",
				key, entryConsumer)
		case m.file.written(key) != "":
			m.refuse("--create %q: the import file has the id %s for it; remove one of them", key, m.file.written(key))
		}
	}
}

// findCluster finds the cluster, and reports whether it did. A difference that would replace it is a problem.
func (m *importer) findCluster() bool {
	var names []string
	for _, c := range m.tf.clusters {
		names = append(names, c.name)
	}
	i := slices.Index(names, m.cfg.ClusterName)
	if i < 0 {
		m.refuse("Terraform's state has no cluster named %s, which is clusterName; it has: %s",
			m.cfg.ClusterName, cmp.Or(strings.Join(names, ", "), "none"))
		return false
	}
	m.cluster = m.tf.clusters[i]
	if m.cluster.region != m.cfg.Region {
		m.refuse("the cluster is in %s: set aws:region to that", m.cluster.region)
	}
	if len(m.cluster.vpcs) != 1 || len(m.cluster.vpcs[0].SecurityGroupIDs) != 1 {
		m.refuse("the cluster has more than one VPC or security group, which this command can't move in: write the import " +
			"file by hand, with the other VPCs in furtherVpcs, which has one brokers' group for each")
		return false
	}
	if subnets := sorted(m.cluster.vpcs[0].SubnetIDs); !slices.Equal(subnets, sorted(m.cfg.SubnetIDs)) {
		m.refuse(`the cluster has other subnets: set subnetIds to ["%s"]`, strings.Join(subnets, `","`))
	}
	m.ids[entryCluster], m.ids[entryBrokers] = m.cluster.id, m.cluster.vpcs[0].SecurityGroupIDs[0]
	for _, key := range []string{entryCluster, entryBrokers} {
		if id := m.file.written(key); id != "" && id != m.ids[key] {
			m.refuse("the import file has %s for %s, but Terraform's state has %s: correct it", id, key, m.ids[key])
		}
	}
	return true
}

func sorted(s []string) []string {
	return slices.Sorted(slices.Values(s))
}

// decided returns the id for the entry if something says which it is: one written by hand, --create, which means none,
// or Terraform's output.
func (m *importer) decided(key, output string) (id string, ok bool) {
	if id := m.file.written(key); id != "" {
		return id, true
	}
	if slices.Contains(m.create, key) || m.file.entry(key) == nil {
		return "", true
	}
	id = m.tf.outputs[output]
	return id, id != ""
}

// choose records the id for the entry: the decided one, or the only candidate's. More than one candidate is a problem.
func (m *importer) choose(key, output string, candidates []candidate) {
	id, ok := m.decided(key, output)
	switch {
	case ok:
		m.ids[key] = id
	case len(candidates) == 1:
		m.ids[key] = candidates[0].id
	case len(candidates) > 1:
		m.ask(key, candidates)
	}
}

// ask refuses to guess which of the candidates the entry stands for.
func (m *importer) ask(key string, candidates []candidate) {
	var names []string
	for _, c := range candidates {
		names = append(names, fmt.Sprintf("%s (%s)", c.address, c.id))
	}
	m.refuse("%s may be any of %s: %s", key, strings.Join(names, ", "), remedy(key))
}

// remedy says how to decide what an entry stands for.
func remedy(key string) string {
	return fmt.Sprintf("write the id of the right one into the import file in place of %s, "+
		"or, if there is none, let `pulumi up` create it with --create '%s'", placeholder, key)
}

// findLogGroup finds the log group of the brokers. Another name than the program's proves nothing.
func (m *importer) findLogGroup() {
	var named, all []candidate
	for _, g := range m.tf.logGroups {
		c := candidate{g.id, g.address}
		all = append(all, c)
		if g.name == "/aws/msk/"+m.cluster.name+"/broker" {
			named = append(named, c)
		}
	}
	if _, ok := m.decided(entryLogs, ""); ok || len(named) > 0 || len(all) == 0 {
		m.choose(entryLogs, "", named)
		return
	}
	m.ask(entryLogs, all)
}

// checkDistinct refuses one object for two entries, which would both manage it.
func (m *importer) checkDistinct() {
	seen := map[string]string{}
	for _, e := range m.file.entries {
		typ, _, _ := strings.Cut(e.key, " ")
		id := cmp.Or(m.file.written(e.key), m.ids[e.key])
		if id == "" || slices.Contains(m.create, e.key) {
			continue
		}
		if other, ok := seen[typ+" "+id]; ok {
			m.refuse("%s and %s are both %s, which only one of them can manage: write the id of the right one into "+
				"the import file, or let `pulumi up` create one of them with --create '%s'", other, e.key, id, e.key)
		}
		seen[typ+" "+id] = e.key
	}
}
