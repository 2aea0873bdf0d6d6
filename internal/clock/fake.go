package clock

import (
	"sync/atomic"
	"time"
)

// Fake is a clock for tests that stands still until it is moved.
type Fake struct {
	start  time.Time
	passed atomic.Int64
	set    atomic.Int64 // by how much the time of day was set, in addition
}

// NewFake returns a clock that shows t.
func NewFake(t time.Time) *Fake { return &Fake{start: t} }

// Now implements Clock.
func (f *Fake) Now() time.Time { return f.start.Add(time.Duration(f.passed.Load())) }

// Ahead implements Clock.
func (f *Fake) Ahead() time.Duration { return time.Duration(f.set.Load()) }

// Advance lets time pass.
func (f *Fake) Advance(d time.Duration) { f.passed.Add(int64(d)) }

// Step sets the time of day forward, or back.
func (f *Fake) Step(d time.Duration) { f.set.Add(int64(d)) }
