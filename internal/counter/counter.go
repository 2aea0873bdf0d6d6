// Package counter counts what many goroutines do at once, without their waiting for each other.
//
// A single counter moves from core to core with every event; at millions of events a second that is
// most of what an answer from memory costs. A [Counter] has cells of their own cache line, and a
// goroutine always takes the same one, chosen by where its stack is. Reading adds the cells up.
package counter

import (
	"sync/atomic"
	"unsafe"
)

// cells is the number of cells of a counter, a power of two: 2 KiB in all. If more goroutines
// count, they share cells.
const cells = 32

// Counter is a number that only grows. The zero value is ready to use.
type Counter struct {
	cells [cells]cell
}

type cell struct {
	n atomic.Uint64
	_ [56]byte // the rest of a cache line
}

// Add adds n.
func (c *Counter) Add(n uint64) { c.cells[place()].n.Add(n) }

// Load returns the sum. Concurrent additions may be in it or not.
func (c *Counter) Load() (sum uint64) {
	for i := range c.cells {
		sum += c.cells[i].n.Load()
	}
	return sum
}

// place returns the cell of the goroutine: the smallest stacks have 2 KiB, so that different stacks
// differ above these bits.
func place() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here)) >> 11 * 0x9E3779B1 >> 16 & (cells - 1)
}
