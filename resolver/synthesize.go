// Answers from cached denials: aggressive use of NSEC and NSEC3 (RFC 8198).

package resolver

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/validator"
	"bailiwick/wire"
)

// keepDenials caches a secure result's proofs for aggressive use. Proofs that came with data get
// the TTLs of denials (RFC 8198, section 5.4; RFC 9077, section 3). Proofs of an alias's target are
// cached with the result of its cut, for the zone that signed them: hashes of one zone's names
// prove nothing in another (RFC 5155, section 5).
func (r *Resolver) keepDenials(l *result, now time.Time) {
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
		ttl := r.cache.ClampNegativeTTL(cache.NegativeTTL(sets), wire.EarliestEnd(0, sets...), now)
		for i, s := range sets { // copied, as the answer goes on to use them
			c := *s
			c.TTL = min(s.TTL, ttl)
			sets[i] = &c
		}
	}
	r.cache.Denials.Put(l.zone, sets, now)
}

// cachedDenial denies a question with cached spans (RFC 8198, section 5).
func (r *Resolver) cachedDenial(k cache.Key, now time.Time, b *validator.Budget) (*result, bool) {
	zone, sets := r.cache.Denials.Candidates(k.Name, k.Type, now)
	if len(sets) < 2 || !r.speaksFor(zone, k) {
		return nil, false
	}
	kind, ok := r.validator.ProveCached(zone, sets, wire.Question{Name: k.Name, Type: k.Type,
		Class: wire.ClassIN}, b)
	if !ok {
		return nil, false
	}
	r.observe.Synthesised()
	l := &result{kind: kind, status: wire.Secure, zone: zone, proofs: sets,
		origin: event.OriginSpan}
	return l, true
}

// Denied returns a prepared denial of a name in a cached span, as [cache.Denials.Denied] does,
// unless the cache has data or a denial of the name itself. It allocates nothing. It returns
// nothing for DS, ANY and RRSIG.
func (r *Resolver) Denied(q wire.Question, v cache.Variant) (a *cache.Answer, encloser wire.Name,
	ok bool) {
	if !r.cfg.AggressiveNSEC || q.Type == wire.TypeDS || q.Type == wire.TypeANY ||
		q.Type == wire.TypeRRSIG {
		return nil, encloser, false
	}
	now := r.clock.Now()
	a, encloser, ok = r.cache.Denials.Denied(q.Name, v, now)
	if !ok || !r.speaksFor(encloser, cache.Key{Name: q.Name, Type: q.Type}) {
		return nil, encloser, false
	}
	for _, t := range [...]wire.Type{q.Type, wire.TypeCNAME} {
		if _, state := r.cache.LookupRRset(cache.Key{Name: q.Name, Type: t}, now); state.Good() {
			return nil, encloser, false
		}
	}
	if _, state := r.cache.LookupNegative(cache.Key{Name: q.Name, Type: q.Type},
		now); state.Good() {
		return nil, encloser, false
	}
	r.observe.Synthesised()
	return a, encloser, true
}
