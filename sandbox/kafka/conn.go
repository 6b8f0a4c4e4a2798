package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRequest is the largest request in bytes (MSK developer guide, "MSK Serverless quota": 100 MB).
const maxRequest = 100 << 20

// conn is a client's connection. It handles one request after the other, as brokers do.
type conn struct {
	cluster *Cluster
	client  net.Conn
	kfake   net.Conn
	session session
}

func newConn(c *Cluster, client, kfake net.Conn) *conn {
	return &conn{cluster: c, client: client, kfake: kfake}
}

// serve handles requests until the client closes the connection, or returns why it ends it.
func (c *conn) serve() error {
	frames := make(chan []byte)
	failed := make(chan error, 1)
	done := make(chan struct{})
	defer close(done)
	go func() {
		defer c.kfake.Close() // a client that is gone waits for no answer
		for {
			frame, err := readFrame(c.client)
			if err != nil {
				failed <- err
				return
			}
			select {
			case frames <- frame:
			case <-done:
				return
			}
		}
	}()
	for {
		select {
		case frame := <-frames:
			if err := c.handle(frame); err != nil {
				return err
			}
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// handle answers one request.
func (c *conn) handle(frame []byte) error {
	r, err := parseRequest(frame)
	if err != nil {
		return err
	}
	switch req := r.Request.(type) {
	case *kmsg.SASLHandshakeRequest:
		return c.handshake(r, req)
	case *kmsg.SASLAuthenticateRequest:
		return c.authenticate(r, req)
	case *kmsg.ApiVersionsRequest:
		return c.forward(r, offered(req))
	}
	if err := c.session.check(c.cluster.config.Now()); err != nil {
		return fmt.Errorf("%s: %w", r.name(), err)
	}
	judge, ok := kinds[kmsg.Key(r.Key())]
	if !ok {
		return fmt.Errorf("%s: not a request of MSK Serverless", r.name())
	}
	unlock := c.cluster.limits.lock(r.Request)
	defer unlock()
	return c.forward(r, judge(&asker{c.cluster, c.session.principal, r.name()}, r.Request))
}

// forward does what the verdict says.
func (c *conn) forward(r request, v verdict) error {
	if v.close {
		return fmt.Errorf("%s: refused, and the client expects no answer", r.name())
	}
	if v.refuse {
		resp := r.ResponseKind()
		if v.amend != nil {
			v.amend(resp)
		}
		return c.respond(r, resp)
	}
	if v.changed {
		r.frame = r.encode()
	}
	if _, err := c.kfake.Write(r.frame); err != nil {
		return err
	}
	if produce, ok := r.Request.(*kmsg.ProduceRequest); ok && produce.Acks == 0 {
		return nil
	}
	answer, err := readFrame(c.kfake)
	if err != nil {
		return fmt.Errorf("%s: kfake: %w", r.name(), err)
	}
	if v.amend == nil {
		_, err := c.client.Write(answer)
		return err
	}
	resp, err := r.decode(answer)
	if err != nil {
		return err
	}
	v.amend(resp)
	return c.respond(r, resp)
}

func (c *conn) respond(r request, resp kmsg.Response) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(r.correlation))
	if tagged(resp) {
		frame = append(frame, 0)
	}
	frame = resp.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	_, err := c.client.Write(frame)
	return err
}

// tagged reports whether the header of the response has tags, of which there are none.
func tagged(resp kmsg.Response) bool {
	return resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions)
}

// request is a request with its header.
type request struct {
	kmsg.Request
	correlation int32
	clientID    *string
	frame       []byte // with its size
}

func (r request) name() string {
	return fmt.Sprintf("%s v%d", kmsg.NameForKey(r.Key()), r.GetVersion())
}

func parseRequest(frame []byte) (request, error) {
	header := kbin.Reader{Src: frame[4:]}
	key, version := header.Int16(), header.Int16()
	r := request{
		Request: kmsg.RequestForKey(key), correlation: header.Int32(), clientID: header.NullableString(), frame: frame,
	}
	if r.Request == nil {
		return r, fmt.Errorf("request of the unknown kind %d", key)
	}
	r.SetVersion(version)
	if r.IsFlexible() {
		kmsg.SkipTags(&header)
	}
	if !header.Ok() {
		return r, fmt.Errorf("%s: incomplete header", r.name())
	}
	if err := r.ReadFrom(header.Src); err != nil {
		return r, fmt.Errorf("%s: %w", r.name(), err)
	}
	return r, nil
}

// encode returns the request's frame after it was changed.
func (r request) encode() []byte {
	var options []kmsg.RequestFormatterOpt
	if r.clientID != nil {
		options = append(options, kmsg.FormatterClientID(*r.clientID))
	}
	return kmsg.NewRequestFormatter(options...).AppendRequest(nil, r.Request, r.correlation)
}

// decode returns the response in a frame.
func (r request) decode(frame []byte) (kmsg.Response, error) {
	reader := kbin.Reader{Src: frame[4:]}
	reader.Int32() // the correlation id
	resp := r.ResponseKind()
	if tagged(resp) {
		kmsg.SkipTags(&reader)
	}
	// A request for the versions in a version that is too new is answered in version 0 (KIP-511).
	code := kbin.Reader{Src: reader.Src}
	if resp.Key() == int16(kmsg.ApiVersions) && code.Int16() == kerr.UnsupportedVersion.Code {
		resp.SetVersion(0)
	}
	if err := resp.ReadFrom(reader.Src); err != nil {
		return nil, fmt.Errorf("response to %s: %w", r.name(), err)
	}
	return resp, nil
}

// readFrame returns a frame with its size.
func readFrame(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxRequest {
		return nil, fmt.Errorf("request of %d bytes, and at most %d are allowed", n, maxRequest)
	}
	frame := append(make([]byte, 0, 4+n), size[:]...)[:4+n]
	_, err := io.ReadFull(from, frame[4:])
	return frame, err
}
