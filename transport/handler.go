// What listeners hand packets to, and who sent them.

package transport

import "net/netip"

// Client is where a packet came from.
type Client struct {
	Addr     netip.AddrPort
	Protocol Protocol
	// Idle is how long the connection may be silent from now on, in units of 100 ms as RFC 7828 counts; 0 where that is not for the
	// messages to tell.
	Idle uint16
	// Early says that the packet came as 0-RTT data: somebody may be sending it again.
	Early bool
}

// Handler answers packets.
type Handler interface {
	// Fast appends an answer to buf if it has one ready. It runs in the reader's goroutine: it neither blocks nor keeps packet.
	// drop says that there is not to be any answer.
	Fast(packet []byte, from Client, buf []byte) (reply []byte, drop bool)
	// Serve answers whatever Fast did not. It returns at once; reply is called once, from any goroutine, with nil for no answer.
	Serve(packet []byte, from Client, reply func([]byte))
}

// ClientPrefix is the network that counts as one client: its /24, or its /56.
func ClientPrefix(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil { // only more bits than the address has are an error
		return netip.PrefixFrom(a, a.BitLen())
	}
	return p
}
