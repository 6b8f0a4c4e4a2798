// Command serve serves a local exchange on -listen and prints its URL.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"msk-serverless/examples/collector/localexchange"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9443", "address to serve ws://…/stream on")
	interval := flag.Duration("interval", 100*time.Millisecond, "time between two events of a stream")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ws://%s/stream\n", listener.Addr())
	x := localexchange.New()
	go x.Run(ctx, *interval)
	server := &http.Server{Handler: x, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		log.Fatal(err)
	}
}
