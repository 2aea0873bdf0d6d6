// The listener of QUIC connections, for DoQ and for DoH over HTTP/3.

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/limit"
)

// quicListener accepts connections and serves each in a goroutine of its own.
type quicListener struct {
	spec     Spec
	protocol Protocol
	socket   *net.UDPConn
	quic     *quic.Transport
	begin    func() (*quic.EarlyListener, error) // begins to read the socket
	serve    func(h Handler, c *quicConn)
	excess   quic.ApplicationErrorCode // error code of the application when a connection is refused
	wg       group                     // of the connections
	losses   background                // ends of connections that have lost their seats
	stopping context.Context           // ends when no more streams are accepted
	stop     context.CancelFunc

	mu     sync.Mutex
	second int64 // current second; guarded by mu
	fresh  int   // connections begun in it; guarded by mu
}

// quicConn is a client's connection.
type quicConn struct {
	*quic.Conn
	from  Client // address at the begin; the client may migrate
	seat  *seat
	owner *quicListener
	// reading ends when no more streams are accepted.
	reading context.Context
}

// guest is a connection that has a seat. It has the seat from its first packet on, because the
// handshake takes memory too.
type guest struct {
	seat *seat

	mu   sync.Mutex
	conn *quicConn   // nil until the handshake is far enough; guarded by mu
	lost cause.Cause // why the seat was lost; guarded by mu
}

type guestKey struct{}

// errNoSeat and errNoMemory are the errors of refused connections.
var (
	errNoSeat   = errors.New("the client has its share of connections")
	errNoMemory = errors.New("there is no memory for one more connection")
)

// admit gives a new connection its seat, or refuses it.
func (l *quicListener) admit(ctx context.Context, i *quic.ClientInfo) (context.Context, error) {
	g := &guest{}
	g.seat = l.spec.Gate.enter(l.protocol, func(why cause.Cause) {
		// The library may call this function and would then wait for itself. If start returns
		// false, the listener is closed and so is the connection.
		_ = l.losses.start(func(context.Context) {
			l.spec.Guard.Run(guard.Connection, func() { g.lose(why) })
		})
	})
	if !g.seat.belongs(i.RemoteAddr.(*net.UDPAddr).AddrPort().Addr()) {
		g.seat.leave()
		l.spec.Observer.Fault(l.protocol, cause.ConnectionsPerClient)
		return nil, errNoSeat
	}
	if !g.seat.charge(table[l.protocol].charge) {
		g.seat.leave()
		l.spec.Observer.Fault(l.protocol, cause.Overload)
		return nil, errNoMemory
	}
	context.AfterFunc(ctx, g.seat.leave)
	return context.WithValue(ctx, guestKey{}, g), nil
}

// grow reports whether a connection's window may grow. The growth counts as held.
func grow(c *quic.Conn, octets uint64) bool {
	g, ok := c.Context().Value(guestKey{}).(*guest)
	return ok && g.seat.tryHold(int(octets))
}

// lose ends the connection because its seat or its memory is needed. It waits until the connection
// can be ended.
func (g *guest) lose(why cause.Cause) {
	g.mu.Lock()
	c := g.conn
	g.lost = why
	g.mu.Unlock()
	if c != nil {
		c.end(c.owner.excess, why)
	}
}

// arrive records the connection. It returns false if its seat is lost.
func (g *guest) arrive(c *quicConn) bool {
	g.mu.Lock()
	g.conn = c
	lost := g.lost
	g.mu.Unlock()
	if lost != cause.None {
		c.end(c.owner.excess, lost)
	}
	return lost == cause.None
}

// listenQUIC opens a listener. excess is the application's error code for a refused connection.
func listenQUIC(p Protocol, s Spec, cfg *tls.Config, qc *quic.Config,
	excess quic.ApplicationErrorCode, serve func(h Handler, c *quicConn)) (Listener, error) {
	socket, err := quicSocket(s)
	if err != nil {
		return nil, fmt.Errorf("listen on %v %v: %w", p, s.Addr, busyError(err, "udp", s.Addr))
	}
	_ = socket.SetReadBuffer(udpBuffer) // as much as the system allows
	_ = socket.SetWriteBuffer(udpBuffer)
	l := &quicListener{spec: s, protocol: p, socket: socket, serve: serve, excess: excess}
	l.stopping, l.stop = context.WithCancel(context.Background())
	l.quic = &quic.Transport{Conn: socket, VerifySourceAddress: l.suspect, ConnContext: l.admit}
	qc.HandshakeIdleTimeout, qc.MaxIdleTimeout = handshakeTime, s.Gate.idleOf(p)
	qc.MaxIncomingStreams = int64(s.Gate.inFlight)
	qc.InitialStreamReceiveWindow, qc.MaxStreamReceiveWindow = quicFirstWindow, quicWindow
	qc.InitialConnectionReceiveWindow, qc.MaxConnectionReceiveWindow = quicFirstWindow, 4*quicWindow
	qc.AllowConnectionWindowIncrease = grow
	qc.DisablePathMTUDiscovery = true // answers are small
	qc.GetConfigForClient = func(*quic.ClientInfo) (*quic.Config, error) {
		now := qc.Clone()
		now.MaxIdleTimeout = s.Gate.idleOf(p) // it may have changed
		return now, nil
	}
	l.begin = func() (*quic.EarlyListener, error) { return l.quic.ListenEarly(cfg, qc) }
	return l, nil
}

