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
	addr     netip.AddrPort
	ends     []endpoint
	wildcard bool // at all addresses: each packet has to say which it came to
	closed   atomic.Bool
	wg       sync.WaitGroup
}

// openUDP opens so many sockets at an address; the kernel spreads clients over them.
func openUDP(s Spec) (Listener, error) {
	l := &udpListener{spec: s, addr: s.Addr, wildcard: s.Addr.Addr().IsUnspecified()}
	lc := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) { opt = setUDPOptions(int(fd), network, l.wildcard) })
		return errors.Join(err, opt)
	}}
	network := "udp4"
	if l.addr.Addr().Is6() {
		network = "udp6"
	}
	for range max(1, min(s.Sockets, maxSockets)) {
		c, err := lc.ListenPacket(context.Background(), network, l.addr.String())
		var e endpoint
		if err == nil {
			l.addr = c.LocalAddr().(*net.UDPAddr).AddrPort() // the others share a port that the kernel chose
			e, err = newEndpoint(c.(*net.UDPConn))
		}
		if err != nil {
			l.close()
			return nil, fmt.Errorf("listen on udp %v: %w", l.addr, err)
		}
		l.ends = append(l.ends, e)
	}
	return l, nil
}

func (l *udpListener) Addr() netip.AddrPort { return l.addr }

func (l *udpListener) Start(h Handler) {
	for _, e := range l.ends {
		s := &udpSocket{end: e, handler: h, spec: &l.spec, wildcard: l.wildcard, closed: &l.closed}
		l.wg.Go(s.run)
	}
}

func (l *udpListener) Close() {
	l.close()
	l.wg.Wait()
}

func (l *udpListener) close() {
	l.closed.Store(true)
	for _, e := range l.ends {
		e.close()
	}
}

// udpSocket is one socket of a listener. What an endpoint is, and run, which serves it, differ between systems.
type udpSocket struct {
	end      endpoint
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
