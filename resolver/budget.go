// Budgets: what a client query may spend with everything that it causes, and which of several
// waiting queries is charged.

package resolver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// budget is what a client query, or a fetch, may still spend. It is never reset. It may be shared
// between goroutines.
//
// Each fetch has a budget of its own, full at first. What it spends is also charged to one of its
// waiters, the payer, and so on up to a client query. So all fetches that a query causes spend no
// more together than one query may (NXNSAttack, CVE-2020-8616; KeyTrap, CVE-2023-50387). A payer
// with nothing left is ended, and the next waiter pays. Only refreshes have no client that pays,
// and MaxRefreshes limits them.
type budget struct {
	ctx        ending // ends with the query or fetch of the budget
	fetches    *fetches
	validation *validator.Budget
	queries    atomic.Int32
	heard      atomic.Int64 // when a server last replied, Unix time in ns; 0: none has
	// silence is the last time that a server was silent; nil if none was.
	silence atomic.Pointer[cause.Failure]
	// bogus is why an answer did not verify, while other servers are asked for a better one.
	bogus atomic.Pointer[cause.Failure]
	// cut reports whether a fetch could not spend its whole budget, because a payer had spent too
	// much before or no waiter was left.
	cut   atomic.Bool
	payer atomic.Pointer[budget]

	mu      sync.Mutex
	lookups map[wire.Name]int // failed ones, by the zone that was asked; guarded by mu
	failed  int               // failed look-ups in all; guarded by mu

	// Guarded by fetches.mu:
	ended bool
	wants []*fetch // the fetches that it waits for, or will wait for
	room  [2]*fetch
	leads *fetch  // the one of wants that its own goroutine resolves
	fetch *fetch  // whose budget this is; nil for a client's
	query *client // whose budget this is; nil for a fetch's
}

// Checks is what a client's query may still spend on validation, first on cached data and then on
// fetched data. The zero value is a full budget.
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

// fill makes an empty budget full, except for the validation budget, which is v.
func (b *budget) fill(t *fetches, payer *budget, v *validator.Budget) {
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
			return f // no other waiter is left
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
			return false // no other waiter is left
		}
	}
	return true
}

// mayLookUp reports whether a zone may be asked for one more name server's address. If a payer has
// spent too much before, the fetch goes on without that address.
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

// unheard notes that a server was silent.
func (b *budget) unheard(f *cause.Failure) {
	for ; b != nil; b = b.payer.Load() {
		b.silence.Store(f)
	}
}

// unverified notes why the first answer of a search did not verify.
func (b *budget) unverified(f *cause.Failure) {
	for ; b != nil; b = b.payer.Load() {
		b.bogus.Store(f)
	}
}

// settled forgets what did not verify in a search that has ended in time: either another server has
// a better answer, or the failure goes its way.
func (b *budget) settled(f *cause.Failure) {
	if f == nil || b.err() != nil {
		return
	}
	for ; b != nil; b = b.payer.Load() {
		b.bogus.CompareAndSwap(f, nil)
	}
}

// spentOn returns a failure for want of time with the silence that took it, if there was any.
func (b *budget) spentOn(f *cause.Failure) *cause.Failure {
	silence := b.silence.Load()
	if f.Cause != cause.LimitTime || f.Under != nil || silence == nil {
		return f
	}
	g := *f
	g.Under = silence
	return &g
}

// inherit takes over what a fetch that was waited for has heard of servers, if another budget has
// paid for it.
func (b *budget) inherit(of *budget) {
	b.silence.CompareAndSwap(nil, of.silence.Load())
	b.bogus.CompareAndSwap(nil, of.bogus.Load())
	if at := of.heard.Load(); at > b.heard.Load() {
		b.heard.Store(at)
	}
}

// hear notes that a server has replied.
func (b *budget) hear() {
	now := time.Now().UnixNano()
	for ; b != nil; b = b.payer.Load() {
		b.heard.Store(now)
	}
}

// heardSince reports whether a server has replied within a time.
func (b *budget) heardSince(d time.Duration) bool {
	at := b.heard.Load()
	return at != 0 && time.Now().UnixNano()-at < int64(d)
}

// err returns why the budget has ended, or nil: its time is over, or it was ended for another
// reason.
func (b *budget) err() *cause.Failure {
	if b.ctx.Err() == nil {
		return nil
	}
	return failureOf(&b.ctx)
}

// failureOf returns the failure that a context has ended with, or ClientGone if it has none.
func failureOf(ctx context.Context) *cause.Failure {
	var f *cause.Failure
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return &cause.Failure{Cause: cause.ClientGone}
}

// end ends the query or fetch of the budget, and the fetches that nothing else waits for.
func (b *budget) end(why *cause.Failure) {
	b.fetches.mu.Lock()
	defer b.fetches.mu.Unlock()
	b.fetches.end(b, why)
}

// sent returns how many packets the budget has paid for.
func (b *budget) sent() int { return MaxQueries - max(0, int(b.queries.Load())) }

// fullTime is the age from which a fetch counts as having had the whole time of a query. It is
// below MaxTime because a fetch begins a little after the client query that it ends with.
const fullTime = MaxTime - MaxTime/8
