package secondary

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/logtest"
	"bailiwick/resolver"
	"bailiwick/wire"
	"bailiwick/zone"
)

// inLab is a world with a resolver that has copies of some of its zones, and one that has none.
type inLab struct {
	t         testing.TB
	world     *lab.World
	keeper    *Keeper
	primaries map[string]*primary // by zone
	held, not *resolver.Resolver
	log       logtest.Log
}

// asked are the copies of a keeper as the resolver asks them.
type asked struct{ *Keeper }

// Closest implements resolver.Copies.
func (a asked) Closest(name wire.Name) resolver.Copy {
	if c := a.Keeper.Closest(name); c != nil {
		return c
	}
	return nil
}

// holding makes copies of zones of a world. Each has the primary at an address of its own, which
// has the zone's records; change may alter the zone, and what the primary has.
func holding(t testing.TB, w *lab.World, zones []string, change func(*Zone, *primary),
	settings ...func(*resolver.Config)) *inLab {
	t.Helper()
	in := &inLab{t: t, world: w, primaries: map[string]*primary{}}
	by := map[string]*primary{}
	var c Config
	for i, name := range zones {
		p := &primary{versions: [][]dns.RR{w.Records(name)}, per: 50}
		addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})
		z := Zone{Name: wire.MustParseName(name), Primaries: []Primary{{Addr: addr}}}
		if change != nil {
			change(&z, p)
		}
		in.primaries[name], by[addr.String()+":53"] = p, p
		c.Zones = append(c.Zones, z)
	}
	c.Octets = defaultOctets
	in.keeper = New(Parts{Clock: clock.Real{}, Log: slog.New(slog.NewTextHandler(&in.log, nil)),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return by[addr].dial(ctx, network, addr)
		},
		Judge: func(ctx context.Context, z *zone.Zone, t wire.Type) (
			wire.Security, *cause.Failure) {
			return in.held.JudgeCopy(ctx, z, t)
		}})
	in.keeper.Replace(c)
	cfg, anchors := labtest.Resolver(w)
	cfg.Prefetch = false
	for _, s := range settings {
		s(&cfg)
	}
	make := func(copies resolver.Copies) *resolver.Resolver {
		r := resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()), Anchors: anchors,
			Exchanger: w, Clock: clock.Real{}, Copies: copies})
		t.Cleanup(r.Close)
		return r
	}
	in.held, in.not = make(asked{in.keeper}), make(nil)
	in.keeper.Start()
	t.Cleanup(in.keeper.Close)
	synctest.Wait()
	w.Transcript()
	return in
}

// ask asks a resolver.
func ask(r *resolver.Resolver, name string, t wire.Type, cd bool) *resolver.Answer {
	q := wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN}
	return r.Resolve(context.Background(), q, resolver.Options{CheckingDisabled: cd})
}

// text is an answer without what may differ: the order of sets.
func text(a *resolver.Answer) string {
	s := fmt.Sprint(a.RCode, " ", a.Status, " ")
	for _, part := range [][]*wire.RRset{a.Sets, a.Authority} {
		var sets []string
		for _, x := range part {
			sets = append(sets, fmt.Sprintf("%s %s %d %d;", x.Name, x.Type, x.Len(), x.Sigs.Len()))
		}
		slices.Sort(sets)
		s += fmt.Sprint(sets)
	}
	if a.Failure != nil {
		s += a.Failure.Cause.Label()
	}
	return s
}

// asksOf reports whether a server of a zone was asked since the last call.
func (in *inLab) asksOf(zone string) bool {
	addr := in.world.AddressOf(zone)
	return slices.ContainsFunc(in.world.Transcript(), func(e lab.Exchange) bool {
		return e.Server == addr
	})
}

// ordinary are names below a zone of the lab's internet.
var ordinary = []string{"", "www.", "txt.", "alias.", "away.", "x.wild.", "a.x.wild.", "wild.",
	"a.b.ent.", "b.ent.", "ent.", "x.ent.", "dname.", "x.dname.", "leaf.tree.", "tree.", "nx.",
	"x.nx.", "*.wild.", "www.www."}

