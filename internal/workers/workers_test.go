package workers_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"bailiwick/internal/workers"
)

// TestIdleGoroutineTakesTheNextJob shows that jobs one after the other run in one goroutine, with
// the stack that the first has grown, and that jobs at the same time all run at once.
func TestIdleGoroutineTakesTheNextJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := workers.New(2)
		defer p.Close()
		for range 3 {
			p.Run(func() {})
			synctest.Wait()
			if got := p.Idle(); got != 1 {
				t.Fatalf("%d goroutines are idle after one job at a time", got)
			}
		}
		together := make(chan struct{})
		var all sync.WaitGroup
		for range 5 {
			all.Add(1)
			p.Run(func() { all.Done(); <-together })
		}
		all.Wait() // each has its goroutine: none waits for another's end
		close(together)
		synctest.Wait()
		if got := p.Idle(); got != 2 {
			t.Errorf("%d goroutines are idle, at most 2 may be", got)
		}
	})
}

// TestCloseWaitsForJobs shows that no job runs after Close, also none that another has started.
func TestCloseWaitsForJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := workers.New(1)
		begin, ended := make(chan struct{}), 0
		p.Run(func() {
			<-begin
			p.Run(func() { ended++ })
		})
		closed := false
		go func() { p.Close(); closed = true }()
		synctest.Wait()
		if closed {
			t.Error("closed while a job runs")
		}
		close(begin)
		synctest.Wait()
		if !closed || ended != 1 {
			t.Errorf("closed: %v, with %d of 1 later jobs done", closed, ended)
		}
	})
}
