// Referrals out of memory, for clients who want no recursion and may look.

package resolver

import (
	"context"
	"time"

	"bailiwick/cache"
	"bailiwick/validator"
	"bailiwick/wire"
)

// keepServers keeps the NS set that came with an answer, for referrals. It is not judged before
// somebody asks; until then it is as unchecked as what is got with CD=1, and is kept where that
// is.
func (r *Resolver) keepServers(ns *wire.RRset) {
	if ns == nil || ns.Sigs.Len() == 0 || !r.cfg.Referrals {
		return
	}
	k := cache.Key{Name: ns.Name, Type: wire.TypeNS, Unchecked: true}
	now := r.clock.Now()
	if _, state := r.cache.LookupRRset(k, now); state.Good() {
		return
	}
	set := *ns
	set.Security = wire.Unchecked
	r.cache.PutRRset(k, cache.RRset{Set: &set}, now)
}

// Referral returns what a server without recursion says of a question that it has no answer to:
// the NS set of the deepest zone known (RFC 1034, section 4.3.2, step 4b), nil if there is none.
// Nothing is asked for the client; but a zone's own set is judged, and keys that this takes are
// fetched. One that is not secure ranks below what the parent says, if it came without AA (RFC
// 2181, section 5.4.1), and is left out.
func (r *Resolver) Referral(ctx context.Context, q wire.Question) *Answer {
	now := r.clock.Now()
	d, ok := r.cache.Closest(q.Name, now)
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

// parentServers is the NS set of a delegation as its parent has it.
func parentServers(d *cache.Delegation, now time.Time) *wire.RRset {
	ttl := uint32(max(0, d.Expires-now.Unix()))
	ns := &wire.RRset{Name: d.Zone, Type: wire.TypeNS, Class: wire.ClassIN, TTL: ttl}
	for _, s := range d.Servers {
		ns.Data = ns.Data.Append([]byte(s.Name.Wire()))
	}
	return ns
}

// Servers returns the NS set of the zone that a name is in, as far as memory has it: the zone's
// own, or, unless it has to be secure, what its parent says. It asks for nothing. There is none for
// a name whose servers the operator has named: the zones of the public tree are not its own.
func (r *Resolver) Servers(name wire.Name, secure bool) *wire.RRset {
	now := r.clock.Now()
	d, ok := r.cache.Closest(name, now)
	if z := r.cfg.configured(name); !ok || z != nil && (z.Forward || !d.Zone.Within(z.Name)) {
		return nil
	}
	k := cache.Key{Name: d.Zone, Type: wire.TypeNS}
	if e, state := r.cache.LookupRRset(k, now); state.Good() &&
		(!secure || e.Set.Security == wire.Secure) {
		return aged(e.Set, e.TTL(now.Unix()))
	}
	if secure {
		return nil
	}
	return parentServers(d, now)
}

// validatedServers returns a zone's own NS set, if it was asked for or is secure.
func (r *Resolver) validatedServers(ctx context.Context, zone wire.Name,
	now time.Time) *wire.RRset {
	for _, unchecked := range []bool{false, true} {
		k := cache.Key{Name: zone, Type: wire.TypeNS, Unchecked: unchecked}
		e, state := r.cache.LookupRRset(k, now)
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
		x := &resolution{r: r, q: own, budget: &c.budget}
		v := x.validate(&validator.Response{Question: own, Servers: zone, Sets: []*wire.RRset{ns}})
		if v.Status != wire.Secure {
			return nil
		}
		return v.Sets[0]
	}
	return nil
}
