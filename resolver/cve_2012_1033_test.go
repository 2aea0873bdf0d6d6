// Ghost domains (CVE-2012-1033) and phoenix domains: a delegation that the parent has withdrawn is
// not used longer than the parent's TTL, whatever the child's servers answer.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// A delegation that is learnt late ends with the one that it was learnt from, not with its own TTL.
func TestGhostDelegationLearntLateEndsWithTheParents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.secure.example.", wire.TypeA) // example. is known until 300 s
		time.Sleep(250 * time.Second)
		in.resolve("www.unsigned.example.", wire.TypeA) // its TTL would end at 550 s
		time.Sleep(51 * time.Second)
		in.transcript()
		in.resolve("txt.unsigned.example.", wire.TypeTXT)
		if got := in.transcript(); !strings.HasPrefix(got, "127.53.0.2 ") {
			t.Errorf("at 301 s not the root but a delegation of old is asked\n%s", got)
		}
	})
}

// The answer of a revoked zone's server comes late, when the parent's delegation has been learnt
// anew. It does not renew the zone's delegation, which lasts as long as the one that was in use for
// the question.
func TestPhoenixSlowReferralIsBoundByTheDelegationThatWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "sub.evil.", Algorithm: lab.Unsigned, Records: "*.w A 192.0.2.66"})
		evil := w.AddressOf("evil.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != evil || !dns.IsSubDomain("sub.evil.",
				strings.ToLower(in.Question().Name)) {
				return lab.Reply{}, false
			}
			m := in.Honest()
			for _, rr := range append(m.Ns, m.Extra...) {
				if rr.Header().Rrtype != dns.TypeOPT {
					rr.Header().Ttl = 86400
				}
			}
			return lab.Messages(m).After(300 * time.Millisecond), true
		}
		in := newWorld(t, w, nil)
		in.resolve("evil.", wire.TypeSOA) // the delegation is known until 300 s
		in.transcript()
		time.Sleep(299*time.Second + 800*time.Millisecond)
		done := make(chan struct{})
		go func() {
			defer close(done)
			in.resolve("a.w.sub.evil.", wire.TypeA) // asked at 299.8 s, answered at 300.1 s
		}()
		time.Sleep(250 * time.Millisecond)
		in.resolve("evil.", wire.TypeMX) // learns the delegation of evil. anew, until 600 s
		<-done
		in.transcript()
		time.Sleep(2 * time.Second)
		in.resolve("b.w.sub.evil.", wire.TypeA)
		if got := in.transcript(); !strings.HasPrefix(got, evil.String()) {
			t.Errorf("the delegation from before 300 s is in use at 302 s; asked\n%s", got)
		}
	})
}

// A zone has a new owner, and its parent delegates to a server of the same name at another address.
// The address that the former owner gave his server, with a TTL of a day, is not asked any more
// (CVE-2026-40622).
func TestCVE2026_40622GhostByGlue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "sold.example.", Algorithm: lab.Unsigned, Records: "*.w A 192.0.2.1"})
		w.Add(lab.Zone{Name: "buyer.example.", Algorithm: lab.Unsigned})
		former, later, example := w.AddressOf("sold.example."), w.AddressOf("buyer.example."),
			w.AddressOf("example.")
		sold := false
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			m := in.Honest()
			switch {
			case !dns.IsSubDomain("sold.example.", strings.ToLower(q.Name)):
				return lab.Reply{}, false
			case in.Server == example && sold && q.Qtype != dns.TypeDS:
				for _, r := range m.Extra {
					if a, ok := r.(*dns.A); ok {
						a.A = later.AsSlice()
					}
				}
			case in.Server == former:
				for _, r := range m.Answer {
					r.Header().Ttl = 86400
				}
			case in.Server == later:
				m = new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure) // no zone yet
			default:
				return lab.Reply{}, false
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		in.resolve("ns1.sold.example.", wire.TypeA)
		in.resolve("a.w.sold.example.", wire.TypeA)
		sold = true
		time.Sleep(301 * time.Second) // the delegation has ended
		in.transcript()
		if a := in.resolve("b.w.sold.example.", wire.TypeA); a.RCode != servFail {
			t.Errorf("got %s %v", a.RCode, a.Sets)
		}
		if asked := in.transcript(); strings.Contains(asked, former.String()) {
			t.Errorf("the former owner is asked\n%s", asked)
		}
	})
}
