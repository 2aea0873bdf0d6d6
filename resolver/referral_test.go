// Referrals from the cache, for clients that ask without RD and are allowed to.

package resolver_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// RFC 1034, section 4.3.2, step 4b: a client that wants no recursion is referred to the deepest
// zone known. The NS set is the zone's own if it came with an answer and verifies, and else the
// parent's. Nothing is asked for the client.
func TestRFC1034ReferralOutOfMemory(t *testing.T) {
	forged := base64.StdEncoding.EncodeToString(make([]byte, 64))
	for _, c := range []struct {
		what      string
		signature func(string) string // of the NS set that comes along; nil: none does
		kept      bool
		status    wire.Security
	}{
		{"its own", func(s string) string { return s }, true, wire.Secure},
		{"forged", func(string) string { return forged }, true, wire.Insecure},
		{"none came along", nil, true, wire.Insecure},
		{"nobody may look", func(s string) string { return s }, false, wire.Unchecked},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "own.example.", Records: "www A 192.0.2.1"})
			var along []dns.RR
			for _, rr := range exchange(t, w, "own.example.", dns.TypeNS).Answer {
				if sig, ok := rr.(*dns.RRSIG); ok && c.signature != nil {
					sig.Signature = c.signature(sig.Signature)
				}
				along = append(along, rr)
			}
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				if !strings.EqualFold(i.Question().Name, "www.own.example.") || c.signature == nil {
					return lab.Reply{}, false
				}
				m := i.Honest()
				m.Ns = append(m.Ns, along...)
				return lab.Messages(m), true
			}
			in := newWorld(t, w, func(cfg *resolver.Config) { cfg.Referrals = c.kept })
			if a := in.resolve("www.own.example.", wire.TypeA); a.Status != wire.Secure {
				t.Fatalf("%s: %s %v", c.what, a.RCode, a.Failure)
			}
			in.transcript()
			a := in.r.Referral(context.Background(), question("a.own.example.", wire.TypeA))
			if (a != nil) != c.kept {
				t.Fatalf("%s: referred: %v", c.what, a != nil)
			}
			if asked := in.transcript(); asked != "" {
				t.Errorf("%s: asked\n%s", c.what, asked)
			}
			if a == nil {
				return
			}
			ns := wire.Find(a.Authority, wire.MustParseName("own.example."), wire.TypeNS)
			if ns == nil || a.RCode != noError || a.Status != c.status ||
				(ns.Sigs.Len() > 0) != (c.status == wire.Secure) {
				t.Errorf("%s: %s %s, %v", c.what, a.RCode, a.Status, a.Authority)
			}
		})
	}
}

// The failure that is remembered for a question is returned, if other cached data of the name, here
// an alias that came with another type, do not lead to an answer.
func TestRFC9520KnownFailureBesideAnAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			q := i.Question()
			if q.Qtype != dns.TypeA || !strings.EqualFold(q.Name, "alias.unsigned.example.") {
				return lab.Reply{}, false
			}
			return lab.Messages(new(dns.Msg).SetRcode(i.Query, dns.RcodeServerFailure)), true
		}
		in := newWorld(t, w, nil)
		q := question("alias.unsigned.example.", wire.TypeA)
		if a := in.r.KnownFailure(q, false); a != nil {
			t.Errorf("before anything is known: %v", a.Failure)
		}
		in.resolve("alias.unsigned.example.", wire.TypeA)
		in.resolve("alias.unsigned.example.", wire.TypeTXT)
		if a := in.r.Known(q, false, true, &resolver.Checks{}); a != nil {
			t.Fatalf("known: %s %v", a.RCode, a.Failure)
		}
		if a := in.r.KnownFailure(q, false); a == nil || a.RCode != servFail || a.Failure == nil {
			t.Errorf("got %v", a)
		}
	})
}

// An answer gets the NS set of its own zone, and not that of a zone above. It gets none if the
// operator has named the zone's servers, as only the latter is known.
func TestServersBesideAnAnswerAreThoseOfItsZone(t *testing.T) {
	const name = "www.unsigned.example."
	for what, zones := range map[string][]resolver.Zone{"iterated": nil,
		"forwarded": {{Name: wire.MustParseName("unsigned.example."), Forward: true}},
		"a stub":    {{Name: wire.MustParseName("unsigned.example.")}}} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			in := newWorld(t, w, func(c *resolver.Config) { c.Zones = zones })
			in.resolve("www.secure.example.", wire.TypeA) // example. is known then
			in.resolve(name, wire.TypeA)
			ns := in.r.Servers(wire.MustParseName(name), false)
			if zones == nil && (ns == nil || ns.Name.String() != "unsigned.example.") ||
				zones != nil && ns != nil {
				t.Errorf("%s: got %v", what, ns)
			}
			if ns := in.r.Servers(wire.MustParseName(name), true); ns != nil {
				t.Errorf("%s: %v is not secure", what, ns)
			}
		})
	}
}
