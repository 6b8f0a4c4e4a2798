package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"msk-serverless/sandbox/aws"
	"msk-serverless/sandbox/kafka"
)

const credentialsUsage = `usage: go run ./sandbox credentials [flags] <role or client>

Prints temporary credentials for the sandbox's Kafka, as a file for a shell or --env-file. The name is that of a role,
or of a managed policy: then the credentials have that policy alone. It may be shortened to what follows a hyphen:
collector, operator, consumer, or a client's name.

`

// issued are credentials that were handed out.
type issued struct {
	kafka.Credentials
	Role     string
	Policies []string `json:",omitempty"` // names of managed policies, if the role isn't in IAM
}

// sessionName is part of the principal, which a client must keep when it renews its credentials.
const sessionName = "sandbox"

// printCredentials is the command credentials.
func printCredentials(dir folder, sandbox *aws.Sandbox, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("credentials", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), credentialsUsage); flags.PrintDefaults() }
	clusterName := flags.String("cluster", "", "name of the cluster, if there are several")
	duration := flags.Duration("duration", 12*time.Hour, "how long they are valid")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return fmt.Errorf("%d names: name one role or client", flags.NArg())
	}
	state := sandbox.Snapshot()
	_, cluster, err := findCluster(state, *clusterName)
	if err != nil {
		return err
	}
	role, policies, err := findRole(state, cluster.Name, flags.Arg(0))
	if err != nil {
		return err
	}
	c := issued{
		Credentials: kafka.Credentials{
			AccessKeyID:     "ASIA" + strings.ToUpper(random(8)),
			SecretAccessKey: random(20),
			SessionToken:    random(32),
			Principal:       fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", state.Account, role, sessionName),
			Expires:         time.Now().Add(*duration).UTC().Truncate(time.Second),
		},
		Role: role, Policies: policies,
	}
	if err := dir.keep(c); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nAWS_SESSION_TOKEN=%s\n",
		c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	return err
}

// keep adds credentials to those that were handed out, and drops the expired ones.
func (d folder) keep(c issued) error {
	lock, err := d.lock(credentialsFile+".lock", true)
	if err != nil {
		return err
	}
	defer lock.Close()
	all, err := d.credentials()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c issued) bool { return time.Now().After(c.Expires) })
	document, err := json.MarshalIndent(append(all, c), "", "  ")
	if err != nil {
		return err
	}
	file := d.file(credentialsFile)
	if err := os.WriteFile(file+".new", document, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// lock locks a file until the file is closed. If another process holds the lock, lock waits for it if wait is set, and
// fails otherwise.
func (d folder) lock(name string, wait bool) (*os.File, error) {
	file, err := os.OpenFile(d.file(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return file, nil
}

// findCluster returns the ARN and the cluster with the name, or the only cluster there is.
func findCluster(state *aws.State, name string) (string, *aws.Cluster, error) {
	var names []string
	arn := ""
	for candidate, c := range state.Clusters {
		names = append(names, c.Name)
		if name == "" || name == c.Name {
			arn = candidate
		}
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return "", nil, fmt.Errorf("no cluster is deployed: run make up")
	case name == "" && len(names) > 1:
		return "", nil, fmt.Errorf("several clusters are deployed: choose one with -cluster: %s", strings.Join(names, ", "))
	case arn == "":
		return "", nil, fmt.Errorf("-cluster %s: no such cluster; there are: %s", name, strings.Join(names, ", "))
	}
	return arn, state.Clusters[arn], nil
}

// findRole returns the role of a cluster with the name or ending in it, or the policies that a role of that name has.
func findRole(state *aws.State, cluster, name string) (role string, policies []string, err error) {
	if role = shortest(slices.Collect(maps.Keys(state.Roles)), cluster, name); role != "" {
		return role, nil, nil
	}
	names := slices.Sorted(maps.Keys(state.Policies))
	first := shortest(names, cluster, name)
	if first == "" {
		return "", nil, fmt.Errorf("%s: no role or policy of %s has this name or ends in it; there are: %s",
			name, cluster, strings.Join(ofCluster(state, cluster), ", "))
	}
	further := regexp.MustCompile(`^` + regexp.QuoteMeta(first) + `-[0-9]+$`) // a policy that is divided
	for _, n := range names {
		if n == first || further.MatchString(n) {
			policies = append(policies, n)
		}
	}
	return first, policies, nil
}

// shortest returns the name itself if it is one of the names, or the shortest that begins with the cluster's and ends
// in the name.
func shortest(names []string, cluster, name string) string {
	if slices.Contains(names, name) {
		return name
	}
	found := ""
	for _, n := range names {
		if strings.HasPrefix(n, cluster+"-") && strings.HasSuffix(n, "-"+name) && (found == "" || len(n) < len(found)) {
			found = n
		}
	}
	return found
}

func ofCluster(state *aws.State, cluster string) []string {
	var names []string
	for n := range state.Roles {
		names = append(names, n)
	}
	for n := range state.Policies {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return !strings.HasPrefix(n, cluster+"-") })
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
