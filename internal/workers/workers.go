// Package workers keeps goroutines for work that needs a deep stack. To grow the stack of a new
// goroutine costs more than to wake one that is idle.
package workers

import (
	"sync"
	"sync/atomic"
)

// Pool runs jobs in goroutines, some of which wait for the next job when they have done one. It
// does not limit how many run: whoever starts jobs does.
type Pool struct {
	jobs    chan func() // to idle goroutines
	idle    atomic.Int32
	maxIdle int32
	stop    chan struct{} // closed by Close
	once    sync.Once
	running sync.WaitGroup
}

// New returns a pool that keeps at most maxIdle idle goroutines.
func New(maxIdle int) *Pool {
	return &Pool{jobs: make(chan func()), maxIdle: int32(maxIdle), stop: make(chan struct{})}
}

// Run runs a job in an idle goroutine, or in a new one. After Close only jobs may call it.
func (p *Pool) Run(job func()) {
	select {
	case p.jobs <- job:
	default:
		p.running.Go(func() { p.work(job) })
	}
}

// work runs a job, and others after it until too many goroutines are idle.
func (p *Pool) work(job func()) {
	for {
		job()
		if p.idle.Add(1) > p.maxIdle {
			p.idle.Add(-1)
			return
		}
		select {
		case job = <-p.jobs:
			p.idle.Add(-1)
		case <-p.stop:
			return
		}
	}
}

// Close ends the idle goroutines, and waits for the jobs that run.
func (p *Pool) Close() {
	p.once.Do(func() { close(p.stop) })
	p.running.Wait()
}
