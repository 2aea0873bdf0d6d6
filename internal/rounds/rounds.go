// Package rounds calls a function again and again while a process runs. A round looks at what is
// due and begins it: schedules are times, not timers, as the machine may sleep and the clock may be
// set.
package rounds

import (
	"context"
	"sync"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
)

// Rounds are the calls of a function, and the work that it begins.
type Rounds struct {
	guard *guard.Guard
	rest  *rest.Rest
	every time.Duration
	ctx   context.Context
	stop  context.CancelFunc
	wake  chan struct{}
	works sync.WaitGroup
}

// New returns rounds that come so often, and have not been started. The guard and the rest may be
// nil.
func New(g *guard.Guard, s *rest.Rest, every time.Duration) *Rounds {
	r := &Rounds{guard: g, rest: s, every: every, wake: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// Start begins the rounds. A round reports whether nothing becomes due by the clock alone: then no
// other one comes while the process rests, until Wake. One that panics has reported nothing.
func (r *Rounds) Start(round func() (idle bool)) {
	r.works.Go(func() {
		for more := true; more; {
			var rest *rest.Rest // never rests
			r.guard.Run(guard.Upkeep, func() {
				if round() {
					rest = r.rest
				}
			})
			more = rest.Wait(r.ctx, r.every, r.wake)
		}
	})
}

// Wake has a round begin now, or right after the one that is under way.
func (r *Rounds) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Go begins work beside the rounds. When it is over, were it by a panic, ended is called; it may be
// nil.
func (r *Rounds) Go(work, ended func()) {
	r.works.Go(func() {
		if ended != nil {
			defer ended()
		}
		r.guard.Run(guard.Upkeep, work)
	})
}

// Context returns what ends when the rounds do.
func (r *Rounds) Context() context.Context { return r.ctx }

// Close ends the rounds, and waits for the work that has begun.
func (r *Rounds) Close() {
	r.stop()
	r.works.Wait()
}
