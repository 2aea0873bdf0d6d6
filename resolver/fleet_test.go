// The memory of a fleet: what one resolver of several has found out answers the others, and nothing
// false does.

package resolver_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/counter"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleettest"
	"bailiwick/internal/lab"
	"bailiwick/internal/pemfile"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// member returns the same internet with another resolver that shares a store with others. Change
// may alter its configuration and its anchors.
func (in *internet) member(s fleet.Store, change func(*internet)) (*internet, *fleet.Fleet) {
	in.t.Helper()
	f := fleet.New(fleet.Parts{Clock: clock.Real{}, Writes: &counter.Outcomes{},
		Log:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Open: func(fleet.Settings) fleet.Store { return s }})
	f.Use(fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
		Secrets: []fleet.Secret{fleetSecret}})
	in.t.Cleanup(f.Close)
	other := *in
	other.parts.Anchors = in.parts.Anchors.Strict()
	if other.parts.Fleet = f; change != nil {
		change(&other)
	}
	return other.withMemory(cache.DefaultMemory), f
}

var fleetSecret = fleet.NewSecret(bytes.Repeat([]byte{7}, 32))

// serversOf returns the address of a zone's server.
func (in *internet) serversOf(zone string) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(in.world.AddressOf(zone), 53)}
}

// settle waits until what was resolved is in the store.
func settle() {
	synctest.Wait()
	time.Sleep(time.Millisecond)
	synctest.Wait()
}

// What one node has resolved another one answers without a question to any server: with the keys
// and DS sets that it needs to validate it, and with the same status.
func TestFleetAnswersInPlaceOfServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, store := newInternet(t), fleettest.New()
		first, _ := in.member(store, nil)
		for _, q := range warmQuestions {
			first.resolve(q.name, q.t)
		}
		settle()
		first.transcript()
		second, f := in.member(store, nil)
		for _, q := range warmQuestions {
			if a := second.resolve(q.name, q.t); a.Status != q.status || a.Failure != nil {
				t.Errorf("%s %v: %v, %v", q.name, q.t, a.Status, a.Failure)
			}
		}
		if asked := second.transcript(); asked != "" {
			t.Errorf("asked\n%s", asked)
		}
		if f.Counts().Of(fleet.Found) < uint64(len(warmQuestions)) {
			t.Errorf("%d entries found", f.Counts().Of(fleet.Found))
		}
	})
}

// A hundred nodes that know nothing miss a name in the same moment: three of them ask its servers,
// at most, and all answer.
func TestFleetOfAHundredNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, store := newInternet(t), fleettest.New()
		store.Delay = 200 * time.Microsecond
		in.world.Path = func(_ lab.Incoming, r lab.Reply) lab.Reply {
			return r.After(2 * time.Millisecond)
		}
		var all sync.WaitGroup
		for range 100 {
			node, _ := in.member(store, nil)
			all.Go(func() {
				if a := node.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
					t.Errorf("%v, %v", a.Status, a.Failure)
				}
			})
		}
		all.Wait()
		log := in.transcript()
		if n := strings.Count(log, " www.secure.example. A\n"); n < 1 || n > 3 {
			t.Errorf("%d nodes have asked the name's servers:\n%s", n, log)
		}
	})
}

