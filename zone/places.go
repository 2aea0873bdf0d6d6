// Finding names by their hashes.

package zone

import (
	"encoding/binary"
	"math/bits"

	"bailiwick/internal/aside"
	"bailiwick/internal/namehash"
)

// groups say where names are by their hashes: names whose hashes lie side by side are a group, and
// a group lies in one piece of memory. A name and the wildcard below it have the same hash.
//
// A look-up for a name that is not there ends in the group's filter, for almost all of them; all
// groups together are small enough for the processor's cache. One for a name that is there touches
// its group's piece of memory alone. Each is a number: the offset of its first name, and the filter
// above it. The last one is where the names end.
type groups []uint64

// namesOfGroup is how many names a group has on average: two bytes of groups for each.
const namesOfGroup = 4

// home returns the group of a hash.
func (g groups) home(h uint64) uint64 {
	i, _ := bits.Mul64(h, uint64(len(g)-1))
	return i
}

// filter returns the bits that a name sets in its group's filter.
func filter(h uint64) uint64 { return 1<<(32+h&31) | 1<<(32+h>>5&31) }

// arrange puts the names, which lie in canonical order, side by side as groups have them.
func (z *Zone) arrange() {
	z.seed = namehash.Seed()
	z.groups = make(groups, len(z.nodes)/namesOfGroup+2)
	homes := make([]uint32, len(z.nodes))
	ends := make([]uint32, len(z.groups))
	size := func(i int) uint32 {
		if i+1 < len(z.nodes) {
			return z.nodes[i+1] - z.nodes[i]
		}
		return uint32(len(z.data)) - z.nodes[i]
	}
	for i := range z.nodes {
		if i%256 == 0 {
			aside.Yield()
		}
		name, _ := z.within(uint32(i))
		own := name.Wire()
		if name.IsWildcard() {
			own = own[2:]
		}
		h := namehash.Of(z.seed, own)
		home := z.groups.home(h)
		homes[i] = uint32(home)
		z.groups[home] |= filter(h)
		ends[home] += size(i)
	}
	at := uint32(0)
	for g := range z.groups {
		z.groups[g] |= uint64(at)
		ends[g], at = at, at+ends[g]
	}
	data := make([]byte, len(z.data))
	for i, home := range homes {
		if i%256 == 0 {
			aside.Yield()
		}
		n := size(i)
		copy(data[ends[home]:], z.data[z.nodes[i]:][:n])
		homes[i] = ends[home]
		ends[home] += n
	}
	z.data, z.nodes = data, homes
}

// Seed returns what hashes of names without the zone's begin with, see [namehash.Below].
func (z *Zone) Seed() uint64 { return z.seed }

// Place returns the place of a name with a hash, or of the wildcard below it; name is without the
// zone's, in wire form.
func (z *Zone) Place(h uint64, name string, wildcard bool) (place uint32, ok bool) {
	g := z.groups.home(h)
	group, f := z.groups[g], filter(h)
	if group&f != f {
		return 0, false
	}
	at, end := uint32(group), uint32(z.groups[g+1])
	if z.touch(at, end) < 0 {
		return 0, false
	}
	for ; at < end; at = z.after(at) {
		own := z.data[at+1:][:z.data[at]]
		if wildcard {
			if len(own) != len(name)+2 || own[0] != 1 || own[1] != '*' {
				continue
			}
			own = own[2:]
		}
		if string(own) == name {
			return at, true
		}
	}
	return 0, false
}

// touch reads one octet of each line of a piece of memory, so that the processor fetches them at
// the same time: where a node ends is known only when it is there. The sum is not negative, which
// the compiler does not know: it would leave the reading out.
func (z *Zone) touch(at, end uint32) (sum int) {
	const line = 64
	for at += line; at < end; at += line {
		sum += int(z.data[at])
	}
	return sum
}

// after returns where the node at an offset ends.
func (z *Zone) after(offset uint32) uint32 {
	at := int(offset) + 1 + int(z.data[offset])
	sets := binary.BigEndian.Uint16(z.data[at:])
	at += 2
	for range sets {
		_, at = setAt(z.data, at)
	}
	return uint32(at)
}
