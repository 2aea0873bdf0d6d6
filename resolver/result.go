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
	// stale is why a client gets it though it has ended, and keepFor how long the answer may be
	// kept in wire form then, 0 for not at all.
	stale   StaleReason
	keepFor time.Duration
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
	// scope is how many bits of the client's network the result is for; 0: it is for all.
	scope int
	// most is for how many seconds it may be kept at most, whatever least TTL the operator wants;
	// 0: there is no such bound.
	most uint32
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

// bound gives the result's sets no longer TTLs than it may be kept for.
func (l *result) bound() {
	if l.most == 0 {
		return
	}
	for _, sets := range [2][]*wire.RRset{l.sets, l.proofs} {
		for _, s := range sets {
			s.TTL = min(s.TTL, l.most)
		}
	}
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

// compact reports whether a denial's record of the name itself has the type NXNAME: there is no
// such name, whatever the RCODE (RFC 9824, section 3.1). An NSEC3 record with it is that of the
// name.
func (l *result) compact(name wire.Name) bool {
	for _, p := range l.proofs {
		var types wire.TypeBitmap
		switch {
		case p.Type == wire.TypeNSEC && p.Name == name:
			if n, err := wire.ParseNSEC(p.Data.First()); err == nil {
				types = n.Types
			}
		case p.Type == wire.TypeNSEC3:
			if n, err := wire.ParseNSEC3(p.Data.First()); err == nil {
				types = n.Types
			}
		}
		if types.Has(wire.TypeNXNAME) {
			return true
		}
	}
	return false
}

// until returns when the first signature of the result or its proofs expires, 0 if there is none.
func (l *result) until() uint32 {
	return wire.EarliestEnd(wire.EarliestEnd(l.ends, l.sets...), l.proofs...)
}

// ending reports whether the result is from the cache, and about to end there.
func (l *result) ending() bool { return l.state == cache.Ending }
