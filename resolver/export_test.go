package resolver

import (
	"net/netip"

	"bailiwick/validator"
	"bailiwick/wire"
)

// Held reports whether something is held against a server for a zone, for tests.
func (r *Resolver) Held(server netip.Addr, zone wire.Name) bool {
	p := r.infra.profile(server, zone, r.clock.Now())
	return p.fault > 0 || p.dead
}

// LimitOpenTries replaces [MaxOpenTries] by another number.
func (r *Resolver) LimitOpenTries(n int) { r.infra.mostBeside = int32(n) }

// OpenTries returns how many tries beyond the first of their question are open.
func (r *Resolver) OpenTries() int { return int(r.infra.beside.Load()) }

// UnderWay returns how many questions to zones, and tries of servers, count for their quotas.
func (r *Resolver) UnderWay() (zones, servers int) {
	for i := range quotaCells {
		zones += int(r.quotas.zones.rows[0][i].held.Load())
		servers += int(r.quotas.servers.rows[0][i].held.Load())
	}
	return zones, servers
}

// Watched returns for how many zones it is asked whether their servers are back.
func (r *Resolver) Watched() int {
	r.memory.recoveries.mu.Lock()
	defer r.memory.recoveries.mu.Unlock()
	return len(r.memory.recoveries.watched)
}

// RootReply is what came of a question for the root's keys.
type RootReply = rootReply

// What may come of it.
const (
	RootSilent = rootSilent
	RootSigned = rootSigned
	RootForged = rootForged
)

// JudgeNetwork decides whether the network forges replies.
func JudgeNetwork(replies []RootReply) NetworkState { return judgeNetwork(replies) }

// NoObserver is an Observer that ignores everything.
var NoObserver Observer = nopObserver{}

// PaidBy charges the validation work of a query to another payer as well.
func (c *Checks) PaidBy(p validator.Payer) { c.budget().Fill(p) }

// NopObserver is an Observer that ignores everything.
type NopObserver = nopObserver

// The limits that tests in the other package compare with.
const (
	MaxAttempts     = maxAttempts
	MaxForms        = maxForms
	MaxLocalTries   = maxLocalTries
	MaxOutstanding  = maxOutstanding
	MaxNeeds        = maxNeeds
	MaxWatchedZones = maxWatchedZones
	MaxRevalidation = maxRevalidation
	MaxProbes       = maxProbes
	TryBytes        = tryBytes
	MaxWarmAtOnce   = maxWarmAtOnce
	WarmInterval    = warmInterval
)
