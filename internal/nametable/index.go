package nametable

import (
	"math/bits"

	"bailiwick/internal/namehash"
	"bailiwick/wire"
)

// index finds names that are kept elsewhere: each has a reference, from which its wire form can be
// had. It is an open hash table, and is immutable once it is filled.
type index struct {
	slots  []uint64 // the hash's lower half, and a reference plus one; 0: empty
	seed   uint64
	depths [2]uint64 // which numbers of labels the names have
	n      int
	name   func(ref uint32) string // in wire form without the root
}

// newIndex returns an index with room for n names; name returns that of a reference, in wire form
// without the root's octet.
func newIndex(n int, name func(ref uint32) string) index {
	t := index{seed: namehash.Seed(), name: name}
	if n > 0 {
		t.slots = make([]uint64, n+n*4/10+2) // seven tenths full: a search ends after a few slots
	}
	return t
}

// Add enters a reference under its name, unless there is one with the same name; it reports whether
// it did. A reference is below 2^32-1, and there are no more of them than there is room for.
func (t *index) Add(ref uint32) bool {
	var p namehash.Path
	name := t.name(ref)
	labels := p.Of(name)
	h := namehash.Of(t.seed, name)
	i, found := t.slot(h, name)
	if found {
		return false
	}
	t.slots[i] = h<<32 | uint64(ref+1)
	t.depths[labels/64] |= 1 << (labels % 64)
	t.n++
	return true
}

// home returns the slot at which the search for a hash begins.
func (t *index) home(h uint64) uint64 {
	i, _ := bits.Mul64(h, uint64(len(t.slots)))
	return i
}

// slot returns the slot of a name, or the empty one in which it would be.
func (t *index) slot(h uint64, name string) (i uint64, found bool) {
	for i = t.home(h); t.slots[i] != 0; {
		if s := t.slots[i]; s>>32 == h&0xffffffff && t.name(uint32(s)-1) == name {
			return i, true
		}
		if i++; i == uint64(len(t.slots)) {
			i = 0
		}
	}
	return i, false
}

// Len returns how many names there are.
func (t *index) Len() int { return t.n }

// Size returns how much memory the index takes, in bytes.
func (t *index) Size() int { return 8 * len(t.slots) }

// Closest returns the reference of the deepest name at or above a name, and its number of labels;
// ok is false if there is none.
//
// The slots of all names that come into question are read first, and looked at then: they are
// anywhere in memory, and the processor fetches them at the same time.
func (t *index) Closest(name wire.Name) (ref uint32, labels int, ok bool) {
	if t.n == 0 {
		return 0, 0, false
	}
	var p namehash.Path
	own := name.Wire()
	depth := p.Of(own)
	var hashes [maxAhead]uint64
	var depths [maxAhead]uint8
	var first [maxAhead]uint64
	for n, h := 0, t.seed; n <= depth; {
		ahead := 0
		for ; n <= depth && ahead < maxAhead; n++ {
			if n > 0 {
				h = namehash.Below(h, own[p[depth-n]:])
			}
			if t.depths[n/64]>>(n%64)&1 != 0 {
				hashes[ahead], depths[ahead] = h, uint8(n)
				first[ahead] = t.slots[t.home(h)]
				ahead++
			}
		}
		for i := ahead - 1; i >= 0; i-- {
			if first[i] == 0 {
				continue
			}
			d := int(depths[i])
			at := len(own) - 1
			if d > 0 {
				at = int(p[depth-d])
			}
			if slot, found := t.slot(hashes[i], own[at:len(own)-1]); found {
				ref, labels, ok = uint32(t.slots[slot])-1, d, true
				break // the next names are deeper, if there are any
			}
		}
	}
	return ref, labels, ok
}

// maxAhead is how many names are looked up at the same time.
const maxAhead = 8

// Exact returns the reference of a name; ok is false if it is not there.
func (t *index) Exact(name wire.Name) (ref uint32, ok bool) {
	labels := name.Labels()
	if t.n == 0 || t.depths[labels/64]>>(labels%64)&1 == 0 {
		return 0, false
	}
	own := name.Wire()
	i, found := t.slot(namehash.Of(t.seed, own), own[:len(own)-1])
	if !found {
		return 0, false
	}
	return uint32(t.slots[i]) - 1, true
}
