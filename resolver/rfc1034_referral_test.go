// RFC 1034: what is a referral, though it looks like a denial.

package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// Section 4.3.2, step 3b: a referral has the NS set of the zone below in the authority section.
// Some servers have it in the answer section, and some put the SOA of their own zone beside it.
// Without AA neither is an empty answer. With AA the zone itself denies the records.
func TestRFC1034ReferralsThatLookLikeDenials(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *dns.Msg)
		good   bool
	}{
		"in the answer section": {func(m *dns.Msg) { m.Answer, m.Ns = m.Ns, nil }, true},
		"with an SOA": {func(m *dns.Msg) {
			m.Ns = append(m.Ns, rr("odd.example. 300 SOA a. b. 1 2 3 4 5"))
		}, true},
		"with the SOA of the zone below": {func(m *dns.Msg) {
			m.Ns = append(m.Ns, rr("sub.odd.example. 300 SOA a. b. 1 2 3 4 5"))
		}, false},
		"with an SOA and AA": {func(m *dns.Msg) {
			m.Authoritative = true
			m.Ns = append(m.Ns, rr("odd.example. 300 SOA a. b. 1 2 3 4 5"))
		}, false},
		"in the answer section with AA": {func(m *dns.Msg) {
			m.Authoritative = true
			m.Answer, m.Ns = m.Ns, nil
		}, false},
		"of a zone aside": {func(m *dns.Msg) {
			m.Answer, m.Ns = m.Ns, nil
			m.Answer[0].Header().Name = "other.odd.example."
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := oddWorld(nil)
				at := w.Servers()[len(w.Servers())-1]
				w.Add(lab.Zone{Name: "sub.odd.example.", Algorithm: lab.Unsigned,
					Records: "www A 192.0.2.9"})
				w.Script = func(q lab.Incoming) (lab.Reply, bool) {
					m := q.Honest()
					if q.Server != at || len(m.Answer) > 0 || m.Authoritative {
						return lab.Reply{}, false
					}
					c.change(m)
					return lab.Messages(m), true
				}
				a := newWorld(t, w, nil).resolve("www.sub.odd.example.", wire.TypeA)
				if got := len(a.Sets) == 1; got != c.good {
					t.Errorf("%s %v (%v)", a.RCode, a.Sets, a.Failure)
				}
			})
		})
	}
}

// A referral whose NS set is in the answer section looks like the answer to a question for NS, or
// ANY, at the zone cut. The zone below has the answer: what the zone above has of it is not
// authoritative (RFC 1034, section 4.2.1), and not signed.
func TestRFC1034ReferralsThatLookLikeAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		question wire.Type
		also     []dns.RR
	}{
		"A":               {wire.TypeA, nil},
		"NS":              {wire.TypeNS, nil},
		"ANY":             {wire.TypeANY, nil},
		"NS, with an SOA": {wire.TypeNS, []dns.RR{rr("cut.example. 300 SOA a. b. 1 2 3 4 5")}},
		"NS, with those of the zone above": {wire.TypeNS,
			[]dns.RR{rr("cut.example. 300 NS ns.cut.example.")}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Add(lab.Zone{Name: "cut.example.", Records: "www A 192.0.2.8"})
				w.Add(lab.Zone{Name: "sub.cut.example.", Records: "@ A 192.0.2.9"})
				above := w.AddressOf("cut.example.")
				w.Script = func(q lab.Incoming) (lab.Reply, bool) {
					m := q.Honest()
					if q.Server != above || len(m.Answer) > 0 || m.Authoritative {
						return lab.Reply{}, false
					}
					m.Answer, m.Ns = m.Ns[:1], append(m.Ns[1:], c.also...)
					if m.Answer[0].Header().Rrtype != dns.TypeNS {
						t.Errorf("no NS record is first: %v", m.Answer)
					}
					return lab.Messages(m), true
				}
				a := newWorld(t, w, nil).resolve("sub.cut.example.", c.question)
				if a.RCode != noError || len(a.Sets) == 0 || a.Status != wire.Secure {
					t.Errorf("%s %s %v (%v)", a.RCode, a.Status, a.Sets, a.Failure)
				}
			})
		})
	}
}
