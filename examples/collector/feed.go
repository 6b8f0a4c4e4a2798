package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"
)

// exchange is what a feed needs to know of an exchange.
type exchange interface {
	// place returns the exchange and the market, as topics name them.
	place() (exchange, market string)
	// url returns where to connect to, unless -url says otherwise.
	url() string
	// streams returns the names of the streams that can be subscribed to.
	streams() []string
	// limits returns how many subscriptions a connection may have, how many fit into one frame, and how many frames
	// may be sent in a second.
	limits() (perConnection, perFrame int, frames rate.Limit)
	// request returns the frame that begins subscriptions, or ends them. The answer repeats id.
	request(id int, begin bool, subs []subscription) []byte
	// parse reads a frame from the exchange.
	parse(frame []byte) (message, error)
}

// subscription is one stream of one symbol.
type subscription struct{ stream, symbol string }

// message is what a frame says.
type message struct {
	subscription
	// first and last are the sequence numbers that data covers: those of a stream follow each other without a gap.
	first, last int64
	data        []byte
	// answer is the id of the request that the frame answers, and refusal why it was refused.
	answer  int
	refusal string
	closing bool // the exchange is about to disconnect
}

// exchanges are the exchanges by the name that -exchange chooses.
var exchanges = map[string]exchange{"binance": binance{}}

// feed is all of an exchange's subscriptions that this process has.
type feed struct {
	exchange exchange
	name     string // as alarms and metrics know it
	url      string
	stale    time.Duration // how long a connection may be silent
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	log      *slog.Logger
	metrics  *metrics
	progress *progress
}

// route is a subscription on its way to a topic.
type route struct {
	subscription
	lane     *lane
	last     int64     // the last sequence number seen, 0 before the first
	answered time.Time // when a gap was last answered by a new subscription
}

// run keeps the routes subscribed until ctx is done, over as many connections as the exchange requires.
func (f *feed) run(ctx context.Context, routes []*route) {
	perConnection, _, _ := f.exchange.limits()
	var all sync.WaitGroup
	for some := range slices.Chunk(routes, perConnection) {
		c := &connection{feed: f, routes: map[subscription]*route{}}
		for _, r := range some {
			c.routes[r.subscription] = r
		}
		all.Go(func() { c.run(ctx) })
	}
	all.Wait()
}

// connection is one WebSocket connection, made again whenever it ends.
type connection struct {
	*feed
	routes map[subscription]*route

	mu      sync.Mutex
	again   []subscription    // to subscribe to anew, for they had a gap
	asked   map[int]time.Time // requests that the exchange hasn't answered
	busy    atomic.Bool       // a record waits for Kafka, so that silence is our own
	heard   progress          // when data last came
	wake    chan struct{}
	lastAsk int
}

// run connects again and again until ctx is done.
func (c *connection) run(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		start := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > time.Minute {
			attempt = 0
		}
		c.log.Warn("disconnected from the exchange; connecting again", "url", c.url, "err", err, "attempt", attempt)
		wait(ctx, backoff(attempt))
	}
}

// maxFrame is the largest message that is read from an exchange.
const maxFrame = 16 << 20

// session makes a connection, subscribes, and reads until the connection ends.
func (c *connection) session(ctx context.Context) error {
	c.metrics.connects.WithLabelValues(c.name).Inc()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dialing, stop := context.WithTimeout(ctx, dialTimeout)
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	options := &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}}
	socket, _, err := websocket.Dial(dialing, c.url, options)
	stop()
	if err != nil {
		return err
	}
	defer socket.CloseNow()
	socket.SetReadLimit(maxFrame)
	connected := c.metrics.connected.WithLabelValues(c.name)
	connected.Inc()
	defer connected.Dec()

	c.mu.Lock()
	c.again, c.asked, c.wake, c.lastAsk = nil, map[int]time.Time{}, make(chan struct{}, 1), 0
	c.mu.Unlock()
	c.heard.mark()
	for _, r := range c.routes {
		r.answered = time.Now() // what was missed since the last session is answered by this one
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel(nil)
	helpers.Go(func() { c.watchdog(ctx, cancel) })
	helpers.Go(func() {
		if err := c.subscribe(ctx, socket); err != nil {
			cancel(err)
		}
	})
	for {
		_, frame, err := socket.Read(ctx) // answers the exchange's pings, too
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if err := c.take(ctx, frame); err != nil {
			return err
		}
	}
}

