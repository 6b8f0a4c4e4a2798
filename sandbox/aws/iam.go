package aws

import (
	"fmt"
	"strings"
)

const created = "2026-01-01T00:00:00Z" // every object's date, so that states can be compared

// Names in IAM: letters, digits and +=,.@_- ; 64 characters for a role, 128 for the others (IAM's quotas).
func iamName(n int) func(any) string {
	return match(fmt.Sprintf(`[\w+=,.@-]{1,%d}`, n), fmt.Sprintf("1 to %d of a-zA-Z0-9+=,.@_-", n))
}

var iamPath = prop{
	shape:    text,
	replaces: true,
	def:      "/",
	rule:     match(`/|/.{1,510}/`, "a path that begins and ends with /"),
}

func splitPath(s string) (path, name string) {
	i := strings.LastIndex(s, "/") + 1
	return s[:i], s[i:]
}
