// Events that are written in place.

package event

import (
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/wire"
)

// Slot is a place for one event.
type Slot struct {
	Event
	full atomic.Bool
}

// Placer is a sink that has places of its own for events, so that they are written there and not
// copied. Place returns one with the kind and the time, and nothing else; whoever writes the event
// fills it at once, by [Tell].
type Placer interface {
	Sink
	Place(Kind) *Slot
}

// loose has places of events for sinks that are not a [Placer].
var loose = sync.Pool{New: func() any { return new(Slot) }}

// For returns a place for an event of a kind that a sink is to have, with kind, time and question.
func For(s Sink, kind Kind, q wire.Question) *Slot {
	if p, ok := s.(Placer); ok {
		e := p.Place(kind)
		e.Question = q
		return e
	}
	e := loose.Get().(*Slot)
	e.Event = Event{Kind: kind, Time: time.Now(), Question: q}
	return e
}

// Tell gives the sink its event. The place is not used any more.
func Tell(s Sink, e *Slot) {
	if _, ok := s.(Placer); ok {
		e.Fill()
		return
	}
	s.Event(e.Event)
	e.Event = Event{}
	loose.Put(e)
}

// Fill marks the event as complete.
func (s *Slot) Fill() { s.full.Store(true) }

// Full reports whether the event is complete.
func (s *Slot) Full() bool { return s.full.Load() }

// waits reports whether time may have passed since the event before: somebody was waited for, or
// something was computed.
func (k Kind) waits() bool {
	switch k {
	case Answer, FetchStart, FetchEnd, Exchange, Verdict:
		return true
	}
	return false
}

// Watch is the time of the events of one query. A look at the system's clock costs more than
// writing an event, so events that follow each other without any wait have one time.
type Watch struct {
	began time.Duration // since epoch
	last  atomic.Int64  // the same
}

// epoch is what the times of watches are counted from.
var epoch = time.Now()

// Start starts the watch.
func (w *Watch) Start() {
	w.began = time.Since(epoch)
	w.last.Store(int64(w.began))
}

// At returns the time of an event of a kind.
func (w *Watch) At(k Kind) time.Time {
	d := w.last.Load()
	if k.waits() {
		d = int64(time.Since(epoch))
		w.last.Store(d)
	}
	return epoch.Add(time.Duration(d))
}

// Took returns how long it is since the start.
func (w *Watch) Took() time.Duration { return time.Since(epoch) - w.began }
