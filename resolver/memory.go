// The memory: the resolver writes to its caches, and reads from them, in this file alone.

package resolver

import (
	"math"
	"net/netip"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/memcache"
	"bailiwick/validator"
	"bailiwick/wire"
)

// memory is what a resolver knows of names and zones. Nothing else in this package touches the
// caches. Whatever gets in, and whatever is used, answers three questions:
//
//   - Whose own is it? A result answers its own question. A failure is kept only against what has
//     caused it: limits, local errors and overload are nobody's fault (see putFailure). For other
//     names only what a zone has signed is used, and only if it was validated: DNAMEs, denied
//     ancestors and denied spans.
//   - For which tree does it speak? See tree.go. What the public tree says of a name whose own
//     servers failed is used for that question alone.
//   - How long may it live? The rules are in package cache: TTLs, signatures, and the delegation
//     above. Each look-up returns how far the entry is in its life.
//
// Resolvers that resolve some names each in their own way share the caches: the memory of each
// takes every key to its own realm.
//
// What is known of servers is kept by [infraCache.learn], and their faults have to pass
// [Resolver.blame].
type memory struct {
	store      *cache.Store
	trusts     trusts
	recoveries *recoveries
	cfg        *Config
	gate       *gate        // own to each resolver and its realms
	realm      *cache.Realm // what is not shared with others; nil: all is. See realm.go
}

func newMemory(store *cache.Store, cfg *Config) memory {
	return memory{store: store, trusts: newTrusts(store.Share(cache.ShareTrust), store.RRsets),
		recoveries: newRecoveries(), cfg: cfg, gate: &gate{}}
}

// at returns a key in the realm that its name is in, and zone that of a zone.
func (m *memory) at(k cache.Key) cache.Key          { return m.realm.Key(k) }
func (m *memory) zone(zone wire.Name) cache.ZoneKey { return m.realm.Zone(zone) }

// resize gives the caches another size, and returns the part for what is known of servers.
func (m *memory) resize(bytes int) (servers int) {
	m.store.Resize(bytes)
	m.trusts.cache.Resize(m.store.Share(cache.ShareTrust))
	return m.store.Share(cache.ShareServers)
}

// under returns the same memory for a resolver with another configuration.
func (m *memory) under(cfg *Config) memory {
	return memory{store: m.store, trusts: m.trusts, recoveries: m.recoveries, cfg: cfg,
		gate: &gate{}}
}

// within returns the same memory for who resolves the names of a realm in another way.
func (m *memory) within(realm *cache.Realm, recoveries *recoveries, cfg *Config) memory {
	return memory{store: m.store, trusts: m.trusts, recoveries: recoveries, cfg: cfg,
		gate: m.gate, realm: realm}
}

// flushRealms forgets realms whole.
func (m *memory) flushRealms(in func(realm uint16) bool) int {
	return m.store.FlushRealms(in) + m.trusts.cache.RemoveFunc(func(k cache.ZoneKey) bool {
		return k.Realm != 0 && in(k.Realm)
	})
}

// put keeps a result under the question's key. It writes the TTLs of the cache into the result's
// sets, so that the first client gets the same TTLs as the next (RFC 2181, section 5.2). No other
// goroutine has the sets: they are the copies of a verdict or, if nothing was validated, were
// parsed for this question alone. What was asked for before a flush, of which there had been so
// many, is not kept: the flush may have been because of it.
func (m *memory) put(k cache.Key, l *result, flushes uint64, now time.Time) {
	if !m.gate.enter(k.Name) {
		return
	}
	defer m.gate.leave()
	defer func() {
		if m.store.Flushes() != flushes {
			m.forgetResult(k, l)
		}
	}()
	if l.kind.IsDenial() {
		m.putDenial(k, l, now)
	} else {
		m.putSets(k, l, now)
	}
	if l.status == wire.Secure && !k.Unchecked && m.cfg.AggressiveNSEC && m.reaches(l.zone, k, l) {
		m.putSpans(l, now)
	}
}

// reaches reports whether a result, besides its own question, decides about further names and types
// of the tree that a name above the question's is in: with a DNAME, a denied name or a denied span.
// If the servers of a configured zone fail and the public tree is asked, its answer is for the
// question alone: the zone may have names that the public tree denies.
func (m *memory) reaches(name wire.Name, k cache.Key, l *result) bool {
	return l.origin != event.OriginPublic && m.speaksFor(name, k)
}