// With copies of its zones the whole internet of the lab answers as it does without.
func TestCopiesAnswerAsTheServersDo(t *testing.T) {
	zones := []string{".", "example.", "optout.", "faulty.", "plain.", "victim.", "secure.example.",
		"nsec3.example.", "iterated.example.", "unsigned.example.", "nods.example.",
		"signed.optout.", "unsigned.optout.", "rsasha256.example.", "sub.secure.example.",
		"plain.secure.example.", "ed25519.example."}
	types := []wire.Type{wire.TypeA, wire.TypeAAAA, wire.TypeMX, wire.TypeTXT, wire.TypeNS,
		wire.TypeDS, wire.TypeSOA, wire.TypeDNSKEY, wire.TypeCNAME}
	synctest.Test(t, func(t *testing.T) {
		in := holding(t, lab.Internet(time.Now()), zones, nil)
		for _, s := range in.keeper.Status() {
			if !s.Usable {
				t.Fatalf("%+v", s)
			}
		}
		for _, z := range zones {
			for _, label := range ordinary {
				for _, qt := range types {
					name := strings.TrimPrefix(label+z, "..")
					if z == "." && label != "" {
						name = label
					}
					in.world.Transcript()
					got := text(ask(in.held, name, qt, false))
					if sent := in.world.Transcript(); len(sent) > 0 {
						t.Errorf("%s %s: asked %v", name, qt, sent)
					}
					if want := text(ask(in.not, name, qt, false)); got != want {
						t.Errorf("%s %s:\n got %s\nwant %s", name, qt, got, want)
					}
				}
			}
		}
		if !t.Failed() && in.keeper.Status()[0].Answers == 0 {
			t.Error("no copy was asked")
		}
	})
}

// The copy of the root is asked in place of its servers, for referrals, DS and denials; data from
// it are validated, and the servers of other zones are asked as ever.
func TestRFC8806RootIsAskedHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := holding(t, lab.Internet(time.Now()), []string{"."}, nil)
		for name, status := range map[string]wire.Security{"www.secure.example.": wire.Secure,
			"www.plain.": wire.Insecure, "nx.": wire.Secure} {
			if a := ask(in.held, name, wire.TypeA, false); a.Status != status {
				t.Errorf("%s: %s", name, text(a))
			}
		}
		log := in.world.Transcript()
		root, example := in.world.AddressOf("."), in.world.AddressOf("example.")
		of := func(addr netip.Addr) bool {
			return slices.ContainsFunc(log, func(e lab.Exchange) bool { return e.Server == addr })
		}
		if of(root) || !of(example) {
			t.Errorf("asked %v", log)
		}
	})
}

// A copy that cannot be used costs nothing: the servers are asked at once.
func TestRFC8806ServersAreAskedWithoutAUsableCopy(t *testing.T) {
	for what, change := range map[string]func(*Zone, *primary){
		"none": func(_ *Zone, p *primary) {
			p.change = func(_ uint16, reply []*dns.Msg) []*dns.Msg {
				reply[0].Rcode = dns.RcodeRefused
				return reply[:1]
			}
		},
		"one without signatures": func(z *Zone, p *primary) {
			z.Digest = DigestOff
			p.versions[0] = slices.DeleteFunc(p.versions[0], func(rr dns.RR) bool {
				return rr.Header().Rrtype == dns.TypeRRSIG
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := holding(t, lab.Internet(time.Now()), []string{"."}, change)
				began := time.Now()
				for _, name := range []string{"www.secure.example.", "nx."} {
					if a := ask(in.held, name, wire.TypeA, false); a.Status != wire.Secure {
						t.Errorf("%s: %s", name, text(a))
					}
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("took %v", took)
				}
				if !in.asksOf(".") {
					t.Error("the root's servers were not asked")
				}
			})
		})
	}
}

// A private zone has nobody else to ask: without a usable copy its names fail, with a cause of
// their own, and the public tree hears nothing of them. With one they do not depend on what the
// public tree says of the zone's name.
func TestPrivateZoneIsNotAskedForElsewhere(t *testing.T) {
	world := func() *lab.World {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "corp.", Records: "www A 192.0.2.5"})
		return w
	}
	private := func(c *resolver.Config) {
		c.Zones = []resolver.Zone{{Name: wire.MustParseName("corp."), Held: true}}
	}
	synctest.Test(t, func(t *testing.T) {
		in := holding(t, world(), []string{"corp."}, func(_ *Zone, p *primary) {
			p.versions[0] = append(p.versions[0], records(t, "secret.corp. 60 IN A 10.0.0.1")...)
		}, private)
		in.world.Transcript()
		for name, want := range map[string]string{"secret.corp.": "insecure", "www.corp.": ""} {
			a := ask(in.held, name, wire.TypeA, true)
			if len(a.Sets) != 1 {
				t.Errorf("%s: %s, want %s", name, text(a), want)
			}
		}
		if sent := in.world.Transcript(); len(sent) > 0 {
			t.Errorf("asked %v", sent)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		in := holding(t, world(), []string{"corp."}, func(_ *Zone, p *primary) {
			p.change = func(_ uint16, reply []*dns.Msg) []*dns.Msg { return nil }
		}, private)
		in.world.Transcript()
		a := ask(in.held, "www.corp.", wire.TypeA, false)
		if a.RCode != wire.RCodeServFail || a.Failure == nil || a.Failure.Cause != cause.NotHeld {
			t.Errorf("%s", text(a))
		}
		if sent := in.world.Transcript(); len(sent) > 0 {
			t.Errorf("asked %v", sent)
		}
		in.primaries["corp."].alter(func(p *primary) { p.change = nil })
		time.Sleep(time.Minute)
		if a := ask(in.held, "www.corp.", wire.TypeA, false); a.Status != wire.Secure {
			t.Errorf("with a copy again: %s", text(a))
		}
	})
}

