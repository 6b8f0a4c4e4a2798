package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// exchange is what a feed needs to know of an exchange.
type exchange struct {
	name, market string // as topics have them
	url          string
	streams      []string
	// How many subscriptions a connection may have, how many fit into one frame, and the pause between two frames.
	perConnection, perFrame int
	pause                   time.Duration
	protocol
}

// protocol is the frames of an exchange.
type protocol interface {
	// request returns the frame that begins subscriptions, or ends them. The answer repeats id.
	request(id int, begin bool, subs []subscription) []byte
	// parse reads a frame from the exchange.
	parse(frame []byte) (message, error)
}

// exchanges are the exchanges by the name that -exchange chooses.
var exchanges = map[string]exchange{"binance": binanceSpot}

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

// feed is all of an exchange's subscriptions that this process has.
type feed struct {
	exchange
	stale    time.Duration // how long a connection may be silent
	dial     dial
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
	var all sync.WaitGroup
	for some := range slices.Chunk(routes, f.perConnection) {
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
	again  []subscription        // to subscribe to anew, for they had a gap
	queue  []func(id int) []byte // requests to send
	sent   int                   // the id of the last request
	asked  map[int]int           // requests that the exchange hasn't answered, and for how many ticks
	silent int                   // ticks since data came
}

// ticksToStale is the number of ticks after which a silent connection is stale.
const ticksToStale = 4

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

// session makes a connection, subscribes, and reads until the connection ends. While a record waits for Kafka nothing
// ticks, because the silence is our own.
func (c *connection) session(ctx context.Context) error {
	c.metrics.connects.Inc()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialing, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	options := &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}}
	socket, _, err := websocket.Dial(dialing, c.url, options)
	if err != nil {
		return err
	}
	defer socket.CloseNow()
	socket.SetReadLimit(maxFrame)
	c.metrics.connected.Inc()
	defer c.metrics.connected.Dec()

	c.again, c.queue, c.sent, c.asked, c.silent = nil, nil, 0, map[int]int{}, 0
	for _, r := range c.routes {
		r.answered = time.Now() // what was missed since the last session is answered by this one
	}
	c.enqueue(true, slices.Collect(maps.Keys(c.routes)))
	frames := make(chan []byte)
	go func() {
		defer close(frames)
		for {
			var frame []byte
			if _, frame, err = socket.Read(ctx); err != nil { // it answers the exchange's pings, too
				return
			}
			select {
			case frames <- frame:
			case <-ctx.Done():
				return
			}
		}
	}()
	sending, ticking := time.NewTicker(c.pause), time.NewTicker(c.stale/ticksToStale)
	defer sending.Stop()
	defer ticking.Stop()
	var failure error
	for failure == nil {
		select {
		case frame, ok := <-frames:
			if !ok {
				return err
			}
			failure = c.take(ctx, frame)
		case <-sending.C:
			failure = c.send(ctx, socket)
		case <-ticking.C:
			failure = c.tick()
		}
	}
	return failure
}

// enqueue puts requests for subs at the end of the queue.
func (c *connection) enqueue(begin bool, subs []subscription) {
	for some := range slices.Chunk(subs, c.perFrame) {
		c.queue = append(c.queue, func(id int) []byte { return c.request(id, begin, some) })
	}
}

// send sends the next request, if there is one.
func (c *connection) send(ctx context.Context, socket *websocket.Conn) error {
	if len(c.queue) == 0 {
		c.enqueue(false, c.again)
		c.enqueue(true, c.again)
		c.again = nil
	}
	if len(c.queue) == 0 {
		return nil
	}
	c.sent++
	c.asked[c.sent] = 0
	frame := c.queue[0](c.sent)
	c.queue = c.queue[1:]
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return socket.Write(ctx, websocket.MessageText, frame)
}

// tick returns an error if no data has come for too long, or if a request isn't answered.
func (c *connection) tick() error {
	for id := range c.asked {
		if c.asked[id]++; c.asked[id] > ticksToStale {
			return fmt.Errorf("the exchange didn't answer request %d", id)
		}
	}
	if c.silent++; c.silent > ticksToStale {
		return errors.New("the exchange is silent")
	}
	return nil
}

// take handles one frame. An error ends the session.
func (c *connection) take(ctx context.Context, frame []byte) error {
	m, err := c.parse(frame)
	r := c.routes[m.subscription]
	switch {
	case err == nil && m.closing:
		return errors.New("the exchange is about to disconnect")
	case err == nil && m.refusal != "":
		return fmt.Errorf("the exchange refused request %d: %s", m.answer, m.refusal)
	case err == nil && m.answer != 0:
		delete(c.asked, m.answer)
		return nil
	case err != nil || r == nil:
		c.metrics.garbage.Inc()
		c.log.Warn("a frame can't be understood", "frame", string(frame[:min(len(frame), 200)]), "err", err)
		return nil
	}
	c.metrics.received.WithLabelValues(r.stream).Inc()
	c.follow(r, m)
	c.silent = 0
	err = r.lane.put(ctx, r.symbol, m.data)
	c.progress.mark()
	return err
}

// answerAfter is how long a stream's gaps are only counted after one was answered by a new subscription: that makes a
// gap itself.
const answerAfter = 10 * time.Second

// follow compares a message's sequence numbers with those of the one before. It counts what was missed, in this session
// or between two, and has a gap answered by a new subscription.
func (c *connection) follow(r *route, m message) {
	before, missed := r.last, m.first-r.last-1
	r.last = m.last
	switch {
	case before != 0 && m.last <= before:
		c.metrics.repeated.WithLabelValues(r.stream).Inc()
		return
	case before == 0 || missed <= 0: // it is the first, follows, or overlaps the one before
		return
	}
	c.metrics.missed.WithLabelValues(r.stream).Add(float64(missed))
	c.metrics.gaps.WithLabelValues(r.stream).Inc()
	c.log.Warn("messages were missed", "stream", r.stream, "symbol", r.symbol, "after", before, "missed", missed)
	if time.Since(r.answered) < answerAfter {
		return
	}
	r.answered = time.Now()
	c.again = append(c.again, r.subscription)
}
