// Package aside does work that takes seconds of a processor and that no client waits for, such as
// reading two million rules, so that clients do not wait because of it.
package aside

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// works counts what InPieces has begun.
var works atomic.Uint64

// Works returns how much work InPieces has begun since the start of the process, by which a test
// sees that some is done aside.
func Works() uint64 { return works.Load() }

// InPieces does work that calls Yield again and again, in a thread of its own, and returns when it
// is done: it pauses there for twice as long as it has worked, if the system can tell its thread
// from others. A panic goes on in the caller, with the stack of the work. Nobody may wait for what
// the work holds: it may pause at any place.
//
// Its priority is that of all: a thread of a lower one that waits for a processor keeps one of Go's
// own (a P) meanwhile, and all others wait for it whenever the world has to stop, as at the begin
// and the end of each garbage collection.
func InPieces(work func()) {
	works.Add(1)
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked, so it ends with the goroutine.
		runtime.LockOSThread()
		end := begin()
		defer func() {
			end()
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
