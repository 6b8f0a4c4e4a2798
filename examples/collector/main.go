// Command collector shows how to work with the platform's Kafka from Go: it produces what an exchange publishes, and
// consumes it. To make it yours, copy it, add your exchange in a file beside binance.go, and replace printRecords.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/twmb/franz-go/pkg/kgo"
)

const usage = `usage: collector produce|consume|check [flags]

  produce   produce what an exchange publishes until SIGINT or SIGTERM, then wait for acknowledgements
  consume   process records until SIGINT or SIGTERM, then commit what was processed
  check     walk from the brokers' name to one record, and name the step that fails

-h after a command lists its flags. A flag such as -buffer-mib can be set as COLLECTOR_BUFFER_MIB instead. Brokers,
topic prefixes and groups come from the environment (README.md).
Exit status: 0 done, 1 failed, 2 flags or environment refused.
`

// app is the program and everything outside it that it uses.
type app struct {
	environ        []string
	stdout, stderr io.Writer
	dial           dial                              // to exchanges
	dialBroker     func(trusted *x509.CertPool) dial // nil trusts the system's
	listen         func(network, address string) (net.Listener, error)
	credentials    aws.CredentialsProvider
	logs           logsAPI
	handle         handler
	kafka          []kgo.Opt // added to the client's, by tests
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	// The default chain, which on EC2 ends at the instance profile, renews credentials before they expire.
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	os.Exit(app{
		environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, dial: dialer.DialContext, listen: net.Listen,
		dialBroker: func(trusted *x509.CertPool) dial {
			return (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{RootCAs: trusted}}).DialContext
		},
		credentials: cfg.Credentials, logs: cloudwatchlogs.NewFromConfig(cfg), handle: printRecords(os.Stdout),
	}.run(ctx, os.Args[1:]))
}

const dialTimeout = 10 * time.Second

// refused is an error in the flags or the environment.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// run runs the subcommand that args begin with and returns the exit status.
func (a app) run(ctx context.Context, args []string) int {
	commands := map[string]func(context.Context, []string) error{
		"produce": a.produce, "consume": a.consume, "check": a.check,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(a.stderr, usage)
		if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
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

// parse reads the settings, and the flags from the environment and from args, which take precedence. A variable that
// begins with COLLECTOR_ and names no flag is refused. check returns what is wrong with the flags' values.
func (a app) parse(flags *flag.FlagSet, args []string, check func() error) (settings, error) {
	s, err := readSettings(a.environ)
	errs := []error{err}
	for _, e := range a.environ {
		variable, value, _ := strings.Cut(e, "=")
		name, ours := strings.CutPrefix(variable, "COLLECTOR_")
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if !ours || value == "" {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", variable, value, err))
		}
	}
	flags.SetOutput(a.stderr)
	if err := flags.Parse(args); err != nil {
		return settings{}, refused{err}
	}
	if flags.NArg() > 0 {
		return settings{}, refused{fmt.Errorf("%q is not a flag: this command has no other arguments", flags.Arg(0))}
	}
	if err := errors.Join(append(errs, check())...); err != nil {
		return settings{}, refused{err}
	}
	return s, nil
}

// logger returns a logger of JSON lines.
func (a app) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}
