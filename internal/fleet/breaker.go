// When a store that fails is not asked.

package fleet

import (
	"sync"
	"time"
)

// Breaker lets questions to the store through, and none for a while after several have failed in a
// row. When the while is over one is tried: if it fails the next while is twice as long.
type Breaker struct {
	mu       sync.Mutex
	failures int // in a row
	pause    time.Duration
	until    time.Time // nothing is asked before; zero: the store works
	trying   bool      // one question finds out whether the store works again
}

// Allow reports whether the store may be asked. If so, it has to hear how that went.
func (b *Breaker) Allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return true
	case b.trying || now.Before(b.until):
		return false
	}
	b.trying = true
	return true
}

// Done learns how a question went that might take a time. It returns Missed if the store has
// replied, and otherwise what came of it.
func (b *Breaker) Done(err error, most time.Duration, now time.Time) Outcome {
	switch {
	case err == ErrSlow && most < askTime:
		b.leave() // it had less time than it may take
		return Late
	case err == errBusy: // so many wait only for a store that is slow
		b.done(false, now)
		return Busy
	}
	if b.done(err == nil, now); err != nil {
		return Failed
	}
	return Missed
}

// done learns how a question went.
func (b *Breaker) done(ok bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.failures, b.pause, b.until, b.trying = 0, 0, time.Time{}, false
		return
	}
	b.failures++
	switch {
	case b.trying, b.until.IsZero() && b.failures >= maxFailures:
		b.pause = min(max(2*b.pause, breakFirst), breakMost)
		b.until, b.trying = now.Add(b.pause), false
	}
}

// resting returns for how long the store is not asked, 0 if it is.
func (b *Breaker) resting(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return 0
	}
	return max(b.until.Sub(now), 1)
}

// leave tells that a question has found out nothing of the store.
func (b *Breaker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