// putSets keeps data or an alias, each set for its TTL.
func (m *memory) putSets(k cache.Key, l *result, now time.Time) {
	m.store.ClampTTLs(l.sets, l.proofs, now)
	l.bound()
	if k.Type == wire.TypeANY || k.Type == wire.TypeRRSIG {
		return // the answer may be incomplete (RFC 8482)
	}
	for i, s := range l.sets {
		switch {
		case s.Type == wire.TypeDNAME && m.speaksFor(s.Name, k) && !m.reaches(s.Name, k, l):
			continue
		case s.Type == wire.TypeCNAME && !m.ownTree(k):
			continue
		case s.Type == wire.TypeCNAME && i > 0 && l.sets[i-1].Type == wire.TypeDNAME &&
			l.status == wire.Secure && m.reaches(l.sets[i-1].Name, k, l):
			m.replaced(k, now)
			m.supersede(k) // the alias can be made from the DNAME again
			continue
		}
		e := cache.RRset{Set: s}
		if l.failure != nil || len(l.proofs) > 0 {
			e.Beside = &cache.Beside{Failure: l.failure, Proofs: l.proofs}
		}
		m.store.PutRRset(m.at(cache.Key{Name: s.Name, Type: s.Type, Unchecked: k.Unchecked}), e,
			now)
		if s.TTL == 0 {
			m.replaced(k, now)
			m.supersedeDenial(k)
			if s.Type != wire.TypeCNAME && s.Name == k.Name {
				m.supersedeAlias(k)
			}
		}
		if s.Type == wire.TypeCNAME && k.Type != wire.TypeCNAME && s.Name == k.Name {
			m.store.RRsets.Remove(m.at(k)) // as supersede does
		}
	}
}

// clamp gives a result's sets the TTLs that they are kept for, and returns how long that is for the
// whole, in seconds. The sets are the caller's own.
func (m *memory) clamp(l *result, now time.Time) uint32 {
	if l.kind.IsDenial() {
		return m.store.ClampDenial(l.proofs, l.until(), now)
	}
	m.store.ClampTTLs(l.sets, l.proofs, now)
	return l.ttl()
}

// stateOf returns the state of an answer for some networks.
func (m *memory) stateOf(v *variant, now time.Time) cache.State {
	return m.store.StateOf(v.stored, v.expires, v.result.until(), now)
}

// putDenial keeps a denial, its SOA and its proofs for one common TTL.
func (m *memory) putDenial(k cache.Key, l *result, now time.Time) {
	n := &cache.Negative{NXDomain: l.kind == wire.KindNXDomain, Status: l.status,
		Failure: l.failure, Zone: l.zone, UnsignedCut: l.unsignedCut, Bare: l.bare,
		Until: l.until()}
	if l.origin == event.OriginPublic {
		for _, p := range l.proofs {
			p.TTL = min(p.TTL, uint32(fallbackDenialTTL/time.Second))
		}
	}
	ttl := m.store.ClampDenial(l.proofs, n.Until, now)
	if l.bound(); l.most > 0 {
		ttl = min(ttl, l.most)
	}
	for _, p := range l.proofs {
		switch {
		case p.Type == wire.TypeSOA && n.SOA == nil:
			n.SOA = p
		case !l.bare: // clients never get the proofs of a bare denial
			n.Proofs = append(n.Proofs, p)
		}
	}
	denied := k
	if n.NXDomain && m.deniesAllTypes(k, l) {
		denied.Type = wire.TypeNone
	}
	if m.store.PutNegative(m.at(denied), n, ttl, now); ttl == 0 {
		m.replaced(k, now)
	}
	if n.SOA != nil { // without one it may be a server's fault
		m.supersede(k)
	}
}

// supersede forgets the data that the latest answer to a question contradicts. They have not ended
// if that was a refresh, and it would be made again and again until then (RFC 2181, section 5.4.1:
// the later word of the same server counts).
func (m *memory) supersede(k cache.Key) {
	m.store.RRsets.Remove(m.at(k))
	m.supersedeAlias(k)
}

// supersedeAlias forgets the alias that the answer to a question contradicts.
func (m *memory) supersedeAlias(k cache.Key) {
	if aliasApplies(k.Type) && k.Type != wire.TypeDS { // DS is the parent's, see look
		k.Type = wire.TypeCNAME
		m.store.RRsets.Remove(m.at(k))
	}
}