// digested is a zone whose author has given it a ZONEMD record, so that its NSEC records name it.
func digested() *lab.World {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "signed.", Records: "www A 192.0.2.5;;*.wild TXT x;;Mixed MX 10 Www;;" +
		"@ ZONEMD 1 1 1 " + strings.Repeat("00", 48)})
	w.Add(lab.Zone{Name: "plain.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.5"})
	return w
}

// drop removes the records of a type, and their signatures.
func drop(rrs []dns.RR, t uint16) []dns.RR {
	return slices.DeleteFunc(slices.Clone(rrs), func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return rr.Header().Rrtype == t || ok && sig.TypeCovered == t
	})
}

// The digest and DNSSEC decide together whether a zone is used (RFC 8976, section 4).
func TestRFC8976WhatIsUsed(t *testing.T) {
	whole := func(w *lab.World, zone string) []dns.RR { return w.WithDigest(zone, w.Records(zone)) }
	for what, c := range map[string]struct {
		zone    string
		demand  Digest
		records func(w *lab.World) []dns.RR
		want    string // the outcome, "" if it is not used
	}{
		"a right digest": {"signed.", DigestRequired,
			func(w *lab.World) []dns.RR { return whole(w, "signed.") }, digestRight},
		"a record more": {"signed.", DigestIfPresent, func(w *lab.World) []dns.RR {
			return append(whole(w, "signed."), records(t, "x.signed. 60 IN A 192.0.2.9")...)
		}, ""},
		"a digest made by somebody else": {"signed.", DigestIfPresent, func(w *lab.World) []dns.RR {
			rrs := append(w.Records("signed."), records(t, "x.signed. 60 IN A 192.0.2.9")...)
			rrs = w.WithDigest("signed.", rrs)
			last := rrs[len(rrs)-1].(*dns.RRSIG)
			last.Signature = strings.Repeat("A", 86) + "=="
			return rrs
		}, ""},
		"a digest that was taken out": {"signed.", DigestIfPresent, func(w *lab.World) []dns.RR {
			return drop(whole(w, "signed."), dns.TypeZONEMD)
		}, ""},
		"no keys": {"signed.", DigestIfPresent, func(w *lab.World) []dns.RR {
			return w.WithDigest("signed.", drop(w.Records("signed."), dns.TypeDNSKEY))
		}, ""},
		"an unsigned zone with a right one": {"plain.", DigestRequired,
			func(w *lab.World) []dns.RR { return whole(w, "plain.") }, digestRight},
		"an unsigned zone without one": {"plain.", DigestIfPresent,
			func(w *lab.World) []dns.RR { return w.Records("plain.") }, digestAbsent},
		"an unsigned zone without the one that is required": {"plain.", DigestRequired,
			func(w *lab.World) []dns.RR { return w.Records("plain.") }, ""},
		"an unsigned zone with a wrong one": {"plain.", DigestIfPresent,
			func(w *lab.World) []dns.RR {
				return append(whole(w, "plain."), records(t, "x.plain. 60 IN A 192.0.2.9")...)
			}, ""},
		"a wrong one that is not looked at": {"plain.", DigestOff, func(w *lab.World) []dns.RR {
			return append(whole(w, "plain."), records(t, "x.plain. 60 IN A 192.0.2.9")...)
		}, digestOff},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := digested()
				in := holding(t, w, []string{c.zone}, func(z *Zone, p *primary) {
					z.Digest = c.demand
					p.versions[0] = c.records(w)
				})
				s := in.keeper.Status()[0]
				if s.Usable != (c.want != "") || s.Digest != c.want {
					t.Errorf("want %q, got %+v", c.want, s)
				}
			})
		})
	}
}

