// What clients send, and what they have to hear.

package server_test

import (
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/lab/labtest"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Each packet of the table has the response that the RFC demands which the table names, whether the
// answer is prepared by then or not. interop has the same table before other resolvers.
func TestClientPacketsHaveTheResponsesOfTheirRFCs(t *testing.T) {
	f := newFront(t, nil)
	for _, c := range labtest.ClientPackets() {
		t.Run(c.Source+" "+c.What, func(t *testing.T) {
			for range 2 {
				f.expect(t, c)
			}
		})
	}
}

// expect sends a packet, and compares the response.
func (f *front) expect(t *testing.T, c labtest.Packet) {
	if len(c.Packet) < wire.HeaderLen {
		return // no transport passes it on
	}
	reply := f.exchange(c.Packet, "127.0.0.1:1000", transport.UDP)
	if c.Silent || len(reply) == 0 {
		if c.Silent != (len(reply) == 0) {
			t.Errorf("got %x", reply)
		}
		return
	}
	var m dns.Msg
	if err := m.Unpack(reply); err != nil {
		t.Fatal(err)
	}
	tsig := uint16(0)
	if s := m.IsTsig(); s != nil {
		tsig = s.Error
	}
	if m.Rcode != c.RCode || (m.IsEdns0() != nil) != c.EDNS || tsig != c.Error || !m.Response ||
		m.Opcode != int(c.Packet[2]>>3&15) || m.Id != 0x1234 || m.Zero {
		t.Errorf("want %s, EDNS %v, TSIG error %d, got\n%v", wire.RCode(c.RCode), c.EDNS, c.Error,
			&m)
	}
}
