// Package clock is the project's only source of time. Judging code takes a time as an argument; acting code holds a
// [Clock].
package clock

import "time"

// Clock tells the time.
type Clock interface {
	// Now is the time of day that TTLs and signatures are judged by.
	Now() time.Time
}

// Real is the machine's clock.
type Real struct{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }
