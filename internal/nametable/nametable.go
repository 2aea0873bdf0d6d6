// Package nametable holds very many domain names in little memory, each with a number, and finds
// the deepest of them at or above a name. It is for lists of names that an operator loads at once:
// local data, block lists.
package nametable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"iter"
	"math/bits"

	"bailiwick/wire"
)

// Table maps names to numbers. It is immutable.
//
// The names stand one after the other in one array, and an open hash table has where. So a name
// costs its octets and some twenty bytes, and a look-up touches one place of the hash table for
// each label, and one name for each that is found.
type Table struct {
	entries []byte   // of each name: its number, its length, and its wire form without the root
	slots   []uint64 // the hash's upper half, and the place of an entry plus one; 0: empty
	seed    uint64
	depths  [2]uint64 // which numbers of labels the names have
	n       int
}

// entryHead is what an entry begins with: its number in four bytes, and its length in one.
const entryHead = 5

// maxOctets is how long all names of a table together may be, in bytes with their heads.
const maxOctets = 1 << 31

// errTooLarge is the error of names that do not fit into one table.
var errTooLarge = errors.New("too many names")

// Builder collects names for a table.
type Builder struct {
	entries []byte
	n       int
}

// Add adds a name with a number. Of two equal names the first one counts.
func (b *Builder) Add(name wire.Name, number uint32) error {
	own := name.Wire()
	if len(b.entries)+entryHead+len(own) > maxOctets {
		return errTooLarge
	}
	b.entries = binary.LittleEndian.AppendUint32(b.entries, number)
	b.entries = append(b.entries, byte(len(own)-1))
	b.entries = append(b.entries, own[:len(own)-1]...)
	b.n++
	return nil
}

// Table returns the table of all names that were added. The builder must not be used any more.
func (b *Builder) Table() *Table {
	t := &Table{entries: bytes.Clone(b.entries), seed: maphash.Comparable(maphash.MakeSeed(), 0)}
	if b.n == 0 {
		return t
	}
	t.slots = make([]uint64, 1<<bits.Len(uint(b.n+b.n/2)))
	var path path
	for at := 0; at < len(t.entries); at += entryHead + int(t.entries[at+4]) {
		name := t.entries[at+entryHead:][:t.entries[at+4]]
		labels := path.of(string(name))
		h := t.seed
		for i := labels - 1; i >= 0; i-- {
			h = mix(h, string(name[path[i]:]), int(name[path[i]])+1)
		}
		if t.put(h, at, name) {
			t.depths[labels/64] |= 1 << (labels % 64)
			t.n++
		}
	}
	return t
}

// put enters a name, unless it is there, and reports whether it did.
func (t *Table) put(h uint64, at int, name []byte) bool {
	i, found := t.slot(h, string(name))
	if !found {
		t.slots[i] = h&^0xffffffff | uint64(at+1)
	}
	return !found
}

// slot returns the slot of a name, or the empty one in which it would be.
func (t *Table) slot(h uint64, name string) (i uint64, found bool) {
	mask := uint64(len(t.slots) - 1)
	for i = h & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if s := t.slots[i]; s>>32 == h>>32 && string(t.nameAt(s)) == name {
			return i, true
		}
	}
	return i, false
}

// nameAt returns the name that a slot is of, without the root.
func (t *Table) nameAt(slot uint64) []byte {
	at := int(uint32(slot)) - 1
	return t.entries[at+entryHead:][:t.entries[at+4]]
}

// Len returns how many names there are.
func (t *Table) Len() int { return t.n }

// Size returns how much memory the table takes, in bytes.
func (t *Table) Size() int { return cap(t.entries) + 8*len(t.slots) }

// path is where the labels of a name begin.
type path [wire.MaxLabels]uint8

// of finds the labels of a name in wire form, and returns how many there are, without the root.
func (p *path) of(name string) (labels int) {
	for i := 0; i < len(name) && name[i] != 0; i += int(name[i]) + 1 {
		p[labels] = uint8(i)
		labels++
	}
	return labels
}

// mix returns the hash of a name from that of its parent and its first label, which has n octets
// with that of its length.
func mix(h uint64, label string, n int) uint64 {
	for ; n > 8; n -= 8 {
		h = fold(h ^ uint64(label[0]) | uint64(label[1])<<8 | uint64(label[2])<<16 |
			uint64(label[3])<<24 | uint64(label[4])<<32 | uint64(label[5])<<40 |
			uint64(label[6])<<48 | uint64(label[7])<<56)
		label = label[8:]
	}
	rest := uint64(n) << 56
	for i := range n {
		rest ^= uint64(label[i]) << (8 * (i & 7))
	}
	return fold(h ^ rest)
}

// fold multiplies with an odd constant and folds the product.
func fold(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// Closest returns the deepest name at or above a name, as its number of labels, and its number; ok
// is false if there is none.
func (t *Table) Closest(name wire.Name) (number uint32, labels int, ok bool) {
	if t.n == 0 {
		return 0, 0, false
	}
	var where path
	own := name.Wire()
	depth := where.of(own)
	h := t.seed
	for i := depth; i >= 0; i-- {
		if i < depth {
			h = mix(h, own[where[i]:], int(own[where[i]])+1)
		}
		n := depth - i
		if t.depths[n/64]>>(n%64)&1 == 0 {
			continue
		}
		at := len(own) - 1
		if i < depth {
			at = int(where[i])
		}
		if found, is := t.find(h, own[at:len(own)-1]); is {
			number, labels, ok = found, n, true
		}
	}
	return number, labels, ok
}

// Exact returns the number of a name; ok is false if it is not in the table.
func (t *Table) Exact(name wire.Name) (number uint32, ok bool) {
	number, labels, ok := t.Closest(name)
	return number, ok && labels == name.Labels()
}

// find returns the number of a name whose hash is known.
func (t *Table) find(h uint64, name string) (number uint32, ok bool) {
	i, ok := t.slot(h, name)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint32(t.entries[uint32(t.slots[i])-1:]), true
}

// All returns all names with their numbers, in the order in which they were added. A name that was
// added twice comes once.
func (t *Table) All() iter.Seq2[wire.Name, uint32] {
	return func(yield func(wire.Name, uint32) bool) {
		for at := 0; at < len(t.entries); at += entryHead + int(t.entries[at+4]) {
			own := append(append([]byte(nil), t.entries[at+entryHead:][:t.entries[at+4]]...), 0)
			name, err := wire.NameFromWire(own)
			if err != nil {
				return // Add takes names alone
			}
			number := binary.LittleEndian.Uint32(t.entries[at:])
			if first, ok := t.Exact(name); ok && first == number && !yield(name, number) {
				return
			}
		}
	}
}
