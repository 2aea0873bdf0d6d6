// Looking a question up in the cache: the data, an alias, a denial.

package resolver

import (
	"net/netip"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/validator"
	"bailiwick/wire"
)

// cached looks a result up: the data, an alias, a denial.
func (r *Resolver) cached(k cache.Key) (*result, bool) {
	l, _ := r.look(k)
	return l, l != nil
}

// look is cached, and reports whether there are stale data if there is no result.
func (r *Resolver) look(k cache.Key) (l *result, stale bool) {
	now := r.clock.Now()
	if k.Type != wire.TypeANY {
		l, state := r.cachedSet(k, k.Type, wire.KindAnswer, now)
		if l != nil {
			return l, false
		}
		stale = state == cache.Stale
	}
	if aliasApplies(k.Type) {
		// An unsigned CNAME may be the child's, and DS is the parent's.
		l, state := r.cachedSet(k, wire.TypeCNAME, wire.KindAlias, now)
		if l != nil && (k.Type != wire.TypeDS || l.status == wire.Secure) {
			return l, false
		}
		stale = stale || state == cache.Stale
	}
	n, state := r.memory.denial(k, now)
	if state.Good() {
		return r.negativeResult(n, state, now), false
	}
	return nil, stale || state == cache.Stale
}

// kept returns what is cached of a question for all clients, or for the network that goes with it;
// nil if there is nothing.
func (r *Resolver) kept(k fetchKey) (l *result) {
	if k.network.IsValid() {
		l, _ = r.variant(k)
	} else {
		l, _ = r.look(k.Key)
	}
	return l
}

// derived makes a result from cached data of other names: a DNAME, a denied ancestor, a denied span
// (RFC 6672, RFC 8020, RFC 8198).
func (r *Resolver) derived(k cache.Key, b *validator.Budget) (*result, bool) {
	if k.Unchecked {
		return nil, false
	}
	now := r.clock.Now()
	if l, ok := r.cachedDNAME(k, now); ok {
		return l, true
	}
	if l, ok := r.cachedCut(k, now); ok {
		return l, true
	}
	if r.cfg.AggressiveNSEC {
		return r.cachedDenial(k, now, b)
	}
	return nil, false
}

// cachedSet returns the result of a set that has not ended, and the state of the set.
func (r *Resolver) cachedSet(k cache.Key, t wire.Type, kind wire.Kind, now time.Time) (
	*result, cache.State) {
	e, state := r.memory.set(cache.Key{Name: k.Name, Type: t, Unchecked: k.Unchecked}, now)
	if !state.Good() {
		return nil, state
	}
	return r.resultOf(k, e, kind, state, now), state
}

// resultOf makes a result from a cached set; nil if it is an alias without a target.
func (r *Resolver) resultOf(k cache.Key, e cache.RRset, kind wire.Kind, state cache.State,
	now time.Time) *result {
	ttl := e.TTL(now.Unix())
	l := &result{kind: kind, origin: event.OriginKnown, state: state, refresh: e.Refresh(),
		sets: []*wire.RRset{aged(e.Set, ttl)}, status: e.Set.Security}
	if e.Beside != nil {
		l.failure = e.Beside.Failure
		for _, p := range e.Beside.Proofs {
			l.proofs = append(l.proofs, aged(p, ttl))
		}
	}
	if kind == wire.KindAlias {
		target, ok := wire.TargetName(e.Set.Data.First())
		if !ok {
			return nil
		}
		l.target = target
	}
	if e.Set.Type == wire.TypeCNAME && e.Set.Sigs.Len() == 0 {
		r.addDNAME(l, k, now)
	}
	return l
}

// cachedCut denies a name below one that a validated zone denies (RFC 8020, section 2).
func (r *Resolver) cachedCut(k cache.Key, now time.Time) (*result, bool) {
	if !r.cfg.HardenBelowNXDomain {
		return nil, false
	}
	n, state := r.memory.deniedAbove(k, now)
	if !state.Good() {
		return nil, false
	}
	l := r.negativeResult(n, state, now)
	l.origin = event.OriginCut
	return l, true
}

// aged copies a set with the TTL that is left.
func aged(s *wire.RRset, ttl uint32) *wire.RRset {
	c := *s
	c.TTL = min(c.TTL, ttl)
	return &c
}

// negativeResult makes a result from a cached denial.
func (r *Resolver) negativeResult(n *cache.Negative, state cache.State, now time.Time) *result {
	l := &result{kind: wire.KindNoData, origin: event.OriginKnown, state: state,
		refresh: n.Refresh(), status: n.Status,
		failure: n.Failure, zone: n.Zone, unsignedCut: n.UnsignedCut, bare: n.Bare, ends: n.Until}
	if n.NXDomain {
		l.kind = wire.KindNXDomain
	}
	if n.SOA != nil {
		l.proofs = append(l.proofs, aged(n.SOA, uint32(max(0, n.Expires-now.Unix()))))
	}
	for _, p := range n.Proofs {
		l.proofs = append(l.proofs, aged(p, r.memory.left(p, n.Stored, now)))
	}
	return l
}

