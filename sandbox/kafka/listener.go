package kafka

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
)

// listener accepts clients on a TCP port, and hands kfake the other end of a pipe for each.
type listener struct {
	cluster *Cluster
	tcp     net.Listener
	pipes   chan net.Conn // to kfake
	closed  chan struct{}
	closing sync.Once

	mu      sync.Mutex
	clients map[net.Conn]bool
}

func newListener(c *Cluster, tcp net.Listener) *listener {
	return &listener{
		cluster: c, tcp: tcp, pipes: make(chan net.Conn), closed: make(chan struct{}), clients: map[net.Conn]bool{},
	}
}

// Accept is called by kfake.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case pipe := <-l.pipes:
		return pipe, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr returns the address that kfake tells clients.
func (l *listener) Addr() net.Addr { return l.tcp.Addr() }

// Close closes the port and every connection.
func (l *listener) Close() error {
	var err error
	l.closing.Do(func() {
		close(l.closed)
		err = l.tcp.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		for client := range l.clients {
			_ = client.Close()
		}
	})
	return err
}

// serve accepts clients until the listener is closed.
func (l *listener) serve() {
	for {
		client, err := l.tcp.Accept()
		if err != nil {
			return
		}
		if !l.cluster.limits.connect() {
			_ = client.Close() // MSK developer guide, "MSK Serverless quota": connections over the quota are closed
			l.cluster.logf("%s: connection refused: too many", client.RemoteAddr())
			continue
		}
		if !l.add(client) {
			_ = client.Close()
			continue
		}
		go func() {
			defer l.cluster.limits.disconnect()
			defer l.remove(client)
			if err := l.proxy(client); err != nil {
				l.cluster.logf("%s: connection closed: %v", client.RemoteAddr(), err)
			}
		}()
	}
}

func (l *listener) add(client net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return false
	default:
		l.clients[client] = true
		return true
	}
}

func (l *listener) remove(client net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.clients, client)
}

// proxy serves one client until it leaves or breaks a rule.
func (l *listener) proxy(client net.Conn) error {
	defer client.Close()
	secured := tls.Server(client, l.cluster.config.TLS)
	if err := secured.Handshake(); err != nil {
		return err
	}
	ours, kfakes := net.Pipe()
	defer ours.Close()
	select {
	case l.pipes <- fromClient{kfakes, client.RemoteAddr()}:
	case <-l.closed:
		return nil
	}
	err := newConn(l.cluster, secured, ours).serve()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) { // the client or the cluster is gone
		return nil
	}
	return err
}

// fromClient is a pipe that has the address of the client.
type fromClient struct {
	net.Conn
	address net.Addr
}

func (f fromClient) RemoteAddr() net.Addr { return f.address }
