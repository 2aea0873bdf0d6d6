// Package fleet is a second-level cache that several resolvers share: a store, Valkey or Redis,
// which none of them trusts. docs/fleet.md has what an operator sees of it, and decision 7 why it
// is as it is.
//
//   - Nobody waits for the store but a resolution that would ask servers otherwise, and that for no
//     longer than waitTime. Answers from memory know nothing of it.
//   - A record counts as the reply of a server would. The fleet's signature takes the place of what
//     authenticates a packet: it proves that a node has had this reply for this name, in this view,
//     until then. What is secure is found out by who reads it, with the validator.
//   - A store that is slow, full, dead or hostile costs its records and nothing else.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/counter"
	"bailiwick/internal/guard"
	"bailiwick/internal/trouble"
	"bailiwick/wire"
)

// Parts are the dependencies of a fleet.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard // it may be nil
	// Writes counts the records that are written.
	Writes *counter.Outcomes
	// Open returns the store of settings; nil: a Valkey.
	Open func(Settings) Store
}

// Fleet is this node's part in a fleet. Without a store it does nothing, and costs a comparison. It
// lives as long as the process, whichever store it has.
type Fleet struct {
	parts  Parts
	counts Counts
	member atomic.Pointer[member] // nil: there is no store

	using   sync.Mutex // held while another store takes the place of the one in use
	flushes flushes
}

// New returns a fleet without a store.
func New(p Parts) *Fleet {
	if p.Open == nil {
		p.Open = OpenStore
	}
	return &Fleet{parts: p}
}

// Use has a store take the place of the one in use, if it is another one.
func (f *Fleet) Use(s Settings) {
	f.using.Lock()
	defer f.using.Unlock()
	old := f.member.Load()
	switch {
	case old == nil && s.Store == "", old != nil && old.settings.equal(&s):
		return
	case s.Store == "":
		f.member.Store(nil)
	default:
		f.member.Store(newMember(f, s, f.parts.Open(s)))
	}
	if old != nil {
		old.close()
	}
}

// Renew has new connections to the store take the place of those in use: they are by what the files
// of certificates hold now.
func (f *Fleet) Renew() {
	f.using.Lock()
	defer f.using.Unlock()
	if old := f.member.Load(); old != nil {
		f.member.Store(newMember(f, old.settings, f.parts.Open(old.settings)))
		old.close()
	}
}

// Close ends what is under way, and waits for it.
func (f *Fleet) Close() { f.Use(Settings{}) }

// Ask looks for the first entry that there is of keys, the first of which is the question itself.
// If there is none, the caller resolves the question. If ours, others wait until it has called
// [Fleet.Offer] or [Fleet.Release]. A refresh is left to the others if another node is at it:
// nobody waits for one, and what is about to end does not answer it.
func (f *Fleet) Ask(ctx context.Context, view *View, keys []cache.Key, refresh bool) (
	e *cache.Shared, ours, others bool) {
	m := f.member.Load()
	if m == nil {
		return nil, false, false
	}
	e, outcome := m.ask(ctx, view, keys, refresh)
	f.counts.add(outcome)
	return e, outcome == Missed, outcome == Left
}

// Offer has an entry written, which this node has resolved.
func (f *Fleet) Offer(view *View, e *cache.Shared) {
	if m := f.member.Load(); m != nil {
		m.offer(view, e)
	}
}

// Release tells nodes that wait for this one that it has nothing to share of a question.
func (f *Fleet) Release(view *View, k cache.Key) {
	if m := f.member.Load(); m != nil {
		m.write(Entry{Key: claimKey(keyOf(view, k), 1)})
	}
}

// Refused counts an entry that did not validate.
func (f *Fleet) Refused() { f.counts.add(Bogus) }

// Forget has no entry be used of a name, or of all at and below it, that was stored before.
func (f *Fleet) Forget(name wire.Name, subtree bool) {
	if f.member.Load() != nil {
		f.flushes.add(name, subtree, clock.Wall(f.parts.Clock).Unix())
	}
}

// Active reports whether there is a store.
func (f *Fleet) Active() bool { return f.member.Load() != nil }

// Counts returns the counters of all outcomes.
func (f *Fleet) Counts() *Counts { return &f.counts }

// Status is how it is with a fleet.
type Status struct {
	Store    string        // its address; "": there is none
	Resting  time.Duration // for how long it is not asked, 0 if it is
	Problem  string        // why it fails, "" if it does not
	Full     string        // why it takes nothing, "" if it does
	Foreign  string        // why records in it are not used, "" if all are
	Queued   int           // records that wait to be written
	Accepted int           // secrets
}

// Status returns how it is.
func (f *Fleet) Status() (s Status) {
	if m := f.member.Load(); m != nil {
		s.Store, s.Resting = m.settings.Store, m.breaker.resting(time.Now())
		s.Problem, s.Full, s.Foreign = m.state.Problem(), m.full.Problem(), m.records.Problem()
		s.Queued, s.Accepted = len(m.queue), len(m.settings.Secrets)
	}
	return s
}

