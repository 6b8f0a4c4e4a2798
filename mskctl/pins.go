package main

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the provider's release publishes nothing better
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// pinsFile holds the checksums of what the workflows download and run. It is reviewed like code.
const pinsFile = ".github/pins.json"

// pin is the checksum of an archive.
type pin struct {
	Archive string `json:"archive"`
	SHA256  string `json:"sha256"`
}

// release is an archive that the workflows need, for their runners: Linux on amd64.
type release struct {
	name      string // the archive's file name
	address   string // where it is downloaded from
	checksums string // where its publisher's checksums are: another host
}

// releases returns the Pulumi CLI and the AWS provider, in the versions that the Go modules have.
func (s *session) releases() (cli, provider release, err error) {
	v, err := s.moduleVersion("tools/pulumi/go.mod", "github.com/pulumi/pulumi/pkg/v3")
	if err != nil {
		return release{}, release{}, err
	}
	cli.name = fmt.Sprintf("pulumi-v%s-linux-x64.tar.gz", v)
	cli.address = "https://get.pulumi.com/releases/sdk/" + cli.name
	cli.checksums = fmt.Sprintf("https://github.com/pulumi/pulumi/releases/download/v%s/pulumi-%s-checksums.txt", v, v)
	v, err = s.moduleVersion("go.mod", providerModule)
	if err != nil {
		return release{}, release{}, err
	}
	provider.name = fmt.Sprintf("pulumi-resource-aws-v%s-linux-amd64.tar.gz", v)
	provider.address = "https://get.pulumi.com/releases/plugins/" + provider.name
	provider.checksums = fmt.Sprintf(
		"https://github.com/pulumi/pulumi-aws/releases/download/v%s/pulumi-aws_%s_checksums.txt", v, v)
	return cli, provider, nil
}

const providerModule = "github.com/pulumi/pulumi-aws/sdk/v6"

// moduleVersion returns the version, without its v, that a go.mod of the project requires of a module.
func (s *session) moduleVersion(file, module string) (string, error) {
	doc, err := os.ReadFile(s.path(file))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(module) + ` v(\d+\.\d+\.\d+)\b`).
		FindSubmatch(doc)
	if found == nil {
		return "", fmt.Errorf("%s requires no version of %s", file, module)
	}
	return string(found[1]), nil
}

// pinsCmd writes the file of checksums.
type pinsCmd struct{}

// Help returns the details of mskctl ci pins --help.
func (pinsCmd) Help() string {
	return `Downloads the Pulumi CLI and the AWS provider, in the versions of tools/pulumi/go.mod and go.mod, from
get.pulumi.com, compares them with the checksums of their releases on GitHub, and writes their SHA-256 into ` +
		pinsFile + `. Run it when a version changes, review the file, and commit it. It runs nothing that it downloads.

Example: mskctl ci pins`
}

// Run downloads, compares and writes.
func (pinsCmd) Run(s *session) error {
	cli, provider, err := s.releases()
	if err != nil {
		return err
	}
	var pins []pin
	for _, r := range []release{cli, provider} {
		p, err := s.pinOf(r)
		if err != nil {
			return fmt.Errorf("%s is unchanged: %w", pinsFile, err)
		}
		fmt.Fprintln(s.stdout, p.SHA256, p.Archive)
		pins = append(pins, p)
	}
	doc, err := json.MarshalIndent(pins, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path(pinsFile), append(doc, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "wrote", pinsFile+": review it and commit it")
	return nil
}

// pinOf downloads an archive and its publisher's checksums, and returns its SHA-256 if the checksums agree. The CLI's
// are SHA-256. The provider's workflow makes them with shasum, which is SHA-1 unless told otherwise (pulumi/pulumi-aws,
// .github/workflows/publish.yml).
func (s *session) pinOf(r release) (pin, error) {
	var published bytes.Buffer
	if err := s.download(r.checksums, &published); err != nil {
		return pin{}, err
	}
	want, err := checksum(published.String(), r.name)
	if err != nil {
		return pin{}, fmt.Errorf("%s: %w", r.checksums, err)
	}
	sum256, sum1 := sha256.New(), sha1.New()
	if err := s.download(r.address, io.MultiWriter(sum256, sum1)); err != nil {
		return pin{}, err
	}
	have := hexOf(sum256)
	if len(want) == hexSHA1 {
		have = hexOf(sum1)
	}
	if have != want {
		return pin{}, fmt.Errorf("%s has the checksum %s, and %s says %s", r.address, have, r.checksums, want)
	}
	return pin{r.name, hexOf(sum256)}, nil
}

func hexOf(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

const (
	hexSHA1   = 40
	hexSHA256 = 64
)

// checksum returns the checksum that a list has for the file: lines of a checksum and a name, which may begin with "./"
// or, for binary files, with "*".
func checksum(list, file string) (string, error) {
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) != 2 || strings.TrimPrefix(strings.TrimPrefix(fields[1], "*"), "./") != file {
			continue
		}
		sum := strings.ToLower(fields[0])
		if len(sum) != hexSHA1 && len(sum) != hexSHA256 || strings.Trim(sum, "0123456789abcdef") != "" {
			return "", fmt.Errorf("%q is neither SHA-256 nor SHA-1", fields[0])
		}
		return sum, nil
	}
	return "", fmt.Errorf("no checksum of %s", file)
}

// download writes what is at the address to w.
func (s *session) download(address string, w io.Writer) error {
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := s.httpClient().Do(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, resp.Status)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

// pinned returns the reviewed checksum of an archive.
func (s *session) pinned(archive string) (string, error) {
	const remedy = "run `go run ./mskctl ci pins`, review " + pinsFile + " and commit it"
	doc, err := os.ReadFile(s.path(pinsFile))
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, remedy)
	}
	var pins []pin
	if err := json.Unmarshal(doc, &pins); err != nil {
		return "", fmt.Errorf("%s: %w: %s", pinsFile, err, remedy)
	}
	if len(pins) == 0 {
		return "", errors.New(pinsFile + " is empty, so nothing is installed: " + remedy)
	}
	for _, p := range pins {
		if p.Archive == archive && len(p.SHA256) == hexSHA256 {
			return p.SHA256, nil
		}
	}
	return "", fmt.Errorf("%s has no SHA-256 of %s, so nothing is installed: %s", pinsFile, archive, remedy)
}
