// Package nametable holds very many domain names in little memory, each with a number, and finds
// the deepest of them at or above a name. It is for lists of names that an operator loads at once:
// local data, block lists.
package nametable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"unsafe"

	"bailiwick/internal/aside"
	"bailiwick/wire"
)

// Table maps names to numbers. It is immutable.
//
// The names stand one after the other in memory, and an index has where. So a name costs its octets
// and some sixteen bytes, and a look-up touches one place of the index for each label, and one name
// for each that is found.
type Table struct {
	entries entries
	index   index // the places of entries
}

// entries are of each name: its number, its length, and its wire form without the root. They are in
// pieces of memory that stay where they are: no goroutine can be paused while it copies, and one
// array of a million names that grows would keep a garbage collection, and with it all others,
// waiting for its copies.
type entries [][]byte

// pieceBits is the binary logarithm of a piece's size, in bytes.
const pieceBits = 20

// at returns the entry at a place, and what follows it in its piece.
func (e entries) at(place uint32) []byte {
	return e[place>>pieceBits][place&(1<<pieceBits-1):]
}

// all returns the places of all entries, in the order in which they were added.
func (e entries) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, piece := range e {
			for at := 0; at < len(piece); at += entryHead + int(piece[at+4]) {
				if !yield(uint32(i<<pieceBits | at)) {
					return
				}
			}
		}
	}
}

// entryHead is what an entry begins with: its number in four bytes, and its length in one.
const entryHead = 5

// maxOctets is how long all names of a table together may be, in bytes with their heads.
const maxOctets = 1 << 31 // places have 32 bits

// errTooLarge is the error of names that do not fit into one table.
var errTooLarge = errors.New("too many names")

// Builder collects names for a table.
type Builder struct {
	entries entries
	n       int
}

// Add adds a name with a number. Of two equal names the first one counts.
func (b *Builder) Add(name wire.Name, number uint32) error {
	own := name.Wire()
	last := len(b.entries) - 1
	if last < 0 || len(b.entries[last])+entryHead+len(own) > 1<<pieceBits {
		if len(b.entries) == maxOctets>>pieceBits {
			return errTooLarge
		}
		var piece []byte // the first one grows as it has to: most tables are small
		if last >= 0 {
			piece = make([]byte, 0, 1<<pieceBits)
		}
		b.entries = append(b.entries, piece)
		last++
	}
	piece := binary.LittleEndian.AppendUint32(b.entries[last], number)
	piece = append(piece, byte(len(own)-1))
	b.entries[last] = append(piece, own[:len(own)-1]...)
	b.n++
	return nil
}

// Table returns the table of all names that were added. The builder must not be used any more.
func (b *Builder) Table() *Table {
	t := &Table{entries: b.entries}
	if last := len(b.entries) - 1; last >= 0 {
		t.entries[last] = bytes.Clone(b.entries[last]) // without the room that it has grown by
	}
	t.index = newIndex(b.n, t.nameAt)
	steps := uint8(0)
	for place := range t.entries.all() {
		if steps++; steps == 0 {
			aside.Yield()
		}
		t.index.Add(place)
	}
	return t
}

// nameAt returns the name of an entry, without the root.
func (t *Table) nameAt(at uint32) string {
	entry := t.entries.at(at)
	own := entry[entryHead:][:entry[4]]
	return unsafe.String(unsafe.SliceData(own), len(own))
}

// numberAt returns the number of an entry.
func (t *Table) numberAt(at uint32) uint32 { return binary.LittleEndian.Uint32(t.entries.at(at)) }

// Len returns how many names there are.
func (t *Table) Len() int { return t.index.Len() }

// Size returns how much memory the table takes, in bytes.
func (t *Table) Size() int {
	n := t.index.Size()
	for _, piece := range t.entries {
		n += cap(piece)
	}
	return n
}

// Closest returns the deepest name at or above a name, as its number of labels, and its number; ok
// is false if there is none.
func (t *Table) Closest(name wire.Name) (number uint32, labels int, ok bool) {
	at, labels, ok := t.index.Closest(name)
	if !ok {
		return 0, 0, false
	}
	return t.numberAt(at), labels, true
}

// Exact returns the number of a name; ok is false if it is not in the table.
func (t *Table) Exact(name wire.Name) (number uint32, ok bool) {
	at, ok := t.index.Exact(name)
	if !ok {
		return 0, false
	}
	return t.numberAt(at), true
}

// All returns all names with their numbers, in the order in which they were added. A name that was
// added twice comes once.
func (t *Table) All() iter.Seq2[wire.Name, uint32] {
	return func(yield func(wire.Name, uint32) bool) {
		for place := range t.entries.all() {
			own := append([]byte(t.nameAt(place)), 0)
			name, err := wire.NameFromWire(own)
			if err != nil {
				return // Add takes names alone
			}
			number := t.numberAt(place)
			if first, ok := t.Exact(name); ok && first == number && !yield(name, number) {
				return
			}
		}
	}
}
