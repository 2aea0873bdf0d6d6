// Queries without RD.

package server_test

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// Clients that may ask without RD get what is in the cache: an answer, a failure, or else a
// referral (RFC 1034, section 4.3.2), and nothing is resolved for them. All others are refused (RFC
// 8914, section 4.21).
func TestRFC1034QuestionsWithoutRD(t *testing.T) {
	f := newFrontWith(t, nil, func(c *resolver.Config) { c.Referrals, c.Prime = true, true })
	f.ask("www.secure.example.", dns.TypeA, nil)
	f.ask("www.expired.faulty.", dns.TypeA, nil)
	noRD := func(m *dns.Msg) { edns(true)(m); m.RecursionDesired = false }
	for _, snoops := range []bool{false, true} {
		if snoops {
			rule := policy.Rule{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Snoop}
			f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{rule}), &policy.View{})
		}
		for _, c := range []struct {
			name     string
			rcode    int
			answers  int
			referral string
		}{
			{"www.secure.example.", dns.RcodeSuccess, 2, ""},
			{"www.expired.faulty.", dns.RcodeServerFailure, 0, ""},
			{"new.secure.example.", dns.RcodeSuccess, 0, "secure.example."},
			{"www.plain.", dns.RcodeSuccess, 0, "."},
		} {
			for range 2 {
				m := f.ask(c.name, dns.TypeA, noRD)
				want := c.rcode
				if !snoops {
					want = dns.RcodeRefused
				}
				referral := ""
				for _, rr := range m.Ns {
					if rr.Header().Rrtype == dns.TypeNS {
						referral = rr.Header().Name
					}
				}
				bad := snoops && (len(m.Answer) != c.answers || referral != c.referral)
				if m.Rcode != want || !m.RecursionAvailable || bad {
					t.Errorf("%s, may look %v: got\n%v", c.name, snoops, m)
				}
			}
		}
	}
}

// A query without RD prepares no answer: only repeated questions are worth that.
func TestRFC1034LookWithoutRDPreparesNothing(t *testing.T) {
	f := newFront(t, nil)
	f.ask("www.secure.example.", dns.TypeA, nil)
	rule := policy.Rule{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Snoop}
	f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{rule}), &policy.View{})
	packet, err := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	for _, rd := range []bool{false, true} {
		f.ask("www.secure.example.", dns.TypeA, func(m *dns.Msg) { m.RecursionDesired = rd })
		if got := f.Prepared(packet, client); got != rd {
			t.Errorf("asked again with RD %v: prepared %v", rd, got)
		}
	}
}