// supersedeDenial forgets the denials of a question that data which are not kept contradict.
func (m *memory) supersedeDenial(k cache.Key) {
	m.store.Negatives.Remove(m.at(k))
	k.Type = wire.TypeNone
	m.store.Negatives.Remove(m.at(k))
}

// replaced forgets stale data in whose place an answer has come that is not kept.
func (m *memory) replaced(k cache.Key, now time.Time) {
	if !k.Unchecked {
		m.dropStale(k, now)
	}
}

// deniesAllTypes reports whether a denied name is denied for every type and for all names below it
// (RFC 8020, section 2). It is denied for the question alone where the zones of the question and of
// the denial are in different trees: DS at the apex of a configured zone is the parent's answer,
// and a forwarder may prove a denial with a zone above.
func (m *memory) deniesAllTypes(k cache.Key, l *result) bool {
	unprovenDS := k.Type == wire.TypeDS && l.status != wire.Secure // see denial
	return !unprovenDS && m.reaches(k.Name, k, l) &&
		(l.zone.IsZero() || m.speaksFor(l.zone, k))
}

// putSpans keeps a secure result's proofs for aggressive use. Proofs that came with data get the
// TTLs of denials (RFC 8198, section 5.4; RFC 9077, section 3). Proofs of an alias's target are
// kept with the result of its cut, for the zone that signed them: hashes of one zone's names prove
// nothing in another (RFC 5155, section 5).
func (m *memory) putSpans(l *result, now time.Time) {
	var sets []*wire.RRset
	for _, p := range l.proofs[:len(l.proofs)-l.ofTarget] {
		if p.Security == wire.Secure {
			sets = append(sets, p)
		}
	}
	if len(sets) == 0 {
		return
	}
	if !l.kind.IsDenial() {
		ttl := m.store.ClampNegativeTTL(cache.NegativeTTL(sets), wire.EarliestEnd(0, sets...), now)
		for i, s := range sets { // copied, as the answer goes on to use them
			c := *s
			c.TTL = min(s.TTL, ttl)
			sets[i] = &c
		}
	}
	m.store.Denials.Put(m.zone(l.zone), sets, now)
}

// set returns the set that is kept under a key.
func (m *memory) set(k cache.Key, now time.Time) (cache.RRset, cache.State) {
	return m.store.LookupRRset(m.at(k), now)
}

// dname returns the closest DNAME above a question's name, if it has a status and may answer the
// question (RFC 6672, section 3.3). One above a configured zone is in another tree. One that has
// ended is returned beside stale data only.
func (m *memory) dname(k cache.Key, status wire.Security, stale bool, now time.Time) (
	e cache.RRset, ok bool) {
	for n := k.Name; !n.IsRoot(); {
		n = n.Parent()
		dname := cache.Key{Name: n, Type: wire.TypeDNAME, Unchecked: k.Unchecked}
		if e, state := m.store.LookupRRset(m.at(dname), now); state.Good() ||
			stale && state == cache.Stale {
			return e, e.Set.Security == status && m.speaksFor(n, k)
		}
	}
	return e, false
}

// denial returns the denial that answers a question: of its type, or of its name where that may
// answer it.
func (m *memory) denial(k cache.Key, now time.Time) (*cache.Negative, cache.State) {
	if m.ownTree(k) {
		n, state := m.store.LookupNegative(m.at(k), now)
		if k.Type != wire.TypeDS || n == nil || !n.NXDomain || n.Status == wire.Secure {
			return n, state
		}
		// RFC 4035, section 3.1.4.1: DS is the parent's. What the servers of the zone deny of its
		// name, or somebody in their place, says nothing of it.
	}
	return m.store.LookupNegativeKey(m.at(k), now)
}

// deniedAbove returns the denial of a name above a question's, by a validated zone: nothing exists
// below it (RFC 8020, section 2).
func (m *memory) deniedAbove(k cache.Key, now time.Time) (*cache.Negative, cache.State) {
	for n := k.Name; !n.IsRoot(); {
		n = n.Parent()
		e, state := m.store.LookupNegativeKey(m.at(cache.Key{Name: n, Type: wire.TypeNone}), now)
		if state.Good() && e.NXDomain && e.Status == wire.Secure && m.speaksFor(n, k) {
			return e, state
		}
	}
	return nil, cache.None
}

