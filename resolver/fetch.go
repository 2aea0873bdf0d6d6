// Fetches: equal questions are resolved once, for all who wait, and no question ever waits for
// itself.

package resolver

import (
	"context"
	"slices"
	"sync"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/validator"
)

// fetch is one result being resolved, for everyone who wants it: clients, and other fetches. It
// runs in the goroutine of who wanted it first, but belongs to nobody: when that one has gone it
// goes on for the others. It ends when nobody waits for it any more, unless it is a refresh.
type fetch struct {
	budget
	checks validator.Budget // of the budget
	run    resolution
	key    cache.Key
	id     uint64 // of its events
	parent *fetch // for which it was begun; nil for a client's
	began  time.Time
	// refresh reports whether it is resolved before anybody waits.
	refresh bool
	// private reports whether nobody else may wait for it.
	private bool

	// Guarded by fetches.mu:
	waiters  []*budget // of those who want it, the payer first
	first    [1]*budget
	waitsFor *fetch
	// late ends it when its time is over; nil while only one waits, who ends before.
	late   *time.Timer
	done   chan struct{} // closed when result and fail are set; nil while nobody waits elsewhere
	result *result
	fail   *cause.Failure
}

// fetches owns all that is under way, and all goroutines of the resolver.
type fetches struct {
	guard      *guard.Guard
	maxClients int
	ctx        context.Context // of what is under way for nobody in particular
	stop       context.CancelFunc
	running    sync.WaitGroup // goroutines, and clients

	mu        sync.Mutex
	all       map[cache.Key]*fetch // those that others may join; guarded by mu
	ids       uint64               // given out; guarded by mu
	refreshes int                  // guarded by mu
	closed    bool                 // guarded by mu
	clients   int                  // guarded by mu
	oldest    *client              // guarded by mu
	newest    *client              // guarded by mu
}

func newFetches(g *guard.Guard, maxClients int) *fetches {
	t := &fetches{guard: g, maxClients: maxClients, all: map[cache.Key]*fetch{}}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// joined is what somebody does who wants a result.
type joined uint8

const (
	joinLead  joined = iota // resolves it
	joinWait                // waits for who does
	joinCycle               // fails: it is wanted for this very question
	joinFull                // fails: too many wait already
	joinEnded               // fails: it is over itself
)

// join finds the fetch of a key for somebody with a budget, or begins it. parent is the fetch that
// wants it, if it is not a client.
func (t *fetches) join(k cache.Key, w *budget, parent *fetch) (*fetch, joined) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, how := t.find(k, w, parent)
	switch how {
	case joinLead:
		w.leads = f
	case joinWait:
		if len(f.waiters) >= MaxWaiters {
			return nil, joinFull
		}
		f.waiters, w.wants = append(f.waiters, w), append(w.wants, f)
		if f.done == nil {
			f.done = make(chan struct{})
		}
		if f.late == nil { // who waited alone may end later than it should
			f.late = time.AfterFunc(MaxTime-time.Since(f.began), f.timeout)
		}
	}
	if f != nil && parent != nil {
		parent.waitsFor = f
	}
	return f, how
}

// ahead begins a fetch that parent will want, and runs it beside; nothing happens if somebody else
// resolves it, or wants it for this very question.
func (t *fetches) ahead(k cache.Key, w *budget, parent *fetch, lead func(*fetch)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[k] != nil {
		return
	}
	if f, how := t.find(k, w, parent); how == joinLead {
		t.spawn(guard.Fetch, func() { lead(f) })
	}
}

// background begins a fetch that nobody waits for, and runs it; nothing happens if somebody
// resolves it already, or if there are many.
func (t *fetches) background(k cache.Key, lead func(*fetch)) (full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[k] != nil || t.closed {
		return false
	}
	if t.refreshes >= MaxRefreshes {
		return true
	}
	t.refreshes++
	f := t.open(k, nil, nil)
	f.refresh, f.late = true, time.AfterFunc(MaxTime, f.timeout)
	t.spawn(guard.Fetch, func() { lead(f) })
	return false
}

// find returns the fetch that is to be waited for, or one that is begun. mu is held.
func (t *fetches) find(k cache.Key, w *budget, parent *fetch) (*fetch, joined) {
	for p := parent; p != nil; p = p.parent {
		if p.key == k {
			return nil, joinCycle
		}
	}
	if w.ended {
		return nil, joinEnded
	}
	f := t.all[k]
	if f == nil {
		return t.open(k, w, parent), joinLead
	}
	for x := f; x != nil; x = x.waitsFor {
		for p := parent; p != nil; p = p.parent {
			if p == x { // to wait would be to wait for itself
				f = t.open(k, w, parent)
				f.private = true
				return f, joinLead
			}
		}
	}
	return f, joinWait
}

