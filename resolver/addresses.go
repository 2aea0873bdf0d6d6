// Addresses of a zone's name servers: glue and cached addresses first, then a few look-ups at a
// time.

package resolver

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// serverList holds the servers of a delegation and selects the next to ask. Addresses that are not
// known are looked up two names at a time, and only after the known ones were tried (NXNSAttack).
//
// The servers of a shared zone are found as all clients find them, even if the resolution is that
// of a realm: what they say is shared.
type serverList struct {
	x       *resolution
	r       *Resolver         // whose clients' names the servers' names are
	zone    wire.Name         // zero for servers of the configuration
	cut     *cache.Delegation // nil for servers of the configuration
	known   []*candidate
	hosts   []wire.Name      // servers of the configuration by name
	queue   *lookupQueue     // nil until a name has to be looked up
	looked  []wire.Name      // names whose look-up brought addresses
	why     *cause.Failure   // why the last look-up failed, see missed
	refused []netip.AddrPort // addresses that may not be asked
	refusal cause.Cause      // why the last of refused may not be asked
	own     bool             // the operator named the servers, see Config.inside
	use     families         // the families in use when the list was made
	types   []wire.Type      // the address types of use
	// held reports whether tries in goroutines of their own may hold its candidates.
	held bool
}

// maxKeptCandidates is how many candidates' memory is used again with that of their list. Few zones
// have more servers.
const maxKeptCandidates = 16

// serverLists are lists whose memory is used again, with that of their candidates: a resolution
// needs one for each zone on its way.
var serverLists = sync.Pool{New: func() any { return new(serverList) }}

// newServerList returns an empty list.
func newServerList(x *resolution) *serverList {
	l := serverLists.Get().(*serverList)
	l.x, l.use = x, x.r.families()
	l.types = l.use.types()
	return l
}

// reuse gives the memory of a list back, unless somebody may still hold its candidates.
func (l *serverList) reuse() {
	if l == nil || l.held {
		return
	}
	for _, c := range l.known {
		*c = candidate{}
	}
	kept := l.known[:0] // with the candidates behind its end, see another
	if cap(kept) > maxKeptCandidates {
		kept = nil
	}
	*l = serverList{known: kept}
	serverLists.Put(l)
}

// serversOf makes the list for a delegation.
func (x *resolution) serversOf(d *cache.Delegation) *serverList {
	l := newServerList(x)
	l.zone, l.cut, l.own = d.Zone, d, x.r.cfg.inside(d.Zone, nil)
	l.r, _ = x.r.home(cache.Key{Name: d.Zone})
	now := x.r.clock.Now()
	for _, ns := range d.Servers {
		before := len(l.known)
		l.add(ns.Name, ns.Addrs)
		since := int64(0)
		if ns.Name.Within(d.Zone) && !d.Zone.IsRoot() {
			since = d.Stored
		}
		l.fromCache(ns.Name, since, now)
		if len(l.known) == before && !ns.Name.Within(d.Zone) && len(l.missing(ns.Name)) > 0 {
			// The zone of the name has not been asked for all its addresses yet. The glue of that
			// zone's delegation serves, as it would for a look-up: else the first question would
			// wait for the look-up of one name, and the zone's other servers, perhaps nearer
			// ones, would stay unknown for as long as that one replies.
			l.add(ns.Name, l.r.memory.glue(ns.Name, now))
		}
		for _, c := range l.known[before:] {
			c.after = ns.By == cache.NamedByParentAlone
		}
	}
	return l
}

// serversConfigured makes the list for a zone of the configuration.
func (x *resolution) serversConfigured(z *Zone) *serverList {
	l := newServerList(x)
	l.own, l.hosts = true, z.Hosts
	l.r, _ = x.r.home(cache.Key{Name: z.Name})
	for i, a := range z.Addrs {
		if c := l.addOne(wire.Name{}, a); c != nil {
			c.weight, c.weighed = max(z.weight(i), 0), z.Weights != nil
			x.r.chooseWay(z, c)
			if x.sink != nil && c.forwarder.down() {
				x.deferred(c.forwarder)
			}
		}
	}
	for _, host := range z.Hosts {
		l.fromCache(host, 0, x.r.clock.Now())
		if len(z.Addrs) > 0 {
			// The host's address may have to be resolved over the servers that are given by
			// address, so it is looked up before they fail.
			for _, t := range l.types {
				l.r.refresh(fetchKey{Key: cache.Key{Name: host, Type: t, Unchecked: true}})
			}
		}
	}
	return l
}

func (l *serverList) add(name wire.Name, addrs []netip.Addr) {
	for _, a := range addrs {
		l.addOne(name, netip.AddrPortFrom(a.Unmap(), l.x.r.cfg.Port))
	}
}

// addOne adds an address, and returns its candidate; nil if it is there already or may not be
// asked.
func (l *serverList) addOne(name wire.Name, a netip.AddrPort) *candidate {
	if slices.ContainsFunc(l.known, func(c *candidate) bool { return c.addr == a }) ||
		slices.Contains(l.refused, a) {
		return nil
	}
	if why := l.x.r.mayAsk(a.Addr(), l.own, l.use); why != cause.None {
		l.refused, l.refusal = append(l.refused, a), why
		return nil
	}
	c := l.another()
	c.addr, c.name = a, name
	return c
}

