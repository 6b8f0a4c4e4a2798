package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	kaws "github.com/twmb/franz-go/pkg/sasl/aws"
)

// watch prints a row each second: records in and out per second, records acknowledged, and each group's lag.
func (d *demo) watch(operator []string, clients []*process, lasts time.Duration) error {
	admin, err := connect(operator)
	if err != nil {
		return err
	}
	defer admin.Close()
	fmt.Printf("\n%6s%14s", "second", "produced/s")
	for _, g := range consumers {
		fmt.Printf("%20s%10s", g+"/s", "lag")
	}
	fmt.Println()
	names := []string{"acknowledged_total", "processed_total", "processed_total"}
	before := make([]float64, len(clients))
	for i, c := range clients {
		if before[i], err = c.metric(d.ctx, names[i]); err != nil {
			return err
		}
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for second := 1; second <= int(lasts/time.Second); second++ {
		select {
		case <-d.ctx.Done():
			return errors.New("interrupted")
		case <-tick.C:
		}
		// Lag sorts its arguments in place. A group whose lag can't be told has none in its column.
		lags, _ := admin.Lag(d.ctx, slices.Clone(consumers)...)
		row := fmt.Sprintf("%6d", second)
		for i, c := range clients {
			now, err := c.metric(d.ctx, names[i])
			if err != nil {
				return err
			}
			width := 14
			if i > 0 {
				width = 20
			}
			row += fmt.Sprintf("%*.0f", width, now-before[i])
			before[i] = now
			if i > 0 {
				row += lagOf(lags, consumers[i-1])
			}
		}
		fmt.Println(row)
	}
	return nil
}

// lagOf returns a group's column.
func lagOf(lags kadm.DescribedGroupLags, group string) string {
	if l, ok := lags[group]; ok && l.Error() == nil {
		return fmt.Sprintf("%10d", l.Lag.Total())
	}
	return fmt.Sprintf("%10s", "-")
}

// connect returns a client for the settings, to ask for lag.
func connect(settings []string) (*kadm.Client, error) {
	env := map[string]string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		env[name] = value
	}
	pem, err := os.ReadFile(env["KAFKA_CA_FILE"])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	// franz-go takes the region of brokers without an AWS name from here.
	if err := os.Setenv("AWS_REGION", env["AWS_REGION"]); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(env["KAFKA_BOOTSTRAP_SERVERS"], ",")...),
		kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}),
		kgo.SASL(kaws.Auth{
			AccessKey: env["AWS_ACCESS_KEY_ID"], SecretKey: env["AWS_SECRET_ACCESS_KEY"],
			SessionToken: env["AWS_SESSION_TOKEN"],
		}.AsManagedStreamingIAMMechanism()),
	)
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

// metric returns the sum of a collector's metric over its labels, or 0 while it isn't served yet.
func (p *process) metric(ctx context.Context, name string) (sum float64, err error) {
	select {
	case <-p.done:
		return 0, fmt.Errorf("%s has ended: %s", p.name, p.errors())
	default:
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.ops+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	lines := regexp.MustCompile(`(?m)^collector_` + name + `(?:\{.*\})? (\S+)$`)
	for _, l := range lines.FindAllSubmatch(page, -1) {
		v, err := strconv.ParseFloat(string(l[1]), 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}
