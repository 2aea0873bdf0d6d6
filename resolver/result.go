// Results: an answer is a chain of them, one for each name. Each is validated and cached
// separately.

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
	state   cache.State  // of its cache entry
	refresh int64        // of its cache entry: the second from which it is about to end
	// ends is, for a denial from the cache, when the first signature of its proofs expires, whether
	// proofs has them or not.
	ends uint32
	// noCache reports whether nothing of it is cached: the operator wants it so, or RFC 2308,
	// section 5.
	noCache bool
	// bare reports whether it is a denial without SOA, from a referral. It is used for the chain of
	// trust, but does not answer a client (RFC 2308, section 3).
	bare   bool
	sets   []*wire.RRset // the answer
	proofs []*wire.RRset // SOA and denials; for a wildcard's answer its denials
	target wire.Name     // of an alias
	// ofTarget is how many of the proofs, the last ones, belong to a cut above the target. Another
	// zone may have signed them.
	ofTarget int
	// own is the zone's NS set that came in a denial without SOA and shows which zone answered; it
	// is not cached.
	own *wire.RRset
	// tooLong reports whether the answer is a DNAME that makes the name too long (YXDOMAIN).
	tooLong bool
	status  wire.Security
	failure *cause.Failure    // reported to clients although there is an answer
	zone    wire.Name         // the signer, if secure
	keys    *validator.KeySet // of a DNSKEY set that was just validated, with its public keys
	// unsignedCut reports for type DS whether the name is an unsigned delegation or may be one.
	unsignedCut bool
}

// ttl is the smallest TTL of the result's sets.
func (l *result) ttl() uint32 {
	if len(l.sets) == 0 {
		return cache.MinTTL(l.proofs)
	}
	return cache.MinTTL(l.sets)
}

// cheap reports whether the result can be made from others again as cheaply. A prepared answer for
// each of a flood of names would only cost memory.
func (l *result) cheap() bool {
	return l.origin == event.OriginSpan || l.origin == event.OriginChain
}

// wholeSpan reports whether the result denies all names of the span that it was made from.
func (l *result) wholeSpan() bool {
	return l.origin == event.OriginSpan && l.kind == wire.KindNXDomain
}

// until returns when the first signature of the result or its proofs expires, 0 if there is none.
func (l *result) until() uint32 {
	return wire.EarliestEnd(wire.EarliestEnd(l.ends, l.sets...), l.proofs...)
}

// store caches a result under the question's key. It writes the TTLs of the cache into the result's
// sets, so that the first client gets the same TTLs as the next (RFC 2181, section 5.2). No other
// goroutine has the sets: they are the copies of a verdict or, if nothing was validated, were
// parsed for this question alone.
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

// storeSets caches data or an alias, each set for its TTL.
func (r *Resolver) storeSets(k cache.Key, l *result, now time.Time) {
	r.cache.ClampTTLs(l.sets, l.proofs, now)
	for i, s := range l.sets {
		if s.Type == wire.TypeCNAME && i > 0 && l.sets[i-1].Type == wire.TypeDNAME &&
			l.status == wire.Secure {
			continue // it can be made from the DNAME again
		}
		if s.Type == wire.TypeCNAME && !r.ownTree(k) {
			continue
		}
		if k.Type == wire.TypeANY || k.Type == wire.TypeRRSIG {
			continue // the answer may be incomplete (RFC 8482)
		}
		e := cache.RRset{Set: s}
		if l.failure != nil || len(l.proofs) > 0 {
			e.Beside = &cache.Beside{Failure: l.failure, Proofs: l.proofs}
		}
		r.cache.PutRRset(cache.Key{Name: s.Name, Type: s.Type, Unchecked: k.Unchecked}, e, now)
	}
}

// storeDenial caches a denial, its SOA and its proofs for one common TTL.
func (r *Resolver) storeDenial(k cache.Key, l *result, now time.Time) {
	n := &cache.Negative{NXDomain: l.kind == wire.KindNXDomain, Status: l.status,
		Failure: l.failure, Zone: l.zone, UnsignedCut: l.unsignedCut, Bare: l.bare,
		Until: l.until()}
	ttl := r.cache.ClampDenial(l.proofs, n.Until, now)
	for _, p := range l.proofs {
		switch {
		case p.Type == wire.TypeSOA && n.SOA == nil:
			n.SOA = p
		case !l.bare: // clients never get the proofs of a bare denial
			n.Proofs = append(n.Proofs, p)
		}
	}
	denied := k
	if n.NXDomain && r.deniesAllTypes(k, l) {
		denied.Type = wire.TypeNone
	}
	r.cache.PutNegative(denied, n, ttl, now)
}

// deniesAllTypes reports whether a denied name is denied for every type and for all names below it
// (RFC 8020, section 2). It is denied for the question alone where the zones of the question and of
// the denial are in different trees: DS at the apex of a configured zone is the parent's answer,
// and a forwarder may prove a denial with a zone above.
func (r *Resolver) deniesAllTypes(k cache.Key, l *result) bool {
	unprovenDS := k.Type == wire.TypeDS && l.status != wire.Secure // see cachedNegative
	return !unprovenDS && l.origin != event.OriginPublic && r.ownTree(k) &&
		(l.zone.IsZero() || r.speaksFor(l.zone, k))
}

// ending reports whether the result is from the cache, and about to end there.
func (l *result) ending() bool { return l.state == cache.Ending }
