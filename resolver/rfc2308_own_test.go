// RFC 2308, section 2.2: denials without an SOA, distinguished by the NS set that came in its
// place.

package resolver_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// answering scripts the servers of unsigned.example. for names that begin with x: they send NOERROR
// and these records, with AA or without.
func answering(t *testing.T, w *lab.World, aa bool, records ...string) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		name := strings.ToLower(in.Question().Name)
		if !strings.HasPrefix(name, "x") || in.Server != w.AddressOf("unsigned.example.") {
			return lab.Reply{}, false
		}
		m := new(dns.Msg).SetReply(in.Query)
		m.Authoritative = aa
		for _, r := range records {
			rr, err := dns.NewRR(strings.ReplaceAll(r, "QNAME", in.Question().Name))
			if err != nil {
				t.Error(err)
				continue
			}
			if rr.Header().Rrtype == dns.TypeNS {
				m.Ns = append(m.Ns, rr)
			} else {
				m.Answer = append(m.Answer, rr)
			}
		}
		return lab.Messages(m), true
	}
}

// An empty reply with AA whose NS set is of a zone above is a referral upwards: its server does not
// have the zone (RFC 2308, section 2.2 tells referral from NODATA by it). The zone's own NS set is
// not a referral; the client gets it, and it is not cached. Records of another type than the
// question's are not a relevant answer.
func TestRFC2308TheNSSetTellsAReferralFromNoData(t *testing.T) {
	for _, c := range []struct {
		what    string
		aa      bool
		records []string
		rcode   wire.RCode
		shown   bool
	}{
		{"upwards", true, []string{"example. 300 NS ns.other."}, servFail, false},
		{"to the root", true, []string{". 300 NS ns.other.", ". 300 NS b.other."}, servFail, false},
		{"sideways", true, []string{"secure.example. 300 NS ns.other."}, servFail, false},
		{"upwards, without AA", false, []string{"example. 300 NS ns.other."}, servFail, false},
		{"its own", true, []string{"unsigned.example. 300 NS ns.other."}, noError, true},
		{"nothing", true, nil, noError, false},
		{"nothing, without AA", false, nil, noError, false},
		{"another type, without AA", false, []string{"QNAME 300 TXT other"}, noError, false},
		{"out of bailiwick", true, []string{"example. 300 TXT other"}, noError, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			answering(t, w, c.aa, c.records...)
			in := newWorld(t, w, nil)
			for i := range 2 {
				a := in.resolve("x.unsigned.example.", wire.TypeA)
				ns := wire.FindType(a.Authority, wire.TypeNS)
				if a.RCode != c.rcode || len(a.Sets) > 0 || (ns != nil) != (c.shown && i == 0) {
					t.Errorf("%s: %s, NS shown: %v, %v", c.what, a.RCode, ns != nil, a.Failure)
				}
				if c.rcode == servFail && (a.Failure == nil || a.Failure.Cause != cause.Lame) {
					t.Errorf("%s: %v", c.what, a.Failure)
				}
			}
		})
	}
}

// An alias to itself is answered with its CNAME, and with the reason why there is no more. A loop
// of several results is an error (RFC 1034, section 3.6.2).
func TestRFC1034AnAliasToItselfIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "self.example.",
			Records: "a CNAME a;;b CNAME a;;c CNAME d;;d CNAME c"})
		in := newWorld(t, w, nil)
		for name, want := range map[string]wire.RCode{"a": noError, "b": noError, "c": servFail} {
			a := in.resolve(name+".self.example.", wire.TypeA)
			if a.RCode != want || a.Failure == nil || a.Failure.Cause != cause.AliasLoop ||
				want == noError && a.Status != wire.Secure {
				t.Errorf("%s: %s %s %v", name, a.RCode, a.Status, a.Failure)
			}
		}
	})
}

// If a server is asked again in lower case and then fails, its earlier reply is used: a denial, the
// best reply that any server has.
func TestAFailureInLowerCaseDoesNotUndoADenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		var asked atomic.Int32
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if !strings.EqualFold(in.Question().Name, "x.unsigned.example.") {
				return lab.Reply{}, false
			}
			m := new(dns.Msg).SetReply(in.Query)
			if m.Authoritative = true; asked.Add(1) > 1 {
				m.Rcode = dns.RcodeServerFailure
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		if a := in.resolve("x.unsigned.example.", wire.TypeTXT); a.RCode != noError ||
			asked.Load() != 2 {
			t.Errorf("got %s %v after %d questions", a.RCode, a.Failure, asked.Load())
		}
	})
}
