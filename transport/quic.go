// Accepting QUIC connections, for DoQ and for DoH over HTTP/3.

package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/cause"
)

// quicListener takes connections and serves each in a goroutine of its own.
type quicListener struct {
	spec     Spec
	protocol Protocol
	socket   *net.UDPConn
	quic     *quic.Transport
	l        *quic.EarlyListener
	serve    func(h Handler, c *quicConn)
	wg       sync.WaitGroup

	mu     sync.Mutex
	second int64 // that fresh counts; guarded by mu
	fresh  int   // connections begun in it; guarded by mu
}

// quicConn is a client's connection.
type quicConn struct {
	*quic.Conn
	from  Client // as it came; the client may migrate
	seat  *seat
	owner *quicListener
}

// listenQUIC opens a listener. excess is the application's error code for a connection that is one too many.
func listenQUIC(p Protocol, s Spec, cfg *tls.Config, qc *quic.Config, excess quic.ApplicationErrorCode, serve func(h Handler, c *quicConn)) (Listener, error) {
	network := "udp4"
	if s.Addr.Addr().Is6() {
		network = "udp6"
	}
	socket, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(s.Addr))
	if err != nil {
		return nil, fmt.Errorf("listen on %v %v: %w", p, s.Addr, err)
	}
	_ = socket.SetReadBuffer(udpBuffer) // as much as the system allows
	_ = socket.SetWriteBuffer(udpBuffer)
	l := &quicListener{spec: s, protocol: p, socket: socket}
	l.quic = &quic.Transport{Conn: socket, VerifySourceAddress: l.suspect}
	l.serve = func(h Handler, c *quicConn) {
		c.seat = s.Gate.enter(func(why cause.Cause) { c.end(excess, why) })
		defer c.seat.leave()
		if !c.seat.belongs(c.from.Addr.Addr()) {
			c.end(excess, cause.ConnectionsPerClient)
			return
		}
		serve(h, c)
	}
	qc.HandshakeIdleTimeout, qc.MaxIdleTimeout = HandshakeTime, s.Gate.idle
	qc.MaxIncomingStreams = MaxInFlight
	qc.InitialStreamReceiveWindow, qc.MaxStreamReceiveWindow = QUICWindow, QUICWindow
	qc.InitialConnectionReceiveWindow, qc.MaxConnectionReceiveWindow = 4*QUICWindow, 4*QUICWindow
	qc.DisablePathMTUDiscovery = true // answers are small
	if l.l, err = l.quic.ListenEarly(cfg, qc); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("listen on %v %v: %w", p, s.Addr, err)
	}
	return l, nil
}

// suspect says whether a new connection has to show that its address is its own: once more begin than usual, or the seats run short.
func (l *quicListener) suspect(net.Addr) bool {
	now := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now != l.second {
		l.second, l.fresh = now, 0
	}
	l.fresh++
	return l.fresh > MaxUnvalidated || l.spec.Gate.patience() < l.spec.Gate.idle
}

func (l *quicListener) Addr() netip.AddrPort { return l.socket.LocalAddr().(*net.UDPAddr).AddrPort() }

func (l *quicListener) Start(h Handler) {
	l.wg.Go(func() {
		for {
			qc, err := l.l.Accept(context.Background())
			if err != nil {
				return
			}
			from := qc.RemoteAddr().(*net.UDPAddr).AddrPort()
			c := &quicConn{Conn: qc, from: l.protocol.client(from), owner: l}
			l.wg.Go(func() {
				l.spec.Observer.Connections(l.protocol, 1)
				defer l.spec.Observer.Connections(l.protocol, -1)
				l.serve(h, c)
			})
		}
	})
}

func (l *quicListener) Close() {
	_ = l.l.Close()
	_ = l.quic.Close() // ends the connections
	_ = l.socket.Close()
	l.wg.Wait()
}

// end closes the connection for a reason.
func (c *quicConn) end(code quic.ApplicationErrorCode, why cause.Cause) {
	c.owner.spec.Observer.Fault(c.owner.protocol, why)
	_ = c.CloseWithError(code, "")
}

// shaken counts the handshake once it is done; false if the connection ends before.
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
