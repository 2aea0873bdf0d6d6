// Delegations: NS and glue of a referral (RFC 9471), and how long they last.

package resolver

import (
	"net/netip"
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// leadsTo reports whether a delegation is on the way to the question's name; for DS it must be
// above it.
func leadsTo(cut wire.Name, q wire.Question) bool {
	if q.Type == wire.TypeDS {
		return q.Name.Below(cut)
	}
	return q.Name.Within(cut)
}

// referral is an NS set with its glue, as a response has it.
type referral struct {
	zone    wire.Name
	servers []cache.NameServer
	ttl     time.Duration
}

// referralFrom reads an NS set and its glue: addresses of the names it lists, below the zone that
// was asked (RFC 1034, section 4.2.1; RFC 9471). Nothing else is glue.
func referralFrom(ns *wire.RRset, additional []*wire.RRset, zone wire.Name) *referral {
	r := &referral{zone: ns.Name, ttl: time.Duration(ns.TTL) * time.Second,
		servers: make([]cache.NameServer, 0, min(ns.Len(), MaxNameServers))}
	for rd := range ns.Data.All() {
		name, ok := wire.TargetName(rd)
		if !ok || len(r.servers) == MaxNameServers {
			continue
		}
		s := cache.NameServer{Name: name}
		if name.Within(zone) {
			s.Addrs = append(addresses(wire.Find(additional, name, wire.TypeA)),
				addresses(wire.Find(additional, name, wire.TypeAAAA))...)
		}
		r.servers = append(r.servers, s)
	}
	if ns.Len() > MaxNameServers {
		limit.NameServers.Met()
	}
	return r
}

// delegation returns the referral's delegation as of now. above is the delegation that it was
// learnt from, nil if that is the root's.
func (r *referral) delegation(above *cache.Delegation, now time.Time) *cache.Delegation {
	return &cache.Delegation{Zone: r.zone, Servers: r.servers, Stored: now.Unix(),
		Expires: cache.DelegationEnd(r.ttl, above, now)}
}

// addresses returns the first maxAddresses addresses of an A or AAAA set.
func addresses(s *wire.RRset) (as []netip.Addr) {
	if s == nil {
		return nil
	}
	for rd := range s.Data.All() {
		if a, ok := netip.AddrFromSlice(rd); ok && len(as) < maxAddresses {
			if as == nil {
				as = make([]netip.Addr, 0, min(s.Len(), maxAddresses))
			}
			as = append(as, a)
		}
	}
	if s.Len() > maxAddresses {
		limit.Addresses.Met()
	}
	return as
}

// follow caches a referral's delegation, and what the referral proves about the cut's security. A
// delegation does not outlive the one that it was learnt from, which is the one in use when the
// question was sent. The cache may have a newer one by now, but the reply does not confirm it
// (ghost domains, CVE-2012-1033; phoenix domains).
func (x *resolution) follow(from *cache.Delegation, got *accepted) *cache.Delegation {
	now := x.r.clock.Now()
	above := from
	if from.Zone.IsRoot() { // from hints or priming: it has no parent
		above = nil
	}
	d := got.referral.delegation(above, now)
	x.r.memory.putDelegation(d, x.fallback, now)
	if !x.cd {
		x.validateReferral(from.Zone, d.Zone, got.authority)
	}
	x.revalidate(d)
	return d
}

// learnServers takes a zone's own NS set from an authoritative answer. It ranks above the parent's
// copy (RFC 2181, section 5.4.1). If its TTL is the shorter one, the delegation ends with it, so
// that a zone that moves is found at its parent in time. It never extends the delegation, as that
// would make a ghost domain. Servers that only the zone names are asked after those that the parent
// names have failed, and only if the zone was asked for its NS set. An NS set that comes with
// another answer adds no servers, as it could be forged with any random name (CVE-2025-11411); Knot
// Resolver and BIND ignore it too.
func (a *zoneQuery) learnServers(m *wire.Message) {
	cut := a.list.cut
	if cut == nil || cut.Zone != a.zone || a.zone.IsRoot() || !m.Has(wire.FlagAA) {
		return
	}
	ns := wire.Find(m.Answer, a.zone, wire.TypeNS)
	if ns == nil {
		if ns = wire.Find(m.Authority, a.zone, wire.TypeNS); ns == nil {
			return
		}
	}
	now := a.x.r.clock.Now()
	ends := cache.OwnServersEnd(time.Duration(ns.TTL)*time.Second, now)
	own, asked := cut.Own, a.q.Type == wire.TypeNS && a.q.Name == a.zone
	if asked {
		own = ownServers(ns, cut)
	}
	asked = asked && a.x.r.cfg.RevalidateNS && !a.x.r.cfg.inside(a.zone, a.conf)
	if ends >= cut.Expires && slices.Equal(own, cut.Own) && !asked {
		return
	}
	latest, ok := a.x.r.memory.delegationOf(a.zone, now)
	if !ok || latest.Stored != cut.Stored { // the parent has sent another delegation since
		return
	}
	d := *latest
	d.Own, d.Expires = own, min(ends, latest.Expires)
	if asked {
		d.Own, d.Servers = nil, revalidated(latest.Servers, ns, m.Additional, a.zone)
	}
	a.list.cut = &d
	a.x.r.memory.putDelegation(&d, a.x.fallback, now)
}

// ownServers returns the names in a zone's own NS set that its parent's lacks.
func ownServers(ns *wire.RRset, cut *cache.Delegation) (own []wire.Name) {
	for rd := range ns.Data.All() {
		name, ok := wire.TargetName(rd)
		known := func(s cache.NameServer) bool { return s.Name == name }
		if !ok || slices.ContainsFunc(cut.Servers, known) {
			continue
		}
		if own = append(own, name); len(own) == MaxNameServers {
			limit.NameServers.Met()
			break
		}
	}
	return own
}