// open makes a fetch. mu is held.
func (t *fetches) open(k cache.Key, w *budget, parent *fetch) *fetch {
	t.ids++
	f := &fetch{key: k, id: t.ids, parent: parent, began: time.Now()}
	f.fill(t, w, &f.checks)
	f.checks.Fill(&f.budget)
	f.fetch = f
	if f.waiters = f.first[:0]; w != nil {
		f.waiters, w.wants = append(f.waiters, w), append(w.wants, f)
	}
	if t.all[k] == nil {
		t.all[k] = f
	}
	return f
}

// wait waits for a fetch that somebody else leads. again reports whether what it ended with is the
// matter of who began it, so that the result may be had after all: it was begun too deep down, or
// for a query that had spent too much.
func (t *fetches) wait(f *fetch, w *budget, parent *fetch) (l *result, fail *cause.Failure,
	again bool) {
	select {
	case <-f.done:
	case <-w.ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if parent != nil {
		parent.waitsFor = nil
	}
	switch {
	case w.ctx.Err() != nil:
		return nil, w.err(), false
	case f.fail == nil || f.fail.Cause.Kind() == cause.KindInternal:
		return f.result, f.fail, false
	}
	return nil, f.fail, f.fail.HeldAgainst() == cause.ScopeQuery ||
		f.fail.Cause == cause.DependencyLoop && f.run.depth > 0
}

// drop takes somebody from those who wait for a fetch, which ends with the last of them. mu is
// held.
func (t *fetches) drop(f *fetch, w *budget, why *cause.Failure) {
	i := slices.Index(f.waiters, w)
	if i < 0 {
		return // it has ended
	}
	f.waiters = slices.Delete(f.waiters, i, i+1)
	switch {
	case f.refresh:
	case len(f.waiters) > 0:
		f.payer.Store(f.waiters[0])
	default:
		if why == nil || why.Cause != cause.LimitTime || time.Since(f.began) < fullTime {
			f.cut.Store(true)
		}
		f.payer.Store(nil)
		t.end(&f.budget, why)
	}
}

// end ends a client's query or a fetch, and what was resolved for it alone. mu is held.
func (t *fetches) end(b *budget, why *cause.Failure) {
	if b.ended {
		return
	}
	b.ended = true
	if why == nil {
		b.cancel(nil)
	} else {
		b.cancel(why)
	}
	if f := b.fetch; f != nil && t.all[f.key] == f {
		delete(t.all, f.key)
	}
	wants := b.wants
	b.wants = nil
	for _, f := range wants {
		t.drop(f, b, why)
	}
	if c := b.query; c != nil {
		t.unlink(c)
		if b.leads.goesOn() {
			c.detached.Store(true)
			t.spawn(guard.Query, c.giveUp)
		}
	}
}

// goesOn reports whether a fetch, or what is resolved for it in its goroutine, is wanted by
// somebody. fetches.mu is held.
func (f *fetch) goesOn() bool {
	return f != nil && (!f.ended || f.leads.goesOn())
}

// timeout ends a fetch whose time is over.
func (f *fetch) timeout() { f.end(&cause.Failure{Cause: cause.LimitTime}) }

// land tells everybody what came of a fetch.
func (t *fetches) land(f *fetch, l *result, fail *cause.Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.result, f.fail = l, fail
	if f.late != nil {
		f.late.Stop()
	}
	if f.done != nil {
		close(f.done)
	}
	if f.refresh {
		t.refreshes--
	}
	waiters := f.waiters
	f.waiters = nil
	t.end(&f.budget, nil)
	for _, w := range waiters {
		w.wants = slices.DeleteFunc(w.wants, func(x *fetch) bool { return x == f })
		if fail == panicked { // whatever it was wanted for is over
			t.end(w, fail)
		}
	}
	if f.parent != nil && f.parent.waitsFor == f {
		f.parent.waitsFor = nil
	}
}

// spawn runs something in a goroutine that is waited for in the end. It is called by what is
// waited for itself, or under mu before all is closed.
func (t *fetches) spawn(p guard.Place, work func()) {
	t.running.Go(func() { t.guard.Run(p, work) })
}

// close ends everything, and waits for it.
func (t *fetches) close() {
	why := &cause.Failure{Cause: cause.Stopping}
	t.mu.Lock()
	t.closed = true
	for t.oldest != nil {
		t.end(&t.oldest.budget, why)
	}
	for _, f := range t.all {
		f.cut.Store(true)
		t.end(&f.budget, why)
	}
	t.mu.Unlock()
	t.stop()
	t.running.Wait()
}

// count returns how many fetches are under way that others may join, and how many are refreshes.
func (t *fetches) count() (all, refreshes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all), t.refreshes
}
