// How hard the garbage collector works, from the configured memory.

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"bailiwick/cache"
)

// memoryLimit returns the value for debug.SetMemoryLimit, in bytes: 1.5 times the part of the
// caches that is on the heap, and room for everything else. Near it it works harder. The process
// takes the rest of the caches besides.
func memoryLimit(caches int64) int64 {
	heap := caches - int64(cache.OffHeap(int(caches)))
	return heap + heap/2 + 64<<20
}

// collectorBounds are those of GOGC: half as much garbage as live data is let lie; while the caches
// are small, more.
const (
	minPercent = 50
	maxPercent = 5000
	maxRoom    = 8 << 20 // octets of garbage that are let lie whatever the live data are
)

// tuneGC lets at least a quarter of the caches' memory, up to maxRoom, fill with garbage before a
// collection starts. With empty caches it would run every few megabytes otherwise, though the
// operator has given it hundreds. It looks again after each run, until the process ends.
func tuneGC(caches int64) {
	debug.SetMemoryLimit(memoryLimit(caches))
	t := &collector{room: uint64(min(caches/4, maxRoom)),
		sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	t.tune()
}

type collector struct {
	room    uint64
	percent int
	sample  []metrics.Sample
}

// gcHook is finalised in every garbage collection.
type gcHook struct{ c *collector }

func (c *collector) tune() {
	metrics.Read(c.sample)
	percent := percentFor(c.room, c.sample[0].Value.Uint64())
	// setting it stops the world for a moment
	if d := percent - c.percent; d > c.percent/10 || -d > c.percent/10 {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&gcHook{c}, func(s *gcHook) { s.c.tune() })
}

// percentFor is the GOGC that leaves room for garbage beside so many octets that live.
func percentFor(room, live uint64) int {
	return int(min(max(room*100/max(live, 1<<20), minPercent), maxPercent))
}