// member is a node with a store.
type member struct {
	fleet    *Fleet
	settings Settings
	store    Store
	breaker  Breaker
	asks     chan struct{} // one for each question under way
	queue    chan Entry
	octets   atomic.Int64 // of the queue
	ctx      context.Context
	stop     context.CancelFunc
	works    sync.WaitGroup

	mu     sync.Mutex
	closed bool // no work begins any more; guarded by mu

	state, full, records *trouble.State
}

func newMember(f *Fleet, s Settings, store Store) *member {
	m := &member{fleet: f, settings: s, store: store, asks: make(chan struct{}, maxAsks),
		queue: make(chan Entry, maxQueued)}
	m.ctx, m.stop = context.WithCancel(context.Background())
	log := func(begun, over string) *trouble.State {
		return trouble.New(f.parts.Log, begun, over, "store", s.Store)
	}
	m.state = log("the fleet's store fails; names are resolved without it",
		"the fleet's store works again")
	m.full = log("the fleet's store takes nothing; what it has is used",
		"the fleet's store takes records again")
	m.records = log("the fleet's store has records that are not used",
		"the records of the fleet's store are in order again")
	m.works.Go(func() { f.parts.Guard.Run(guard.Upkeep, m.run) })
	return m
}

// close ends the member. What waits to be written is lost: other nodes resolve it.
func (m *member) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.stop()
	m.store.Close()
	m.works.Wait()
}

// spawn begins work that close waits for, and reports whether it did.
func (m *member) spawn(work func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.works.Go(func() { m.fleet.parts.Guard.Run(guard.Fetch, work) })
	return true
}

// ErrSlow is the error of a store that has not replied in time.
var ErrSlow = fmt.Errorf("no reply within %v", askTime)

var errBusy = errors.New("too many questions to the store are under way")

// call asks the store, and does not wait for its reply for longer than it may take, whatever the
// store and the connection to it do meanwhile.
func call[T any](ctx context.Context, m *member, most time.Duration,
	do func(context.Context) (T, error)) (got T, err error) {
	select {
	case m.asks <- struct{}{}:
	default:
		return got, errBusy
	}
	type reply struct {
		got T
		err error
	}
	replies := make(chan reply, 1)
	if !m.spawn(func() {
		defer func() { <-m.asks }()
		ctx, cancel := context.WithTimeout(m.ctx, most)
		defer cancel()
		got, err := do(ctx)
		replies <- reply{got, err}
	}) {
		<-m.asks
		return got, context.Canceled
	}
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case r := <-replies:
		if errors.Is(r.err, context.DeadlineExceeded) {
			r.err = ErrSlow
		}
		return r.got, r.err
	case <-late.C:
		return got, ErrSlow
	case <-ctx.Done():
		return got, ctx.Err()
	}
}

// offer has an entry written.
func (m *member) offer(view *View, e *cache.Shared) {
	stored, expires := e.Times()
	life := time.Duration(expires-stored) * time.Second
	if life < minLife {
		return
	}
	sealed := m.settings.Secrets[0].seal(view, e)
	if len(sealed) > maxRecord {
		m.fleet.parts.Writes.Dropped.Add(1)
		return
	}
	m.write(Entry{keyOf(view, e.Key), sealed, life})
}

// write has a key of the store written, soon. It never waits.
func (m *member) write(e Entry) {
	size := int64(len(e.Key) + len(e.Value))
	if m.octets.Add(size) <= maxQueuedBytes {
		select {
		case m.queue <- e:
			return
		default:
		}
	}
	m.octets.Add(-size)
	m.fleet.parts.Writes.Dropped.Add(1)
}

// run writes until close.
func (m *member) run() {
	for {
		select {
		case e := <-m.queue:
			m.put(m.gather(e))
		case <-m.ctx.Done():
			return
		}
	}
}

// gather returns an entry and those that wait.
func (m *member) gather(e Entry) []Entry {
	batch := append(make([]Entry, 0, maxBatch), e)
	for len(batch) < maxBatch {
		select {
		case e = <-m.queue:
			batch = append(batch, e)
			continue
		default:
		}
		break
	}
	for _, e := range batch {
		m.octets.Add(-int64(len(e.Key) + len(e.Value)))
	}
	return batch
}

// put writes entries, unless the store is not asked for a while.
func (m *member) put(batch []Entry) {
	n := uint64(len(batch))
	if !m.breaker.Allow(time.Now()) {
		m.fleet.parts.Writes.Dropped.Add(n)
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, writeTime)
	defer cancel()
	err := m.store.Put(ctx, batch)
	if m.ctx.Err() != nil {
		return
	}
	m.note(err)
	if err != nil {
		m.fleet.parts.Writes.Lost.Add(n)
		return
	}
	m.full.Note(nil)
	m.fleet.parts.Writes.Written.Add(n)
}

// note learns how it went with the store. One that takes nothing works otherwise.
func (m *member) note(err error) {
	if errors.Is(err, ErrUnwritten) {
		m.full.Note(err)
		err = nil
	}
	m.breaker.done(err == nil, time.Now())
	m.state.Note(err)
}
