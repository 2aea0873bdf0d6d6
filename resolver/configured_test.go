// Zones that the operator configured are trees of their own: data of the public tree do not hide
// their names, and a forwarder's data are not used outside its zone.

package resolver_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// office is an internet and an enterprise. The private zones corp., inside.example. and lan. are on
// a server that no public delegation leads to. They do not exist publicly, except for
// inside.example., which is an alias there.
type office struct {
	*internet
	private netip.AddrPort
}

// newOffice makes the private zones forward or stub zones. They are not validated.
func newOffice(t *testing.T, change func(w *lab.World, z *resolver.Zone)) *office {
	t.Helper()
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "alias.",
		Records: "inside CNAME www;;www A 192.0.2.80;;tree DNAME other;;www.other A 192.0.2.81"})
	w.Add(lab.Zone{Name: "private.example.", Algorithm: lab.Unsigned, Records: "@ A 192.0.2.1"})
	o := &office{private: netip.AddrPortFrom(w.AddressOf("private.example."), 53)}
	zones := []string{"corp.", "lan.", "inside.alias.", "deep.tree.alias.", "deep.nowhere.",
		"branch.plain.", "void."}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != o.private.Addr() {
			return lab.Reply{}, false
		}
		return lab.Messages(privately(in.Query, zones)), true
	}
	o.internet = newWorld(t, w, func(c *resolver.Config) {
		for _, name := range zones {
			z := resolver.Zone{Name: wire.MustParseName(name), Addrs: []netip.AddrPort{o.private}}
			if change != nil {
				change(w, &z)
			}
			c.Zones = append(c.Zones, z)
		}
	})
	for _, z := range zones {
		if err := o.parts.Anchors.AddNegative(z); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// privately answers from the private zones: an address for each name that begins with host, the
// apex has one as well; everything else does not exist.
func privately(q *dns.Msg, zones []string) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.SetEdns0(1232, true)
	m.Authoritative, m.RecursionAvailable = true, true
	name := strings.ToLower(q.Question[0].Name)
	for _, z := range zones {
		if !dns.IsSubDomain(z, name) {
			continue
		}
		soa := rr(z + " 60 SOA ns." + z + " host." + z + " 1 2 3 4 60")
		switch {
		case name == "void." || name != z && !strings.HasPrefix(name, "host"):
			m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
		case q.Question[0].Qtype == dns.TypeA:
			m.Answer = []dns.RR{rr(q.Question[0].Name + " 60 A 10.0.0.1")}
		default:
			m.Ns = []dns.RR{soa}
		}
		return m
	}
	m.Rcode = dns.RcodeRefused
	return m
}

func (o *office) wantHosts(t *testing.T, after string) {
	t.Helper()
	for _, n := range []string{"corp.", "host.corp.", "host.sub.corp.", "host.lan.",
		"inside.alias.",
		"host.inside.alias.", "host.deep.tree.alias.",
		"deep.nowhere.", "host.deep.nowhere.", "branch.plain.", "host.branch.plain.",
		"host.void."} {
		if a := o.resolve(n, wire.TypeA); a.RCode != noError || len(a.Sets) != 1 ||
			!a.Sets[0].Data.Has([]byte{10, 0, 0, 1}) {
			t.Errorf("after %s: %s: %s %v %v", after, n, a.RCode, a.Sets, a.Failure)
		}
	}
}

// RFC 4035, section 3.1.4.1: DS at a zone's apex is the parent's. Validating clients of the
// resolver ask for it, and the answer belongs to the parent's tree: a denial of the name, or an
// alias in its place, does not hide names of the private zone.
func TestConfiguredZoneSurvivesTheParentsDSAnswer(t *testing.T) {
	for _, forward := range []bool{true, false} {
		for _, cd := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(_ *lab.World, z *resolver.Zone) { z.Forward = forward })
				for _, zone := range []string{"corp.", "lan.", "inside.alias.",
					"deep.tree.alias."} {
					for range 2 {
						a := o.ask(zone, wire.TypeDS, resolver.Options{CheckingDisabled: cd})
						denied := zone == "corp." || zone == "lan." || zone == "deep.tree.alias."
						if want := map[bool]wire.RCode{true: nxDomain,
							false: noError}[denied]; a.RCode != want {
							t.Errorf("%s DS: %s %v, want %s", zone, a.RCode, a.Failure, want)
						}
					}
				}
				o.wantHosts(t, "DS")
				o.transcript()
				a := o.ask("corp.", wire.TypeDS, resolver.Options{CheckingDisabled: cd})
				if a.RCode != nxDomain || o.transcript() != "" {
					t.Errorf("the parent's denial is not kept for DS itself: %s", a.RCode)
				}
				if n, ok := o.cache.Negatives.Get(cache.Key{Name: wire.MustParseName("corp."),
					Type: wire.TypeNone}); ok {
					t.Errorf("kept for all types of the private zone: %+v", n)
				}
			})
		}
	}
}

// Denials, aliases and delegations of the public tree above a private zone are not used for the
// zone.
func TestConfiguredZoneSurvivesPublicDataAboveIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		// Names above, spans around.
		for _, n := range []string{"nowhere.", "plain.", "coro.", "corq.", "no.example.", "lam.",
			"x.lao."} {
			o.resolve(n, wire.TypeA)
		}
		o.resolve("www.tree.alias.", wire.TypeA) // a signed DNAME
		o.resolve("tree.alias.", wire.TypeDNAME)
		o.wantHosts(t, "denials and a DNAME of the public tree")
	})
}

