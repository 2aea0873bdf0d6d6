// What clients are told with a refusal or a failure.

package server_test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// RA reports whether recursion is available to the client (RFC 1035, section 4.1.1): it is to one
// whose question is refused, as it would have heard without RD, and is not to one that may not
// ask.
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

// NSEC Missing (RFC 8914, section 4.13) tells what is missing; that validation ended in the Bogus
// state is said beside it (section 4.7).
func TestRFC8914WhatLacksAProofIsCalledBogusToo(t *testing.T) {
	f := newFront(t, nil)
	for name, want := range map[string][]uint16{
		"no.no-denial.faulty.": {dns.ExtendedErrorCodeNSECMissing, dns.ExtendedErrorCodeDNSBogus},
		"www.expired.faulty.":  {dns.ExtendedErrorCodeSignatureExpired},
	} {
		for range 2 { // by the slow path and then the fast one
			if codes, _ := ede(f.ask(name, dns.TypeA, edns(true))); !slices.Equal(codes, want) {
				t.Errorf("%s: EDE %v, want %v", name, codes, want)
			}
		}
	}
}