// quicSocket opens the socket, or takes over the one that is open.
func quicSocket(s Spec) (*net.UDPConn, error) {
	if len(s.Inherited.Packets) > 0 {
		for _, more := range s.Inherited.Packets[1:] {
			_ = more.Close()
		}
		return s.Inherited.Packets[0], nil
	}
	network := "udp4"
	if s.Addr.Addr().Is6() {
		network = "udp6"
	}
	lc := net.ListenConfig{Control: s.prepare}
	c, err := lc.ListenPacket(context.Background(), network, s.Addr.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// suspect reports whether a new connection has to prove its address by a Retry: more connections
// begin than usual, or seats run short, or its client is near its share. So nobody can use up the
// share of another client by forged addresses.
func (l *quicListener) suspect(from net.Addr) bool {
	now := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now != l.second {
		l.second, l.fresh = now, 0
	}
	if l.fresh++; l.fresh > maxUnvalidated {
		limit.Unvalidated.Met()
	}
	return l.fresh > maxUnvalidated || l.spec.Gate.crowded(from.(*net.UDPAddr).AddrPort().Addr())
}

func (l *quicListener) Addr() netip.AddrPort {
	return l.socket.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Start waits with reading until the process before has closed the connections of the socket: it
// could do nothing with their packets, nor that process with those of new connections.
func (l *quicListener) Start(h Handler) {
	l.wg.Go(func() {
		if l.spec.Free != nil {
			select {
			case <-l.spec.Free:
			case <-l.stopping.Done():
				return
			}
		}
		accepting, err := l.begin()
		if err != nil { // the settings are ours: it never fails
			if l.spec.Log != nil {
				l.spec.Log.Error("QUIC is not served", "transport", l.protocol.String(),
					"error", err.Error())
			}
			return
		}
		defer context.AfterFunc(l.stopping, func() { _ = accepting.Close() })()
		for {
			qc, err := accepting.Accept(context.Background())
			if err != nil {
				return
			}
			from := qc.RemoteAddr().(*net.UDPAddr).AddrPort()
			g := qc.Context().Value(guestKey{}).(*guest)
			c := &quicConn{Conn: qc, from: l.protocol.client(from), owner: l, seat: g.seat}
			if !g.arrive(c) {
				continue
			}
			l.wg.Go(func() {
				l.spec.Observer.Connections(l.protocol, 1)
				defer l.spec.Observer.Connections(l.protocol, -1)
				defer func() {
					if l.spec.Guard.Caught(recover(), guard.Connection) {
						_ = c.CloseWithError(l.excess, "")
					}
				}()
				var end context.CancelFunc
				c.reading, end = context.WithCancel(c.Context())
				defer end()
				defer context.AfterFunc(l.stopping, end)()
				l.serve(h, c)
			})
		}
	})
}

// Stop has each connection answer the streams that have come, and end without an error:
// DOQ_NO_ERROR or H3_NO_ERROR. HTTP/3 announces the end; DoQ cannot (RFC 9250, section 4.3), and
// its clients connect anew.
func (l *quicListener) Stop() {
	l.stop() // of the connections that were accepted none ends by that
	l.wg.waitFor(lingerTime)
}

// Each implements Listener.
func (l *quicListener) Each(f func(fd uintptr) error) error { return WithDescriptor(l.socket, f) }

// Change implements Listener.
func (l *quicListener) Change(p Proxies, path string) { l.spec.change(p, path) }

// Detach implements Listener. The other process reads when this one has closed the socket.
func (l *quicListener) Detach() {}

func (l *quicListener) Close() {
	l.Stop()
	_ = l.quic.Close() // ends the connections
	_ = l.socket.Close()
	l.wg.Wait()
	l.losses.end()
	l.losses.wg.Wait()
}

// finish closes the connection after its last answers. Closing loses data not yet sent, and nothing
// reports when it is sent.
func (c *quicConn) finish(code quic.ApplicationErrorCode) {
	select {
	case <-c.Context().Done():
	case <-time.After(closeGrace):
	}
	_ = c.CloseWithError(code, "")
}

// end closes the connection for a reason.
func (c *quicConn) end(code quic.ApplicationErrorCode, why cause.Cause) {
	c.owner.spec.Observer.Fault(c.owner.protocol, why)
	_ = c.CloseWithError(code, "")
}

// enter draws the memory of a stream; leave gives it back. Without memory the stream is refused.
func (c *quicConn) enter(s *quic.Stream, refused quic.StreamErrorCode) bool {
	if c.seat.charge(streamBytes) {
		return true
	}
	c.owner.spec.Observer.Fault(c.owner.protocol, cause.Overload)
	c.abort(s, refused)
	return false
}

func (c *quicConn) leave() { c.seat.discharge(streamBytes) }

// shaken waits for the handshake and counts it. It returns false if the connection ends before.
func (c *quicConn) shaken() bool {
	select {
	case <-c.HandshakeComplete():
		s := c.ConnectionState().TLS
		c.owner.spec.Observer.Handshake(c.owner.protocol, s.Version, s.DidResume)
		return true
	case <-c.Context().Done():
		return false
	}
}
