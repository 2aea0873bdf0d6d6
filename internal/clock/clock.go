// Package clock is the project's only source of time. Judging code takes a time as an argument;
// acting code holds a [Clock].
package clock

import "time"

// Clock tells two times. Ages are counted in one that nobody can set; what others wrote a time of
// day into, as signatures and cookies, is judged by the other.
type Clock interface {
	// Now is the time that ages are counted in. It goes on as time passes, a suspended machine's
	// included, and does not follow the time of day when that is set.
	Now() time.Time
	// Ahead is how far the time of day was ahead of Now when Now was last called; negative if it
	// was behind.
	Ahead() time.Duration
}

// Wall is a clock's time of day.
func Wall(c Clock) time.Time {
	now := c.Now()
	return now.Add(c.Ahead())
}

// Real is the time of day for both, as time.Now tells it: for tests in a bubble, where nobody
// sets it. Servers have a [steady].
type Real struct{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// Ahead is 0.
func (Real) Ahead() time.Duration { return 0 }
