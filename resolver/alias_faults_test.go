// Faults of alias chains: whose they are.

package resolver_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// RFC 1034, section 3.6.2: a chain of aliases that has no end is the fault of the zone that has the
// alias, so that it has an incident of its own: a zone that the operator has configured, or the
// deepest that is known. Where another resolver is asked for everything no zone is known, and the
// root is none.
func TestRFC1034FaultsOfAliasesHaveTheirZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "ring.example.", Records: "a CNAME b;;b CNAME a;;self CNAME self"})
		in := newWorld(t, w, nil)
		for name, want := range map[string]string{"a.ring.example.": "alias_loop ring.example.",
			"self.ring.example.": "alias_loop ring.example.",
			"c0.aliases.faulty.": "limit_aliases aliases.faulty."} {
			for range 2 { // from the servers, and from the cache
				a := in.resolve(name, wire.TypeA)
				if a.Failure == nil || a.Failure.Cause.Label()+" "+a.Failure.Zone != want {
					t.Errorf("%s: %v in %q, want %s", name, a.Failure, a.Failure.Zone, want)
				}
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // the zone may be another one's than that of the chain
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "start.", Records: "www CNAME c0.aliases.faulty."})
		a := newWorld(t, w, nil).resolve("www.start.", wire.TypeA)
		if a.Failure == nil || a.Failure.Cause != cause.LimitAliases ||
			a.Failure.Zone != "start." || a.Failure.Detail != "www.start. leads to "+
			fmt.Sprintf("c%d.aliases.faulty.", resolver.MaxAliases) {
			t.Errorf("a long chain into another zone: %+v", a.Failure)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		server := w.AddressOf("plain.")
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			r := new(dns.Msg).SetReply(i.Query)
			r.RecursionAvailable = true
			alias, err := dns.NewRR(i.Question().Name + " 300 CNAME " + i.Question().Name)
			if err != nil {
				t.Error(err)
			}
			r.Answer = []dns.RR{alias}
			return lab.Messages(r), i.Server == server
		}
		for zone, want := range map[string]string{".": "", "corp.plain.": "corp.plain."} {
			in := newWorld(t, w, func(c *resolver.Config) {
				c.Zones = []resolver.Zone{{Name: wire.MustParseName(zone), Forward: true,
					Addrs: []netip.AddrPort{netip.AddrPortFrom(server, 53)}}}
			})
			in.except(trustanchor.Negative, ".")
			a := in.resolve("self.corp.plain.", wire.TypeA)
			if a.Failure == nil || a.Failure.Cause != cause.AliasLoop || a.Failure.Zone != want {
				t.Errorf("%s forwarded: %+v", zone, a.Failure)
			}
		}
	})
}
