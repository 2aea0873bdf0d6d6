// Data of lower rank, and truncated data, are asked for again (RFC 2181).

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

// Section 9: a reply with TC is not used, whatever is in it; the question is asked over TCP.
func TestRFC2181TruncatedReplyIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.TCP || !strings.EqualFold(i.Question().Name, "www.unsigned.example.") {
				return lab.Reply{}, false
			}
			m := i.Honest()
			m.Answer[0].(*dns.A).A = []byte{192, 0, 2, 66}
			m.Truncated = true
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		a := in.resolve("www.unsigned.example.", wire.TypeA)
		if a.RCode != noError || len(a.Sets) != 1 || a.Sets[0].Data.Has([]byte{192, 0, 2, 66}) {
			t.Errorf("got %s %v %v", a.RCode, a.Sets, a.Failure)
		}
		if asked := in.transcript(); !strings.Contains(asked, "www.unsigned.example. A TCP") {
			t.Errorf("asked\n%s", asked)
		}
	})
}

// Section 5.4.1: data that come with an alias do not answer a question for its target. Otherwise an
// attacker who forges the reply to any one name of a zone could replace the others. Data that the
// zone has signed are believed.
func TestRFC2181UnsignedTargetIsAskedFor(t *testing.T) {
	for zone, asked := range map[string]bool{"unsigned.example.": true, "secure.example.": false} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				if !asked || !strings.EqualFold(i.Question().Name, "alias."+zone) {
					return lab.Reply{}, false
				}
				m := i.Honest()
				for _, rr := range m.Answer {
					if a, ok := rr.(*dns.A); ok {
						a.A = []byte{192, 0, 2, 66}
					}
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			a := in.resolve("alias."+zone, wire.TypeA)
			if a.RCode != noError || len(a.Sets) != 2 || a.Sets[1].Data.Has([]byte{192, 0, 2, 66}) {
				t.Errorf("%s: got %s %v %v", zone, a.RCode, a.Sets, a.Failure)
			}
			target := a.Sets[1].Name.String() + " A"
			if got := in.transcript(); strings.Contains(got, " "+target) != asked {
				t.Errorf("%s: %s asked\n%s", zone, target, got)
			}
		})
	}
}

// RFC 2308, section 3: a denial that came with a referral has no SOA. It is used for the chain of
// trust, and not as an answer for a client, which could not cache it.
func TestRFC2308DenialWithoutSOAAnswersNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.unsigned.example.", wire.TypeA)
		in.transcript()
		a := in.resolve("unsigned.example.", wire.TypeDS)
		if a.RCode != noError || wire.FindType(a.Authority, wire.TypeSOA) == nil {
			t.Errorf("got %s %v", a.RCode, a.Authority)
		}
		if in.transcript() == "" {
			t.Error("nothing was asked")
		}
	})
}

// RFC 4035, section 3.1.4.1: DS is the parent's. An alias that the unsigned child shows at its apex
// (where none is allowed) does not answer a question for DS: it would lead the chain of trust
// elsewhere.
func TestRFC4035ChildsAliasAnswersNoDS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "odd.", Algorithm: lab.Unsigned})
		server := w.AddressOf("odd.")
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Server != server {
				return lab.Reply{}, false
			}
			m := new(dns.Msg).SetReply(i.Query)
			m.Authoritative = true
			m.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: "odd.", Rrtype: dns.TypeCNAME,
				Class: dns.ClassINET, Ttl: 300}, Target: "www.secure.example."}}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		if a := in.resolve("odd.", wire.TypeA); a.RCode != noError || len(a.Sets) != 2 {
			t.Fatalf("got %s %v %v", a.RCode, a.Sets, a.Failure)
		}
		if a := in.resolve("odd.", wire.TypeDS); a.RCode != noError || len(a.Sets) > 0 {
			t.Errorf("DS: got %s %v %v", a.RCode, a.Sets, a.Failure)
		}
	})
}
