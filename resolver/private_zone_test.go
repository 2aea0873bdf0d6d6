// Private zones below a signed one: the hint for the operator, and the remedy.

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
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// newPrivate is the internet with a zone private.secure.example. that only a server of the
// operator's knows: the signed secure.example. denies it.
func newPrivate(t *testing.T, z resolver.Zone) *internet {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "intranet.example.", Algorithm: lab.Unsigned})
	at := w.Servers()[len(w.Servers())-1]
	w.Script = func(i lab.Incoming) (lab.Reply, bool) {
		if i.Server != at {
			return lab.Reply{}, false
		}
		r := new(dns.Msg).SetReply(i.Query)
		r.Authoritative, r.RecursionAvailable = true, true
		if q := i.Question(); q.Qtype == dns.TypeA {
			rr, err := dns.NewRR(q.Name + " 300 A 10.0.0.80")
			if err != nil {
				t.Error(err)
			}
			r.Answer = append(r.Answer, rr)
		}
		return lab.Messages(r), true
	}
	z.Addrs = []netip.AddrPort{netip.AddrPortFrom(at, 53)}
	return newWorld(t, w, func(c *resolver.Config) {
		c.CaseRandomisation = false
		c.Zones = []resolver.Zone{z}
	})
}

// The hint of what fails in a zone whose servers the operator names is for the operator, not for
// the owner of a public zone, who does not read this log.
func TestBogusAnswersOfConfiguredZonesHaveTheOperatorsHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newPrivate(t, resolver.Zone{Name: wire.Root, Forward: true})
		a := in.resolve("www.secure.example.", wire.TypeA)
		const want = "servers of zone . in resolver.forward_zones pass DNSSEC records on"
		if a.Failure == nil || !strings.Contains(a.Failure.Hint(), want) ||
			a.Failure.By() != cause.Resolver {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
	})
}

// What a server that the operator names cannot have left out is the signer's fault, and has the
// remedy of any other zone: signatures that have expired or are wrong.
func TestFaultsOfTheSignerAreNotTheConfigurationsOwn(t *testing.T) {
	for zone, by := range map[string]cause.Actor{"expired.faulty.": cause.Zone,
		"future.faulty.": cause.Zone, "corrupt-signatures.faulty.": cause.Zone,
		"missing-signatures.faulty.": cause.Resolver, "no-denial.faulty.": cause.Resolver,
		"ds-mismatch.faulty.": cause.Resolver, "refusing.faulty.": cause.Resolver} {
		for _, all := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				z := resolver.Zone{Name: wire.MustParseName(zone),
					Addrs: []netip.AddrPort{netip.AddrPortFrom(w.AddressOf(zone), 53)}}
				if all {
					z.Name, z.Forward = wire.Root, true
					forward := w.AddressOf("plain.")
					z.Addrs = []netip.AddrPort{netip.AddrPortFrom(forward, 53)}
					w.Script = func(i lab.Incoming) (lab.Reply, bool) {
						if i.Server != forward {
							return lab.Reply{}, false
						}
						name, at := i.Question().Name, "."
						for _, cut := range []string{"faulty.", zone} {
							if dns.IsSubDomain(cut, name) && (name != cut ||
								i.Question().Qtype != dns.TypeDS) {
								at = cut
							}
						}
						return lab.Messages(forwarderFor(w, w.AddressOf(at), i.Query)), true
					}
				}
				in := newWorld(t, w, func(c *resolver.Config) { c.Zones = []resolver.Zone{z} })
				a := in.resolve("nope."+zone, wire.TypeA)
				want := by
				if all && zone == "ds-mismatch.faulty." {
					want = cause.Registrar
				}
				if a.Failure == nil || a.Failure.By() != want ||
					(a.Failure.Hint() == a.Failure.Cause.Hint()) != (want != cause.Resolver) {
					t.Errorf("%s, all forwarded: %t: %v, by %s: %s\n%s", zone, all, a.Failure,
						a.Failure.By(), a.Failure.Hint(), in.transcript())
				}
			})
		}
	}
}

