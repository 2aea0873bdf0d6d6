// Package guard keeps a panic to the work that it happens in: one query, one connection or one
// request ends, and all others go on. A process that panics again and again is ended after all,
// because something of it is broken for good, and whoever supervises it starts a sound one.
//
// It cannot help where the Go runtime ends the process without a panic: a map that is written by
// two goroutines at once, or a stack that grows without end. The code has to rule those out.
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
	Fast       Place = iota // a query at a prepared answer; the steps behind have it then
	Query                   // a client's query
	Fetch                   // a resolution that no client waits for in person
	Probe                   // a probe of an authority's transports
	Listener                // a reader of packets, or what accepts connections
	Connection              // a client's connection
	Upstream                // a connection to a server
	Console                 // a request to the admin listener
	Control                 // a command on the control socket
	Upkeep                  // timers, signals, certificates
	places
)

// String is the metric label and log value.
func (p Place) String() string {
	return [...]string{"fast", "query", "fetch", "probe", "listener", "connection", "upstream",
		"console", "control", "upkeep"}[p]
}

// Places lists them all.
func Places() (ps []Place) {
	for p := range places {
		ps = append(ps, p)
	}
	return ps
}

// Guard counts the panics of a process, and ends it if there are too many. Where it is nil, as in
// a test or a command that serves nobody, a panic is what it always was.
type Guard struct {
	log   *slog.Logger
	count func(Place)
	end   func()

	mu   sync.Mutex
	last [MaxPanics]time.Time // a ring; guarded by mu
	next int                  // where the oldest is; guarded by mu
}

// New returns a guard that writes each panic to a log, has it counted by its place, and calls end
// when there were [MaxPanics] within [window].
func New(log *slog.Logger, count func(Place), end func()) *Guard {
	return &Guard{log: log, count: count, end: end}
}

// Caught reports whether v, which recover returned, is of a panic. That is then logged with the
// stack and counted, and the work is over. It is for deferred functions:
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

// Run calls f. If that panics, f is over, and nothing else is: for goroutines, timers and
// handlers whose work may just end.
func (g *Guard) Run(p Place, f func()) {
	defer func() { g.Caught(recover(), p) }()
	f()
}