// stale returns what is kept of a question and has ended: a set of its type, an alias, or a
// denial, whichever was stored last. So a denial replaces older data for stale answers, too.
// Nothing is returned if a validated zone has denied a name above later.
func (m *memory) stale(k cache.Key, now time.Time) (set cache.RRset, n *cache.Negative) {
	stored := int64(math.MinInt64)
	for _, t := range [...]wire.Type{k.Type, wire.TypeCNAME} {
		if t != k.Type && !aliasApplies(k.Type) {
			continue
		}
		e, state := m.store.LookupRRset(m.at(cache.Key{Name: k.Name, Type: t,
			Unchecked: k.Unchecked}), now)
		if state == cache.Stale && e.Stored > stored {
			set, stored = e, e.Stored
		}
	}
	for _, t := range [...]wire.Type{k.Type, wire.TypeNone} {
		e, state := m.store.LookupNegativeKey(m.at(cache.Key{Name: k.Name, Type: t,
			Unchecked: k.Unchecked}), now)
		if state == cache.Stale && e.Stored > stored && (e.NXDomain || t == k.Type) {
			set, n, stored = cache.RRset{}, e, e.Stored
		}
	}
	for above := k.Name; !above.IsRoot(); {
		above = above.Parent()
		e, state := m.store.LookupNegativeKey(m.at(cache.Key{Name: above, Type: wire.TypeNone}),
			now)
		if state == cache.Stale && e.NXDomain && e.Status == wire.Secure && e.Stored > stored &&
			m.speaksFor(above, k) {
			return cache.RRset{}, nil
		}
	}
	return set, n
}

// kept reports whether anything is kept of a question, stale data included.
func (m *memory) kept(k cache.Key, now time.Time) bool {
	for _, t := range [...]wire.Type{k.Type, wire.TypeCNAME} {
		if _, state := m.store.LookupRRset(m.at(cache.Key{Name: k.Name, Type: t}), now); state !=
			cache.None {
			return true
		}
	}
	_, state := m.store.LookupNegative(m.at(cache.Key{Name: k.Name, Type: k.Type}), now)
	return state != cache.None
}

// dropStale forgets the stale data of a question.
func (m *memory) dropStale(k cache.Key, now time.Time) {
	for _, t := range [...]wire.Type{k.Type, wire.TypeCNAME} {
		at := m.at(cache.Key{Name: k.Name, Type: t})
		if _, state := m.store.LookupRRset(at, now); state == cache.Stale {
			m.store.RRsets.Remove(at)
		}
	}
	for _, t := range [...]wire.Type{k.Type, wire.TypeNone} {
		at := m.at(cache.Key{Name: k.Name, Type: t})
		if _, state := m.store.LookupNegativeKey(at, now); state == cache.Stale {
			m.store.Negatives.Remove(at)
		}
	}
}

// past reports whether a signature that ends at until has ended.
func (m *memory) past(until uint32, now time.Time) bool {
	return until != 0 && m.store.Past(until, now)
}

// spans returns the denials of a zone that may prove that a question has no answer (RFC 8198,
// section 5).
func (m *memory) spans(k cache.Key, now time.Time) (zone wire.Name, sets []*wire.RRset, ok bool) {
	zone, sets = m.store.Denials.Candidates(m.realm, k.Name, k.Type, now)
	return zone, sets, len(sets) >= 2 && m.speaksFor(zone, k)
}

// preparedSpan returns a prepared denial of a name in a denied span, as [cache.Denials.Denied]
// does, unless there are data or a denial of the name itself.
func (m *memory) preparedSpan(k cache.Key, v cache.Variant, now time.Time) (a *cache.Answer,
	encloser wire.Name, ok bool) {
	a, encloser, ok = m.store.Denials.Denied(m.realm, k.Name, v, now)
	if !ok || !m.speaksFor(encloser, k) {
		return nil, encloser, false
	}
	for _, t := range [...]wire.Type{k.Type, wire.TypeCNAME} {
		if _, state := m.store.LookupRRset(m.at(cache.Key{Name: k.Name, Type: t}),
			now); state.Good() {
			return nil, encloser, false
		}
	}
	if _, state := m.store.LookupNegative(m.at(k), now); state.Good() {
		return nil, encloser, false
	}
	return a, encloser, true
}

// unsignedCut returns the denial of a zone's DS that makes the zone unsigned.
func (m *memory) unsignedCut(zone wire.Name, now time.Time) (*cache.Negative, bool) {
	n, state := m.store.LookupNegativeKey(m.at(cache.Key{Name: zone, Type: wire.TypeDS}), now)
	return n, state.Good() && n.UnsignedCut && !n.NXDomain
}

