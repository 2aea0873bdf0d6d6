// The pace and the limit of the garbage collector, derived from the configured memory.

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Bounds of GOGC: garbage may reach at least half of the live data, and more while the caches are
// small.
const (
	minPercent = 50
	maxPercent = 5000
	maxRoom    = 8 << 20 // bytes of garbage that are allowed for any amount of live data
	minLive    = 4 << 20 // what is live before the first collection has counted it
)

// collector sets the pace of the garbage collector: garbage may reach a quarter of the caches'
// memory, up to maxRoom, before it is collected. With empty caches that would happen every few
// megabytes otherwise, though hundreds are configured. GOGC is set again after each collection,
// until the process ends.
type collector struct {
	room    atomic.Uint64
	percent int
	sample  []metrics.Sample
}

// newCollector returns one, at work. Until it is told how much memory there is, it allows as much
// garbage as for any caches: a start without large lists needs no collection.
func newCollector() *collector {
	c := &collector{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.room.Store(maxRoom)
	c.tune()
	return c
}

// allow changes the memory of the caches, and the limit above which garbage collection becomes more
// frequent. It counts from the next collection on.
func (c *collector) allow(caches int, limit int64) {
	debug.SetMemoryLimit(limit)
	c.room.Store(uint64(min(caches/4, maxRoom)))
}

// gcHook is an object without references: its finalizer runs after every garbage collection.
type gcHook struct{ c *collector }

func (c *collector) tune() {
	metrics.Read(c.sample)
	percent := percentFor(c.room.Load(), c.sample[0].Value.Uint64())
	// setting it stops the world for a moment
	if d := percent - c.percent; d > c.percent/10 || -d > c.percent/10 {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&gcHook{c}, func(s *gcHook) { s.c.tune() })
}

// percentFor returns the GOGC that allows room bytes of garbage with live bytes of data.
func percentFor(room, live uint64) int {
	return int(min(max(room*100/max(live, minLive), minPercent), maxPercent))
}
