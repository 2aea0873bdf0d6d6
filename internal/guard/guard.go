// Package guard limits a panic to the work that it happens in: one query, one connection or one
// request ends, and all others continue. A process that panics again and again is ended, because a
// part of its state is damaged, and its supervisor starts another.
//
// It cannot help where the Go runtime ends the process without a panic: at a map that two
// goroutines write at once, or a stack that grows without end. The code has to rule those out.
package guard

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Place is the kind of work that a panic ended.
type Place uint8

// The places.
const (
	Fast       Place = iota // the look-up of a prepared answer; the later steps get the query
	Query                   // a client's query
	Fetch                   // a fetch, whichever clients wait for it
	Probe                   // a probe of an authority's transports
	Listener                // a goroutine that reads packets or accepts connections
	Connection              // a client's connection
	Upstream                // a connection to a server
	Console                 // a request to the admin listener
	Control                 // a command on the control socket
	Upkeep                  // timers, signals, certificates
	places
)

// String returns the metric label and log value.
func (p Place) String() string {
	return [...]string{"fast", "query", "fetch", "probe", "listener", "connection", "upstream",
		"console", "control", "upkeep"}[p]
}

// Places returns all places.
func Places() (ps []Place) {
	for p := range places {
		ps = append(ps, p)
	}
	return ps
}

// Guard counts the panics of a process, and ends it if there are too many. A nil Guard catches
// nothing: in tests, and in commands that serve no clients, a panic ends the process.
type Guard struct {
	log   *slog.Logger
	count func(Place)
	end   func()

	mu   sync.Mutex
	last [MaxPanics]time.Time // a ring of times; guarded by mu
	next int                  // the index of the oldest; guarded by mu
}

// New returns a guard that writes each panic to a log, has it counted by its place, and calls end
// when there were [MaxPanics] within [window].
func New(log *slog.Logger, count func(Place), end func()) *Guard {
	return &Guard{log: log, count: count, end: end}
}

// Caught reports whether v, the result of recover, is that of a panic, and logs the panic with its
// stack and counts it. It is for deferred functions:
//
//	defer func() {
//		if g.Caught(recover(), guard.Query) {
//			answer = failed
//		}
//	}()
func (g *Guard) Caught(v any, p Place) bool {
	if v == nil {
		return false
	}
	if g == nil {
		panic(v)
	}
	g.count(p)
	tooMany := g.enter(time.Now())
	text := fmt.Sprint(v)
	g.log.Error("panic", "place", p.String(), "error", text[:min(len(text), maxText)],
		"stack", string(debug.Stack()))
	if tooMany {
		g.log.Error("too many panics, the process ends", "panics", MaxPanics,
			"within", window.String())
		g.end()
	}
	return true
}

// enter reports whether a panic at this time is one too many.
func (g *Guard) enter(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last[g.next] = now
	g.next = (g.next + 1) % MaxPanics
	oldest := g.last[g.next] // of the last MaxPanics, this one included
	return !oldest.IsZero() && now.Sub(oldest) < window
}

// Run calls f, and returns if f panics. It is for goroutines, timers and handlers whose work may
// just end.
func (g *Guard) Run(p Place, f func()) {
	defer func() { g.Caught(recover(), p) }()
	f()
}
