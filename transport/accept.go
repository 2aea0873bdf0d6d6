// Accepting connections: TCP and all that runs over it.

package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"bailiwick/internal/cause"
)

// acceptor takes connections and serves each in a goroutine of its own.
type acceptor struct {
	spec     Spec
	protocol Protocol
	l        net.Listener
	serve    func(h Handler, c *conn)
	wg       sync.WaitGroup

	mu     sync.Mutex
	conns  map[*conn]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// conn is a client's connection.
type conn struct {
	*burst
	socket  net.Conn
	from    Client
	seat    *seat
	owner   *acceptor
	faulted atomic.Bool
}

// accept opens a listener whose connections are served by serve. The connection is closed when serve returns.
func accept(p Protocol, s Spec, serve func(h Handler, c *conn)) (Listener, error) {
	network := "tcp4"
	if s.Addr.Addr().Is6() {
		network = "tcp6"
	}
	l, err := net.Listen(network, s.Addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen on %v %v: %w", p, s.Addr, err)
	}
	return &acceptor{spec: s, protocol: p, l: l, serve: serve, conns: map[*conn]struct{}{}}, nil
}

func (a *acceptor) Addr() netip.AddrPort { return a.l.Addr().(*net.TCPAddr).AddrPort() }

func (a *acceptor) Start(h Handler) { a.wg.Go(func() { a.run(h) }) }

func (a *acceptor) Close() {
	a.mu.Lock()
	a.closed = true
	_ = a.l.Close()
	for c := range a.conns {
		_ = c.socket.Close()
	}
	a.mu.Unlock()
	a.wg.Wait()
}

func (a *acceptor) run(h Handler) {
	for {
		nc, err := a.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: let some close
			continue
		}
		c := &conn{socket: nc, owner: a}
		c.seat = a.spec.Gate.enter(c.end)
		if !a.register(c) {
			_ = nc.Close()
			return
		}
		a.wg.Go(func() {
			defer a.forget(c)
			if c.introduce() {
				a.serve(h, c)
			}
		})
	}
}

func (a *acceptor) register(c *conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.conns[c] = struct{}{}
	a.spec.Observer.Connections(a.protocol, 1)
	return true
}

func (a *acceptor) forget(c *conn) {
	_ = c.socket.Close()
	c.seat.leave()
	a.mu.Lock()
	delete(a.conns, c)
	a.mu.Unlock()
	a.spec.Observer.Connections(a.protocol, -1)
}

// end closes the connection for a reason; what is reported is the first.
func (c *conn) end(why cause.Cause) {
	if !c.faulted.Swap(true) {
		c.owner.spec.Observer.Fault(c.owner.protocol, why)
	}
	_ = c.socket.Close()
}

// introduce finds out who the client is: the far end, or whom a trusted proxy speaks for.
func (c *conn) introduce() bool {
	peer := c.socket.RemoteAddr().(*net.TCPAddr).AddrPort()
	c.burst = newBurst(c.socket)
	if trusted(c.owner.spec.ProxyFrom, peer.Addr()) {
		p := proxyproto.NewConn(c.socket, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(MessageTime))
		var ok bool
		if peer, ok = proxied(p.ProxyHeader(), peer); !ok {
			c.end(cause.ProxyHeader)
			return false
		}
		c.burst.Conn = p
	}
	c.from = c.owner.protocol.client(peer)
	if !c.seat.belongs(peer.Addr()) {
		c.end(cause.ConnectionsPerClient)
		return false
	}
	return true
}

// proxied is the client that a PROXY header names; the peer itself if the proxy speaks for itself. Version 2 only: version 1 is text, for
// TCP alone.
func proxied(h *proxyproto.Header, peer netip.AddrPort) (netip.AddrPort, bool) {
	switch {
	case h == nil || h.Version != 2:
		return peer, false
	case h.Command.IsLocal():
		return peer, true
	}
	switch a := h.SourceAddr.(type) {
	case *net.TCPAddr:
		return a.AddrPort(), true
	case *net.UDPAddr:
		return a.AddrPort(), true
	}
	return peer, false
}
