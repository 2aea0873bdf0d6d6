// Where questions to servers leave from: addresses, an interface, ports.

package transport

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Source is where questions to servers leave from. The zero value leaves it to the system. It is
// immutable.
type Source struct {
	// Addrs are this machine's addresses. Each question has one of its server's family, at random;
	// with none of that family the system chooses.
	Addrs []netip.Addr
	// Interface is a network interface or a VRF, which packets to all but loopback addresses leave
	// by, whatever the routing table says; "" for none.
	Interface string
	Ports     PortRange
}

// PortRange is a range of ports; the zero value is the system's.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads a range such as 20000-60999; "" is the system's.
func ParsePortRange(s string) (r PortRange, err error) {
	if s == "" {
		return r, nil
	}
	low, high, _ := strings.Cut(s, "-")
	a, err := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	b, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if err = errors.Join(err, err2); err != nil {
		return r, fmt.Errorf("%q is not a range of ports such as 20000-60999", s)
	}
	r = PortRange{uint16(a), uint16(b)}
	if r.First < firstPort || r.Count() < minPorts {
		return r, fmt.Errorf("%q: a range begins at %d or above and has %d ports or more, as a "+
			"forged reply has to guess the port (RFC 5452, section 9.2)", s, firstPort, minPorts)
	}
	return r, nil
}

// Count returns how many ports the range has; 0 if it is the system's or empty.
func (r PortRange) Count() int {
	if r.Last < r.First || r.Last == 0 {
		return 0
	}
	return int(r.Last) - int(r.First) + 1
}

func (r PortRange) String() string {
	if r == (PortRange{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

func (s *Source) equal(o *Source) bool {
	return slices.Equal(s.Addrs, o.Addrs) && s.Interface == o.Interface && s.Ports == o.Ports
}

// of returns the addresses of a server's family.
func (s *Source) of(server netip.Addr) (list []netip.Addr) {
	for _, a := range s.Addrs {
		if a = a.Unmap(); a.Is4() == server.Unmap().Is4() {
			list = append(list, a)
		}
	}
	return list
}

// locals returns where a socket to a server may be bound, in the order of trying: first at random,
// so that whoever forges replies has to guess that too (RFC 5452, section 9.2), then the others, as
// an address may have left this machine. Port 0 is the system's choice, and so is the zero value.
func (s *Source) locals(server netip.Addr) []netip.AddrPort {
	if s == nil || len(s.Addrs) == 0 && s.Ports.Count() == 0 {
		return []netip.AddrPort{{}}
	}
	addrs := s.of(server)
	if len(addrs) == 0 {
		addrs = []netip.Addr{netip.IPv6Unspecified()}
		if server.Unmap().Is4() {
			addrs[0] = netip.IPv4Unspecified()
		}
	}
	first := mrand.IntN(len(addrs))
	addrs = append(slices.Clone(addrs[first:]), addrs[:first]...)
	tries := len(addrs)
	if s.Ports.Count() > 0 {
		tries = max(tries, portTries)
	}
	list := make([]netip.AddrPort, tries)
	for i := range list {
		list[i] = netip.AddrPortFrom(addrs[i%len(addrs)], s.port())
	}
	return list
}

// port returns a port of the range at random; 0 where the range is the system's.
func (s *Source) port() uint16 {
	n := s.Ports.Count()
	if n == 0 {
		return 0
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return s.Ports.First + uint16(binary.NativeEndian.Uint32(b[:])%uint32(n))
}

// control returns what prepares a new socket to a server; nil if nothing does.
func (s *Source) control(server netip.Addr) func(network, address string, c syscall.RawConn) error {
	if s == nil {
		return nil
	}
	device := s.device(server)
	return func(_, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) { opt = prepareSocket(int(fd), device) })
		return errors.Join(err, opt)
	}
}

// device returns the interface that sockets to a server are bound to, "" for none.
func (s *Source) device(server netip.Addr) string {
	if server.IsLoopback() {
		return ""
	}
	return s.Interface
}

// unavailable reports whether another local address or port may do.
func unavailable(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EADDRINUSE) ||
		errors.Is(err, syscall.EACCES)
}

// dial connects to a server over TCP.
func (s *Source) dial(ctx context.Context, server netip.AddrPort) (c net.Conn, err error) {
	d := net.Dialer{Control: s.control(server.Addr())}
	for _, local := range s.locals(server.Addr()) {
		if local.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(local)
		}
		if c, err = d.DialContext(ctx, "tcp", server.String()); err == nil || !unavailable(err) {
			break
		}
	}
	return c, err
}

// dialUDP opens a socket for a question to a server at a random port (RFC 5452, section 9.2). The
// system's choice is random too; but where it has no range of its own for that, the port is one of
// all from firstPort on.
func (s *Source) dialUDP(ctx context.Context, server netip.AddrPort) (c *net.UDPConn, err error) {
	from := *s
	if from.Ports.Count() == 0 {
		from.Ports = PortRange{firstPort, 65535}
	}
	d := net.Dialer{Control: s.control(server.Addr())}
	for _, local := range from.locals(server.Addr()) {
		d.LocalAddr = net.UDPAddrFromAddrPort(local)
		var made net.Conn
		if made, err = d.DialContext(ctx, "udp", server.String()); err == nil {
			return made.(*net.UDPConn), nil
		}
		if !unavailable(err) {
			break
		}
	}
	return nil, err
}

// listenUDP opens a socket for a QUIC connection to a server.
func (s *Source) listenUDP(ctx context.Context, server netip.AddrPort) (c net.PacketConn,
	err error) {
	lc := net.ListenConfig{Control: s.control(server.Addr())}
	for _, local := range s.locals(server.Addr()) {
		at := ":0"
		if local.IsValid() {
			at = local.String()
		}
		if c, err = lc.ListenPacket(ctx, "udp", at); err == nil || !unavailable(err) {
			break
		}
	}
	return c, err
}
