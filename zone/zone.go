// The records of a zone: how they are kept, and how they are found.

package zone

import (
	"encoding/binary"
	"iter"
	"sort"

	"bailiwick/wire"
)

// Zone is a zone with all its records. It is immutable.
//
// The records are in one piece of memory, a node for each name, in the order of [groups]:
//
//	length of the name, the name in lower case, without the zone's, as if it were below the root;
//	number of sets (2 octets), the sets
//
// and for each set, in the order of types:
//
//	type (2), TTL (4), length of the data and of the signatures (each as binary.AppendUvarint has
//	it), the TTL of the signatures (4, if there are any), the data and the signatures as
//	wire.RDataList, each in canonical order
type Zone struct {
	apex    wire.Name
	soa     wire.SOA
	data    []byte
	nodes   []uint32 // offsets in data, in canonical order (RFC 4034, section 6.1)
	groups  groups
	seed    uint64   // of the hashes in the order of which groups are
	nsec    []uint32 // indexes of nodes with an NSEC set
	nsec3   []uint32 // indexes of nodes with an NSEC3 set: in the order of their hashes
	param   nsec3Param
	records int
}

// nsec3Param is how the hashes of a zone's NSEC3 records are made (RFC 5155, section 4).
type nsec3Param struct {
	iterations uint16
	salt       []byte
}

// Apex returns the zone's name.
func (z *Zone) Apex() wire.Name { return z.apex }

// SOA returns the zone's SOA record.
func (z *Zone) SOA() wire.SOA { return z.soa }

// Records returns the number of records.
func (z *Zone) Records() int { return z.records }

// Size returns the memory that the zone takes, in bytes.
func (z *Zone) Size() int {
	return len(z.data) + 4*(cap(z.nodes)+cap(z.nsec)+cap(z.nsec3)) + 8*len(z.groups)
}

// node is a name with its sets.
type node struct {
	z  *Zone
	at int // offset of the number of sets
}

// within returns the name of a node without the zone's, and the offset after it. The name shares
// the zone's memory. Such names have the order of the whole ones.
func (z *Zone) within(i uint32) (wire.Name, int) { return z.nameAt(z.nodes[i]) }

// nameAt is within for the node at an offset.
func (z *Zone) nameAt(offset uint32) (wire.Name, int) {
	at := int(offset)
	end := at + 1 + int(z.data[at])
	return wire.NameOf(stringOf(z.data[at+1 : end])), end
}

// relative returns a name in the zone without the zone's.
func (z *Zone) relative(name wire.Name) wire.Name {
	if z.apex.IsRoot() {
		return name
	}
	own := name.Wire()
	return wire.NameOf(own[:len(own)-z.apex.Len()] + "\x00")
}

// absolute returns the whole name.
func (z *Zone) absolute(name wire.Name) wire.Name {
	own := name.Wire()
	return wire.NameOf(own[:len(own)-1] + z.apex.Wire())
}

// find returns the index of the first node that is not before a name, and whether it has the name.
func (z *Zone) find(name wire.Name) (i int, found bool) {
	if !name.Within(z.apex) {
		return len(z.nodes), false
	}
	name = z.relative(name)
	i = sort.Search(len(z.nodes), func(i int) bool {
		n, _ := z.within(uint32(i))
		return n.Compare(name) >= 0
	})
	if i == len(z.nodes) {
		return i, false
	}
	n, _ := z.within(uint32(i))
	return i, n == name
}

// nodeAt returns a node by its index.
func (z *Zone) nodeAt(i int) node {
	_, at := z.within(uint32(i))
	return node{z, at}
}

// lookup returns the node of a name. exists reports whether the name exists, if only because
// others are below it (RFC 8020, section 2). An NSEC3 record makes no name exist (RFC 5155, section
// 7.2.8).
func (z *Zone) lookup(name wire.Name) (n node, exists bool) {
	i, found := z.find(name)
	if found {
		n = z.nodeAt(i)
		if !n.hidden() {
			return n, true
		}
		n, i = node{}, i+1
	}
	if i == len(z.nodes) {
		return n, false
	}
	for name = z.relative(name); i < len(z.nodes); i++ {
		below, _ := z.within(uint32(i))
		if !below.Within(name) {
			return n, false
		}
		if !z.nodeAt(i).hidden() {
			return n, true
		}
	}
	return n, false
}

// set is a set as it is kept.
type set struct {
	t          wire.Type
	ttl, sigs  uint32 // the TTLs of the data and of the signatures
	data       wire.RDataList
	signatures wire.RDataList
}

