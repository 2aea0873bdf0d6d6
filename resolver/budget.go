// The budget that a client query shares with everything it causes.

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

// Budget is what a client query and all its children may still spend. It is never reset. It may be shared between goroutines.
type Budget struct {
	ctx        context.Context // ends with the time
	fresh      time.Time       // until then the time counts as unspent
	validation *validator.Budget
	queries    atomic.Int32
	end        context.CancelCauseFunc // ends all that spends of it, with a *cause.Failure
	heard      atomic.Bool             // a server replied

	mu      sync.Mutex
	lookups map[wire.Name]int // that failed, by the zone that was asked; guarded by mu
	failed  int               // of them; guarded by mu
}

// newBudget returns a full budget and the function that ends it.
func newBudget(ctx context.Context, limit time.Duration) (*Budget, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &Budget{ctx: ctx, validation: validator.NewBudget(), end: cancel,
		fresh: time.Now().Add(limit / freshPart)}
	b.queries.Store(MaxQueries)
	late := time.AfterFunc(limit, func() { cancel(&cause.Failure{Cause: cause.LimitTime}) })
	return b, func(why error) {
		late.Stop()
		cancel(why)
	}
}

// freshPart is the part of the time, one in so many, that may pass while a budget still counts as
// full.
const freshPart = 8

// full reports whether nothing has been spent yet: a limit that is met from here on is the matter
// of the question that begins here, and of nothing that was asked before it.
func (b *Budget) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queries.Load() == MaxQueries && b.failed == 0 && b.validation.Full() &&
		time.Now().Before(b.fresh)
}

// query pays for one packet upstream.
func (b *Budget) query() *cause.Failure {
	if err := b.err(); err != nil {
		return err
	}
	if b.queries.Add(-1) < 0 {
		return &cause.Failure{Cause: cause.LimitQueries}
	}
	return nil
}

// mayLookUp reports whether a zone may be asked for one more name server's address.
func (b *Budget) mayLookUp(zone wire.Name) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed < MaxFailedLookups && b.lookups[zone] < MaxFailedLookupsPerZone
}

// lookupFailed counts a name server's name that a zone gave no address for.
func (b *Budget) lookupFailed(zone wire.Name) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lookups == nil {
		b.lookups = map[wire.Name]int{}
	}
	b.lookups[zone]++
	b.failed++
}

// err says whether time is up, or the resolution was told to give way.
func (b *Budget) err() *cause.Failure {
	if b.ctx.Err() == nil {
		return nil
	}
	var f *cause.Failure
	if errors.As(context.Cause(b.ctx), &f) {
		return f
	}
	return &cause.Failure{Cause: cause.Overload, Detail: "given up"} // whoever asked is gone, or we are about to be
}

// sent tells how many packets the query has cost.
func (b *Budget) sent() int { return MaxQueries - max(0, int(b.queries.Load())) }
