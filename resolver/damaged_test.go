// Records that do not fit their type.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// A record that is too short for its type is left out of its set (RFC 3597, section 4 lets no one
// guess what it means). The rest is served if the set is unsigned. A signed set is bogus, with the
// reason: the signature may cover the record that was left out.
func TestAMalformedRecordIsTheReasonOfABogusSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			q := i.Question()
			if !strings.HasPrefix(dns.CanonicalName(q.Name), "www.") || q.Qtype != dns.TypeA {
				return lab.Reply{}, false
			}
			m := i.Honest()
			h := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}
			m.Answer = append(m.Answer, &dns.RFC3597{Hdr: h, Rdata: "0102030405"})
			if dns.CanonicalName(q.Name) == "www.secure.example." {
				for _, rr := range m.Answer {
					if sig, ok := rr.(*dns.RRSIG); ok {
						sig.Signature = "AAAA" + sig.Signature[4:] // it does not verify
					}
				}
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		a := in.resolve("www.unsigned.example.", wire.TypeA)
		if a.Failure == nil || a.Failure.Cause != cause.RecordMalformed {
			t.Errorf("unsigned: nobody hears of the record: %v", a.Failure)
		}
		if a.RCode != noError || len(a.Sets) != 1 || a.Sets[0].Len() != 1 {
			t.Errorf("unsigned: %s %v", a.RCode, a.Failure)
		}
		if a := in.resolve("www.nsec3.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("the signature is over what is left: %s %v", a.RCode, a.Failure)
		}
		a = in.resolve("www.secure.example.", wire.TypeA)
		if a.Status != wire.Bogus || a.Failure.Cause != cause.RecordMalformed ||
			a.Failure.Under.Cause != cause.SignatureInvalid {
			t.Errorf("signed: %s %v", a.RCode, a.Failure)
		}
	})
}

// A reply whose only record of the type is damaged denies nothing: other servers are asked, and
// without a better one the question fails. BIND, Knot Resolver and PowerDNS do the same.
func TestAMalformedRecordIsNoDenialOfItsType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "one.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "two.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{nil, nil}})
		spoilt := map[any]bool{w.AddressOf("one.example."): true, w.AddressOf("two.example."): true}
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			m := i.Honest()
			if !spoilt[i.Server] || len(m.Answer) == 0 {
				return lab.Reply{}, false
			}
			h := dns.RR_Header{Name: i.Question().Name, Rrtype: dns.TypeA, Class: dns.ClassINET}
			m.Answer, m.Ns = []dns.RR{&dns.RFC3597{Hdr: h, Rdata: "0102030405"}}, nil
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		a := in.resolve("www.one.example.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.Malformed {
			t.Errorf("at the only server: %s %v", a.RCode, a.Failure)
		}
		if a := in.resolve("www.two.example.", wire.TypeA); len(a.Sets) != 1 {
			t.Errorf("beside a good server: %s %v", a.RCode, a.Failure)
		}
	})
}
