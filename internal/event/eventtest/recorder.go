// Package eventtest helps tests that listen to events.
package eventtest

import (
	"sync"

	"bailiwick/internal/event"
)

// Recorder keeps all events that it is told. The zero value is ready to use.
type Recorder struct {
	mu     sync.Mutex
	events []event.Event
}

// Event implements event.Sink.
func (r *Recorder) Event(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Take returns the events since it was called last.
func (r *Recorder) Take() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.events
	r.events = nil
	return all
}
