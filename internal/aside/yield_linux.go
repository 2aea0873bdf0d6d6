package aside

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Work goes on for piece, and then pauses for pause times as long. What took longer than longPiece
// was a wait, such as for a primary that sends a zone, and counts as no more than that.
const (
	piece     = 500 * time.Microsecond
	longPiece = 10 * time.Millisecond
	pause     = 2
)

// pieces are when the pieces of work began that InPieces does, by their threads.
var (
	pieces sync.Map     // of int (thread) to *time.Time, which the thread alone uses
	active atomic.Int32 // how many there are
)

// begin notes that this thread does work in pieces; the function that it returns notes the end.
func begin() (end func()) {
	thread, now := unix.Gettid(), time.Now()
	pieces.Store(thread, &now)
	active.Add(1)
	return func() {
		active.Add(-1)
		pieces.Delete(thread)
	}
}

// Yield pauses work that InPieces does, if it has gone on for long enough, and returns at once
// elsewhere. Loops over very many things call it now and then, such as at every 256th: a call costs
// less than a microsecond while there is such work, and next to nothing while there is none.
func Yield() {
	if active.Load() == 0 {
		return
	}
	begun, ok := pieces.Load(unix.Gettid())
	if !ok {
		return
	}
	at := begun.(*time.Time)
	if worked := time.Since(*at); worked >= piece {
		time.Sleep(pause * min(worked, longPiece))
		*at = time.Now()
	}
}
