// Budgets: what a client query may cost with everything that it causes, and who pays for what
// several queries wait for.

package resolver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// budget is what a client query, or a fetch, may still spend. It is never reset. It may be shared
// between goroutines.
//
// Each fetch has one of its own, full at first. What it spends is charged to one of those who wait
// for it too, the payer, and so on up to a client: however many fetches a query causes, together
// they cost no more than a query may (NXNSAttack, CVE-2020-8616; KeyTrap, CVE-2023-50387). A payer
// who has nothing left is over, and the next who waits pays. Fetches that no client pays for are
// refreshes, which are few.
type budget struct {
	ctx        context.Context // ends with what the budget is for
	cancel     context.CancelCauseFunc
	fetches    *fetches
	validation *validator.Budget
	queries    atomic.Int32
	heard      atomic.Bool // a server replied
	// cut reports whether a fetch could not spend all that it has, for what others spent before or
	// for want of somebody who waits.
	cut   atomic.Bool
	payer atomic.Pointer[budget]

	mu      sync.Mutex
	lookups map[wire.Name]int // that failed, by the zone that was asked; guarded by mu
	failed  int               // of them; guarded by mu

	// Guarded by fetches.mu:
	ended bool
	wants []*fetch // those that it waits for, or will
	room  [2]*fetch
	leads *fetch  // the one of them that is resolved in its own goroutine
	fetch *fetch  // whose budget this is; nil for a client's
	query *client // whose budget this is; nil for a fetch's
}

// Checks is what a client's query may still spend on judging, from the first step that does: on
// what memory knows, and then on what is resolved. The zero value is all that a query may.
type Checks struct {
	left  validator.Budget
	begun bool
}

// budget returns what is left.
func (c *Checks) budget() *validator.Budget {
	if !c.begun {
		c.begun = true
		c.left.Fill(nil)
	}
	return &c.left
}

// fill makes a full budget of an empty one, but for what is left to judge by.
func (b *budget) fill(t *fetches, payer *budget, v *validator.Budget) {
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	b.fetches, b.wants = t, b.room[:0]
	b.validation = v
	b.queries.Store(MaxQueries)
	b.payer.Store(payer)
}

// pay pays for one packet upstream.
func (b *budget) pay() *cause.Failure {
	if err := b.err(); err != nil {
		return err
	}
	if b.queries.Add(-1) < 0 {
		return &cause.Failure{Cause: cause.LimitQueries}
	}
	for p := b.payer.Load(); p != nil; p = b.payer.Load() {
		f := p.pay()
		if f == nil {
			return nil
		}
		p.end(f)
		if f := b.err(); f != nil {
			return f // nobody else waits
		}
	}
	return nil
}

// refund gives back what was paid for a packet that could not be sent.
func (b *budget) refund() {
	for ; b != nil; b = b.payer.Load() {
		b.queries.Add(1)
	}
}

// Charge implements validator.Payer.
func (b *budget) Charge(limit cause.Cause, take func(*validator.Budget, int32) bool, n int32) bool {
	for p := b.payer.Load(); p != nil && !take(p.validation, n); p = b.payer.Load() {
		p.end(&cause.Failure{Cause: limit})
		if b.err() != nil {
			return false // nobody else waits
		}
	}
	return true
}

// mayLookUp reports whether a zone may be asked for one more name server's address. Where a payer
// has spent too much before, the fetch goes on without it.
func (b *budget) mayLookUp(zone wire.Name) bool {
	for p := b; p != nil; p = p.payer.Load() {
		if !p.mayFail(zone) {
			for ; b != nil && b != p; b = b.payer.Load() {
				b.cut.Store(true)
			}
			return false
		}
	}
	return true
}

// mayFail reports whether one more look-up at a zone may fail.
func (b *budget) mayFail(zone wire.Name) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed < MaxFailedLookups && b.lookups[zone] < MaxFailedLookupsPerZone
}

// lookupFailed counts a name server's name that a zone gave no address for.
func (b *budget) lookupFailed(zone wire.Name) {
	for ; b != nil; b = b.payer.Load() {
		b.mu.Lock()
		if b.lookups == nil {
			b.lookups = map[wire.Name]int{}
		}
		b.lookups[zone]++
		b.failed++
		b.mu.Unlock()
	}
}

// hear notes that a server has replied.
func (b *budget) hear() {
	for ; b != nil; b = b.payer.Load() {
		if !b.heard.Load() {
			b.heard.Store(true)
		}
	}
}

// err returns why it is over, if it is: time is up, or it was told to give way.
func (b *budget) err() *cause.Failure {
	if b.ctx.Err() == nil {
		return nil
	}
	return failureOf(b.ctx)
}

// failureOf returns why a context has ended. One that gives no reason is that of somebody who has
// gone.
func failureOf(ctx context.Context) *cause.Failure {
	var f *cause.Failure
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return &cause.Failure{Cause: cause.ClientGone}
}

// end ends what the budget is for, with all that was resolved for it alone.
func (b *budget) end(why *cause.Failure) {
	b.fetches.mu.Lock()
	defer b.fetches.mu.Unlock()
	b.fetches.end(b, why)
}

// sent tells how many packets it has paid for.
func (b *budget) sent() int { return MaxQueries - max(0, int(b.queries.Load())) }

// fullTime is the time that counts as all that a query may take: a fetch that ends with the client
// that waits for it began a little after it.
const fullTime = MaxTime - MaxTime/8
