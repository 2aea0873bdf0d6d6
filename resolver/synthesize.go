// Answers from cached denials: aggressive use of NSEC and NSEC3 (RFC 8198).

package resolver

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/validator"
	"bailiwick/wire"
)

// cachedDenial denies a question with cached spans (RFC 8198, section 5).
func (r *Resolver) cachedDenial(k cache.Key, now time.Time, b *validator.Budget) (*result, bool) {
	zone, sets, ok := r.memory.spans(k, now)
	if !ok {
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
	r, k := r.home(cache.Key{Name: q.Name, Type: q.Type})
	if r.permissive(k) { // names around it share the span, and have the AD flag
		return nil, encloser, false
	}
	a, encloser, ok = r.memory.preparedSpan(k, v, r.clock.Now())
	if ok {
		r.observe.Synthesised()
	}
	return a, encloser, ok
}
