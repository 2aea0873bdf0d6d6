// Fetches: equal questions are resolved once for all waiters, and no question ever waits for
// itself.

package resolver

import (
	"context"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
	"bailiwick/internal/workers"
	"bailiwick/validator"
)

// fetch resolves one result for all its waiters: clients and other fetches. It runs in the
// goroutine of the first waiter, but goes on for the others when that one has left. It ends when no
// waiter is left, unless it is a refresh.
type fetch struct {
	budget
	checks validator.Budget // the budget's validation
	run    resolution
	key    fetchKey
	id     uint64 // its number in events
	parent *fetch // the fetch that began it; nil if a client did
	began  time.Time
	// refresh reports whether it was begun to fill the cache, without a waiter.
	refresh bool
	// private reports whether no other waiter may join it.
	private bool
	// lingers reports whether it goes on for a client that may ask again; guarded by fetches.mu.
	lingers bool

	// Guarded by fetches.mu:
	waiters  []*budget // the payer first
	first    [1]*budget
	waitsFor *fetch
	// late ends the fetch when its time is over; nil while it has one waiter, which ends before.
	late   *time.Timer
	done   chan struct{} // closed when result and fail are set; nil while no other goroutine waits
	result *result
	fail   *cause.Failure
}

// fetchKey is what a fetch is for: a question and, where the answer may depend on it, the client's
// network; zero: the question is put without one, for all clients.
type fetchKey struct {
	cache.Key
	network netip.Prefix
}

// checked returns the key of the data that are validated, for those that need not be.
func (k fetchKey) checked() fetchKey {
	k.Unchecked = false
	return k
}

// fetches owns all fetches and client queries that are running, and all goroutines of the resolver.
type fetches struct {
	guard      *guard.Guard
	ledger     *ledger.Ledger
	maxClients int
	ctx        context.Context // of probes, which belong to no query
	stop       context.CancelFunc
	clients    sync.WaitGroup // their queries
	goroutines *workers.Pool
	landed     landings
	flights    atomic.Int32 // queries of clients; changed under mu

	mu        sync.Mutex
	all       map[fetchKey]*fetch  // those that others may join; guarded by mu
	subnets   map[cache.Key]int    // how many of them are for a network; guarded by mu
	ids       uint64               // how many were given out; guarded by mu
	refreshes int                  // guarded by mu
	lingering int                  // guarded by mu
	closed    bool                 // guarded by mu
	networks  map[netip.Prefix]int // how many of them each client network has; guarded by mu
	oldest    *client              // guarded by mu
	newest    *client              // guarded by mu
	late      *time.Timer          // of the oldest; nil if there was none; guarded by mu
}

func newFetches(g *guard.Guard, l *ledger.Ledger, maxClients int) *fetches {
	t := &fetches{guard: g, ledger: l, maxClients: maxClients, all: map[fetchKey]*fetch{},
		subnets:    map[cache.Key]int{},
		networks:   map[netip.Prefix]int{},
		goroutines: workers.New(maxIdleGoroutines)}
	t.landed.seed = maphash.MakeSeed()
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// landings counts the fetches that have ended, by a hash of their keys: few of them share a count.
type landings struct {
	seed   maphash.Seed
	counts [256]atomic.Uint32
}

// of returns the count of a key.
func (l *landings) of(k fetchKey) *atomic.Uint32 {
	return &l.counts[maphash.Comparable(l.seed, k)%uint64(len(l.counts))]
}

// joined is the outcome of join: what its caller has to do.
type joined uint8

const (
	joinLead    joined = iota // resolve the fetch
	joinWait                  // wait for the fetch
	joinCycle                 // fail: the question depends on itself
	joinFull                  // fail: too many wait already
	joinEnded                 // fail: the caller's own budget has ended
	joinSubnets               // too many networks: put the question without one
)

// join finds or begins the fetch of a key for a waiter with the budget w. parent is the fetch that
// needs it, nil for a client.
func (t *fetches) join(k fetchKey, w *budget, parent *fetch) (*fetch, joined) {
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
		if f.lingers {
			t.adopt(f, w)
		}
		if f.done == nil {
			f.done = make(chan struct{})
		}
		if f.late == nil { // its only waiter so far may end later than it should
			f.late = time.AfterFunc(MaxTime-time.Since(f.began), f.timeout)
		}
	}
	if f != nil && parent != nil {
		parent.waitsFor = f
	}
	return f, how
}

