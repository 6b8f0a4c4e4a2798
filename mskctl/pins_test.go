package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// web answers for the hosts that archives and checksums come from.
type web struct {
	files    map[string]string // host and path → content
	requests atomic.Int32
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.requests.Add(1)
	text, ok := w.files[r.Header.Get("X-Host")+r.URL.Path]
	if !ok {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = io.WriteString(rw, text)
}

// redirect sends every request to a server on loopback, and tells it which host was meant.
type redirect struct{ server *url.URL }

func (t redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Host", r.URL.Host)
	r.URL.Scheme, r.URL.Host = t.server.Scheme, t.server.Host
	return http.DefaultTransport.RoundTrip(r)
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u
}

// mskctl runs mskctl in the folder with only this web to reach.
func (w *web) mskctl(t *testing.T, dir string, env map[string]string, args ...string) (string, int) {
	t.Helper()
	server := httptest.NewServer(w)
	defer server.Close()
	var b bytes.Buffer
	s := &session{
		ctx: t.Context(), stdout: &b, stderr: &b, dir: dir, getenv: func(k string) string { return env[k] },
		http: &http.Client{Transport: redirect{parse(t, server.URL)}},
	}
	code := run(args, s)
	return b.String(), code
}

const (
	cliArchive      = "pulumi-v3.259.0-linux-x64.tar.gz"
	cliAddress      = "get.pulumi.com/releases/sdk/" + cliArchive
	cliSums         = "github.com/pulumi/pulumi/releases/download/v3.259.0/pulumi-3.259.0-checksums.txt"
	providerArchive = "pulumi-resource-aws-v6.83.4-linux-amd64.tar.gz"
	providerAddress = "get.pulumi.com/releases/plugins/" + providerArchive
	providerSums    = "github.com/pulumi/pulumi-aws/releases/download/v6.83.4/pulumi-aws_6.83.4_checksums.txt"
)

// pinnedProject returns a project's folder with the versions and the pins.
func pinnedProject(t *testing.T, pins string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, "module x\n\nrequire github.com/pulumi/pulumi-aws/sdk/v6 v6.83.4\n", dir, "go.mod")
	write(t, "require (\n\tgithub.com/pulumi/pulumi/pkg/v3 v3.259.0 // indirect\n)\n", dir, "tools", "pulumi", "go.mod")
	write(t, pins, dir, ".github", "pins.json")
	return dir
}

func sha256Of(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func TestPins(t *testing.T) {
	t.Parallel()
	const cli, provider = "the CLI", "the provider"
	want := fmt.Sprintf(
		"[\n  {\n    \"archive\": %q,\n    \"sha256\": %q\n  },\n  {\n    \"archive\": %q,\n    \"sha256\": %q\n  }\n]\n",
		cliArchive,
		sha256Of(cli),
		providerArchive,
		sha256Of(provider),
	)
	sha1Of := func(text string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(text))) }
	goodCLI, goodProvider := sha256Of(cli)+"  "+cliArchive, sha1Of(provider)+"  "+providerArchive
	for _, c := range []struct {
		name, cliSums, providerSums, want string
	}{
		{"SHA-256, and SHA-1", goodCLI, goodProvider, ""},
		{"names with ./", sha256Of(cli) + "  ./" + cliArchive, sha1Of(provider) + "  ./" + providerArchive, ""},
		{
			"other files, binary mode, capitals",
			sha256Of("x") + "  x.tar.gz\n" + strings.ToUpper(sha256Of(cli)) + " *" + cliArchive + "\n",
			sha256Of(provider) + "  " + providerArchive + "\n", "",
		},
		{"another CLI", sha256Of("x") + "  " + cliArchive, goodProvider, "says " + sha256Of("x")},
		{"another provider", goodCLI, sha1Of("x") + "  " + providerArchive, "says " + sha1Of("x")},
		{"no checksum", sha256Of(cli) + "  x-" + cliArchive, goodProvider, "no checksum of " + cliArchive},
		{"no hash", "latest  " + cliArchive, goodProvider, `"latest" is neither`},
		{"no list", "", goodProvider, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &web{files: map[string]string{cliAddress: cli, providerAddress: provider, providerSums: c.providerSums}}
			if c.cliSums != "" {
				w.files[cliSums] = c.cliSums
			}
			dir := pinnedProject(t, "[]\n")
			out, code := w.mskctl(t, dir, nil, "ci", "pins")
			doc, err := os.ReadFile(filepath.Join(dir, pinsFile))
			require.NoError(t, err)
			if c.want != "" {
				assert.Equal(t, 1, code, out)
				assert.Contains(t, out, c.want)
				assert.Equal(t, "[]\n", string(doc))
				return
			}
			require.Zero(t, code, out)
			assert.Equal(t, want, string(doc))
		})
	}
}

// archive returns a gzipped tar with an executable script.
func archive(t *testing.T, name, script string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(script))}))
	_, err := io.WriteString(w, script)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return b.String()
}

