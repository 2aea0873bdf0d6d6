// Revalidation: a zone is asked for its own NS set, which takes the place of its parent's.

package resolver

import (
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// revalidate asks the servers of a zone for its own NS set, if the operator wants that, as soon as
// the zone is known from a referral (draft-ietf-dnsop-ns-revalidation). [zoneQuery.learnServers]
// takes the answer. Nobody waits for it: the parent's servers are asked meanwhile, and afterwards
// too if the zone's do not answer. It is asked once in the life of a delegation, which ends with
// the shorter TTL of both sets. Then the parent is asked again: a zone ends when its parent does
// not delegate it any more (ghost domains, CVE-2012-1033).
//
// Servers of a configured zone are the operator's choice, and are not replaced. Unbound has
// harden-referral-path for that, which has clients wait; BIND takes the set from whatever answer it
// comes with.
func (x *resolution) revalidate(d *cache.Delegation) {
	r := x.r
	if !r.cfg.RevalidateNS || x.fallback || r.cfg.inside(d.Zone, nil) {
		return
	}
	r, k := r.home(cache.Key{Name: d.Zone, Type: wire.TypeNS})
	full := r.fetches.background(fetchKey{Key: k}, func(f *fetch) {
		f.queries.Store(maxRevalidation)
		_, failed := r.runOf(f, 0, trail{sink: r.events}).lead()
		r.observe.Refreshed(RefreshServers, failed == nil)
		r.observe.Revalidated(maxRevalidation - max(0, int(f.queries.Load())))
	})
	if full {
		r.observe.Limit(cause.Overload)
	}
}

// revalidated returns the servers of a delegation after its zone was asked for its own NS set:
// those that the zone names, with the glue of both, and then those that only the parent names.
func revalidated(parents []cache.NameServer, ns *wire.RRset, additional []*wire.RRset,
	zone wire.Name) (servers []cache.NameServer) {
	servers = referralFrom(ns, additional, zone).servers
	for i := range servers {
		servers[i].By = cache.NamedByZone
	}
	for _, p := range parents {
		if p.By == cache.NamedByZone {
			continue
		}
		i := slices.IndexFunc(servers, func(s cache.NameServer) bool { return s.Name == p.Name })
		if i < 0 {
			servers = append(servers, cache.NameServer{Name: p.Name, Addrs: p.Addrs,
				By: cache.NamedByParentAlone})
			continue
		}
		servers[i].By = cache.NamedByParent
		for _, a := range p.Addrs {
			if !slices.Contains(servers[i].Addrs, a) {
				servers[i].Addrs = append(servers[i].Addrs, a)
			}
		}
	}
	return servers
}
