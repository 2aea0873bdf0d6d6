// TTLs of NSEC and NSEC3 records, and how long these are used for denials.

package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// Section 3.4: records that prove a denial deny no longer than its SOA's TTL and minimum, here 20
// seconds, whatever TTL they have themselves, here 60: neither the name that was asked for nor
// others in their spans, and not if another denial has brought the SOA anew. Clients get each
// record with the rest of its own TTL, from the cache as at first; the SOA's TTL is the time for
// which the denial may be cached (RFC 2308, section 5).
func TestRFC9077ProofsDenyNoLongerThanTheirSOA(t *testing.T) {
	for _, zone := range []string{"secure.example.", "nsec3.example."} {
		synctest.Test(t, func(t *testing.T) {
			in := newWorld(t, rewritten(func(m *dns.Msg) {
				for _, rr := range m.Ns {
					if soa, ok := rr.(*dns.SOA); ok && soa.Hdr.Name == zone {
						soa.Hdr.Ttl = 20
					}
				}
			}), nil)
			asked := func(name string, soa, proofs uint32, upstream bool) {
				t.Helper()
				in.transcript()
				a := in.resolve(name+zone, wire.TypeA)
				if sent := in.transcript(); a.RCode != nxDomain || a.Status != wire.Secure ||
					(sent != "") != upstream {
					t.Errorf("%s%s: %s %s (%v), asked for\n%s", name, zone, a.RCode, a.Status,
						a.Failure, sent)
				}
				least := proofs
				for _, s := range a.Authority {
					if s.Type == wire.TypeSOA && s.TTL != soa {
						t.Errorf("%s%s: SOA %d, want %d", name, zone, s.TTL, soa)
					} else if s.Type != wire.TypeSOA && s.TTL < least {
						least = s.TTL
					}
				}
				if least != proofs {
					t.Errorf("%s%s: proofs %s, want at least %d", name, zone, ttls(a), proofs)
				}
			}
			asked("am.", 20, 60, true)
			time.Sleep(5 * time.Second)
			asked("am.", 15, 55, false)
			if zone == "nsec3.example." {
				return // which names share a span depends on the hashes
			}
			asked("an.", 15, 55, false)
			time.Sleep(10 * time.Second)
			asked("zz.", 20, 60, true) // another span of the zone
			time.Sleep(3 * time.Second)
			asked("am.", 2, 42, false)
			asked("an.", 2, 42, false)
			asked("zzz.", 17, 57, false)
			time.Sleep(2 * time.Second)
			asked("an.", 20, 60, true)
		})
	}
}
