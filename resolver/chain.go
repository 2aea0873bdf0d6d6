// The chain of trust: which zones are secure, with which keys. DS and DNSKEY sets are resolved like
// any other; the trust that they prove is cached by zone.

package resolver

import (
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// trustCache holds the trust in zones that a resolution uses to its end, even if the cache evicts
// it. The budgets keep it short.
type trustCache []trustEntry

type trustEntry struct {
	name  wire.Name
	trust validator.Trust
}

func (m trustCache) get(name wire.Name) (validator.Trust, bool) {
	for i := range m {
		if m[i].name == name {
			return m[i].trust, true
		}
	}
	return validator.Trust{}, false
}

func (m *trustCache) set(name wire.Name, t validator.Trust) {
	m.drop(name)
	*m = append(*m, trustEntry{name, t})
}

func (m *trustCache) drop(name wire.Name) {
	*m = slices.DeleteFunc(*m, func(x trustEntry) bool { return x.name == name })
}

// Zone implements validator.Chain.
func (x *resolution) Zone(apex wire.Name) (validator.Trust, bool) {
	if t, ok := x.trusts.get(apex); ok {
		return t, true
	}
	if t, ok := x.r.knownTrust(apex); ok {
		x.r.keysAhead(apex, &t)
		return t, true
	}
	return validator.Trust{}, false
}

// knownTrust returns the cached trust in a zone: its own, or that of an ancestor if it decides.
func (r *Resolver) knownTrust(apex wire.Name) (validator.Trust, bool) {
	if t, decided := r.policyTrust(apex); decided {
		return t, true
	}
	now := r.clock.Now()
	_, anchored := r.anchors.At(apex)
	for n := apex; ; n = n.Parent() {
		t, ok := r.memory.trust(n, now)
		if !ok {
			t, ok = r.unsignedCut(n, now)
		}
		// Nothing below an unsigned cut is secure again without an anchor of its own.
		if ok && (n == apex || t.Status == wire.Insecure && !anchored && decidesBelow(&t)) {
			return t, true
		}
		if a, ok := r.anchors.Closest(apex); n.IsRoot() || ok && n == a {
			return validator.Trust{}, false
		}
	}
}

// decidesBelow reports whether insecure trust decides about the zones below. Where a denial has
// more NSEC3 iterations than are computed, the name may be no cut at all, but an empty non-terminal
// above a signed zone. Whether that zone is secure must not depend on what was asked for before.
func decidesBelow(t *validator.Trust) bool {
	return t.Failure == nil || t.Failure.Cause != cause.NSEC3Iterations
}

// unsignedCut returns the trust in a zone whose DS is denied in the cache. The cached denial is
// enough, so most unsigned zones need no entry in the cache of trust.
func (r *Resolver) unsignedCut(zone wire.Name, now time.Time) (validator.Trust, bool) {
	n, ok := r.memory.unsignedCut(zone, now)
	if _, anchored := r.anchors.At(zone); anchored || !ok {
		return validator.Trust{}, false
	}
	return validator.Trust{Zone: zone, Status: wire.Insecure, Failure: n.Failure,
		Expires: time.Unix(n.Expires, 0), Until: n.Until}, true
}

// policyTrust decides what needs no look-up: exceptions, and names without any anchor above.
func (r *Resolver) policyTrust(zone wire.Name) (validator.Trust, bool) {
	switch n, e := r.anchors.Exception(zone); e {
	case trustanchor.Negative:
		return validator.Trust{Zone: n, Status: wire.Insecure,
			Failure: cause.New(cause.NegativeAnchor, n, "")}, true
	case trustanchor.Insecure:
		return validator.Trust{Zone: n, Status: wire.Insecure,
			Failure: cause.New(cause.ValidationOff, n, "")}, true
	}
	if _, ok := r.anchors.Closest(zone); !ok {
		return validator.Trust{Zone: zone, Status: wire.Indeterminate}, true
	}
	return validator.Trust{}, false
}

// Excepted implements validator.Chain.
func (x *resolution) Excepted(name wire.Name) (validator.Trust, bool) {
	return x.r.policyTrust(name)
}

// Enclosing implements validator.Chain.
func (x *resolution) Enclosing(name wire.Name) (validator.Trust, bool) {
	if t, decided := x.r.policyTrust(name); decided {
		return t, true
	}
	return x.enclosing.get(name)
}

// learnTrust fetches the trust that a validation needs.
func (x *resolution) learnTrust(n validator.Need) {
	if n.Enclosing {
		x.enclosing.set(n.Name, x.enclose(n.Name))
		return
	}
	x.memo(n.Name, x.trust(n.Name))
}

func (x *resolution) memo(zone wire.Name, t validator.Trust) {
	x.trusts.set(zone, t)
	if x.sink != nil {
		e := x.event(event.Trust)
		e.Zone, e.Status, e.Failure = t.Zone, t.Status, t.Failure
		x.tell(e)
	}
}

// enclose finds the trust that holds for a name's data by going down from the anchor, over every
// possible cut. An unsigned set in what looks like a secure zone may come from an unsigned child on
// the same servers.
func (x *resolution) enclose(name wire.Name) validator.Trust {
	if t, ok := x.r.knownTrust(name); ok && t.Status != wire.Secure {
		return t
	}
	anchor, _ := x.r.anchors.Closest(name)
	t := x.trustOf(anchor)
	for labels := anchor.Labels() + 1; labels <= name.Labels() &&
		t.Status == wire.Secure; labels++ {
		cut := name.Ancestor(labels)
		below := x.trustOf(cut)
		if below.Status == wire.Secure && below.Zone != cut {
			if l, ok := x.r.cached(cache.Key{Name: cut, Type: wire.TypeDS}); ok &&
				l.kind == wire.KindNXDomain {
				return below // nothing exists there, so no cut below it either
			}
		}
		t = below
	}
	return t
}

// trustOf returns the trust in a zone, from the cache or by fetching it.
func (x *resolution) trustOf(zone wire.Name) validator.Trust {
	if t, ok := x.Zone(zone); ok {
		return t
	}
	t := x.trust(zone)
	x.memo(zone, t)
	return t
}

// trust builds the trust in a zone: DS from above, then the keys that it names. If the name is not
// a zone cut, the trust is that of the zone it is in.
func (x *resolution) trust(zone wire.Name) validator.Trust {
	ds, t := x.delegationSigner(zone)
	if t.Status != wire.Secure || t.Zone != zone {
		return x.keep(zone, t)
	}
	k := cache.Key{Name: zone, Type: wire.TypeDNSKEY}
	l, f := x.sub(k)
	if f == nil && l.kind == wire.KindAnswer && l.status == wire.Insecure {
		if refused, yes := x.refused(ds, l.sets[0], t); yes {
			return refused
		}
	}
	if f == nil && l.status != wire.Secure {
		// The keys and the DS were cached at different times, so either may be outdated.
		if ds, t = x.delegationSigner(zone); t.Status != wire.Secure || t.Zone != zone {
			return x.keep(zone, t)
		}
		x.r.memory.forget(k)
		l, f = x.sub(k)
	}
	switch {
	case f != nil && x.r.cfg.Validation.MissingKeysInsecure && keysMissing(f):
		// This trust is not cached: the next resolution asks again as soon as the remembered
		// failure ends.
		return validator.Trust{Zone: zone, Status: wire.Insecure,
			Failure: cause.New(cause.KeyMissing, zone, "DS %d", ds[0].KeyTag)}
	case f != nil:
		// The zone answers, but not for its keys.
		if f.Cause.Kind() == cause.KindNetwork && f.HeldAgainst() == cause.ScopeName {
			missing := cause.New(cause.KeyMissing, zone, "DS %d", ds[0].KeyTag)
			missing.Under = f
			f = missing
		}
		return x.bogusTrust(zone, f)
	case l.kind != wire.KindAnswer || l.status != wire.Secure:
		return x.bogusTrust(zone, cause.New(cause.KeyMissing, zone, "DS %d", ds[0].KeyTag))
	}
	if t.Keys = l.keys; t.Keys == nil {
		t.Keys = x.r.validator.KeysFor(ds, l.sets[0])
	}
	t.Expires, t.Until = x.earliest(t.Expires, l.ttl()), wire.EarlierEnd(t.Until, l.until())
	return x.keep(zone, t)
}

// keysMissing reports whether a zone's servers fail or deny the question for its keys, while they
// may have other data.
func keysMissing(f *cause.Failure) bool {
	return f.Cause == cause.KeyMissing ||
		f.Cause.Kind() == cause.KindNetwork && f.HeldAgainst() == cause.ScopeName
}

// refused returns the insecure trust in a zone if every DS names a key that is outside the limits;
// false if that is not so.
func (x *resolution) refused(ds []wire.DS, keys *wire.RRset, t validator.Trust) (
	validator.Trust, bool) {
	_, res := x.r.validator.MatchDS(ds, keys, validator.InstantOf(x.r.clockFor()),
		x.budget.validation)
	if res.Status != wire.Insecure {
		return t, false
	}
	t.Status, t.Failure, t.Expires = wire.Insecure, res.Failure, x.earliest(t.Expires, keys.TTL)
	return x.keep(t.Zone, t), true
}

// keep caches a trust that is not bogus; failures have a cache of their own.
func (x *resolution) keep(zone wire.Name, t validator.Trust) validator.Trust {
	if _, known := x.r.unsignedCut(zone, x.r.clock.Now()); !known || t.Status != wire.Insecure {
		x.r.memory.putTrust(zone, t)
	}
	return t
}

func (x *resolution) bogusTrust(zone wire.Name, f *cause.Failure) validator.Trust {
	return validator.Trust{Zone: zone, Status: wire.Bogus, Failure: f}
}

// distrusts reports whether a failure is that of the trust in a zone: no server of the zone can
// mend it, and none is to blame.
func (x *resolution) distrusts(zone wire.Name, f *cause.Failure) bool {
	bogus := func(e trustEntry) bool {
		return e.trust.Status == wire.Bogus && e.trust.Failure == f && zone.Within(e.trust.Zone)
	}
	return f != nil && (slices.ContainsFunc(x.trusts, bogus) ||
		slices.ContainsFunc(x.enclosing, bogus))
}

// earliest bounds an expiry by a TTL in seconds.
func (x *resolution) earliest(t time.Time, ttl uint32) time.Time {
	return cache.TrustEnd(t, ttl, x.r.clock.Now())
}

// delegationSigner returns the DS records that authenticate a zone's keys, from its trust anchor or
// its DS set. If the returned trust is Secure and of this zone, the keys have to match these
// records; otherwise the trust is the outcome (RFC 4035, section 5.2).
func (x *resolution) delegationSigner(zone wire.Name) ([]wire.DS, validator.Trust) {
	if t, decided := x.r.policyTrust(zone); decided {
		return nil, t
	}
	if set, ok := x.r.anchors.At(zone); ok {
		if x.sink != nil {
			x.anchored(zone, set.Len())
		}
		return x.usable(zone, set, x.earliest(time.Time{}, uint32(cache.MaxTTL/time.Second)))
	}
	l, f := x.sub(cache.Key{Name: zone, Type: wire.TypeDS})
	if f != nil {
		return nil, x.bogusTrust(zone, f)
	}
	expires := x.earliest(time.Time{}, l.ttl())
	switch {
	case l.status != wire.Secure:
		// The zone above is insecure, or the cut is in an opt-out span: unsigned either way.
		return nil, validator.Trust{Zone: zone, Status: wire.Insecure, Failure: l.failure,
			Expires: expires, Until: l.until()}
	case l.kind == wire.KindAnswer:
		return x.usable(zone, l.sets[0], expires)
	case l.kind == wire.KindNoData && l.unsignedCut:
		return nil, validator.Trust{Zone: zone, Status: wire.Insecure, Expires: expires,
			Until: l.until()}
	}
	// There is no cut here: the name is in the zone above.
	above := zone.Parent()
	if l.zone.Labels() < zone.Labels() && zone.Within(l.zone) && !l.zone.IsZero() {
		above = l.zone
	}
	return nil, x.trustOf(above)
}

func (x *resolution) usable(zone wire.Name, set *wire.RRset, expires time.Time) ([]wire.DS,
	validator.Trust) {
	ds, why := x.r.validator.UsableDS(set)
	if len(ds) == 0 {
		return nil, validator.Trust{Zone: zone, Status: wire.Insecure,
			Failure: cause.New(why, zone, "%s", x.r.validator.Unsupported(set, why)),
			Expires: expires, Until: set.Until}
	}
	return ds, validator.Trust{Zone: zone, Status: wire.Secure, Expires: expires, Until: set.Until}
}

// validateKeys validates a zone's own DNSKEY set by its DS or anchor, as its keys are not known yet
// (RFC 4035, section 5.2).
func (x *resolution) validateKeys(zone wire.Name, l *result) (decided bool, f *cause.Failure) {
	if t, ok := x.r.knownTrust(zone); ok && t.Status != wire.Secure {
		return false, nil
	}
	ds, t := x.delegationSigner(zone)
	if t.Status == wire.Bogus {
		x.trusts.set(zone, t)
		return true, t.Failure
	}
	if t.Status != wire.Secure || t.Zone != zone {
		x.memo(zone, t)
		return false, nil
	}
	if l.kind != wire.KindAnswer { // a proof of that would have to be signed with the keys
		if x.forgetDS(zone) {
			return x.validateKeys(zone, l)
		}
		return true, cause.New(cause.KeyMissing, zone, "DS %d", ds[0].KeyTag)
	}
	set := l.sets[0]
	keys, res := x.r.validator.MatchDS(ds, set, validator.InstantOf(x.r.clockFor()),
		x.budget.validation)
	if x.seen != nil && zone == x.q.Name {
		*x.seen = keysSeen{set, res}
	}
	if res.Status != wire.Secure && res.Failure.Cause == cause.DSMismatch && x.forgetDS(zone) {
		return x.validateKeys(zone, l)
	}
	if zone.IsRoot() {
		x.r.compareClock(res.Status, res.Failure, func(v *validator.Validator) wire.Security {
			_, res := v.MatchDS(ds, set, validator.InstantOf(x.r.clockFor()), x.budget.validation)
			return res.Status
		})
	}
	x.r.observe.Validated(res.Status, res.Failure)
	x.r.observe.JudgedSets(res.Status, 1)
	if _, anchored := x.r.anchors.At(zone); anchored && res.Status == wire.Bogus &&
		res.Failure.Cause == cause.DSMismatch {
		res.Failure.Cause = cause.AnchorMismatch
	}
	if x.sink != nil {
		q := keyQuestion(cache.Key{Name: zone, Type: wire.TypeDNSKEY})
		x.judged(q, zone, res.Status, res.Failure, func() *event.Judged {
			judged := set
			if res.Status == wire.Secure {
				judged = res.Of(set)
			}
			return event.JudgedOf(wire.KindAnswer, []*wire.RRset{judged}, nil, false)
		})
	}
	if res.Status == wire.Insecure { // signed, but with no key that the validator uses
		l.sets = []*wire.RRset{set.WithSecurity(wire.Insecure)}
		l.status, l.failure = wire.Insecure, res.Failure
		return true, nil
	}
	if res.Status != wire.Secure {
		return true, res.Failure
	}
	l.sets = []*wire.RRset{res.Of(set)}
	x.r.observe.Secured(zone, l.sets...)
	l.status, l.zone, l.keys = wire.Secure, zone, keys
	return true, nil
}

// AnchorsRoot reports whether a key tag is among the root's trust anchors (RFC 8509).
func (r *Resolver) AnchorsRoot(tag uint16) bool {
	set, ok := r.anchors.At(wire.Root)
	if !ok {
		return false
	}
	for d := range set.Data.All() {
		if ds, err := wire.ParseDS(d); err == nil && ds.KeyTag == tag {
			return true
		}
	}
	return false
}

// refetches records the zones of which something was fetched anew recently.
type refetches struct {
	keys pauses // DS and keys
	cuts pauses // delegations
}

func newRefetches() *refetches {
	r := new(refetches)
	for _, p := range []*pauses{&r.keys, &r.cuts} {
		p.zones, _ = lru.New[wire.Name, time.Time](maxRefetches) // fails for a size of 0 only
	}
	return r
}

// pauses has the zones for which something was done in the last [refetchPause].
type pauses struct {
	mu    sync.Mutex
	zones *lru.Cache[wire.Name, time.Time]
}

// may reports whether it may be done for a zone again, and counts it.
func (p *pauses) may(zone wire.Name, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, ok := p.zones.Get(zone); ok && now.Sub(last) < refetchPause && now.Sub(last) >= 0 {
		return false
	}
	p.zones.Add(zone, now)
	return true
}

// forgetKeys drops a zone's keys and DS from the cache, so that they are fetched anew. It returns
// false if none were cached long enough, or if it was done recently.
func (r *Resolver) forgetKeys(zone wire.Name) bool {
	now := r.clock.Now()
	t, ok := r.memory.trust(zone, now)
	if !ok || t.Status != wire.Secure || !r.memory.old(zone, wire.TypeDNSKEY, now) &&
		!r.memory.old(zone, wire.TypeDS, now) || !r.refetches.keys.may(zone, now) {
		return false
	}
	r.memory.forgetTrust(zone, wire.TypeDNSKEY, wire.TypeDS)
	return true
}

// forgetDS drops a zone's DS, which no longer fit its keys, so that it is fetched anew: the
// zone's keys may have been replaced together with it. Other resolvers answer SERVFAIL until the
// old DS ends.
func (x *resolution) forgetDS(zone wire.Name) bool {
	r := x.r
	now := r.clock.Now()
	if _, anchored := r.anchors.At(zone); anchored || !r.memory.old(zone, wire.TypeDS, now) ||
		!r.refetches.keys.may(zone, now) {
		return false
	}
	x.trusts.drop(zone)
	r.memory.forgetTrust(zone, wire.TypeDS)
	return true
}
