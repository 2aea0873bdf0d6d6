// Validation: from a response to a result that may be used. The trust that the validator needs is
// fetched, and then it is called again.

package resolver

import (
	"net/netip"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/limit"
	"bailiwick/validator"
	"bailiwick/wire"
)

// finish validates a final response and makes a result of it. A failure means that it is bogus.
func (x *resolution) finish(a *zoneQuery, got *accepted) (*result, *cause.Failure) {
	l := &result{kind: got.kind, origin: x.origin(), sets: got.sets, target: got.target,
		tooLong: got.tooLong, own: got.own, status: wire.Unchecked}
	switch {
	case l.kind.IsDenial():
		l.proofs = got.authority
	case x.cd:
		// A SOA is about the alias's target, and perhaps of another zone than denies that.
		l.proofs = denials(got.authority)
	}
	if f := x.validateResult(a.speaks(), a.q, l, got.authority); f != nil {
		if got.damaged && f.Cause == cause.SignatureInvalid {
			g := cause.New(cause.RecordMalformed, a.zone, "%s", a.q)
			g.Under = f
			f = g
		}
		return nil, f
	}
	if got.damaged && l.failure == nil { // the client learns why a record is missing
		l.failure = cause.New(cause.RecordMalformed, a.zone, "%s", a.q)
	}
	if l.kind == wire.KindAlias && l.status == wire.Secure {
		x.validateTarget(a, l, got.authority)
	}
	if a.conf != nil && a.conf.Forward && l.status != wire.Secure {
		l.proofs = within(l.proofs, a.zone)
	}
	l.noCache = a.conf != nil && a.conf.NoCache || got.hollow
	return l, nil
}

// origin returns the origin of results from the servers that are asked.
func (x *resolution) origin() event.Origin {
	if x.fallback {
		return event.OriginPublic
	}
	return event.OriginResolved
}

// keepReply caches the result of an accepted reply, and the reply's data of the alias's target.
func (x *resolution) keepReply(a *zoneQuery, got *accepted) {
	if got.result == nil || got.result.noCache {
		return
	}
	x.keepResult(a.q, got.result, got)
	if !got.copied {
		x.offer(a.speaks(), a.q, got.result)
	}
	x.chain(a, got.result, got)
}

// keepResult caches a result of a reply. That to the whole question of a fetch for a network is
// kept (RFC 7871, section 7.3.1)
//   - for the network that the reply has in its scope, or
//   - for all, by whichever way they ask, if the scope is 0 or the server has none, or
//   - for the fetch's network alone, if the question was put without it.
func (x *resolution) keepResult(q wire.Question, l *result, got *accepted) {
	k, now := x.keyOf(q), x.r.clock.Now()
	if !x.network.IsValid() || !got.whole {
		x.r.memory.put(k, l, x.flushes, now)
		return
	}
	if got.network.IsValid() {
		x.r.memory.clamp(l, now)
		l.scope = got.network.Bits()
		x.r.putVariant(k, l, got.network, got.exact, x.flushes)
		return
	}
	x.r.memory.put(k, l, x.flushes, now)
	if got.heeded {
		x.r.putVariant(k, l, netip.Prefix{}, false, x.flushes)
	} else {
		x.r.putVariant(k, l, x.network, false, x.flushes)
	}
}

// has reports whether a question's result is cached, where keepResult keeps it.
func (x *resolution) has(q wire.Question, got *accepted) bool {
	k := fetchKey{Key: x.keyOf(q)}
	if got.whole {
		k.network = x.network
	}
	return x.r.kept(k) != nil
}

// keyOf returns the cache key of a question.
func (x *resolution) keyOf(q wire.Question) cache.Key {
	return cache.Key{Name: q.Name, Type: q.Type, Unchecked: x.cd}
}

// validateResult validates a result that the servers of zone gave, and sets its status, proofs and
// TTLs.
func (x *resolution) validateResult(zone wire.Name, q wire.Question, l *result,
	authority []*wire.RRset) *cause.Failure {
	if x.cd {
		return nil
	}
	if q.Type == wire.TypeDNSKEY && l.kind != wire.KindAlias {
		if decided, f := x.validateKeys(q.Name, l); decided {
			return f
		}
	}
	v := x.validate(&validator.Response{Question: q, Servers: zone, Kind: l.kind,
		Sets: l.sets, Authority: authority})
	x.r.observe.Validated(v.Status, v.Failure)
	if x.sink != nil {
		x.judged(q, v.Zone, v.Status, v.Failure, func() *event.Judged {
			return judgedOf(l, authority, &v)
		})
	}
	if v.Status == wire.Bogus {
		if v.Failure != nil && v.Failure.Cause.Kind() == cause.KindLimit {
			x.limited(v.Failure.Cause)
		}
		return v.Failure
	}
	l.status, l.failure, l.zone, l.unsignedCut = v.Status, v.Failure, v.Zone, v.UnsignedCut
	if l.kind.IsDenial() {
		l.kind = v.Kind
	} else {
		l.sets = v.Sets
	}
	l.proofs = v.Proofs
	switch {
	case v.Status == wire.Secure || len(v.Proofs) > 0:
	case l.kind.IsDenial():
		l.proofs = withSecurity(v.Status, authority)
	case slices.ContainsFunc(l.sets, expanded):
		// A client with an anchor that we do not have needs them (RFC 4035, sections 3.1.3.3 and
		// 3.2.1).
		l.proofs = withSecurity(v.Status, denials(authority))
	}
	return nil
}

