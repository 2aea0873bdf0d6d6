// Quotas: how many questions to the servers of one zone, and how many tries of one server, may be
// under way at once. They keep a flood of random names below one zone from taking what the clients
// of all other zones need, and from reaching the zone's servers in full.

package resolver

import (
	"errors"
	"hash/maphash"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/transport"
	"bailiwick/wire"
)

// quota bounds what is under way for each key, a zone or a server.
//
// A key that answers may have quotaShare questions under way for each free resolution. So one busy
// zone may have two thirds of Config.MaxFlights, two may have two fifths each, and something is
// left for the others whatever their number. BIND's fetches-per-zone is a fixed number in place of
// that, and refuses honest questions to busy zones if it is low enough to help; it is off by
// default for that reason, as Unbound's ratelimit is.
//
// A key whose questions fail has less, down to the floor. BIND's fetches-per-server does the same
// from a share of 10 % on; here the network may lose half of all packets before it matters, and a
// zone is judged by questions, which are sent again, and not by packets.
//
// Each key is counted in one cell of each row; it is over its quota if both cells are. So the
// memory is always the same, no question allocates, and a key suffers from others only if it shares
// both cells, which a secret seed decides, with busy ones.
type quota struct {
	floor   int32
	flights int32         // the most resolutions at once
	now     *atomic.Int32 // resolutions under way
	down    func() bool   // reports whether failures say nothing, as the link is down
	*quotaCounters
}

// quotaCounters are the counts of a quota. They outlive a change of the configuration.
type quotaCounters struct {
	seed maphash.Seed
	rows [2][quotaCells]quotaCell
}

type quotaCell struct {
	held   atomic.Int32  // what is under way
	failed atomic.Uint32 // the share of those that failed lately, in quotaUnits
}

// quotaUnits is a share of 1. The share is a moving average over about quotaMemory outcomes.
const (
	quotaUnits  = 1 << 16
	quotaMemory = 64
)

func newQuotaCounters() *quotaCounters { return &quotaCounters{seed: maphash.MakeSeed()} }

// outcome is how a question, or a try, counts for its zone, or server.
type outcome uint8

const (
	outcomeNone   outcome = iota // it says nothing
	outcomeGood                  // there was an answer
	outcomeFailed                // there was none
)

// claim is something that is under way. The zero value is not counted.
type claim struct {
	of    *quota
	cells [2]*quotaCell
}

// take counts a question of a key by its hash. more is what it may have above the limit. It returns
// false, and counts nothing, if the key has its quota.
func (q *quota) take(hash uint64, more func() int32) (claim, bool) {
	c := claim{q, [2]*quotaCell{&q.rows[0][hash%quotaCells], &q.rows[1][hash>>32%quotaCells]}}
	first, second := c.cells[0].held.Add(1), c.cells[1].held.Add(1)
	if min(first, second) <= q.floor { // no limit is below
		return c, true
	}
	over := min(first-q.limit(c.cells[0]), second-q.limit(c.cells[1]))
	if over > 0 && over > more() {
		c.end(outcomeNone)
		return claim{}, false
	}
	return c, true
}

// end takes note that what was claimed has ended.
func (c claim) end(o outcome) {
	if c.of == nil {
		return
	}
	if o == outcomeFailed && c.of.down() {
		o = outcomeNone
	}
	for _, cell := range c.cells {
		cell.held.Add(-1)
		// Outcomes at the same moment may overwrite each other: the share is an estimate.
		switch share := cell.failed.Load(); {
		case o == outcomeFailed:
			cell.failed.Store(share + (quotaUnits-share)/quotaMemory)
		case o == outcomeGood && share > 0:
			cell.failed.Store(share - (share+quotaMemory-1)/quotaMemory)
		}
	}
}

// limit returns how many may be under way in a cell.
func (q *quota) limit(c *quotaCell) int32 {
	return quotaFor(c.failed.Load(), q.floor, q.flights-q.now.Load())
}

// quotaFor returns how many questions may be under way where a share of them fails: floor if nearly
// all do, a multiple of the free resolutions if no more than half do.
func quotaFor(failed uint32, floor, free int32) int32 {
	const from, to = quotaUnits * quotaFrom / 100, quotaUnits * quotaTo / 100
	most := int64(max(floor, quotaShare*free))
	switch {
	case failed >= to:
		return floor
	case failed > from:
		most -= (most - int64(floor)) * int64(failed-from) / (to - from)
	}
	return int32(most)
}