// The parent cannot be asked whether the zone is signed: a zone whose digest has to be right is not
// used; others are, and are judged when their parent answers again.
func TestRFC8976ParentThatCannotBeAsked(t *testing.T) {
	for demand, want := range map[Digest]string{DigestRequired: "",
		DigestIfPresent: digestUnproven} {
		synctest.Test(t, func(t *testing.T) {
			w := digested()
			var speaks atomic.Bool
			w.Script = func(lab.Incoming) (lab.Reply, bool) { return lab.Reply{}, !speaks.Load() }
			in := holding(t, w, []string{"signed."}, func(z *Zone, p *primary) {
				z.Digest = demand
				p.versions[0] = w.WithDigest("signed.", w.Records("signed."))
			})
			time.Sleep(15 * time.Second)
			if s := in.keeper.Status()[0]; s.Usable != (want != "") || s.Digest != want {
				t.Errorf("want %q, got %+v", want, s)
			}
			speaks.Store(true)
			time.Sleep(2 * time.Hour)
			if s := in.keeper.Status()[0]; s.Digest != digestRight {
				t.Errorf("when the parent answers again: %+v", s)
			}
		})
	}
}

// A digest is checked after changes too; where they lead to another zone, the whole one is
// transferred.
func TestRFC8976DigestIsCheckedAfterChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := digested()
		in := holding(t, w, []string{"plain."}, func(z *Zone, p *primary) {
			z.Digest = DigestRequired
			p.versions[0] = w.WithDigest("plain.", p.versions[0])
		})
		p := in.primaries["plain."]
		p.questions()
		p.add(t, nil, []string{"more.plain. 60 IN A 192.0.2.8"})
		p.alter(func(p *primary) {
			p.versions[1] = w.WithDigest("plain.", p.versions[1])
			p.change = changed(dns.TypeIXFR, func(rrs []dns.RR) []dns.RR { // one is lost
				return slices.DeleteFunc(rrs, func(rr dns.RR) bool {
					return rr.Header().Name == "more.plain."
				})
			})
		})
		time.Sleep(25 * time.Hour)
		if s := in.keeper.Status()[0]; s.Serial != 2 || s.Digest != digestRight {
			t.Errorf("%+v", s)
		}
		if got := p.questions(); !slices.Equal(got[:3], []string{"SOA", "IXFR", "AXFR"}) {
			t.Errorf("asked %v", got)
		}
	})
}

// A whole zone that comes because the changes have led to another one may be of a server that is
// behind: it is no zone in place of the copy, right as its digest is (RFC 1982, section 3.2), nor
// does it confirm the copy, as there is a newer one.
func TestRFC1982WholeZoneAfterChangesIsNewer(t *testing.T) {
	for serial, problem := range map[uint32]string{0: errOlder.Error(), 1: errSame.Error()} {
		synctest.Test(t, func(t *testing.T) {
			w := digested()
			old := []dns.RR{}
			in := holding(t, w, []string{"plain."}, func(z *Zone, p *primary) {
				z.Digest = DigestRequired
				soa := dns.Copy(p.versions[0][0]).(*dns.SOA)
				soa.Serial = serial
				old = w.WithDigest("plain.", append([]dns.RR{soa}, p.versions[0][1:]...))
				p.versions[0] = w.WithDigest("plain.", p.versions[0])
			})
			p := in.primaries["plain."]
			p.questions()
			p.add(t, nil, []string{"more.plain. 60 IN A 192.0.2.8"}) // with the digest of serial 1
			p.alter(func(p *primary) {
				p.change = changed(dns.TypeAXFR, func([]dns.RR) []dns.RR {
					return append(slices.Clone(old), old[0])
				})
			})
			time.Sleep(20 * time.Hour) // before the copy expires
			s := in.keeper.Status()[0]
			if s.Serial != 1 || s.Failed == 0 || s.Current > 0 || !strings.Contains(s.Problem,
				problem) {
				t.Errorf("of serial %d: %+v", serial, s)
			}
			if got := p.questions(); len(got) < 3 || !slices.Equal(got[:3], []string{"SOA", "IXFR",
				"AXFR"}) {
				t.Errorf("asked %v", got)
			}
			p.alter(func(p *primary) {
				p.versions[1] = w.WithDigest("plain.", drop(p.versions[1], dns.TypeZONEMD))
				p.change = nil
			})
			time.Sleep(25 * time.Hour)
			if s := in.keeper.Status()[0]; s.Serial != 2 || s.Digest != digestRight {
				t.Errorf("when all servers have the zone: %+v", s)
			}
		})
	}
}
