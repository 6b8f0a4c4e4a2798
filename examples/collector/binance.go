package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// binanceSpot is Binance's spot market: every trade, and the changes of order books every 100 ms.
//
// It follows Binance's documentation, "WebSocket Streams for Binance" (binance/binance-spot-api-docs,
// web-socket-streams.md), and was never run against Binance itself. A connection lasts 24 hours at most. What is
// missed until the next one is subscribed is counted like every gap.
//
// It stays below the 1,024 streams and 5 messages a second that Binance allows. Its pings, which the connection
// answers, count as messages. How large a frame may be isn't documented.
var binanceSpot = exchange{
	name: "binance", market: "spot", url: "wss://stream.binance.com:9443/stream",
	streams: []string{"trades", "orderbook-delta"}, perConnection: 400, perFrame: 100, pause: time.Second / 4,
	protocol: binance{},
}

// binance is the protocol of Binance's combined streams.
type binance struct{}

// binanceStreams translates our names of streams.
var binanceStreams = map[string]string{"trades": "trade", "orderbook-delta": "depth@100ms"}

func (binance) request(id int, begin bool, subs []subscription) []byte {
	method, params := "UNSUBSCRIBE", make([]string, len(subs))
	if begin {
		method = "SUBSCRIBE"
	}
	for i, s := range subs {
		params[i] = strings.ToLower(s.symbol) + "@" + binanceStreams[s.stream]
	}
	frame, err := json.Marshal(map[string]any{"method": method, "params": params, "id": id})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return frame
}

// binanceFrame is any frame: an event of a combined stream, an answer, or an error.
type binanceFrame struct {
	Stream string          `json:"stream"`
	Data   json.RawMessage `json:"data"`
	ID     *int            `json:"id"`
	Error  *binanceError   `json:"error"`
	Event  string          `json:"e"` // of events that concern the connection
	Time   json.RawMessage `json:"E"` // encoding/json would take E for e otherwise
	binanceError
}

type binanceError struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

// binanceEvent is what is read of an event. Its data goes to Kafka as it came.
type binanceEvent struct {
	Event  string          `json:"e"`
	Time   json.RawMessage `json:"E"`
	Symbol string          `json:"s"`
	Trade  int64           `json:"t"` // of trades; ids of a symbol follow each other
	Traded json.RawMessage `json:"T"`
	First  int64           `json:"U"` // of order books: each event's U is the u of the one before, plus 1
	Last   int64           `json:"u"`
}

func (binance) parse(frame []byte) (message, error) {
	var f binanceFrame
	if err := json.Unmarshal(frame, &f); err != nil {
		return message{}, err
	}
	if f.Error != nil {
		f.binanceError = *f.Error
	}
	if f.Msg != "" {
		m := message{answer: -1, refusal: fmt.Sprintf("%s (code %d)", f.Msg, f.Code)}
		if f.ID != nil {
			m.answer = *f.ID
		}
		return m, nil
	}
	if f.ID != nil {
		return message{answer: *f.ID}, nil
	}
	var e binanceEvent
	if err := json.Unmarshal(f.Data, &e); err != nil && f.Event == "" {
		return message{}, err
	}
	m := message{data: f.Data}
	switch cmp.Or(f.Event, e.Event) {
	case "trade":
		m.subscription, m.first, m.last = subscription{"trades", e.Symbol}, e.Trade, e.Trade
	case "depthUpdate":
		m.subscription, m.first, m.last = subscription{"orderbook-delta", e.Symbol}, e.First, e.Last
	case "serverShutdown":
		return message{closing: true}, nil
	default:
		return message{}, errors.New("neither a trade nor a change of an order book")
	}
	if m.first <= 0 || m.last < m.first {
		return message{}, fmt.Errorf("sequence numbers %d to %d", m.first, m.last)
	}
	return m, nil
}
