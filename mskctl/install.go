package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// installCmd installs the Pulumi CLI and the AWS provider.
type installCmd struct{}

// Help returns the details of mskctl ci install --help.
func (installCmd) Help() string {
	return `Downloads both archives, compares them with their checksums in ` + pinsFile + `, and only then unpacks the CLI
into bin/cli, puts that first on the PATH of the job's further steps, and has it install the provider. Fails, and runs
nothing, if a checksum is missing or wrong. For the workflows' runners: Linux on amd64.

Example: mskctl ci install`
}

// Run installs both.
func (installCmd) Run(s *session) error {
	cli, provider, err := s.releases()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mskctl")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, r := range []release{cli, provider} {
		if err := s.fetch(r, dir); err != nil {
			return err
		}
	}
	bin := s.path("bin", "cli")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	// The archive has one folder, pulumi, with all programs of the CLI in it.
	unpack := s.command("tar", "-xzf", filepath.Join(dir, cli.name), "--strip-components=1", "-C", bin)
	if err := s.runQuietly(unpack); err != nil {
		return err
	}
	version, err := s.moduleVersion("go.mod", providerModule)
	if err != nil {
		return err
	}
	install := s.command(filepath.Join(bin, "pulumi"), "plugin", "install", "resource", "aws", "v"+version,
		"--file="+filepath.Join(dir, provider.name), "--reinstall", "--non-interactive")
	if err := s.runQuietly(install); err != nil {
		return err
	}
	if _, err := s.appendTo("GITHUB_PATH", bin+"\n"); err != nil {
		return err
	}
	// mskctl does this for its own commands, and this for whatever else a step runs.
	_, err = s.appendTo("GITHUB_ENV", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true\n")
	return err
}

// fetch downloads an archive into the folder. Returns an error unless it has the reviewed checksum.
func (s *session) fetch(r release, dir string) error {
	want, err := s.pinned(r.name)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, r.name)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if err := s.download(r.address, io.MultiWriter(f, sum)); err != nil {
		return err
	}
	if have := hexOf(sum); have != want {
		return fmt.Errorf("%s has the SHA-256 %s, and %s says %s: nothing was installed", r.address, have, pinsFile, want)
	}
	fmt.Fprintln(s.stdout, want, r.name)
	return nil
}

// runQuietly runs a command, whose error has what it printed.
func (s *session) runQuietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}
