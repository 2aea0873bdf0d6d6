// What listeners hand packets to.

package transport

import "net/netip"

// Protocol is how a client reached us.
type Protocol uint8

// The protocols.
const (
	UDP Protocol = iota
	TCP
	protocols
)

func (p Protocol) String() string { return [...]string{"udp", "tcp"}[p] }

// Protocols lists them all.
func Protocols() (ps []Protocol) {
	for p := range protocols {
		ps = append(ps, p)
	}
	return ps
}

// Client is where a packet came from.
type Client struct {
	Addr     netip.AddrPort
	Protocol Protocol
}

// Handler answers packets.
type Handler interface {
	// Fast appends an answer to buf if it has one ready. It runs in the reader's goroutine: it neither blocks nor keeps packet.
	// drop says that there is not to be any answer.
	Fast(packet []byte, from Client, buf []byte) (reply []byte, drop bool)
	// Serve answers whatever Fast did not. It returns at once; reply is called once, from any goroutine, with nil for no answer.
	Serve(packet []byte, from Client, reply func([]byte))
}
