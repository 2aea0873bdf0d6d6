// Package clock has the two times that data depend on. Code that only decides takes a time as an
// argument; code that acts holds a [Clock]. Deadlines of sockets, timers and the measurement of
// round trips use the system's time.
package clock

import "time"

// Clock has two times: one for ages, which cannot be set, and the time of day, for what contains
// one, such as signatures and cookies.
type Clock interface {
	// Now returns the time that ages are counted in. It advances while the machine is suspended,
	// and does not follow the time of day when that is set.
	Now() time.Time
	// Ahead returns how far the time of day was ahead of Now at the last call of Now; negative if
	// it was behind.
	Ahead() time.Duration
}

// Wall returns a clock's time of day.
func Wall(c Clock) time.Time {
	now := c.Now()
	return now.Add(c.Ahead())
}

// Real returns time.Now for both times. It is for tests in a bubble of testing/synctest, where the
// time of day is never set. Servers use [Default].
type Real struct{}

// Now implements Clock.
func (Real) Now() time.Time { return time.Now() }

// Ahead implements Clock.
func (Real) Ahead() time.Duration { return 0 }
