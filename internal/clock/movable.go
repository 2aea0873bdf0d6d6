//go:build testclock

// The clock of test builds: it runs as the machine's does, from a time of one's choice, and jumps
// on command.

package clock

import (
	"sync/atomic"
	"time"
)

// movable is a clock that can be set and moved. It runs with the machine's.
type movable struct {
	machine *steady
	passed  atomic.Int64 // what was added to the machine's time
	set     atomic.Int64 // by how much its time of day was set besides
}

// Default is the clock of this build.
func Default() Clock { return &movable{machine: startSteady()} }

// Now implements Clock.
func (m *movable) Now() time.Time {
	return m.machine.Now().Add(time.Duration(m.passed.Load()))
}

// Ahead implements Clock.
func (m *movable) Ahead() time.Duration {
	return m.machine.Ahead() + time.Duration(m.set.Load())
}

// Set lets the clock run on from t, as if it had always shown that.
func (m *movable) Set(t time.Time) {
	m.passed.Store(int64(t.Sub(m.machine.Now())))
	m.set.Store(int64(-m.machine.Ahead()))
}

// Advance lets time pass. No time passes backwards: less than none sets the time of day back.
func (m *movable) Advance(d time.Duration) {
	if d < 0 {
		m.set.Add(int64(d))
		return
	}
	m.passed.Add(int64(d))
}

// Step sets the time of day forward, or back.
func (m *movable) Step(d time.Duration) { m.set.Add(int64(d)) }