// remembered returns a result that is cached or derived from the cache, or a remembered failure;
// neither if a server has to be asked. For an unchecked key checked data are used as well. May
// reports whether stale data may be used, and stale whether there are some, though not for use now.
func (r *Resolver) remembered(k cache.Key, b *validator.Budget, depth int, may bool) (
	l *result, f *cause.Failure, stale bool) {
	r, k = r.home(k)
	checked := k
	checked.Unchecked = false
	l, stale = r.look(checked)
	if l == nil && k.Unchecked {
		l, _ = r.look(k)
	}
	if l != nil && (depth > 0 || !l.bare) {
		if depth == 0 && l.ending() && r.cfg.Prefetch {
			r.refresh(fetchKey{Key: k})
		}
		return l, nil, false
	}
	if stale = stale && may; stale {
		if l := r.staleNow(fetchKey{Key: k}, b); l != nil {
			return l, nil, false
		}
	}
	if f, ok := r.memory.failure(k, r.clock.Now()); ok {
		return nil, f, stale
	}
	l, _ = r.derived(checked, b)
	return l, nil, stale
}

// recalled is remembered for a question with a network: what is kept for it, the denial of a name
// above, or a failure. What else is kept of the name, or follows for it from others, was asked for
// without the network.
func (r *Resolver) recalled(k fetchKey, b *validator.Budget, depth int, may bool) (
	l *result, f *cause.Failure, stale bool) {
	if !k.network.IsValid() {
		return r.remembered(k.Key, b, depth, may)
	}
	r, k.Key = r.home(k.Key)
	if l, stale = r.variant(k); l != nil {
		if depth == 0 && l.ending() && r.cfg.Prefetch {
			r.refresh(k)
		}
		return l, nil, false
	}
	if stale = stale && may; stale {
		if l = r.staleNow(k, b); l != nil {
			return l, nil, false
		}
	}
	if f, ok := r.memory.failure(k.Key, r.clock.Now()); ok {
		return nil, f, stale
	}
	l, _ = r.follows(k, b)
	return l, nil, stale
}

// follows makes a result from cached data of other names, see [Resolver.derived]. For a network
// only the denial of a name above counts: what else is cached was asked for without it.
func (r *Resolver) follows(k fetchKey, b *validator.Budget) (*result, bool) {
	switch {
	case !k.network.IsValid():
		return r.derived(k.Key, b)
	case k.Unchecked:
		return nil, false
	}
	return r.cachedCut(k.Key, r.clock.Now())
}

// FailureEnds returns the second until which a question may be answered by the failure of an answer
// without another look; 0 if it is not remembered, if it is that of another result of the chain, or
// if it may end at any moment.
func (r *Resolver) FailureEnds(a *Answer, cd bool) int64 {
	q := a.Question
	r, k := r.home(cache.Key{Name: q.Name, Type: q.Type, Unchecked: cd && r.checks(q.Name)})
	if r.tailored(q.Name, q.Type) { // there may be answers for some networks
		return 0
	}
	return r.memory.failureEnds(k, a.Failure, r.clock.Now())
}

// Known answers from the cache, failures included; nil if a server would have to be asked. It does
// not block. What it spends is taken from c, which [Resolver.Start] goes on with. Without rd
// nothing would be resolved, so that stale data do not stand in for anything, and are not used.
func (r *Resolver) Known(q wire.Question, cd, rd bool, c *Checks) *Answer {
	return r.KnownFor(netip.Prefix{}, q, cd, rd, c)
}

// KnownFor is [Resolver.Known] for a client whose network may be sent, see [ECS.Network].
func (r *Resolver) KnownFor(network netip.Prefix, q wire.Question, cd, rd bool,
	c *Checks) *Answer {
	return r.chainOf(q, cd, func(k cache.Key) (*result, *cause.Failure) {
		l, f, _ := r.recalled(r.asksFor(k, network), c.budget(), 0, rd && r.mayBeStale(k))
		return l, f
	})
}

// LastFailure returns the failure that is remembered for a question itself, nil if there is none.
func (r *Resolver) LastFailure(q wire.Question, cd bool) *cause.Failure {
	f, _ := r.memory.failure(cache.Key{Name: q.Name, Type: q.Type,
		Unchecked: cd && r.checks(q.Name)}, r.clock.Now())
	return f
}

// KnownFailure returns the failure that is remembered for a question itself, nil if there is none.
// [Resolver.Known] returns it only if nothing else is known, such as an alias that came with
// another type.
func (r *Resolver) KnownFailure(q wire.Question, cd bool) *Answer {
	r, k := r.home(cache.Key{Name: q.Name, Type: q.Type, Unchecked: cd && r.checks(q.Name)})
	f, ok := r.memory.failure(k, r.clock.Now())
	if !ok {
		return nil
	}
	return (&Answer{Question: q}).fail(f)
}
