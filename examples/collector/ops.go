package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics tells.
type metrics struct {
	promauto.Factory
	registry *prometheus.Registry

	received, missed, gaps, repeated  *prometheus.CounterVec // of the feed, by stream
	garbage, connects                 prometheus.Counter     // of the feed
	acknowledged, refused, held       prometheus.Counter     // of the producer
	waited, abandoned, logged         prometheus.Counter     // of the producer
	processed, errors, lost, unusable prometheus.Counter     // of the consumer
	connected, waiting                prometheus.Gauge
}

// newMetrics returns metrics that have the labels.
func newMetrics(labels prometheus.Labels) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prefixed := prometheus.WrapRegistererWithPrefix("collector_", m.registry)
	m.Factory = promauto.With(prometheus.WrapRegistererWith(labels, prefixed))
	counter := func(name, help string) prometheus.Counter {
		return m.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	byStream := func(name, help string) *prometheus.CounterVec {
		return m.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"stream"})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return m.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m.received = byStream("messages_total", "Messages received from the exchange.")
	m.missed = byStream("missed_total", "Sequence numbers that were missed at the socket.")
	m.gaps = byStream("gaps_total", "Gaps in the sequence of a stream.")
	m.repeated = byStream("repeated_total", "Messages whose sequence number goes back.")
	m.garbage = counter("garbage_total", "Frames that can't be understood or weren't subscribed to.")
	m.connects = counter("connects_total", "Attempts to connect to the exchange.")
	m.connected = gauge("connections", "Connections to the exchange.")
	m.acknowledged = counter("acknowledged_total", "Records acknowledged by Kafka.")
	m.refused = counter("refused_total", "Records skipped because Kafka will never take them.")
	m.held = counter("held_total", "Records that were refused for a time and are produced again.")
	m.waited = counter("waiting_seconds_total", "Time that connections waited because the buffer was full.")
	m.waiting = gauge("waiting", "Connections that wait because the buffer is full.")
	m.abandoned = counter("abandoned_total", "Records given up at the end because -drain had passed.")
	m.logged = counter("heartbeats_lost_total", "Heartbeats that CloudWatch Logs didn't take.")
	m.processed = counter("processed_total", "Records processed.")
	m.errors = counter("consume_errors_total", "Errors while fetching, joining the group or committing.")
	m.lost = counter("data_loss_total", "Times that the log lost records which were acknowledged or read before.")
	m.unusable = counter("skipped_batches_total", "Batches skipped because they decompress to too much.")
	return m
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

// logsAPI is what heartbeats need of CloudWatch Logs.
type logsAPI interface {
	CreateLogStream(context.Context, *cloudwatchlogs.CreateLogStreamInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.CreateLogStreamOutput, error)
	PutLogEvents(context.Context, *cloudwatchlogs.PutLogEventsInput, ...func(*cloudwatchlogs.Options),
	) (*cloudwatchlogs.PutLogEventsOutput, error)
}

// heartbeat tells CloudWatch each minute how many of a feed's records Kafka has acknowledged, zero included. It writes
// to the log group in CloudWatch's embedded metric format, which the collectors' policy allows.
type heartbeat struct {
	api                     logsAPI
	cluster, feed, logGroup string
	acknowledged            *atomic.Int64
	told                    int64 // what the heartbeats so far add up to
}

const heartbeatEvery = time.Minute

// run writes heartbeats until ctx is done, and a last one then. It calls lost for each that it can't write.
func (h *heartbeat) run(ctx context.Context, lost func(error)) {
	host, _ := os.Hostname()
	stream := "collector-" + h.feed + "-" + host + "-" + strconv.Itoa(os.Getpid())
	for going := h.logGroup != ""; going; {
		going = wait(ctx, heartbeatEvery)
		beating, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
		if err := h.beat(beating, stream); err != nil {
			lost(err)
		}
		cancel()
	}
}

// embedded is a heartbeat's text (CloudWatch guide, "Specification: Embedded metric format").
const embedded = `{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"MSKServerless/Feeds",` +
	`"Dimensions":[["Cluster","Feed"]],"Metrics":[{"Name":"Messages","Unit":"Count"}]}]},` +
	`"Cluster":%q,"Feed":%q,"Messages":%d}`

// beat writes one heartbeat. If it can't, the messages count for the next one.
func (h *heartbeat) beat(ctx context.Context, stream string) error {
	_, err := h.api.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{
		LogGroupName: &h.logGroup, LogStreamName: &stream,
	})
	if err != nil && !errors.As(err, new(*types.ResourceAlreadyExistsException)) {
		return err
	}
	now, total := time.Now().UnixMilli(), h.acknowledged.Load()
	text := fmt.Sprintf(embedded, now, h.cluster, h.feed, total-h.told)
	_, err = h.api.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: &h.logGroup, LogStreamName: &stream,
		LogEvents: []types.InputLogEvent{{Timestamp: &now, Message: &text}},
	})
	if err == nil {
		h.told = total
	}
	return err
}
