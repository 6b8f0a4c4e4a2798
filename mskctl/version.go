package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is the project's version; CHANGELOG.md says what is in it.
const version = "0.2.0"

// versionCmd prints the version.
type versionCmd struct{}

// Help returns the details of mskctl version --help.
func (versionCmd) Help() string { return "Example: mskctl version" }

// Run prints the versions of mskctl and Go, and the commit if the build recorded one.
func (versionCmd) Run(s *session) error {
	fmt.Fprintf(s.stdout, "mskctl %s (%s", version, strings.Replace(runtime.Version(), "go", "Go ", 1))
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				fmt.Fprintf(s.stdout, ", commit %.12s", setting.Value)
			}
		}
	}
	fmt.Fprintln(s.stdout, ")")
	return nil
}
