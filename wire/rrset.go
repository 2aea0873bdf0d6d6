// RRsets: the unit that is cached, validated and answered.

package wire

import (
	"bytes"
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
)

// RDataList is the RDATA of a whole set in one piece of memory, each after two octets with its
// length.
type RDataList []byte

// All yields the RDATA in order. They alias the list.
func (l RDataList) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for p := l; len(p) >= 2; {
			n := 2 + int(binary.BigEndian.Uint16(p))
			if !yield(p[2:n:n]) {
				return
			}
			p = p[n:]
		}
	}
}

// Addresses returns the addresses that the RDATA of an A or AAAA set are.
func (l RDataList) Addresses() (addrs []netip.Addr) {
	for d := range l.All() {
		if a, ok := netip.AddrFromSlice(d); ok {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// Head returns the list with no more than the first n RDATA. It aliases the list.
func (l RDataList) Head(n int) RDataList {
	end := 0
	for ; n > 0 && end < len(l); n-- {
		end += 2 + int(binary.BigEndian.Uint16(l[end:]))
	}
	return l[:end:end]
}

// Valid reports whether the list is well formed: RDATA after their lengths, and nothing else.
func (l RDataList) Valid() bool {
	for len(l) >= 2 {
		n := 2 + int(binary.BigEndian.Uint16(l))
		if n > len(l) {
			return false
		}
		l = l[n:]
	}
	return len(l) == 0
}

// Len counts the RDATA.
func (l RDataList) Len() int {
	c := 0
	for p := l; len(p) >= 2; p = p[2+int(binary.BigEndian.Uint16(p)):] {
		c++
	}
	return c
}

// First returns the first RDATA, nil if there is none.
func (l RDataList) First() []byte {
	for d := range l.All() {
		return d
	}
	return nil
}

// Append returns the list with one more RDATA.
func (l RDataList) Append(d []byte) RDataList {
	return append(binary.BigEndian.AppendUint16(l, uint16(len(d))), d...)
}

// Has reports whether d is in the list.
func (l RDataList) Has(d []byte) bool {
	for x := range l.All() {
		if bytes.Equal(x, d) {
			return true
		}
	}
	return false
}

// Equal reports whether both lists hold the same RDATA, in any order.
func (l RDataList) Equal(o RDataList) bool {
	if len(l) != len(o) {
		return false
	}
	if len(l) > maxLinearData {
		return slices.EqualFunc(l.sorted(), o.sorted(), bytes.Equal)
	}
	for d := range l.All() {
		if !o.Has(d) {
			return false
		}
	}
	return true
}

// sorted returns the RDATA in the order of their octets.
func (l RDataList) sorted() [][]byte { return slices.SortedFunc(l.All(), bytes.Compare) }

// Security is the result of validation (RFC 4033, section 5; RFC 4035, section 4.3).
type Security uint8

// The statuses. Unchecked is the zero value, so that data that were never
// validated are not taken for validated.
const (
	Unchecked     Security = iota // not validated yet
	Bogus                         // should verify and does not
	Indeterminate                 // no trust anchor above it
	Insecure                      // proven to be unsigned
	Secure                        // verified from a trust anchor
)

func (s Security) String() string {
	return [...]string{"unchecked", "bogus", "indeterminate", "insecure", "secure"}[s]
}

// Servable reports whether data of this status may be answered without CD.
func (s Security) Servable() bool { return s >= Indeterminate }

// RRset holds all records of one owner, type and class, with their signatures.
type RRset struct {
	Name  Name
	Type  Type
	Class Class
	TTL   uint32    // seconds; the smallest of the records' (RFC 2181, section 5.2)
	Data  RDataList // uncompressed, own letter case
	Sigs  RDataList // RDATA of the RRSIGs that cover the set

	Security Security
	// Until is the second at which the signature ends that a secure set was believed for, as the
	// RRSIG has it (RFC 4034, section 3.1.5); 0 if there is none, or if it does not matter.
	Until uint32
}

// Len counts the records without the signatures.
func (s *RRset) Len() int { return s.Data.Len() }

// WithSecurity returns a copy with a status. It shares the RDATA.
func (s *RRset) WithSecurity(status Security) *RRset {
	c := *s
	c.Security = status
	return &c
}

// EarlierEnd returns the earlier of two ends of signatures, in serial arithmetic (RFC 4034, section
// 3.1.5); 0 means none.
func EarlierEnd(a, b uint32) uint32 {
	if a == 0 || b != 0 && int32(b-a) < 0 {
		return b
	}
	return a
}

// EarliestEnd returns the earliest end of the sets' signatures, and of one more.
func EarliestEnd(until uint32, sets ...*RRset) uint32 {
	for _, s := range sets {
		until = EarlierEnd(until, s.Until)
	}
	return until
}

// Size returns the memory that the set takes, in bytes.
func (s *RRset) Size() int { return len(s.Name.wire) + len(s.Data) + len(s.Sigs) + 104 }

// Message is a parsed message.
type Message struct {
	Header
	Question   Question
	QName      []byte // the question's name as it was written, for comparing 0x20 letter case
	EDNS       EDNS
	Answer     []*RRset
	Authority  []*RRset
	Additional []*RRset // without OPT
}

// Find returns the set of a section with this owner and type, or nil.
func Find(section []*RRset, name Name, t Type) *RRset {
	for _, s := range section {
		if s.Type == t && s.Name == name {
			return s
		}
	}
	return nil
}

// FindType returns the first set of this type, or nil.
func FindType(section []*RRset, t Type) *RRset {
	for _, s := range section {
		if s.Type == t {
			return s
		}
	}
	return nil
}
