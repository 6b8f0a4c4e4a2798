package main

import (
	"fmt"
)

// destroyCmd deletes everything in a stack.
type destroyCmd struct {
	stackArg
	Confirmation string `arg:"" help:"The stack's name again."`
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
