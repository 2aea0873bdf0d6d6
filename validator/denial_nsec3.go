// Denial with NSEC3 (RFC 5155, section 8; RFC 9276).

package validator

import (
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"strings"

	"bailiwick/wire"
)

// hashSHA1 is the only hash algorithm (RFC 5155, section 11).
const hashSHA1 = 1

// nsec3Record is a verified NSEC3 record of a zone.
type nsec3Record struct {
	hash   []byte // of the owner
	next   []byte
	optOut bool
	types  wire.TypeBitmap
}

// params are the parameters that the records of a chain share.
type params struct {
	iterations uint16
	salt       string
}

// base32hex is the encoding of hashes in owner names (RFC 5155, section 3.3).
var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// addNSEC3 adds a verified set. Records that cannot be used are left out (RFC 5155, sections 8.1
// and 8.2).
func (d *denial) addNSEC3(s *wire.RRset, maxIterations int) {
	if s.Name.Parent() != d.zone {
		return
	}
	hash, err := base32hex.DecodeString(strings.ToUpper(s.Name.Label()))
	if err != nil || len(hash) != sha1.Size {
		return
	}
	for rd := range s.Data.All() {
		n, err := wire.ParseNSEC3(rd)
		if err != nil || n.Hash != hashSHA1 || n.Flags&^wire.NSEC3FlagOptOut != 0 ||
			len(n.Next) != sha1.Size {
			continue
		}
		if int(n.Iterations) > maxIterations {
			d.high = max(d.high, n.Iterations)
			continue
		}
		if len(d.nsec3) == maxNSEC3Records {
			d.tooMany = true
			continue
		}
		p := params{n.Iterations, string(n.Salt)}
		if len(d.nsec3) > 0 && p != d.hashes.params {
			continue // RFC 5155, section 8.2: one chain at a time
		}
		d.hashes.params = p
		d.nsec3 = append(d.nsec3, nsec3Record{hash, n.Next, n.Flags&wire.NSEC3FlagOptOut != 0,
			n.Types})
	}
}

// hasher computes hashed owner names, each once per response. It charges the budget for those that
// are not remembered from an earlier response.
type hasher struct {
	params
	memory *hashes
	budget *Budget
	known  []hashedName
	over   bool // the budget did not suffice
}

type hashedName struct {
	name wire.Name
	hash [sha1.Size]byte
}

// hash is IH(salt, name, iterations) (RFC 5155, section 5); nil if the budget is spent.
func (h *hasher) hash(name wire.Name) []byte {
	for i := range h.known {
		if h.known[i].name == name {
			return h.known[i].hash[:]
		}
	}
	hash, ok := h.memory.get(hashKey{name, h.params})
	if !ok {
		// A block of SHA-1 takes 64 octets, 9 of them padding.
		first, more := (name.Len()+len(h.salt)+9+63)/64, (sha1.Size+len(h.salt)+9+63)/64
		if !h.budget.hash(int32(first + more*int(h.iterations))) {
			h.over = true
			return nil
		}
		hash = wire.NSEC3Hash(name, h.iterations, []byte(h.salt))
		h.memory.add(hashKey{name, h.params}, hash)
	}
	h.known = append(h.known, hashedName{name, hash})
	return h.known[len(h.known)-1].hash[:]
}

// covers reports whether a hash is in the record's span, between its owner and next.
func (n *nsec3Record) covers(h []byte) bool { return wire.BetweenNSEC3(n.hash, h, n.next) }

// match returns the record whose hash is that of a name, nil if there is none.
func (d *denial) match(name wire.Name) *nsec3Record {
	if h := d.hashes.hash(name); h != nil {
		for i := range d.nsec3 {
			if bytes.Equal(d.nsec3[i].hash, h) {
				return &d.nsec3[i]
			}
		}
	}
	return nil
}

// cover returns the record whose span covers a name, nil if there is none.
func (d *denial) cover(name wire.Name) *nsec3Record {
	if h := d.hashes.hash(name); h != nil {
		for i := range d.nsec3 {
			if d.nsec3[i].covers(h) {
				return &d.nsec3[i]
			}
		}
	}
	return nil
}

// closestEncloser is the proof of RFC 5155, section 8.3: the longest ancestor that a record
// matches, and the record that covers the name one label longer. cover is nil where that is
// missing; ok is false where no ancestor matches.
func (d *denial) closestEncloser(name wire.Name) (encloser wire.Name, cover *nsec3Record, ok bool) {
	next := name
	for a := name.Parent(); a.Within(d.zone); a = a.Parent() {
		if m := d.match(a); m != nil {
			// Section 8.3: not from above a cut or a DNAME.
			if m.types.Has(wire.TypeDNAME) || parentSide(m.types) {
				return a, nil, false
			}
			return a, d.cover(next), true
		}
		if a == d.zone || d.hashes.over {
			break
		}
		next = a
	}
	return wire.Name{}, nil, false
}

// proveNSEC3 returns what the NSEC3 records show.
func (d *denial) proveNSEC3(name wire.Name, t wire.Type) proof {
	p := d.nsec3Proof(name, t)
	if p == proofNone && d.hashes.over {
		return proofOverBudget
	}
	return p
}

func (d *denial) nsec3Proof(name wire.Name, t wire.Type) proof {
	if m := d.match(name); m != nil {
		if len(m.types) == 0 {
			return proofEmpty
		}
		return atName(name, m.types, t)
	}
	encloser, cover, ok := d.closestEncloser(name)
	if !ok || cover == nil {
		return proofNone
	}
	wildcard, fits := encloser.Wildcard()
	if fits {
		if m := d.match(wildcard); m != nil {
			if cover.optOut && t == wire.TypeDS {
				// Section 8.6: the name may be an unsigned delegation, whatever the wildcard has.
				// Its record may be here because it is the one that covers.
				return proofOptOut
			}
			// RFC 5155, section 8.7: no data at the wildcard.
			if hasData(m.types, t) || parentSide(m.types) && t != wire.TypeDS {
				return proofNone
			}
			if cover.optOut { // RFC 5155, section 9.2
				return proofOptOut
			}
			return proofNoData
		}
	}
	if !fits || d.cover(wildcard) != nil {
		if cover.optOut {
			return proofNameOptOut
		}
		return proofNXDomain
	}
	// RFC 5155, section 8.6, and erratum 3441 for empty non-terminals above unsigned delegations.
	if cover.optOut {
		return proofOptOut
	}
	return proofNone
}

// proveExpansionNSEC3 is RFC 5155, section 8.8: the name one label longer than the encloser is
// covered.
func (d *denial) proveExpansionNSEC3(name, encloser wire.Name) proof {
	cover := d.cover(name.Ancestor(encloser.Labels() + 1))
	switch {
	case cover == nil && d.hashes.over:
		return proofOverBudget
	case cover == nil:
		return proofNone
	case cover.optOut:
		return proofNameOptOut
	}
	return proofNXDomain
}
