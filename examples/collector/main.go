// Command collector shows how to work with the platform's Kafka from Go. To make it yours, copy it and replace what main
// names: synthetic by your exchange's feed, printTrades by what you do with a trade.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

const usage = `usage: collector produce|consume|check [flags]

  produce   produce trades until SIGINT or SIGTERM, then wait until all are acknowledged
  consume   process trades until SIGINT or SIGTERM, then commit what was processed
  check     walk from DNS to one record, and name the step that fails

Each takes -h. Brokers, topic prefixes and groups come from the environment (README.md).
Exit status: 0 done, 1 failed, 2 flags or environment refused.
`

// app is the program with all that surrounds it.
type app struct {
	environ        []string
	stdout, stderr io.Writer
	lookup         func(ctx context.Context, host string) ([]string, error)
	tls            *tls.Config
	credentials    aws.CredentialsProvider
	feed           feed
	handle         handler
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	// The default chain, which on EC2 ends at the instance profile; it renews credentials before they expire.
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
	os.Exit(app{
		environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
		lookup: net.DefaultResolver.LookupHost, tls: new(tls.Config), credentials: cfg.Credentials,
		feed: synthetic(100 * time.Millisecond), handle: printTrades(os.Stdout),
	}.run(ctx, os.Args[1:]))
}

// refused is an error in the flags or the environment.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// run runs the subcommand that args begin with, and returns the exit status.
func (a app) run(ctx context.Context, args []string) int {
	commands := map[string]func(context.Context, []string) error{"produce": a.produce, "consume": a.consume, "check": a.check}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(a.stderr, usage)
		if slices.Contains([]string{"-h", "-help", "--help", "help"}, append(args, "")[0]) {
			return 0
		}
		return 2
	}
	err := commands[args[0]](ctx, args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(a.stderr, "collector %s: %v\n", args[0], err)
	if errors.As(err, new(refused)) {
		return 2
	}
	return 1
}

// parse parses a subcommand's flags, and then reads the environment, which -h does without.
func (a app) parse(flags *flag.FlagSet, args []string) (settings, error) {
	flags.SetOutput(a.stderr)
	if err := flags.Parse(args); err != nil {
		return settings{}, refused{err}
	}
	if flags.NArg() > 0 {
		return settings{}, refused{fmt.Errorf("%q is no flag, and flags are all it takes", flags.Arg(0))}
	}
	return readSettings(a.environ)
}
