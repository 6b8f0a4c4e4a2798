package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// program is a running collector.
type program struct {
	app
	out, err *output
	stop     context.CancelFunc // sends it SIGTERM
	status   int                // once done is closed
	done     chan struct{}
	ops      string // its address for metrics and health
	web      *http.Client
}

// start starts a collector. Its flags -listen and -url are set.
func (w *world) start(args []string, changes ...func(*program)) *program {
	p := &program{out: &output{}, err: &output{}, done: make(chan struct{})}
	p.ops = fmt.Sprintf("127.0.0.1:%d", 9464+w.ports.Add(1))
	if args[0] == "produce" {
		args = append([]string{args[0], "-url", "ws://127.0.0.1:9443/stream", "-listen", p.ops}, args[1:]...)
	} else if args[0] == "consume" {
		args = append([]string{args[0], "-listen", p.ops}, args[1:]...)
	}
	p.app = app{
		environ: w.environ(), stdout: p.out, stderr: p.err, dial: w.dial, listen: w.network.Listen,
		dialBroker: dialTLS(w.dial), logs: w.logs,
		credentials: w,
		handle:      func(context.Context, *kgo.Record) error { return nil },
		kafka:       []kgo.Opt{kgo.WithDecompressor(decompressor)},
	}
	p.web = &http.Client{Transport: &http.Transport{DialContext: w.network.DialContext, DisableKeepAlives: true}}
	for _, change := range changes {
		change(p)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	p.stop = cancel
	go func() {
		defer close(p.done)
		p.status = p.run(ctx, args)
	}()
	w.t.Cleanup(func() { cancel(); <-p.done })
	return p
}

// running fails the test if the program has ended.
func (p *program) running(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-p.done:
		require.Fail(t, "the program has ended", "%s", p.err)
	default:
	}
}

// terminate sends SIGTERM and returns the exit status.
func (p *program) terminate() int {
	p.stop()
	<-p.done
	return p.status
}

// get returns the status and body of a page.
func (p *program) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := p.web.Get("http://" + p.ops + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// metric returns the sum of a metric over its labels.
func (p *program) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	_, page := p.get(t, "/metrics")
	lines := regexp.MustCompile(`(?m)^collector_`+name+`(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(page, -1)
	for _, l := range lines {
		v, err := strconv.ParseFloat(l[1], 64)
		require.NoError(t, err)
		sum += v
	}
	return sum
}

// healthy returns the status of /healthz.
func (p *program) healthy(t *testing.T) bool {
	t.Helper()
	status, _ := p.get(t, "/healthz")
	return status == http.StatusOK
}

// output is a buffer that the program and the test may use at once.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
