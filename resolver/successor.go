// A resolver with new settings takes over the caches of the one before it.

package resolver

import (
	"bytes"
	"reflect"
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Successor returns a resolver with other settings that shares all caches of r, with what is known
// of servers. Resolutions of r go on to their end with the settings of r. [Resolver.Forget] has to
// be called when clients ask the successor.
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
	n.refetches = r.refetches
	n.compared = r.compared
	n.subnets = r.subnets
	n.reporting = r.reporting
	n.quotas = newQuotas(n, r.quotas.zones.quotaCounters, r.quotas.servers.quotaCounters)
	n.states = r.states
	n.cfg.Zones = slices.Clone(cfg.Zones)
	n.forwarders = newForwarders(n.cfg.Zones, r.forwarders)
	for i := range n.cfg.Zones {
		if old := n.cfg.Zones[i].among(r.cfg.Zones); old != nil {
			// Connections are found by these pointers.
			n.cfg.Zones[i].Peer, n.cfg.Zones[i].Then = old.Peer, old.Then
		}
	}
	n.addRealms(p.Realms, r)
	return n
}

// Resize gives the caches another size, those of the store too, while they are used. A smaller one
// keeps what was used or stored last.
func (r *Resolver) Resize(bytes int) {
	r.infra.cache.Resize(r.memory.resize(bytes))
	r.subnets.variants.Resize(int(r.cfg.ECS.Memory))
}

// Forget drops cached data of another resolver with the same caches that r would not have accepted,
// or would have validated otherwise. It returns the number of entries. It is called when the
// clients have changed over to r, and again when the other one has ended all its work. From the
// first time on the other one stores no such data.
func (r *Resolver) Forget(other *Resolver) (n int) {
	// Whatever has failed may work with other servers, families, addresses and limits.
	n = r.memory.flushFailures() + r.forgetRealms(other)
	names := r.outdated(other)
	other.memory.gate.close(names)
	for _, name := range names {
		dropped := r.memory.flushTree(name) + r.subnets.forget(name, true, wire.TypeNone)
		r.subnets.forgetZones(name)
		if n += dropped; r.events != nil {
			r.events.Event(event.Event{Kind: event.Forgotten, Time: time.Now(), Zone: name,
				Count: dropped})
		}
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
	changed := slices.DeleteFunc(trustanchor.Changed(r.anchors, other.anchors),
		func(zone wire.Name) bool { return r.sustains(zone, other) })
	changed = append(changed, a.ECS.changed(&b.ECS)...)
	for _, name := range append(changed, changedZones(a.Zones, b.Zones)...) {
		if name.IsRoot() {
			return []wire.Name{wire.Root}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// sustains reports whether what has been validated at and below a zone under the anchors of another
// resolver is so under those of r. That is so if none of the anchors is missing, or if one of r's
// has signed the keys that the zone has now: a roll does not cost the cache. It is not if a key
// that is withdrawn was the only one to sign them.
func (r *Resolver) sustains(zone wire.Name, other *Resolver) bool {
	mine, have := r.anchors.At(zone)
	theirs, had := other.anchors.At(zone)
	_, is := r.anchors.Exception(zone)
	_, was := other.anchors.Exception(zone)
	if !have || !had || is != trustanchor.None || was != trustanchor.None ||
		r.cfg.Validation.AllAlgorithms {
		return false
	}
	if before, _ := other.validator.UsableDS(theirs); len(before) == 0 {
		return false // all that there is was insecure
	}
	if includes(mine, theirs) {
		return true
	}
	ds, _ := r.validator.UsableDS(mine)
	keys, state := r.memory.set(cache.Key{Name: zone, Type: wire.TypeDNSKEY}, r.clock.Now())
	if len(ds) == 0 || !state.Good() || keys.Set.Security != wire.Secure {
		return false
	}
	_, res := r.validator.MatchDS(ds, keys.Set, validator.InstantOf(r.clockFor()),
		validator.NewBudget())
	return res.Status == wire.Secure
}

// includes reports whether a set has all records of another one.
func includes(set, other *wire.RRset) bool {
	for d := range other.Data.All() {
		found := false
		for o := range set.Data.All() {
			found = found || bytes.Equal(o, d)
		}
		if !found {
			return false
		}
	}
	return true
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
		// A pool of certificates is compared by its own method.
		a.Peer, a.Then, b.Peer, b.Then = nil, nil, nil, nil
		if reflect.DeepEqual(a, b) && z.Peer.Equal(list[i].Peer) &&
			slices.EqualFunc(z.Then, list[i].Then, func(a, b Way) bool {
				return a.Via == b.Via && a.Peer.Equal(b.Peer)
			}) {
			return &list[i]
		}
	}
	return nil
}
