// What is learnt of servers and zones that are asked with clients' networks (RFC 7871), and the
// answers that are for some networks alone.

package resolver

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/internal/limit"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// subnets is what is known of answers by network. Resolvers that succeed one another share it.
type subnets struct {
	variants *memcache.Cache[cache.Key, *variants]
	putting  sync.Mutex // held while the variants of a question are replaced

	mu    sync.Mutex
	zones *lru.Cache[cache.ZoneKey, subnetZone] // guarded by mu
	// servers has until when one is held to return networks; guarded by mu.
	servers *lru.Cache[subnetServer, time.Time]
}

// subnetZone is what is known of a zone.
type subnetZone struct {
	tailored time.Time // when an answer of it was for some networks alone
	alike    int       // answers since that were for all networks
	until    time.Time // until then it counts as a zone that answers all networks alike
}

// subnetServer is a server of a zone: one may serve several, with networks and without.
type subnetServer struct {
	zone cache.ZoneKey
	addr netip.Addr
}

// uses reports whether the zone has tailored an answer lately.
func (z *subnetZone) uses(now time.Time) bool {
	return !z.tailored.IsZero() && now.Sub(z.tailored) < subnetMemory
}

func newSubnets(bytes int64) *subnets {
	s := &subnets{}
	seed := maphash.MakeSeed()
	s.variants = memcache.New(int(bytes), func(k cache.Key) uint64 {
		return maphash.Comparable(seed, k)
	}, func(_ cache.Key, v *variants) int { return v.bytes })
	s.zones, _ = lru.New[cache.ZoneKey, subnetZone](maxSubnetZones) // fails for a size of 0 only
	s.servers, _ = lru.New[subnetServer, time.Time](maxSubnetServers)
	return s
}

// plain reports whether a name below a configured zone is in a zone that answers all networks
// alike, as far as is known. Its questions are put without networks, once for all clients, and its
// answers are cached and prepared like any others.
func (s *subnets) plain(name, top wire.Name, realm uint16, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if z, ok := s.zones.Get(cache.ZoneKey{Name: name, Realm: realm}); ok {
			return now.Before(z.until)
		}
		if name == top || name.IsRoot() {
			return false
		}
		name = name.Parent()
	}
}

// alike learns that an answer of a zone was for all networks, or that a server did not take the
// option. After some in a row the zone is asked without networks, and one question after
// subnetPause finds out whether that is still right. A zone that has tailored an answer lately has
// names of both kinds.
func (s *subnets) alike(zone cache.ZoneKey, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z, _ := s.zones.Get(zone)
	if z.uses(now) {
		return
	}
	if z.alike++; z.alike >= enoughAlike {
		z.alike, z.until = enoughAlike-1, now.Add(subnetPause)
	}
	s.zones.Add(zone, z)
}

// uses reports whether a zone has tailored an answer lately.
func (s *subnets) uses(zone cache.ZoneKey, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	z, _ := s.zones.Get(zone)
	return z.uses(now)
}

// tailors learns that a zone has answers for some networks alone.
func (s *subnets) tailors(zone cache.ZoneKey, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones.Add(zone, subnetZone{tailored: now})
}

// returns learns that a server returns the network. From then on a reply without it is taken for a
// forged one.
func (s *subnets) returns(zone cache.ZoneKey, addr netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers.Add(subnetServer{zone, addr}, now.Add(subnetMemory))
}

// lacks learns from a reply that cannot be forged that a server does not return the network.
func (s *subnets) lacks(zone cache.ZoneKey, addr netip.Addr, now time.Time) {
	s.mu.Lock()
	s.servers.Remove(subnetServer{zone, addr})
	s.mu.Unlock()
	s.alike(zone, now)
}

// expected reports whether a server is held to return the network.
func (s *subnets) expected(zone cache.ZoneKey, addr netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.servers.Get(subnetServer{zone, addr})
	return ok && now.Before(until)
}

// variants are the answers to one question, by the network that they are for. They are immutable.
type variants struct {
	list  []variant
	bytes int
}

// variant is an answer that holds for a network.
type variant struct {
	network netip.Prefix // zero: all networks
	exact   bool         // it holds for questions for just this network (RFC 7871, section 7.3.1)
	result  *result      // with the TTLs that it was stored with
	stored  int64        // seconds
	expires int64
}

// holds reports whether a variant answers a question for a network: the answer's network has to
// contain it, so that a client which has told little gets nothing that was made for a part of that
// (RFC 7871, section 7.3.2).
func (v *variant) holds(network netip.Prefix) bool {
	switch {
	case !v.network.IsValid():
		return true
	case v.exact:
		return v.network == network
	}
	return v.network.Bits() <= network.Bits() && v.network.Contains(network.Addr())
}

