// Package localexchange serves Binance's combined streams of trades and order books on this machine, to try a collector
// on, and misbehaves when told to. Prices are random. It keeps the documented limits on frames and subscriptions, and
// knows no REST interface, no other streams and no limits per address.
package localexchange

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Limits that Binance documents for a connection.
const (
	maxStreams   = 1024
	framesPerSec = 5
	pingEvery    = 20 * time.Second
)

// queue is how many events may wait for a client that reads slowly before it is disconnected.
const queue = 1000

// Exchange is an exchange. The zero value serves nothing before Run.
type Exchange struct {
	mu      sync.Mutex
	clients map[*client]bool
	last    map[string]int64 // the last sequence number of each stream ever subscribed to
	stalled bool
	refuse  bool
	skip    map[string]int // events to withhold from everybody
	garbage int            // frames of garbage to send to each client
	pad     map[string]int // bytes to add to the next event of a stream
	asked   []string
}

// client is one connection.
type client struct {
	out     chan []byte
	streams map[string]bool
	drop    context.CancelFunc
}

// New returns an exchange.
func New() *Exchange {
	return &Exchange{clients: map[*client]bool{}, last: map[string]int64{}, skip: map[string]int{}, pad: map[string]int{}}
}

// Run publishes an event of each stream each interval, until ctx is done.
func (x *Exchange) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			x.Drop()
			return
		case now := <-tick.C:
			x.Publish(now)
		}
	}
}

// Publish publishes one event of each stream that anybody has ever subscribed to.
func (x *Exchange) Publish(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for stream := range x.last {
		frame := x.event(stream, now)
		if x.stalled {
			continue
		}
		if x.skip[stream] > 0 {
			x.skip[stream]--
			continue
		}
		for c := range x.clients {
			if c.streams[stream] {
				c.send(frame)
			}
		}
	}
	for ; x.garbage > 0; x.garbage-- {
		for c := range x.clients {
			c.send([]byte(`{"stream":"?","data":` + strings.Repeat("x", x.garbage)))
		}
	}
}

// event returns the next event of a stream. An event of an order book covers three updates.
func (x *Exchange) event(stream string, now time.Time) []byte {
	symbol, kind, _ := strings.Cut(stream, "@")
	symbol = strings.ToUpper(symbol)
	ms := now.UnixMilli()
	price := fmt.Sprintf("%d.%02d", 60_000+rand.IntN(100), rand.IntN(100))
	data := map[string]any{"E": ms, "s": symbol}
	if kind == "trade" {
		x.last[stream]++
		data["e"], data["t"], data["p"], data["q"], data["T"] = "trade", x.last[stream], price, "0.01000000", ms
		data["m"], data["M"] = rand.IntN(2) == 0, true
		if n := x.pad[stream]; n > 0 {
			data["pad"] = noise(n)
			delete(x.pad, stream)
		}
	} else {
		data["e"], data["U"] = "depthUpdate", x.last[stream]+1
		x.last[stream] += 3
		data["u"], data["b"], data["a"] = x.last[stream], [][]string{{price, "1.5"}}, [][]string{{price, "0"}}
	}
	frame, err := json.Marshal(map[string]any{"stream": stream, "data": data})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return frame
}

// noise returns n letters that don't compress well.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}

// send queues a frame, and disconnects a client that reads too slowly.
func (c *client) send(frame []byte) {
	select {
	case c.out <- frame:
	default:
		c.drop()
	}
}

// Last returns the last sequence number of a stream, such as btcusdt@trade.
func (x *Exchange) Last(stream string) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last[stream]
}

// Clients returns the number of connections, and of their subscriptions.
func (x *Exchange) Clients() (clients, streams int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for c := range x.clients {
		streams += len(c.streams)
	}
	return len(x.clients), streams
}

// Drop disconnects everybody.
func (x *Exchange) Drop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for c := range x.clients {
		c.drop()
	}
}

// Stall makes the exchange go on without publishing, or ends that.
func (x *Exchange) Stall(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stalled = on
}