// Whoever has the secret, and so can sign what it likes, gets no further than somebody who answers
// in place of the servers: what it says of a signed zone does not validate, and is not used. So
// nothing from the store has AD without proof.
func TestFleetProvesNothing(t *testing.T) {
	for _, c := range []struct {
		what, name string
		t          wire.Type
		status     wire.Security // of the answer in the end
		refused    bool
		change     func(e *cache.Shared)
	}{
		{"another address", "www.secure.example.", wire.TypeA, wire.Secure, true,
			func(e *cache.Shared) { e.Set.Set.Data[len(e.Set.Set.Data)-1]++ }},
		{"without signatures", "www.secure.example.", wire.TypeA, wire.Secure, true,
			func(e *cache.Shared) { e.Set.Set.Sigs, e.Set.Set.Security = nil, wire.Insecure }},
		{"a denial of a name that exists", "www.secure.example.", wire.TypeA, wire.Secure, true,
			func(e *cache.Shared) {
				*e = cache.Shared{Key: cache.Key{Name: e.Key.Name, Type: wire.TypeNone},
					Zone: e.Zone, Negative: &cache.Negative{NXDomain: true, Status: wire.Secure,
						Stored: e.Set.Stored, Expires: e.Set.Expires, SOA: &wire.RRset{
							Name: e.Zone, Type: wire.TypeSOA, Class: wire.ClassIN, TTL: 300,
							Data: wire.RDataList{}.Append(make([]byte, 22))}}}
			}},
		{"secure in a zone that is not signed", "www.plain.", wire.TypeA, wire.Insecure, false,
			func(e *cache.Shared) { e.Set.Set.Security = wire.Secure }},
		{"servers of another zone", "www.secure.example.", wire.TypeA, wire.Secure, true,
			func(e *cache.Shared) { e.Zone = wire.MustParseName("plain.") }},
		{"records of another name", "www.secure.example.", wire.TypeA, wire.Secure, true,
			func(e *cache.Shared) { e.Set.Set.Name = wire.MustParseName("plain.") }},
		{"keys of somebody else", "secure.example.", wire.TypeDNSKEY, wire.Secure, true,
			func(e *cache.Shared) { e.Set.Set.Data[len(e.Set.Set.Data)-1]++ }},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, store := newInternet(t), fleettest.New()
			first, forger := in.member(store, nil)
			first.parts.Fleet = &forging{Fleet: forger, name: wire.MustParseName(c.name), t: c.t,
				change: c.change}
			first = first.withMemory(cache.DefaultMemory)
			want := first.resolve(c.name, c.t)
			settle()
			second, f := in.member(store, nil)
			a := second.resolve(c.name, c.t)
			if a.Status != c.status || a.Failure != nil || a.RCode != want.RCode ||
				len(a.Sets) != 1 || !a.Sets[0].Data.Equal(want.Sets[0].Data) {
				t.Errorf("%s: %v %v %v", c.what, a.RCode, a.Status, a.Failure)
			}
			if got := f.Counts().Of(fleet.Bogus) > 0; got != c.refused {
				t.Errorf("%s: refused %v", c.what, got)
			}
		})
	}
}

// forging is a node of the fleet that lies about a name.
type forging struct {
	*fleet.Fleet
	name   wire.Name
	t      wire.Type
	change func(*cache.Shared)
}

func (f *forging) Offer(view *fleet.View, e *cache.Shared) {
	if e.Key.Name == f.name && e.Key.Type == f.t {
		own := *e
		if e.Negative == nil {
			set := *e.Set.Set
			set.Data = bytes.Clone(set.Data)
			own.Set.Set = &set
		}
		f.change(&own)
		e = &own
	}
	f.Fleet.Offer(view, e)
}

// stored reports whether the store has an entry of a name, whichever type and view.
func stored(s *fleettest.Store, name string) bool {
	for _, k := range s.Keys() {
		if strings.HasSuffix(k, ":"+name) {
			return true
		}
	}
	return false
}

// What is bogus, has failed, was not validated, may not be cached, or is trusted for reasons that
// the view does not have, is in no store. Unbound stores before it validates, and then serves what
// was bogus (github.com/NLnetLabs/unbound/issues/1504); blocky served to all what one had asked for
// with CD (github.com/0xERR0R/blocky/issues/455).
func TestFleetGetsOnlyWhatHoldsForOthers(t *testing.T) {
	for _, c := range []struct {
		what, name string
		options    resolver.Options
		change     func(*internet)
		want       bool
	}{
		{"data", "www.secure.example.", resolver.Options{}, nil, true},
		{"data of an unsigned zone", "www.plain.", resolver.Options{}, nil, true},
		{"a denial", "no.secure.example.", resolver.Options{}, nil, true},
		{"bogus data", "www.expired.faulty.", resolver.Options{}, nil, false},
		{"data that were not validated", "www.expired.faulty.",
			resolver.Options{CheckingDisabled: true}, nil, false},
		{"data of a zone without servers that answer", "www.dead.faulty.", resolver.Options{}, nil,
			false},
		{"data that the operator does not want to be cached", "www.plain.", resolver.Options{},
			func(in *internet) {
				in.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("plain."), NoCache: true,
					Addrs: in.serversOf("plain.")}}
			}, false},
		{"data of servers that are known by the operator's certificates", "www.plain.",
			resolver.Options{}, func(in *internet) {
				in.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("plain."),
					Addrs: in.serversOf("plain."),
					Peer:  &transport.Peer{Roots: pemfile.Fixed(x509.NewCertPool())}}}
			}, false},
		{"data of a copy of the zone that is kept here", "www.plain.", resolver.Options{},
			func(in *internet) { in.parts.Copies = plainCopy{} }, false},
		{"data of the public tree in place of a zone's", "www.plain.", resolver.Options{},
			func(in *internet) {
				in.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("plain."), First: true,
					Addrs: in.serversOf("dead.faulty.")}}
			}, false},
		{"data of a zone with servers of its own", "www.plain.", resolver.Options{},
			func(in *internet) {
				in.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("plain."),
					Addrs: in.serversOf("plain.")}}
			}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, store := newInternet(t), fleettest.New()
			node, _ := in.member(store, c.change)
			node.ask(c.name, wire.TypeA, c.options)
			settle()
			if got := stored(store, c.name); got != c.want {
				t.Errorf("%s: in the store %v", c.what, got)
			}
		})
	}
}

