// The memory of a fleet: what another resolver has found out is used like the reply of a server,
// and what this one finds out is offered to others.

package resolver

import (
	"context"
	"crypto/sha256"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// Fleet is a memory that resolvers share, see internal/fleet. Its methods are called by several
// goroutines.
type Fleet interface {
	// Active reports whether there is one.
	Active() bool
	// Ask returns the first entry that there is of some keys, nil if there is none. Then the caller
	// resolves the question of the first one, and ours reports whether others wait for it, until
	// Offer or Release; unless it is a refresh and others reports that another node is at it.
	Ask(ctx context.Context, view *[sha256.Size]byte, keys []cache.Key, refresh bool) (
		e *cache.Shared, ours, others bool)
	// Offer takes what was resolved. It does not wait, and keeps nothing of the entry.
	Offer(view *[sha256.Size]byte, e *cache.Shared)
	// Release tells those who wait for the question of a key that nothing of it is offered.
	Release(view *[sha256.Size]byte, k cache.Key)
	// Refused learns that an entry did not validate.
	Refused()
	// Forget has nothing be used that was known of a name, or of those below it, before.
	Forget(name wire.Name, subtree bool)
}

// fleetWork is what a resolution has to do with the fleet.
type fleetWork struct {
	claimed bool // others may wait for what it offers
	offered bool // it has offered the answer to its question
}

// views tells with whom what is known of a name may be shared: who asks the same servers for it,
// and validates it in the same way. It has what was decided at names, see judgements.
type views map[wire.Name][sha256.Size]byte

// of returns the view of a name: a digest of all that was decided at and above it. That a realm
// keeps the name apart is not part of it: who decides alike finds the same.
func (v views) of(name wire.Name) (view [sha256.Size]byte) {
	h := sha256.New()
	for labels := 0; labels <= name.Labels(); labels++ {
		n := name.Ancestor(labels)
		if digest, decided := v[n]; decided {
			h.Write([]byte(n.Wire()))
			h.Write(digest[:])
		}
	}
	h.Sum(view[:0])
	return view
}

// shares reports whether the resolution of a question may be shared at all. It may not be
//   - if it was not validated, or is for a client's network alone (RFC 7871, section 7.3.1);
//   - if the operator wants it not to be cached, or keeps a copy of the zone;
//   - if the servers are known by certificates of the operator's own: what these are is not part of
//     the view.
func (x *resolution) shares(q wire.Question) bool {
	if x.r.fleet == nil || !x.r.fleet.Active() || x.cd || x.network.IsValid() ||
		q.Type == wire.TypeANY || q.Type == wire.TypeRRSIG {
		return false
	}
	z := x.r.cfg.configured(above(q.Name, q.Type))
	return z == nil || !z.Held && !z.NoCache &&
		(z.Peer == nil || z.Peer.Roots == nil && z.Peer.Certificate == nil)
}

// fleetKeys returns the keys of all that would answer a question.
func fleetKeys(q wire.Question) []cache.Key {
	keys := []cache.Key{{Name: q.Name, Type: q.Type}}
	if q.Type == wire.TypeDS { // an alias, or a denial of the name, may be the child's
		return keys
	}
	if aliasApplies(q.Type) {
		keys = append(keys, cache.Key{Name: q.Name, Type: wire.TypeCNAME})
	}
	return append(keys, cache.Key{Name: q.Name, Type: wire.TypeNone})
}

// fromFleet returns what the fleet knows of the question, nil if it has to be resolved. An entry
// counts as a reply of servers of the zone that it is from: it is validated, within the fetch's
// budget, and kept as any other.
func (x *resolution) fromFleet() *result {
	if x.fetch == nil || x.fetch.private || x.report || !x.shares(x.q) {
		return nil
	}
	r, now := x.r, x.r.clock.Now()
	view := r.views().of(x.q.Name)
	e, ours, others := r.fleet.Ask(&x.budget.ctx, &view, fleetKeys(x.q), !x.until.IsZero())
	x.fleet.claimed = ours
	switch {
	case others:
		return r.kept(fetchKey{Key: x.keyOf(x.q)})
	case e == nil:
		return nil
	}
	l, authority := resultOfShared(x.q, e)
	switch {
	case l == nil, x.validateResult(e.Zone, x.q, l, authority) != nil:
		r.fleet.Refused()
		return nil
	case l.bare && x.depth == 0: // it is no answer to a client
		return nil
	}
	l.most = e.Left
	r.memory.put(x.keyOf(x.q), l, x.flushes, now)
	return l
}

// resultOfShared makes a result of an entry, as it comes from servers: without a status. It
// returns nil for an entry that does not answer the question.
func resultOfShared(q wire.Question, e *cache.Shared) (l *result, authority []*wire.RRset) {
	received := func(s *wire.RRset) *wire.RRset {
		return &wire.RRset{Name: s.Name, Type: s.Type, Class: s.Class, TTL: min(s.TTL, e.Left),
			Data: s.Data, Sigs: s.Sigs}
	}
	l = &result{origin: event.OriginFleet, status: wire.Unchecked}
	var beside []*wire.RRset
	switch n := e.Negative; {
	case n == nil:
		s := e.Set.Set
		if l.kind = wire.KindAnswer; s.Type != q.Type {
			target, ok := wire.TargetName(s.Data.First())
			if !ok || s.Type != wire.TypeCNAME {
				return nil, nil
			}
			l.kind, l.target = wire.KindAlias, target
		}
		if s.Name != q.Name || !q.Name.Within(e.Zone) || s.Len() == 0 {
			return nil, nil
		}
		l.sets = []*wire.RRset{received(s)}
		if e.Set.Beside != nil {
			beside = e.Set.Beside.Proofs
		}
	case n.SOA != nil:
		beside = append([]*wire.RRset{n.SOA}, n.Proofs...)
	case n.Bare && q.Type == wire.TypeDS:
		l.bare, beside = true, n.Proofs
	default:
		return nil, nil
	}
	if e.Negative != nil {
		if l.kind = wire.KindNoData; e.Negative.NXDomain {
			l.kind = wire.KindNXDomain
		} else if e.Key.Type != q.Type {
			return nil, nil
		}
	}
	for _, s := range beside {
		if !s.Name.Within(e.Zone) {
			return nil, nil
		}
		authority = append(authority, received(s))
	}
	if l.kind.IsDenial() {
		l.proofs = authority
	}
	return l, authority
}

// offer offers a result to the fleet that was just kept, and that servers of a zone gave. What the
// public tree says in place of a configured zone is for this node's question alone.
func (x *resolution) offer(zone wire.Name, q wire.Question, l *result) {
	if !x.shares(q) || l.noCache || l.failure != nil || l.origin != event.OriginResolved ||
		l.status != wire.Secure && l.status != wire.Insecure {
		return
	}
	e := sharedOf(q, l, clock.Wall(x.r.clock).Unix())
	if e == nil {
		return
	}
	e.Zone = zone
	view := x.r.views().of(q.Name)
	x.r.fleet.Offer(&view, e)
	x.fleet.offered = x.fleet.offered || q == x.q
}

// sharedOf makes an entry of a result that has the TTLs it is kept for, stored at a second of the
// time of day; nil of what is not one entry.
func sharedOf(q wire.Question, l *result, now int64) *cache.Shared {
	e := &cache.Shared{Key: cache.Key{Name: q.Name, Type: q.Type}}
	if !l.kind.IsDenial() {
		if len(l.sets) != 1 { // an alias that is made of a DNAME, which is shared by itself
			return nil
		}
		s := l.sets[0]
		e.Key.Type = s.Type
		e.Set = cache.RRset{Set: s, Stored: now, Expires: now + int64(s.TTL)}
		if len(l.proofs) > 0 {
			e.Set.Beside = &cache.Beside{Proofs: l.proofs}
		}
		return e
	}
	n := &cache.Negative{NXDomain: l.kind == wire.KindNXDomain, Status: l.status, Zone: l.zone,
		UnsignedCut: l.unsignedCut, Bare: l.bare, Until: l.until(), Stored: now}
	n.Proofs = slices.DeleteFunc(slices.Clone(l.proofs), func(p *wire.RRset) bool {
		soa := p.Type == wire.TypeSOA && n.SOA == nil
		if soa {
			n.SOA = p
		}
		return soa
	})
	if n.Expires = now + int64(cache.MinTTL(l.proofs)); n.SOA != nil {
		n.Expires = now + int64(n.SOA.TTL)
	}
	if e.Negative = n; n.NXDomain && q.Type != wire.TypeDS {
		e.Key.Type = wire.TypeNone
	}
	return e
}

// releaseClaim tells nodes that wait for this resolution that it has nothing for them.
func (x *resolution) releaseClaim() {
	if x.fleet.claimed && !x.fleet.offered {
		view := x.r.views().of(x.q.Name)
		x.r.fleet.Release(&view, cache.Key{Name: x.q.Name, Type: x.q.Type})
	}
}

// forgetShared has nothing come back from the fleet that is forgotten here.
func (r *Resolver) forgetShared(name wire.Name, subtree bool) {
	if r.fleet != nil {
		r.fleet.Forget(name, subtree)
	}
}
