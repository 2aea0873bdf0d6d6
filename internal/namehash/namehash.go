// Package namehash hashes domain names from the root down: the hash of a name follows from that of
// its parent and its first label, so that one pass over a name has those of all names above it.
package namehash

import (
	"hash/maphash"
	"math/bits"

	"bailiwick/wire"
)

// Seed returns the hash of the root for a table: another one for each, so that nobody can know
// which names have equal hashes.
func Seed() uint64 { return maphash.Comparable(maphash.MakeSeed(), 0) }

// Path is where the labels of a name begin, the first one first.
type Path [wire.MaxLabels]uint8

// Of finds the labels of a name in wire form, and returns how many there are, without the root.
func (p *Path) Of(name string) (labels int) {
	for i := 0; i < len(name) && name[i] != 0; i += int(name[i]) + 1 {
		p[labels] = uint8(i)
		labels++
	}
	return labels
}

// Of returns the hash of a name in wire form, with or without the root's octet.
func Of(seed uint64, name string) uint64 {
	var p Path
	for i := p.Of(name) - 1; i >= 0; i-- {
		seed = Below(seed, name[p[i]:])
	}
	return seed
}

// Below returns the hash of a name from that of its parent; label begins with the name's first
// label in wire form, and what follows does not matter.
func Below(h uint64, label string) uint64 {
	n := int(label[0]) + 1
	for ; n > 8; n -= 8 {
		h = fold(h ^ (uint64(label[0]) | uint64(label[1])<<8 | uint64(label[2])<<16 |
			uint64(label[3])<<24 | uint64(label[4])<<32 | uint64(label[5])<<40 |
			uint64(label[6])<<48 | uint64(label[7])<<56))
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
