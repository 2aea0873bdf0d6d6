// How a budget's end reaches those that wait.

package resolver

import (
	"context"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
)

// ending is the context of a budget, and a part of it. It implements [transport.Watched], so that a
// question upstream waits for its reply and for the budget's end without allocating; a context of
// the standard library takes five objects for each of the two.
type ending struct {
	mu      sync.Mutex
	over    *ended             // nil: not yet; guarded by mu
	done    chan struct{}      // nil: nobody has asked for it; guarded by mu
	waiters []transport.Waiter // guarded by mu
	room    [1]transport.Waiter
}

var _ transport.Watched = (*ending)(nil)

// ended is the error of a context that has ended.
type ended struct {
	why *cause.Failure // nil: there was nothing more to do
}

func (e *ended) Error() string {
	if e.why == nil {
		return context.Canceled.Error()
	}
	return e.why.Error()
}

// Is reports whether target is what callers of other packages know.
func (e *ended) Is(target error) bool { return target == context.Canceled }

// Unwrap returns why it has ended.
func (e *ended) Unwrap() error {
	if e.why == nil {
		return nil
	}
	return e.why
}

// withoutReason is the error of contexts that have ended for no particular reason.
var withoutReason = new(ended)

// closed is the channel of contexts that have ended before anyone asked for one.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// end ends the context, unless it has ended, and all that wait.
func (e *ending) end(why *cause.Failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over != nil {
		return
	}
	if e.over = withoutReason; why != nil {
		e.over = &ended{why}
	}
	if e.done != nil {
		close(e.done)
	}
	for _, w := range e.waiters {
		w.Interrupt()
	}
	e.waiters, e.room = nil, [1]transport.Waiter{}
}

// Watch implements transport.Watched.
func (e *ending) Watch(w transport.Waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over != nil {
		w.Interrupt()
		return
	}
	if e.waiters == nil {
		e.waiters = e.room[:0]
	}
	e.waiters = append(e.waiters, w)
}

// Unwatch implements transport.Watched.
func (e *ending) Unwatch(w transport.Waiter) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.Index(e.waiters, w)
	if i >= 0 {
		e.waiters = slices.Delete(e.waiters, i, i+1)
	}
	return i >= 0
}

// AfterFunc has [context.AfterFunc], and the contexts made of this one, need no goroutine.
func (e *ending) AfterFunc(f func()) (stop func() bool) {
	w := &afterFunc{f}
	e.Watch(w)
	return func() bool { return e.Unwatch(w) }
}

// afterFunc is a function that waits for an end, and is called in a goroutine of its own.
type afterFunc struct{ f func() }

// Interrupt implements transport.Waiter.
func (a *afterFunc) Interrupt() { go a.f() }

// Done implements context.Context.
func (e *ending) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.done != nil:
	case e.over != nil:
		e.done = closed
	default:
		e.done = make(chan struct{})
	}
	return e.done
}

// Err implements context.Context. The error is [context.Canceled] and the failure that the budget
// has ended with, if there is one.
func (e *ending) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over == nil {
		return nil
	}
	return e.over
}

// Deadline implements context.Context.
func (e *ending) Deadline() (at time.Time, ok bool) { return at, false }

// Value implements context.Context.
func (e *ending) Value(any) any { return nil }
