// The UDP listener.

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/pires/go-proxyproto"

	"bailiwick/internal/cause"
)

// udpListener serves one address with several sockets.
type udpListener struct {
	spec     Spec
	conns    []*net.UDPConn
	wildcard bool // at all addresses: each packet has to say which it came to
	closed   atomic.Bool
	wg       sync.WaitGroup
}

// openUDP opens so many sockets at an address; the kernel spreads clients over them.
func openUDP(s Spec) (Listener, error) {
	addr := s.Addr
	l := &udpListener{spec: s, wildcard: addr.Addr().IsUnspecified()}
	lc := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) { opt = setUDPOptions(int(fd), network, l.wildcard) })
		return errors.Join(err, opt)
	}}
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	for range max(1, min(s.Sockets, maxSockets)) {
		c, err := lc.ListenPacket(context.Background(), network, addr.String())
		if err != nil {
			l.close()
			return nil, fmt.Errorf("listen on udp %v: %w", addr, err)
		}
		u := c.(*net.UDPConn)
		l.conns = append(l.conns, u)
		addr = u.LocalAddr().(*net.UDPAddr).AddrPort() // the others share a port that the kernel chose
	}
	return l, nil
}

func (l *udpListener) Addr() netip.AddrPort {
	return l.conns[0].LocalAddr().(*net.UDPAddr).AddrPort()
}

func (l *udpListener) Start(h Handler) {
	for _, c := range l.conns {
		s := &udpSocket{conn: c, handler: h, spec: &l.spec, wildcard: l.wildcard, closed: &l.closed}
		l.wg.Go(s.run)
	}
}

func (l *udpListener) Close() {
	l.close()
	l.wg.Wait()
}

func (l *udpListener) close() {
	l.closed.Store(true)
	for _, c := range l.conns {
		_ = c.Close() // it is gone either way
	}
}

// udpSocket is one socket of a listener; run, which each system has its own of, serves it.
type udpSocket struct {
	conn     *net.UDPConn
	handler  Handler
	spec     *Spec
	wildcard bool
	closed   *atomic.Bool
}

// introduce finds out who the client is: the sender, or whom a trusted proxy speaks for in a header before the query.
func (s *udpSocket) introduce(in []byte, from netip.AddrPort) (packet []byte, c Client, ok bool) {
	if len(s.spec.ProxyFrom) == 0 || !trusted(s.spec.ProxyFrom, from.Addr()) {
		return in, UDP.client(from), true
	}
	h, packet, err := proxyproto.ParseUDPDatagram(in)
	if err == nil {
		from, ok = proxied(h, from)
	}
	if !ok {
		s.spec.Observer.Fault(UDP, cause.ProxyHeader)
	}
	return packet, UDP.client(from), ok
}

// writeUDP sends an answer, with the control message that says from which address. A full buffer loses packets, as the network does.
func writeUDP(c *net.UDPConn, reply, control []byte, to netip.AddrPort) {
	if len(control) == 0 {
		_, _ = c.WriteToUDPAddrPort(reply, to)
		return
	}
	_, _, _ = c.WriteMsgUDPAddrPort(reply, control, to)
}
