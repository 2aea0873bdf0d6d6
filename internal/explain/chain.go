// The chain of trust: which zones are on the way from an anchor to the data.

package explain

import (
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// chain finds the zones of a step. Signed data tell their zone, and its DS set tells the next one
// above; so the way is the one that the validator takes. Data without signatures are looked for
// from the anchor down.
func (x *explainer) chain(s stepState) {
	zone, silent := x.zoneOf(s)
	if zone.IsZero() {
		x.descend(s.key)
		return
	}
	x.climb(zone, silent)
}

// zoneOf returns the zone that a step is from, as far as the data or the failure tell. silent
// reports whether its servers are not to be asked again.
func (x *explainer) zoneOf(s stepState) (zone wire.Name, silent bool) {
	if f := s.failure; f != nil && f.Zone != "" {
		zone, err := wire.ParseName(f.Zone)
		if err == nil && s.name.Within(zone) {
			return zone, f.Cause.Kind() == cause.KindNetwork || f.Cause.Kind() == cause.KindLimit
		}
	}
	if s.evidence == nil {
		return wire.Name{}, false
	}
	if s.status == wire.Secure || s.status == wire.Bogus {
		return x.signedBy(s), false
	}
	return wire.Name{}, false
}

// signerOf returns the zone that signatures of a name's data name; zero if none does.
func (x *explainer) signerOf(e *evidence, name wire.Name) wire.Name {
	for _, sets := range [][]*wire.RRset{e.Sets, e.Proofs} {
		for _, s := range sets {
			for d := range s.Sigs.All() {
				if sig, err := wire.ParseRRSIG(d); err == nil && name.Within(sig.Signer) {
					return sig.Signer
				}
			}
		}
	}
	return wire.Name{}
}

// climb adds a zone and those above it, up to a trust anchor.
func (x *explainer) climb(zone wire.Name, silent bool) {
	for len(x.zones) < maxZones {
		if x.zones[zone] != nil {
			return
		}
		z := &zoneState{name: zone, silent: silent}
		x.zones[zone] = z
		x.keysOf(z)
		if z.anchored = x.r.AnchorsOf(zone) != nil; z.anchored || zone.IsRoot() {
			return
		}
		z.ds = x.need(key{zone, wire.TypeDS})
		z.parent = x.parentOf(z)
		zone, silent = z.parent, false
	}
}

// parentOf returns the zone that has the DS set of a zone, or denies it.
func (x *explainer) parentOf(z *zoneState) wire.Name {
	if z.ds != nil {
		if !z.ds.zone.IsZero() && z.name.Below(z.ds.zone) {
			return z.ds.zone
		}
		if s := x.signerOf(z.ds, z.name.Parent()); !s.IsZero() {
			return s
		}
	}
	if f := x.found.failed[key{z.name, wire.TypeDS}]; f != nil {
		if zone, err := wire.ParseName(f.Zone); err == nil && f.Zone != "" && z.name.Below(zone) {
			return zone
		}
	}
	return z.name.Parent()
}

// keysOf finds the keys of a zone.
func (x *explainer) keysOf(z *zoneState) {
	if !z.silent {
		z.keys = x.need(key{z.name, wire.TypeDNSKEY})
	}
}

// descend adds the zones from the closest anchor above a name down to the one that has its data, or
// to the first that is not secure.
func (x *explainer) descend(k key) {
	name := k.name
	if k.t == wire.TypeDS && !name.IsRoot() {
		name = name.Parent()
	}
	anchor, ok := x.anchorAbove(name)
	if !ok {
		x.found.note("no trust anchor is at or above " + name.String())
		return
	}
	x.climb(anchor, false)
	parent := anchor
	for labels := anchor.Labels() + 1; labels <= name.Labels() &&
		len(x.zones) < maxZones; labels++ {
		cut := name.Ancestor(labels)
		if x.zones[cut] != nil {
			parent = cut
			continue
		}
		ds := x.need(key{cut, wire.TypeDS})
		switch {
		case ds == nil || ds.Kind == wire.KindNXDomain || ds.Kind == wire.KindAlias:
			return
		case ds.Kind == wire.KindNoData && !ds.UnsignedCut && ds.status != wire.Bogus:
			continue // the name is in the zone above
		}
		z := &zoneState{name: cut, parent: parent, ds: ds}
		x.zones[cut], parent = z, cut
		if ds.Kind != wire.KindAnswer || ds.status != wire.Secure {
			return
		}
		if x.keysOf(z); z.keys == nil || z.keys.status != wire.Secure {
			return
		}
	}
}

// anchorAbove returns the closest zone at or above a name that has a trust anchor.
func (x *explainer) anchorAbove(name wire.Name) (wire.Name, bool) {
	for n := name; ; n = n.Parent() {
		if x.r.AnchorsOf(n) != nil {
			return n, true
		}
		if n.IsRoot() {
			return wire.Name{}, false
		}
	}
}
