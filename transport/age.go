// Times of last use of connections.

package transport

import "time"

// started is where ages are counted from.
var started = time.Now()

// age returns a time as monotonic nanoseconds, to be kept in an atomic. Setting the clock does not
// change it; otherwise a connection last used before the clock was set back would not count as idle
// until the clock had caught up.
func age(t time.Time) int64 { return int64(t.Sub(started)) }

// timeOf returns the time of an age.
func timeOf(age int64) time.Time { return started.Add(time.Duration(age)) }
