// Records that are added to an answer without having been asked for.

package server_test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/server"
)

// Responses are minimal unless the operator wants them otherwise: then the NS set of the zone is
// added to data. To secure data it is added only if it is secure (RFC 4035, section 3.2.3), so it
// has to be in the cache; a denial has its SOA, and no NS.
func TestMinimalResponsesHaveNoNSBeside(t *testing.T) {
	const secure, unsigned = "www.secure.example.", "www.unsigned.example."
	for _, minimal := range []bool{true, false} {
		f := newFront(t, func(c *server.Config) { c.NSBeside = !minimal })
		beside := func(what, name string, qtype uint16, want bool) {
			t.Helper()
			for turn := range 3 { // resolved, from the cache, prepared
				m := f.ask(name, qtype, edns(true))
				n := slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
					return rr.Header().Rrtype == dns.TypeNS
				})
				if m.Rcode == dns.RcodeServerFailure || n != (want && !minimal) {
					t.Errorf("minimal %v, %s, turn %d:\n%v", minimal, what, turn, m)
				}
			}
		}
		beside("what the parent says", unsigned, dns.TypeA, true)
		beside("secure data", secure, dns.TypeA, false)
		beside("the set itself", "secure.example.", dns.TypeNS, false)
		f.forget()
		beside("secure data and secure NS", secure, dns.TypeA, true)
		if m := f.ask(secure, dns.TypeA, edns(true)); !m.AuthenticatedData {
			t.Errorf("minimal %v: not secure:\n%v", minimal, m)
		}
		beside("a denial", secure, dns.TypeMX, false)
	}
}

// An answer that was refused for private addresses has no NS set, minimal or not: whoever forwards
// to this server would take it for a referral, and BIND fails with it.
func TestRFC2308NoReferralInPlaceOfWhatPolicyRefused(t *testing.T) {
	for _, minimal := range []bool{true, false} {
		f, _ := guarded(t)
		f.Handler.Replace(server.Rules{Config: &server.Config{UDPSize: 1232, NSBeside: !minimal},
			Resolver: f.resolver, Access: private(), View: &policy.View{Private: kept}})
		for turn := range 3 {
			m := f.ask("stranger.example.", dns.TypeA, nil)
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 || len(m.Ns) != 0 {
				t.Errorf("minimal %v, turn %d:\n%v", minimal, turn, m)
			}
		}
	}
}
