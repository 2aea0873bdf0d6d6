// Package rest has work that comes again and again stop while nobody asks anything. What is due by
// the clock meanwhile is done when somebody asks again, so that an idle process does not wake a
// machine that saves power.
package rest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Rest is whether a process rests. A nil Rest never does.
type Rest struct {
	after  atomic.Int64 // nanoseconds without a Stir before it rests; 0: it never does
	last   atomic.Int64 // when it was stirred last, in nanoseconds since began
	paused atomic.Int32 // how many wait for a Stir
	began  time.Time

	mu      sync.Mutex
	stirred chan struct{} // closed by the next Stir; guarded by mu
}

// New returns one that rests when nobody has stirred it for so long; 0: never.
func New(after time.Duration) *Rest {
	r := &Rest{began: time.Now(), stirred: make(chan struct{})}
	r.Allow(after)
	return r
}

// Allow changes after how long the process rests; 0: never. It stirs.
func (r *Rest) Allow(after time.Duration) {
	r.after.Store(int64(after))
	r.Stir()
}

// Stir takes note that somebody asks: what has stopped goes on. It costs a read of the clock.
func (r *Rest) Stir() {
	if r == nil {
		return
	}
	r.last.Store(int64(time.Since(r.began)))
	if r.paused.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.stirred)
	r.stirred = make(chan struct{})
}

// resting reports whether nobody has asked for so long.
func (r *Rest) resting() bool {
	after := r.after.Load()
	return after > 0 && int64(time.Since(r.began))-r.last.Load() >= after
}

// Wait waits for d and then, if the process rests, until it is stirred; or until wake receives,
// which may be nil. It reports whether the caller is to go on: not when ctx has ended. While the
// process rests no timer runs.
func (r *Rest) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
		return ctx.Err() == nil
	case <-timer.C:
	}
	if r == nil || !r.resting() {
		return ctx.Err() == nil
	}
	r.mu.Lock()
	stirred := r.stirred
	r.paused.Add(1)
	r.mu.Unlock()
	defer r.paused.Add(-1)
	// Whoever has stirred since has seen that somebody waits, or is seen here.
	if !r.resting() {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-stirred:
	}
	return ctx.Err() == nil
}