// Refuse makes the exchange refuse connections, or ends that.
func (x *Exchange) Refuse(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refuse = on
}

// Gap withholds the next n events of a stream.
func (x *Exchange) Gap(stream string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.skip[stream] += n
}

// Oversize adds n bytes to the next event of a stream of trades.
func (x *Exchange) Oversize(stream string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pad[stream] = n
}

// Requests returns what clients have asked for, such as "SUBSCRIBE btcusdt@trade ethusdt@trade".
func (x *Exchange) Requests() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.asked)
}

// Garbage sends n frames that aren't JSON to each client.
func (x *Exchange) Garbage(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.garbage += n
}

// ServeHTTP accepts connections to /stream, with or without the parameter streams.
func (x *Exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	refuse := x.refuse
	x.mu.Unlock()
	if refuse || strings.TrimSuffix(r.URL.Path, "/") != "/stream" {
		http.Error(w, "not here, not now", http.StatusServiceUnavailable)
		return
	}
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer socket.CloseNow()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &client{out: make(chan []byte, queue), streams: map[string]bool{}, drop: cancel}
	if streams := r.URL.Query().Get("streams"); streams != "" {
		x.change(c, true, strings.Split(streams, "/"))
	}
	x.mu.Lock()
	x.clients[c] = true
	x.mu.Unlock()
	var writer sync.WaitGroup
	writer.Go(func() { c.write(ctx, socket) })
	x.read(ctx, c, socket)
	cancel()
	x.mu.Lock()
	delete(x.clients, c)
	x.mu.Unlock()
	writer.Wait()
}

// write sends a client its events, and pings it.
func (c *client) write(ctx context.Context, socket *websocket.Conn) {
	defer c.drop()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			pinging, cancel := context.WithTimeout(ctx, time.Minute)
			go func() {
				defer cancel()
				if socket.Ping(pinging) != nil {
					c.drop()
				}
			}()
		case frame := <-c.out:
			if socket.Write(ctx, websocket.MessageText, frame) != nil {
				return
			}
		}
	}
}

// request is a frame from a client.
type request struct {
	Method string   `json:"method"`
	Params []string `json:"params"`
	ID     int64    `json:"id"`
}

// read answers a client's frames until it leaves or sends too many.
func (x *Exchange) read(ctx context.Context, c *client, socket *websocket.Conn) {
	var second time.Time
	for frames := 1; ; frames++ {
		_, frame, err := socket.Read(ctx)
		if err != nil {
			return
		}
		if now := time.Now(); now.Sub(second) >= time.Second {
			second, frames = now, 1
		}
		if frames > framesPerSec {
			return
		}
		var q request
		if err := json.Unmarshal(frame, &q); err != nil {
			c.send([]byte(`{"code":3,"msg":"Invalid JSON"}`))
			continue
		}
		x.mu.Lock()
		x.asked = append(x.asked, q.Method+" "+strings.Join(q.Params, " "))
		x.mu.Unlock()
		switch q.Method {
		case "SUBSCRIBE", "UNSUBSCRIBE":
			if !x.change(c, q.Method == "SUBSCRIBE", q.Params) {
				return
			}
			c.send(fmt.Appendf(nil, `{"result":null,"id":%d}`, q.ID))
		default:
			c.send(fmt.Appendf(nil, `{"code":2,"msg":"Invalid request: unknown variant %s","id":%d}`, q.Method, q.ID))
		}
	}
}

// change subscribes a client or ends subscriptions, and reports whether it may have that many.
func (x *Exchange) change(c *client, begin bool, streams []string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range streams {
		if !begin {
			delete(c.streams, s)
			continue
		}
		if _, kind, ok := strings.Cut(s, "@"); !ok || !slices.Contains([]string{"trade", "depth@100ms"}, kind) {
			continue // as Binance does, it accepts what will never bring anything
		}
		c.streams[s] = true
		x.last[s] += 0
	}
	return len(c.streams) <= maxStreams
}
