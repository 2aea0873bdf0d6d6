package rounds_test

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/rounds"
)

// TestSavesFollowChanges shows when a save is made: after a change, one at a time, at most once in
// the time between two, and again after one that has not succeeded.
func TestSavesFollowChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(slog.New(slog.NewTextHandler(io.Discard, nil)), func(guard.Place) {},
			func() {})
		r := rounds.New(g, nil, time.Second)
		var mu sync.Mutex
		var s rounds.Saves
		made := 0
		save := func() error { return nil }
		change := func() {
			mu.Lock()
			defer mu.Unlock()
			s.Change()
		}
		want := func(when string, n int) {
			t.Helper()
			mu.Lock()
			r.Save(&s, &mu, time.Now, time.Minute, func() error {
				made++
				return save()
			})
			mu.Unlock()
			synctest.Wait()
			if made != n {
				t.Errorf("%s: %d saves, not %d", when, made, n)
			}
		}
		want("nothing has changed", 0)
		change()
		release := make(chan struct{})
		save = func() error { <-release; return nil }
		want("after the first change", 1)
		change()
		time.Sleep(time.Hour)
		want("while one is under way", 1)
		close(release)
		synctest.Wait()
		time.Sleep(59 * time.Second)
		want("too soon", 1)
		time.Sleep(time.Second)
		save = func() error { return errors.New("the disk is full") }
		want("of what has changed during the last one", 2)
		time.Sleep(time.Minute)
		save = func() error { panic("a fault") }
		want("after one that has failed", 3)
		time.Sleep(time.Minute)
		save = func() error { return nil }
		want("after one that has ended in a panic", 4)
		time.Sleep(time.Minute)
		want("when all is saved", 4)
		r.Close()
	})
}
