// Recentpulumi prints the path of the pulumi on PATH if it is recent enough for this project and has its Go language
// host beside it. Otherwise it prints nothing, and the Makefile builds one.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The oldest major and minor version that the project runs with.
const oldestMajor, oldestMinor = 3, 200

func main() {
	path, err := exec.LookPath("pulumi")
	if err != nil {
		return
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(real), "pulumi-language-go")); err != nil {
		return
	}
	cmd := exec.Command(path, "version")
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := cmd.Output()
	if err == nil && recent(string(out)) {
		fmt.Println(path)
	}
}

// recent reports whether a version such as v3.259.0 is at least the oldest that the project runs with.
func recent(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimSpace(version), "v%d.%d.", &major, &minor); err != nil {
		return false
	}
	return major > oldestMajor || major == oldestMajor && minor >= oldestMinor
}
