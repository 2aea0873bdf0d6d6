// Flights: equal questions are asked once, and no question ever waits for itself.

package resolver

import (
	"sync"

	"bailiwick/cache"
	"bailiwick/internal/cause"
)

// flight is one link under way, for everyone who wants it.
type flight struct {
	key    cache.Key
	id     uint64  // of its events
	parent *flight // whose question this one serves; nil for a client's

	done chan struct{} // closed when link and failure are set
	link *link
	fail *cause.Failure

	waitsFor *flight // guarded by flights.mu
	waiters  int     // guarded by flights.mu
}

// flights is the table of all that are under way.
type flights struct {
	mu  sync.Mutex
	all map[cache.Key]*flight // guarded by mu
	ids uint64                // given out; guarded by mu
}

// boarding is what join decided.
type boarding uint8

const (
	boardLead  boarding = iota // the flight is ours to fly
	boardWait                  // somebody flies it: wait for done
	boardAlone                 // waiting would be waiting for ourselves: fly unseen
	boardLoop                  // we are being flown for this very question
	boardFull                  // too many wait already
)

// join finds the flight of a key for somebody who serves parent, or starts it.
func (t *flights) join(key cache.Key, parent *flight) (*flight, boarding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := parent; p != nil; p = p.parent {
		if p.key == key {
			return nil, boardLoop
		}
	}
	f := t.all[key]
	if f == nil {
		f = t.begin(key, parent)
		t.all[key] = f
		if parent != nil {
			parent.waitsFor = f
		}
		return f, boardLead
	}
	for x := f; x != nil; x = x.waitsFor {
		for p := parent; p != nil; p = p.parent {
			if p == x {
				return t.begin(key, parent), boardAlone
			}
		}
	}
	if f.waiters >= MaxWaiters {
		return nil, boardFull
	}
	f.waiters++
	if parent != nil {
		parent.waitsFor = f
	}
	return f, boardWait
}

// begin makes a flight. mu is held.
func (t *flights) begin(key cache.Key, parent *flight) *flight {
	t.ids++
	return &flight{key: key, id: t.ids, parent: parent, done: make(chan struct{})}
}

// start begins a flight that parent will want but does not wait for yet. lead is false if somebody flies it already, or is being flown for it.
func (t *flights) start(key cache.Key, parent *flight) (f *flight, lead bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := parent; p != nil; p = p.parent {
		if p.key == key {
			return nil, false
		}
	}
	if t.all[key] != nil {
		return nil, false
	}
	f = t.begin(key, parent)
	t.all[key] = f
	return f, true
}

// leave says that parent waits no more.
func (t *flights) leave(f, parent *flight, how boarding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if how == boardWait {
		f.waiters--
	}
	if parent != nil {
		parent.waitsFor = nil
	}
}

// land publishes what came of a flight.
func (t *flights) land(f *flight, how boarding, l *link, fail *cause.Failure) {
	f.link, f.fail = l, fail
	if how == boardLead {
		t.mu.Lock()
		delete(t.all, f.key)
		t.mu.Unlock()
	}
	close(f.done)
}
