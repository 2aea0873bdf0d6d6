// A resolver with new settings takes over the caches of the one before it.

package resolver

import (
	"reflect"
	"slices"

	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Successor returns a resolver with other settings that shares all caches and the cookie secret of
// r. Resolutions of r go on to their end with the settings of r. [Resolver.Forget] has to be called
// when clients ask the successor.
//
// Config.ValidationTime stays as it is: the caches have depended on it from the start.
func (r *Resolver) Successor(cfg Config, p Parts) *Resolver {
	cfg.ValidationTime = r.cfg.ValidationTime
	n := newResolver(cfg, p)
	n.validator = r.validator
	if !reflect.DeepEqual(n.cfg.Validation, r.cfg.Validation) {
		n.validator = validator.New(n.cfg.Validation)
	}
	n.memory = r.memory.under(&n.cfg)
	n.probes, n.infra, n.connectivity = r.probes, r.infra, r.connectivity
	n.refetches, n.cookieSecret = r.refetches, r.cookieSecret
	n.quotas = newQuotas(n, r.quotas.zones.quotaCounters, r.quotas.servers.quotaCounters)
	n.cfg.Zones = slices.Clone(cfg.Zones)
	for i := range n.cfg.Zones {
		if old := n.cfg.Zones[i].among(r.cfg.Zones); old != nil {
			n.cfg.Zones[i].Peer = old.Peer // connections are found by this pointer
		}
	}
	return n
}

// Forget drops cached data of another resolver with the same caches that r would not have accepted,
// or would have validated otherwise. It returns the number of entries. It is called when the
// clients have changed over to r, and again when the other one has ended all its work. From the
// first time on the other one stores no such data.
func (r *Resolver) Forget(other *Resolver) (n int) {
	// Whatever has failed may work with other servers, families, addresses and limits.
	n = r.memory.flushFailures()
	names := r.outdated(other)
	other.memory.gate.close(names)
	for _, name := range names {
		n += r.memory.flushTree(name)
	}
	return n
}

// outdated returns the names at and below which the caches of the two may differ, the root alone if
// that is all of them.
func (r *Resolver) outdated(other *Resolver) (names []wire.Name) {
	a, b := &r.cfg, &other.cfg
	switch {
	case !sameJudge(a.Validation, b.Validation),
		a.HardenGlue != b.HardenGlue,         // glue that is not accepted now may have been
		!reflect.DeepEqual(a.Hints, b.Hints): // another root is another internet
		return []wire.Name{wire.Root}
	}
	changed := trustanchor.Changed(r.anchors, other.anchors)
	for _, pair := range [][2][]Zone{{a.Zones, b.Zones}, {b.Zones, a.Zones}} {
		for i := range pair[0] {
			if z := &pair[0][i]; z.among(pair[1]) == nil {
				changed = append(changed, z.Name)
			}
		}
	}
	for _, name := range changed {
		if name.IsRoot() {
			return []wire.Name{wire.Root}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// sameJudge reports whether two configurations give the same verdicts.
func sameJudge(a, b validator.Config) bool {
	a.SignatureCache, b.SignatureCache = 0, 0
	a.StandardP256, b.StandardP256 = false, false
	return reflect.DeepEqual(a, b)
}

// among returns the equal of a zone in a list, nil if there is none.
func (z *Zone) among(list []Zone) *Zone {
	for i := range list {
		a, b := *z, list[i]
		a.Peer, b.Peer = nil, nil // a pool of certificates is compared by its own method
		if reflect.DeepEqual(a, b) && z.Peer.Equal(list[i].Peer) {
			return &list[i]
		}
	}
	return nil
}
