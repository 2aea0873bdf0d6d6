//go:build unix

// Memory outside of Go's heap: the garbage collector neither scans it nor counts it when it decides
// when to run.

package memcache

import "golang.org/x/sys/unix"

// mapMemory returns n bytes, which occupy memory once they are written to, and the function that
// returns them to the system. If the system refuses, they are ordinary memory and unmap is nil.
func mapMemory(n int) (mem []byte, unmap func([]byte)) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n), nil
	}
	return mem, func(mem []byte) { _ = unix.Munmap(mem) }
}
