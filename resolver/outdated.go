// Delegations that the parent may have changed since they were cached.

package resolver

import (
	"net/netip"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// doubt is about the cached delegation whose servers were of no use to a resolution. The parent may
// have withdrawn the zone meanwhile, or have delegated it to others: what it says of the zone's DS
// then belongs to another zone than the cached servers have, or to none (RFC 4035, section 5.2; RFC
// 6840, section 4.4), or they do not serve the zone any more.
type doubt struct {
	cut   *cache.Delegation
	why   *cause.Failure // what the resolution failed for
	above wire.Name      // delegations below it are not used
	since int64          // the second in which the doubt arose
	moved bool           // a zone above has another delegation now
}

// outdated resolves the result once more after a failure, from above the cached delegation whose
// servers were of no use. The parent is asked about one cut once in [refetchPause], and a
// resolution doubts one delegation: whoever has a zone fail, or moves it to and fro, causes one
// question more. If the parent has not changed anything, the failure stands.
//
// Of Unbound 1.17, BIND 9.18, Knot Resolver 5.6 and PowerDNS Recursor 4.8 only Unbound follows a
// zone whose former servers refuse it. They fail until the delegation ends, or Knot Resolver serves
// what the parent has withdrawn, and is signed elsewhere by now.
func (x *resolution) outdated(l *result, f *cause.Failure) (*result, *cause.Failure) {
	d, now := x.using, x.r.clock.Now()
	switch {
	case f == nil, d == nil, x.fallback, d.Zone.IsRoot(),
		f.HeldAgainst() != cause.ScopeName,
		f.Cause.Kind() != cause.KindNetwork && f.Cause.Kind() != cause.KindDNSSEC:
		return l, f
	}
	x.doubt = &doubt{cut: d, why: f, above: d.Zone.Parent(), since: now.Unix()}
	switch z, err := wire.ParseName(f.Zone); {
	case x.r.memory.superseded(d, now):
		x.doubt.moved = true // a resolution that this one depends on, or another one, has asked
	case d.Stored+1 >= now.Unix() || !x.r.refetches.cuts.may(d.Zone, now):
		return l, f
	case err == nil && d.Zone.Below(z) && x.r.cfg.configured(z) == x.r.cfg.configured(d.Zone):
		// The data were judged as those of a zone above: a zone in between may have gone. What is
		// above a zone of the configuration does not answer for it.
		x.doubt.above = z
	}
	x.trusts, x.enclosing = nil, nil
	asked := !x.doubt.moved
	fresh, g := x.iterate()
	switch {
	case g == nil && asked:
		x.r.memory.withdraw(d.Zone, x.doubt.above, x.doubt.since)
		return fresh, nil
	case g == nil, x.doubt.moved && g.HeldAgainst() == cause.ScopeName:
		return fresh, g
	}
	return nil, f
}

// delegation returns the deepest delegation on the way to a name and type that may be used.
func (x *resolution) delegation(name wire.Name, t wire.Type) (*cache.Delegation, bool) {
	if v := x.doubt; v != nil && !v.moved && above(name, t).Below(v.above) {
		name, t = v.above, wire.TypeNone
	}
	return x.r.memory.delegation(name, t, x.fallback, x.asOf())
}

// referred compares a referral with the delegation that is in doubt, and reports whether it is the
// same: the parent knows no other servers, and no other addresses of them.
func (v *doubt) referred(r *referral) bool {
	if v == nil || v.moved || !r.zone.Within(v.cut.Zone) {
		return false
	}
	v.moved = r.zone != v.cut.Zone || slices.ContainsFunc(r.servers, v.lacks)
	return !v.moved
}

// lacks reports whether the delegation in doubt lacks a server, or an address of it.
func (v *doubt) lacks(s cache.NameServer) bool {
	i := slices.IndexFunc(v.cut.Servers, func(old cache.NameServer) bool {
		return old.Name == s.Name && old.By != cache.NamedByZone
	})
	return i < 0 || slices.ContainsFunc(s.Addrs, func(a netip.Addr) bool {
		return !slices.Contains(v.cut.Servers[i].Addrs, a)
	})
}
