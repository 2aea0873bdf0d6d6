// When connections were last used.

package transport

import "time"

// started is where ages are counted from.
var started = time.Now()

// age is a time as nanoseconds that can be kept in an atomic, and that setting the clock does not
// change: a connection that was used before the clock was set back would not be idle until it had
// caught up.
func age(t time.Time) int64 { return int64(t.Sub(started)) }

// timeOf is the time of an age.
func timeOf(age int64) time.Time { return started.Add(time.Duration(age)) }
