// RFC 8767: what clients see of stale data.

package server_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// severed is a network that can be taken away.
type severed struct {
	transport.Exchanger
	down atomic.Bool
	only string // what is not at or below this name goes on; "": nothing does
	name string
	n    atomic.Int64 // questions for the name that were sent
}

// Exchange implements transport.Exchanger.
func (s *severed) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	var q dns.Msg
	if err := q.Unpack(r.Query); err != nil {
		return nil, err
	}
	if strings.EqualFold(q.Question[0].Name, s.name) { // others ask whether the servers are back
		s.n.Add(1)
	}
	if s.down.Load() && dns.IsSubDomain(dns.Fqdn(s.only), q.Question[0].Name) {
		if s.only != "" {
			time.Sleep(50 * time.Millisecond) // others reply meanwhile
		}
		return nil, transport.ErrUnreachable
	}
	return s.Exchanger.Exchange(ctx, r)
}

func newSevered(t *testing.T, resolving func(*resolver.Config)) (*front, *severed) {
	t.Helper()
	net, seen := &severed{}, &quiet{}
	f := newFrontAll(t, nil, resolving, seen, func(p *resolver.Parts) {
		net.Exchanger, p.Exchanger = p.Exchanger, net
	})
	f.seen = seen
	return f, net
}

// Clients learn that an answer is stale (RFC 8914, sections 4.4 and 4.20), with the reason of the
// failure; the TTL is 30 s and AD stands while the signatures last. From the second on the answer
// is prepared, for two seconds at a time, and no server is asked.
func TestRFC8767StaleAnswersArePrepared(t *testing.T) {
	for _, c := range []struct {
		name  string
		rcode int
		ede   []uint16
	}{
		{"www.secure.example.", dns.RcodeSuccess, []uint16{3, 22}},
		{"none.secure.example.", dns.RcodeNameError, []uint16{19, 22}},
		{"www.unsigned.example.", dns.RcodeSuccess, []uint16{3, 22}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, net := newSevered(t, func(*resolver.Config) {})
			net.name = c.name
			f.ask(c.name, dns.TypeA, edns(true))
			f.clock.Advance(time.Hour)
			net.down.Store(true)
			for i := range 20 {
				sent, hits, stale := net.n.Load(), f.seen.hits, f.seen.stale.Load()
				m := f.ask(c.name, dns.TypeA, edns(true))
				codes, _ := ede(m)
				if m.Rcode != c.rcode || !slices.Equal(codes, c.ede) ||
					m.AuthenticatedData != (c.name != "www.unsigned.example.") {
					t.Fatalf("%s: got\n%v", c.name, m)
				}
				for _, rr := range slices.Concat(m.Answer, m.Ns) {
					if ttl := rr.Header().Ttl; ttl > 30 || ttl < 28 {
						t.Errorf("%s: TTL %d", c.name, ttl)
					}
				}
				if f.seen.stale.Load() != stale+1 {
					t.Errorf("%s: not counted as stale", c.name)
				}
				if i > 0 && net.n.Load() != sent {
					t.Errorf("%s: a server was asked for client %d", c.name, i)
				}
				if want := i > 1 && i%2 == 0; want && f.seen.hits == hits {
					t.Errorf("%s: client %d got no prepared answer", c.name, i)
				}
				if i%2 == 0 {
					f.clock.Advance(time.Second)
				}
			}
			f.close()
		})
	}
}

// A client without EDNS gets no reason, and the same data.
func TestRFC8767ClientsWithoutEDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, net := newSevered(t, func(*resolver.Config) {})
		f.ask("www.secure.example.", dns.TypeA, nil)
		f.clock.Advance(time.Hour)
		net.down.Store(true)
		for range 3 {
			m := f.ask("www.secure.example.", dns.TypeA, nil)
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 || m.IsEdns0() != nil ||
				m.AuthenticatedData {
				t.Errorf("got\n%v", m)
			}
		}
		f.close()
	})
}