// sets yields the sets of a node in the order of their types.
func (n node) sets() iter.Seq[set] {
	return func(yield func(set) bool) {
		if n.z == nil {
			return
		}
		d, at := n.z.data, n.at+2
		for range binary.BigEndian.Uint16(d[n.at:]) {
			var s set
			if s, at = setAt(d, at); !yield(s) {
				return
			}
		}
	}
}

// setAt returns the set at an offset, and where the next one begins.
func setAt(d []byte, at int) (s set, end int) {
	s.t, s.ttl = wire.Type(binary.BigEndian.Uint16(d[at:])), binary.BigEndian.Uint32(d[at+2:])
	at += 2 + 4
	data, n := binary.Uvarint(d[at:])
	at += n
	signatures, n := binary.Uvarint(d[at:])
	if at += n; signatures > 0 {
		s.sigs = binary.BigEndian.Uint32(d[at:])
		at += 4
	}
	middle := at + int(data)
	end = middle + int(signatures)
	s.data, s.signatures = d[at:middle:middle], d[middle:end:end]
	return s, end
}

// hidden reports whether a node has nothing but an NSEC3 record.
func (n node) hidden() bool {
	for s := range n.sets() {
		if s.t != wire.TypeNSEC3 {
			return false
		}
	}
	return true
}

// get returns a copy of a set under a name, nil if there is none. It shares no memory with the
// zone: a cached set must not keep a whole zone.
func (n node) get(owner wire.Name, t wire.Type) *wire.RRset {
	for s := range n.sets() {
		if s.t == t && len(s.data) > 0 {
			return s.copy(owner)
		}
	}
	return nil
}

// has reports whether a node has a set.
func (n node) has(t wire.Type) bool {
	for s := range n.sets() {
		if s.t == t && len(s.data) > 0 {
			return true
		}
	}
	return false
}

// copy returns a set under a name.
func (s *set) copy(owner wire.Name) *wire.RRset {
	room := make([]byte, len(s.data)+len(s.signatures))
	n := copy(room, s.data)
	copy(room[n:], s.signatures)
	return &wire.RRset{Name: owner, Type: s.t, Class: wire.ClassIN, TTL: s.ttl,
		Data: room[:n:n], Sigs: room[n:]}
}

// record is one record of a zone.
type record struct {
	name  wire.Name
	t     wire.Type
	ttl   uint32
	rdata []byte
}

// all yields all records in canonical order, but for the signatures: these follow the set that they
// cover.
func (z *Zone) all() iter.Seq[record] {
	return func(yield func(record) bool) {
		for i := range z.nodes {
			name, at := z.whole(uint32(i))
			for s := range (node{z, at}).sets() {
				for d := range s.data.All() {
					if !yield(record{name, s.t, s.ttl, d}) {
						return
					}
				}
				for d := range s.signatures.All() {
					if !yield(record{name, wire.TypeRRSIG, s.sigs, d}) {
						return
					}
				}
			}
		}
	}
}

// indexes fills in what follows from the records.
func (z *Zone) indexes() {
	for i := range z.nodes {
		n := z.nodeAt(i)
		if n.has(wire.TypeNSEC) {
			z.nsec = append(z.nsec, uint32(i))
		}
		if n.has(wire.TypeNSEC3) {
			if name, _ := z.within(uint32(i)); name.Labels() == 1 {
				z.nsec3 = append(z.nsec3, uint32(i))
			}
		}
	}
	apex, _ := z.lookup(z.apex)
	if p := apex.get(z.apex, wire.TypeNSEC3PARAM); p != nil {
		if d := p.Data.First(); len(d) >= 5 && d[0] == 1 && len(d) == 5+int(d[4]) {
			z.param = nsec3Param{binary.BigEndian.Uint16(d[2:]), d[5:]}
		}
	} else {
		z.nsec3 = nil
	}
}

// covering returns the node with an NSEC set whose span a name is in, or begins.
func (z *Zone) covering(name wire.Name) (owner wire.Name, n node) {
	name = z.relative(name)
	i := sort.Search(len(z.nsec), func(i int) bool {
		n, _ := z.within(z.nsec[i])
		return n.Compare(name) > 0
	})
	if i--; i < 0 {
		i = len(z.nsec) - 1 // the apex comes first, so the name is not in the zone
	}
	if i < 0 {
		return owner, n
	}
	return z.owned(z.nsec[i])
}

// whole returns the whole name of a node, and the offset after it.
func (z *Zone) whole(i uint32) (wire.Name, int) {
	name, at := z.within(i)
	return z.absolute(name), at
}

// owned returns a node with its whole name.
func (z *Zone) owned(i uint32) (wire.Name, node) {
	name, at := z.whole(i)
	return name, node{z, at}
}
