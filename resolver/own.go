// What a zone says of its own servers.

package resolver

import (
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/wire"
)

// learnServers takes from an authoritative answer what the zone says of its own NS set, which
// ranks above its parent's copy (RFC 2181, section 5.4.1). It ends the delegation earlier if the
// zone's TTL does, so that a zone that moves is asked for at its parent again when its old owner
// said so, and never later: that would be a ghost. Servers that only the zone names are asked when
// those that the parent names have failed, not before, and only if the zone was asked for its NS
// set. One that comes beside another answer names no servers, as it could be forged with any
// random name (CVE-2025-11411); Knot Resolver and BIND ignore it too.
func (a *asking) learnServers(m *wire.Message) {
	cut := a.list.cut
	if cut == nil || cut.Zone != a.zone || a.zone.IsRoot() || !m.Has(wire.FlagAA) {
		return
	}
	ns := wire.Find(m.Authority, a.zone, wire.TypeNS)
	if ns == nil {
		if ns = wire.Find(m.Answer, a.zone, wire.TypeNS); ns == nil {
			return
		}
	}
	now := a.x.r.clock.Now()
	ends := now.Add(max(time.Duration(ns.TTL)*time.Second, MinDelegation)).Unix()
	own := cut.Own
	if a.q.Type == wire.TypeNS && a.q.Name == a.zone {
		own = ownServers(ns, cut)
	}
	if ends >= cut.Expires && slices.Equal(own, cut.Own) {
		return
	}
	latest, ok := a.x.r.cache.Delegations.Get(a.zone)
	if !ok || latest.Stored != cut.Stored { // the parent has said something else since
		return
	}
	d := *latest
	d.Own, d.Expires = own, min(ends, latest.Expires)
	a.list.cut = &d
	a.x.r.cache.Delegations.Put(a.zone, &d)
}

// ownServers lists what a zone's own NS set names beyond its parent's.
func ownServers(ns *wire.RRset, cut *cache.Delegation) (own []wire.Name) {
	for rd := range ns.Data.All() {
		name, ok := wire.TargetName(rd)
		known := func(s cache.NameServer) bool { return s.Name == name }
		if !ok || slices.ContainsFunc(cut.Servers, known) {
			continue
		}
		if own = append(own, name); len(own) == MaxNameServers {
			break
		}
	}
	return own
}
