//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"msk-serverless/sandbox/aws"
)

// measureWarm measures commands on deployed stacks: against programs of plain resources, for one more client, and
// against the critical path.
func (b *bench) measureWarm() error {
	for name, pkg := range map[string]string{"program": ".", "plain": "./bench/plain"} {
		fmt.Fprintln(os.Stderr, "building", pkg)
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(b.dir, name), pkg)
		if _, err := measure(build); err != nil {
			return err
		}
	}
	for _, step := range []func() error{b.measureCommands, b.measureBuildTarget, b.measureClient, b.measurePath} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// measureCommands compares the prebuilt program with a program of as many plain resources.
func (b *bench) measureCommands() error {
	program, err := b.prebuilt("program", nil)
	if err != nil {
		return err
	}
	defer program.stop()
	resources, err := program.resources()
	if err != nil {
		return err
	}
	n := 0
	for _, r := range resources {
		if strings.HasPrefix(r.Type, "aws:") {
			n++
		}
	}
	plain, err := b.prebuilt("plain", nil, fmt.Sprint("POLICIES=", n))
	if err != nil {
		return err
	}
	defer plain.stop()
	if err := b.against(fmt.Sprint("preview, prebuilt; compared: a program of ", n, " plain policies"),
		program.preview, plain.preview, 1.10); err != nil {
		return err
	}
	return b.against("`up` without a change, prebuilt", program.unchangedUp, plain.unchangedUp, 0)
}

// measureBuildTarget does the same for programs that the CLI builds before each command. The folder of the plain one
// is inside the checkout, to belong to its Go module.
func (b *bench) measureBuildTarget() error {
	if err := os.MkdirAll(".sandbox", 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Join(b.root, ".sandbox"), "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source, err := os.ReadFile("bench/plain/main.go")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o644); err != nil {
		return err
	}
	text, err := os.ReadFile("Pulumi.yaml")
	if err != nil {
		return err
	}
	plain, err := b.deploy(dir, text, nil, "POLICIES=21")
	if err != nil {
		return err
	}
	defer plain.stop()
	program, err := b.attach(b.root)
	if err != nil {
		return err
	}
	defer program.stop()
	if _, err := measure(program.pulumi("up", "--yes", "--skip-preview")); err != nil {
		return err
	}
	if err := b.against("preview, `buildTarget`", program.preview, plain.preview, 1.10); err != nil {
		return err
	}
	return b.against("`up` without a change, `buildTarget`", program.unchangedUp, plain.unchangedUp, 0)
}

// against adds the row of a command of the program and the same command of the plain program. A most of 0 is no
// target.
func (b *bench) against(what string, program, plain func() *exec.Cmd, most float64) error {
	ours, theirs, ratio, err := b.compare(what, program, plain)
	if err != nil {
		return err
	}
	target := ""
	if most > 0 {
		target = limit(ratio, most, " ×")
	}
	b.row(what, fmt.Sprintf("%.2f s, %.0f MB; plain %.2f s, %.0f MB: %.2f ×", ours.seconds, ours.memory,
		theirs.seconds, theirs.memory, ratio), target)
	return nil
}

// measureClient compares what one more client adds to a preview with what one more plain policy adds.
func (b *bench) measureClient() error {
	const few, many = 1, 101
	var perOne [2]float64
	for i, program := range []string{"program", "plain"} {
		var sizes [2]*deployment
		for j, n := range []int{few, many} {
			d, err := b.prebuilt(program, clients(n), fmt.Sprint("POLICIES=", n))
			if err != nil {
				return err
			}
			defer d.stop()
			sizes[j] = d
		}
		more, less, _, err := b.compare("one more in "+program, sizes[1].preview, sizes[0].preview)
		if err != nil {
			return err
		}
		perOne[i] = (more.seconds - less.seconds) / (many - few)
	}
	b.row("one more client, in a preview; compared: one more plain policy",
		fmt.Sprintf("%.2f ms; plain %.2f ms", perOne[0]*1000, perOne[1]*1000), limit(perOne[0]/perOne[1], 1.5, " ×"))
	return nil
}

// unit is how long one unit of the latency model takes. AWS takes 5 to 10 minutes for a cluster, 100 units.
const unit = 200 * time.Millisecond

// latency models how long AWS takes for a call, relative to a cluster.
func latency(operation aws.Operation, typ string) time.Duration {
	switch {
	case strings.HasSuffix(typ, "getPartition"):
		return 0 // the provider knows the answer
	case operation == aws.LookUp:
		return unit
	case typ == "aws:msk/serverlessCluster:ServerlessCluster":
		return 100 * unit
	case typ == "aws:ec2/securityGroup:SecurityGroup", typ == "aws:iam/role:Role":
		return 5 * unit
	case strings.HasPrefix(typ, "aws:iam/"):
		return 3 * unit
	case strings.HasPrefix(typ, "aws:vpc/"):
		return 2 * unit
	}
	return unit
}

// measurePath compares up of a new stack, with alarms, with its critical path: the longest chain of resources that
// wait for one another.
func (b *bench) measurePath() error {
	fmt.Fprintln(os.Stderr, "`up` with a model of AWS's latency")
	quick, err := b.prebuilt("program", map[string]any{"alarmTopicArn": "arn:aws:sns:ap-south-1:123456789012:alarms"})
	if err != nil {
		return err
	}
	defer quick.stop()
	resources, err := quick.resources()
	if err != nil {
		return err
	}
	slow, err := b.attach(quick.dir)
	if err != nil {
		return err
	}
	defer slow.stop()
	slow.sandbox.Latency(func(c aws.Call) time.Duration { return latency(c.Operation, c.Type) })
	up, err := measure(slow.pulumi("up", "--yes", "--skip-preview"))
	if err != nil {
		return err
	}
	path := criticalPath(resources).Seconds()
	b.row("`up` of a new stack with a model of AWS's latency (cluster 20 s); compared: its critical path",
		fmt.Sprintf("%.1f s; path %.1f s: %.2f ×", up.seconds, path, up.seconds/path), limit(up.seconds/path, 1.05, " ×"))
	return nil
}

// criticalPath returns how long the longest chain of resources takes to create. A state lists each resource after
// those that it depends on.
func criticalPath(resources []resource) time.Duration {
	var longest time.Duration
	done := map[string]time.Duration{}
	for _, r := range resources {
		var start time.Duration
		for _, before := range r.Dependencies {
			start = max(start, done[before])
		}
		if strings.HasPrefix(r.Type, "aws:") {
			done[r.URN] = start + latency(aws.Create, r.Type)
		}
		longest = max(longest, done[r.URN])
	}
	return longest
}
