package announce

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bailiwick/wire"
)

// answers is a server of which each question gets a reply: an RCODE, and AD if it is negative; or
// none.
type answers map[string]int

const (
	validated = -1
	nothing   = 99
)

// serve answers until the test ends.
func (a answers) serve(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		for buf := make([]byte, 512); ; {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			name, _ := wire.NameFromWire(buf[wire.HeaderLen : n-4])
			reply := append([]byte(nil), buf[:n]...)
			reply[2], reply[3] = reply[2]|0x80, flagAD
			for _, wrong := range []int{0, len(reply) - 5} { // good ones, of another question
				reply[wrong] ^= 1
				_, _ = c.WriteToUDPAddrPort(reply, from)
				reply[wrong] ^= 1
			}
			switch r := a[name.String()]; r {
			case nothing:
				continue
			case validated:
			default:
				reply[3] = byte(r)
			}
			_, _ = c.WriteToUDPAddrPort(reply, from)
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// What a server's clients hear decides: the reply to the question itself, not that something
// replied, nor that some process runs. A check that never fails announces a server that is not
// there (github.com/runityru/anycastd/issues/128).
func TestProbe(t *testing.T) {
	const ready = "ready.server."
	for _, c := range []struct {
		name    string
		answers answers
		want    Health
		why     string
	}{
		{"fine", answers{ready: 0, "a.": validated, "b.": validated}, Fine, ""},
		{"one zone is broken", answers{ready: 0, "a.": 2, "b.": validated}, Fine, ""},
		{"one zone does not answer", answers{ready: 0, "a.": nothing, "b.": validated}, Fine, ""},
		{"all are broken", answers{ready: 0, "a.": 2, "b.": 2}, Poor, "RCODE 2"},
		{"nothing is validated", answers{ready: 0, "a.": 0, "b.": 0}, Poor, "not validated"},
		{"names do not exist", answers{ready: 0, "a.": 3, "b.": 3}, Poor, "RCODE 3"},
		{"it ends", answers{ready: 2, "a.": validated, "b.": validated}, Ending, "not ready"},
		{"it refuses this client", answers{ready: 5, "a.": 5, "b.": 5}, Poor, "RCODE 5"},
		{"it is silent", answers{ready: nothing}, Silent, "in time"},
		{"it answers for nothing else", answers{ready: 0, "a.": nothing, "b.": nothing}, Poor,
			"in time"},
	} {
		p := Probe{Servers: []netip.AddrPort{c.answers.serve(t)}, Validated: true,
			Timeout: 5 * time.Second, Questions: []Question{{wire.MustParseName("a."), wire.TypeA},
				{wire.MustParseName("b."), wire.TypeA}}}
		if c.why == "in time" {
			p.Timeout = 100 * time.Millisecond // nothing comes, however long it is
		}
		h, err := p.Check(t.Context())
		if h != c.want || (err == nil) != (c.why == "") ||
			err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, %v", c.name, h, err)
		}
	}
}

// Of several servers the worst counts, and nobody listening is told from silence.
func TestProbeOfSeveral(t *testing.T) {
	fine := answers{"ready.server.": 0, "a.": validated}.serve(t)
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	closed := c.LocalAddr().(*net.UDPAddr).AddrPort()
	c.Close()
	p := Probe{Servers: []netip.AddrPort{fine, closed}, Timeout: 5 * time.Second,
		Questions: []Question{{wire.MustParseName("a."), wire.TypeA}}}
	if h, err := p.Check(t.Context()); h != Absent || err == nil {
		t.Errorf("%v, %v", h, err)
	}
}