// judgedOf returns what a verdict is about: what has verified, or all that came.
func judgedOf(l *result, authority []*wire.RRset, v *validator.Verdict) *event.Judged {
	switch {
	case l.kind.IsDenial() && v.Status != wire.Bogus && len(v.Proofs) > 0:
		return event.JudgedOf(v.Kind, nil, v.Proofs, v.UnsignedCut)
	case v.Status != wire.Secure:
		return event.JudgedOf(l.kind, l.sets, authority, v.UnsignedCut)
	}
	return event.JudgedOf(l.kind, v.Sets, v.Proofs, false)
}

// withSecurity returns copies of sets with the status of the response that they are from.
func withSecurity(status wire.Security, sets []*wire.RRset) []*wire.RRset {
	copies := make([]*wire.RRset, len(sets))
	for i, s := range sets {
		copies[i] = s.WithSecurity(status)
	}
	return copies
}

// expanded reports whether a set was made from a wildcard, according to its signatures (RFC 4034,
// section 3.1.3).
func expanded(s *wire.RRset) bool {
	for d := range s.Sigs.All() {
		sig, err := wire.ParseRRSIGOf(s.Name, d)
		if err == nil && int(sig.Labels) < s.Name.Labels() && !s.Name.IsWildcard() {
			return true
		}
	}
	return false
}

// denials returns the signed NSEC and NSEC3 sets of an authority section.
func denials(authority []*wire.RRset) (sets []*wire.RRset) {
	for _, s := range authority {
		if (s.Type == wire.TypeNSEC || s.Type == wire.TypeNSEC3) && len(s.Sigs) > 0 {
			sets = append(sets, s)
		}
	}
	return sets
}

// validate asks the validator until it needs nothing more.
func (x *resolution) validate(resp *validator.Response) validator.Verdict {
	var v validator.Verdict
	for range maxNeeds {
		v = x.r.validator.Judge(resp, x, x.r.clockFor(), x.budget.validation)
		if v.Need.IsZero() {
			if x.refetch(&v) {
				continue
			}
			if v.Status == wire.Bogus || v.Zone.IsRoot() {
				x.r.compareClock(v.Status, v.Failure, func(o *validator.Validator) wire.Security {
					return o.Judge(resp, x, x.r.clockFor(), x.budget.validation).Status
				})
			}
			if v.Status == wire.Secure {
				x.r.observe.Secured(v.Zone, v.Sets...)
				x.r.observe.Secured(v.Zone, v.Proofs...)
				x.r.observe.JudgedSets(wire.Secure, len(v.Sets)+len(v.Proofs))
			} else {
				x.r.observe.JudgedSets(v.Status, len(resp.Sets)+len(resp.Authority))
			}
			return v
		}
		x.learnTrust(v.Need)
	}
	return validator.Verdict{Status: wire.Bogus, Failure: cause.New(cause.LimitDepth,
		resp.Question.Name, "chain of trust")}
}

// refetch drops a zone's cached DS and keys if a signature was made by a key that is not among
// them, or if data of a signed zone are not signed: the zone may have rolled its keys since, or
// become unsigned.
func (x *resolution) refetch(v *validator.Verdict) bool {
	if v.Status != wire.Bogus || v.Failure == nil {
		return false
	}
	switch v.Failure.Cause {
	case cause.KeyNotFound, cause.SignatureMissing, cause.KeySignatureMissing,
		cause.DenialMissing:
	default:
		return false
	}
	zone, err := wire.ParseName(v.Failure.Zone)
	if err != nil || !x.r.forgetKeys(zone) {
		return false
	}
	x.trusts.drop(zone)
	x.enclosing = nil
	return true
}

// chain caches what the same answer has for an alias's target, if the target is in the same zone
// and signed: each set becomes a result of its own, which the alias chain finds in the cache.
// Targets that are not signed are asked for separately.
func (x *resolution) chain(a *zoneQuery, l *result, got *accepted) {
	q := a.q
	for n := 0; l.kind == wire.KindAlias && n < MaxAliases && l.target.Within(a.zone); n++ {
		q.Name = l.target
		if z := x.r.cfg.configured(q.Name); z != a.conf && z != nil {
			return
		}
		if got.network.IsValid() && !x.r.tailored(q.Name, q.Type) || x.has(q, got) {
			return // an answer for some networks is kept where it is looked for by network alone
		}
		if l = got.nextResult(q); l == nil {
			return
		}
		l.origin = x.origin()
		if x.validateResult(a.speaks(), q, l, got.authority) != nil ||
			l.status != wire.Secure {
			return // it is asked for separately
		}
		x.keepResult(q, l, got)
		if !got.copied {
			x.offer(a.speaks(), q, l)
		}
	}
}

