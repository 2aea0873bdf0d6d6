// How many processors the Go scheduler has.

package main

import (
	"runtime"

	"bailiwick/transport"
)

// cores is how many threads may run at once, from the machine, the control group or GOMAXPROCS, as
// the process began.
var cores = runtime.GOMAXPROCS(0)

// tuneScheduler gives the scheduler the processors that the listeners need.
func tuneScheduler() {
	// setting it stops the world for a moment
	if n := transport.Processors(cores); n != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}
