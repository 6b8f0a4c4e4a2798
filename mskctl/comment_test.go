package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// longSummary returns a summary with a warning and about n bytes of text in a code block.
func longSummary(stack string, n int) string {
	return "### Preview of `" + stack + "`\n\n> [!CAUTION]\n> **DATA LOSS**\n\n```text\n" +
		strings.Repeat("→ some text of the preview\n", n/29) + "```\n"
}

func TestJoinSummaries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		sizes []int
		cut   int // how many summaries are shortened
	}{
		{"one that fits", []int{100}, 0},
		{"two that fit", []int{100, 200}, 0},
		{"one that is too long", []int{100_000}, 1},
		{"a short one beside a long one", []int{100, 70_000}, 1},
		{"a long one that fits beside a short one", []int{100, 55_000}, 0},
		{"two long ones", []int{70_000, 70_000}, 2},
		{"forty long ones", func() (sizes []int) {
			for range 40 {
				sizes = append(sizes, 5_000)
			}
			return sizes
		}(), 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const limit = 60_000
			var summaries []string
			for i, n := range c.sizes {
				summaries = append(summaries, longSummary(fmt.Sprint("stack", i), n))
			}
			text := joinSummaries(summaries, limit)
			assert.LessOrEqual(t, len(text), limit)
			assert.Equal(t, c.cut, strings.Count(text, "The rest is in the run's artifacts."))
			assert.Equal(t, len(c.sizes), strings.Count(text, "**DATA LOSS**"), "no warning is cut")
			assert.Equal(t, 2*len(c.sizes), strings.Count(text, "```"), "every fence is closed")
			for i := range c.sizes {
				assert.Contains(t, text, fmt.Sprintf("### Preview of `stack%d`", i))
			}
		})
	}
}