// plainCopy is a copy of plain., as a node keeps it for itself.
type plainCopy struct{}

func (plainCopy) Apex() wire.Name { return wire.MustParseName("plain.") }

func (c plainCopy) Closest(name wire.Name) resolver.Copy {
	if !name.Within(c.Apex()) {
		return nil
	}
	return c
}

func (plainCopy) Answer(q wire.Question) *wire.Message {
	m := new(dns.Msg).SetQuestion(q.Name.String(), uint16(q.Type))
	m.Response, m.Authoritative = true, true
	m.Answer = []dns.RR{rr("www.plain. 300 A 10.0.0.1")}
	packed, err := m.Pack()
	if err != nil {
		panic(err)
	}
	parsed, err := wire.Parse(packed)
	if err != nil {
		panic(err)
	}
	return parsed
}

// Who resolves a name by other servers, or validates it otherwise, neither gets what others have
// of it nor has them get its own. Names at which both do the same are shared. Where views shared
// what was validated, one could spoil it for others (github.com/0xERR0R/blocky/pull/2119); a stub
// zone was bogus with a store alone (github.com/NLnetLabs/unbound/issues/1464).
func TestFleetSharesWithinAView(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*internet)
		apart  string // a name that is not shared
		shared string // one that is; "": none
	}{
		{"a negative trust anchor", func(in *internet) {
			in.parts.Anchors.Except(wire.MustParseName("secure.example."), trustanchor.Negative)
		}, "www.secure.example.", "www.plain."},
		{"servers of its own", func(in *internet) {
			in.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("plain."),
				Addrs: in.serversOf("plain.")}}
		}, "www.plain.", "www.secure.example."},
		{"another rule of validation", func(in *internet) { in.cfg.Validation.Skew++ },
			"www.secure.example.", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, store := newInternet(t), fleettest.New()
			first, _ := in.member(store, nil)
			for _, name := range []string{c.apart, c.shared} {
				if name != "" {
					first.resolve(name, wire.TypeA)
				}
			}
			settle()
			first.transcript()
			second, _ := in.member(store, c.change)
			second.resolve(c.apart, wire.TypeA)
			if asked := second.transcript(); !strings.Contains(asked, c.apart) {
				t.Errorf("%s: %s is shared:\n%s", c.what, c.apart, asked)
			}
			if c.shared != "" {
				second.resolve(c.shared, wire.TypeA)
				if asked := second.transcript(); strings.Contains(asked, c.shared) {
					t.Errorf("%s: %s is not shared:\n%s", c.what, c.shared, asked)
				}
			}
			settle()
			third, _ := in.member(store, nil)
			if a := third.resolve(c.apart, wire.TypeA); a.Status != first.resolve(c.apart,
				wire.TypeA).Status || third.transcript() != "" {
				t.Errorf("%s: %v", c.what, a.Status)
			}
		})
	}
}

// What an operator has flushed here is asked for again, though the store has it.
func TestFleetDoesNotUndoAFlush(t *testing.T) {
	for what, flush := range map[string]func(*resolver.Resolver){
		"a name": func(r *resolver.Resolver) {
			r.Flush(wire.MustParseName("www.plain."), false)
		},
		"all below": func(r *resolver.Resolver) { r.Flush(wire.MustParseName("plain."), true) },
		"a selection": func(r *resolver.Resolver) {
			r.FlushOnly(cache.Selection{Name: wire.Root, Subtree: true, Type: wire.TypeA})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, store := newInternet(t), fleettest.New()
			node, _ := in.member(store, nil)
			node.resolve("www.plain.", wire.TypeA)
			settle()
			time.Sleep(time.Second)
			flush(node.r)
			node.transcript()
			node.resolve("www.plain.", wire.TypeA)
			if asked := node.transcript(); !strings.Contains(asked, "www.plain. A") {
				t.Errorf("%s: not asked for again:\n%s", what, asked)
			}
		})
	}
}

