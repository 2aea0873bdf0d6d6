// Package aside does work that takes seconds of a processor and that no client waits for, such as
// reading two million rules, so that clients do not wait because of it.
package aside

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Run does work in a thread of its own, which gives way to all others of the machine where the
// system can tell them apart, and returns when it is done. With a processor to spare the work takes
// as long as ever; where readers of packets want all processors, it has about a tenth of what it
// would have. A panic goes on in the caller, with the stack of the work.
//
// The work must hold nothing that others wait for: it may pause at any place.
func Run(work func()) {
	done := make(chan error, 1)
	go func() {
		// It is never unlocked: the thread, which only a privileged process could give its priority
		// back, ends with the goroutine.
		runtime.LockOSThread()
		giveWay()
		defer func() {
			var err error
			if v := recover(); v != nil {
				err = fmt.Errorf("%v\n%s", v, debug.Stack())
			}
			done <- err
		}()
		work()
	}()
	if err := <-done; err != nil {
		panic(err)
	}
}