// putFailure remembers a failed resolution for later queries, against its cause and nothing else
// (RFC 9520). own reports whether a limit that it met is due to its question alone; heard, whether
// servers replied meanwhile.
//   - A limit is remembered only for a client's own question, and if the fetch could spend all of
//     its own budget. That a query had spent its budget before it came to this name, or waits no
//     more, says nothing about the name: an attacker's alias could point anywhere.
//   - A dependency loop may come from where the resolution started, so it is remembered only for a
//     client's own question.
//   - A failure during which no server replied may be that of our own link. It ends with the first
//     reply.
//   - Overload and a lack of local resources are never remembered; nor is a lack of time, if
//     servers replied meanwhile.
//
// For stale data the failure is noted in any case. They are forgotten if fresh data were bogus, and
// if they were the last time.
func (m *memory) putFailure(k cache.Key, f *cause.Failure, own, heard bool, now time.Time) {
	if last, ok := m.lastFailure(k); isVerdict(f) || ok && isVerdict(last.Failure) {
		m.dropStale(k, now)
	}
	b := backoffOf(f)
	switch {
	case f.Cause.Kind() == cause.KindInternal:
		return
	case f.Cause == cause.Overload, f.Cause == cause.LocalResources, f.Cause == cause.NotHeld:
		b = cache.Backoff{}
	case f.Cause == cause.LimitTime && heard:
		b = cache.Backoff{} // the next query goes on from the delegations that are cached now
	case (f.HeldAgainst() == cause.ScopeQuery || f.Cause == cause.DependencyLoop) && !own:
		b = cache.Backoff{}
	}
	if b == (cache.Backoff{}) && (f.Cause == cause.ClientGone || f.Cause == cause.Stopping ||
		!m.kept(k, now)) {
		return
	}
	if m.gate.enter(k.Name) {
		m.store.PutFailure(m.at(k), f, b, now)
		m.gate.leave()
	}
}

// lastFailure returns the last failure of a question, whether it may be tried again or not; none if
// it was the fault of servers that are back.
func (m *memory) lastFailure(k cache.Key) (*cache.Failure, bool) {
	e, ok := m.store.LastFailure(m.at(k))
	return e, ok && !m.recoveries.over(e.Failure, e.At)
}

// failure returns the failure that is remembered for a question, if it may not be tried again yet.
func (m *memory) failure(k cache.Key, now time.Time) (*cause.Failure, bool) {
	e, ok := m.store.LastFailure(m.at(k))
	if !ok || now.Unix() >= e.Expires || m.recoveries.over(e.Failure, e.At) {
		return nil, false
	}
	return e.Failure, true
}

// failureEnds returns the second until which the answer to a question may be a failure without
// another look; 0 if the failure is not remembered, or may end at any moment. One that is over when
// the network or the servers are back is looked at again soon.
func (m *memory) failureEnds(k cache.Key, f *cause.Failure, now time.Time) int64 {
	e, ok := m.store.Failures.Get(m.at(k))
	switch _, why := failingZone(f); {
	case !ok || e.Failure != f || f.HeldAgainst() == cause.ScopeLink:
		return 0
	case why != cause.None || endsWithNetwork(f):
		return min(e.Expires, now.Add(stalePrepared).Unix())
	}
	return e.Expires
}

// succeeded ends the failures of a question: the next counts as the first.
func (m *memory) succeeded(k cache.Key) { m.store.Failures.Remove(m.at(k)) }

// putDelegation keeps a delegation until it ends. fallback reports whether it is the public tree's
// in place of a configured zone, whose own delegations it must not replace.
func (m *memory) putDelegation(d *cache.Delegation, fallback bool, now time.Time) {
	if z := m.cfg.configured(d.Zone); fallback && z != nil && !z.Forward {
		return
	}
	if d.Expires > now.Unix() && m.gate.enter(d.Zone) {
		m.store.Delegations.Put(m.zone(d.Zone), d)
		m.gate.leave()
	}
}

