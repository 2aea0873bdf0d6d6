// Referrals from the cache, for clients that ask without RD and are allowed to.

package resolver

import (
	"context"
	"net/netip"
	"time"

	"bailiwick/cache"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Referral returns the answer of a server without recursion that has no data for a question: the NS
// set of the deepest zone known (RFC 1034, section 4.3.2, step 4b), nil if there is none. Nothing
// is asked for the client, except for the keys that validate a zone's own set. A set that is not
// secure ranks below the parent's, if it came without AA (RFC 2181, section 5.4.1), and is left
// out.
func (r *Resolver) Referral(ctx context.Context, q wire.Question) *Answer {
	now := r.clock.Now()
	d, ok := r.memory.delegation(q.Name, wire.TypeNone, false, now)
	if !ok || !r.cfg.Referrals {
		return nil
	}
	a := &Answer{Question: q, NoCache: true}
	if ns := r.validatedServers(ctx, d.Zone, now); ns != nil {
		a.Status, a.Authority = ns.Security, []*wire.RRset{ns}
		return a
	}
	a.Status, a.Authority = wire.Insecure, []*wire.RRset{parentServers(d, now)}
	return a
}

// parentServers returns the NS set of a delegation as its parent has it.
func parentServers(d *cache.Delegation, now time.Time) *wire.RRset {
	ttl := uint32(max(0, d.Expires-now.Unix()))
	ns := &wire.RRset{Name: d.Zone, Type: wire.TypeNS, Class: wire.ClassIN, TTL: ttl}
	for _, s := range d.Servers {
		if s.By == cache.NamedByZone {
			continue
		}
		ns.Data = ns.Data.Append([]byte(s.Name.Wire()))
	}
	return ns
}

// Servers returns the NS set of the zone that a name is in from the cache: the zone's own or,
// unless it has to be secure, the parent's. It sends no queries. It returns nil for a name whose
// servers the operator has named, as zones of the public tree are not that name's.
func (r *Resolver) Servers(name wire.Name, secure bool) *wire.RRset {
	now := r.clock.Now()
	d, ok := r.memory.delegation(name, wire.TypeNone, false, now)
	if !ok {
		return nil
	}
	k := cache.Key{Name: d.Zone, Type: wire.TypeNS}
	if e, state := r.memory.set(k, now); state.Good() &&
		(!secure || e.Set.Security == wire.Secure) {
		return aged(e.Set, e.TTL(now.Unix()))
	}
	if secure {
		return nil
	}
	return parentServers(d, now)
}

// NameServer is a server of a zone with the addresses that are known of it.
type NameServer struct {
	Name  wire.Name
	Addrs []netip.Addr
}

// NameServers returns the servers of the zone that a name is in and of those above it, with zones
// of one label and the root left out, as far as delegations to them are in the cache: names and
// glue are the parents'. It sends no queries.
func (r *Resolver) NameServers(name wire.Name) (list []NameServer) {
	now := r.clock.Now()
	for name.Labels() > 1 {
		d, ok := r.memory.delegation(name, wire.TypeNone, false, now)
		if !ok || d.Zone.Labels() < 2 {
			return list
		}
		of, _ := r.home(cache.Key{Name: d.Zone})
		for _, ns := range d.Servers {
			addrs := ns.Addrs
			for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
				if e, state := of.memory.set(cache.Key{Name: ns.Name, Type: t}, now); state.Good() {
					addrs = append(addrs[:len(addrs):len(addrs)], addresses(e.Set)...)
				}
			}
			list = append(list, NameServer{ns.Name, addrs})
		}
		for _, host := range d.Own {
			list = append(list, NameServer{Name: host})
		}
		name = d.Zone.Parent()
	}
	return list
}

// Cached returns the set of a name and type from the cache, nil if it is not there, has ended, was
// not validated, or has to be secure and is not. It sends no queries.
func (r *Resolver) Cached(name wire.Name, t wire.Type, secure bool) *wire.RRset {
	if r.tailored(name, t) {
		return nil // it may be another for the client
	}
	now := r.clock.Now()
	e, state := r.memory.set(cache.Key{Name: name, Type: t}, now)
	if !state.Good() || secure && e.Set.Security != wire.Secure || !e.Set.Security.Servable() {
		return nil
	}
	return aged(e.Set, e.TTL(now.Unix()))
}

// validatedServers returns a zone's own NS set, if it was asked for or is secure.
func (r *Resolver) validatedServers(ctx context.Context, zone wire.Name,
	now time.Time) *wire.RRset {
	for _, unchecked := range []bool{false, true} {
		k := cache.Key{Name: zone, Type: wire.TypeNS, Unchecked: unchecked}
		e, state := r.memory.set(k, now)
		if !state.Good() {
			continue
		}
		ns := aged(e.Set, e.TTL(now.Unix()))
		if !unchecked {
			return ns
		}
		own := wire.Question{Name: zone, Type: wire.TypeNS, Class: wire.ClassIN}
		c := &client{r: r, q: own, done: func(*Answer) {}}
		if f := r.fetches.enter(ctx, c, &Checks{}); f != nil {
			return nil
		}
		defer r.fetches.exit(c)
		x := &resolution{r: r, q: own, budget: &c.budget, flushes: r.memory.flushes()}
		v := x.validate(&validator.Response{Question: own, Servers: zone, Sets: []*wire.RRset{ns}})
		if v.Status != wire.Secure {
			return nil
		}
		return v.Sets[0]
	}
	return nil
}
