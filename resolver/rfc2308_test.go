// RFC 2308: which replies are negative answers, and which of them are cached.

package resolver_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// balancer scripts the servers of a zone: for type TXT they send NOERROR with nothing in it,
// without AA.
func balancer(w *lab.World, zone string, only int) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		q := in.Question()
		if q.Qtype != dns.TypeTXT || !dns.IsSubDomain(zone, strings.ToLower(q.Name)) ||
			only > 0 && in.Server != w.AddressOf(zone) {
			return lab.Reply{}, false
		}
		m := new(dns.Msg).SetReply(in.Query)
		m.SetEdns0(1232, true)
		return lab.Messages(m), true
	}
}

// Section 2.2, type 3: no AA, no SOA, no NS is NODATA, not a lame server: nothing is held against
// the server, the answer is not cached (section 5), and the zone's other names resolve.
func TestRFC2308EmptyReplyIsNoDataThatIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		balancer(w, "unsigned.example.", 0)
		in := newWorld(t, w, nil)
		in.resolve("www.unsigned.example.", wire.TypeA)
		for range 2 {
			in.transcript()
			a := in.resolve("_acme-challenge.unsigned.example.", wire.TypeTXT)
			if a.RCode != noError || len(a.Sets) != 0 || a.Failure != nil {
				t.Errorf("got %s %v", a.RCode, a.Failure)
			}
			if asked := in.transcript(); !strings.Contains(asked,
				"_acme-challenge.unsigned.example. TXT") {
				t.Errorf("kept; asked\n%s", asked)
			}
		}
		if in.r.Held(w.AddressOf("unsigned.example."), wire.MustParseName("unsigned.example.")) {
			t.Error("the server counts as lame")
		}
		if a := in.resolve("www.unsigned.example.", wire.TypeAAAA); a.RCode != noError ||
			len(a.Sets) != 1 {
			t.Errorf("another type: %s %v", a.RCode, a.Failure)
		}
	})
}

// In a signed zone an empty reply is bogus, as it proves nothing.
func TestRFC2308EmptyReplyOfASignedZoneIsBogus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		balancer(w, "secure.example.", 0)
		in := newWorld(t, w, nil)
		if a := in.resolve("no.secure.example.", wire.TypeTXT); a.RCode != servFail ||
			a.Status != wire.Bogus {
			t.Errorf("got %s %s %v", a.RCode, a.Status, a.Failure)
		}
	})
}

// An empty reply is used only if no other server has more, and is not cached next to a better one.
func TestRFC2308EmptyReplyGivesWayToABetterOne(t *testing.T) {
	for range 8 { // whichever server is asked first
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "two.example.", Algorithm: lab.Unsigned,
				Servers: []lab.ServerFaults{nil, nil}, Records: `txt TXT "here"`})
			balancer(w, "two.example.", 1)
			in := newWorld(t, w, nil)
			for range 2 {
				if a := in.resolve("txt.two.example.", wire.TypeTXT); a.RCode != noError ||
					len(a.Sets) != 1 {
					t.Errorf("got %s %v %v", a.RCode, a.Sets, a.Failure)
				}
			}
		})
	}
}

// An answer without AA is cached only if no better one comes: clients get the same answer before
// and after (RFC 2181, section 5.4.1).
func TestRFC2181AnswerWithoutAAIsNotKeptBeforeABetterOne(t *testing.T) {
	for range 8 {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "two.example.", Algorithm: lab.Unsigned,
				Servers: []lab.ServerFaults{nil, nil}})
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				q := in.Question()
				if in.Server != w.AddressOf("two.example.") ||
					!strings.EqualFold(q.Name, "gone.two.example.") || q.Qtype != dns.TypeA {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(in.Query)
				m.SetEdns0(1232, true)
				m.Answer = []dns.RR{rr(q.Name + " 3600 A 203.0.113.66")} // outdated data
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			for i := range 3 {
				if a := in.resolve("gone.two.example.", wire.TypeA); a.RCode != nxDomain {
					t.Errorf("client %d: %s %v", i, a.RCode, a.Sets)
				}
			}
		})
	}
}

// A referral upwards is neither followed nor a denial, with AA or without: the server does not know
// the zone, or this type of it. Other types resolve.
func TestRFC1034ReferralUpwardIsLame(t *testing.T) {
	for _, aa := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				q := in.Question()
				if q.Qtype != dns.TypeAAAA || !strings.EqualFold(q.Name, "www.unsigned.example.") {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(in.Query)
				m.SetEdns0(1232, true)
				m.Authoritative, m.Ns = aa, []dns.RR{rr(". 3600 NS a.root-servers.net.")}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			if a := in.resolve("www.unsigned.example.", wire.TypeAAAA); a.RCode != servFail ||
				a.Failure.Cause != cause.Lame {
				t.Errorf("AA %v: %s %v", aa, a.RCode, a.Failure)
			}
			if a := in.resolve("www.unsigned.example.", wire.TypeA); a.RCode != noError ||
				len(a.Sets) != 1 {
				t.Errorf("AA %v, another type: %s %v", aa, a.RCode, a.Failure)
			}
		})
	}
}

// Section 2.2: the SOA of a negative answer is that of the zone that denies the last name. A server
// that has an alias follows it in its own zone, here to the DS of its apex, and denies it with its
// own SOA; the parent denies the DS. With CD set the client hears of the parent's SOA alone, too.
func TestRFC2308UncheckedAliasBringsNoSOA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "sub.example.", Algorithm: lab.Unsigned,
			Records: "alias CNAME sub.example."})
		in := newWorld(t, w, nil)
		for _, cd := range []bool{true, false, true} {
			a := in.ask("alias.sub.example.", wire.TypeDS, resolver.Options{CheckingDisabled: cd})
			if a.RCode != noError || len(a.Sets) != 1 || len(a.Authority) != 1 ||
				a.Authority[0].Name != wire.MustParseName("example.") {
				t.Errorf("CD %v: %s, %d sets, authority %v", cd, a.RCode, len(a.Sets), a.Authority)
			}
		}
	})
}

// Section 2.1: what denies the end of an alias chain has an SOA. A server that does not follow its
// alias sends the proofs of the alias's wildcard alone; they may happen to prove what the target
// lacks, and are no answer for it. The target is asked for, and its denial has the SOA.
func TestRFC2308ProofsOfAnAliasDenyNoTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "beta.", Denial: lab.NSEC3,
			Records: "*.a CNAME x.y\n*.x.y CNAME elsewhere."})
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			m := in.Honest()
			if len(m.Answer) == 0 || m.Answer[0].Header().Rrtype != dns.TypeCNAME {
				return lab.Reply{}, false
			}
			m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
				sig, is := rr.(*dns.RRSIG)
				return rr.Header().Rrtype == dns.TypeSOA || is && sig.TypeCovered == dns.TypeSOA
			})
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		for range 2 { // the second from the cache
			a := in.resolve("r.s.a.beta.", wire.TypeA)
			if a.RCode != noError || a.Status != wire.Secure || len(a.Sets) != 1 ||
				wire.FindType(a.Authority, wire.TypeSOA) == nil {
				t.Errorf("%s %s %v, authority %v\n%s", a.RCode, a.Status, a.Sets, a.Authority,
					in.transcript())
			}
		}
	})
}
