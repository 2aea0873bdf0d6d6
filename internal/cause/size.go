package cause

import "unsafe"

// Size is the memory that a failure takes, in octets, with all that it comes from.
func (f *Failure) Size() (n int) {
	for ; f != nil; f = f.Under {
		n += int(unsafe.Sizeof(*f)) + len(f.Zone) + len(f.Server) + len(f.Detail) + rounding
	}
	return n
}

// rounding is what the allocator adds to a failure and its strings, in octets.
const rounding = 40
