package fleet

import (
	"testing"
	"time"
)

// After maxFailures in a row the store is not asked; then one question at a time finds out whether
// it works, later and later, until it does.
func TestMaxFailuresBreaker(t *testing.T) {
	var b Breaker
	now := time.Unix(1000, 0)
	for range maxFailures - 1 {
		b.done(false, now)
	}
	b.done(true, now)
	for range maxFailures {
		if !b.Allow(now) {
			t.Fatal("not asked, though it has failed too seldom")
		}
		b.done(false, now)
	}
	for pause := breakFirst; pause <= 4*breakMost; pause *= 2 {
		rest := min(pause, breakMost)
		if b.Allow(now.Add(rest-1)) || b.resting(now) != rest {
			t.Fatalf("rests for %v, want %v", b.resting(now), rest)
		}
		now = now.Add(rest)
		if !b.Allow(now) || b.Allow(now) {
			t.Fatal("not one question is tried")
		}
		b.done(false, now)
	}
	now = now.Add(breakMost)
	if !b.Allow(now) {
		t.Fatal("not tried")
	}
	b.leave() // which has found out nothing
	if !b.Allow(now) {
		t.Fatal("not tried again")
	}
	b.done(true, now)
	if b.resting(now) != 0 || !b.Allow(now) || !b.Allow(now) {
		t.Error("it works, and is not asked")
	}
}

// A store that had less time than it may take has not failed, as a question began late.
func TestSlowStoreHasTheTimeThatItMayTake(t *testing.T) {
	var b Breaker
	now := time.Unix(1000, 0)
	for range 2 * maxFailures {
		if !b.Allow(now) || b.Done(ErrSlow, askTime-1, now) != Late {
			t.Fatal("it counts as failed")
		}
	}
	for range maxFailures {
		if !b.Allow(now) || b.Done(ErrSlow, askTime, now) != Failed {
			t.Fatal("it does not count as failed")
		}
	}
	if b.Allow(now) {
		t.Error("it is asked, though it has failed")
	}
}
