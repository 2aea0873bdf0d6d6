// Copies of whole zones, which iteration asks in place of the zones' servers (RFC 8806).

package resolver

import (
	"context"
	"math"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Copies are the zones that this machine has a copy of.
type Copies interface {
	// Closest returns the copy of the deepest zone at or above a name that may be used now, nil if
	// there is none.
	Closest(name wire.Name) Copy
}

// Copy is a copy of a zone. Its data are validated like those of a server.
type Copy interface {
	// Apex returns the zone's name.
	Apex() wire.Name
	// Answer returns what a server of the zone would answer to a question for a name in it. The
	// caller may change the message.
	Answer(q wire.Question) *wire.Message
}

// closest returns the deepest zone on the way to a name and type that a server can be asked of, and
// its copy if that is what is asked: a delegation from the cache, a copy, or neither.
func (x *resolution) closest(name wire.Name, t wire.Type) (d *cache.Delegation, c Copy) {
	d, ok := x.delegation(name, t)
	if !ok {
		d = nil
	}
	if x.r.copies == nil || x.remote {
		return d, nil
	}
	c = x.r.copies.Closest(above(name, t))
	if c == nil || d != nil && d.Zone.Below(c.Apex()) || x.r.cfg.configured(c.Apex()) != nil {
		return d, nil
	}
	return copied(c), c
}

// copied returns the delegation that stands for a copy: it has no servers.
func copied(c Copy) *cache.Delegation {
	return &cache.Delegation{Zone: c.Apex(), Expires: math.MaxInt64}
}

// resolveHeld finds a result in a zone of the operator's that has no servers but its copy.
func (x *resolution) resolveHeld(z *Zone) (*result, *cause.Failure) {
	if d, ok := x.delegation(x.q.Name, x.q.Type); ok {
		return x.descend(d, x.serversOf(d), nil, nil)
	}
	if x.r.copies != nil {
		if c := x.r.copies.Closest(above(x.q.Name, x.q.Type)); c != nil && c.Apex() == z.Name {
			return x.descend(copied(c), nil, z, c)
		}
	}
	return nil, cause.New(cause.NotHeld, z.Name, "")
}

// askCopy asks a copy the whole question: there is nobody to keep a part of the name from, and no
// round trip to save.
func (a *zoneQuery) askCopy(c Copy) (*accepted, *cause.Failure) {
	m := c.Answer(a.q)
	cfg := &a.x.r.cfg
	damaged, _ := scrub(m, a.zone, a.zone, cfg.HardenGlue)
	got := &accepted{reply: classify(m, a.q, a.zone, false, cfg.HardenGlue), damaged: damaged,
		copied: true}
	if a.x.sink != nil {
		e := a.x.of(event.CopyAsked, a.q)
		e.Zone, e.Reply, e.RCode = a.zone, got.kind, m.RCode()
		a.x.tell(e)
	}
	switch got.kind {
	case wire.KindNone:
		return nil, cause.New(got.fault, a.zone, "%s in the copy", a.q)
	case wire.KindReferral:
		return got, nil
	}
	l, f := a.x.finish(a, got)
	if f != nil {
		return nil, f
	}
	got.result = l
	a.x.keepReply(a, got)
	return got, nil
}

// JudgeCopy validates the answer of a copy to a question for data of its apex, with the keys that
// are in the copy and what its parent or an anchor says of these (RFC 8976, section 4, step 1). So
// a copy can be judged before it is used. The failure says why it is bogus, or why that cannot be
// known now.
func (r *Resolver) JudgeCopy(ctx context.Context, copy Copy, t wire.Type) (
	wire.Security, *cause.Failure) {
	zone := copy.Apex()
	q := wire.Question{Name: zone, Type: t, Class: wire.ClassIN}
	c := &client{r: r, q: q, done: func(*Answer) {}}
	if f := r.fetches.enter(ctx, c, &Checks{}); f != nil {
		return wire.Unchecked, f
	}
	defer r.fetches.exit(c)
	x := &resolution{r: r, q: q, budget: &c.budget, flushes: r.memory.flushes()}
	ds, trust := x.delegationSigner(zone)
	switch {
	case trust.Status == wire.Bogus:
		return wire.Bogus, trust.Failure
	case trust.Status != wire.Secure:
		return trust.Status, nil
	case trust.Zone != zone: // its parent is signed, and does not delegate it
		return wire.Bogus, cause.New(cause.KeyMissing, zone, "there is no DS for the copy's zone")
	}
	keys := wire.Find(copy.Answer(wire.Question{Name: zone, Type: wire.TypeDNSKEY,
		Class: wire.ClassIN}).Answer, zone, wire.TypeDNSKEY)
	if keys == nil {
		return wire.Bogus, cause.New(cause.KeyMissing, zone, "DS %d", ds[0].KeyTag)
	}
	var res validator.Result
	trust.Keys, res = r.validator.MatchDS(ds, keys, validator.InstantOf(r.clockFor()),
		x.budget.validation)
	if res.Status != wire.Secure {
		return res.Status, res.Failure
	}
	x.trusts.set(zone, trust)
	got := classify(copy.Answer(q), q, zone, false, r.cfg.HardenGlue)
	v := x.validate(&validator.Response{Question: q, Servers: zone, Kind: got.kind,
		Sets: got.sets, Authority: got.authority})
	return v.Status, v.Failure
}
