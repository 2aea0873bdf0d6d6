package secondary

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/wire"
	"bailiwick/zone"
)

// FuzzTransfer takes anything as the messages of a transfer, after their lengths. What becomes a
// zone has the serial that was announced.
func FuzzTransfer(f *testing.F) {
	apex := wire.MustParseName("held.test.")
	have, err := zone.Parse(strings.NewReader(strings.Join(first, "\n")), apex, "", 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	p := &primary{versions: [][]dns.RR{records(f, first...)}}
	p.add(f, []string{p.versions[0][3].String()}, []string{"www.held.test. 300 IN A 192.0.2.81"})
	p.add(f, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
	for _, q := range []*dns.Msg{new(dns.Msg).SetAxfr("held.test."),
		new(dns.Msg).SetIxfr("held.test.", 1, "ns.", "h.")} {
		for _, p.per = range []int{0, 1, 3} {
			var b []byte
			for _, m := range p.reply(q) {
				b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
			}
			f.Add(b, q.Question[0].Qtype == dns.TypeIXFR)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, changes bool) {
		s := &stream{apex: apex, octets: 1 << 16}
		if changes {
			s.have = have
		}
		v := &verifier{key: transferKey, first: true}
		v.begin(nil)
		for len(b) >= 2 && !s.done {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			m := new(dns.Msg)
			if m.Unpack(b[2:2+n]) != nil {
				return
			}
			_ = v.take(b[2:2+n], m, day)
			for _, rr := range m.Answer {
				if s.take(rr) != nil {
					return
				}
			}
			s.endOfMessage()
			b = b[2+n:]
		}
		z, err := s.zone()
		if err != nil || z == nil {
			return
		}
		if z.SOA().Serial != s.first.Serial || z.Apex() != apex {
			t.Fatalf("zone %s, serial %d, of %s", z.Apex(), z.SOA().Serial, s.first)
		}
	})
}
