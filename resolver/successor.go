// A resolver under new settings takes over what the one before it has learnt.

package resolver

import (
	"reflect"
	"slices"

	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Successor returns a resolver with other settings that shares the memory of r: the caches, what
// is known of servers and zones, and its cookie secret. What r resolves it resolves to the end
// under its own settings. When clients ask the successor, [Resolver.Forget] has to be called.
//
// Config.ValidationTime stays as it is: the caches have followed it, or not, from the start.
func (r *Resolver) Successor(cfg Config, p Parts) *Resolver {
	cfg.ValidationTime = r.cfg.ValidationTime
	p.Cache = r.cache
	n := newResolver(cfg, p)
	n.validator = r.validator
	if !reflect.DeepEqual(n.cfg.Validation, r.cfg.Validation) {
		n.validator = validator.New(n.cfg.Validation)
	}
	n.probes, n.infra, n.trusts, n.connectivity = r.probes, r.infra, r.trusts, r.connectivity
	n.refetches, n.cookieSecret = r.refetches, r.cookieSecret
	n.cfg.Zones = slices.Clone(cfg.Zones)
	for i := range n.cfg.Zones {
		if old := n.cfg.Zones[i].among(r.cfg.Zones); old != nil {
			n.cfg.Zones[i].Peer = old.Peer // by which connections to it are found
		}
	}
	return n
}

// Forget drops what another resolver of the same memory has let in, and r would not, or would have
// judged in another way. It returns how many entries that were. It is called when the clients have
// changed over to r, and again when the other one has ended all its work.
func (r *Resolver) Forget(other *Resolver) (n int) {
	for _, name := range r.outdated(other) {
		n += r.Flush(name, true)
		// What its parent says of the name may be known as that of another tree.
		n += r.cache.FlushZone(name)
	}
	return n
}

// outdated are the names at and below which the two would not have learnt the same, the root alone
// if that is all of them.
func (r *Resolver) outdated(other *Resolver) (names []wire.Name) {
	a, b := &r.cfg, &other.cfg
	switch {
	case !sameJudge(a.Validation, b.Validation),
		a.HardenGlue != b.HardenGlue,         // glue that is not believed now may have been
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

// sameJudge reports whether two policies come to the same verdicts.
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
