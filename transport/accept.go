// Accepting connections, for TCP and the protocols over it.

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// acceptor accepts connections and serves each in a goroutine of its own.
type acceptor struct {
	spec     Spec
	protocol Protocol
	l        listeningSocket
	serve    func(h Handler, c *conn)
	out      occasional     // rate limit of the log entry for a lack of descriptors
	taking   sync.WaitGroup // of the goroutine that accepts
	wg       group          // of the connections
	stop     sync.Once
	stopping atomic.Bool // connections end soon
	detached atomic.Bool // another process accepts the backlog

	mu     sync.Mutex
	conns  map[*conn]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// listeningSocket is a *net.TCPListener, except in tests.
type listeningSocket interface {
	net.Listener
	SetDeadline(time.Time) error
}

// conn is a client's connection.
type conn struct {
	*burst
	socket  net.Conn
	from    Client
	seat    *seat
	owner   *acceptor
	proxies *Proxies // that are trusted with it
	faulted atomic.Bool
	client  context.Context    // ends when the client has gone, or the connection is closed
	hangUp  context.CancelFunc // ends client

	foreign atomic.Bool // net/http serves it, and ends it when the listener is closed
	gentle  atomic.Bool // an engine serves it and reads leaving
	leaving atomic.Bool // the engine is to tell the client that the connection ends
	lingers atomic.Bool // it counts among the lingering connections (Gate.linger)
}

func newConn(a *acceptor, socket net.Conn) *conn {
	c := &conn{socket: socket, owner: a}
	c.client, c.hangUp = context.WithCancel(context.Background())
	return c
}

// accept opens a listener whose connections are served by serve. The connection is closed when
// serve returns.
func accept(p Protocol, s Spec, serve func(h Handler, c *conn)) (*acceptor, error) {
	a := &acceptor{spec: s, protocol: p, serve: serve, conns: map[*conn]struct{}{}}
	if s.Inherited.Stream != nil {
		a.l = s.Inherited.Stream
		return a, nil
	}
	network := "tcp4"
	if s.Addr.Addr().Is6() {
		network = "tcp6"
	}
	// Sockets of Multipath TCP, Go's default, take no filter (see refuseHandshakes) and cost more;
	// clients that keep a connection over several paths are not known. Unbound, BIND and Knot
	// Resolver do without.
	lc := net.ListenConfig{Control: s.prepare}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), network, s.Addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen on %v %v: %w", p, s.Addr, busyError(err, "tcp", s.Addr))
	}
	a.l = l.(*net.TCPListener)
	return a, nil
}

func (a *acceptor) Addr() netip.AddrPort { return a.l.Addr().(*net.TCPAddr).AddrPort() }

func (a *acceptor) Start(h Handler) { a.taking.Go(func() { a.run(h) }) }

// Stop has the connections end. Before it those are accepted whose clients take them for
// established: with the listener the kernel would reset them.
func (a *acceptor) Stop() {
	a.stop.Do(func() {
		a.stopping.Store(true)
		until := longAgo
		if !a.detached.Load() {
			if a.spec.Inherited.Stream == nil { // the service manager may have the socket too
				refuseHandshakes(a.l)
			}
			until = time.Now().Add(backlogTime)
		}
		_ = a.l.SetDeadline(until) // fails on a closed listener only
		a.taking.Wait()
		_ = a.l.Close()
		a.mu.Lock()
		for c := range a.conns {
			c.leave()
		}
		a.mu.Unlock()
		a.wg.waitFor(lingerTime)
	})
}

// Each implements Listener.
func (a *acceptor) Each(f func(fd uintptr) error) error {
	return WithDescriptor(a.l.(*net.TCPListener), f)
}

// Change implements Listener.
func (a *acceptor) Change(p Proxies, path string) { a.spec.change(p, path) }

// Detach implements Listener.
func (a *acceptor) Detach() { a.detached.Store(true) }

// WithDescriptor calls f with the descriptor of a socket.
func WithDescriptor(c syscall.Conn, f func(fd uintptr) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = f(fd) })
	return errors.Join(err, failed)
}

// Close has the connections send for lingerTime what they owe, and closes them then.
func (a *acceptor) Close() {
	a.Stop()
	a.wg.waitFor(lingerTime)
	a.mu.Lock()
	a.closed = true
	for c := range a.conns {
		c.close()
	}
	a.mu.Unlock()
	a.wg.Wait()
}

// run accepts connections until Close. A panic ends only the connection that caused it.
func (a *acceptor) run(h Handler) {
	for closed := false; !closed; {
		a.spec.Guard.Run(guard.Listener, func() {
			a.take(h)
			closed = true
		})
	}
}

