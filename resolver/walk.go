// Iteration: from the deepest delegation known down to the servers that answer.

package resolver

import (
	"math"
	"net/netip"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// resolution is the work on one result.
type resolution struct {
	r      *Resolver
	q      wire.Question
	cd     bool    // nothing is validated
	fetch  *fetch  // nil if no other may wait for it
	budget *budget // that of the fetch
	depth  int     // how many resolutions depend on this one
	// flushes is how often the cache had been flushed when it began.
	flushes uint64
	trail   // for the events of the fetch
	// network is the clients' network that servers are told with the whole question (RFC 7871), as
	// tells has it; zero: none. plain reports whether the question goes without, for all clients.
	network netip.Prefix
	plain   bool
	// refresh reports whether the result is known, and resolved because it ends soon.
	refresh bool
	// report reports whether the question is a report of another one's failure.
	report bool
	// asked is the zone whose servers have answered the whole question.
	asked wire.Name
	// ours reports whether it is for no client, but for what the resolver has to know itself.
	ours bool
	// late reports whether another fetch for the same result may have ended since the cache was
	// looked into.
	late bool

	trusts    trustCache // the trust in zones that it has used
	enclosing trustCache
	fallback  bool // the servers of a configured zone failed: the public tree is asked
	remote    bool // copies of zones are not used: one has failed, or the network is in question
	fleet     fleetWork
	// seen, unless it is nil, gets the keys of the zone that the question is for; see [keysSeen].
	seen  *keysSeen
	using *cache.Delegation // that was in the cache, and whose servers are asked; nil: others are
	doubt *doubt            // nil unless a cached delegation was of no use; see outdated
	// until is, for a refresh, when the old data end. It asks the servers that a resolution at that
	// time would ask, so a delegation that ends before is not used.
	until time.Time
}

// sub resolves a result that this one depends on, and pays for it.
func (x *resolution) sub(k cache.Key) (*result, *cause.Failure) { return x.subOf(x.r, k) }

// subOf is sub for what the clients of a resolver would get.
func (x *resolution) subOf(r *Resolver, k cache.Key) (*result, *cause.Failure) {
	if x.depth >= MaxDepth {
		return nil, cause.New(cause.LimitDepth, k.Name, "")
	}
	l, f := r.resolveResult(fetchKey{Key: k}, x.budget, x.fetch, x.depth+1, x.trail)
	if f != nil && f.Cause.Kind() == cause.KindInternal {
		x.budget.end(f) // the resolution that needs it ends as well, and no server is to blame
	}
	return l, f
}

// ahead begins to resolve a result that will be needed, and pays for it. Later the result is waited
// for, or found in the cache.
func (x *resolution) ahead(k cache.Key) {
	if x.depth >= MaxDepth {
		return
	}
	r, k := x.r.home(k)
	if _, known := r.cached(k); known {
		return
	}
	r.fetches.ahead(fetchKey{Key: k}, x.budget, x.fetch, func(f *fetch) {
		_, _ = r.runOf(f, x.depth+1, x.trail).lead() // the result is in the cache
	})
}

// resolveFor finds the result for the fetch's network. Where servers do not take the network, or
// all have failed with it, the question is put once more without: as a fetch of its own, which all
// clients share. What that brings is kept for this network alone, as it may be another for others.
func (x *resolution) resolveFor() (*result, *cause.Failure) {
	l, f := x.resolve()
	if !x.network.IsValid() || f == nil || !x.plain && (f.Cause.Kind() != cause.KindNetwork ||
		f.HeldAgainst() != cause.ScopeName) {
		return l, f
	}
	k := x.keyOf(x.q)
	if l, f = x.sub(k); f != nil {
		return nil, f
	}
	x.r.putVariant(k, l, x.network, false, x.flushes)
	return l.narrowed(x.network), nil
}

// resolve finds the result: at a configured zone's servers, or by iteration.
func (x *resolution) resolve() (*result, *cause.Failure) {
	if x.refresh || x.late {
		l := x.r.kept(fetchKey{x.keyOf(x.q), x.network})
		if l != nil && !l.ending() && (x.depth > 0 || !l.bare) {
			return l, nil // another fetch has stored it
		}
	}
	if l := x.fromFleet(); l != nil {
		return l, nil
	}
	return x.outdated(x.iterate())
}

// iterate asks servers: those of a configured zone, or those that zones above refer to.
func (x *resolution) iterate() (*result, *cause.Failure) {
	z := x.r.cfg.configured(above(x.q.Name, x.q.Type))
	switch {
	case z == nil:
		return x.walk()
	case z.Held:
		return x.resolveHeld(z)
	}
	if d, ok := x.delegation(x.q.Name, x.q.Type); ok {
		return x.descend(d, x.serversOf(d), nil, nil)
	}
	l, f := x.descend(&cache.Delegation{Zone: z.Name, Expires: math.MaxInt64},
		x.serversConfigured(z), z, nil)
	if f != nil && z.First && !x.plain && f.Cause.Kind() == cause.KindNetwork {
		x.fallback = true
		return x.walk()
	}
	return l, f
}

// asOf is the time at which a delegation has to hold to be used.
func (x *resolution) asOf() time.Time {
	if now := x.r.clock.Now(); now.After(x.until) {
		return now
	}
	return x.until
}

// walk begins at the deepest zone known, and again without copies of zones if one was of no use.
func (x *resolution) walk() (*result, *cause.Failure) {
	before := x.remote
	l, f := x.walkDown()
	if x.remote != before {
		return x.walkDown()
	}
	return l, f
}

// walkDown begins at the deepest delegation known, or at the copy of a zone.
func (x *resolution) walkDown() (*result, *cause.Failure) {
	d, c := x.closest(x.q.Name, x.q.Type)
	if c != nil {
		return x.descend(d, nil, nil, c)
	}
	if d == nil {
		var f *cause.Failure
		if d, f = x.rootServers(); f != nil {
			return nil, f
		}
		if _, anchored := x.r.anchors.At(wire.Root); anchored && !x.cd && x.seen == nil {
			// The root's data are validated with its keys, which are fetched in parallel: one round
			// trip in place of two.
			x.ahead(cache.Key{Name: wire.Root, Type: wire.TypeDNSKEY})
		}
	}
	return x.descend(d, x.serversOf(d), nil, nil)
}

// descend asks the servers of a delegation, or the copy of its zone, and those of every zone that
// they refer to, until there is an answer.
func (x *resolution) descend(d *cache.Delegation, list *serverList, conf *Zone, c Copy) (
	*result, *cause.Failure) {
	m := minimiser{q: x.q, mode: x.r.cfg.Minimise, hide: x.r.cfg.HideType}
	if conf != nil && conf.Forward {
		m.mode = MinimiseOff
	}
	if x.using = nil; conf == nil && c == nil {
		x.using = d
	}
	a := zoneQueries.Get().(*zoneQuery)
	defer func() {
		a.reuse()
		list.reuse()
	}()
	for range MaxReferrals {
		q, final := m.next(d.Zone)
		if !final && c == nil && x.passed(&m, q) {
			continue
		}
		if a.done != nil {
			a = &zoneQuery{}
		}
		if c != nil {
			q, final = x.q, true
		}
		*a = zoneQuery{x: x, zone: d.Zone, q: q, conf: conf, final: final, list: list}
		var got *accepted
		var f *cause.Failure
		if c == nil {
			got, f = a.ask()
		} else if got, f = a.askCopy(c); f != nil {
			x.remote = x.remote || f.HeldAgainst() == cause.ScopeName // see walk
			return nil, f
		}
		if f != nil && x.r.cfg.inside(d.Zone, conf) {
			f = f.Inside()
		}
		switch {
		case f != nil && !final && m.giveUp(): // some servers fail for names without data
			list.again()
			continue
		case f != nil:
			return nil, f
		case got.kind == wire.KindReferral && x.doubt.referred(got.referral):
			return nil, x.doubt.why
		case got.kind == wire.KindReferral:
			d, x.using = x.follow(d, got), nil
			list.reuse()
			list = nil // a panic would give it back twice
			list, conf, c = x.serversOf(d), nil, nil
			if next, held := x.closest(x.q.Name, x.q.Type); held != nil && next.Zone.Below(d.Zone) {
				d, c = next, held
			}
		case final:
			return got.result, nil
		case got.kind == wire.KindNoData || got.kind == wire.KindAnswer:
			x.pass(a, got)
			m.step() // a name on the way, maybe an empty non-terminal
			list.again()
		default: // NXDOMAIN or an alias where a shortened name was asked
			if l := x.deniedAbove(a, got); l != nil {
				return l, nil
			}
			x.pass(a, got)
			if !m.giveUp() {
				return nil, cause.New(cause.ServerUnexpected, d.Zone, "%s", q)
			}
			list.again()
		}
	}
	return nil, cause.New(cause.LimitReferrals, d.Zone, "")
}

// deniedAbove returns the denial of the name that follows from the proven denial of a shortened
// one: nothing exists below a name that does not (RFC 8020, section 2), so no server needs to learn
// the rest of the name (RFC 9156, section 4). A denial without proof may come from a server that
// denies empty non-terminals (RFC 8020, section 3.1), so the full name is asked for.
func (x *resolution) deniedAbove(a *zoneQuery, got *accepted) *result {
	if got.kind != wire.KindNXDomain || x.cd || !x.r.cfg.HardenBelowNXDomain {
		return nil
	}
	l, f := x.finish(a, got)
	if f != nil || l.status != wire.Secure || l.kind != wire.KindNXDomain {
		return nil
	}
	got.result = l
	x.keepReply(a, got)
	return l
}

// again lets the same servers be asked the next question.
func (l *serverList) again() {
	for _, c := range l.known {
		c.counts, c.ladder, c.spent = counts{}, ladder{}, false
	}
}
