package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"msk-serverless/internal/compact"
)

// output is one of a stack's outputs; a value that isn't text is JSON.
type output struct{ name, value string }

// outputs returns the stack's outputs in the order of their names.
func (s *session) outputs(stack string) ([]output, error) {
	out, err := s.pulumi(stack, "stack", "output", "--json")
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(out, &values); err != nil {
		return nil, fmt.Errorf("reading the outputs of stack %s: %w", stack, err)
	}
	var outputs []output
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, ok := values[name].(string)
		if !ok {
			text = compact.JSON(values[name])
		}
		outputs = append(outputs, output{name, text})
	}
	return outputs, nil
}
