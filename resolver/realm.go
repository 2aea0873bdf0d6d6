// Realms: for some clients some names are resolved in another way, by other servers or with other
// exceptions from validation.

package resolver

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"

	"bailiwick/cache"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// Realm is what some clients have in place of a resolver's zones, and of its anchors with their
// exceptions.
//
// A resolver has another one for each realm ([Resolver.In]). Both share all caches, the fetches and
// what is known of servers. The names at which they differ, and all below these, are resolved by
// the realm's own resolver, and kept under its number in every cache: data, denials, spans,
// delegations, trust, failures, fetches under way. All other names are resolved by the shared
// resolver, whoever asks (see [Resolver.home]), and so are the servers of their zones
// ([serverList]): the configuration of a realm decides nothing about what others get.
type Realm struct {
	Name    string // for people
	Zones   []Zone
	Anchors *trustanchor.Set
}

// realmState is what is known of a realm, for as long as resolvers have it that follow each other.
type realmState struct {
	identity   [sha256.Size]byte
	zones      []Zone // as identity has them, with what certificates they are trusted by
	realm      *cache.Realm
	number     uint16
	recoveries *recoveries
	refetches  *refetches
	reporting  *reporting
}

// realmStates has the realms of resolvers that follow each other. A number is given to one realm
// only: who would resolve a single name otherwise has another number, and finds nothing of what was
// kept.
type realmStates struct {
	mu   sync.Mutex
	last uint16        // the number that was given out last; guarded by mu
	all  []*realmState // guarded by mu
}

