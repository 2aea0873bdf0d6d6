// Alias chains: CNAME, and DNAME with the CNAME that follows from it (RFC 6672).

package resolver

import (
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// chainOf follows the alias chain of a question. next returns each result, or its failure; if it
// returns neither, chainOf returns nil.
func (r *Resolver) chainOf(q wire.Question, cd bool, next func(cache.Key) (*result,
	*cause.Failure)) *Answer {
	a := &Answer{Question: q, Status: wire.Secure}
	var seen []wire.Name
	for name := q.Name; ; {
		seen = append(seen, name)
		k := cache.Key{Name: name, Type: q.Type, Unchecked: cd && r.checks(name)}
		l, f := r.madeResult(a.Sets, k), (*cause.Failure)(nil)
		if l == nil {
			l, f = next(k)
		}
		permissive := r.permissive(k)
		var told *cause.Failure
		if why := r.excuse(q, permissive, f); why != cause.None && !k.Unchecked {
			told = &cause.Failure{Cause: why, Zone: f.Zone, Under: f}
			a.NoCache = a.NoCache || why == cause.TimeServer
			k.Unchecked = true
			l, f = next(k)
		}
		switch {
		case f != nil:
			return a.fail(r.forOperator(name, f))
		case l == nil:
			return nil
		}
		if a.Status = min(a.Status, l.status); permissive {
			a.Status = min(a.Status, wire.Insecure)
		}
		if told == nil {
			told = l.failure
		}
		a.NoCache = a.NoCache || l.noCache || l.ending() || l.cheap() ||
			r.tailored(name, q.Type)
		a.Scope = max(a.Scope, l.scope)
		if l.refresh > 0 && (a.Refresh == 0 || l.refresh < a.Refresh) {
			a.Refresh = l.refresh
		}
		a.Sets = appendNew(a.Sets, l.sets)
		if a.Failure == nil {
			a.Failure = told
		}
		a.addStale(l)
		a.Authority = appendNew(a.Authority, l.proofs)
		if l.own != nil {
			a.Authority = appendNew(a.Authority, []*wire.RRset{l.own})
		}
		a.Synthesised = l.origin == event.OriginSpan
		switch {
		case l.kind.IsDenial() && l.compact(name):
			a.RCode, a.Compact = wire.RCodeNXDomain, true
			return a
		case l.kind == wire.KindNXDomain:
			a.RCode = wire.RCodeNXDomain
			a.WholeSpan = l.wholeSpan() && len(seen) == 1 && !permissive
			return a
		case l.tooLong:
			a.RCode = wire.RCodeYXDomain // RFC 6672, section 2.2
			if a.Failure == nil {
				a.Failure = r.aliasFault(cause.AliasTooLong, name)
			}
			return a
		case l.kind != wire.KindAlias:
			return a
		case l.target == name:
			// A name that is an alias of itself is answered with its CNAME and the reason, as by
			// Unbound 1.26. BIND 9.18, Knot Resolver and older Unbounds answer SERVFAIL, as chainOf
			// does for longer loops (RFC 1034, section 3.6.2: an error).
			a.Failure = r.aliasFault(cause.AliasLoop, name)
			return a
		case slices.Contains(seen, l.target), l.growing():
			return a.fail(r.aliasFault(cause.AliasLoop, l.target))
		case len(seen) > r.cfg.MaxAliases:
			f := r.aliasFault(cause.LimitAliases, q.Name)
			f.Detail += " leads to " + l.target.String()
			return a.fail(f)
		}
		name = l.target
	}
}

// aliasFault returns a failure of an alias chain, with the zone of a name in it: the deepest one
// that is configured, or known to be delegated. None is if all is asked of a forwarder.
func (r *Resolver) aliasFault(c cause.Cause, name wire.Name) *cause.Failure {
	f := cause.New(c, nil, "%s", name)
	zone := r.memory.zoneOf(name)
	if z := r.cfg.configured(name); z != nil && z.Name.Below(zone) {
		zone = z.Name
	}
	if !zone.IsRoot() {
		f.Zone = zone.String()
	}
	return f
}

// madeResult makes a result from an unsigned DNAME that came earlier in the same chain. The DNAME
// is not used for other queries, but its own query does not ask for it again, so that a loop of
// DNAMEs costs few packets.
func (r *Resolver) madeResult(chain []*wire.RRset, k cache.Key) *result {
	for _, s := range chain {
		if s.Type != wire.TypeDNAME || s.Security == wire.Secure || !k.Name.Below(s.Name) ||
			!r.memory.speaksFor(s.Name, k) {
			continue
		}
		if l, _ := aliasFromDNAME(k.Name, s); l != nil {
			l.origin = event.OriginChain
			return l
		}
	}
	return nil
}

// growing reports whether a result is a DNAME that leads below itself: names become longer without
// end.
func (l *result) growing() bool {
	if l.kind != wire.KindAlias || l.sets[0].Type != wire.TypeDNAME {
		return false
	}
	to, ok := wire.TargetName(l.sets[0].Data.First())
	return ok && to.Within(l.sets[0].Name)
}

// appendNew adds the sets of a further result that the answer does not have yet: results may share
// a DNAME, an SOA or a proof, and a message has a set once (RFC 2181, section 5).
func appendNew(have, sets []*wire.RRset) []*wire.RRset {
	if len(have) == 0 {
		return append(have, sets...)
	}
	for _, s := range sets {
		if wire.Find(have, s.Name, s.Type) == nil {
			have = append(have, s)
		}
	}
	return have
}

// aliasApplies reports whether a CNAME answers questions for a type (RFC 4035, section 2.5; RFC
// 1034, section 3.6.2).
func aliasApplies(t wire.Type) bool {
	return t != wire.TypeCNAME && t != wire.TypeANY && t != wire.TypeNSEC && t != wire.TypeRRSIG &&
		t != wire.TypeNSEC3
}

// addDNAME puts the DNAME before a CNAME that was made from it, so that the answer from the cache
// equals the first one (RFC 6672, section 3.1).
func (r *Resolver) addDNAME(l *result, k cache.Key, now time.Time) {
	e, ok := r.memory.dname(k, l.status, l.state == cache.Stale, now)
	if !ok {
		return
	}
	made, _ := aliasFromDNAME(k.Name, e.Set)
	if made != nil && made.sets[1].Data.Equal(l.sets[0].Data) {
		l.sets = []*wire.RRset{aged(e.Set, e.TTL(now.Unix())), l.sets[0]}
	}
}

// cachedDNAME makes an alias from a DNAME above the name (RFC 6672, section 3.3). An unsigned DNAME
// is used only for the name that it came for.
func (r *Resolver) cachedDNAME(k cache.Key, now time.Time) (*result, bool) {
	e, ok := r.memory.dname(k, wire.Secure, false, now)
	if !ok {
		return nil, false
	}
	dname := aged(e.Set, e.TTL(now.Unix()))
	l, tooLong := aliasFromDNAME(k.Name, dname)
	switch {
	case tooLong:
		l = &result{kind: wire.KindAnswer, sets: []*wire.RRset{dname}, status: dname.Security,
			tooLong: true}
	case l == nil:
		return nil, false
	}
	l.origin = event.OriginDNAME
	if e.Beside != nil {
		l.failure = e.Beside.Failure
	}
	if k.Type == wire.TypeCNAME {
		l.kind = wire.KindAnswer
	}
	return l, true
}

// aliasFromDNAME returns the CNAME that follows from a DNAME. tooLong reports whether its target
// would be longer than a name may be (RFC 6672, section 2.2).
func aliasFromDNAME(name wire.Name, dname *wire.RRset) (l *result, tooLong bool) {
	to, ok := wire.TargetName(dname.Data.First())
	if !ok || dname.Len() != 1 {
		return nil, false
	}
	target, ok := name.ReplaceSuffix(dname.Name, to)
	if !ok {
		return nil, true
	}
	cname := &wire.RRset{Name: name, Type: wire.TypeCNAME, Class: wire.ClassIN, TTL: dname.TTL,
		Security: dname.Security}
	cname.Data = cname.Data.Append([]byte(target.Wire()))
	return &result{kind: wire.KindAlias, sets: []*wire.RRset{dname, cname}, target: target,
		status: dname.Security}, false
}
