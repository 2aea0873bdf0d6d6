//go:build testclock

// The clock of test builds: it runs like the machine's, from a chosen time, and jumps on command.

package clock

import (
	"sync/atomic"
	"time"
)

// movable is a clock that can be set and moved, and otherwise runs with the machine's.
type movable struct {
	machine *steady
	passed  atomic.Int64 // added to the machine's time
	set     atomic.Int64 // by how much its time of day was set, in addition
}

// Default returns the clock of this build.
func Default() Clock { return &movable{machine: newSteady(nil, uptime)} }

// Now implements Clock.
func (m *movable) Now() time.Time {
	return m.machine.Now().Add(time.Duration(m.passed.Load()))
}

// Ahead implements Clock.
func (m *movable) Ahead() time.Duration {
	return m.machine.Ahead() + time.Duration(m.set.Load())
}

// Set lets the clock run on from t, as if the time of day had never been set.
func (m *movable) Set(t time.Time) {
	m.passed.Store(int64(t.Sub(m.machine.Now())))
	m.set.Store(int64(-m.machine.Ahead()))
}

// Advance lets time pass. A negative duration sets the time of day back, for time cannot pass
// backwards.
func (m *movable) Advance(d time.Duration) {
	if d < 0 {
		m.set.Add(int64(d))
		return
	}
	m.passed.Add(int64(d))
}

// Step sets the time of day forward, or back.
func (m *movable) Step(d time.Duration) { m.set.Add(int64(d)) }
