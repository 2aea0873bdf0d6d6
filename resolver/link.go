// Links: an answer is a chain of them, each judged and cached by itself.

package resolver

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/validator"
	"bailiwick/wire"
)

// kind is what a link says.
type kind uint8

const (
	kindAnswer   kind = iota // sets of the type asked for
	kindAlias                // a CNAME, or a DNAME and the CNAME made from it
	kindNoData               // no such type
	kindNXDomain             // no such name
)

// link is what is known about one name and type. Once published it is immutable.
type link struct {
	kind    kind
	noCache bool        // nothing of it is kept: the operator wants it so, or RFC 2308, section 5
	state   cache.State // from the cache: how far it is in its life there
	refresh int64       // from the cache: the second from which it is about to end there
	// ends: from the cache: when the first signature ends that a denial rests on, whether its proofs
	// are here or not.
	ends uint32
	// fallback: from the public tree, as the servers of a configured zone failed.
	fallback bool
	// bare: a denial that came without SOA, in a referral: good for the chain of trust, but no answer for a client (RFC 2308, section 3).
	bare bool
	// derived: made from denied spans, as cheaply the next time; a prepared answer for each of a
	// flood of names would be all cost.
	derived bool
	// gap: derived from a gap that the name is in, as others are.
	gap    bool
	source event.Source  // what it follows from, if it was not asked for itself
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

// ttl is the shortest TTL of the link's sets.
func (l *link) ttl() uint32 {
	ttl := uint32(cache.MaxTTL / time.Second)
	for _, s := range l.sets {
		ttl = min(ttl, s.TTL)
	}
	if len(l.sets) == 0 {
		for _, s := range l.proofs {
			ttl = min(ttl, s.TTL)
		}
	}
	return ttl
}

// until is when the first signature ends that the link rests on, 0 for none.
func (l *link) until() uint32 {
	return wire.EarliestEnd(wire.EarliestEnd(l.ends, l.sets...), l.proofs...)
}

// negativeTTL is how long a denial may be kept: the least of the SOA's TTL, its minimum, and the proofs' (RFC 2308, section 5;
// RFC 9077, section 3).
func negativeTTL(proofs []*wire.RRset, none uint32) uint32 {
	ttl, any := ^uint32(0), false
	for _, p := range proofs {
		any = true
		ttl = min(ttl, p.TTL)
		if p.Type == wire.TypeSOA {
			if soa, err := wire.ParseSOA(p.Data.First()); err == nil {
				ttl = min(ttl, soa.Minimum)
			}
		}
	}
	if !any {
		return none
	}
	return ttl
}

// shapeOf is the validator's view of a kind.
func (k kind) shape() validator.Shape {
	switch k {
	case kindNoData:
		return validator.ShapeNoData
	case kindNXDomain:
		return validator.ShapeNXDomain
	}
	return validator.ShapeAnswer
}

// noSOATTL is how long a denial without SOA and proofs is kept, in seconds, per name: RFC 2308, section 5 says not to at all; a few seconds keep a
// broken server from being asked for every client.
const noSOATTL = 5

// store keeps a link under the question's key, and writes into its sets the TTLs that it is kept
// for: who asks first hears the same as the next (RFC 2181, section 5.2; RFC 2308, section 5).
func (r *Resolver) store(k cache.Key, l *link) {
	now := r.clock.Now()
	if l.kind == kindAnswer || l.kind == kindAlias {
		r.storeSets(k, l, now)
	} else {
		r.storeDenial(k, l, now)
	}
	if l.status == wire.Secure && !k.Unchecked && r.cfg.AggressiveNSEC && r.speaksFor(l.zone, k) {
		r.keepDenials(l, now)
	}
}

// storeSets keeps data or an alias, each set for its TTL.
func (r *Resolver) storeSets(k cache.Key, l *link, now time.Time) {
	for _, s := range l.sets {
		s.TTL = r.cache.ClampTTL(s.TTL, s.Until, now)
	}
	r.joinProofs(l, now)
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

// joinProofs gives data that were made from a wildcard and the denials that they need one TTL:
// they are one entry, which ends when any of its records does (RFC 4035, section 4.5).
func (r *Resolver) joinProofs(l *link, now time.Time) {
	ttl := l.ttl()
	for _, p := range l.proofs {
		p.TTL = r.cache.ClampTTL(p.TTL, p.Until, now)
		if p.Type == wire.TypeNSEC || p.Type == wire.TypeNSEC3 {
			ttl = min(ttl, p.TTL)
		}
	}
	if len(l.proofs) == 0 {
		return
	}
	for _, s := range l.sets {
		s.TTL = min(s.TTL, ttl)
	}
	for _, p := range l.proofs {
		p.TTL = min(p.TTL, ttl)
	}
}

// storeDenial keeps a denial and all that belongs to it for one time.
func (r *Resolver) storeDenial(k cache.Key, l *link, now time.Time) {
	n := &cache.Negative{NXDomain: l.kind == kindNXDomain, Status: l.status, Failure: l.failure,
		Zone: l.zone, UnsignedCut: l.unsignedCut, Bare: l.bare, Until: l.until()}
	ttl := r.cache.ClampNegativeTTL(negativeTTL(l.proofs, noSOATTL), n.Until, now)
	for _, p := range l.proofs {
		p.TTL = ttl
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
func (r *Resolver) deniesAllTypes(k cache.Key, l *link) bool {
	return !l.fallback && r.ownTree(k) && (l.zone.IsZero() || r.speaksFor(l.zone, k))
}

// keepDenials keeps a secure link's proofs for aggressive use. Those that came with data are
// denials here, and kept as such (RFC 8198, section 5.4; RFC 9077, section 3). Proofs of an
// alias's target are kept with the link of its cut, for the zone that signed them: hashes of one
// zone's names say nothing of another's (RFC 5155, section 5).
func (r *Resolver) keepDenials(l *link, now time.Time) {
	var sets []*wire.RRset
	for _, p := range l.proofs[:len(l.proofs)-l.ofTarget] {
		if p.Security == wire.Secure {
			sets = append(sets, p)
		}
	}
	if len(sets) == 0 {
		return
	}
	if l.kind == kindAnswer || l.kind == kindAlias {
		ttl := r.cache.ClampNegativeTTL(negativeTTL(sets, noSOATTL), wire.EarliestEnd(0, sets...), now)
		for i, s := range sets { // which the answer goes on to use as they are
			c := *s
			c.TTL = min(s.TTL, ttl)
			sets[i] = &c
		}
	}
	r.cache.Denials.Put(l.zone, sets, now)
}

// cached looks a link up: the data, an alias, a denial.
func (r *Resolver) cached(k cache.Key) (*link, bool) {
	now := r.clock.Now()
	if k.Type != wire.TypeANY {
		if l, ok := r.cachedSet(k, k.Type, kindAnswer, now); ok {
			return l, true
		}
	}
	if aliasApplies(k.Type) {
		// An unsigned CNAME may be the child's, and DS is the parent's.
		if l, ok := r.cachedSet(k, wire.TypeCNAME, kindAlias, now); ok && (k.Type != wire.TypeDS || l.status == wire.Secure) {
			return l, true
		}
	}
	if n, state := r.cachedNegative(k, now); state.Good() {
		return negativeLink(n, state, now), true
	}
	return nil, false
}

// cachedNegative looks a denial up: of the type, or of the name where that may answer the question.
func (r *Resolver) cachedNegative(k cache.Key, now time.Time) (*cache.Negative, cache.State) {
	if r.ownTree(k) {
		return r.cache.LookupNegative(k, now)
	}
	return r.cache.LookupNegativeKey(k, now)
}

// derived looks for what follows from other data than the question's own: from a DNAME, a denied ancestor, a denied span (RFC 6672,
// RFC 8020, RFC 8198).
func (r *Resolver) derived(k cache.Key, b *validator.Budget) (*link, bool) {
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

// aliasApplies says whether a CNAME answers questions for a type (RFC 4035, section 2.5; RFC 1034, section 3.6.2).
func aliasApplies(t wire.Type) bool {
	return t != wire.TypeCNAME && t != wire.TypeANY && t != wire.TypeNSEC && t != wire.TypeRRSIG && t != wire.TypeNSEC3
}

// ending reports whether the link is from the cache, and about to end there.
func (l *link) ending() bool { return l.state == cache.Ending }

// aged copies a set with the TTL that is left.
func aged(s *wire.RRset, ttl uint32) *wire.RRset {
	c := *s
	c.TTL = min(c.TTL, ttl)
	return &c
}

func (r *Resolver) cachedSet(k cache.Key, t wire.Type, kind kind, now time.Time) (*link, bool) {
	e, state := r.cache.LookupRRset(cache.Key{Name: k.Name, Type: t, Unchecked: k.Unchecked}, now)
	if !state.Good() {
		return nil, false
	}
	ttl := e.TTL(now.Unix())
	l := &link{kind: kind, state: state, refresh: e.Refresh(),
		sets: []*wire.RRset{aged(e.Set, ttl)}, status: e.Set.Security}
	if e.Beside != nil {
		l.failure = e.Beside.Failure
		for _, p := range e.Beside.Proofs {
			l.proofs = append(l.proofs, aged(p, ttl))
		}
	}
	if kind == kindAlias {
		target, ok := wire.TargetName(e.Set.Data.First())
		if !ok {
			return nil, false
		}
		l.target = target
	}
	if t == wire.TypeCNAME && e.Set.Sigs.Len() == 0 {
		r.addDNAME(l, k, now)
	}
	return l, true
}

// addDNAME puts the DNAME before a CNAME that was made from it, so that the answer from memory is
// the one that was given first (RFC 6672, section 3.1).
func (r *Resolver) addDNAME(l *link, k cache.Key, now time.Time) {
	for n := k.Name; !n.IsRoot(); {
		n = n.Parent()
		dname := cache.Key{Name: n, Type: wire.TypeDNAME, Unchecked: k.Unchecked}
		e, state := r.cache.LookupRRset(dname, now)
		if !state.Good() || e.Set.Security != l.status || !r.speaksFor(n, k) {
			continue
		}
		made, _ := aliasFromDNAME(k.Name, e.Set)
		if made != nil && made.sets[1].Data.Equal(l.sets[0].Data) {
			l.sets = []*wire.RRset{aged(e.Set, e.TTL(now.Unix())), l.sets[0]}
		}
		return
	}
}

// negativeLink makes a link from a cached denial.
func negativeLink(n *cache.Negative, state cache.State, now time.Time) *link {
	l := &link{kind: kindNoData, state: state, refresh: n.Refresh(), status: n.Status,
		failure: n.Failure, zone: n.Zone, unsignedCut: n.UnsignedCut, bare: n.Bare, ends: n.Until}
	if n.NXDomain {
		l.kind = kindNXDomain
	}
	ttl := uint32(max(0, n.Expires-now.Unix()))
	if n.SOA != nil {
		l.proofs = append(l.proofs, aged(n.SOA, ttl))
	}
	for _, p := range n.Proofs {
		l.proofs = append(l.proofs, aged(p, ttl))
	}
	return l
}

// cachedDNAME makes an alias from a DNAME above the name (RFC 6672, section 3.3).
func (r *Resolver) cachedDNAME(k cache.Key, now time.Time) (*link, bool) {
	for n := k.Name; !n.IsRoot(); {
		n = n.Parent()
		e, state := r.cache.LookupRRset(cache.Key{Name: n, Type: wire.TypeDNAME}, now)
		if !state.Good() {
			continue
		}
		if !r.speaksFor(n, k) {
			return nil, false // above a configured zone: it speaks for another tree
		}
		if e.Set.Security != wire.Secure {
			return nil, false // an unsigned DNAME speaks for the name it came for, no more
		}
		dname := aged(e.Set, e.TTL(now.Unix()))
		l, tooLong := aliasFromDNAME(k.Name, dname)
		switch {
		case tooLong:
			l = &link{kind: kindAnswer, sets: []*wire.RRset{dname}, status: dname.Security,
				tooLong: true}
		case l == nil:
			return nil, false
		}
		l.source = event.SourceDNAME
		if e.Beside != nil {
			l.failure = e.Beside.Failure
		}
		if k.Type == wire.TypeCNAME {
			l.kind = kindAnswer
		}
		return l, true
	}
	return nil, false
}

// aliasFromDNAME makes the CNAME that a DNAME stands for. tooLong says that the name would be (RFC 6672, section 2.2).
func aliasFromDNAME(name wire.Name, dname *wire.RRset) (l *link, tooLong bool) {
	to, ok := wire.TargetName(dname.Data.First())
	if !ok || dname.Len() != 1 {
		return nil, false
	}
	target, ok := name.ReplaceSuffix(dname.Name, to)
	if !ok {
		return nil, true
	}
	cname := &wire.RRset{Name: name, Type: wire.TypeCNAME, Class: wire.ClassIN, TTL: dname.TTL, Security: dname.Security}
	cname.Data = cname.Data.Append([]byte(target.Wire()))
	return &link{kind: kindAlias, sets: []*wire.RRset{dname, cname}, target: target, status: dname.Security}, false
}

// cachedCut denies a name below one that a validated zone denies (RFC 8020, section 2).
func (r *Resolver) cachedCut(k cache.Key, now time.Time) (*link, bool) {
	if !r.cfg.HardenBelowNXDomain {
		return nil, false
	}
	for n := k.Name; !n.IsRoot(); {
		n = n.Parent()
		e, state := r.cache.LookupNegativeKey(cache.Key{Name: n, Type: wire.TypeNone}, now)
		if state.Good() && e.NXDomain && e.Status == wire.Secure && r.speaksFor(n, k) {
			l := negativeLink(e, state, now)
			l.source = event.SourceCut
			return l, true
		}
	}
	return nil, false
}

// cachedDenial denies a question from spans that are known to be empty (RFC 8198, section 5).
func (r *Resolver) cachedDenial(k cache.Key, now time.Time, b *validator.Budget) (*link, bool) {
	zone, sets := r.cache.Denials.Candidates(k.Name, k.Type, now)
	if len(sets) < 2 || !r.speaksFor(zone, k) {
		return nil, false
	}
	shape, ok := r.validator.ProveCached(zone, sets, wire.Question{Name: k.Name, Type: k.Type, Class: wire.ClassIN}, b)
	if !ok {
		return nil, false
	}
	r.observe.Synthesised()
	l := &link{kind: kindNoData, status: wire.Secure, zone: zone, proofs: sets, derived: true,
		source: event.SourceGap}
	if shape == validator.ShapeNXDomain {
		l.kind, l.gap = kindNXDomain, true
	}
	ttl := l.ttl() // of what is kept no more than a denial may be
	for _, s := range sets {
		s.TTL = ttl
	}
	return l, true
}

// Denied returns a prepared denial of a name that is in a gap known to be empty, as
// [cache.Denials.Denied] does, unless something is known of the name itself. It allocates nothing.
// The types are those of data.
func (r *Resolver) Denied(q wire.Question, v cache.Variant) (a *cache.Answer, encloser wire.Name, ok bool) {
	if !r.cfg.AggressiveNSEC || q.Type == wire.TypeDS || q.Type == wire.TypeANY || q.Type == wire.TypeRRSIG {
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
	if _, state := r.cache.LookupNegative(cache.Key{Name: q.Name, Type: q.Type}, now); state.Good() {
		return nil, encloser, false
	}
	r.observe.Synthesised()
	return a, encloser, true
}

// FailureEnds is the second until which the failure of an answer is remembered for its question;
// 0 if it is not, if it is that of another link of the chain, or if it may end any moment.
func (r *Resolver) FailureEnds(a *Answer, cd bool) int64 {
	q := a.Question
	f, ok := r.cache.Failures.Get(cache.Key{Name: q.Name, Type: q.Type, Unchecked: cd && r.checks(q.Name)})
	if !ok || f.Failure != a.Failure || f.Failure.HeldAgainst() == cause.ScopeLink {
		return 0
	}
	return f.Expires
}