// find returns the variant of the longest network that holds, and its state. One that has ended
// comes after all that have not.
func (v *variants) find(network netip.Prefix, stateOf func(*variant) cache.State) (best *variant,
	state cache.State) {
	for i := range v.list {
		x := &v.list[i]
		if !x.holds(network) {
			continue
		}
		is := stateOf(x)
		if is != cache.None && (best == nil || is.Good() && !state.Good() ||
			is.Good() == state.Good() && x.network.Bits() > best.network.Bits()) {
			best, state = x, is
		}
	}
	return best, state
}

// with returns the variants and one more, which replaces that of the same network. What is gone, as
// it has ended long ago, is left out, and so is the new one if it is. Beyond MaxVariants the one
// that ends first gives way.
func (v *variants) with(add variant, gone func(*variant) bool) *variants {
	next := &variants{}
	if v != nil {
		for i := range v.list {
			if x := &v.list[i]; x.network != add.network && !gone(x) {
				next.list = append(next.list, *x)
			}
		}
	}
	if len(next.list) >= MaxVariants {
		limit.SubnetVariants.Met()
		slices.SortFunc(next.list, func(a, b variant) int { return int(b.expires - a.expires) })
		next.list = next.list[:MaxVariants-1]
	}
	if !gone(&add) {
		next.list = append(next.list, add)
	}
	for i := range next.list {
		next.bytes += next.list[i].size()
	}
	return next
}

// size returns the memory of a variant, in bytes, about.
func (v *variant) size() int {
	const overhead, set = 320, 160
	n := overhead
	for _, sets := range [2][]*wire.RRset{v.result.sets, v.result.proofs} {
		for _, s := range sets {
			n += set + s.Name.Len() + len(s.Data) + len(s.Sigs)
		}
	}
	return n
}

// variant returns a copy of the kept answer for a question and its network, with the TTLs that are
// left; nil if there is none. stale reports whether there is one then that has ended.
func (r *Resolver) variant(k fetchKey) (l *result, stale bool) {
	now := r.clock.Now()
	v, state := r.findVariant(k, now)
	if !state.Good() {
		return nil, state == cache.Stale
	}
	l = v.copied(state)
	left := uint32(v.expires - now.Unix())
	for _, sets := range [2][]*wire.RRset{l.sets, l.proofs} {
		for _, s := range sets {
			if s.TTL = min(s.TTL, left, r.memory.left(s, v.stored, now)); s.TTL == 0 {
				return nil, false // the clock was set
			}
		}
	}
	return l, false
}

// staleVariant returns a copy of the answer for a question and its network that has ended; nil if
// there is none that may be used, or one that has not ended.
func (r *Resolver) staleVariant(k fetchKey, now time.Time) *result {
	if v, state := r.findVariant(k, now); state == cache.Stale {
		return v.copied(state)
	}
	return nil
}

// findVariant returns the kept answer for a question and its network, and its state.
func (r *Resolver) findVariant(k fetchKey, now time.Time) (*variant, cache.State) {
	all, ok := r.subnets.variants.Get(r.memory.at(k.Key))
	if !ok {
		return nil, cache.None
	}
	return all.find(k.network, func(v *variant) cache.State { return r.memory.stateOf(v, now) })
}

// copied returns a variant's result with copies of its sets, whose TTLs may be changed.
func (v *variant) copied(state cache.State) *result {
	l := v.result.copied()
	l.origin, l.scope, l.state = event.OriginKnown, max(v.network.Bits(), 0), state
	return l
}

// putVariant keeps an answer for a network, for its TTL as all others are, and beyond it to be used
// while servers fail. One without a TTL ends the one that was kept before.
func (r *Resolver) putVariant(k cache.Key, l *result, network netip.Prefix, exact bool,
	flushes uint64) {
	if l.noCache || l.hasNoTTL() || !r.memory.gate.enter(k.Name) {
		return
	}
	defer r.memory.gate.leave()
	now := r.clock.Now()
	own := l.copied()
	v := variant{network: network, exact: exact, result: own, stored: now.Unix()}
	v.expires = v.stored + int64(r.memory.clamp(own, now))
	gone := func(x *variant) bool {
		return x.expires <= x.stored || r.memory.stateOf(x, now) == cache.None
	}
	s := r.subnets
	k = r.memory.at(k)
	s.putting.Lock()
	defer s.putting.Unlock()
	old, _ := s.variants.Get(k)
	next := old.with(v, gone)
	s.variants.Put(k, next)
	if r.memory.flushes() != flushes || len(next.list) == 0 {
		s.variants.Remove(k)
	}
}

