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

	"golang.org/x/sys/unix"

	"bailiwick/wire"
)

// UDPListener serves one address with several sockets.
type UDPListener struct {
	conns []*net.UDPConn
	wg    sync.WaitGroup
}

// ListenUDP opens so many sockets at an address; the kernel spreads clients over them.
func ListenUDP(addr netip.AddrPort, sockets int) (*UDPListener, error) {
	l := &UDPListener{}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) { opt = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, opt)
	}}
	for range max(1, sockets) {
		c, err := lc.ListenPacket(context.Background(), "udp", addr.String())
		if err != nil {
			l.close()
			return nil, fmt.Errorf("listen on udp %v: %w", addr, err)
		}
		u := c.(*net.UDPConn)
		_ = u.SetReadBuffer(udpBuffer) // as much as the system allows
		_ = u.SetWriteBuffer(udpBuffer)
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
		l.wg.Go(func() { readUDP(c, h) })
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

// readUDP is the reader of one socket.
func readUDP(c *net.UDPConn, h Handler) {
	in, out := make([]byte, 4096), make([]byte, 0, 4096)
	for {
		n, from, err := c.ReadFromUDPAddrPort(in)
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
		reply, drop := h.Fast(in[:n], client, out[:0])
		if drop {
			continue
		}
		if reply != nil {
			_, _ = c.WriteToUDPAddrPort(reply, from) // a full buffer loses packets, as the network does
			continue
		}
		h.Serve(append([]byte(nil), in[:n]...), client, func(reply []byte) {
			if reply != nil {
				_, _ = c.WriteToUDPAddrPort(reply, from)
			}
		})
	}
}