// A private zone's denial at its apex does not answer a question for DS there, which is the
// parent's.
func TestConfiguredZoneDoesNotAnswerForItsDS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		if a := o.resolve("void.", wire.TypeA); a.RCode != nxDomain || a.Status == wire.Secure {
			t.Fatalf("the apex: %s %s", a.RCode, a.Status)
		}
		if a := o.resolve("void.", wire.TypeDS); a.RCode != nxDomain || a.Status != wire.Secure {
			t.Errorf("its DS: %s %s %v", a.RCode, a.Status, a.Failure)
		}
		o.wantHosts(t, "both")
	})
}

// forwarderFor makes a server a resolver for a world: it answers with the replies of a zone's
// authority.
func forwarderFor(w *lab.World, authority netip.Addr, q *dns.Msg) *dns.Msg {
	c := q.Copy()
	c.SetEdns0(1232, true)
	b, err := c.Pack()
	if err != nil {
		panic(err)
	}
	req := transport.Request{Server: netip.AddrPortFrom(authority, 53), Via: transport.TCP,
		Query:   b,
		Timeout: time.Second}
	reply, err := w.Exchange(context.Background(), req)
	if err != nil {
		panic(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		panic(err)
	}
	m.Authoritative, m.RecursionAvailable = false, true
	return m
}

// A forwarder for a name that does not exist publicly proves that with denials of the zone above.
// They validate the answer, and deny neither other names nor other types (CVE-2021-25220,
// MaginotDNS).
func TestForwarderDeniesWithAZoneAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "private.example.", Algorithm: lab.Unsigned, Records: "@ A 192.0.2.1"})
		private := netip.AddrPortFrom(w.AddressOf("private.example."), 53)
		example := w.AddressOf("secure.example.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != private.Addr() {
				return lab.Reply{}, false
			}
			return lab.Messages(forwarderFor(w, example, in.Query)), true
		}
		in := newWorld(t, w, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("corp.secure.example."),
				Forward: true,
				Addrs:   []netip.AddrPort{private}}}
		})
		for _, c := range []struct {
			name string
			typ  wire.Type
		}{{"corp.secure.example.", wire.TypeA}, {"host.corp.secure.example.", wire.TypeA},
			{"host.corp.secure.example.", wire.TypeTXT}} {
			a := in.resolve(c.name, c.typ)
			if a.RCode != nxDomain || a.Status != wire.Secure {
				t.Errorf("%s/%s: %s %s %v", c.name, c.typ, a.RCode, a.Status, a.Failure)
			}
			forwarded := private.Addr().String() + " " + c.name + " " + c.typ.String()
			if asked := in.transcript(); !strings.Contains(asked, forwarded) {
				t.Errorf("%s/%s: the forwarder is not asked; asked\n%s", c.name, c.typ, asked)
			}
			in.resolve(c.name, c.typ)
			if asked := in.transcript(); asked != "" {
				t.Errorf("%s/%s: asked again\n%s", c.name, c.typ, asked)
			}
		}
		// The same span, asked for in the public tree.
		if in.resolve("cor.secure.example.", wire.TypeA); in.transcript() == "" {
			t.Error("what the forwarder proved denies a name outside of its zone")
		}
	})
}

// While the servers of a zone with a fallback fail, the public tree may deny its names. That
// holds for the question alone, not for the zone when its servers are back.
func TestFallbackOfAConfiguredZoneDeniesNoMoreThanItsQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		o := newOffice(t, func(w *lab.World, z *resolver.Zone) {
			z.First = true
			up := w.Script
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if r, ok := up(in); !ok || !down {
					return r, ok
				}
				return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused)), true
			}
		})
		for _, n := range []string{"corp.", "branch.plain."} {
			if a := o.resolve(n, wire.TypeTXT); a.RCode != nxDomain {
				t.Fatalf("%s without its servers: %s %v", n, a.RCode, a.Failure)
			}
		}
		down = false
		time.Sleep(31 * time.Second) // servers that refused may be asked again
		o.wantHosts(t, "the fallback")
	})
}

// The SOA of a zone above its own is dropped from an unsigned denial of a forwarder.
func TestForwarderDoesNotSpeakForUnsignedZonesAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "private.example.", Algorithm: lab.Unsigned, Records: "@ A 192.0.2.1"})
		private, plain := netip.AddrPortFrom(w.AddressOf("private.example."),
			53), w.AddressOf("plain.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != private.Addr() {
				return lab.Reply{}, false
			}
			return lab.Messages(forwarderFor(w, plain, in.Query)), true
		}
		in := newWorld(t, w, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("corp.plain."), Forward: true,
				Addrs: []netip.AddrPort{private}}}
		})
		a := in.resolve("host.corp.plain.", wire.TypeA)
		if a.RCode != nxDomain || a.Status != wire.Insecure || len(a.Authority) != 0 {
			t.Errorf("%s %s %v %v", a.RCode, a.Status, a.Authority, a.Failure)
		}
	})
}
