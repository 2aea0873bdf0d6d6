//go:build testclock

// The clock of test builds: it runs as the machine's does, from a time of one's choice, and jumps on command.

package clock

import (
	"sync/atomic"
	"time"
)

// Movable is a clock that can be set and moved. The zero value runs with the machine's.
type Movable struct{ offset atomic.Int64 }

// Default is the clock of this build.
func Default() Clock { return &Movable{} }

// Now is the machine's time, shifted.
func (m *Movable) Now() time.Time { return time.Now().Add(time.Duration(m.offset.Load())) }

// Set lets the clock run on from t.
func (m *Movable) Set(t time.Time) { m.offset.Store(int64(time.Until(t))) }

// Advance moves the clock forward.
func (m *Movable) Advance(d time.Duration) { m.offset.Add(int64(d)) }
