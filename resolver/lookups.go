// Look-ups of name servers' addresses: which, in what order, and how many (NXNSAttack,
// CVE-2020-8616).

package resolver

import (
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// addressLookup is a name server's name, and the address families that are still to be looked up.
type addressLookup struct {
	name     wire.Name
	families []wire.Type // in order; nil: all that the cache does not know
	found    bool        // a family has brought addresses
}

// lookupQueue holds a delegation's look-ups. The first family of each name comes first; the other
// family of a name follows when the addresses that the first one brought have been tried, and
// before the delegation is given up: a host, or a server, may have one family that works (RFC 8305
// for servers). The names come in random order, so that a client's retry gets further if many are
// dead.
type lookupQueue struct {
	next   []addressLookup
	later  []addressLookup // second families
	last   []addressLookup // names that only the zone itself, or only its parent, gives
	failed int             // names that were looked up upstream without success
}

// add queues names, in the order that chance gives them.
func (q *lookupQueue) add(names []wire.Name, chance func(n int) int) {
	names = slices.Clone(names)
	for i := len(names) - 1; i > 0; i-- {
		j := chance(i + 1)
		names[i], names[j] = names[j], names[i]
	}
	for _, name := range names {
		q.next = append(q.next, addressLookup{name: name})
	}
}

// take returns the next look-up. Second families alternate with names not looked up yet.
func (q *lookupQueue) take() (a addressLookup, ok bool) {
	for _, from := range []*[]addressLookup{&q.next, &q.later, &q.last} {
		if len(*from) > 0 {
			a, *from = (*from)[0], (*from)[1:]
			if from == &q.next { // second families come before the next name
				q.next, q.later = append(q.later[:len(q.later):len(q.later)], q.next...), nil
			}
			return a, true
		}
	}
	return a, false
}

// lookups returns the names that may be looked up: those without glue first, then those of other
// zones, as their glue may be wrong. Names in the zone itself that have glue are not looked up: the
// servers to ask would be the same.
func (l *serverList) lookups() *lookupQueue {
	q := &lookupQueue{}
	q.add(l.hosts, l.x.r.chance)
	if l.cut == nil {
		return q
	}
	var bare, glued []wire.Name
	for _, ns := range l.cut.Servers {
		switch {
		case ns.By == cache.NamedByParentAlone:
			q.last = append(q.last, addressLookup{name: ns.Name})
		case len(ns.Addrs) == 0:
			bare = append(bare, ns.Name)
		case !ns.Name.Within(l.cut.Zone):
			glued = append(glued, ns.Name)
		}
	}
	q.add(bare, l.x.r.chance)
	q.add(glued, l.x.r.chance)
	for _, name := range l.cut.Own {
		q.last = append(q.last, addressLookup{name: name})
	}
	return q
}

// lookUp asks for the addresses of the next few names. It returns false if there are no more that
// may be asked for.
func (l *serverList) lookUp() (tried bool) {
	if l.queue == nil {
		l.queue = l.lookups()
	}
	for range maxLookupsAtOnce {
		if l.x.budget.err() != nil {
			return tried
		}
		if l.queue.failed >= MaxFailedLookupsPerDelegation {
			l.missed(&cause.Failure{Cause: cause.LimitNameServers})
			return l.lastResort() || tried
		}
		a, ok := l.queue.take()
		if !ok {
			return l.lastResort() || tried
		}
		tried = true
		if l.lookUpName(a) {
			return true
		}
	}
	return tried
}

// lookUpName looks up the families of a name until one brings addresses, and reports whether one
// did.
func (l *serverList) lookUpName(a addressLookup) bool {
	zone := l.x.zoneOf(a.name)
	if !l.x.budget.mayLookUp(zone) {
		l.missed(&cause.Failure{Cause: cause.LimitNameServers})
		return false
	}
	before, paid := len(l.known), false
	if a.families == nil {
		a.families = l.missing(a.name)
		if l.foundMeanwhile(a.name); len(l.known) > before {
			return true
		}
	}
	for i, t := range a.families {
		sent := l.x.budget.sent()
		addrs, f := l.addressesOf(a.name, t)
		paid = paid || l.x.budget.sent() > sent
		if f != nil {
			l.missed(f)
			continue
		}
		if l.add(a.name, addrs); len(l.known) > before {
			if rest := a.families[i+1:]; len(rest) > 0 {
				l.queue.later = append(l.queue.later, addressLookup{a.name, rest, true})
			}
			l.looked = append(l.looked, a.name)
			return true
		}
	}
	if l.add(a.name, l.r.memory.glue(a.name, l.x.r.clock.Now())); len(l.known) > before {
		return true
	}
	if paid && !a.found { // a cached denial costs no packets
		l.queue.failed++
		l.x.budget.lookupFailed(l.x.zoneOf(a.name))
	}
	return false
}

// missed notes why a look-up brought no address. A limit that prevented a look-up is not replaced
// by later causes, as there may be servers that were not asked.
func (l *serverList) missed(f *cause.Failure) {
	if l.why.HeldAgainst() == cause.ScopeName {
		l.why = f
	}
}

// lastResort adds the glue of the delegations above for names whose own addresses were of no use:
// the glue may be right where the zone is wrong.
func (l *serverList) lastResort() bool {
	before := len(l.known)
	for _, name := range l.looked {
		l.add(name, l.r.memory.glue(name, l.x.r.clock.Now()))
	}
	l.looked = nil
	return len(l.known) > before
}

// zoneOf returns the zone that is asked for a name, as far as it is known.
func (x *resolution) zoneOf(name wire.Name) wire.Name {
	if d, ok := x.r.memory.delegation(name, wire.TypeNone, x.fallback, x.r.clock.Now()); ok {
		return d.Zone
	}
	if z := x.r.cfg.configured(name); z != nil {
		return z.Name
	}
	return wire.Root
}

// foundMeanwhile adds the addresses that other questions brought into the cache since the list was
// made: its own look-ups leave out what is cached. What a name within the zone has there is of no
// use, see missing.
func (l *serverList) foundMeanwhile(name wire.Name) {
	if l.zone.IsZero() || !name.Within(l.zone) {
		l.fromCache(name, 0, l.x.r.clock.Now())
	}
}

// missing returns the families of a name's addresses that the cache knows nothing of, in the
// order in which they are to be asked for.
func (l *serverList) missing(name wire.Name) (ts []wire.Type) {
	if !l.zone.IsZero() && name.Within(l.zone) {
		return l.x.families() // the parent is asked, even if the zone's data are cached
	}
	for _, t := range l.x.families() {
		_, known := l.r.cached(cache.Key{Name: name, Type: t})
		if !known {
			_, known = l.r.cached(cache.Key{Name: name, Type: t, Unchecked: true})
		}
		if !known {
			ts = append(ts, t)
		}
	}
	return ts
}

// families returns the address types that are in use, the one first whose servers have replied
// lately.
func (x *resolution) families() []wire.Type {
	ts := x.r.families().types()
	c := x.r.connectivity
	if len(ts) == 2 && c.doubtful(wire.TypeA) && !c.doubtful(wire.TypeAAAA) {
		ts[0], ts[1] = ts[1], ts[0]
	}
	return ts
}