// of returns the realm of an identity, a new one if there is none. drop forgets what is kept under
// a number that is given out again, after 65,535 others.
func (s *realmStates) of(identity [sha256.Size]byte, names []wire.Name, zones []Zone,
	drop func(uint16)) (state *realmState) {
	zones = slices.DeleteFunc(slices.Clone(zones), func(z Zone) bool {
		return !slices.ContainsFunc(names, z.Name.Within)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.all {
		if o.identity == identity && len(changedZones(o.zones, zones)) == 0 {
			return o
		}
	}
	for s.last++; s.last == 0 || slices.ContainsFunc(s.all, func(o *realmState) bool {
		return o.number == s.last
	}); s.last++ {
	}
	drop(s.last)
	state = &realmState{identity: identity, zones: zones, number: s.last,
		realm: cache.NewRealm(s.last, names), recoveries: newRecoveries(),
		refetches: newRefetches(), reporting: newReporting()}
	s.all = append(s.all, state)
	return state
}

// drop forgets realms.
func (s *realmStates) drop(gone func(*realmState) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, gone)
}

// In returns the resolver of a realm, by its place in [Parts.Realms] from 1 on; 0 is the resolver
// itself. Closing the resolver closes those of its realms.
func (r *Resolver) In(realm int) *Resolver {
	if realm == 0 {
		return r
	}
	return r.realms[realm-1]
}

// Realm returns what the caches keep apart for the clients of r, nil if nothing.
func (r *Resolver) Realm() *cache.Realm { return r.memory.realm }

// home returns the resolver of the clients of r that resolves a key, and the key with its realm.
func (r *Resolver) home(k cache.Key) (*Resolver, cache.Key) {
	if k = r.memory.at(k); k.Realm == 0 && r.shared != nil {
		return r.shared, k
	}
	return r, k
}

// each calls f with the resolver and those of its realms.
func (r *Resolver) each(f func(*Resolver)) {
	f(r)
	for _, own := range r.realms {
		f(own)
	}
}

// addRealms makes the resolvers of realms. Those of the resolver before stay what they are, if
// their realm is the same.
func (r *Resolver) addRealms(realms []Realm, before *Resolver) {
	for i := range realms {
		r.realms = append(r.realms, r.newRealm(&realms[i], before))
	}
}

// newRealm makes the resolver of a realm.
func (r *Resolver) newRealm(of *Realm, before *Resolver) *Resolver {
	cfg := r.cfg
	cfg.Zones, cfg.WarmNames, cfg.WarmZones = slices.Clone(of.Zones), nil, nil
	names := differing(r.cfg.Zones, cfg.Zones, r.anchors, of.Anchors)
	identity := identityOf(names, cfg.Zones, of.Anchors)
	state := r.states.of(identity, names, cfg.Zones, func(number uint16) {
		same := func(n uint16) bool { return n == number }
		r.memory.flushRealms(same)
		r.subnets.forgetRealms(same)
	})
	n := &Resolver{cfg: cfg, validator: r.validator, anchors: of.Anchors, exchanger: r.exchanger,
		probes: r.probes, clock: r.clock, observe: r.observe, events: r.events, guard: r.guard,
		routes: r.routes, tap: r.tap, copies: r.copies, fleet: r.fleet, infra: r.infra,
		fetches:      r.fetches,
		connectivity: r.connectivity, refetches: state.refetches, compared: r.compared,
		timeless: r.timeless, reporting: state.reporting, quotas: r.quotas, chance: r.chance,
		subnets: r.subnets, ecsZones: r.ecsZones, shared: r, state: state, states: r.states,
		name: of.Name}
	n.memory = r.memory.within(state.realm, state.recoveries, &n.cfg)
	n.views = sync.OnceValue(func() views { return n.judgements() })
	known := maps.Clone(r.forwarders)
	maps.DeleteFunc(known, func(k forwarderKey, _ *forwarder) bool {
		return state.realm.Own(k.zone)
	})
	follow := func(o *Resolver) {
		for i := range n.cfg.Zones {
			if old := n.cfg.Zones[i].among(o.cfg.Zones); old != nil {
				n.cfg.Zones[i].Peer = old.Peer // connections are found by this pointer
			}
		}
	}
	follow(r)
	if before != nil {
		for _, o := range before.realms {
			if o.state == state {
				follow(o)
				maps.Copy(known, o.forwarders)
				break
			}
		}
	}
	n.forwarders = newForwarders(n.cfg.Zones, known)
	return n
}

// differing returns the names at which two configurations resolve otherwise, without those below
// another of them.
func differing(zones, others []Zone, anchors, theirs *trustanchor.Set) (names []wire.Name) {
	all := append(trustanchor.Changed(anchors, theirs), changedZones(zones, others)...)
	for _, n := range all {
		if !slices.ContainsFunc(all, n.Below) && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// changedZones returns the names of the zones that are in one of two lists only.
func changedZones(a, b []Zone) (names []wire.Name) {
	for _, pair := range [][2][]Zone{{a, b}, {b, a}} {
		for i := range pair[0] {
			if z := &pair[0][i]; z.among(pair[1]) == nil {
				names = append(names, z.Name)
			}
		}
	}
	return names
}

// identityOf tells one realm from all others: by its names, and what it decides at and below them.
func identityOf(names []wire.Name, zones []Zone, anchors *trustanchor.Set) [sha256.Size]byte {
	texts := judgementsOf(zones, anchors)
	maps.DeleteFunc(texts, func(n wire.Name, _ string) bool {
		return !slices.ContainsFunc(names, n.Within)
	})
	for _, n := range names {
		texts[n] += "own "
	}
	order := slices.SortedFunc(maps.Keys(texts), func(a, b wire.Name) int {
		return cmp.Compare(a.Wire(), b.Wire())
	})
	h := sha256.New()
	for _, n := range order {
		fmt.Fprintf(h, "%q %q\n", n.Wire(), texts[n])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// judgementsOf returns what decides, at each name, who is asked and how data are validated.
func judgementsOf(zones []Zone, anchors *trustanchor.Set) map[wire.Name]string {
	texts := map[wire.Name]string{}
	if anchors != nil {
		texts = anchors.Text()
	}
	for _, z := range zones {
		peer := z.Peer
		if z.Peer = nil; peer != nil {
			texts[z.Name] += fmt.Sprintf("%s %x %s ", peer.Name, peer.Pins, peer.Path)
		}
		texts[z.Name] += fmt.Sprintf("zone %+v ", z)
	}
	return texts
}

// RealmName tells people for whom a number of the caches is.
func (r *Resolver) RealmName(number uint16) string {
	for _, own := range r.realms {
		if own.state.number == number {
			return own.name
		}
	}
	return "no view"
}

// numbers returns those of the realms.
func (r *Resolver) numbers() (all []uint16) {
	for _, own := range r.realms {
		all = append(all, own.state.number)
	}
	return all
}

// forgetRealms forgets the realms of another resolver that are none of r's.
func (r *Resolver) forgetRealms(other *Resolver) int {
	mine, theirs := r.numbers(), other.numbers()
	gone := func(n uint16) bool { return slices.Contains(theirs, n) && !slices.Contains(mine, n) }
	if !slices.ContainsFunc(theirs, gone) {
		return 0
	}
	r.states.drop(func(s *realmState) bool { return gone(s.number) })
	r.subnets.forgetRealms(gone)
	return r.memory.flushRealms(gone)
}