// take accepts connections until the listener is closed.
func (a *acceptor) take(h Handler) {
	for {
		nc, err := a.l.Accept()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			a.pause(err)
			continue
		}
		c := newConn(a, nc)
		if !a.admit(c) {
			c.close()
			c.seat.leave()
			continue
		}
		if !a.register(c) {
			c.close()
			c.seat.leave()
			return
		}
		a.wg.Go(func() {
			defer a.forget(c)
			defer func() { a.spec.Guard.Caught(recover(), guard.Connection) }()
			if c.introduce() {
				a.serve(h, c)
			}
		})
	}
}

// acceptPause is how long an acceptor waits after an error.
const acceptPause = 10 * time.Millisecond

// pause waits after an error of accept. If descriptors have run out, it closes an idle connection.
func (a *acceptor) pause(err error) {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		displaced := a.spec.Gate.displace()
		if !displaced {
			a.spec.Observer.Fault(a.protocol, cause.Descriptors)
		}
		if a.spec.Log != nil && a.out.now(time.Now()) {
			a.spec.Log.Warn("out of file descriptors: "+cause.Descriptors.Text(),
				"transport", a.protocol.String(), "displaced", displaced,
				"cure", cause.Descriptors.Hint())
		}
	}
	time.Sleep(acceptPause)
}

// admit gives the connection a seat, unless a PROXY header has to name the client first. Without
// memory for it the connection is refused.
func (a *acceptor) admit(c *conn) bool {
	c.seat = a.spec.Gate.enter(a.protocol, c.lose)
	if !c.seat.charge(table[a.protocol].charge) {
		c.end(cause.Overload)
		return false
	}
	c.proxies = &a.spec.now.Load().Proxies
	peer := c.peer()
	if trusted(c.proxies.ProxyFrom, peer.Addr()) {
		return true
	}
	return c.belongs(peer)
}

// belongs takes the seat for a client. It returns false if the client gets none.
func (c *conn) belongs(client netip.AddrPort) bool {
	c.from = c.owner.protocol.client(client)
	if !c.seat.belongs(client.Addr()) {
		c.end(cause.ConnectionsPerClient)
		return false
	}
	return true
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
	c.close()
	c.seat.leave()
	c.lingered()
	a.mu.Lock()
	delete(a.conns, c)
	a.mu.Unlock()
	a.spec.Observer.Connections(a.protocol, -1)
}

func (c *conn) peer() netip.AddrPort { return c.socket.RemoteAddr().(*net.TCPAddr).AddrPort() }

// report counts the cause of the connection's end. Only the first call counts.
func (c *conn) report(why cause.Cause) {
	if !c.faulted.Swap(true) {
		c.owner.spec.Observer.Fault(c.owner.protocol, why)
	}
}

// end closes the connection and reports the cause.
func (c *conn) end(why cause.Cause) {
	c.report(why)
	c.close()
}

// close closes the connection, and ends the resolutions of its queries.
func (c *conn) close() {
	c.hangUp()
	_ = c.socket.Close()
}

// lose ends the connection because its seat or its memory is needed. The client is told where the
// protocol can, unless too many connections are lingering already.
func (c *conn) lose(why cause.Cause) {
	if why != cause.ConnectionDisplaced || !c.gentle.Load() || !c.seat.gate.linger() {
		c.end(why)
		return
	}
	c.report(why)
	c.lingers.Store(true)
	c.leave()
	time.AfterFunc(lingerTime, func() {
		c.close()
		c.lingered()
	})
}

// lingered gives back the connection's place among the lingering ones.
func (c *conn) lingered() {
	if c.lingers.Swap(false) {
		c.seat.gate.unlinger()
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// leave has the engine tell the client that the connection ends. A connection without an engine is
// closed, unless the listener stops and there may be one soon.
func (c *conn) leave() {
	if c.foreign.Load() {
		return
	}
	c.leaving.Store(true)
	switch {
	case c.gentle.Load():
		_ = c.socket.SetReadDeadline(longAgo) // ends the reader's wait
	case !c.owner.stopping.Load():
		c.close()
	}
}

// introduce determines the client: the connection's far end, or the address in a trusted proxy's
// header.
func (c *conn) introduce() bool {
	c.burst = newBurst(c.socket)
	if c.seat.client != nil || c.proxies.ProxyInside {
		return true
	}
	return c.proxyHeader(c.burst)
}

// proxyHeader reads the client from the PROXY header, and takes the seat.
func (c *conn) proxyHeader(r net.Conn) bool {
	_ = r.SetReadDeadline(time.Now().Add(messageTime)) // fails on a closed connection only
	client, err := readProxyHeader(r, c.peer())
	switch {
	case errors.Is(err, io.EOF): // closed without data, as health checks do
		return false
	case err != nil:
		if c.seat.alive() {
			c.owner.spec.badProxy(c.peer().Addr(), err)
		}
		c.end(cause.ProxyHeader)
		return false
	}
	_ = r.SetReadDeadline(time.Time{})
	return c.belongs(client)
}
