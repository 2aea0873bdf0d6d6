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

// LimitOpenTries has the resolver take another number for [MaxOpenTries].
func (r *Resolver) LimitOpenTries(n int) { r.infra.mostBeside = int32(n) }

// OpenTries returns how many tries are open beside another of their question.
func (r *Resolver) OpenTries() int { return int(r.infra.beside.Load()) }

// PaidBy has somebody else pay, too, for what a query spends on judging.
func (c *Checks) PaidBy(p validator.Payer) { c.budget().Fill(p) }

// The limits that tests in the other package compare with.
const (
	MaxAttempts    = maxAttempts
	MaxForms       = maxForms
	MaxLocalTries  = maxLocalTries
	MaxOutstanding = maxOutstanding
	MaxNeeds       = maxNeeds
	MaxProbes      = maxProbes
)
