package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"msk-serverless/internal/config"
)

// verdict is what to do with an object.
type verdict string

const (
	takeOver verdict = "take over"
	wait     verdict = "wait"
	remove   verdict = "delete"
	decide   verdict = "decide"
	notOurs  verdict = "not ours"
)

// finding is an object in AWS that the state doesn't have, and what to do with it.
type finding struct {
	verdict verdict
	entry   string // type and name in the program, or only the type if the program doesn't have it
	object  object
	note    string
}

// object is something in AWS.
type object struct {
	id    string // as Pulumi imports it
	arn   string
	tags  map[string]string
	state string // of a cluster

	misfit string // why the program can't have it as it is, such as "it is in other subnets"
}

// stack returns the name of the stack that the object belongs to, by its tag.
func (o object) stack() string { return o.tags[config.StackTag] }

// known is what the state has.
type known struct{ arns, ids map[string]bool }

func newKnown(st state) known {
	k := known{map[string]bool{}, map[string]bool{}}
	for _, r := range st.Deployment.Resources {
		if arn, ok := r.Outputs["arn"].(string); ok {
			k.arns[arn] = true
		}
		k.ids[r.ID] = true
	}
	return k
}

// has reports whether the state has the object with the ARN. The state of a resource that was created in part has only
// the id, which is unique for those of EC2.
func (k known) has(arn string) bool {
	id := arn[strings.LastIndex(arn, "/")+1:]
	return k.arns[arn] || k.ids[arn] || k.ids[id] && strings.HasPrefix(id, "sg")
}

// finder looks objects up in AWS.
type finder interface {
	// find returns the objects that could be the one that the program would create.
	find(ctx context.Context, c creation) ([]object, error)
	// tagged returns the objects with the stack's tag, without the security groups' inline rules.
	tagged(ctx context.Context, stack string) ([]object, error)
}

// matcher decides what to do with the objects that the state doesn't have.
type matcher struct {
	stack string
	known known
	look  finder
}