// quotas are the quotas of a resolver.
type quotas struct{ zones, servers quota }

func newQuotas(r *Resolver, zones, servers *quotaCounters) quotas {
	of := func(floor int, c *quotaCounters) quota {
		return quota{floor: int32(floor), flights: int32(r.cfg.MaxFlights), now: &r.fetches.flights,
			down: r.infra.uplink.isDown, quotaCounters: c}
	}
	return quotas{of(r.cfg.ZoneQuota, zones), of(r.cfg.ServerQuota, servers)}
}

// ask asks the zone's servers, unless too many questions to them are under way.
func (a *zoneQuery) ask() (got *accepted, f *cause.Failure) {
	if a.unlimited() {
		return a.run()
	}
	q := &a.x.r.quotas.zones
	zone := a.x.r.memory.zone(a.zone)
	c, ok := q.take(maphash.Comparable(q.seed, zone), func() int32 { return a.reserved(q) })
	if !ok {
		a.x.budget.cut.Store(true) // the name is not at fault
		if a.x.depth > 0 || a.x.refresh {
			a.x.limited(cause.LimitZone) // otherwise a client's answer is counted
		}
		return nil, cause.New(cause.LimitZone, a.zone, "")
	}
	defer func() { c.end(a.outcome(f)) }()
	return a.run()
}

// claim counts a try of a server. It returns false if too many tries of the server are under way.
func (a *zoneQuery) claim(s *candidate) (claim, bool) {
	if a.unlimited() {
		return claim{}, true
	}
	q := &a.x.r.quotas.servers
	c, ok := q.take(maphash.Comparable(q.seed, s.addr), func() int32 { return a.reserved(q) })
	if !ok {
		limit.ServerQuota.Met()
		a.x.budget.cut.Store(true)
		a.list.missed(cause.New(cause.LimitServer, a.zone, "").At(s.addr))
	}
	return c, ok
}

// unlimited reports whether the servers are forwarders. They are asked for everything, and are late
// for names whose own servers are silent: that says nothing about other names.
func (a *zoneQuery) unlimited() bool { return a.conf != nil && a.conf.Forward }

// reserved returns how much a question may exceed a quota by. What the zone needs to be resolved at
// all has a part of its own: look-ups of keys, DS and name servers' addresses, refreshes, and what
// the resolver asks for itself, such as whether the servers are back. So have names that the cache
// still knows data of, for a flood consists of names that nobody has asked for. The zone's keys are
// one question at a time and always asked for.
func (a *zoneQuery) reserved(q *quota) int32 {
	switch x := a.x; {
	case a.q.Type == wire.TypeDNSKEY && a.q.Name == a.zone:
		return q.flights
	case x.depth > 0 || x.refresh || x.ours || x.wasKnown():
		return q.floor
	}
	return 0
}

// wasKnown reports whether the cache has old data of the question.
func (x *resolution) wasKnown() bool {
	for _, t := range [...]wire.Type{x.q.Type, wire.TypeCNAME} {
		for _, unchecked := range [...]bool{false, true} {
			k := cache.Key{Name: x.q.Name, Type: t, Unchecked: unchecked}
			if _, state := x.r.memory.set(k, x.r.clock.Now()); state != cache.None {
				return true
			}
		}
	}
	return false
}

// outcome returns how the question counts for its zone, from the failure that it ended with.
func (a *zoneQuery) outcome(f *cause.Failure) outcome {
	switch {
	case f == nil:
		return outcomeGood
	case f.Cause.Kind() == cause.KindDNSSEC, f.Cause == cause.UplinkDown:
		return outcomeNone
	case f.Cause.Kind() == cause.KindNetwork,
		a.schedule.sent > 0 && time.Since(a.first.began) >= maxRTO: // ended after long silence
		return outcomeFailed
	}
	return outcomeNone
}

// outcome returns how the try counts for its server. One that is given up before its patience has
// ended, as another server was faster, says nothing.
func (t *try) outcome() outcome {
	switch what := causeOfExchange(t.err); {
	case t.err == nil:
		return outcomeGood
	case what == cause.LocalResources, what == cause.UplinkDown:
		return outcomeNone
	case t.took >= t.patience, what == cause.Timeout, errors.Is(t.err, transport.ErrUnreachable):
		return outcomeFailed
	}
	return outcomeNone
}
