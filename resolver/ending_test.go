package resolver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"bailiwick/internal/cause"
)

// interrupted counts its interruptions.
type interrupted struct{ times int }

func (w *interrupted) Interrupt() { w.times++ }

// A budget's context tells all that wait why it has ended, and those that come too late at once.
func TestEndingTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ending
		var early, left, late interrupted
		e.Watch(&early)
		e.Watch(&left)
		if !e.Unwatch(&left) {
			t.Error("who was not interrupted may leave")
		}
		derived, cancel := context.WithCancel(&e)
		defer cancel()
		if e.Err() != nil || derived.Err() != nil {
			t.Error("it has ended before its end")
		}
		done := e.Done()
		e.end(&cause.Failure{Cause: cause.LimitTime})
		e.end(&cause.Failure{Cause: cause.Overload}) // the first counts
		e.Watch(&late)
		synctest.Wait()
		<-done
		<-derived.Done()
		if early.times != 1 || left.times != 0 || late.times != 1 {
			t.Errorf("interrupted %d, %d, %d times", early.times, left.times, late.times)
		}
		if e.Unwatch(&early) {
			t.Error("who was interrupted is told that it was not")
		}
		for name, err := range map[string]error{"its own": e.Err(), "derived": derived.Err()} {
			var f *cause.Failure
			if !errors.Is(err, context.Canceled) || !errors.As(err, &f) ||
				f.Cause != cause.LimitTime {
				t.Errorf("%s: %v", name, err)
			}
		}
		if f := failureOf(derived); f.Cause != cause.LimitTime {
			t.Errorf("the failure is %v", f)
		}
	})
}

func TestEndingWithoutReason(t *testing.T) {
	var e ending
	e.end(nil)
	<-e.Done()
	if f := failureOf(&e); f.Cause != cause.ClientGone || !errors.Is(e.Err(), context.Canceled) {
		t.Errorf("%v, %v", f, e.Err())
	}
}

// Waiting for a reply costs a budget nothing.
func TestEndingAllocatesNothing(t *testing.T) {
	var e ending
	var w interrupted
	if n := testing.AllocsPerRun(100, func() {
		e.Watch(&w)
		e.Unwatch(&w)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
