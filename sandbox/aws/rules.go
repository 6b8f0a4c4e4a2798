package aws

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

func match(pattern, want string) func(any) string {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(v any) string {
		if s, ok := v.(string); !ok || re.MatchString(s) {
			return ""
		}
		return fmt.Sprintf("must be %s, got: %v", want, v)
	}
}

func length(lo, hi int) func(any) string {
	return func(v any) string {
		if s, ok := v.(string); ok && (len([]rune(s)) < lo || len([]rune(s)) > hi) {
			return fmt.Sprintf("expected length to be in the range (%d - %d), got %s", lo, hi, s)
		}
		return ""
	}
}

func oneOf[T comparable](values ...T) func(any) string {
	return func(v any) string {
		for _, ok := range values {
			if fmt.Sprint(ok) == fmt.Sprint(v) {
				return ""
			}
		}
		return fmt.Sprintf("expected to be one of %v, got %v", values, v)
	}
}

func between(lo, hi float64) func(any) string {
	return func(v any) string {
		if f, ok := v.(float64); ok && (f < lo || f > hi) {
			return fmt.Sprintf("expected to be in the range (%v - %v), got %v", lo, hi, f)
		}
		return ""
	}
}

func isJSON(v any) string {
	if s, _ := v.(string); !json.Valid([]byte(s)) {
		return "contains an invalid JSON document"
	}
	return ""
}

// tagRule: at most 50 tags, keys of 1 to 128 characters without the prefix aws:, values of at most 256 (AWS tagging
// limits).
func tagRule(v any) string {
	tags, _ := v.(map[string]any)
	if len(tags) > 50 {
		return fmt.Sprintf("a resource can have at most 50 tags, got %d", len(tags))
	}
	for k, v := range tags {
		s, _ := v.(string)
		if n := len([]rune(k)); n < 1 || n > 128 || len([]rune(s)) > 256 ||
			strings.HasPrefix(strings.ToLower(k), "aws:") {
			return fmt.Sprintf(
				"tag %q=%q: a key has 1 to 128 characters and does not begin with aws:, a value at most 256",
				k,
				s,
			)
		}
	}
	return ""
}

var arnRule = match(`arn:aws[a-z-]*:[^:]*:[^:]*:[^:]*:.+`, "an ARN")

func object1(name string, p prop) prop {
	p.required, p.replaces = true, true
	return prop{shape: block, required: true, replaces: true, fields: map[string]prop{name: p}}
}

func atMost(n int) func(any) string {
	return func(v any) string {
		if l, _ := v.([]any); len(l) > n {
			return fmt.Sprintf("no more than %d items, got %d", n, len(l))
		}
		return ""
	}
}
