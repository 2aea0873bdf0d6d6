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
