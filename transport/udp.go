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

	"bailiwick/wire"
)

// UDPListener serves one address with several sockets.
type UDPListener struct {
	conns    []*net.UDPConn
	wildcard bool // at all addresses: each packet has to say which it came to
	wg       sync.WaitGroup
}

// ListenUDP opens so many sockets at an address; the kernel spreads clients over them.
func ListenUDP(addr netip.AddrPort, sockets int) (*UDPListener, error) {
	l := &UDPListener{wildcard: addr.Addr().IsUnspecified()}
	lc := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) { opt = setUDPOptions(int(fd), network, l.wildcard) })
		return errors.Join(err, opt)
	}}
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	for range max(1, min(sockets, maxSockets)) {
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

// Addr is where the listener listens.
func (l *UDPListener) Addr() netip.AddrPort {
	return l.conns[0].LocalAddr().(*net.UDPAddr).AddrPort()
}

// Start serves until Close.
func (l *UDPListener) Start(h Handler) {
	for _, c := range l.conns {
		r := &udpReader{conn: c, handler: h}
		if l.wildcard {
			r.control = make([]byte, 128)
		}
		l.wg.Go(r.run)
	}
}

// Close ends the listener; answers under way are lost.
func (l *UDPListener) Close() {
	l.close()
	l.wg.Wait()
}

func (l *UDPListener) close() {
	for _, c := range l.conns {
		_ = c.Close() // it is gone either way
	}
}

// udpReader is the reader of one socket.
type udpReader struct {
	conn    *net.UDPConn
	handler Handler
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
		if n < wire.HeaderLen {
			continue
		}
		client := Client{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), UDP}
		reply, drop := r.handler.Fast(in[:n], client, out[:0])
		if drop {
			continue
		}
		if reply != nil {
			r.write(reply, control, from)
			continue
		}
		control = append([]byte(nil), control...)
		r.handler.Serve(append([]byte(nil), in[:n]...), client, func(reply []byte) {
			if reply != nil {
				r.write(reply, control, from)
			}
		})
	}
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
