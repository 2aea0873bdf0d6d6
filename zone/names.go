// The names of a zone by their places, for whoever makes an index of them.

package zone

import (
	"bailiwick/wire"
)

// Names returns how many names of the zone have records.
func (z *Zone) Names() int { return len(z.nodes) }

// NameAt returns the name at a place without the zone's, as if it were below the root. The places
// are in canonical order. The name shares the zone's memory.
func (z *Zone) NameAt(i int) wire.Name {
	name, _ := z.within(uint32(i))
	return name
}

// OwnerAt returns the whole name at a place.
func (z *Zone) OwnerAt(i int) wire.Name {
	name, _ := z.whole(uint32(i))
	return name
}

// AliasAt returns the target of the CNAME record that the name at a place has, in wire form; nil if
// it has none. It shares the zone's memory.
func (z *Zone) AliasAt(i int) []byte {
	for s := range z.nodeAt(i).sets() {
		if s.t == wire.TypeCNAME {
			return s.data.First()
		}
	}
	return nil
}

// TypesAt reports whether any type of the name at a place is one that is wanted.
func (z *Zone) TypesAt(i int, wanted func(wire.Type) bool) bool {
	for s := range z.nodeAt(i).sets() {
		if len(s.data) > 0 && wanted(s.t) {
			return true
		}
	}
	return false
}

// Exists reports whether a name exists, if only because others are below it.
func (z *Zone) Exists(name wire.Name) bool {
	_, exists := z.lookup(name)
	return exists
}

// SetsAt returns the sets of the name at a place that are of a type, of all types for ANY, under
// another name. They share no memory with the zone.
func (z *Zone) SetsAt(i int, t wire.Type, owner wire.Name) (sets []*wire.RRset) {
	for s := range z.nodeAt(i).sets() {
		if len(s.data) > 0 && (s.t == t || t == wire.TypeANY) {
			sets = append(sets, s.copy(owner))
		}
	}
	return sets
}

// SOASet returns the zone's SOA set, with the TTL of its denials (RFC 2308, section 3).
func (z *Zone) SOASet() *wire.RRset {
	apex, _ := z.lookup(z.apex)
	s := apex.get(z.apex, wire.TypeSOA)
	s.TTL = min(s.TTL, z.soa.Minimum)
	return s
}
