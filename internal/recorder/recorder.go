// Package recorder keeps the course of resolutions that failed, with all of their events, so that
// an operator can see afterwards what happened. Each resolution is recorded while it goes on, in
// memory that is used again; what ends well is dropped. Answers from the cache are not recorded.
package recorder

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// Config is what the operator decides about recordings.
type Config struct {
	Keep int // how many are kept; 0: nothing is recorded
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Keep: 100} }

// Recording is the course of one resolution.
type Recording struct {
	Number   uint64 // rises with each
	Time     time.Time
	Took     time.Duration
	Question wire.Question
	Client   netip.Addr
	Failure  *cause.Failure // nil: it is recorded because its name is watched
	Again    int            // how often the question failed before, since it was first recorded
	Trace    *event.Trace
}

// Recorder keeps the last recordings, of each question the last one.
type Recorder struct {
	keep    atomic.Int64
	watched atomic.Pointer[[]wire.Name] // names at and below which all is recorded; nil: none
	pool    sync.Pool                   // of *tape

	mu     sync.Mutex
	number uint64                       // guarded by mu, as is all below
	kept   map[wire.Question]*Recording // one for each question
}

// New returns a recorder.
func New(c Config) *Recorder {
	r := &Recorder{kept: map[wire.Question]*Recording{}}
	r.pool.New = func() any { return &tape{events: make([]event.Event, 0, maxEvents/4)} }
	r.Configure(c)
	return r
}

// Configure changes the configuration. Recordings beyond the new number are dropped.
func (r *Recorder) Configure(c Config) {
	r.keep.Store(int64(c.Keep))
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.kept) > c.Keep {
		r.dropOldest()
	}
}

// tape is memory for the events of one resolution after another.
type tape struct {
	mu     sync.Mutex
	course *Course // that it belongs to now; guarded by mu, as is all below
	events []event.Event
	left   int // events that were left out
}

// Course records a resolution: it is the sink of its events.
type Course struct {
	of    *Recorder
	tape  *tape
	began time.Time
}

// Begin begins a recording; nil if nothing is recorded.
func (r *Recorder) Begin() *Course {
	if r.keep.Load() == 0 {
		return nil
	}
	t := r.pool.Get().(*tape)
	c := &Course{of: r, tape: t, began: time.Now()}
	t.mu.Lock()
	t.course, t.events, t.left = c, t.events[:0], 0
	t.mu.Unlock()
	return c
}

// Event implements event.Sink. Events of a fetch that goes on after the end are not recorded.
func (c *Course) Event(e event.Event) {
	t := c.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.course != c:
	case len(t.events) == maxEvents:
		t.left++
	default:
		t.events = append(t.events, e)
	}
}

// End ends a recording, and keeps it if the question failed, or if its name is watched.
func (c *Course) End(q wire.Question, client netip.Addr, f *cause.Failure) {
	t := c.tape
	t.mu.Lock()
	if t.course != c {
		t.mu.Unlock()
		return
	}
	t.course = nil
	if f != nil || c.of.watches(q.Name) {
		c.of.put(&Recording{Time: c.began, Took: time.Since(c.began), Question: q, Client: client,
			Failure: f, Trace: event.TraceOf(slices.Clone(t.events), t.left)})
	}
	clear(t.events) // they hold failures and names
	t.mu.Unlock()
	c.of.pool.Put(t)
}

// put keeps a recording in place of the last one of the same question.
func (r *Recorder) put(rec *Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep := int(r.keep.Load())
	if keep == 0 {
		return
	}
	r.number++
	rec.Number = r.number
	if old := r.kept[rec.Question]; old != nil {
		rec.Again = old.Again
		if old.Failure != nil {
			rec.Again++
		}
	} else if len(r.kept) >= keep {
		r.dropOldest()
	}
	r.kept[rec.Question] = rec
}

// dropOldest drops the oldest recording. The caller holds mu.
func (r *Recorder) dropOldest() {
	var oldest *Recording
	for _, rec := range r.kept {
		if oldest == nil || rec.Number < oldest.Number {
			oldest = rec
		}
	}
	delete(r.kept, oldest.Question)
}

// List returns the recordings of names at and below one, the newest first.
func (r *Recorder) List(top wire.Name) (list []*Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.kept {
		if rec.Question.Name.Within(top) {
			list = append(list, rec)
		}
	}
	slices.SortFunc(list, func(a, b *Recording) int { return cmp.Compare(b.Number, a.Number) })
	return list
}

// Watch has all resolutions of names at and below one recorded, whether they fail or not.
func (r *Recorder) Watch(name wire.Name) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.Watched()
	switch {
	case slices.Contains(list, name):
		return nil
	case len(list) >= maxWatched:
		return fmt.Errorf("%d names are watched already: end one", maxWatched)
	case r.keep.Load() == 0:
		return fmt.Errorf("nothing is recorded: failures.keep is 0")
	}
	list = append(slices.Clone(list), name)
	r.watched.Store(&list)
	return nil
}

// Unwatch ends what Watch began, and reports whether it had.
func (r *Recorder) Unwatch(name wire.Name) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.Watched()
	less := slices.DeleteFunc(slices.Clone(list), func(n wire.Name) bool { return n == name })
	r.watched.Store(&less)
	return len(less) < len(list)
}

// Watched returns the names that are watched.
func (r *Recorder) Watched() []wire.Name {
	if list := r.watched.Load(); list != nil {
		return *list
	}
	return nil
}

// watches reports whether all resolutions of a name are recorded.
func (r *Recorder) watches(name wire.Name) bool {
	return slices.ContainsFunc(r.Watched(), func(top wire.Name) bool { return name.Within(top) })
}
