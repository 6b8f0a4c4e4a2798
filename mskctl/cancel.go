package main

import "fmt"

// cancelCmd removes a stack's lock.
type cancelCmd struct{ stackArg }

// Help returns the details of mskctl cancel --help.
func (cancelCmd) Help() string {
	return `Removes the lock that a killed deployment left. It doesn't stop a running one: make sure first, in the run or
on the machine that the lock names, that the deployment is gone. Two at once overwrite each other's state.

Example: mskctl cancel prod`
}

// Run removes the lock.
func (c *cancelCmd) Run(s *session) error {
	if err := s.stream(c.Stack, "cancel", "--yes"); err != nil {
		return quietExit(err)
	}
	fmt.Fprintf(s.stdout,
		"stack %s is not locked; see docs/recovery.md, \"A killed deployment\", for what to do next\n", c.Stack)
	return nil
}
