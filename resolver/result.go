// Results: an answer is a chain of them, one for each name. Each is validated and cached by itself.

package resolver

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/validator"
	"bailiwick/wire"
)

// result is what is known about one name and type. Once published it is immutable.
type result struct {
	kind    wire.Kind    // an answer, an alias, or a denial
	origin  event.Origin // where it is from
	state   cache.State  // from the cache: how far it is in its life there
	refresh int64        // from the cache: the second from which it is about to end there
	// ends: from the cache: when the first signature ends that a denial rests on, whether its
	// proofs are here or not.
	ends uint32
	// noCache: nothing of it is kept, wherever it is from: the operator wants it so, or RFC 2308,
	// section 5.
	noCache bool
	// bare: a denial that came without SOA, in a referral, or that the cache has from one: it
	// serves the chain of trust, but is no answer for a client (RFC 2308, section 3).
	bare   bool
	sets   []*wire.RRset // the answer
	proofs []*wire.RRset // SOA and denials; for a wildcard's answer its denials
	target wire.Name     // of an alias
	// ofTarget is how many of the proofs, the last, are of a cut above the target: another zone may
	// have signed them.
	ofTarget int
	// own: of a denial without SOA: the zone's NS set, which tells whose word it is; not kept.
	own *wire.RRset
	// tooLong: the answer is a DNAME that makes too long a name of the question's (YXDOMAIN).
	tooLong bool
	status  wire.Security
	failure *cause.Failure    // what clients are told although there is an answer
	zone    wire.Name         // the signer, if secure
	keys    *validator.KeySet // of a DNSKEY set that was just judged, public keys read
	// unsignedCut: for type DS, the name is an unsigned delegation or may be one.
	unsignedCut bool
}

// ttl is the smallest TTL of the result's sets.
func (l *result) ttl() uint32 {
	if len(l.sets) == 0 {
		return cache.MinTTL(l.proofs)
	}
	return cache.MinTTL(l.sets)
}

// cheap reports whether the result is made from others as cheaply the next time: a prepared answer
// for each of a flood of names would be all cost.
func (l *result) cheap() bool {
	return l.origin == event.OriginSpan || l.origin == event.OriginChain
}

// wholeSpan reports whether the result denies, from a span, all names in it.
func (l *result) wholeSpan() bool {
	return l.origin == event.OriginSpan && l.kind == wire.KindNXDomain
}

// until is when the first signature ends that the result rests on, 0 for none.
func (l *result) until() uint32 {
	return wire.EarliestEnd(wire.EarliestEnd(l.ends, l.sets...), l.proofs...)
}

// store keeps a result under the question's key, and writes into its sets the TTLs that it is kept
// for: who asks first hears the same as the next (RFC 2181, section 5.2). The sets are the result's
// own, and nobody else has seen them: they are the copies of a verdict, or, where nothing was
// judged, what was parsed for this question alone.
func (r *Resolver) store(k cache.Key, l *result) {
	now := r.clock.Now()
	if l.kind.IsDenial() {
		r.storeDenial(k, l, now)
	} else {
		r.storeSets(k, l, now)
	}
	if l.status == wire.Secure && !k.Unchecked && r.cfg.AggressiveNSEC && r.speaksFor(l.zone, k) {
		r.keepDenials(l, now)
	}
}

// storeSets keeps data or an alias, each set for its TTL.
func (r *Resolver) storeSets(k cache.Key, l *result, now time.Time) {
	r.cache.ClampTTLs(l.sets, l.proofs, now)
	for i, s := range l.sets {
		if s.Type == wire.TypeCNAME && i > 0 && l.sets[i-1].Type == wire.TypeDNAME &&
			l.status == wire.Secure {
			continue // made from the DNAME, and made again when it is needed
		}
		if s.Type == wire.TypeCNAME && !r.ownTree(k) {
			continue
		}
		if k.Type == wire.TypeANY || k.Type == wire.TypeRRSIG {
			continue // a server need not tell all under these (RFC 8482)
		}
		e := cache.RRset{Set: s}
		if l.failure != nil || len(l.proofs) > 0 {
			e.Beside = &cache.Beside{Failure: l.failure, Proofs: l.proofs}
		}
		r.cache.PutRRset(cache.Key{Name: s.Name, Type: s.Type, Unchecked: k.Unchecked}, e, now)
	}
}

// storeDenial keeps a denial and all that belongs to it for one time.
func (r *Resolver) storeDenial(k cache.Key, l *result, now time.Time) {
	n := &cache.Negative{NXDomain: l.kind == wire.KindNXDomain, Status: l.status,
		Failure: l.failure, Zone: l.zone, UnsignedCut: l.unsignedCut, Bare: l.bare,
		Until: l.until()}
	ttl := r.cache.ClampDenial(l.proofs, n.Until, now)
	for _, p := range l.proofs {
		switch {
		case p.Type == wire.TypeSOA && n.SOA == nil:
			n.SOA = p
		case !l.bare: // no client is ever shown the proofs of one that is
			n.Proofs = append(n.Proofs, p)
		}
	}
	denied := k
	if n.NXDomain && r.deniesAllTypes(k, l) {
		denied.Type = wire.TypeNone
	}
	r.cache.PutNegative(denied, n, ttl, now)
}

// deniesAllTypes reports whether a denied name is denied for every type and for all names below
// it (RFC 8020, section 2). Across the edge of a configured zone it is denied for the question
// alone: DS at the zone's apex is the parent's answer, and a forwarder may prove with a zone
// above what it was asked for.
func (r *Resolver) deniesAllTypes(k cache.Key, l *result) bool {
	return l.origin != event.OriginPublic && r.ownTree(k) &&
		(l.zone.IsZero() || r.speaksFor(l.zone, k))
}

// ending reports whether the result is from the cache, and about to end there.
func (l *result) ending() bool { return l.state == cache.Ending }
