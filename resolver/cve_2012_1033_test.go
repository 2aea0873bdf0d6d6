// Ghost domains (CVE-2012-1033) and phoenix domains: a delegation that its parent took back is not used
// any longer than the parent said, however the child's servers answer.

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

// The answer of a revoked zone's server comes late: by then its parent's delegation has been learnt anew,
// and the zone's is not renewed by it. Its own lifetime is that of the delegation that was asked.
func TestPhoenixSlowReferralIsBoundByTheDelegationThatWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "sub.evil.", Algorithm: lab.Unsigned, Records: "*.w A 192.0.2.66"})
		evil := w.AddressOf("evil.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != evil || !dns.IsSubDomain("sub.evil.", strings.ToLower(in.Question().Name)) {
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