// ahead begins a fetch that parent will need, in a goroutine of its own. It does nothing if the key
// is being resolved already, or if the fetch would depend on itself.
func (t *fetches) ahead(k fetchKey, w *budget, parent *fetch, lead func(*fetch)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[k] != nil {
		return
	}
	if f, how := t.find(k, w, parent); how == joinLead {
		t.spawn(guard.Fetch, func() { lead(f) })
	}
}

// background begins a refresh, in a goroutine of its own. It does nothing if the key is being
// resolved already, or if its question is for enough other networks. full reports whether there are
// too many refreshes.
func (t *fetches) background(k fetchKey, lead func(*fetch)) (full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[k] != nil || t.closed {
		return false
	}
	if t.crowded(k) {
		limit.SubnetFetches.Met()
		return false
	}
	if t.refreshes >= MaxRefreshes || !t.ledger.Try(ledger.Upstream, refreshBytes) {
		return true
	}
	t.refreshes++
	f := t.open(k, nil, nil)
	f.refresh, f.late = true, time.AfterFunc(MaxTime, f.timeout)
	t.spawn(guard.Fetch, func() { lead(f) })
	return false
}

// alone begins work that belongs to no query, and takes the memory of a refresh. It reports whether
// it did: not at the end of the resolver, or while memory is short.
func (t *fetches) alone(p guard.Place, work func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || !t.ledger.Try(ledger.Upstream, refreshBytes) {
		return false
	}
	t.spawn(p, func() {
		defer t.ledger.Add(ledger.Upstream, -refreshBytes)
		work()
	})
	return true
}

// since returns when the fetch of a key began, false if there is none.
func (t *fetches) since(k fetchKey) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.all[k]; f != nil {
		return f.began, true
	}
	return time.Time{}, false
}

// find returns a running fetch to wait for, or begins one. mu is held.
func (t *fetches) find(k fetchKey, w *budget, parent *fetch) (*fetch, joined) {
	for p := parent; p != nil; p = p.parent {
		if p.key == k {
			return nil, joinCycle
		}
	}
	if w.ended {
		return nil, joinEnded
	}
	if t.crowded(k) {
		return nil, joinSubnets
	}
	f := t.all[k]
	if f == nil {
		return t.open(k, w, parent), joinLead
	}
	for x := f; x != nil; x = x.waitsFor {
		for p := parent; p != nil; p = p.parent {
			if p == x { // to wait would be a deadlock
				f = t.open(k, w, parent)
				f.private = true
				return f, joinLead
			}
		}
	}
	return f, joinWait
}

// crowded reports whether a further network may not have a fetch of a question: there are enough of
// others. mu is held.
func (t *fetches) crowded(k fetchKey) bool {
	return k.network.IsValid() && t.all[k] == nil && t.subnets[k.Key] >= MaxSubnetFetches
}

// open makes a fetch. mu is held.
func (t *fetches) open(k fetchKey, w *budget, parent *fetch) *fetch {
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
	if k.network.IsValid() {
		t.subnets[k.Key]++
	}
	return f
}

// wait waits for a fetch that another goroutine leads. again reports whether the caller should try
// again, because the failure is due to how the fetch was begun: too deep down, or by a query that
// had spent too much.
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
		if silence := f.silence.Load(); silence != nil {
			w.silence.Store(silence)
		}
		return nil, w.err(), false
	case f.fail == nil || f.fail.Cause.Kind() == cause.KindInternal:
		return f.result, f.fail, false
	}
	if f.fail.Cause == cause.LimitZone || f.fail.Cause == cause.LimitServer {
		// All have the same quota, except that what resolutions depend on has a part of its own.
		return nil, f.fail, parent != nil && f.run.depth == 0
	}
	return nil, f.fail, f.fail.HeldAgainst() == cause.ScopeQuery ||
		f.fail.Cause == cause.DependencyLoop && f.run.depth > 0
}

