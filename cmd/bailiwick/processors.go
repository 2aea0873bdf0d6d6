// The number of processors of the Go scheduler.

package main

import (
	"runtime"

	"bailiwick/transport"
)

// cores is the number of threads that may run at once, by the machine, the control group or
// GOMAXPROCS, at the start of the process.
var cores = runtime.GOMAXPROCS(0)

// tuneScheduler gives the scheduler the processors that the listeners need.
func tuneScheduler() {
	// setting it stops the world for a moment
	if n := transport.Processors(cores); n != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}
