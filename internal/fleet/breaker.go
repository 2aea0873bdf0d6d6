// When a store that fails is not asked.

package fleet

import (
	"sync"
	"time"
)

// breaker lets questions to the store through, and none for a while after several have failed in a
// row. When the while is over one is tried: if it fails the next while is twice as long.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
	pause    time.Duration
	until    time.Time // nothing is asked before; zero: the store works
	trying   bool      // one question finds out whether the store works again
}

// allow reports whether the store may be asked. If so, done has to be called.
func (b *breaker) allow(now time.Time) bool {
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

// done learns how a question went.
func (b *breaker) done(ok bool, now time.Time) {
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
func (b *breaker) resting(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return 0
	}
	return max(b.until.Sub(now), 1)
}

// leave tells that a question has found out nothing of the store.
func (b *breaker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
