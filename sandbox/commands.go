package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"msk-serverless/sandbox/aws"
)

// folder is the sandbox's folder, .sandbox.
type folder string

func (d folder) file(name string) string { return filepath.Join(string(d), name) }

// The files of the folder.
const (
	stateFile       = "aws.json"
	credentialsFile = "credentials.json"
	endpointFile    = "kafka.json"
	authorityFile   = "kafka-ca.pem"
	keyFile         = "kafka-key.pem"
	kafkaLock       = "kafka.lock"
)

// command is a command of the sandbox's own. It ends with ctx.
type command func(ctx context.Context, dir folder, sandbox *aws.Sandbox, args []string) error

var commands = map[string]command{
	"kafka": func(ctx context.Context, dir folder, sandbox *aws.Sandbox, args []string) error {
		return serveKafka(ctx, dir, sandbox, args, os.Stdout, os.Stderr)
	},
	"credentials": func(_ context.Context, dir folder, sandbox *aws.Sandbox, args []string) error {
		return printCredentials(dir, sandbox, args, os.Stdout)
	},
}

// runOwn runs a command until it ends or is told to stop, and returns its exit code.
func runOwn(c command, dir folder, sandbox *aws.Sandbox, args []string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	switch err := c(ctx, dir, sandbox, args); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0, nil
	default:
		return 1, err
	}
}
