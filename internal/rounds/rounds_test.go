package rounds_test

import (
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
	"bailiwick/internal/rounds"
)

// TestRoundsComeAtTicksAndWhenWoken counts rounds over a minute: one at the start, one each second,
// one more for any number of calls of Wake during a round, and none after Close.
func TestRoundsComeAtTicksAndWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rounds.New(nil, nil, time.Second)
		var calls atomic.Int32
		r.Start(func() bool { calls.Add(1); return true })
		synctest.Wait()
		want := func(n int32, when string) {
			t.Helper()
			if got := calls.Load(); got != n {
				t.Errorf("%s: %d rounds, not %d", when, got, n)
			}
		}
		want(1, "at the start")
		r.Wake()
		synctest.Wait()
		want(2, "woken")
		time.Sleep(time.Minute + time.Millisecond)
		want(62, "after a minute")
		r.Close()
		r.Wake()
		time.Sleep(time.Minute)
		want(62, "closed")
	})
}

// TestCloseWaitsForWork shows that Close tells work to end, and returns when it has.
func TestCloseWaitsForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rounds.New(nil, nil, time.Second)
		var ended atomic.Bool
		r.Go(func() { <-r.Context().Done(); time.Sleep(time.Hour) }, func() { ended.Store(true) })
		r.Close()
		if !ended.Load() {
			t.Error("Close has returned before the work was over")
		}
	})
}

// TestPanicEndsItsWorkAlone shows that work that panics is noted as ended, and that the rounds go
// on after one that panics.
func TestPanicEndsItsWorkAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var caught atomic.Int32
		g := guard.New(slog.New(slog.NewTextHandler(io.Discard, nil)),
			func(guard.Place) { caught.Add(1) }, func() {})
		r := rounds.New(g, nil, time.Second)
		var ended atomic.Bool
		r.Go(func() { panic("work") }, func() { ended.Store(true) })
		var calls atomic.Int32
		r.Start(func() bool {
			if calls.Add(1) == 1 {
				panic("round")
			}
			return true
		})
		time.Sleep(1500 * time.Millisecond)
		r.Close()
		if !ended.Load() || caught.Load() != 2 || calls.Load() != 2 {
			t.Errorf("ended %t, %d panics caught, %d rounds", ended.Load(), caught.Load(),
				calls.Load())
		}
	})
}

// TestRoundsGoOnAfterAPanic shows that a round that panics, and so has not said what is due, is
// followed by the next one even while the process rests.
func TestRoundsGoOnAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(slog.New(slog.DiscardHandler), func(guard.Place) {}, func() {})
		r := rounds.New(g, rest.New(time.Nanosecond), time.Second)
		var calls atomic.Int32
		r.Start(func() bool {
			if calls.Add(1) == 1 {
				panic("round")
			}
			return true
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := calls.Load(); n != 2 {
			t.Errorf("%d rounds", n)
		}
		r.Close()
	})
}

// TestRoundsRestWhenIdle shows that rounds stop while the process rests and nothing becomes due by
// the clock, that Wake has one come all the same, and that others go on.
func TestRoundsRestWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rest.New(10*time.Second + time.Millisecond)
		r, busy := rounds.New(nil, s, time.Second), rounds.New(nil, s, time.Second)
		var idle, more atomic.Int32
		r.Start(func() bool { idle.Add(1); return true })
		busy.Start(func() bool { more.Add(1); return false })
		time.Sleep(time.Hour)
		synctest.Wait()
		if idle.Load() != 11 || more.Load() != 3601 {
			t.Errorf("%d and %d rounds", idle.Load(), more.Load())
		}
		r.Wake()
		synctest.Wait()
		if idle.Load() != 12 {
			t.Errorf("woken: %d rounds", idle.Load())
		}
		r.Close()
		busy.Close()
	})
}
