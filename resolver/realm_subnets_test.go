package resolver

import (
	"net/netip"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// newHouse returns a resolver that sends networks to example., with a realm that has servers of its
// own for corp.example.
func newHouse(t *testing.T) (*Resolver, Parts, Config) {
	name := wire.MustParseName
	cfg := Default()
	cfg.IPv6, cfg.Prime = FamilyOff, false
	cfg.ECS.Zones = []wire.Name{name("example.")}
	anchors := &trustanchor.Set{}
	parts := Parts{Cache: cache.New(cache.Default()), Anchors: anchors,
		Clock: clock.NewFake(time.Now()), Realms: []Realm{{Name: "house", Anchors: anchors,
			Zones: []Zone{{Name: name("corp.example."), Forward: true,
				Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}}}}}}
	r := New(cfg, parts)
	t.Cleanup(r.Close)
	return r, parts, cfg
}

// TestRealmsLearnOfSubnetsApart: forwarders of a view that do not take networks say nothing of the
// servers of other clients, for whom the same zone is asked with networks as before.
func TestRealmsLearnOfSubnetsApart(t *testing.T) {
	r, parts, cfg := newHouse(t)
	house, www := r.In(1), wire.MustParseName("www.corp.example.")
	a := &zoneQuery{x: &resolution{r: house}, zone: wire.MustParseName("corp.example."),
		conf: &house.cfg.Zones[0], q: wire.Question{Name: www, Type: wire.TypeA}}
	for range enoughAlike {
		r.subnets.alike(a.learner(), r.clock.Now())
	}
	if house.tailored(www, wire.TypeA) {
		t.Error("the house goes on asking with networks")
	}
	for _, of := range []string{"www.corp.example.", "www.example."} {
		if !r.tailored(wire.MustParseName(of), wire.TypeA) {
			t.Errorf("others ask for %s without networks", of)
		}
	}
	if !house.tailored(wire.MustParseName("www.example."), wire.TypeA) {
		t.Error("the house asks for what it shares without networks")
	}
	parts.Realms = nil
	next := r.Successor(cfg, parts)
	t.Cleanup(next.Close)
	next.Forget(r)
	if list := next.SubnetZones(); len(list) != 0 {
		t.Errorf("kept when the realm is gone: %+v", list)
	}
}

// TestRealmsKeepVariantsApart: an answer for a network that came from the servers of a view is no
// other client's, and the other way round; where the realms do not differ they share them. What a
// realm has kept ends with it.
func TestRealmsKeepVariantsApart(t *testing.T) {
	r, parts, cfg := newHouse(t)
	name := wire.MustParseName
	house, network := r.In(1), netip.MustParsePrefix("11.0.0.0/24")
	keep := func(of *Resolver, owner string, last byte) {
		k := cache.Key{Name: name(owner), Type: wire.TypeA}
		of.putVariant(k, &result{kind: wire.KindAnswer, status: wire.Insecure,
			sets: []*wire.RRset{{Name: k.Name, Type: k.Type, Class: wire.ClassIN, TTL: 300,
				Data: wire.RDataList{}.Append([]byte{10, 0, 0, last})}}}, network, false,
			of.memory.flushes())
	}
	last := func(of *Resolver, owner string) byte {
		a := of.KnownFor(network, wire.Question{Name: name(owner), Type: wire.TypeA,
			Class: wire.ClassIN}, false, true, &Checks{})
		if a == nil || len(a.Sets) != 1 {
			return 0
		}
		return a.Sets[0].Data.First()[3]
	}
	keep(r, "www.corp.example.", 1)
	if have := last(house, "www.corp.example."); have != 0 {
		t.Errorf("the house gets 10.0.0.%d of the others", have)
	}
	keep(house, "www.corp.example.", 2)
	keep(house, "www.example.", 3)
	for of, want := range map[*Resolver][2]byte{r: {1, 3}, house: {2, 3}} {
		if have := [2]byte{last(of, "www.corp.example."), last(of, "www.example.")}; have != want {
			t.Errorf("%q gets 10.0.0.%d, want %d", of.name, have, want)
		}
	}
	parts.Realms = nil
	next := r.Successor(cfg, parts)
	defer next.Close()
	next.Forget(r)
	kept := 0
	_ = next.Variants(func(Variant) error { kept++; return nil })
	if kept != 2 {
		t.Errorf("%d answers are kept, want those of all clients", kept)
	}
}

// TestRealmsKeepEndedVariantsApart: an answer for a network that has ended stands in for fresh ones
// in its own realm alone.
func TestRealmsKeepEndedVariantsApart(t *testing.T) {
	r, parts, _ := newHouse(t)
	k := cache.Key{Name: wire.MustParseName("www.corp.example."), Type: wire.TypeA}
	house, network := r.In(1), netip.MustParsePrefix("11.0.0.0/24")
	house.putVariant(k, &result{kind: wire.KindAnswer, status: wire.Insecure,
		sets: []*wire.RRset{{Name: k.Name, Type: k.Type, Class: wire.ClassIN, TTL: 300,
			Data: wire.RDataList{}.Append([]byte{10, 0, 0, 1})}}}, network, false,
		house.memory.flushes())
	parts.Clock.(*clock.Fake).Advance(time.Hour)
	for of, want := range map[*Resolver]bool{house: true, r: false} {
		a := of.Stale(network, wire.Question{Name: k.Name, Type: k.Type, Class: wire.ClassIN},
			false, &cause.Failure{Cause: cause.Overload}, &Checks{})
		if (a != nil) != want {
			t.Errorf("%q: %v", of.name, a)
		}
	}
}
