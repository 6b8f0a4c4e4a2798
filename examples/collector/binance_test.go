package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The frames are as Binance's documentation shows them, in the wrapping of combined streams.
func TestBinanceParses(t *testing.T) {
	t.Parallel()
	const trade = `{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,` +
		`"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}`
	const depth = `{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,` +
		`"b":[["0.0024","10"]],"a":[["0.0026","100"]]}`
	for frame, want := range map[string]message{
		`{"stream":"bnbbtc@trade","data":` + trade + `}`: {
			subscription: subscription{"trades", "BNBBTC"}, first: 12345, last: 12345, data: []byte(trade),
		},
		`{"stream":"bnbbtc@depth@100ms","data":` + depth + `}`: {
			subscription: subscription{"orderbook-delta", "BNBBTC"}, first: 157, last: 160, data: []byte(depth),
		},
		`{"result":null,"id":312}`: {answer: 312},
		`{"code":2,"msg":"Invalid request: too many parameters","id":4}`: {
			answer: 4, refusal: "Invalid request: too many parameters (code 2)",
		},
		`{"error":{"code":3,"msg":"Invalid JSON"},"id":5}`: {
			answer: 5, refusal: "Invalid JSON (code 3)",
		},
		`{"code":3,"msg":"Invalid JSON"}`: {
			answer: -1, refusal: "Invalid JSON (code 3)",
		},
		`{"e":"serverShutdown","E":1770123456789}`:           {closing: true},
		`{"stream":"!","data":{"e":"serverShutdown","E":1}}`: {closing: true},
	} {
		got, err := binance{}.parse([]byte(frame))
		require.NoError(t, err, frame)
		assert.Equal(t, want, got, frame)
	}
	for _, frame := range []string{
		``, `{`, `[]`, `{}`, `null`, `{"stream":"x"}`, `{"stream":"x","data":{"e":"kline","s":"X"}}`,
		`{"stream":"x","data":{"e":"trade","s":"X"}}`, `{"stream":"x","data":{"e":"depthUpdate","s":"X","U":9,"u":8}}`,
		`{"stream":"x","data":{"e":"trade","s":"X","t":"1"}}`,
	} {
		_, err := binance{}.parse([]byte(frame))
		assert.Error(t, err, frame)
	}
}

func TestBinanceRequests(t *testing.T) {
	t.Parallel()
	var got map[string]any
	require.NoError(t, json.Unmarshal(binance{}.request(7, true, []subscription{
		{"trades", "BTCUSDT"}, {"orderbook-delta", "BTCUSDT"},
	}), &got))
	assert.Equal(t, map[string]any{
		"method": "SUBSCRIBE", "id": 7.0, "params": []any{"btcusdt@trade", "btcusdt@depth@100ms"},
	}, got)
	require.NoError(t, json.Unmarshal(binance{}.request(8, false, []subscription{{"trades", "ETHUSDT"}}), &got))
	assert.Equal(t, "UNSUBSCRIBE", got["method"])
}

// Whatever a frame holds, parse returns an error or a message.
func FuzzBinance(f *testing.F) {
	f.Add([]byte(`{"stream":"s","data":{"e":"trade","E":1,"s":"X","t":1,"T":2}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := binance{}.parse(frame)
		if err == nil && m.data != nil {
			assert.True(t, json.Valid(m.data))
			assert.LessOrEqual(t, m.first, m.last)
		}
	})
}
