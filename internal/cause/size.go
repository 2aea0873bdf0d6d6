package cause

import "unsafe"

// Size returns the memory of a failure in bytes, with that of all failures that led to it.
func (f *Failure) Size() (n int) {
	for ; f != nil; f = f.Under {
		n += int(unsafe.Sizeof(*f)) + len(f.Zone) + len(f.Server) + len(f.Detail) + rounding
	}
	return n
}

// rounding is what the allocator adds to a failure and its strings, in bytes.
const rounding = 40
