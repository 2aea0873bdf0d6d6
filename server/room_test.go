package server_test

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// Who has room for so many octets in a packet gets no more, whatever EDNS announces: the answer is
// truncated, and so is a prepared one (RFC 6891, section 6.2.5 lets a server send less).
func TestRoom(t *testing.T) {
	f := newFront(t, nil)
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	whole := f.askAs(client, "www.secure.example.", dns.TypeA, nil)
	for range 3 {
		if m := f.askAs(client, "www.secure.example.", dns.TypeA, nil); m.Truncated {
			t.Fatalf("%v", m)
		}
	}
	whole.Compress = true
	for room, truncated := range map[int]bool{100: true, 140: true, 1232: false,
		0: false} {
		client.Room = uint16(room)
		m := f.askAs(client, "www.secure.example.", dns.TypeA, nil)
		m.Compress = true
		if m.Truncated != truncated || room > 0 && m.Len() > room {
			t.Errorf("room for %d octets: %d of %d, truncated: %v", room, m.Len(), whole.Len(),
				m.Truncated)
		}
	}
}
