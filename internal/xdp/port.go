package xdp

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
)

// Spec is what is wanted of an interface.
type Spec struct {
	Interface string
	// Addresses are taken in each of VLANs; 0 stands for packets without a tag.
	Addresses []netip.AddrPort
	VLANs     []uint16
	// Copied has the kernel copy packets even where the driver need not.
	Copied bool
}

// Equal reports whether the same is wanted.
func (s Spec) Equal(o Spec) bool {
	return s.Interface == o.Interface && s.Copied == o.Copied &&
		slices.Equal(s.Addresses, o.Addresses) && slices.Equal(s.VLANs, o.VLANs)
}

// mark returns a short name of what is wanted, for a successor: it can take over a program that
// does the same, and load none itself.
func (s Spec) mark() string {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, s) // it does not fail
	return fmt.Sprintf("%x", h.Sum64())
}

// Counts are what a port has counted.
type Counts struct {
	Received uint64 // frames that the program has moved to a socket
	Passed   uint64 // frames that it has left to the kernel
	Sent     uint64
	Dropped  [verdicts]uint64
	// What the kernel has dropped of what was moved: for want of a frame, and for want of a place
	// in the ring.
	NoFill, Full uint64
}

// Reasons lists the verdicts that frames are dropped by.
func Reasons() (all []Verdict) {
	for v := BadFrame; v < verdicts; v++ {
		all = append(all, v)
	}
	return all
}

// State is what a port is like.
type State struct {
	Mode   string // native or generic, and zero copy or copied
	Queues int
	MTU    int
	// Hides reports whether the device takes VLAN tags off where the program cannot see them, and
	// tags matter.
	Hides bool
}
