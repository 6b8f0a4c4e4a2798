package topics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// position is a line of a file.
type position struct {
	file string
	line int
}

func (p position) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// Problem is one mistake in a catalogue, or one mistake that several topics of a line share.
type Problem struct {
	at   position
	text string
}

func (p Problem) String() string { return fmt.Sprintf("%s: %s", p.at, p.text) }

// Problems is an error that reports all of its problems at once.
type Problems []Problem

// add adds a problem; text is a format for args.
func (ps *Problems) add(at position, text string, args ...any) {
	*ps = append(*ps, Problem{at, fmt.Sprintf(text, args...)})
}

func (ps Problems) Error() string {
	var b strings.Builder
	b.WriteString("the catalogue has errors:")
	for _, p := range ps {
		b.WriteString("\n  * " + p.String())
	}
	return b.String()
}

// err returns ps in the order of the lines as an error, or nil if it is empty.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.at.file, b.at.file), cmp.Compare(a.at.line, b.at.line))
	})
	return ps
}
