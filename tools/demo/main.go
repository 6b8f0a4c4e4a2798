// Demo shows the platform at work on this machine: `make demo`. It deploys the stack sandbox into the sandbox, serves
// its Kafka and an exchange, creates the topics of topics/sandbox.yaml, and runs the example collector and two of its
// consumers, each with its own role, credentials and settings. It needs no account and ends what it started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"msk-serverless/internal/project"
)

func main() {
	lasts := flag.Duration("for", 20*time.Second, "how long to watch the data flow")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := project.FindRoot()
	if err == nil {
		d := &demo{ctx: ctx, root: root}
		err = d.run(*lasts)
		d.stopAll()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is what is running.
type demo struct {
	ctx     context.Context
	root    string
	running []*process // in the order in which they were started
}

// stack is the stack that the demo deploys, and whose catalogue it applies.
const stack = "sandbox"

// consumers are the clients of Pulumi.sandbox.yaml that the demo runs. Their groups have the same names.
var consumers = []string{"quant", "archive"}

// run runs the demo from deployment to the request that IAM refuses.
func (d *demo) run(lasts time.Duration) error {
	d.say("Deploy the stack into the sandbox")
	if err := d.tool(nil, "sandbox", "pulumi", "stack", "select", "--create", stack); err != nil {
		return err
	}
	if err := d.show(nil, "sandbox", "pulumi", "up", "--stack", stack, "--yes", "--skip-preview",
		"--suppress-outputs"); err != nil {
		return err
	}
	d.say("Serve its Kafka, and an exchange")
	kafka, err := d.start("kafka", nil, "sandbox", "kafka")
	if err != nil {
		return err
	}
	if _, err := kafka.line("is served at"); err != nil {
		return err
	}
	exchange, err := d.start("exchange", nil, "exchange", "-listen", "127.0.0.1:0", "-interval", "50ms")
	if err != nil {
		return err
	}
	url, err := exchange.line("ws://")
	if err != nil {
		return err
	}
	d.say("Create the topics of topics/" + stack + ".yaml, as an operator")
	operator, err := d.settings("--role", "operator")
	if err != nil {
		return err
	}
	if err := d.show(operator, "mskctl", "topics", "apply", stack); err != nil {
		return err
	}
	d.say("Start a collector and two consumers, each with its own role")
	clients, err := d.clients(url)
	if err != nil {
		return err
	}
	if err := d.watch(operator, clients, lasts); err != nil {
		return err
	}
	if err := d.decode(clients[1]); err != nil {
		return err
	}
	return d.refused(kafka)
}

// settings returns the settings of a role or a client, as option says, and credentials for it, as environment.
func (d *demo) settings(option, name string) ([]string, error) {
	settings, err := d.output("sandbox", "mskctl", "client-env", stack, "--local", option, name)
	if err != nil {
		return nil, err
	}
	credentials, err := d.output("sandbox", "credentials", name)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(settings+credentials), "\n"), nil
}

// clients starts the collector and the consumers.
func (d *demo) clients(url string) ([]*process, error) {
	settings, err := d.settings("--role", "collector")
	if err != nil {
		return nil, err
	}
	// Heartbeats would need CloudWatch.
	settings = append(settings, "MSK_LOG_GROUP=", "MSK_CLUSTER_NAME=")
	symbols := "@" + filepath.Join(d.root, "topics", "symbols", "spot.txt")
	collector, err := d.startOps("collector", settings, "produce", "-url", url, "-create=false", "-symbols", symbols)
	if err != nil {
		return nil, err
	}
	all := []*process{collector}
	for _, name := range consumers {
		settings, err := d.settings("--client", name)
		if err != nil {
			return nil, err
		}
		consumer, err := d.startOps(name, settings, "consume")
		if err != nil {
			return nil, err
		}
		all = append(all, consumer)
	}
	return all, nil
}

// decode prints the last trade that a consumer has processed.
func (d *demo) decode(consumer *process) error {
	d.say("One record, as " + consumer.name + " decoded it")
	last := consumer.out.find(`"e":"trade"`)
	if last == "" {
		return fmt.Errorf("%s has processed no trade:\n%s", consumer.name, consumer.errors())
	}
	fmt.Println("  " + last)
	return nil
}

// refused has a consumer try to write, which its policy doesn't grant.
func (d *demo) refused(kafka *process) error {
	d.say("A consumer tries to write, and IAM refuses")
	settings, err := d.settings("--client", consumers[0])
	if err != nil {
		return err
	}
	topic := "exchg.binance.spot.trades.BTCUSDT"
	err = d.tool(settings, "collector", "check", "-role", "collector", "-topic", topic)
	if err == nil {
		return errors.New("a consumer could write: IAM should have refused it")
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		if strings.Contains(line, "failed:") {
			fmt.Println("  client: " + line)
		}
	}
	if line, err := kafka.errorLine("denied:"); err == nil {
		fmt.Println("  broker: " + line)
	}
	return nil
}

// say prints a heading.
func (d *demo) say(what string) { fmt.Printf("\n== %s\n", what) }
