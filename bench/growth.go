//go:build linux

package main

import (
	"fmt"
	"os/exec"
)

// series is a kind of stack that is deployed in several sizes.
type series struct {
	name, program string
	counts        []float64
	settings      func(n int) map[string]any
	env           func(n int) []string

	sizes []*size
}

// size is one of a series' stacks, and what was measured of it.
type size struct {
	name          string
	project       *project
	ups, previews []usage

	resources, state         float64 // how many, and bytes
	policies, largestInBytes int
}

var sizes = []float64{1, 10, 50, 200}

// measureGrowth deploys stacks with more and more teams and prefixes, and programs with as many plain policies: what the
// engine itself takes for a resource.
func (b *bench) measureGrowth() error {
	same := func(int) []string { return nil }
	teamsAll := &series{name: "teams", program: "program", counts: sizes, settings: teams, env: same}
	unsaved := &series{name: "teams, checkpoints skipped", program: "program", counts: sizes, settings: teams, env: func(int) []string {
		return []string{"PULUMI_EXPERIMENTAL=true", "PULUMI_SKIP_CHECKPOINTS=true"}
	}}
	plain := &series{
		name: "plain policies", program: "plain", counts: sizes, settings: func(int) map[string]any { return nil },
		env: func(n int) []string { return []string{fmt.Sprint("POLICIES=", n)} },
	}
	prefixesAll := &series{name: "prefixes", program: "program", counts: []float64{1, 10, 40}, settings: prefixes, env: same}
	all := []*series{teamsAll, plain, unsaved, prefixesAll}

	const ups = 3
	for round := range ups {
		progress("deploying stacks of all sizes, round %d of %d", round+1, ups)
		for _, s := range all {
			if err := b.deploy(s); err != nil {
				return err
			}
		}
	}
	if err := b.previewAll(teamsAll, plain, prefixesAll); err != nil {
		return err
	}
	b.reportGrowth(all)
	b.judgeGrowth(teamsAll, plain, unsaved)
	return nil
}

// deploy deploys each size of the series anew.
func (b *bench) deploy(s *series) error {
	for i, n := range s.counts {
		if len(s.sizes) <= i {
			s.sizes = append(s.sizes, &size{name: fmt.Sprintf("%s: %g", s.name, n)})
		} else {
			s.sizes[i].project.close()
		}
		p, err := b.newProject(b.binary(s.program), s.settings(int(n)), s.env(int(n))...)
		if err != nil {
			return err
		}
		up, err := p.up()
		if err != nil {
			return err
		}
		s.sizes[i].project, s.sizes[i].ups = p, append(s.sizes[i].ups, up)
	}
	return nil
}

// previewAll measures previews of what was deployed, and reads its state.
func (b *bench) previewAll(all ...*series) error {
	progress("previews of stacks of all sizes")
	var subjects []subject
	for _, s := range all {
		for _, z := range s.sizes {
			subjects = append(subjects, subject{z.name, func() *exec.Cmd { return z.project.preview() }})
		}
	}
	taken, err := interleave(max(3, 2*b.rounds/3), false, subjects...)
	if err != nil {
		return err
	}
	for _, s := range all {
		for _, z := range s.sizes {
			z.previews = taken[z.name]
			resources, bytes, err := z.project.export()
			if err != nil {
				return err
			}
			z.resources, z.state = float64(len(resources)), float64(bytes)
			for _, r := range resources {
				if r.Type == "aws:iam/policy:Policy" {
					text, _ := r.Inputs["policy"].(string)
					z.policies, z.largestInBytes = z.policies+1, max(z.largestInBytes, len(text))
				}
			}
		}
	}
	return nil
}

func (b *bench) reportGrowth(all []*series) {
	b.printf("\n### Growth\n\nThe sandbox stack with more teams (a prefix and a group each) or prefixes; and, for what the engine takes for a resource, " +
		"a program that registers nothing but IAM policies with one short document. `up` is of a new stack, without a preview. IAM takes policies of 6144 characters.\n\n" +
		"| stack | resources | preview | `up` | state | policies | largest |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range all {
		for _, z := range s.sizes {
			up := spreadOf(each(z.ups, wall)).show(2, " s")
			if z.previews == nil {
				b.printf("| %s | | | %s | | | |\n", z.name, up)
				continue
			}
			b.printf("| %s | %.0f | %s | %s | %.0f kB | %d | %d |\n", z.name, z.resources, spreadOf(each(z.previews, wall)).show(2, " s"), up,
				z.state/1e3, z.policies, z.largestInBytes)
		}
	}
}

func (b *bench) judgeGrowth(teams, plain, unsaved *series) {
	resources := slope(teams.counts, teams.each(func(z *size) float64 { return z.resources }))
	var perTeam, perPolicy, over []float64
	for round := range teams.sizes[0].previews {
		ms := func(z *size) float64 { return wall(z.previews[round]) * 1000 }
		team, policy := slope(teams.counts, teams.each(ms)), slope(plain.counts, plain.each(ms))
		perTeam, perPolicy, over = append(perTeam, team), append(perPolicy, policy), append(over, team-resources*policy)
	}
	state := teams.each(func(z *size) float64 { return z.state })
	b.printf("\nFitted over 1 to 200 teams, round by round: a team takes %s of a preview, for %.2f resources and %.1f kB of state; a plain policy takes %s.\n",
		spreadOf(perTeam).show(2, " ms"), resources, slope(teams.counts, state)/1e3, spreadOf(perPolicy).show(2, " ms"))
	b.target("a team takes ≤ 3 ms of preview over the engine's own cost of its resources", spreadOf(over).show(2, " ms"), spreadOf(over).median <= 3)

	ups := func(z *size) float64 { return spreadOf(each(z.ups, wall)).median }
	previews := func(z *size) float64 { return spreadOf(each(z.previews, wall)).median }
	// Of what is fitted to some hundred milliseconds, a tenth is noise.
	const straight = 1.3
	p, s := bend(teams.each(previews)), bend(state)
	b.target("no growth worse than linear (what a team more takes between 50 and 200, to between 1 and 50, ≤ 1.3): preview and state",
		fmt.Sprintf("preview %.2f, state %.2f", p, s), max(p, s) <= straight)
	u, without := bend(teams.each(ups)), bend(unsaved.each(ups))
	b.target("the same of `up`", fmt.Sprintf("%.2f; %.2f where the engine skips its checkpoints", u, without), u <= straight)
	b.printf("\nThe engine writes the whole state after each resource, so that `up` of a new stack grows with the square of its resources, "+
		"whatever the program: between 50 and 200 a plain policy takes %.2f times what it takes between 1 and 50. Where it skips these checkpoints "+
		"(`PULUMI_SKIP_CHECKPOINTS`, an experiment of the CLI's, after which a crash loses track of what was made), a team takes %.2f times.\n",
		bend(plain.each(ups)), without)
}

func (s *series) each(of func(*size) float64) (values []float64) {
	for _, z := range s.sizes {
		values = append(values, of(z))
	}
	return values
}

// bend is how much steeper values are over the last of sizes than over the first: 1 for a straight line.
func bend(values []float64) float64 {
	return (values[3] - values[2]) / (sizes[3] - sizes[2]) / ((values[2] - values[0]) / (sizes[2] - sizes[0]))
}

// slope is that of the line of least squares.
func slope(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
