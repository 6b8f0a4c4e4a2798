// Package project holds what several programs need to run the Pulumi program: its folder, the environment in which the
// Pulumi CLI runs it in the sandbox, and the marks in Markdown pages between which they write.
package project

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Name is the project's name in Pulumi.yaml and the namespace of its settings.
const Name = "msk-serverless"

// FindRoot returns the nearest folder with a Pulumi.yaml, from the working directory upwards.
func FindRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no Pulumi.yaml in %s or above it", wd)
		}
	}
}

// preferences are the PULUMI_ variables that don't decide where to deploy to.
var preferences = []string{
	"PULUMI_HOME",
	"PULUMI_DEBUG_COMMANDS",
	"PULUMI_EXPERIMENTAL",
	"PULUMI_PARALLEL",
	"PULUMI_OPTION_NON_INTERACTIVE",
	"PULUMI_OPTION_COLOR",
	"PULUMI_COLOR",
}

// Environ returns the environment in which the Pulumi CLI uses the sandbox: the variables of inherited that can't
// lead it to another backend, stack or account, bin (the folder of the built tools) first on PATH, the state
// backend in the folder state, and the provider at attach, which is the value for PULUMI_DEBUG_PROVIDERS.
func Environ(inherited []string, bin, state, attach string) []string {
	var env []string
	path, goflags := "", ""
	for _, kv := range inherited {
		k, v, _ := strings.Cut(kv, "=")
		switch {
		case k == "PATH":
			path = v
		case k == "GOFLAGS":
			goflags = v
		case !strings.HasPrefix(k, "PULUMI_") && !strings.HasPrefix(k, "AWS_") || slices.Contains(preferences, k):
			env = append(env, kv)
		}
	}
	if !strings.Contains(goflags, "-buildvcs=") {
		goflags = strings.TrimSpace(goflags + " -buildvcs=false") // the program is built outside git, too
	}
	return append(env,
		"PATH="+bin+string(os.PathListSeparator)+path,
		"GOFLAGS="+goflags,
		"PULUMI_DEBUG_PROVIDERS="+attach,
		"PULUMI_BACKEND_URL=file://"+filepath.ToSlash(state),
		"PULUMI_CONFIG_PASSPHRASE=",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", // else every command tries to download the provider
		"PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK=true",
		"PULUMI_OPTION_GENERATE_CODE=false",                  // `pulumi import` would ask for the provider's schema
		"PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS=true", // they would pile up
	)
}

const buildTarget = "buildTarget: bin/" + Name

// Prebuilt returns the text of Pulumi.yaml changed to run a built program instead of building it.
func Prebuilt(pulumiYAML []byte, program string) ([]byte, error) {
	if !bytes.Contains(pulumiYAML, []byte(buildTarget)) {
		return nil, errors.New("no \"" + buildTarget + "\" in Pulumi.yaml to replace")
	}
	return bytes.Replace(pulumiYAML, []byte(buildTarget), []byte("binary: "+program), 1), nil
}

// Splice replaces the text between the lines <!-- name --> and <!-- /name --> of a Markdown page.
func Splice(page, name, text string) (string, error) {
	start, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(page, start)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("no lines %s and %s to write between", strings.TrimSpace(start), strings.TrimSpace(end))
	}
	return before + start + text + end + after, nil
}
