// The UDP listener.

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/pires/go-proxyproto"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// udpListener serves one address with several sockets.
type udpListener struct {
	spec     Spec
	conns    []*net.UDPConn
	wildcard bool // at all addresses: each packet has to say which it came to
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
		r := &udpReader{conn: c, handler: h, spec: &l.spec}
		if l.wildcard {
			r.control = make([]byte, 128)
		}
		l.wg.Go(r.run)
	}
}

func (l *udpListener) Close() {
	l.close()
	l.wg.Wait()
}

func (l *udpListener) close() {
	for _, c := range l.conns {
		_ = c.Close() // it is gone either way
	}
}

// udpReader is the reader of one socket.
type udpReader struct {
	conn    *net.UDPConn
	handler Handler
	spec    *Spec
	control []byte // room for a packet's destination; nil where the socket has one address
}

func (r *udpReader) run() {
	in, out := make([]byte, 4096), make([]byte, 0, 4096)
	for {
		n, control, from, err := r.read(in)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer
		}
		packet, client, ok := r.introduce(in[:n], from)
		if !ok || len(packet) < wire.HeaderLen {
			continue
		}
		reply, drop := r.handler.Fast(packet, client, out[:0])
		if drop {
			continue
		}
		if reply != nil {
			r.write(reply, control, from)
			continue
		}
		control = append([]byte(nil), control...)
		r.handler.Serve(append([]byte(nil), packet...), client, func(reply []byte) {
			if reply != nil {
				r.write(reply, control, from)
			}
		})
	}
}

// introduce finds out who the client is: the sender, or whom a trusted proxy speaks for in a header before the query.
func (r *udpReader) introduce(in []byte, from netip.AddrPort) (packet []byte, c Client, ok bool) {
	if len(r.spec.ProxyFrom) == 0 || !trusted(r.spec.ProxyFrom, from.Addr()) {
		return in, UDP.client(from, 0), true
	}
	h, packet, err := proxyproto.ParseUDPDatagram(in)
	if err == nil {
		from, ok = proxied(h, from)
	}
	if !ok {
		r.spec.Observer.Fault(UDP, cause.ProxyHeader)
	}
	return packet, UDP.client(from, 0), ok
}

// read takes a packet, and with a wildcard socket the control message that holds its destination.
func (r *udpReader) read(in []byte) (n int, control []byte, from netip.AddrPort, err error) {
	if r.control == nil {
		n, from, err = r.conn.ReadFromUDPAddrPort(in)
		return n, nil, from, err
	}
	n, c, _, from, err := r.conn.ReadMsgUDPAddrPort(in, r.control)
	return n, r.control[:c], from, err
}

// write sends an answer from the address that was asked: the kernel takes the control message that it gave (ip(7), ipv6(7)). A full buffer
// loses packets, as the network does.
func (r *udpReader) write(reply, control []byte, to netip.AddrPort) {
	if len(control) == 0 {
		_, _ = r.conn.WriteToUDPAddrPort(reply, to)
		return
	}
	_, _, _ = r.conn.WriteMsgUDPAddrPort(reply, control, to)
}
