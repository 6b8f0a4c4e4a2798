// Package compact writes JSON as this project keeps it in policies, error messages and dashboards.
package compact

import (
	"bytes"
	"encoding/json"
	"strings"
)

// JSON returns v as JSON without white space and with <, > and & unescaped. It panics if v can't be encoded.
func JSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