// delegation returns the deepest delegation at or above a question's name that is in its tree and
// holds at a time; with fallback, the public one that would hold if the zone were not configured.
// DS is looked for above its name. A forward zone has no delegations.
func (m *memory) delegation(name wire.Name, t wire.Type, fallback bool, at time.Time) (
	d *cache.Delegation, ok bool) {
	name = above(name, t)
	switch z := m.cfg.configured(name); {
	case z == nil, z.Forward && fallback:
		return m.store.Closest(m.realm, name, at)
	case z.Forward, fallback && z.Name.IsRoot():
		return nil, false
	case fallback:
		return m.store.Closest(m.realm, z.Name.Parent(), at)
	default:
		d, ok = m.store.Closest(m.realm, name, at)
		return d, ok && d.Zone.Below(z.Name)
	}
}

// delegationOf returns the delegation of a zone itself.
func (m *memory) delegationOf(zone wire.Name, now time.Time) (*cache.Delegation, bool) {
	d, ok := m.store.Delegations.Get(m.zone(zone))
	return d, ok && now.Unix() < d.Expires
}

// superseded reports whether another delegation of its zone was stored later, or it was withdrawn.
func (m *memory) superseded(d *cache.Delegation, now time.Time) bool {
	latest, ok := m.delegationOf(d.Zone, now)
	if !ok {
		return now.Unix() < d.Expires
	}
	return latest.Stored != d.Stored
}

// withdraw forgets the delegations of a zone, and of those between it and a zone above, that were
// stored before a second.
func (m *memory) withdraw(zone, above wire.Name, before int64) {
	for ; zone.Below(above); zone = zone.Parent() {
		k := m.zone(zone)
		if d, ok := m.store.Delegations.Get(k); ok && d.Stored < before {
			m.store.Delegations.Remove(k)
		}
	}
}

// glue returns the glue for a name from the delegations above it, of its own tree.
func (m *memory) glue(name wire.Name, now time.Time) []netip.Addr {
	k := cache.Key{Name: name, Type: wire.TypeA}
	for zone := name; !zone.IsRoot(); zone = zone.Parent() {
		d, ok := m.delegationOf(zone, now)
		if !ok || !m.speaksFor(zone, k) {
			continue
		}
		for _, ns := range d.Servers {
			if ns.Name == name && ns.By != cache.NamedByZone && len(ns.Addrs) > 0 {
				return ns.Addrs
			}
		}
	}
	return nil
}

// putServers keeps the NS set that came with an answer, for referrals. It is validated when a
// client asks for it; until then it is kept as unchecked, like data that were fetched with CD=1.
func (m *memory) putServers(ns *wire.RRset, now time.Time) {
	k := cache.Key{Name: ns.Name, Type: wire.TypeNS, Unchecked: true}
	if _, state := m.store.LookupRRset(m.at(k), now); state.Good() {
		return
	}
	set := *ns
	set.Security = wire.Unchecked
	if m.gate.enter(k.Name) {
		m.store.PutRRset(m.at(k), cache.RRset{Set: &set}, now)
		m.gate.leave()
	}
}

// putTrust keeps the trust in a zone, unless it is that of another zone, or bogus: failures are
// remembered for questions.
func (m *memory) putTrust(zone wire.Name, t validator.Trust) {
	if t.Status > wire.Bogus && t.Zone == zone && m.gate.enter(zone) {
		m.trusts.cache.Put(m.zone(zone), t)
		m.gate.leave()
	}
}

// trust returns the trust in a zone, if all that it rests on still holds.
func (m *memory) trust(zone wire.Name, now time.Time) (validator.Trust, bool) {
	t, ok := m.trusts.cache.Get(m.zone(zone))
	return t, ok && now.Before(t.Expires) && !m.store.Past(t.Until, now)
}

// outdateTrust has the trust in a zone built again from the sets that it rests on.
func (m *memory) outdateTrust(zone wire.Name) { m.trusts.cache.Remove(m.zone(zone)) }

// old reports whether a set of a zone has been kept for at least a second.
func (m *memory) old(zone wire.Name, t wire.Type, now time.Time) bool {
	e, state := m.store.LookupRRset(m.at(cache.Key{Name: zone, Type: t}), now)
	return state.Good() && e.Stored+1 < now.Unix()
}

// left returns how long a set that was kept at some second has to live, in seconds.
func (m *memory) left(s *wire.RRset, stored int64, now time.Time) uint32 {
	return m.store.Left(s, stored, now)
}

// forgetTrust forgets the trust in a zone and the sets of these types that it rests on.
func (m *memory) forgetTrust(zone wire.Name, types ...wire.Type) {
	m.trusts.cache.Remove(m.zone(zone))
	for _, t := range types {
		m.forget(cache.Key{Name: zone, Type: t})
	}
}

