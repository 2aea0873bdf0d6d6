// The rings that process and kernel share.

package xdp

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is one side of a ring: the process produces what the kernel consumes, or the other way
// round. Positions count up for ever; the place is their remainder.
type ring[T any] struct {
	memory   []byte
	producer *uint32
	consumer *uint32
	flags    *uint32
	places   []T
}

// needsWakeup is the flag of a ring whose other side sleeps.
const needsWakeup = unix.XDP_RING_NEED_WAKEUP

// mapRing maps a ring of a socket into the process.
func mapRing[T any](fd int, at int64, o unix.XDPRingOffset) (r ring[T], err error) {
	var t T
	size := int(o.Desc) + ringSize*int(unsafe.Sizeof(t))
	r.memory, err = unix.Mmap(fd, at, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return r, os.NewSyscallError("mmap of a ring", err)
	}
	number := func(at uint64) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[at])) }
	r.producer, r.consumer, r.flags = number(o.Producer), number(o.Consumer), number(o.Flags)
	r.places = unsafe.Slice((*T)(unsafe.Pointer(&r.memory[o.Desc])), ringSize)
	return r, nil
}

// place returns the place of a position.
func (r *ring[T]) place(at uint32) *T { return &r.places[at%ringSize] }

// filled returns how many places have something that was not consumed.
func (r *ring[T]) filled() uint32 {
	return atomic.LoadUint32(r.producer) - atomic.LoadUint32(r.consumer)
}

// put produces as many of the list as there is room for, and returns their number.
func (r *ring[T]) put(list []T) int {
	at := atomic.LoadUint32(r.producer)
	list = list[:min(len(list), ringSize-int(at-atomic.LoadUint32(r.consumer)))]
	for i := range list {
		*r.place(at + uint32(i)) = list[i]
	}
	atomic.StoreUint32(r.producer, at+uint32(len(list)))
	return len(list)
}

// take consumes what there is, as far as it fits into the list, and returns its number.
func (r *ring[T]) take(list []T) int {
	at := atomic.LoadUint32(r.consumer)
	list = list[:min(len(list), int(atomic.LoadUint32(r.producer)-at))]
	for i := range list {
		list[i] = *r.place(at + uint32(i))
	}
	atomic.StoreUint32(r.consumer, at+uint32(len(list)))
	return len(list)
}

// sleeps reports whether the other side has to be woken to go on.
func (r *ring[T]) sleeps() bool { return atomic.LoadUint32(r.flags)&needsWakeup != 0 }

func (r *ring[T]) unmap() {
	if r.memory != nil {
		_ = unix.Munmap(r.memory) // an error changes nothing
	}
}