// Split horizon: an unsigned zone of the operator's own below a signed one is bogus, for a cause of
// its own. The hint names the signed zone and both remedies; clients are told of neither.
func TestSplitHorizonNamesTheSignedZoneAndTheRemedies(t *testing.T) {
	for _, c := range []struct {
		zone, parent string
		forward      bool
	}{
		{"private.secure.example.", "secure.example.", true},
		{"private.secure.example.", "secure.example.", false},
		{"corp.", ".", true},                 // which the signed root denies
		{"nsec3.example.", "example.", true}, // which is signed for everybody else
		{"unsigned.secure.", ".", true},      // two labels below
		{"b.private.nsec3.example.", "nsec3.example.", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := newPrivate(t, resolver.Zone{Name: wire.MustParseName(c.zone), Forward: c.forward})
			key := map[bool]string{true: "forward_zones", false: "stub_zones"}[c.forward]
			for _, when := range []string{"at first", "from memory"} {
				a := in.resolve("www."+c.zone, wire.TypeA)
				if a.RCode != servFail || a.Failure == nil ||
					a.Failure.Cause != cause.SplitHorizon {
					t.Fatalf("%s, %s: got %s %v\n%s", c.zone, when, a.RCode, a.Failure,
						in.transcript())
				}
				for _, w := range []string{"zone " + c.zone + " in resolver." + key,
					"signed zone " + c.parent + " above", "insecure: true",
					"trust_anchors.records"} {
					if !strings.Contains(a.Failure.Hint(), w) {
						t.Errorf("%s, %s: the hint lacks %q: %s", c.zone, when, w,
							a.Failure.Hint())
					}
				}
				if strings.Contains(a.Failure.Extra(), "insecure") {
					t.Errorf("clients are told of the configuration: %s", a.Failure.Extra())
				}
			}
		})
	}
}

// For a forwarder at an address that is never asked, the hint is about the configuration, not about
// a delegation.
func TestServersThatMayNotBeAskedHaveTheOperatorsHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, lab.Internet(time.Now()), func(c *resolver.Config) {
			c.DoNotQueryLocalhost = true
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("corp.example."), Forward: true,
				Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5353")}}}
		})
		a := in.resolve("www.corp.example.", wire.TypeA)
		if a.Failure == nil || !strings.Contains(a.Failure.Hint(), "do_not_query_localhost") {
			t.Errorf("got %s %v\n%s", a.RCode, a.Failure, in.transcript())
		}
	})
}

// A bogus name of the public tree has the hint for the zone's owner.
func TestBogusAnswersOfPublicZonesKeepTheirHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newPrivate(t, resolver.Zone{Name: wire.MustParseName("private.secure.example."),
			Forward: true})
		if a := in.resolve("www.expired.faulty.", wire.TypeA); a.Failure == nil ||
			!strings.Contains(a.Failure.Hint(), "re-sign the zone") {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
	})
}

// A negative trust anchor at the zone, which is what insecure: true on it makes, is the remedy: the
// zone's names resolve, unvalidated, and its parent's stay validated.
func TestInsecureConfiguredZonesResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newPrivate(t, resolver.Zone{Name: wire.MustParseName("private.secure.example."),
			Forward: true})
		in.parts.Anchors.Except(wire.MustParseName("private.secure.example."),
			trustanchor.Negative)
		if a := in.resolve("www.private.secure.example.",
			wire.TypeA); a.RCode != wire.RCodeNoError ||
			len(a.Sets) != 1 || a.Status != wire.Insecure {
			t.Errorf("got %s %s %v\n%s", a.RCode, a.Status, a.Failure, in.transcript())
		}
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("the parent: got %s %s %v", a.RCode, a.Status, a.Failure)
		}
	})
}

// What the Internet has above a zone of the operator's does not answer for it, either when a
// delegation that its servers have sent is in doubt: the names would be told to public servers, and
// their denial taken.
func TestDoubtStaysInsideConfiguredZones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "intranet.example.", Algorithm: lab.Unsigned})
		at := w.Servers()[len(w.Servers())-1]
		w.Add(lab.Zone{Name: "lab.example.", Algorithm: lab.Unsigned})
		below := w.Servers()[len(w.Servers())-1]
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			m := new(dns.Msg).SetReply(i.Query)
			switch i.Server {
			case at:
				const cut = "lab.private.secure.example."
				m.Ns = []dns.RR{rr(cut + " 300 NS ns." + cut)}
				m.Extra = []dns.RR{rr("ns." + cut + " 300 A " + below.String())}
			case below:
				m.Authoritative = true
				m.Answer = []dns.RR{rr(i.Question().Name + " 300 A 10.0.0.80")}
			default:
				return lab.Reply{}, false
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, func(c *resolver.Config) {
			c.CaseRandomisation = false
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("private.secure.example."),
				Addrs: []netip.AddrPort{netip.AddrPortFrom(at, 53)}}}
		})
		public := w.AddressOf("secure.example.").String()
		for _, name := range []string{"a", "b", "c"} {
			in.transcript()
			a := in.resolve(name+".lab.private.secure.example.", wire.TypeA)
			asked := in.transcript()
			if a.Failure == nil || a.Failure.Cause != cause.SplitHorizon {
				t.Errorf("%s: %s %v", name, a.RCode, a.Failure)
			}
			for line := range strings.Lines(asked) {
				if strings.Contains(line, public) && strings.Contains(line, "lab.") {
					t.Errorf("a public server is asked %s", line)
				}
			}
			time.Sleep(40 * time.Second)
		}
	})
}