// match returns a finding for each object that is in the way of a creation, or left over. take has the objects that are
// named to be taken over, as entry=id.
func (m matcher) match(ctx context.Context, creations []creation, take []string) ([]finding, error) {
	named, err := parseTake(take, creations)
	if err != nil {
		return nil, err
	}
	var findings []finding
	seen := map[string]bool{}
	for _, c := range creations {
		objects, err := m.look.find(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("looking up %s: %w", c.entry, err)
		}
		objects = slices.DeleteFunc(objects, func(o object) bool { return m.known.has(o.arn) })
		id, isNamed := named[c.entry]
		if isNamed && !slices.ContainsFunc(objects, func(o object) bool { return o.id == id }) {
			return nil, fmt.Errorf("--take '%s=%s': AWS has no such object for it", c.entry, id)
		}
		if !c.fixedName() { // nothing else can be in the way
			objects = slices.DeleteFunc(objects, func(o object) bool { return o.stack() != m.stack && o.id != id })
		}
		for _, f := range m.judge(c, objects, id) {
			seen[f.object.arn] = true
			findings = append(findings, f)
		}
	}
	tagged, err := m.look.tagged(ctx, m.stack)
	if err != nil {
		return nil, fmt.Errorf("looking for the tag %s: %w", config.StackTag, err)
	}
	takesGroup := slices.ContainsFunc(findings, func(f finding) bool {
		return f.verdict == takeOver && strings.HasPrefix(f.object.id, "sg-")
	})
	for _, o := range tagged {
		if m.known.has(o.arn) || seen[o.arn] || overwritten(creations, o.arn) {
			continue
		}
		f := finding{remove, arnKind(o.arn), o, deleteCommand(o.arn)}
		switch kind, _ := splitARN(o.arn); {
		case kind == "ec2 security-group-rule" && takesGroup:
			f.verdict, f.note = wait, "for its group to be taken over"
		case kind == "kafka cluster":
			f.note += ", unless it belongs to a stack of the same name in another project"
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// overwritten reports whether the object is an alarm or a rule that the program has: AWS overwrites these.
func overwritten(creations []creation, arn string) bool {
	kind, name := splitARN(arn)
	return slices.ContainsFunc(creations, func(c creation) bool {
		switch kind {
		case "cloudwatch alarm":
			return c.typ == "aws:cloudwatch/metricAlarm:MetricAlarm" && c.text("name") == name
		case "events rule":
			return c.typ == "aws:cloudwatch/eventRule:EventRule" && c.text("name") == name
		}
		return false
	})
}

// judge returns what to do with the objects that could be the creation. id is the one that was named, if any.
func (m matcher) judge(c creation, objects []object, id string) []finding {
	ours := slices.DeleteFunc(slices.Clone(objects), func(o object) bool { return o.stack() != m.stack })
	var findings []finding
	for _, o := range objects {
		f := finding{entry: c.entry, object: o}
		switch {
		case o.stack() == "" && o.id != id:
			f.verdict, f.note = decide, fmt.Sprintf("has no tag %s; if it is this stack's: --take '%s=%s'",
				config.StackTag, c.entry, o.id)
		case o.stack() != "" && o.stack() != m.stack:
			f.verdict, f.note = notOurs, fmt.Sprintf("its tag %s is %s", config.StackTag, o.stack())
		case o.misfit != "" && o.stack() == m.stack:
			f.verdict, f.note = remove, o.misfit+"; "+deleteCommand(o.arn)
		case o.id != id && len(ours) > 1:
			f.verdict, f.note = remove, "one of several; "+deleteCommand(o.arn)
		case o.state == "CREATING":
			f.verdict, f.note = wait, "until it is ACTIVE, then run this again"
		case o.state != "" && o.state != "ACTIVE":
			f.verdict, f.note = remove, "it is "+o.state+"; "+deleteCommand(o.arn)
		default:
			f.verdict = takeOver
		}
		findings = append(findings, f)
	}
	return findings
}

// parseTake returns the ids in take by entry, each of which must be a creation.
func parseTake(take []string, creations []creation) (map[string]string, error) {
	named := map[string]string{}
	for _, t := range take {
		entry, id, _ := strings.Cut(t, "=")
		if !slices.ContainsFunc(creations, func(c creation) bool { return c.entry == entry }) || id == "" {
			return nil, &exitError{2, fmt.Errorf("--take %q: must be type, name and id of something that the stack would "+
				"create, such as 'iam/role collector=<id>'", t)}
		}
		named[entry] = id
	}
	return named, nil
}

// arnKinds are the kinds of objects that can be left over, by service and the first part of the resource in their ARN,
// with the command that deletes one. %s is what follows in the ARN; of IAM, the name alone.
var arnKinds = map[string]struct{ typ, command string }{
	"kafka cluster":      {"msk/serverlessCluster", "aws kafka delete-cluster --cluster-arn %s"},
	"ec2 security-group": {"ec2/securityGroup", "aws ec2 delete-security-group --group-id %s"},
	"ec2 security-group-rule": {
		"vpc/securityGroupEgressRule",
		"aws ec2 revoke-security-group-egress --group-id <its group> --security-group-rule-ids %s",
	},
	"logs log-group":   {"cloudwatch/logGroup", "aws logs delete-log-group --log-group-name %s"},
	"cloudwatch alarm": {"cloudwatch/metricAlarm", "aws cloudwatch delete-alarms --alarm-names %s"},
	"events rule":      {"cloudwatch/eventRule", "aws events delete-rule --name %s"},
	"iam role":         {"iam/role", "aws iam delete-role --role-name %s"},
	"iam policy":       {"iam/policy", "aws iam delete-policy --policy-arn %s"},
	"iam instance-profile": {
		"iam/instanceProfile", "aws iam delete-instance-profile --instance-profile-name %s",
	},
}

// splitARN returns the key in arnKinds for an ARN, and the rest of the ARN's resource.
func splitARN(arn string) (kind, rest string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "", arn
	}
	i := strings.IndexAny(parts[5], ":/")
	if i < 0 {
		return parts[2] + " " + parts[5], ""
	}
	return parts[2] + " " + parts[5][:i], parts[5][i+1:]
}

// arnKind returns a resource's type by an object's ARN.
func arnKind(arn string) string {
	kind, _ := splitARN(arn)
	if known, ok := arnKinds[kind]; ok {
		return known.typ
	}
	return kind
}

// deleteCommand returns the command of the AWS CLI that deletes an object, if it isn't in use.
func deleteCommand(arn string) string {
	kind, rest := splitARN(arn)
	known, ok := arnKinds[kind]
	if !ok {
		return "delete it in the console"
	}
	switch kind {
	case "kafka cluster", "iam policy":
		rest = arn
	case "iam role", "iam instance-profile":
		rest = rest[strings.LastIndex(rest, "/")+1:]
	}
	command := fmt.Sprintf(known.command, shellQuoted(rest))
	if region := strings.Split(arn, ":")[3]; region != "" {
		command += " --region " + region
	}
	return command
}

var safeInShell = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// shellQuoted returns the text as one word of a shell's command. The name of a consumer group, and so of an alarm, can
// have characters that a shell acts on.
func shellQuoted(text string) string {
	if safeInShell.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// sortObjects sorts objects by ARN and drops repetitions.
func sortObjects(objects []object) []object {
	byARN := map[string]object{}
	for _, o := range objects {
		byARN[o.arn] = o
	}
	var sorted []object
	for _, arn := range slices.Sorted(maps.Keys(byARN)) {
		sorted = append(sorted, byARN[arn])
	}
	return sorted
}
