//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"msk-serverless/sandbox/aws"
)

// unit is how long the model's unit takes here. AWS takes some 5 to 10 minutes for a cluster, 100 units: 3 to 6 seconds a
// unit, beside which the CLI's own time is even less than here.
const unit = 200 * time.Millisecond

const clusterType = "aws:msk/serverlessCluster:ServerlessCluster"

// units is a model of how long AWS takes for a call, as a share of the cluster's 100.
func units(kind aws.Operation, typ string) int {
	service, _, _ := strings.Cut(strings.TrimPrefix(typ, "aws:"), "/")
	switch {
	case typ == clusterType:
		return 100
	case kind == aws.LookUp && strings.HasSuffix(typ, "getPartition"):
		return 0 // the provider knows it
	case kind == aws.LookUp:
		return 1
	case typ == "aws:ec2/securityGroup:SecurityGroup", typ == "aws:iam/role:Role":
		return 5
	case typ == "aws:iam/instanceProfile:InstanceProfile":
		return 4
	case service == "iam":
		return 3
	case service == "vpc":
		return 2
	}
	return 1
}

// alarmed has the stack tell someone, so that it has all kinds of resources.
var alarmed = map[string]any{"alarmTopicArn": "arn:aws:sns:ap-south-1:123456789012:alarms"}

// measurePath compares an up with the longest chain of resources that wait for one another.
func (b *bench) measurePath() error {
	var walls []usage
	var resources []resource
	const ups = 3
	for round := range ups {
		progress("deploying with the model's latency, %d of %d", round+1, ups)
		p, err := b.newProject(b.binary("program"), alarmed)
		if err != nil {
			return err
		}
		p.cloud.Latency(func(c aws.Call) time.Duration { return unit * time.Duration(units(c.Operation, c.Type)) })
		up, err := p.up()
		if err != nil {
			return err
		}
		walls = append(walls, up)
		if resources, _, err = p.export(); err != nil {
			return err
		}
		p.close()
	}
	g := newGraph(resources)
	length, chain := g.longest()
	critical := unit * time.Duration(length)
	ratio := spreadOf(scaled(each(walls, wall), 1/critical.Seconds()))
	b.printf("\n### Critical path\n\nWith a model of AWS's latency (cluster 100 units; security group, role 5; instance profile 4; the rest of IAM 3; egress rule 2; "+
		"others and each look-up 1; a unit is %s here), the sandbox stack with its alarms. The path is the longest through the dependencies that the state records:\n\n"+
		"%s: %d units, %s.\n\n`up` took %s, which is look-ups, the CLI and the engine besides. ", unit, strings.Join(chain, " → "), length, critical, spreadOf(each(walls, wall)).show(1, " s"))
	b.target("`up` ≤ 1.05 × the critical path", ratio.show(3, " ×"), ratio.median <= 1.05)

	waiting := g.waitWithoutNeed(clusterType)
	b.printf("Of %d resources that wait for the cluster, these use nothing of it: %s. (Made earlier, that alarm would tell of the silence before there is a cluster.)\n",
		len(g.behind(clusterType, false)), strings.Join(waiting, ", "))
	b.target("nothing waits for the cluster but what needs it: its ARN, or that it is there (the alarm of silence)",
		strings.Join(waiting, ", "), slices.Equal(waiting, []string{"silence"}))
	return nil
}

// graph is a stack's resources, by URN.
type graph map[string]resource

func newGraph(resources []resource) graph {
	g := graph{}
	for _, r := range resources {
		g[r.URN] = r
	}
	return g
}

func name(urn string) string { return urn[strings.LastIndex(urn, "::")+2:] }

// label names a resource by its type and name: "iam/policy producer".
func (r resource) label() string {
	parts := strings.Split(r.Type, ":")
	return parts[1] + " " + name(r.URN)
}

// before are the resources that r waits for. With values, only those that it takes a value from.
func (r resource) before(values bool) (urns []string) {
	for _, from := range r.PropertyDependencies {
		urns = append(urns, from...)
	}
	if !values {
		urns = append(urns, r.Dependencies...)
	}
	return urns
}

// longest is the chain of resources that takes the most units, and how many.
func (g graph) longest() (length int, chain []string) {
	type end struct {
		length int
		chain  []string
	}
	ends := map[string]end{}
	var to func(urn string) end
	to = func(urn string) end {
		if e, ok := ends[urn]; ok {
			return e
		}
		var e end
		for _, before := range g[urn].before(false) {
			if other := to(before); other.length > e.length {
				e = other
			}
		}
		if r := g[urn]; strings.HasPrefix(r.Type, "aws:") {
			e = end{e.length + units(aws.Create, r.Type), append(slices.Clone(e.chain), r.label())}
		}
		ends[urn] = e
		return e
	}
	var best end
	for urn := range g {
		if e := to(urn); e.length > best.length || e.length == best.length && fmt.Sprint(e.chain) < fmt.Sprint(best.chain) {
			best = e
		}
	}
	return best.length, best.chain
}

// behind are the resources that wait for the one of the type, directly or not. With values, only those that values flow to.
func (g graph) behind(typ string, values bool) map[string]bool {
	found := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for urn, r := range g {
			reaches := slices.ContainsFunc(r.before(values), func(before string) bool { return g[before].Type == typ || found[before] })
			if reaches && !found[urn] {
				found[urn], grown = true, true
			}
		}
	}
	return found
}

// waitWithoutNeed names the resources that wait for the one of the type and have no value that comes of it.
func (g graph) waitWithoutNeed(typ string) (names []string) {
	need := g.behind(typ, true)
	for urn := range g.behind(typ, false) {
		if !need[urn] {
			names = append(names, name(urn))
		}
	}
	slices.Sort(names)
	return names
}

// measureLookUps counts the look-ups that a preview waits for one after the other.
func (b *bench) measureLookUps() error {
	progress("look-ups")
	const answer = 300 * time.Millisecond
	quick, err := b.newProject(b.binary("program"), nil)
	if err != nil {
		return err
	}
	defer quick.close()
	slow, err := b.newProject(b.binary("program"), nil)
	if err != nil {
		return err
	}
	defer slow.close()
	asked := 0
	slow.cloud.Latency(func(c aws.Call) time.Duration { return answer * time.Duration(units(c.Operation, c.Type)) })
	taken, err := interleave(max(3, b.rounds/3), false, subject{"quick", quick.preview}, subject{"slow", slow.preview})
	if err != nil {
		return err
	}
	slow.cloud.ResetCalls()
	if _, err := measure(slow.preview(), false); err != nil {
		return err
	}
	for _, c := range slow.cloud.Calls() {
		asked += units(c.Operation, c.Type)
	}
	var added []float64
	for i := range taken["slow"] {
		added = append(added, (taken["slow"][i].wall-taken["quick"][i].wall).Seconds()/answer.Seconds())
	}
	b.printf("\nA preview asks AWS %d times. Where each answer takes %s, the preview takes longer by %s of them: who deploys, then whether the "+
		"permissions boundary is there; the VPC and its subnets at the same time.\n", asked, answer, spreadOf(added).show(2, ""))
	return nil
}
