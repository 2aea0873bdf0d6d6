package main

import (
	"runtime/debug"
	"testing"
)

// Small heaps are given room, large ones half of what they hold.
func TestCollectorPercent(t *testing.T) {
	for _, c := range []struct {
		room, live uint64
		want       int
	}{{64 << 20, 8 << 20, 800}, {64 << 20, 64 << 20, 100}, {64 << 20, 1 << 30, 50},
		{64 << 20, 0, 1600}, {1 << 30, 0, maxPercent}, {maxRoom, 0, 200}, {1 << 20, 2 << 20, 50}} {
		if got := percentFor(c.room, c.live); got != c.want {
			t.Errorf("room %d, live %d: %d, want %d", c.room, c.live, got, c.want)
		}
	}
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	limit := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(limit)
	c := newCollector()
	if got := debug.SetMemoryLimit(-1); got != limit {
		t.Errorf("the limit is %d before it is known", got)
	}
	c.allow(256<<20, 512<<20)
	if got := debug.SetGCPercent(100); got <= minPercent {
		t.Errorf("GOGC is %d for a small heap and 256 MiB of caches", got)
	}
	if got := debug.SetMemoryLimit(-1); got != 512<<20 {
		t.Errorf("the limit is %d", got)
	}
	c.allow(1<<20, 128<<20)
	if got := debug.SetMemoryLimit(-1); got != 128<<20 || c.room.Load() != 1<<18 {
		t.Errorf("the limit is %d, and the room %d", got, c.room.Load())
	}
}
