package rounds_test

import (
	"testing"
	"time"

	"bailiwick/internal/rounds"
)

// TestSavesFollowChanges shows when a save is due: after a change, one at a time, at most once in
// the time between two, and again after one that has not succeeded.
func TestSavesFollowChanges(t *testing.T) {
	var s rounds.Saves
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	due := func(when string, want bool) {
		t.Helper()
		if s.Begin(now, time.Minute) != want {
			t.Errorf("%s: a save is due: %t", when, !want)
		}
	}
	due("nothing has changed", false)
	s.Change()
	due("after the first change", true)
	s.Take()
	s.Change()
	now = now.Add(time.Hour)
	due("while one is under way", false)
	s.Succeed()
	s.End(now)
	now = now.Add(59 * time.Second)
	due("too soon", false)
	now = now.Add(time.Second)
	due("of what has changed during the last one", true)
	s.Take()
	s.End(now) // it has failed, or there was a panic
	now = now.Add(time.Minute)
	due("after one that has not succeeded", true)
	s.Take()
	s.Succeed()
	s.End(now)
	now = now.Add(time.Minute)
	due("when all is saved", false)
}