// An entry lives no longer than where it was stored, whatever least TTL the operator wants.
func TestFleetExtendsNoLife(t *testing.T) {
	for _, name := range []string{"www.plain.", "no.secure.example."} {
		synctest.Test(t, func(t *testing.T) {
			in, store := newInternet(t), fleettest.New()
			least := func() *internet {
				l := cache.Default()
				l.Min, l.MinNegative = 10*time.Minute, 10*time.Minute
				node, _ := in.member(store, nil)
				return node.withLimits(l.TTLLimits)
			}
			first := least()
			before := ttlOf(first.resolve(name, wire.TypeA))
			settle()
			time.Sleep(500 * time.Second)
			first.transcript()
			second := least()
			after := ttlOf(second.resolve(name, wire.TypeA))
			if asked := second.transcript(); asked != "" {
				t.Fatalf("%s: asked\n%s", name, asked)
			}
			if after > before-500 {
				t.Errorf("%s: %d s, after %d s at first and 500 s", name, after, before)
			}
		})
	}
}

// ttlOf returns the least TTL of an answer.
func ttlOf(a *resolver.Answer) uint32 {
	return min(cache.MinTTL(a.Sets), cache.MinTTL(a.Authority))
}

// A result that is about to end is taken from the store if another node has resolved it anew.
func TestFleetRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, store := newInternet(t), fleettest.New()
		prefetch := func(in *internet) { in.cfg.Prefetch = true }
		first, _ := in.member(store, prefetch)
		second, _ := in.member(store, prefetch)
		ttl := ttlOf(first.resolve("www.plain.", wire.TypeA))
		settle()
		second.resolve("www.plain.", wire.TypeA)
		time.Sleep(time.Duration(ttl)*time.Second - time.Duration(ttl)*time.Second/20)
		first.transcript()
		for _, node := range []*internet{first, second} {
			node.resolve("www.plain.", wire.TypeA)
			settle()
		}
		if n := strings.Count(first.transcript(), " www.plain. A\n"); n != 1 {
			t.Errorf("%d nodes have asked", n)
		}
		for _, node := range []*internet{first, second} {
			if left := ttlOf(node.resolve("www.plain.", wire.TypeA)); left < ttl/2 {
				t.Errorf("%d s left of %d s", left, ttl)
			}
		}
	})
}

// Realms learn nothing from each other by way of the store either, on any node; and what two nodes
// have for the same realm answers both. The houses of one node are those of the other.
func TestFleetKeepsRealmsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, store := newHouses(t), fleettest.New()
		truth := map[string]string{}
		key := func(realm, i int, cd bool) string { return fmt.Sprint(realm, i, cd) }
		each := func(f func(realm, i int, cd bool)) {
			for realm := range 3 {
				for i := range realmQuestions {
					f(realm, i, false)
					f(realm, i, true)
				}
			}
		}
		each(func(realm, i int, cd bool) {
			h.begin()
			truth[key(realm, i, cd)] = h.in(realm, realmQuestions[i].name, realmQuestions[i].t, cd)
		})
		found := uint64(0)
		for range 3 { // nodes, one after the other
			node, f := h.member(store, nil)
			h.parts.Fleet = node.parts.Fleet
			h.begin()
			each(func(realm, i int, cd bool) {
				c := realmQuestions[i]
				if got := h.in(realm, c.name, c.t, cd); got != truth[key(realm, i, cd)] {
					t.Errorf(differs, c.what, c.name, c.t, realm, cd, got, truth[key(realm, i, cd)])
				}
			})
			settle()
			found = f.Counts().Of(fleet.Found)
			if n := f.Counts().Of(fleet.Bogus) + f.Counts().Of(fleet.Forged); n > 0 {
				t.Errorf("%d entries were refused", n)
			}
		}
		if found < 20 {
			t.Errorf("the last node has found %d entries", found)
		}
	})
}

// An answer for one client's network is not in the store, and no other node gets it
// (github.com/coredns/coredns/issues/7036, github.com/Control-D-Inc/ctrld/issues/324).
func TestFleetHasNoAnswersForNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := newNetworks(t, nil), fleettest.New()
		for _, network := range []string{"10.1.2.0/24", "11.1.2.0/24"} {
			node, _ := n.member(store, nil)
			n.internet = node
			a := n.of(network, "www.cdn.example.", wire.TypeA)
			settle()
			if want := "198.51." + network[:2] + ".1"; !strings.Contains(telling(a),
				fmt.Sprintf("%x", netip.MustParseAddr(want).AsSlice())) {
				t.Errorf("for %s: %s", network, telling(a))
			}
			if stored(store, "www.cdn.example.") {
				t.Errorf("in the store: %v", store.Keys())
			}
		}
	})
}