// forget forgets the data of a key, or their denial.
func (m *memory) forget(k cache.Key) {
	m.store.RRsets.Remove(m.at(k))
	m.store.Negatives.Remove(m.at(k))
}

// flushes counts the flushes of the cache.
func (m *memory) flushes() uint64 { return m.store.Flushes() }

// forgetResult forgets what put has kept of a result.
func (m *memory) forgetResult(k cache.Key, l *result) {
	m.forget(k)
	m.forget(cache.Key{Name: k.Name, Type: wire.TypeNone, Unchecked: k.Unchecked})
	for _, s := range l.sets {
		m.forget(cache.Key{Name: s.Name, Type: s.Type, Unchecked: k.Unchecked})
	}
}

// forgetFailures forgets the failures that a condition holds for.
func (m *memory) forgetFailures(hit func(*cause.Failure) bool) { m.store.ForgetFailures(hit) }

// flushFailures forgets all failures.
func (m *memory) flushFailures() int { return m.store.FlushFailures() }

// flush forgets a name, or everything at and below it, in all realms.
func (m *memory) flush(name wire.Name, subtree bool) int {
	return m.store.Flush(name, subtree) + m.trusts.cache.RemoveFunc(func(k cache.ZoneKey) bool {
		return k.Name == name || subtree && k.Name.Within(name)
	})
}

// flushOnly forgets what is selected of the data, and the trust that rests on it.
func (m *memory) flushOnly(of cache.Selection) int {
	n := m.store.FlushOnly(of)
	if of.Bogus || of.Negative || of.Type != wire.TypeDS && of.Type != wire.TypeDNSKEY {
		return n
	}
	return n + m.trusts.cache.RemoveFunc(func(k cache.ZoneKey) bool {
		return k.Name == of.Name || of.Subtree && k.Name.Within(of.Name)
	})
}

// flushZone forgets the delegation, DS, keys and trust of the zone of a name, in all realms. The
// root's are kept, as everything depends on them.
func (m *memory) flushZone(zone, name wire.Name) (n int) {
	if zone.IsRoot() {
		return 0
	}
	n = m.trusts.cache.RemoveFunc(func(k cache.ZoneKey) bool {
		return k.Name.Within(zone) && name.Within(k.Name)
	})
	return n + m.store.FlushZone(zone)
}

// flushTree forgets a tree whose configuration has changed. The parent's data of its apex may be
// from another tree.
func (m *memory) flushTree(apex wire.Name) int {
	return m.flush(apex, true) + m.store.FlushZone(apex)
}

// zoneOf returns the deepest zone at or above a name that is known.
func (m *memory) zoneOf(name wire.Name) wire.Name { return m.store.ZoneOf(m.realm, name) }

// trustStats returns the counters of the cache of trust.
func (m *memory) trustStats() memcache.Stats { return m.trusts.cache.Stats() }

// blame holds a fault against a server for a zone. The failure has to be the server's own: a limit,
// an error or overload of this machine, and a link that is down prove nothing.
func (r *Resolver) blame(server netip.Addr, zone wire.Name, e conduct, f *cause.Failure,
	took time.Duration) {
	k := f.Cause.Kind()
	if f.HeldAgainst() != cause.ScopeName || f.Cause == cause.UplinkDown ||
		f.Cause == cause.ClockAhead || f.Cause == cause.ClockBehind ||
		k != cause.KindNetwork && k != cause.KindDNSSEC {
		return
	}
	r.infra.learn(server, zone, e, took, r.clock.Now())
}

// limits returns the bounds of TTLs that the entries were given.
func (m *memory) limits() cache.TTLLimits { return m.store.Limits() }

// save passes all entries to f as records, trust after the keys that it refers to.
func (m *memory) save(f func(cache.Record) error) error {
	if err := m.store.Save(f); err != nil {
		return err
	}
	return m.trusts.cache.Each(func(key, value []byte) error {
		return f(cache.Record{Section: sectionTrust, Key: key, Value: value})
	})
}

// restore puts an entry back that was saved, its times moved by so many seconds.
func (m *memory) restore(rec cache.Record, by int64, now time.Time) bool {
	if rec.Section != sectionTrust {
		return m.store.Restore(rec, by, now)
	}
	value, ok := m.store.MoveTimes(rec.Value, 1, by, now)
	return ok && m.trusts.cache.Restore(rec.Key, value)
}