// errSilent ends a connection that brings nothing.
var errSilent = errors.New("the exchange is silent")

// watchdog ends the session if no data has come for too long, or if a request isn't answered.
func (c *connection) watchdog(ctx context.Context, cancel context.CancelCauseFunc) {
	for wait(ctx, c.stale/4) {
		c.mu.Lock()
		for id, at := range c.asked {
			if time.Since(at) > c.stale && !c.busy.Load() {
				cancel(fmt.Errorf("the exchange didn't answer request %d", id))
			}
		}
		c.mu.Unlock()
		if c.heard.stalled("", c.stale) != nil && !c.busy.Load() {
			cancel(errSilent)
		}
	}
}

// subscribe subscribes to everything, and then anew to what had a gap.
func (c *connection) subscribe(ctx context.Context, socket *websocket.Conn) error {
	_, perFrame, frames := c.exchange.limits()
	limit := rate.NewLimiter(frames, 1)
	ask := func(begin bool, subs []subscription) error {
		for some := range slices.Chunk(subs, perFrame) {
			if err := limit.Wait(ctx); err != nil {
				return err
			}
			c.mu.Lock()
			c.lastAsk++
			id := c.lastAsk
			c.asked[id] = time.Now()
			c.mu.Unlock()
			if err := socket.Write(ctx, websocket.MessageText, c.exchange.request(id, begin, some)); err != nil {
				return err
			}
		}
		return nil
	}
	all := make([]subscription, 0, len(c.routes))
	for s := range c.routes {
		all = append(all, s)
	}
	if err := ask(true, all); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		c.mu.Lock()
		again := c.again
		c.again = nil
		c.mu.Unlock()
		if err := errors.Join(ask(false, again), ask(true, again)); err != nil {
			return err
		}
	}
}

// take handles one frame. An error ends the session.
func (c *connection) take(ctx context.Context, frame []byte) error {
	m, err := c.exchange.parse(frame)
	r := c.routes[m.subscription]
	switch {
	case err == nil && m.closing:
		return errors.New("the exchange is about to disconnect")
	case err == nil && m.refusal != "":
		return fmt.Errorf("the exchange refused request %d: %s", m.answer, m.refusal)
	case err == nil && m.answer != 0:
		c.mu.Lock()
		delete(c.asked, m.answer)
		c.mu.Unlock()
		return nil
	case err != nil || r == nil:
		c.metrics.garbage.WithLabelValues(c.name).Inc()
		c.log.Warn("a frame can't be understood", "frame", string(frame[:min(len(frame), 200)]), "err", err)
		return nil
	}
	c.metrics.received.WithLabelValues(c.name, r.stream).Inc()
	c.follow(r, m)
	c.busy.Store(true)
	err = r.lane.put(ctx, r.symbol, m.data)
	c.heard.mark()
	c.busy.Store(false)
	c.progress.mark()
	return err
}

// answerAfter is how long a stream's gaps are only counted after one was answered by a new subscription: that makes a
// gap itself.
const answerAfter = 10 * time.Second

// follow compares a message's sequence numbers with those of the one before. It counts what was missed, in this session
// or between two, and has a gap answered by a new subscription.
func (c *connection) follow(r *route, m message) {
	before := r.last
	r.last = m.last
	if before == 0 || m.first == before+1 {
		return
	}
	if m.last <= before {
		c.metrics.repeated.WithLabelValues(c.name, r.stream).Inc()
		return
	}
	missed := m.first - before - 1
	if missed <= 0 {
		return // it overlaps the one before
	}
	c.metrics.missed.WithLabelValues(c.name, r.stream).Add(float64(missed))
	c.metrics.gaps.WithLabelValues(c.name, r.stream).Inc()
	c.log.Warn("messages were missed", "stream", r.stream, "symbol", r.symbol, "after", before, "missed", missed)
	if time.Since(r.answered) < answerAfter {
		return
	}
	r.answered = time.Now()
	c.mu.Lock()
	c.again = append(c.again, r.subscription)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