// nextResult returns what the rest of an answer has for the next name in the chain, nil if nothing:
// data, an alias, or the denial of the chain's end (RFC 2308, section 2.1; RFC 6604, section 3).
func (got *accepted) nextResult(q wire.Question) *result {
	next := reply{}
	switch {
	case next.positive(got.rest, q) && next.kind == wire.KindAlias:
		return &result{kind: wire.KindAlias, sets: next.sets, target: next.target}
	case next.kind == wire.KindAnswer && len(next.sets) > 0:
		return &result{kind: wire.KindAnswer, sets: next.sets, tooLong: next.tooLong}
	case next.kind != wire.KindNone || wire.FindType(got.authority, wire.TypeSOA) == nil:
		// Without an SOA nothing is denied: the proofs are those of the alias's wildcard.
		return nil
	case got.nxdomain:
		return &result{kind: wire.KindNXDomain}
	}
	return &result{kind: wire.KindNoData}
}

// validateReferral caches what a referral proves about the security of its cut: the DS set, or that
// there is none (RFC 4035, section 3.1.4). If it proves nothing, the DS set is asked for when it is
// needed.
func (x *resolution) validateReferral(parent, cut wire.Name, authority []*wire.RRset) {
	if len(authority) > 0 && x.r.cfg.configured(cut) == nil {
		x.validateCut(parent, cut, authority)
	}
}

// validateTarget caches what an alias's answer proves about a cut on the way to its target. Denials
// without an SOA do not deny the target, but prove that it is in an unsigned zone, which the same
// servers may serve. The client gets them as well, as it may need them (RFC 4035, section 3.1.4).
func (x *resolution) validateTarget(a *zoneQuery, l *result, authority []*wire.RRset) {
	if len(authority) == 0 || wire.FindType(authority, wire.TypeSOA) != nil {
		return
	}
	if !l.target.Below(l.zone) || x.r.cfg.configured(l.target) != a.conf {
		return
	}
	above := l.zone.Labels()
	for labels := above + 1; labels <= min(l.target.Labels(), above+maxTargetCuts); labels++ {
		proofs := x.validateCut(l.zone, l.target.Ancestor(labels), authority)
		if len(proofs) > 0 {
			l.proofs, l.ofTarget = append(l.proofs, proofs...), len(proofs)
			return
		}
	}
	if l.target.Labels() > above+maxTargetCuts {
		limit.TargetCuts.Met()
	}
}

// validateCut validates the DS set in authority, or its denial. It returns the proofs if there is
// an unsigned cut, or may be one.
func (x *resolution) validateCut(parent, cut wire.Name, authority []*wire.RRset) (
	unsigned []*wire.RRset) {
	q := wire.Question{Name: cut, Type: wire.TypeDS, Class: wire.ClassIN}
	if _, known := x.r.cached(x.keyOf(q)); known {
		return nil
	}
	l := &result{kind: wire.KindNoData, origin: x.origin()}
	if ds := wire.Find(authority, cut, wire.TypeDS); ds != nil {
		l.kind, l.sets = wire.KindAnswer, []*wire.RRset{ds}
	} else if wire.FindType(authority, wire.TypeNSEC) == nil &&
		wire.FindType(authority, wire.TypeNSEC3) == nil {
		return nil
	}
	v := x.validate(&validator.Response{Question: q, Servers: parent, Kind: l.kind,
		Sets: l.sets, Authority: authority})
	if v.Status != wire.Secure && !(v.Status == wire.Insecure && v.UnsignedCut &&
		len(v.Proofs) > 0) || v.Kind == wire.KindNXDomain {
		return nil
	}
	if l.kind == wire.KindAnswer {
		l.sets = v.Sets
	}
	l.status, l.failure, l.zone, l.unsignedCut = v.Status, v.Failure, v.Zone, v.UnsignedCut
	l.proofs, l.bare = v.Proofs, l.kind == wire.KindNoData
	x.r.memory.put(x.keyOf(q), l, x.flushes, x.r.clock.Now())
	x.offer(parent, q, l)
	if _, known := x.Zone(cut); !known && l.kind == wire.KindAnswer && v.Status == wire.Secure {
		if ds, _ := x.r.validator.UsableDS(l.sets[0]); len(ds) > 0 {
			// the zone's answers will be validated with its keys
			x.ahead(cache.Key{Name: cut, Type: wire.TypeDNSKEY})
		}
	}
	if v.UnsignedCut {
		for _, p := range v.Proofs { // copied, as those of l are cached with other TTLs
			c := *p
			unsigned = append(unsigned, &c)
		}
	}
	return unsigned
}
