// HTTP/1.1, for DoH clients without HTTP/2: net/http behind our own acceptor.

package transport

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"bailiwick/internal/cause"
)

// http1 is a net.Listener that hands connections to net/http.
type http1 struct {
	doh    *doh
	owner  *acceptor
	server http.Server
	queue  chan net.Conn
	once   sync.Once
	done   chan struct{}
	ended  sync.Once      // done is closed
	wg     sync.WaitGroup // of the server
}

// served is a connection that net/http serves; it reports when net/http is done with it.
type served struct {
	net.Conn
	from requester
	conn *conn
	done chan struct{}
	once sync.Once
	// net/http's own goroutine has these.
	idle  bool // the next deadline is that of an idle connection
	begun bool // the first data have come
}

// SetReadDeadline implements net.Conn. net/http's idle timeout is one for the life of its server:
// what is allowed now takes its place.
func (s *served) SetReadDeadline(t time.Time) error {
	if s.idle {
		s.idle, t = false, time.Now().Add(s.from.seat.patience())
	}
	return s.Conn.SetReadDeadline(t)
}

// Read implements net.Conn.
func (s *served) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.conn.lent = 0
	s.from.seat.touch(time.Now())
	if !s.begun {
		if s.begun = true; s.conn.unbidden(p[:n]) {
			s.conn.end(cause.ProxyHeader)
			return 0, io.EOF
		}
	}
	return n, err
}

func (s *served) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.Conn.Close()
}

type clientKey struct{}

// requester is the sender of requests, and the seat that octets are counted for.
type requester struct {
	Client
	seat *seat
}

func newHTTP1(d *doh) *http1 {
	return &http1{doh: d, queue: make(chan net.Conn), done: make(chan struct{})}
}

// start starts the server with the first connection.
func (o *http1) start(h Handler) {
	o.once.Do(func() {
		o.server = http.Server{ReadHeaderTimeout: messageTime, ReadTimeout: 2 * messageTime,
			IdleTimeout: o.doh.spec.Gate.idleOf(o.doh.protocol), MaxHeaderBytes: maxHTTPHeader,
			ErrorLog: log.New(discard{}, "", 0),
			ConnState: func(c net.Conn, is http.ConnState) { // which then sets the deadline
				c.(*served).idle = is == http.StateIdle
			},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, clientKey{}, c.(*served).from)
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				// The resolver bounds what a handler may still be resolving when the time is over.
				_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * writeTime))
				if o.owner.stopping.Load() {
					w.Header().Set("Connection", "close") // RFC 9112, section 9.6
				}
				o.doh.serveHTTP(h, q.Context().Value(clientKey{}).(requester), w, q)
			})}
		o.wg.Go(func() { _ = o.server.Serve(o) }) // ends with close
	})
}

// serve has net/http serve a connection, and returns when it is done.
func (o *http1) serve(c *conn, over net.Conn) {
	s := &served{Conn: over, from: requester{c.from, c.seat}, conn: c, done: make(chan struct{})}
	c.pays = c.seat
	c.foreign.Store(true)
	select {
	case o.queue <- s:
		<-s.done
	case <-o.done:
	}
}

// Accept implements net.Listener.
func (o *http1) Accept() (net.Conn, error) {
	select {
	case c := <-o.queue:
		return c, nil
	case <-o.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (o *http1) Close() error { return nil }

// Addr implements net.Listener.
func (o *http1) Addr() net.Addr { return o.owner.l.Addr() }

func (o *http1) close() {
	o.ended.Do(func() { close(o.done) })
	o.once.Do(func() {})
	ctx, cancel := context.WithTimeout(context.Background(), lingerTime)
	defer cancel()
	if o.server.Shutdown(ctx) != nil { // answers under way have until then
		_ = o.server.Close()
	}
	o.wg.Wait()
}

// discard drops net/http's log, which reports faults of clients.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
