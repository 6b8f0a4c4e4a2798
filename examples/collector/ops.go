package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics tells.
type metrics struct {
	registry *prometheus.Registry
	// of feeds
	received, missed, gaps, repeated, garbage, connects *prometheus.CounterVec
	connected                                           *prometheus.GaugeVec
	// of the producer
	acknowledged, refused                       *prometheus.CounterVec
	held, reordered, waited, abandoned, logged  prometheus.Counter
	waiting                                     prometheus.Gauge
	processed, errors, lost, returned, unusable prometheus.Counter // of the consumer
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(m.registry)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "collector_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "collector_" + name, Help: help}, labels)
	}
	m.received = counters("messages_total", "Messages received from the exchange.", "feed", "stream")
	m.missed = counters("missed_total", "Sequence numbers that were missed at the socket.", "feed", "stream")
	m.gaps = counters("gaps_total", "Gaps in the sequence of a stream.", "feed", "stream")
	m.repeated = counters("repeated_total", "Messages whose sequence number goes back.", "feed", "stream")
	m.garbage = counters("garbage_total", "Frames that can't be understood or weren't subscribed to.", "feed")
	m.connects = counters("connects_total", "Attempts to connect to the exchange.", "feed")
	m.connected = f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "collector_connections", Help: "Connections to the exchange.",
	}, []string{"feed"})
	m.acknowledged = counters("acknowledged_total", "Records acknowledged by Kafka.", "feed")
	m.refused = counters("refused_total", "Records skipped because Kafka will never take them.", "feed")
	m.held = counter("held_total", "Records that were refused for a time and are produced again.")
	m.reordered = counter("reordered_total", "Records acknowledged before an earlier one of their topic.")
	m.waited = counter("waiting_seconds_total", "Time that connections waited because the buffer was full.")
	m.waiting = f.NewGauge(prometheus.GaugeOpts{
		Name: "collector_waiting", Help: "Connections that wait because the buffer is full.",
	})
	m.abandoned = counter("abandoned_total", "Records given up at the end because -drain had passed.")
	m.logged = counter("heartbeats_lost_total", "Heartbeats that CloudWatch Logs didn't take.")
	m.processed = counter("processed_total", "Records processed.")
	m.errors = counter("consume_errors_total", "Errors while fetching, joining the group or committing.")
	m.lost = counter("data_loss_total", "Times that the log lost records which were acknowledged or read before.")
	m.returned = counter("returned_total", "Records given back because a batch took too long; they come again.")
	m.unusable = counter("skipped_batches_total", "Batches skipped because they decompress to too much.")
	return m
}

// watch adds gauges of what w holds.
func (m *metrics) watch(w *writer) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "collector_pending_records", Help: "Records taken from feeds and not yet acknowledged.",
	}, func() float64 { return float64(w.pending.Load()) }))
}

// progress is when something last went on.
type progress struct{ last atomic.Int64 }

func newProgress() *progress {
	p := new(progress)
	p.mark()
	return p
}

func (p *progress) mark() { p.last.Store(time.Now().UnixNano()) }

// stalled returns an error if the last progress is longer ago than limit.
func (p *progress) stalled(what string, limit time.Duration) error {
	if since := time.Since(time.Unix(0, p.last.Load())); since > limit {
		return fmt.Errorf("%s for %s", what, since.Round(time.Second))
	}
	return nil
}

// serveOps serves /metrics and /healthz on address until ctx is done. It returns an error if it can't listen there.
func (a app) serveOps(ctx context.Context, address string, log *slog.Logger, m *metrics, health func() error) error {
	if address == "" {
		return nil
	}
	listener, err := a.listen("tcp", address)
	if err != nil {
		return refused{fmt.Errorf("-listen %q: %w", address, err)}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := health(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics and health are not served any more", "err", err)
		}
	}()
	return nil
}