// Policy is applied to stale answers as to others: what it leaves out stays out.
func TestRFC8767PolicyHoldsForStaleData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, net := newSevered(t, func(*resolver.Config) {})
		f.Handler = f.server.Handler(private(), &policy.View{Private: policy.PrivateAddresses{
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}})
		f.ask("www.secure.example.", dns.TypeA, edns(true))
		f.clock.Advance(time.Hour)
		net.down.Store(true)
		for range 4 {
			if m := f.ask("www.secure.example.", dns.TypeA, edns(true)); len(m.Answer) > 0 {
				t.Errorf("got\n%v", m)
			}
		}
		f.close()
	})
}

// A pending query whose stale answer has gone out goes on in silence: the client gets no second
// answer, over whatever transport, and its place is free when the fetch has ended.
func TestRFC8767OneAnswerPerQuery(t *testing.T) {
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		synctest.Test(t, func(t *testing.T) {
			f, up := newCounted(t, func(c *resolver.Config) {
				c.Stale.ClientTimeout = 10 * time.Millisecond
			})
			_ = up
			f.ask("www.slow.faulty.", dns.TypeA, nil)
			f.clock.Advance(time.Hour)
			q, err := new(dns.Msg).SetQuestion("www.slow.faulty.", dns.TypeA).Pack()
			if err != nil {
				t.Fatal(err)
			}
			var answers atomic.Int64
			c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"), Protocol: p}
			began := time.Now()
			f.handle(q, c, func([]byte) {
				answers.Add(1)
				if took := time.Since(began); took != 10*time.Millisecond {
					t.Errorf("after %v", took)
				}
			})
			time.Sleep(10 * time.Second)
			if n := answers.Load(); n != 1 {
				t.Errorf("%d answers", n)
			}
			if n := f.server.Serving(c.Addr.Addr()); n != 0 {
				t.Errorf("%d queries still have a place", n)
			}
			f.close()
		})
	}
}

// RFC 8767, section 5: a query that the server has no room for gets stale data, if there are any,
// with the reason; else SERVFAIL. No server is asked.
func TestRFC8767QueryWithoutRoomGetsStaleData(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	for what, full := range map[string]func(f *front){
		"many queries":     func(f *front) { f.server.FillServing() },
		"many of a client": func(f *front) { f.server.FillPrefix(local) },
		"no memory":        func(f *front) { f.server.FillMemory() },
	} {
		synctest.Test(t, func(t *testing.T) {
			f, net := newSevered(t, func(*resolver.Config) {})
			for _, name := range []string{"www.secure.example.", "away.secure.example.",
				"none.secure.example."} {
				f.ask(name, dns.TypeA, edns(true))
			}
			f.ask("www.expired.faulty.", dns.TypeA, edns(true))
			f.clock.Advance(time.Hour)
			net.name = "www.secure.example."
			rule := policy.Rule{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Snoop}
			f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{rule}), &policy.View{})
			synctest.Wait() // the queries above have left
			full(f)
			for _, c := range []struct {
				name   string
				rcode  int
				codes  []uint16
				change func(*dns.Msg)
			}{
				{"www.secure.example.", dns.RcodeSuccess, []uint16{3, 0}, edns(true)},
				{"away.secure.example.", dns.RcodeSuccess, []uint16{3, 0}, edns(true)},
				{"none.secure.example.", dns.RcodeNameError, []uint16{19, 0}, edns(true)},
				{"www.nsec3.example.", dns.RcodeServerFailure, []uint16{0}, edns(true)},
				{"www.expired.faulty.", dns.RcodeServerFailure, []uint16{0}, edns(true)},
				{"www.secure.example.", dns.RcodeServerFailure, []uint16{0},
					func(m *dns.Msg) { edns(true)(m); m.RecursionDesired = false }},
			} {
				m := f.ask(c.name, dns.TypeA, c.change)
				if got := codes(m); m.Rcode != c.rcode || !slices.Equal(got, c.codes) {
					t.Errorf("%s, %s: %s, EDE %v", what, c.name, dns.RcodeToString[m.Rcode], got)
				}
			}
			if net.n.Load() != 0 {
				t.Errorf("%s: %d questions for www.secure.example.", what, net.n.Load())
			}
			if n := f.seen.stale.Load(); n != 3 {
				t.Errorf("%s: %d stale answers are counted", what, n)
			}
			f.close()
		})
	}
}
