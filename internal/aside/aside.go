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
// The work must hold nothing that others wait for: it may pause at any place. For work that can say
// where, InPieces is better.
func Run(work func()) { do(work, func() func() { giveWay(); return func() {} }) }

// InPieces does work that calls Yield again and again, in a thread of its own, and returns when it
// is done: it pauses there for twice as long as it has worked, if the system can tell its thread
// from others. A panic goes on in the caller, with the stack of the work.
//
// Its priority is that of all: a thread of a lower one that waits for a processor keeps one of Go's
// own (a P) meanwhile, and all others wait for it whenever the world has to stop, as at the begin
// and the end of each garbage collection.
func InPieces(work func()) { do(work, begin) }

// do does work in a thread that is prepared for it; the function that prepare returns is called at
// the end.
func do(work func(), prepare func() (end func())) {
	done := make(chan error, 1)
	go func() {
		// It is never unlocked: the thread, which only a privileged process could give its priority
		// back, ends with the goroutine.
		runtime.LockOSThread()
		end := prepare()
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
