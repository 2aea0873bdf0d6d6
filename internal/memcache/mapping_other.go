//go:build !unix

package memcache

// mapMemory returns n bytes of ordinary memory.
func mapMemory(n int) (mem []byte, unmap func([]byte)) { return make([]byte, n), nil }
