//go:build unix

// Memory that the collector knows nothing of: it neither looks at it nor lets garbage lie in
// proportion to it.

package memcache

import "golang.org/x/sys/unix"

// mapMemory returns n octets, which take memory as they are written to, and what gives them back.
// Where the system gives none, they are ordinary memory.
func mapMemory(n int) (mem []byte, unmap func([]byte)) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n), nil
	}
	return mem, func(mem []byte) { _ = unix.Munmap(mem) }
}
