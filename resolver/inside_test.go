// What clients learn of servers that the operator names.

package resolver_test

import (
	"net/netip"
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

// Clients do not get the addresses of an operator's own servers: those of forwarders and stub
// zones, and of zones that a stub zone's servers delegate, neither in the failure nor in the one
// under it. The log has them. The addresses of public servers are sent, for their owners.
func TestExtraTextDoesNotTellInsideServers(t *testing.T) {
	name := wire.MustParseName
	for _, c := range []struct {
		what  string
		zone  *resolver.Zone // its server is to be that of dead.faulty.
		ask   string
		below bool // the zone's server delegates all to another, which refuses
		told  bool
	}{
		{"forwarder", &resolver.Zone{Name: name("corp.example."), Forward: true},
			"www.corp.example.",
			false, false},
		{"forwarder for all", &resolver.Zone{Name: wire.Root, Forward: true}, "www.corp.example.",
			false,
			false},
		{"stub", &resolver.Zone{Name: name("corp.example.")}, "www.corp.example.", false, false},
		{"below a stub", &resolver.Zone{Name: name("corp.example.")}, "www.sub.corp.example.", true,
			false},
		{"public", nil, "www.intranet.example.", false, true},
		{"public beside a stub", &resolver.Zone{Name: name("corp.example.")},
			"www.intranet.example.",
			false, true},
		{"public below a root of one's own", &resolver.Zone{Name: wire.Root},
			"www.intranet.example.",
			true, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Add(lab.Zone{Name: "intranet.example.", Algorithm: lab.Unsigned})
				refuses := w.Servers()[len(w.Servers())-1]
				w.Add(lab.Zone{Name: "another.example.", Algorithm: lab.Unsigned})
				named := w.Servers()[len(w.Servers())-1]
				w.Script = func(i lab.Incoming) (lab.Reply, bool) {
					r := new(dns.Msg).SetReply(i.Query)
					switch {
					case i.Server == named && c.below:
						cut := i.Question().Name
						for dns.CountLabel(cut) > 3 || c.zone.Name.IsRoot() &&
							dns.CountLabel(cut) > 2 {
							at, _ := dns.NextLabel(cut, 0)
							cut = cut[at:]
						}
						ns, err := dns.NewRR(cut + " 300 NS ns." + cut)
						a, err2 := dns.NewRR("ns." + cut + " 300 A " + refuses.String())
						if err != nil || err2 != nil {
							t.Error(err, err2)
						}
						r.Ns, r.Extra = []dns.RR{ns}, []dns.RR{a}
					case i.Server == named, i.Server == refuses:
						r.Rcode = dns.RcodeRefused
					default:
						return lab.Reply{}, false
					}
					return lab.Messages(r), true
				}
				in := newWorld(t, w, func(rc *resolver.Config) {
					rc.CaseRandomisation = false
					rc.AggressiveNSEC = false
					if c.zone != nil {
						z := *c.zone
						z.Addrs = []netip.AddrPort{netip.AddrPortFrom(named, 53)}
						rc.Zones = []resolver.Zone{z}
					}
				})
				for _, when := range []string{"at first", "from memory"} {
					a := in.resolve(c.ask, wire.TypeA)
					if a.RCode != servFail {
						t.Fatalf("%s: %s %v\n%s", when, a.RCode, a.Failure, in.transcript())
					}
					logged, told := "", ""
					for f := a.Failure; f != nil; f = f.Under {
						logged += f.Error() + "\n"
						told += f.Extra() + "\n"
					}
					if a.Failure.Cause != cause.ServerRefused ||
						!strings.Contains(logged, "127.53.") {
						t.Errorf("%s: the log has %s", when, logged)
					}
					if strings.Contains(told, "127.53.") != c.told {
						t.Errorf("%s: clients hear %s", when, told)
					}
				}
			})
		})
	}
}
