package aside

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// Work in pieces pauses when it has gone on for one, for twice as long, and not before; other work
// does not while some is under way, nor when that has ended. Its priority is that of all.
func TestWorkPausesInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yields := func() time.Duration {
			at := time.Now()
			Yield()
			return time.Since(at)
		}
		var early, late, again, other time.Duration
		before := priority(t)
		InPieces(func() {
			if p := priority(t); p != before {
				t.Errorf("priority %d, and %d before", p, before)
			}
			early = yields()
			begun, ok := pieces.Load(unix.Gettid())
			if !ok {
				t.Error("the thread is not known")
				return
			}
			*begun.(*time.Time) = time.Now().Add(-piece)
			elsewhere := make(chan time.Duration)
			go func() { elsewhere <- yields() }()
			other = <-elsewhere
			late, again = yields(), yields()
		})
		if early != 0 || other != 0 || late != pause*piece || again != 0 {
			t.Errorf("it pauses for %v at once, %v after a piece, %v after that; others for %v",
				early, late, again, other)
		}
		if n := active.Load(); n != 0 || yields() != 0 {
			t.Errorf("%d are under way afterwards", n)
		}
	})
}

// A wait in the work is not followed by one of twice its time: a transfer from a slow primary is
// mostly waits.
func TestWaitsAreNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		InPieces(func() {
			time.Sleep(time.Hour)
			Yield()
		})
		if paused := time.Since(began) - time.Hour; paused != pause*longPiece {
			t.Errorf("a pause of %v", paused)
		}
	})
}
