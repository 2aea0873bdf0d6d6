package server

import (
	"io"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/policy"
	"bailiwick/transport"
	"bailiwick/wire"
)

// faulty panics as soon as a query is counted.
type faulty struct{ labtest.Observer }

func (faulty) Query(transport.Protocol, wire.Type) { panic("a fault") }

// A query may panic before it has been looked at. Its client gets SERVFAIL. A client that may not
// ask gets no response, and a response is not answered.
func TestPanicBeforeAllElseAnswersWhomItMay(t *testing.T) {
	for _, c := range []struct {
		name, from string
		change     func(*dns.Msg)
		answered   bool
	}{
		{"a client", "127.0.0.1:1000", func(*dns.Msg) {}, true},
		{"a stranger", "192.0.2.1:1000", func(*dns.Msg) {}, false},
		{"one who is to hear nothing", "192.0.2.77:1000", func(*dns.Msg) {}, false},
		{"an answer", "127.0.0.1:1000", func(m *dns.Msg) { m.Response = true }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := slog.New(slog.NewTextHandler(io.Discard, nil))
			g := guard.New(log, func(guard.Place) {}, func() {})
			s := New(Default(), Parts{Clock: clock.Real{}, Observer: faulty{}, Guard: g,
				Log: log})
			defer s.Close()
			acl := policy.NewACL([]policy.Rule{
				{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow},
				{Net: netip.MustParsePrefix("192.0.2.77/32"), Action: policy.Drop},
			})
			q := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
			c.change(q)
			packet, err := q.Pack()
			if err != nil {
				t.Fatal(err)
			}
			from := transport.Client{Addr: netip.MustParseAddrPort(c.from)}
			reply, pending := s.Handler(acl, &policy.View{}).Handle(packet, from, nil)
			if pending != nil || (reply != nil) != c.answered {
				t.Fatalf("sent %v", reply)
			}
			m := new(dns.Msg)
			if c.answered && (m.Unpack(reply) != nil || m.Id != q.Id ||
				m.Rcode != dns.RcodeServerFailure) {
				t.Errorf("got\n%v", m)
			}
		})
	}
}