// another adds a candidate: one whose memory is used again, if there is one.
func (l *serverList) another() *candidate {
	if n := len(l.known); n < cap(l.known) && l.known[:n+1][n] != nil {
		l.known = l.known[:n+1]
		return l.known[n]
	}
	c := &candidate{}
	l.known = append(l.known, c)
	return c
}

// fromCache adds the addresses in the cache, validated or not: the choice of a server does not
// depend on validation.
//
// An address of a name within the zone is used only if it was stored under this delegation, in the
// second since or later. Otherwise a former owner of the zone, whose server's address has a long
// TTL, would be asked next to the servers that the parent delegates to now: a ghost domain by glue
// (CVE-2026-40622).
func (l *serverList) fromCache(name wire.Name, since int64, now time.Time) {
	for _, t := range l.types {
		for _, unchecked := range [...]bool{false, true} {
			k := cache.Key{Name: name, Type: t, Unchecked: unchecked}
			if e, state := l.r.memory.set(k, now); state.Good() && e.Stored >= since {
				l.add(name, addresses(e.Set))
			}
		}
	}
}

// next picks the server to ask, or nil if there is none left.
func (l *serverList) next(a *zoneQuery) *candidate {
	now := l.x.r.clock.Now()
	profiles := func(ap netip.AddrPort) profile {
		return l.x.r.infra.profile(ap.Addr(), a.zone,
			now)
	}
	for {
		c := selectServer(l.known, profiles, l.x.r.chance)
		// No reply is handled during a look-up.
		ready := c != nil && c.tries < 2 && !c.after
		if ready || !l.lookUp() {
			if c == nil {
				c = selectServer(l.known, profiles, l.x.r.chance)
			}
			return c
		}
	}
}

// addressesOf asks for a name server's addresses. For a name within the zone that came without glue
// the zone's parent is asked, which should have sent glue.
func (l *serverList) addressesOf(name wire.Name, t wire.Type) ([]netip.Addr, *cause.Failure) {
	for range MaxAliases {
		if l.zone.IsZero() || !name.Within(l.zone) || l.zone.IsRoot() {
			return l.x.addressesOf(l.r, name, t)
		}
		got, f := l.askParent(name, t)
		switch {
		case f != nil:
			return nil, f
		case got.kind == wire.KindAnswer:
			return addresses(got.sets[0]), nil
		case got.kind == wire.KindAlias:
			name = got.target
			continue
		case got.kind == wire.KindReferral:
			for _, ns := range got.referral.servers {
				if ns.Name == name && len(ns.Addrs) > 0 {
					return ns.Addrs, nil
				}
			}
		}
		break
	}
	return nil, cause.New(cause.DependencyLoop, l.zone, "%s", name)
}

// askParent asks the servers of the delegation above the zone whose addresses are known, or those
// that the operator names for the zone above.
func (l *serverList) askParent(name wire.Name, t wire.Type) (*accepted, *cause.Failure) {
	x := l.x
	a := &zoneQuery{x: x, q: wire.Question{Name: name, Type: t, Class: wire.ClassIN}}
	up, c := x.closest(l.zone, wire.TypeDS)
	if c != nil {
		a.zone = up.Zone
		return a.askCopy(c)
	}
	if up != nil {
		a.zone, a.list = up.Zone, x.serversOf(up)
	} else if z := x.r.cfg.configured(l.zone.Parent()); z != nil && !x.fallback {
		a.zone, a.list, a.conf = z.Name, x.serversConfigured(z), z
	} else {
		return nil, cause.New(cause.DependencyLoop, l.zone, "%s", name)
	}
	a.list.queue = &lookupQueue{}
	return a.ask()
}

// addressesOf asks for a name server's addresses. They are not validated. A name server should not
// be an alias (RFC 2181, section 10.3), but some are.
func (x *resolution) addressesOf(r *Resolver, name wire.Name, t wire.Type) ([]netip.Addr,
	*cause.Failure) {
	for range MaxAliases {
		l, f := x.subOf(r, cache.Key{Name: name, Type: t, Unchecked: true})
		if f != nil {
			return nil, f
		}
		if l.kind != wire.KindAlias {
			return addresses(wire.Find(l.sets, name, t)), nil
		}
		name = l.target
	}
	return nil, cause.New(cause.LimitAliases, name, "")
}

// emptyCause returns why there is no server to ask.
func (l *serverList) emptyCause(zone wire.Name) *cause.Failure {
	switch {
	case l.why != nil && (l.why.Cause == cause.DependencyLoop ||
		l.why.Cause.Kind() == cause.KindLimit):
		return cause.New(l.why.Cause, zone, "").Within(l.why.HeldAgainst())
	case len(l.refused) > 0:
		return cause.New(l.refusal, zone, "%s may not be asked", l.refused[0].Addr())
	}
	f := cause.New(cause.NoAddress, zone, "").Within(l.why.HeldAgainst())
	if _, why := failingZone(l.why); why != cause.None {
		f.Under = l.why
	}
	return f
}
