// Package recorder keeps the course of resolutions that failed, with all of their events, so that
// an operator can see afterwards what happened. Each resolution is recorded while it goes on: its
// events are written into memory that is used again, and nothing is copied, formatted or allocated
// for what ends well. Answers from the cache are not recorded.
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

// Tracer is told how resolutions went. Its methods return at once.
type Tracer interface {
	// Wants reports whether a resolution is wanted that has taken a time, and has failed or not.
	Wants(took time.Duration, failed bool) bool
	Take(*Recording)
}

// Recorder keeps the last recordings, of each question the last one.
type Recorder struct {
	keep    atomic.Int64
	watched atomic.Pointer[[]wire.Name] // names at and below which all is recorded; nil: none
	pool    sync.Pool                   // of *part
	tracer  atomic.Pointer[Tracer]      // nil: nobody else is told

	mu     sync.Mutex
	number uint64                       // guarded by mu, as is all below
	kept   map[wire.Question]*Recording // one for each question
}

// New returns a recorder.
func New(c Config) *Recorder {
	r := &Recorder{kept: map[wire.Question]*Recording{}}
	r.pool.New = func() any { return new(part) }
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

// Trace has a tracer told how resolutions go, in place of the one before; nil for none.
func (r *Recorder) Trace(t Tracer) {
	if t == nil {
		r.tracer.Store(nil)
		return
	}
	r.tracer.Store(&t)
}

// part is memory for some events of one resolution after another.
type part [partEvents]event.Slot

// Course records a resolution: it is the sink of its events, which are written into its parts.
type Course struct {
	of    *Recorder
	watch event.Watch
	// next is the place of the next event; ended is added when no event is recorded any more.
	next  atomic.Int64
	parts [maxEvents / partEvents]atomic.Pointer[part]
}

var _ event.Placer = (*Course)(nil)

// ended is above all places.
const ended = 1 << 40

// Begin begins a recording; nil if nothing is recorded.
func (r *Recorder) Begin() *Course {
	if r.keep.Load() == 0 && r.tracer.Load() == nil {
		return nil
	}
	c := &Course{of: r}
	c.watch.Start()
	return c
}

// Place implements event.Placer. Events of a fetch that goes on after the end, and those beyond
// maxEvents, get a place that nobody looks at.
func (c *Course) Place(kind event.Kind) *event.Slot {
	i := int(c.next.Add(1) - 1)
	if i >= maxEvents {
		return &event.Slot{Event: event.Event{Kind: kind, Time: c.watch.At(kind)}}
	}
	e := &c.part(i / partEvents)[i%partEvents]
	e.Kind, e.Time = kind, c.watch.At(kind)
	return e
}

// part returns a part, which it gets if there is none yet.
func (c *Course) part(i int) *part {
	if p := c.parts[i].Load(); p != nil {
		return p
	}
	p := c.of.pool.Get().(*part)
	if !c.parts[i].CompareAndSwap(nil, p) {
		c.of.pool.Put(p)
		return c.parts[i].Load()
	}
	return p
}

// Event implements event.Sink.
func (c *Course) Event(e event.Event) {
	s := c.Place(e.Kind)
	s.Event = e
	s.Fill()
}

// End ends a recording, and keeps it if the question failed, or if its name is watched. The tracer
// is told of those that it wants. Nothing is copied of others.
func (c *Course) End(q wire.Question, client netip.Addr, f *cause.Failure) {
	n := int(c.next.Add(ended) - ended)
	if n < 0 || n >= ended { // it had ended
		return
	}
	took, kept := c.watch.Took(), f != nil || c.of.watches(q.Name)
	tracer := c.of.tracer.Load()
	told := tracer != nil && (*tracer).Wants(took, f != nil)
	if kept || told {
		rec := &Recording{Time: time.Now().Add(-took), Took: took, Question: q, Client: client,
			Failure: f, Trace: event.TraceOf(c.events(n), max(0, n-maxEvents))}
		if kept {
			c.of.put(rec)
		}
		if told {
			(*tracer).Take(rec)
		}
	}
	for i := range c.parts {
		p := c.parts[i].Load()
		if p == nil {
			break
		}
		c.release(p[:min(max(0, n-i*partEvents), partEvents)], p)
	}
}

// events returns copies of the first n events. Those that are being written just now are left out.
func (c *Course) events(n int) []event.Event {
	n = min(n, maxEvents)
	list := make([]event.Event, 0, n)
	for i := range n {
		if p := c.parts[i/partEvents].Load(); p != nil && p[i%partEvents].Full() {
			list = append(list, p[i%partEvents].Event)
		}
	}
	return list
}

// release gives a part back, unless somebody still writes to it. Events hold failures and names, so
// the part is cleared.
func (c *Course) release(used []event.Slot, p *part) {
	for i := range used {
		if !used[i].Full() {
			return
		}
	}
	clear(used)
	c.of.pool.Put(p)
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