// hasNoTTL reports whether a result has nothing that tells how long it may be kept.
func (l *result) hasNoTTL() bool { return len(l.sets) == 0 && len(l.proofs) == 0 }

// copied returns a copy of a result with copies of its sets, whose TTLs may be changed.
func (l *result) copied() *result {
	own := *l
	for _, sets := range [2]*[]*wire.RRset{&own.sets, &own.proofs} {
		copies := make([]*wire.RRset, len(*sets))
		for i, s := range *sets {
			c := *s
			copies[i] = &c
		}
		*sets = copies
	}
	return &own
}

// narrowed returns a copy of a result that was resolved for all clients, as the answer to one with
// a network: what a forwarder keeps of it is for that network alone, since it may be another for
// others.
func (l *result) narrowed(network netip.Prefix) *result {
	own := *l
	own.scope = network.Bits()
	return &own
}

// forgetRealms forgets the variants of realms, and what is learnt of their servers.
func (s *subnets) forgetRealms(gone func(realm uint16) bool) {
	s.variants.RemoveFunc(func(k cache.Key, _ *variants) bool {
		return k.Realm != 0 && gone(k.Realm)
	})
	s.forgetLearnt(func(k cache.ZoneKey) bool { return k.Realm != 0 && gone(k.Realm) })
}

// forget forgets the variants at a name, or at and below it; of a type, or of any for
// TypeNone. It returns how many answers they were.
func (s *subnets) forget(name wire.Name, subtree bool, t wire.Type) (n int) {
	s.variants.RemoveFunc(func(k cache.Key, v *variants) bool {
		hit := (k.Name == name || subtree && k.Name.Within(name)) &&
			(t == wire.TypeNone || k.Type == t)
		if hit {
			n += len(v.list)
		}
		return hit
	})
	return n
}

// forgetZones forgets what is learnt of zones at and below a name, so that it is found out anew: by
// an operator who has flushed it, or because other servers are configured.
func (s *subnets) forgetZones(name wire.Name) {
	s.forgetLearnt(func(k cache.ZoneKey) bool { return k.Name.Within(name) })
}

// forgetLearnt forgets what is learnt of zones.
func (s *subnets) forgetLearnt(of func(cache.ZoneKey) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.zones.Keys() {
		if of(k) {
			s.zones.Remove(k)
		}
	}
	for _, at := range s.servers.Keys() {
		if of(at.zone) {
			s.servers.Remove(at)
		}
	}
}

// Variant is a kept answer for a network, for people.
type Variant struct {
	Name    wire.Name
	Type    wire.Type
	Realm   uint16       // see [Resolver.RealmName]
	Network netip.Prefix // zero: all networks
	Exact   bool
	Kind    wire.Kind
	Status  wire.Security
	Expires int64 // seconds
	Sets    []*wire.RRset
}

// Variants yields the answers that are kept by network, until f returns an error.
func (r *Resolver) Variants(f func(Variant) error) error {
	for k, all := range r.subnets.variants.All() {
		for _, v := range all.list {
			if err := f(Variant{Name: k.Name, Type: k.Type, Realm: k.Realm,
				Network: v.network, Exact: v.exact, Kind: v.result.kind,
				Status: v.result.status, Expires: v.expires, Sets: v.result.sets}); err != nil {
				return err
			}
		}
	}
	return nil
}

// SubnetZone is what is known of a zone whose servers learn clients' networks, for people.
type SubnetZone struct {
	Zone     wire.Name
	Realm    uint16        // whose servers they are, see [Resolver.RealmName]
	Tailored time.Duration // since its last answer for some networks alone; 0: there was none
	Alike    time.Duration // for how long it is asked without networks
	Servers  []netip.Addr  // that are known to return them
}

// SubnetZones returns what is known of the zones that are asked with networks, in their order.
func (r *Resolver) SubnetZones() (list []SubnetZone) {
	s, now := r.subnets, r.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.zones.Keys() {
		z, _ := s.zones.Peek(k)
		e := SubnetZone{Zone: k.Name, Realm: k.Realm, Alike: max(z.until.Sub(now), 0)}
		if !z.tailored.IsZero() {
			e.Tailored = max(now.Sub(z.tailored), time.Second)
		}
		for _, at := range s.servers.Keys() {
			if until, _ := s.servers.Peek(at); at.zone == k && now.Before(until) {
				e.Servers = append(e.Servers, at.addr)
			}
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b SubnetZone) int {
		return cmp.Or(a.Zone.Compare(b.Zone), cmp.Compare(a.Realm, b.Realm))
	})
	return list
}
