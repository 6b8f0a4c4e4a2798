package config

import (
	"fmt"
	"strings"

	"msk-serverless/internal/compact"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	Key   string
	Value any    // as configured; nil if there is nothing to show
	Want  string // what would be right
}

func (p Problem) String() string {
	if p.Value == nil {
		return fmt.Sprintf("%s: %s", p.Key, p.Want)
	}
	return fmt.Sprintf("%s: %s: %s", p.Key, compact.JSON(p.Value), p.Want)
}

// Problems is an error that reports all of its problems at once.
type Problems []Problem

// Add adds a problem; want is a format for args.
func (ps *Problems) Add(key string, value any, want string, args ...any) {
	*ps = append(*ps, Problem{key, value, fmt.Sprintf(want, args...)})
}

func (ps Problems) Error() string {
	var b strings.Builder
	b.WriteString("the configuration has errors, and nothing was changed:")
	for _, p := range ps {
		b.WriteString("\n  * " + p.String())
	}
	return b.String()
}

// Err returns ps as an error, or nil if it is empty.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
