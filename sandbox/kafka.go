package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kversion"

	"msk-serverless/sandbox/aws"
	"msk-serverless/sandbox/kafka"
)

const kafkaUsage = `usage: go run ./sandbox kafka [flags]

Serves the deployed sandbox stack's cluster on loopback until it is interrupted. Clients get their settings from
mskctl client-env with --local, and credentials from go run ./sandbox credentials.

`

// endpoint is what mskctl client-env --local reads.
type endpoint struct {
	ClusterARN       string `json:"clusterArn"`
	BootstrapBrokers string `json:"bootstrapBrokersSaslIam"`
	CAFile           string `json:"caFile"`
}

// serveKafka is the command kafka. It returns when ctx ends.
func serveKafka(
	ctx context.Context,
	dir folder,
	sandbox *aws.Sandbox,
	args []string,
	stdout, stderr io.Writer,
) error {
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), kafkaUsage); flags.PrintDefaults() }
	clusterName := flags.String("cluster", "", "name of the cluster, if there are several")
	port := flags.Int("port", 0, "first of three ports in a row (default three free ones)")
	version := flags.String("kafka-version", "",
		"offer the requests of this version of Kafka, such as 2.8 (default the newest)")
	maxSession := flags.Duration("session", 0, "the longest session before a client has to authenticate again")
	var limits kafka.Limits
	flags.BoolVar(&limits.NoRates, "no-rates", false,
		"lift the quotas on topic requests, new connections, and partitions created and deleted in 5 minutes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q: only flags are expected", flags.Arg(0))
	}
	var versions *kversion.Versions
	if *version != "" {
		if versions = kversion.FromString(*version); versions == nil {
			return fmt.Errorf("-kafka-version %s: not a version of Kafka that is known", *version)
		}
	}
	arn, cluster, err := findCluster(sandbox.Snapshot(), *clusterName)
	if err != nil {
		return err
	}
	lock, err := dir.lock(kafkaLock, false)
	if err != nil {
		return fmt.Errorf("another go run ./sandbox kafka is running: %w", err)
	}
	defer lock.Close()
	tlsConfig, _, err := kafka.Certificate(dir.file(authorityFile), dir.file(keyFile))
	if err != nil {
		return err
	}
	logger := log.New(stderr, "kafka: ", log.Ltime)
	k, err := kafka.Start(kafka.Config{
		ARN:        arn,
		Authority:  &authority{dir: dir, aws: sandbox, log: logger},
		TLS:        tlsConfig,
		Ports:      ports(*port),
		Dir:        dir.file(filepath.Join("kafka", path.Base(arn))),
		Versions:   versions,
		Limits:     limits,
		MaxSession: *maxSession,
		Observe:    newRefusals(logger).observe,
		Log:        logger,
	})
	if err != nil {
		return err
	}
	defer k.Close()
	if err := dir.announce(arn, k.ListenAddrs()); err != nil {
		return err
	}
	defer os.Remove(dir.file(endpointFile))
	fmt.Fprintf(stdout, "%s is served at %s, with the CA in %s\n",
		cluster.Name, k.ListenAddrs()[0], dir.file(authorityFile))
	<-ctx.Done()
	return nil
}

// ports returns three ports from the first on, or nil for free ones.
func ports(first int) []int {
	if first == 0 {
		return nil
	}
	return []int{first, first + 1, first + 2}
}

// announce writes down where the cluster is served.
func (d folder) announce(arn string, addresses []string) error {
	ca, err := filepath.Abs(d.file(authorityFile))
	if err != nil {
		return err
	}
	document, err := json.MarshalIndent(endpoint{ClusterARN: arn, BootstrapBrokers: addresses[0], CAFile: ca}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(d.file(endpointFile), append(document, '\n'), 0o644)
}

// refusals prints what IAM refuses, each refusal once a minute.
type refusals struct {
	log *log.Logger

	mu   sync.Mutex
	last map[kafka.Decision]time.Time
}

func newRefusals(l *log.Logger) *refusals {
	return &refusals{log: l, last: map[kafka.Decision]time.Time{}}
}

func (r *refusals) observe(d kafka.Decision) {
	if d.Allowed {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.last[d]) > time.Minute {
		r.last[d] = now
		r.log.Printf("denied: %s may not %s on %s (%s)", d.Principal, d.Action, d.Resource, d.Request)
	}
}
