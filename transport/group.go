// Goroutines that are waited for, but not for ever.

package transport

import (
	"sync"
	"time"
)

// group is a sync.WaitGroup that can be waited for with a limit.
type group struct {
	mu   sync.Mutex
	n    int           // guarded by mu
	none chan struct{} // closed when n becomes 0; nil while nobody waits; guarded by mu
}

// Go runs f in a goroutine of its own.
func (g *group) Go(f func()) {
	g.mu.Lock()
	g.n++
	g.mu.Unlock()
	go func() {
		defer g.done()
		f()
	}()
}

func (g *group) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 && g.none != nil {
		close(g.none)
		g.none = nil
	}
}

// ended returns a channel that is closed when no goroutine runs, nil if none does now.
func (g *group) ended() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n > 0 && g.none == nil {
		g.none = make(chan struct{})
	}
	return g.none
}

// Wait waits until no goroutine runs.
func (g *group) Wait() {
	if ended := g.ended(); ended != nil {
		<-ended
	}
}

// waitFor waits until no goroutine runs, but not for longer than d.
func (g *group) waitFor(d time.Duration) {
	ended := g.ended()
	if ended == nil {
		return
	}
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
	}
}
