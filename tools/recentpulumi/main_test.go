package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRecent(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"v3.200.0\n": true, "v3.259.0": true, "v4.0.0": true, "v3.199.9": false,
		"v2.300.0": false, "3.259.0": false, "": false,
		"v3.1000.0": true,
	} {
		assert.Equal(t, want, recent(version), version)
	}
}
