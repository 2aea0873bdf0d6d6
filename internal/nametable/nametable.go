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

	"bailiwick/wire"
)

// Table maps names to numbers. It is immutable.
//
// The names stand one after the other in one array, and an index has where. So a name costs its
// octets and some sixteen bytes, and a look-up touches one place of the index for each label, and
// one name for each that is found.
type Table struct {
	entries []byte // of each name: its number, its length, and its wire form without the root
	index   index  // the places of entries
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
	t := &Table{entries: bytes.Clone(b.entries)}
	t.index = newIndex(b.n, t.nameAt)
	for at := 0; at < len(t.entries); at += entryHead + int(t.entries[at+4]) {
		t.index.Add(uint32(at))
	}
	return t
}

// nameAt returns the name of an entry, without the root.
func (t *Table) nameAt(at uint32) string {
	own := t.entries[at+entryHead:][:t.entries[at+4]]
	return unsafe.String(unsafe.SliceData(own), len(own))
}

// numberAt returns the number of an entry.
func (t *Table) numberAt(at uint32) uint32 { return binary.LittleEndian.Uint32(t.entries[at:]) }

// Len returns how many names there are.
func (t *Table) Len() int { return t.index.Len() }

// Size returns how much memory the table takes, in bytes.
func (t *Table) Size() int { return cap(t.entries) + t.index.Size() }

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
