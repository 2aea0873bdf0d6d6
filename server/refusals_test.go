// The content of refusals and failures.

package server_test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/server"
	"bailiwick/transport"
)

// RA reports whether recursion is available to the client (RFC 1035, section 4.1.1): it is to one
// whose question is refused, even without RD, and is not to one that may not ask.
func TestRFC1035RefusalsSayWhetherRecursionIsAvailable(t *testing.T) {
	const friend, stranger, name = "127.0.0.1:1000", "192.0.2.1:1000", "www.secure.example."
	f := newFront(t, nil)
	for _, c := range []struct {
		what, from, name string
		class, typ       uint16
		rd, available    bool
	}{
		{"a client that may not ask", stranger, name, dns.ClassINET, dns.TypeTXT, true, false},
		{"without RD", friend, name, dns.ClassINET, dns.TypeTXT, false, true},
		{"a class that nobody asks in", friend, name, dns.ClassHESIOD, dns.TypeTXT, true, true},
		{"a hidden version", friend, "version.bind.", dns.ClassCHAOS, dns.TypeTXT, true, true},
		{"a transfer", friend, "secure.example.", dns.ClassINET, dns.TypeAXFR, true, false},
	} {
		m := f.askFrom(c.from, transport.UDP, c.name, c.typ, func(m *dns.Msg) {
			m.RecursionDesired, m.Question[0].Qclass = c.rd, c.class
		})
		if m.Rcode != dns.RcodeRefused || m.RecursionAvailable != c.available ||
			m.RecursionDesired != c.rd {
			t.Errorf("%s: got\n%v", c.what, m)
		}
	}
}

// NSEC Missing (RFC 8914, section 4.13) is the reason; DNSSEC Bogus, the result of validation, is
// sent with it (section 4.7).
func TestRFC8914WhatLacksAProofIsCalledBogusToo(t *testing.T) {
	f := newFront(t, nil)
	for name, want := range map[string][]uint16{
		"no.no-denial.faulty.": {dns.ExtendedErrorCodeNSECMissing, dns.ExtendedErrorCodeDNSBogus},
		"www.expired.faulty.":  {dns.ExtendedErrorCodeSignatureExpired},
	} {
		for i := range 4 { // on the slow path and then on the fast one
			if i == 1 { // it is remembered
				want = append(want, dns.ExtendedErrorCodeCachedError)
			}
			if codes, _ := ede(f.ask(name, dns.TypeA, edns(true))); !slices.Equal(codes, want) {
				t.Errorf("%s: EDE %v, want %v", name, codes, want)
			}
		}
	}
}

// Synthesized (29) is for answers that follow from denials of other names (RFC 8198), and for
// nothing else: not for what servers have said, whether it is from the cache or not.
func TestRFC8198SynthesisedAnswersAreMarked(t *testing.T) {
	f := newFront(t, nil)
	for i, c := range []struct {
		name        string
		synthesised bool
	}{
		{"b.secure.example.", false}, {"b.secure.example.", false}, {"b.secure.example.", false},
		{"ba.secure.example.", true}, {"bb.secure.example.", true}, {"bc.secure.example.", true},
		{"www.secure.example.", false}, {"www.secure.example.", false},
	} {
		for _, do := range []bool{true, false} {
			m := f.ask(c.name, dns.TypeA, edns(do))
			codes, text := ede(m)
			if got := slices.Equal(codes, []uint16{29}); got != c.synthesised ||
				!got && len(codes) > 0 || text != "" {
				t.Errorf("%d: EDE %v %q in\n%v", i, codes, text, m)
			}
		}
	}
}

// A bare refusal has neither the question nor a reason: it is never longer than the query, so that
// refusals cannot be used to amplify an attack. A client that may ask gets its refused question as
// usual.
func TestBareRefusalsAreNoLongerThanTheirQueries(t *testing.T) {
	f := newFront(t, func(c *server.Config) { c.BareRefusals = true })
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}
	nsid := &dns.EDNS0_NSID{Code: dns.EDNS0NSID}
	for what, change := range map[string]func(*dns.Msg){"plain": nil, "with EDNS": edns(true),
		"with a cookie": edns(false, cookie), "with NSID": edns(false, nsid)} {
		q := new(dns.Msg).SetQuestion(".", dns.TypeNS)
		if change != nil {
			change(q)
		}
		m := f.askFrom("192.0.2.1:1000", transport.UDP, ".", dns.TypeNS, change)
		codes, _ := ede(m)
		if m.Rcode != dns.RcodeRefused || len(m.Question) != 0 || len(codes) != 0 ||
			!m.RecursionDesired || (m.IsEdns0() == nil) != (change == nil) {
			t.Errorf("%s: got\n%v", what, m)
		}
		if m.Len() >= q.Len() {
			t.Errorf("%s: %d octets for %d", what, m.Len(), q.Len())
		}
	}
	m := f.ask("secure.example.", dns.TypeAXFR, edns(false))
	if codes, _ := ede(m); m.Rcode != dns.RcodeRefused || len(m.Question) != 1 || len(codes) != 1 {
		t.Errorf("a client that may ask got\n%v", m)
	}
}
