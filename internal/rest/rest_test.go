package rest_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/rest"
)

// rounds counts the rounds of a loop that comes every second.
func rounds(ctx context.Context, r *rest.Rest) *atomic.Int64 {
	var n atomic.Int64
	go func() {
		for r.Wait(ctx, time.Second, nil) {
			n.Add(1)
		}
		n.Add(1 << 32)
	}()
	return &n
}

// A loop stops when nobody has asked for the time, goes on at once when somebody asks, and ends.
func TestRestUntilStirred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := rest.New(10*time.Second + time.Millisecond)
		n := rounds(ctx, r)
		check := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			if got := n.Load(); got != want {
				t.Errorf("%s: %d rounds, want %d", when, got, want)
			}
		}
		time.Sleep(time.Hour)
		check("an hour without a question", 10)
		r.Stir()
		check("a question", 11)
		time.Sleep(5 * time.Second)
		r.Stir() // while it does not rest
		check("five seconds later", 16)
		time.Sleep(time.Hour)
		check("another hour", 26)
		r.Allow(0)
		check("resting is not allowed any more", 27)
		time.Sleep(time.Minute)
		check("a minute", 87)
		r.Allow(10*time.Second + time.Millisecond)
		time.Sleep(time.Hour)
		check("allowed again", 97)
		cancel()
		check("the end", 97+1<<32)
	})
}

// Without a Rest a loop comes as often as it wants.
func TestNoRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := rounds(ctx, nil)
		(*rest.Rest)(nil).Stir()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := n.Load(); got != 3600 {
			t.Errorf("%d rounds", got)
		}
		cancel()
		synctest.Wait()
	})
}
