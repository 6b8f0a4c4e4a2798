package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// importReport is what import-file says about a file that it filled.
type importReport struct {
	text      strings.Builder
	decisions int // lines about something that the next up takes away
}

func (r *importReport) title(format string, args ...any) { fmt.Fprintf(&r.text, format+":\n", args...) }

// list writes a title and the lines below it in alphabetical order, or nothing if there are no lines.
func (r *importReport) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	r.title("%s", title)
	for _, line := range sorted(lines) {
		r.line("%s", line)
	}
}

func (r *importReport) line(format string, args ...any) {
	fmt.Fprintf(&r.text, "  "+format+"\n", args...)
}

// print writes the report about what fill found.
func (m *importer) print(w io.Writer) error {
	r := &importReport{}
	m.reportSources(r)
	m.reportPolicies(r)
	m.reportEntries(r)
	m.reportLeft(r)
	if r.decisions > 0 {
		fmt.Fprintf(&r.text,
			"Before `pulumi up`, decide about each line with GOES, DETACHED or DELETED: there are %d\n", r.decisions)
	}
	_, err := io.WriteString(w, r.text.String())
	return err
}

func (m *importer) reportSources(r *importReport) {
	r.title("ingress into the brokers' group %s, which admits nobody else after the next `pulumi up`",
		m.ids[entryBrokers])
	sources := m.sources()
	for _, s := range sources {
		fate, lost := m.brokersFate(s)
		if lost {
			r.decisions++
		}
		r.line("%s, %s (%s): %s", s.peer, s.ports, strings.Join(s.origins, ", "), fate)
	}
	if len(sources) == 0 {
		r.line("none today")
	}
	r.line("egress: becomes all traffic, over IPv4 and IPv6")
}

// reportPolicies says what becomes of each policy of the collectors' role, whose policies the program sets exclusively.
func (m *importer) reportPolicies(r *importReport) {
	role := m.ids[entryRole]
	if role == "" {
		return
	}
	r.title("policies of the collectors' role %s, which has no other policies after the next `pulumi up`", role)
	imported := map[string]string{}
	for _, entry := range policyEntries {
		if arn := m.ids[entry.key()]; arn != "" && entry.attachment != "" {
			imported[arn] = entry.key()
		}
	}
	for _, arn := range m.tf.attached(role) {
		if key, ok := imported[arn]; ok {
			r.line("%s: imported as %s%s", arn, key, m.alsoOn(role, arn))
			continue
		}
		r.decisions++
		r.line("%s (%s): DETACHED by the next `pulumi up`; attach it in iam.go if collectors need it",
			arn, strings.Join(m.attachers(role, arn), ", "))
	}
	var named []string
	for _, p := range m.tf.inline {
		if p.role != role || slices.Contains(named, p.name) {
			continue
		}
		named = append(named, p.name)
		r.decisions++
		r.line("inline policy %s (%s): DELETED by the next `pulumi up`; add what collectors need of it in iam.go",
			p.name, p.address)
	}
	if !slices.ContainsFunc(m.tf.roles, func(o tfObject) bool { return o.name == role }) {
		r.decisions++
		r.line("Terraform doesn't manage this role, so its state may lack policies, which are DETACHED or DELETED "+
			"too: list them with `aws iam list-attached-role-policies --role-name %s` and "+
			"`aws iam list-role-policies --role-name %s`", role, role)
	}
}

// alsoOn says which other roles the policy is attached to, as far as the state shows.
func (m *importer) alsoOn(role, arn string) string {
	var others []string
	for _, a := range m.tf.attachments {
		if a.role != role && a.policyARN == arn && !slices.Contains(others, a.role) {
			others = append(others, a.role)
		}
	}
	if len(others) == 0 {
		return ""
	}
	return "; what changes in it changes for " + strings.Join(others, ", ") + " too"
}

// attachers returns the addresses of what attaches the policy to the role.
func (m *importer) attachers(role, arn string) []string {
	var addresses []string
	for _, a := range m.tf.attachments {
		if a.role == role && a.policyARN == arn {
			addresses = append(addresses, a.address)
		}
	}
	return addresses
}

// reportEntries lists what is imported and what isn't.
func (m *importer) reportEntries(r *importReport) {
	var imported, created []string
	for _, e := range m.file.entries {
		switch {
		case e.key == "":
		case e.id == "":
			created = append(created, e.key)
		default:
			imported = append(imported, e.key+": "+cmp.Or(m.describe(e), e.id))
		}
	}
	r.list("imported", imported)
	r.list("not in Terraform's state; the next `pulumi up` creates it", created)
}

// describe returns the address and id of what an entry imports, or nothing if Terraform's state has no such object.
func (m *importer) describe(e *importEntry) string {
	typ, _, _ := strings.Cut(e.key, " ")
	for _, o := range slices.Concat(m.tf.managed, m.tf.groups) {
		if o.kind == terraformType[typ] && o.id == e.id {
			return fmt.Sprintf("%s (%s)", o.address, e.id)
		}
	}
	return ""
}

// reportLeft lists what nothing manages any more once Terraform is gone.
func (m *importer) reportLeft(r *importReport) {
	var left []string
	imported := map[string]bool{}
	for _, e := range m.file.entries {
		typ, _, _ := strings.Cut(e.key, " ")
		imported[terraformType[typ]+" "+e.id] = true
	}
	for _, o := range m.tf.managed {
		// What ends in _exclusive is nothing in AWS.
		inAWS := strings.HasPrefix(o.kind, "aws") && !strings.HasSuffix(o.kind, "_exclusive")
		if inAWS && !imported[o.kind+" "+o.id] && !m.reported(o) {
			left = append(left, fmt.Sprintf("%s (%s)", o.address, o.id))
		}
	}
	for _, rule := range m.rules {
		if rule.group == m.ids[entryBrokers] || imported["aws_vpc_security_group_egress_rule "+rule.id] {
			continue
		}
		direction := "ingress from"
		if rule.egress {
			direction = "egress to"
		}
		left = append(left, fmt.Sprintf("rule %s of %s: %s %s, %s",
			rule.id, rule.group, direction, rule.peer, rule.ports))
	}
	r.list("not imported; it stays in AWS as it is, and nothing manages it once Terraform is gone", left)
}

// reported reports whether the object is covered by another part of the report: a rule of one of the three groups, or a
// policy of the collectors' role.
func (m *importer) reported(o tfObject) bool {
	ours := []string{m.ids[entryBrokers], m.ids[entryCollector], m.ids[entryConsumer]}
	for _, r := range m.tf.rules {
		if r.address == o.address && o.kind != "aws_security_group" {
			return slices.Contains(ours, r.group)
		}
	}
	role := m.ids[entryRole]
	if role == "" || o.kind == "aws_iam_role" {
		return false
	}
	return slices.ContainsFunc(m.tf.attachments, func(a tfAttachment) bool {
		return a.address == o.address && a.role == role
	}) || slices.ContainsFunc(m.tf.inline, func(p tfInlinePolicy) bool {
		return p.address == o.address && p.role == role
	})
}
