// Mskctl is the command-line program for what people and pipelines do around the Pulumi program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the grammar of the command line.
type cli struct {
	Init       initCmd       `cmd:"" help:"Check what a deployment of a stack needs, and say what is missing."`
	Preview    previewCmd    `cmd:"" help:"Show what a deployment would change."`
	Plan       planCmd       `cmd:"" help:"Save an update plan for apply."`
	Apply      applyCmd      `cmd:"" help:"Deploy exactly what a saved plan contains."`
	Cancel     cancelCmd     `cmd:"" help:"Remove the lock that a killed deployment left on a stack."`
	Drift      driftCmd      `cmd:"" help:"Compare AWS with the state and the program."`
	Recover    recoverCmd    `cmd:"" help:"Take over what a failed deployment left in AWS."`
	Destroy    destroyCmd    `cmd:"" help:"Delete everything in a stack, although it is protected."`
	Report     reportCmd     `cmd:"" help:"Print a stack's outputs as Markdown."`
	ClientEnv  clientEnvCmd  `cmd:"" help:"Print the settings that a client of a deployed stack needs."`
	Topics     topicsCmd     `cmd:"" help:"Plan, apply, check and export a stack's topic catalogue."`
	ImportFile importFileCmd `cmd:"" help:"Fill in what Pulumi has to import of a Terraform stack."`
	CI         ciCmd         `cmd:"" help:"What only GitHub Actions needs."                                    name:"ci"`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `What people and pipelines do around the Pulumi program. Run it in the project's folder.

Exit codes: 0 done · 1 failed · 2 wrong usage · 10 drift, topics that differ, or something to recover ·
11 DATA LOSS: the cluster is gone · 12 another command holds the stack's lock.
"go run" turns every failure into 1; bin/mskctl, which "make tools" builds, keeps the codes.

The stack named sandbox runs in the sandbox, an embedded AWS.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mskctl:", err)
		os.Exit(1)
	}
	s := &session{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, dir: dir, getenv: os.Getenv}
	code := run(os.Args[1:], s)
	stop()
	os.Exit(code)
}

// run runs mskctl with the arguments and returns its exit code.
func run(args []string, s *session) int {
	helped := false
	parser, err := kong.New(&cli{}, kong.Name("mskctl"), kong.Description(description),
		kong.Writers(s.stdout, s.stderr), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(int) { helped = true }))
	if err != nil {
		return s.fail(err)
	}
	if err := helpInPlace(parser.Model.Node, args); err != nil {
		return s.fail(&exitError{2, err})
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if helped {
		return 0
	}
	if err != nil {
		return s.fail(&exitError{2, fmt.Errorf("%w (see mskctl --help)", err)})
	}
	target, ok := command.Selected().Target.Addr().Interface().(onStack)
	if ok {
		err = s.open(target.stack(), args)
	}
	if err == nil {
		err = command.Run(s)
	}
	if errors.Is(err, errRanInSandbox) {
		return 0
	}
	if err != nil {
		return s.fail(err)
	}
	return 0
}

// helpInPlace returns an error if args ask for help anywhere but right after a command's name. Otherwise a stray --help
// in a pipeline would print the help, do nothing and succeed.
func helpInPlace(node *kong.Node, args []string) error {
	i := slices.IndexFunc(args, func(a string) bool {
		name, _, _ := strings.Cut(a, "=") // --help=true works, too
		return name == "-h" || name == "--help"
	})
	if i < 0 {
		return nil
	}
	for _, arg := range args[:i] {
		next := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == arg })
		if next < 0 {
			return fmt.Errorf("%s after %q: write it right after the command's name, and nothing behind it", args[i],
				arg)
		}
		node = node.Children[next]
	}
	if i < len(args)-1 {
		return fmt.Errorf("%s before %q: write nothing behind it", args[i], args[i+1])
	}
	return nil
}

// onStack is a command that works on a stack.
type onStack interface{ stack() string }

// stackArg is the argument of commands that work on a stack.
type stackArg struct {
	Stack string `arg:"" help:"Name of the stack: the part between the dots of Pulumi.<stack>.yaml."`
}

func (a *stackArg) stack() string { return a.Stack }
