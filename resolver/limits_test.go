// Limits that need a world of their own: the number and the lifetime of delegations.

package resolver_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// refer makes a referral to a cut, with the address of its one server or without.
func refer(i lab.Incoming, cut, ns string, addr netip.Addr) lab.Reply {
	m := new(dns.Msg).SetReply(i.Query)
	m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: cut, Rrtype: dns.TypeNS,
		Class: dns.ClassINET, Ttl: 300}, Ns: ns}}
	if addr.IsValid() {
		m.Extra = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: ns, Rrtype: dns.TypeA,
			Class: dns.ClassINET, Ttl: 300}, A: addr.AsSlice()}}
	}
	return lab.Messages(m)
}

// Each reply refers one label deeper, to the same server: a name has room for 127 of them.
func TestMaxReferrals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "deep.", Algorithm: lab.Unsigned})
		server := w.AddressOf("deep.")
		name := strings.Repeat("a.", 100) + "deep."
		var depth atomic.Int64
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Server != server {
				return lab.Reply{}, false
			}
			cut := name[len(name)-len("deep.")-2*int(depth.Add(1)):]
			return refer(i, cut, "ns."+cut, server), true
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.Minimise = resolver.MinimiseOff })
		a := in.resolve(name, wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.LimitReferrals {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
		if n := depth.Load(); n != resolver.MaxReferrals-1 { // the root's is one
			t.Errorf("%d referrals below the root's are followed", n)
		}
	})
}

// The server of each zone has its name in the next, which has to be asked for first.
func TestMaxDepth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "deep.", Algorithm: lab.Unsigned})
		server := w.AddressOf("deep.")
		var deepest atomic.Int64
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			labels := dns.SplitDomainName(strings.ToLower(i.Question().Name))
			if i.Server != server || len(labels) < 2 {
				return lab.Reply{}, false
			}
			var n int
			cut := labels[len(labels)-2]
			if _, err := fmt.Sscanf(cut, "z%d", &n); err != nil {
				return lab.Reply{}, false
			}
			deepest.Store(max(deepest.Load(), int64(n)))
			return refer(i, cut+".deep.", fmt.Sprintf("ns.z%d.deep.", n+1), netip.Addr{}), true
		}
		in := newWorld(t, w, nil)
		a := in.resolve("www.z0.deep.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.LimitDepth {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
		if n := deepest.Load(); n != resolver.MaxDepth {
			t.Errorf("%d zones deep", n)
		}
	})
}

// A delegation lasts for a day at most, whatever TTL the parent gives it.
func TestMaxDelegationTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "long.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
		own := w.AddressOf("long.")
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Server == own {
				return lab.Reply{}, false
			}
			m := i.Honest()
			for _, rr := range append(m.Ns, m.Extra...) {
				if rr.Header().Name != "." {
					rr.Header().Ttl = 7 * 86400
				}
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		for _, c := range []struct {
			after time.Duration
			root  bool
		}{{0, true}, {23 * time.Hour, false}, {2 * time.Hour, true}} {
			time.Sleep(c.after)
			in.transcript()
			if a := in.resolve(fmt.Sprintf("n%d.long.", c.after), wire.TypeA); a.RCode != noError {
				t.Fatalf("%v later: %s %v", c.after, a.RCode, a.Failure)
			}
			asked := in.transcript()
			if first := strings.HasPrefix(asked, own.String()+" "); first == c.root {
				t.Errorf("%v later:\n%s", c.after, asked)
			}
		}
	})
}

// RFC 8020, section 2, is applied to proven denials: without a proof the servers may have denied an
// empty non-terminal, and the names below it are asked for.
func TestRFC8020UnprovenDenialDeniesNothingBelow(t *testing.T) {
	for zone, asked := range map[string]bool{"unsigned.example.": true, "secure.example.": false} {
		synctest.Test(t, func(t *testing.T) {
			in := newWorld(t, lab.Internet(time.Now()), func(c *resolver.Config) {
				c.AggressiveNSEC = false
			})
			if a := in.resolve("below."+zone, wire.TypeA); a.RCode != nxDomain {
				t.Fatalf("%s: %s", zone, a.RCode)
			}
			in.transcript()
			in.resolve("www.below."+zone, wire.TypeA)
			if got := in.transcript(); (got != "") != asked {
				t.Errorf("%s: asked\n%s", zone, got)
			}
		})
	}
}