// linger has a fetch go on for a while without waiters, and reports whether it does: its last
// client had no more time, but servers reply, though slowly. The client asks again most likely, and
// then no question is asked twice. mu is held.
func (t *fetches) linger(f *fetch, why *cause.Failure) bool {
	if f.parent != nil || f.lingers || t.all[f.key] != f || why == nil ||
		why.Cause != cause.LimitTime || !f.heardSince(lingerTime) || t.lingering >= maxLingering ||
		!t.ledger.Try(ledger.Upstream, refreshBytes) {
		return false
	}
	t.lingering++
	f.lingers = true
	f.payer.Store(nil)
	if f.late != nil {
		f.late.Stop()
	}
	f.late = time.AfterFunc(lingerTime, f.timeout)
	return true
}

// adopt gives a fetch that lingers to a waiter, which pays for it from now on. mu is held.
func (t *fetches) adopt(f *fetch, w *budget) {
	t.unlinger(f)
	f.payer.Store(w)
	f.late.Stop()
	f.late = time.AfterFunc(MaxTime, f.timeout)
}

// unlinger ends the lingering of a fetch. mu is held.
func (t *fetches) unlinger(f *fetch) {
	if f.lingers {
		f.lingers = false
		t.lingering--
		t.ledger.Add(ledger.Upstream, -refreshBytes)
	}
}

// drop removes a waiter from a fetch. The fetch ends with its last waiter, at once or after
// lingering. mu is held.
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
	case t.linger(f, why):
	default:
		if why == nil || why.Cause != cause.LimitTime || time.Since(f.began) < fullTime {
			f.cut.Store(true)
		}
		f.payer.Store(nil)
		t.end(&f.budget, why)
	}
}

// end ends a client's query or a fetch, and the fetches that nothing else waits for. mu is held.
func (t *fetches) end(b *budget, why *cause.Failure) {
	if b.ended {
		return
	}
	b.ended = true
	for _, f := range b.wants {
		b.inherit(&f.budget)
	}
	b.ctx.end(why)
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
			c.passing.Add(1)
			t.spawn(guard.Query, c.giveUp)
		}
	}
}

// goesOn reports whether a fetch, or one that its goroutine resolves for it, still has waiters.
// fetches.mu is held.
func (f *fetch) goesOn() bool {
	return f != nil && (!f.ended || f.leads.goesOn())
}

// timeout ends a fetch whose time is over.
func (f *fetch) timeout() { f.end(&cause.Failure{Cause: cause.LimitTime}) }

// land gives the result of a fetch to all waiters.
func (t *fetches) land(f *fetch, l *result, fail *cause.Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.result, f.fail = l, fail
	t.unlinger(f)
	if k := f.key.Key; f.key.network.IsValid() {
		if t.subnets[k]--; t.subnets[k] == 0 {
			delete(t.subnets, k)
		}
	}
	t.landed.of(f.key).Add(1)
	if f.late != nil {
		f.late.Stop()
	}
	if f.done != nil {
		close(f.done)
	}
	if f.refresh {
		t.refreshes--
		t.ledger.Add(ledger.Upstream, -refreshBytes)
	}
	waiters := f.waiters
	f.waiters = nil
	t.end(&f.budget, nil)
	for _, w := range waiters {
		if fail != nil {
			w.inherit(&f.budget)
		}
		w.wants = slices.DeleteFunc(w.wants, func(x *fetch) bool { return x == f })
		if fail == panicked { // the waiter ends with it
			t.end(w, fail)
		}
	}
	if f.parent != nil && f.parent.waitsFor == f {
		f.parent.waitsFor = nil
	}
}

// spawn runs work in a goroutine that close waits for. Its caller is such a goroutine itself, or
// resolves a client's query, or holds mu before closed is set.
func (t *fetches) spawn(p guard.Place, work func()) {
	t.goroutines.Run(func() { t.guard.Run(p, work) })
}

// close ends all queries and fetches, and waits for all goroutines.
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
	if t.late != nil {
		t.late.Stop()
	}
	t.mu.Unlock()
	t.stop()
	t.clients.Wait()
	t.goroutines.Close()
}

// count returns how many fetches are under way that others may join, and how many are refreshes.
func (t *fetches) count() (all, refreshes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all), t.refreshes
}
