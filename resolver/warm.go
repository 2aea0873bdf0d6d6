// Keeping warm: what the operator names is always fresh in the cache, and so are the keys of zones
// that are in use.

package resolver

import (
	"maps"
	"strings"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/guard"
	"bailiwick/validator"
	"bailiwick/wire"
)

// WarmName is a name whose data are kept fresh.
type WarmName struct {
	Name  wire.Name
	Types []wire.Type
}

// String returns the name and the types, as the configuration has them.
func (n WarmName) String() string {
	words := []string{n.Name.String()}
	for _, t := range n.Types {
		words = append(words, t.String())
	}
	return strings.Join(words, " ")
}

// warmZoneTypes are what is kept fresh of a zone: its servers, and the chain of trust.
var warmZoneTypes = [...]wire.Type{wire.TypeNS, wire.TypeSOA, wire.TypeDS, wire.TypeDNSKEY}

// Warm returns how many questions the configuration wants to be kept fresh.
func (c *Config) Warm() int { return len(c.warmKeys()) }

// warmKeys returns these questions.
func (c *Config) warmKeys() (keys []cache.Key) {
	for _, n := range c.WarmNames {
		for _, t := range n.Types {
			keys = append(keys, cache.Key{Name: n.Name, Type: t})
		}
	}
	for _, zone := range c.WarmZones {
		for _, t := range warmZoneTypes {
			if t != wire.TypeDS || !zone.IsRoot() {
				keys = append(keys, cache.Key{Name: zone, Type: t})
			}
		}
	}
	return keys
}

// KeepWarm begins to resolve what the configuration names, and to resolve it anew before it ends.
// That ends with Close.
func (r *Resolver) KeepWarm() {
	keys, t := r.cfg.warmKeys(), r.fetches
	keys = keys[:min(len(keys), MaxWarm)] // the configuration has been refused if it has more
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(keys) == 0 || t.closed {
		return
	}
	t.spawn(guard.Upkeep, func() {
		last := make(map[cache.Key]time.Time, len(keys))
		tick := time.NewTicker(warmInterval)
		defer tick.Stop()
		for t.ctx.Err() == nil {
			r.guard.Run(guard.Upkeep, func() { r.warm(keys, last) })
			select {
			case <-t.ctx.Done():
			case <-tick.C:
			}
		}
	})
}

// warm begins to resolve what is not fresh. last has when each question was resolved.
func (r *Resolver) warm(keys []cache.Key, last map[cache.Key]time.Time) {
	now, begun, fresh := r.clock.Now(), 0, 0
	maps.DeleteFunc(last, func(_ cache.Key, t time.Time) bool { return now.Sub(t) >= warmPause })
	for _, first := range keys {
		k, l := r.coldest(first)
		if l != nil {
			fresh++
		}
		if _, paused := last[k]; k.Name.IsZero() || begun >= maxWarmAtOnce || paused {
			continue
		}
		if _, failed := r.memory.failure(k, now); failed {
			continue
		}
		last[k] = now
		begun++
		r.renew(fetchKey{Key: k}, l, RefreshWarm)
	}
	r.warmth.Store(int32(fresh))
}

// coldest follows the alias chain of a question in the cache. It returns the first question of the
// chain that is not known, or whose result is about to end, and that result; zero if all are fresh.
func (r *Resolver) coldest(k cache.Key) (ending cache.Key, l *result) {
	for range MaxAliases {
		var ok bool
		switch l, ok = r.cached(k); {
		case !ok:
			return k, nil
		case l.ending():
			return k, l
		case l.kind != wire.KindAlias:
			return cache.Key{}, l
		}
		k.Name = l.target
	}
	return cache.Key{}, l
}

// keysAhead resolves the DS and DNSKEY sets of a zone in use anew, if the trust in the zone ends in
// a moment: otherwise the next client would wait for them.
func (r *Resolver) keysAhead(zone wire.Name, t *validator.Trust) {
	if !r.cfg.Prefetch || t.Status != wire.Secure || t.Zone != zone ||
		t.Expires.Sub(r.clock.Now()) > keysAheadTime {
		return
	}
	for _, typ := range [...]wire.Type{wire.TypeDS, wire.TypeDNSKEY} {
		k := cache.Key{Name: zone, Type: typ}
		if l, ok := r.cached(k); ok && l.ending() {
			r.renew(fetchKey{Key: k}, l, RefreshKeys)
		}
	}
}
