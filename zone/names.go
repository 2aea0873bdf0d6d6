// The names of a zone by their places, for whoever makes an index of them.

package zone

import (
	"math"

	"bailiwick/wire"
)

// Names returns how many names of the zone have records.
func (z *Zone) Names() int { return len(z.nodes) }

// PlaceAt returns the place of the i-th name in canonical order. Places are further apart than
// MinSpace.
func (z *Zone) PlaceAt(i int) uint32 { return z.nodes[i] }

// MinSpace is less than any name takes with its records.
const MinSpace = 8

// Extent is beyond all places.
func (z *Zone) Extent() int { return len(z.data) }

// NameAt returns the name at a place without the zone's, as if it were below the root. It shares
// the zone's memory.
func (z *Zone) NameAt(place uint32) wire.Name {
	name, _ := z.nameAt(place)
	return name
}

// OwnerAt returns the whole name at a place.
func (z *Zone) OwnerAt(place uint32) wire.Name { return z.absolute(z.NameAt(place)) }

// at returns the node at a place.
func (z *Zone) at(place uint32) node {
	_, at := z.nameAt(place)
	return node{z, at}
}

// AliasAt returns the target of the CNAME record that the name at a place has, in wire form; nil if
// it has none. It shares the zone's memory.
func (z *Zone) AliasAt(place uint32) []byte {
	for s := range z.at(place).sets() {
		if s.t == wire.TypeCNAME {
			return s.data.First()
		}
	}
	return nil
}

// TypesAt reports whether any type of the name at a place is one that is wanted.
func (z *Zone) TypesAt(place uint32, wanted func(wire.Type) bool) bool {
	for s := range z.at(place).sets() {
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
func (z *Zone) SetsAt(place uint32, t wire.Type, owner wire.Name) (sets []*wire.RRset) {
	sets, _ = z.HeadsAt(place, t, owner, math.MaxInt)
	return sets
}

// HeadsAt is SetsAt with no more than so many records of each set, and reports whether some are
// left out.
func (z *Zone) HeadsAt(place uint32, t wire.Type, owner wire.Name, records int) (
	sets []*wire.RRset, cut bool) {
	for s := range z.at(place).sets() {
		if len(s.data) == 0 || s.t != t && t != wire.TypeANY {
			continue
		}
		if head := s.data.Head(records); len(head) < len(s.data) {
			s.data, cut = head, true
		}
		sets = append(sets, s.copy(owner))
	}
	return sets, cut
}

// SOASet returns the zone's SOA set, with the TTL of its denials (RFC 2308, section 3).
func (z *Zone) SOASet() *wire.RRset {
	apex, _ := z.lookup(z.apex)
	s := apex.get(z.apex, wire.TypeSOA)
	s.TTL = min(s.TTL, z.soa.Minimum)
	return s
}
