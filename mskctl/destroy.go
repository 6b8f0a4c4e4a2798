package main

import (
	"fmt"
	"strings"
)

// destroyCmd deletes everything in a stack.
type destroyCmd struct {
	stackArg
	Confirmation string `arg:"" help:"The stack's name again."`
	Check        bool   `help:"Only say what would be deleted, for the person who approves it."`
}

// Help returns the details of mskctl destroy --help.
func (destroyCmd) Help() string {
	return `Deletes the cluster with all data, and everything else in the stack. After a failure, run it again: it
continues where it stopped. If you give up instead, the next deployment protects again what is left.

Example: mskctl destroy dev dev`
}

// Run unprotects and destroys the stack.
func (c *destroyCmd) Run(s *session) error {
	if c.Confirmation != c.Stack {
		return fmt.Errorf("not confirmed, and nothing was changed: to delete all of stack %s, repeat its name", c.Stack)
	}
	st, err := s.export(c.Stack)
	if err != nil {
		return err
	}
	if c.Check {
		return c.announce(s, st)
	}
	for _, r := range st.Deployment.Resources {
		if r.Protect {
			fmt.Fprintln(s.stdout, "unprotecting", r.URN)
		}
	}
	// Only in the state: deploying protect=false would first carry out whatever else isn't deployed yet, and couldn't
	// if the program fails.
	if err := s.stream(c.Stack, "state", "unprotect", "--all", "--yes"); err != nil {
		return quietExit(err)
	}
	// The preview finds a resource that can't be deleted before any other is gone: never skip it.
	if err := s.stream(c.Stack, "destroy", "--yes"); err != nil {
		return quietExit(err)
	}
	fmt.Fprintf(s.stdout, "stack %s is empty; its history and configuration are kept\n", c.Stack)
	return nil
}

// announce publishes what would be deleted, and sets the output headline.
func (c *destroyCmd) announce(s *session, st state) error {
	var b strings.Builder
	count, cluster := 0, false
	for _, r := range st.Deployment.Resources {
		if strings.HasPrefix(r.Type, "pulumi:") {
			continue
		}
		kind, name := step{URN: r.URN}.resource()
		fmt.Fprintf(&b, "| %s | %s |\n", code(name), code(kind))
		count++
		cluster = cluster || r.Type == clusterType
	}
	headline := fmt.Sprintf("%d delete", count)
	if cluster {
		headline = "DATA LOSS; " + headline
	}
	err := s.publish(fmt.Sprintf("### What destroying %s deletes\n\n**%s**\n\n| resource | type |\n| --- | --- |\n%s",
		code(c.Stack), headline, b.String()))
	if err != nil {
		return err
	}
	return s.setOutput("headline", headline)
}