func TestInstall(t *testing.T) {
	t.Parallel()
	// A CLI that writes down its arguments, and the content of the file that it is to install.
	cli := archive(t, "pulumi/pulumi",
		"#!/bin/sh\necho \"$@\" >\"$(dirname \"$0\")/ran\"\ncat \"${6#--file=}\" >>\"$(dirname \"$0\")/ran\"\n")
	const provider = "the provider"
	pins := func(cliSum, providerSum string) string {
		return fmt.Sprintf(`[{"archive":%q,"sha256":%q},{"archive":%q,"sha256":%q}]`, cliArchive, cliSum,
			providerArchive, providerSum)
	}
	right := pins(sha256Of(cli), sha256Of(provider))
	for _, c := range []struct {
		name, pins, want string
		requests         int32
	}{
		{"right", right, "", 2},
		{"empty", "[]", "is empty, so nothing is installed: run `go run ./mskctl ci pins`", 0},
		{"not JSON", "", "unexpected end of JSON", 0},
		{"no hash", pins("", sha256Of(provider)), "has no SHA-256 of " + cliArchive, 0},
		{"another version", strings.ReplaceAll(right, "v6.83.4", "v6.83.3"), "has no SHA-256 of " + providerArchive, 1},
		{"wrong CLI", pins(sha256Of("x"), sha256Of(provider)), "nothing was installed", 1},
		{"wrong provider", pins(sha256Of(cli), sha256Of("x")), "nothing was installed", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &web{files: map[string]string{cliAddress: cli, providerAddress: provider}}
			dir := pinnedProject(t, c.pins)
			env := map[string]string{"GITHUB_PATH": filepath.Join(dir, "path"), "GITHUB_ENV": filepath.Join(dir, "env")}
			out, code := w.mskctl(t, dir, env, "ci", "install")
			assert.Equal(t, c.requests, w.requests.Load())
			if c.want != "" {
				assert.Equal(t, 1, code, out)
				assert.Contains(t, out, c.want)
				assert.NoDirExists(t, filepath.Join(dir, "bin"), "nothing is unpacked before all is checked")
				assert.NoFileExists(t, env["GITHUB_PATH"])
				return
			}
			require.Zero(t, code, out)
			ran, err := os.ReadFile(filepath.Join(dir, "bin", "cli", "ran"))
			require.NoError(t, err)
			assert.Regexp(t,
				`^plugin install resource aws v6\.83\.4 --file=\S+ --reinstall --non-interactive\nthe provider$`,
				string(ran))
			path, err := os.ReadFile(env["GITHUB_PATH"])
			require.NoError(t, err)
			assert.Equal(t, filepath.Join(dir, "bin", "cli")+"\n", string(path))
			vars, err := os.ReadFile(env["GITHUB_ENV"])
			require.NoError(t, err)
			assert.Equal(t, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true\n", string(vars))
		})
	}
}

// The committed file has no checksum that nobody has seen, or one for each archive of the versions in use.
func TestCommittedPins(t *testing.T) {
	t.Parallel()
	s := &session{dir: ".."}
	cli, provider, err := s.releases()
	require.NoError(t, err)
	assert.Regexp(t, `^pulumi-v\d+\.\d+\.\d+-linux-x64\.tar\.gz$`, cli.name)
	doc, err := os.ReadFile(filepath.Join("..", pinsFile))
	require.NoError(t, err)
	if strings.TrimSpace(string(doc)) == "[]" {
		return
	}
	for _, r := range []release{cli, provider} {
		_, err := s.pinned(r.name)
		assert.NoError(t, err)
	}
}

func TestStacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files []string
		only  string
		want  string // the output, or the error
	}{
		{[]string{"sandbox", "prod"}, "", `stacks=["prod"]`},
		{[]string{"prod", "dev", "sandbox", "eu-1"}, "all", `stacks=["dev","eu-1","prod"]`},
		{[]string{"prod", "dev"}, "dev", `stacks=["dev"]`},
		{[]string{"prod", "dev"}, "prod2", `no stack "prod2": the stacks are dev, prod`},
		{[]string{"prod"}, "sandbox", `no stack "sandbox"`},
		{[]string{"prod", "prod-preview"}, "", `can't deploy a stack named "prod-preview"`},
		{[]string{"all"}, "", `can't deploy a stack named "all"`},
		{[]string{"x'y"}, "", `can't be a stack's name`},
		{[]string{"sandbox"}, "", "no stack to deploy"},
	} {
		dir := t.TempDir()
		for _, name := range c.files {
			write(t, "config: {}\n", dir, "Pulumi."+name+".yaml")
		}
		out, code := (&web{}).mskctl(t, dir, nil, "ci", "stacks", c.only)
		assert.Contains(t, out, c.want)
		assert.Equal(t, strings.HasPrefix(c.want, "stacks="), code == 0, c.want)
	}
}
