package routes

import (
	"testing"
	"time"
)

// A machine has slept if the clock that counts its sleep has gained on the one that does not. What
// a busy machine loses between the two is not a sleep.
func TestWatchSeesSleep(t *testing.T) {
	slept := time.Duration(0)
	now := func() time.Time { return time.Now().Add(slept) }
	s := newSleep(now)
	for _, c := range []struct {
		further time.Duration
		seen    bool
	}{{0, false}, {time.Second, false}, {time.Hour, true}, {0, false}, {sleepLeast * 2, true}} {
		slept += c.further
		if got := s.gap(now); (got > 0) != c.seen || c.seen && (got < c.further-time.Second) {
			t.Errorf("%v more: %v", c.further, got)
		}
	}
}
