// Package rounds calls a function again and again while a process runs. A round looks at what is
// due and begins it: schedules are times, not timers, as the machine may sleep and the clock may be
// set.
package rounds

import (
	"context"
	"sync"
	"time"

	"bailiwick/internal/guard"
)

// Rounds are the calls of a function, and the work that it begins.
type Rounds struct {
	guard *guard.Guard
	every time.Duration
	ctx   context.Context
	stop  context.CancelFunc
	wake  chan struct{}
	works sync.WaitGroup
}

// New returns rounds that come so often, and have not been started. The guard may be nil.
func New(g *guard.Guard, every time.Duration) *Rounds {
	r := &Rounds{guard: g, every: every, wake: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// Start begins the rounds.
func (r *Rounds) Start(round func()) {
	r.works.Go(func() {
		tick := time.NewTicker(r.every)
		defer tick.Stop()
		for {
			r.guard.Run(guard.Upkeep, round)
			select {
			case <-r.ctx.Done():
				return
			case <-tick.C:
			case <-r.wake:
			}
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
